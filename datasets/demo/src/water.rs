//! Water: each quarter is a zone that can be solved alone, shut off from its neighbours, with a basin and pumps of its own.

mod customers;
mod demand;
mod hydraulics;
mod sizing;
mod supply;
mod trunk;

pub use customers::{Customer, kind as customer_kind};
pub use demand::{Uses, emit_patterns, of_building};
pub use trunk::{Inlet, crown_under};

use crate::SinkError;
use crate::admin::Character;
use crate::buildings::Buildings;
use crate::emit::{Emitter, Row};
use crate::geodesy::round_to;
use crate::ground::Lattice;
use crate::mains::{Main, Net, WATER_COVER_M, axis, node_row, pipe_row};
use crate::plan::{Plan, along, line_length, part};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::seams::Seams;
use crate::stock::{self, Laid};
use crate::streets::{Edge, EdgeKind, Node, RoadClass, Service};
use demand::PATTERNS;
use sizing::{Design, SERVICE_HEAD_M};
use std::collections::BTreeMap;
use supply::Site;

/// Hydrants stand no further apart than this along a street (the code allows 120 m; junctions take some).
const HYDRANT_SPACING_M: f64 = 112.0;
/// Around the middle of the planted gap no hydrant stands; those who look see buildings beyond 150 m from any.
pub const GAP_RADIUS_M: f64 = 230.0;

#[derive(Debug, Default)]
pub struct Water {
    pub hydrants: Vec<Hydrant>,
    pub mains: Vec<Main>,
    pub source: Option<(String, Plan, f64)>,
    /// Behind the pumps.
    pub source_kpa: f64,
    /// Middle of the planted gap in hydrant coverage.
    pub gap: Option<Plan>,
}

#[derive(Debug)]
pub struct Hydrant {
    pub code: String,
    pub at: Plan,
    pub ground_m: f64,
    pub pressure_kpa: f64,
}

/// The pipe of a street from junction to junction.
#[derive(Debug)]
struct Run {
    edge: Edge,
    kind: EdgeKind,
    line: Vec<Plan>,
    length_m: f64,
    /// Where hydrants branch off: metres from its start, and the ground there.
    tees: Vec<(f64, f64)>,
    diameter_mm: i64,
    laid: Laid,
}

impl Run {
    fn new(quarter: &Quarter, net: &Net, edge: Edge, kind: EdgeKind, gap: Option<Plan>) -> Self {
        let line = net.line(quarter, edge, kind);
        let length_m = line_length(&line);
        let tees = if kind == EdgeKind::Street { hydrant_places(quarter, edge, &line, length_m, gap) } else { vec![] };
        let tees = tees.into_iter().map(|s| (s, quarter.ground().height(along(&line, s).0))).collect();
        let diameter_mm = least_diameter(quarter, edge);
        let laid = stock::laid(quarter, edge, Service::Water, diameter_mm);
        Self { edge, kind, line, length_m, tees, diameter_mm, laid }
    }

    fn resize(&mut self, quarter: &Quarter, diameter_mm: i64) {
        self.diameter_mm = diameter_mm;
        self.laid = stock::laid(quarter, self.edge, Service::Water, diameter_mm);
    }

    fn roughness(&self) -> i64 {
        stock::roughness(&self.laid)
    }

    /// Lost within the run when a hydrant draws: from both ends, or from its later one alone.
    fn fire_loss(&self, lps: f64, s: f64, is_through: bool) -> f64 {
        let rest = self.length_m - s;
        let (flow, way_m) = if is_through { (lps * s / self.length_m, rest) } else { (lps, rest) };
        let bore = libm::pow(self.diameter_mm as f64 / 1000.0, 4.871);
        10.667 * way_m * libm::pow(flow / 1000.0 / self.roughness() as f64, 1.852) / bore
    }
}

pub fn emit(quarter: &Quarter, town: &Buildings, seams: &mut Seams, out: &mut Emitter) -> Result<Water, SinkError> {
    let mut water = Water { gap: quarter.is_middle().then(|| gap_centre(quarter)), ..Water::default() };
    let zone = out.code("GSQ");
    let mut net = Net::new(quarter, Service::Water, &quarter.edges, &mut seams.water, out);
    let mut runs: Vec<Run> = quarter.edges.iter().map(|(edge, kind)| Run::new(quarter, &net, *edge, *kind, water.gap)).collect();
    let site = Site::of(quarter, &net, &runs);
    let draws = demand::share(quarter, &town.water, &net);
    let design = sizing::design(quarter, &net, &mut runs, &draws, &site);
    emit_zone(quarter, town, &zone, design.mean_lps, out)?;
    net.emit_nodes(out, |node, row| {
        let row = row.set("zone", zone.as_str()).measure("required_head_m", SERVICE_HEAD_M, 0);
        match draws.get(&node) {
            Some(draw) => row.measure("demand_lps", draw.lps, 4).set("pattern", PATTERNS[draw.pattern].0),
            None => row,
        }
    })?;
    let mut taps: BTreeMap<Node, String> = BTreeMap::new();
    let mut ends_of: BTreeMap<Edge, (Vec<Plan>, [String; 2])> = BTreeMap::new();
    for (k, run) in runs.iter().enumerate() {
        let street = Street { quarter, net: &net, design: &design, zone: &zone, run, k };
        let pipes = street.emit(&mut water, out)?;
        taps.entry(run.edge.from).or_insert_with(|| pipes[0].clone());
        taps.insert(run.edge.to(), pipes[pipes.len() - 1].clone());
        let ends = [pipes[0].clone(), pipes[pipes.len() - 1].clone()];
        let codes = [ends[0].as_str(), ends[1].as_str()];
        net.valve_ends(quarter, run.edge, run.kind, &run.line, codes, run.diameter_mm, run.laid.year, out)?;
        if run.kind == EdgeKind::Street {
            ends_of.insert(run.edge, (run.line.clone(), ends));
        }
    }
    net.vents(quarter, &ends_of, out)?;
    let join_kpa = kpa(design.head_at(site.node) - net.nodes[&site.node].ground_m);
    water.source_kpa = kpa(design.manifold_head_m() - site.ground_m);
    let supply = supply::emit(quarter, &site, &design, &zone, &net.code(site.node), join_kpa, out)?;
    water.source = supply.works;
    if trunk::is_fed(quarter) {
        seams.inlets.push(Inlet { basin: supply.basin, lps: design.mean_lps });
        if trunk::ends_in(quarter) {
            let works = trunk::emit(quarter, &std::mem::take(&mut seams.inlets), out)?;
            (water.source, water.source_kpa) = (Some(works.0), works.1);
        }
    }
    for customer in &town.customers {
        let around = demand::junctions(quarter, &quarter.blocks[customer.block], &net);
        let near = |node: &Node| net.nodes[node].at.distance(customer.at);
        let Some(node) = around.into_iter().min_by(|a, b| near(a).total_cmp(&near(b))) else { continue };
        customers::emit(quarter, customer, &town.water[customer.block], &zone, &net.code(node), &taps[&node], out)?;
    }
    Ok(water)
}

fn emit_zone(quarter: &Quarter, town: &Buildings, zone: &str, mean_lps: f64, out: &mut Emitter) -> Result<(), SinkError> {
    let row = Row::of("water_zone")
        .set("code", zone)
        .name(&quarter.stem().and("供水分区", "Supply Zone"))
        .set("state", "in_use")
        .set("pressure_zone", true)
        .set("standard_kpa", 280.0)
        // A third of the mean, of which half is asked for.
        .measure("legitimate_night_m3h", mean_lps * 3.6 * 0.17, 1)
        .set("customers", town.customers.len() as i64)
        .set("residents", town.residents.by_part.values().sum::<i64>());
    out.area(row, &[quarter.border()], |p| quarter.ground().height(p))
}

/// One street's pipe, ready to be written.
struct Street<'a> {
    quarter: &'a Quarter<'a>,
    net: &'a Net,
    design: &'a Design,
    zone: &'a str,
    run: &'a Run,
    k: usize,
}

impl Street<'_> {
    /// Writes its pieces and hydrants. Returns the pieces' codes.
    fn emit(&self, water: &mut Water, out: &mut Emitter) -> Result<Vec<String>, SinkError> {
        let (quarter, run) = (self.quarter, self.run);
        let ground = |node: Node| self.net.nodes[&node].ground_m;
        let pressure = |s: f64, ground_m: f64| kpa(self.design.head_along(self.k, s) - ground_m);
        let mut stops = vec![(0.0, self.net.code(run.edge.from), pressure(0.0, ground(run.edge.from)))];
        for (s, ground_m) in &run.tees {
            let code = out.code("JPD");
            let row = node_row("water_node", &code, "junction", *ground_m).set("zone", self.zone);
            out.point(row, along(&run.line, *s).0, ground_m - WATER_COVER_M)?;
            stops.push((*s, code, pressure(*s, *ground_m)));
        }
        let to = run.edge.to();
        stops.push((run.length_m, self.net.code(to), pressure(run.length_m, ground(to))));
        let mut random = Random::of(quarter.frame.seed, "water pipe", run.edge.key(), run.edge.way as i64);
        let mut pieces: Vec<String> = vec![];
        for pair in stops.windows(2) {
            let line = part(&run.line, pair[0].0, pair[1].0);
            let ends = [pair[0].1.as_str(), pair[1].1.as_str()];
            let main = self.pipe(&line, ends, round_to((pair[0].2 + pair[1].2) / 2.0, 1), &mut random, out)?;
            pieces.push(main.code.clone());
            water.mains.push(main);
        }
        for ((s, _), (stop, piece)) in run.tees.iter().zip(stops[1..].iter().zip(&pieces)) {
            water.hydrants.push(self.hydrant(*s, &stop.1, stop.2, piece, out)?);
        }
        Ok(pieces)
    }

    fn pipe(&self, line: &[Plan], ends: [&str; 2], pressure_kpa: f64, random: &mut Random, out: &mut Emitter) -> Result<Main, SinkError> {
        let (quarter, Run { diameter_mm, laid, kind, .. }) = (self.quarter, self.run);
        let code = out.code("JP");
        let length_m = line_length(line);
        let middle = along(line, length_m / 2.0).0;
        let breaks = stock::breaks(random, laid, Service::Water, length_m);
        let row = self.of_zone(pipe_row("water_pipe", &code, *diameter_mm, laid, WATER_COVER_M, length_m, breaks, ends), pressure_kpa);
        out.line(row, &axis(quarter, line, *kind, WATER_COVER_M, *diameter_mm))?;
        let ground_m = quarter.ground().height(middle);
        Ok(Main { code, middle, ground_m, diameter_mm: *diameter_mm, pressure_kpa, breaks, length_m })
    }

    fn of_zone(&self, row: Row, pressure_kpa: f64) -> Row {
        row.set("pressure_kpa", pressure_kpa)
            .set("kind", "distribution")
            .set("roughness", self.run.roughness() as f64)
            .set("zone", self.zone)
    }

    fn hydrant(&self, s: f64, tee_code: &str, tee_kpa: f64, main: &str, out: &mut Emitter) -> Result<Hydrant, SinkError> {
        let (quarter, Run { edge, line, laid, .. }) = (self.quarter, self.run);
        let (tee, ahead) = along(line, s);
        let at = hydrant_at(quarter, *edge, (tee, ahead));
        let ground_m = quarter.ground().height(at);
        let (code, branch) = (out.code("XHS"), out.code("JP"));
        let pressure_kpa = kpa(self.design.head_along(self.k, s) - ground_m);
        let diameter_mm = self.run.diameter_mm.min(150);
        // The branch leaves the main at its axis and stays level, so that crown and bottom of the two overlap.
        let z = quarter.ground().height(tee) - WATER_COVER_M - self.run.diameter_mm as f64 / 2000.0;
        let ends = [tee_code, code.as_str()];
        let row = pipe_row("water_pipe", &branch, diameter_mm, laid, WATER_COVER_M, tee.distance(at), 0, ends);
        out.line(self.of_zone(row, round_to((tee_kpa + pressure_kpa) / 2.0, 1)), &[(tee, z), (at, z)])?;
        let row = Row::of("hydrant")
            .set("code", code.as_str())
            .set("name", format!("{}消火栓 {}", quarter.name(*edge).zh, &code[4..]))
            .set("state", "in_use")
            .set("built_year", laid.year.max(1985))
            .set("diameter_mm", diameter_mm)
            .set("kind", "ground")
            .set("pressure_kpa", pressure_kpa)
            .set("pipe", main);
        out.point(row, at, ground_m)?;
        Ok(Hydrant { code, at, ground_m, pressure_kpa })
    }
}

fn kpa(head_m: f64) -> f64 {
    round_to(head_m * 9.81, 1)
}

/// Even places along an edge, none of them inside the planted gap.
fn hydrant_places(quarter: &Quarter, edge: Edge, line: &[Plan], length: f64, gap: Option<Plan>) -> Vec<f64> {
    let n = libm::ceil(length / HYDRANT_SPACING_M) as u32;
    let places = (0..n).map(|k| (f64::from(k) + 0.5) / f64::from(n) * length);
    places.filter(|s| gap.is_none_or(|centre| hydrant_at(quarter, edge, along(line, *s)).distance(centre) > GAP_RADIUS_M)).collect()
}

fn hydrant_at(quarter: &Quarter, edge: Edge, (tee, ahead): (Plan, Plan)) -> Plan {
    let class = quarter.class(edge);
    tee + ahead.left() * (class.hydrant_offset_m() - class.offset_m(Service::Water))
}

/// In the north-west, where the houses stand close.
fn gap_centre(quarter: &Quarter) -> Plan {
    let (west, north) = (quarter.column(quarter.i0).at, quarter.row(quarter.j1).at);
    quarter.ground().plan(Lattice::new(west + 310.0, north - 270.0))
}

/// What a street of its class gets, whatever flows: `sizing` makes it larger where it must.
fn least_diameter(quarter: &Quarter, edge: Edge) -> i64 {
    match quarter.class(edge) {
        RoadClass::Arterial | RoadClass::Expressway => 300,
        RoadClass::Secondary => 200,
        RoadClass::Branch if quarter.character(quarter.part(quarter.on_edge(edge, 0.5))) == Character::OldTown => 100,
        RoadClass::Branch => 150,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;
    use crate::frame::Frame;
    use std::collections::BTreeSet;

    /// Shut off from its neighbours, a quarter's own junctions still hang together, hills or not.
    #[test]
    fn every_quarter_can_be_fed_from_one_place() {
        let mut quarters = 0;
        for (seed, size) in (0..10).map(|seed| (seed, Size::City)).chain([(1, Size::Metropolis), (20_261_121, Size::Metropolis)]) {
            let frame = Frame::new(seed, size.extent(), size.rings());
            for (a, b) in (0..frame.extent.across).flat_map(|a| (0..frame.extent.strips).map(move |b| (a, b))) {
                quarters += 1;
                let quarter = Quarter::new(&frame, a, b);
                let mut near: BTreeMap<Node, Vec<Node>> = BTreeMap::new();
                for (edge, _) in &quarter.edges {
                    let [from, to] = edge.ends();
                    for (node, other) in [(from, to), (to, from)] {
                        if quarter.owns(node) {
                            near.entry(node).or_default().extend(quarter.owns(other).then_some(other));
                        }
                    }
                }
                let start = *near.keys().next().unwrap();
                let (mut reached, mut queue) = (BTreeSet::from([start]), vec![start]);
                while let Some(at) = queue.pop() {
                    queue.extend(near[&at].iter().copied().filter(|next| reached.insert(*next)));
                }
                assert_eq!(reached.len(), near.len(), "seed {seed}, {a} {b}");
            }
        }
        assert!(quarters > 2000, "{quarters}");
    }
}
