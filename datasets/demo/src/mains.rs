//! Pressure pipes: the looped water network with its hydrants, and the gas network.

use crate::SinkError;
use crate::admin::Character;
use crate::emit::{Emitter, Row, below_ground};
use crate::geodesy::round_to;
use crate::ground::Lattice;
use crate::names::Name;
use crate::plan::{Plan, along, line_length, part};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::seams::Seams;
use crate::stock::{self, Laid};
use crate::streets::{Edge, EdgeKind, Node, RoadClass, Service};
use std::collections::{BTreeMap, BTreeSet};

/// Depth of a pipe's top below the ground. Gas above water above drains, so that crossings keep their distances
/// (GB 50289-2016 table 4.1.14).
pub const WATER_COVER_M: f64 = 1.35;
pub const GAS_COVER_M: f64 = 0.90;
/// Below the bed of a river that boats may use (GB 50289-2016 §4.1.8).
const BED_COVER_M: f64 = 2.2;
/// Hydrants stand no further apart than this along a street (the code allows 120 m; junctions take some).
const HYDRANT_SPACING_M: f64 = 112.0;
/// Around the middle of the planted gap no hydrant stands; those who look see buildings beyond 150 m from any.
pub const GAP_RADIUS_M: f64 = 230.0;
/// From a junction to the valve on a pipe that leaves it.
const VALVE_DISTANCE_M: f64 = 2.5;
/// Where the water comes into a quarter, and how high above the banks there it would stand.
const SUPPLY_M: f64 = 38.0;
/// Head lost on the way, m per m.
const HEAD_LOSS: f64 = 0.0035;

#[derive(Debug, Default)]
pub struct Water {
    pub hydrants: Vec<Hydrant>,
    pub mains: Vec<Main>,
    pub source: Option<(String, Plan, f64)>,
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

#[derive(Debug)]
pub struct Valve {
    pub code: String,
    pub at: Plan,
    pub ground_m: f64,
}

/// A pipe that a gauge may sit on.
#[derive(Debug)]
pub struct Main {
    pub code: String,
    pub middle: Plan,
    /// Of the ground above its middle: a gauge's box stands there.
    pub ground_m: f64,
    pub diameter_mm: i64,
    pub pressure_kpa: f64,
    pub breaks: i64,
    pub length_m: f64,
}

/// Each quarter is a zone of its own: it is fed along the north bank from the west, and the other mains that cross its
/// borders are shut.
pub fn emit_water(quarter: &Quarter, seams: &mut Seams, out: &mut Emitter) -> Result<Water, SinkError> {
    let edges: Vec<(Edge, EdgeKind)> = quarter.edges.clone();
    let mut water = Water { gap: quarter.is_middle().then(|| gap_centre(quarter)), ..Water::default() };
    let mut net = Net::new(quarter, Service::Water, &edges, &mut seams.water, out)?;
    let feed = Feed::of(quarter);
    for (edge, kind) in &edges {
        let diameter_mm = water_diameter(quarter, *edge);
        let laid = stock::laid(quarter, *edge, Service::Water, diameter_mm);
        let mut random = Random::of(quarter.frame.seed, "water pipe", edge.key(), edge.way as i64);
        let line = net.line(quarter, *edge, *kind);
        let length = line_length(&line);
        let tees = if *kind == EdgeKind::Street { hydrant_places(quarter, *edge, &line, length, water.gap) } else { vec![] };
        let mut stops: Vec<(f64, String)> = vec![(0.0, net.code(edge.from))];
        for s in &tees {
            let code = out.code("JPD");
            let at = along(&line, *s).0;
            let ground_m = quarter.ground().height(at);
            out.point(node_row("water_node", &code, "junction", ground_m), at, ground_m - WATER_COVER_M)?;
            stops.push((*s, code));
        }
        stops.push((length, net.code(edge.to())));
        let mut pieces = vec![];
        for pair in stops.windows(2) {
            let piece = part(&line, pair[0].0, pair[1].0);
            let main = water_pipe(quarter, &piece, diameter_mm, laid, feed, *kind, &mut random, [&pair[0].1, &pair[1].1], out)?;
            pieces.push(main);
        }
        for ((s, tee), piece) in tees.iter().zip(stops.iter().skip(1).map(|(_, code)| code)).zip(&pieces) {
            let (at, ahead) = along(&line, *s);
            let hydrant = hydrant(quarter, *edge, at, ahead, tee, diameter_mm, laid, feed, &piece.code, out)?;
            water.hydrants.push(hydrant);
        }
        net.valve_ends(quarter, *edge, *kind, &line, [&pieces[0].code, &pieces[pieces.len() - 1].code], diameter_mm, laid.year, out)?;
        water.mains.extend(pieces);
    }
    if quarter.a == 0 {
        water.source = Some(water_works(quarter, &net, feed, out)?);
    }
    Ok(water)
}

/// Where a quarter's water comes in, and how high it would stand there.
#[derive(Clone, Copy, Debug)]
struct Feed {
    at: Plan,
    head_m: f64,
}

impl Feed {
    fn of(quarter: &Quarter) -> Self {
        let node = quarter.entry();
        let head_m = quarter.ground().bank(quarter.b, quarter.column(node.i).at) + SUPPLY_M;
        Self { at: quarter.service_node(node, Service::Water), head_m }
    }
}

#[derive(Debug, Default)]
pub struct Gas {
    pub mains: Vec<Main>,
    pub valves: Vec<Valve>,
    pub regulator: Option<(String, Plan, f64)>,
}

pub fn emit_gas(quarter: &Quarter, seams: &mut Seams, out: &mut Emitter) -> Result<Gas, SinkError> {
    let edges = gas_edges(quarter);
    let mut gas = Gas::default();
    let mut net = Net::new(quarter, Service::Gas, &edges, &mut seams.gas, out)?;
    for (edge, kind) in &edges {
        let diameter_mm = gas_diameter(quarter.class(*edge));
        let laid = stock::laid(quarter, *edge, Service::Gas, diameter_mm);
        let mut random = Random::of(quarter.frame.seed, "gas pipe", edge.key(), edge.way as i64);
        let line = net.line(quarter, *edge, *kind);
        let ends = [net.code(edge.from), net.code(edge.to())];
        let code = out.code("TR");
        let main = gas_pipe(quarter, &code, &line, *kind, diameter_mm, laid, &mut random, &ends, out)?;
        net.valve_ends(quarter, *edge, *kind, &line, [&code, &code], diameter_mm, laid.year, out)?;
        gas.mains.push(main);
    }
    gas.valves = std::mem::take(&mut net.valves);
    // One gate station for three quarters of the northern edge.
    if quarter.is_north_edge() && quarter.a % 3 == quarter.frame.extent.middle().0 % 3 {
        gas.regulator = Some(gate_station(quarter, &net, out)?);
    }
    Ok(gas)
}

/// The nodes of a network and which valves it needs.
struct Net {
    service: Service,
    nodes: BTreeMap<Node, (String, Plan)>,
    /// Ends of edges that carry a valve: all but one at a junction, so that any pipe can be shut off.
    valved: BTreeSet<(Edge, Node)>,
    valves: Vec<Valve>,
}

impl Net {
    /// `known`: nodes of the quarters before; those of this one are added.
    fn new(
        quarter: &Quarter,
        service: Service,
        edges: &[(Edge, EdgeKind)],
        known: &mut BTreeMap<Node, String>,
        out: &mut Emitter,
    ) -> Result<Self, SinkError> {
        let mut at_node: BTreeMap<Node, Vec<Edge>> = BTreeMap::new();
        for (edge, _) in edges {
            edge.ends().into_iter().for_each(|node| at_node.entry(node).or_default().push(*edge));
        }
        let (class, prefix, cover_m) = match service {
            Service::Water => ("water_node", "JPD", WATER_COVER_M),
            _ => ("gas_node", "TRD", GAS_COVER_M),
        };
        let mut net = Self { service, nodes: BTreeMap::new(), valved: BTreeSet::new(), valves: vec![] };
        for (node, edges) in at_node {
            let at = quarter.service_node(node, service);
            if !quarter.owns(node) {
                let code = known.get(&node).expect("the quarters before laid a node here").clone();
                net.nodes.insert(node, (code, at));
                // What joins the neighbour's network can be shut off from it.
                net.valved.extend(edges.iter().map(|edge| (*edge, node)));
                continue;
            }
            let ground_m = quarter.ground().height(at);
            let kind = match edges.len() + quarter.edges_to_come(node) {
                1 => "end",
                2 => "bend",
                _ => "junction",
            };
            let code = out.code(prefix);
            out.point(node_row(class, &code, kind, ground_m), at, ground_m - cover_m)?;
            known.insert(node, code.clone());
            net.nodes.insert(node, (code, at));
            if edges.len() > 2 {
                let mut random = Random::of(quarter.frame.seed, "valves", node.i as i64, node.j as i64);
                let without = random.below(edges.len());
                net.valved.extend(edges.iter().enumerate().filter(|(k, _)| *k != without).map(|(_, edge)| (*edge, node)));
            }
        }
        Ok(net)
    }

    fn code(&self, node: Node) -> String {
        self.nodes[&node].0.clone()
    }

    /// Under a street beside its middle; under the river beside the bridge, clear of its piers.
    fn line(&self, quarter: &Quarter, edge: Edge, kind: EdgeKind) -> Vec<Plan> {
        if kind == EdgeKind::Street {
            return quarter.service_line(edge, self.service);
        }
        let aside = quarter.class(edge).carriageway_m() / 2.0 + 8.0;
        let offset = if quarter.class(edge).offset_m(self.service) < 0.0 { -aside } else { aside };
        let [from, to] = edge.ends().map(|node| self.nodes[&node].1);
        densified(&quarter.offset_line(edge, offset, from, to, 5.0), 5.0)
    }

    #[expect(clippy::too_many_arguments, reason = "a pipe's two ends and what it is made of")]
    fn valve_ends(
        &mut self,
        quarter: &Quarter,
        edge: Edge,
        kind: EdgeKind,
        line: &[Plan],
        pipes: [&str; 2],
        diameter_mm: i64,
        year: i64,
        out: &mut Emitter,
    ) -> Result<(), SinkError> {
        let (class, prefix) = match self.service {
            Service::Water => ("water_valve", "JPF"),
            _ => ("gas_valve", "TRF"),
        };
        let length = line_length(line);
        for (node, s, pipe) in [(edge.from, VALVE_DISTANCE_M, pipes[0]), (edge.to(), length - VALVE_DISTANCE_M, pipes[1])] {
            if !self.valved.contains(&(edge, node)) && kind != EdgeKind::Bridge {
                continue;
            }
            let at = along(line, s).0;
            let code = out.code(prefix);
            let mut random = Random::of(quarter.frame.seed, "valve", edge.key(), i64::from(node == edge.from) + 2 * edge.way as i64);
            let is_shut = self.service == Service::Water && !quarter.owns(node) && node != quarter.entry();
            let valve_kind = match (self.service, diameter_mm) {
                (Service::Gas, _) => "ball",
                (_, 300..) => "butterfly",
                _ => "gate",
            };
            let row = Row::of(class)
                .set("code", code.as_str())
                .set("state", "in_use")
                .set("built_year", year)
                .set("diameter_mm", diameter_mm)
                .set("kind", valve_kind)
                .set("position", if is_shut { "closed" } else { "open" })
                .set("operable", if year < 1985 && random.chance(0.08) { "stiff" } else { "ok" })
                .set("pipe", pipe)
                .set("node", self.code(node));
            let row = if is_shut { row.set("normally_closed", true) } else { row };
            // What a crew sees of it, the lid of its box, lies in the street.
            let ground_m = quarter.ground().height(at);
            out.point(row, at, ground_m)?;
            self.valves.push(Valve { code, at, ground_m });
        }
        Ok(())
    }
}

fn node_row(class: &str, code: &str, kind: &str, ground_m: f64) -> Row {
    Row::of(class).set("code", code).set("state", "in_use").set("kind", kind).measure("ground_m", ground_m, 3)
}

fn water_diameter(quarter: &Quarter, edge: Edge) -> i64 {
    match quarter.class(edge) {
        RoadClass::Arterial | RoadClass::Expressway => 300,
        RoadClass::Secondary => 200,
        RoadClass::Branch if quarter.character(quarter.part(quarter.on_edge(edge, 0.5))) == Character::OldTown => 100,
        RoadClass::Branch => 150,
    }
}

fn gas_diameter(class: RoadClass) -> i64 {
    match class {
        RoadClass::Arterial | RoadClass::Expressway => 250,
        RoadClass::Secondary => 200,
        RoadClass::Branch => 110,
    }
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

fn pressure_kpa(ground_m: f64, at: Plan, feed: Feed) -> f64 {
    let head = feed.head_m - HEAD_LOSS * at.distance(feed.at) - ground_m;
    round_to(head * 9.81, 0)
}

#[expect(clippy::too_many_arguments, reason = "a pipe is where it lies, what it is made of and what it joins")]
fn water_pipe(
    quarter: &Quarter,
    line: &[Plan],
    diameter_mm: i64,
    laid: Laid,
    feed: Feed,
    kind: EdgeKind,
    random: &mut Random,
    ends: [&str; 2],
    out: &mut Emitter,
) -> Result<Main, SinkError> {
    let code = out.code("JP");
    let axis = axis(quarter, line, kind, WATER_COVER_M, diameter_mm);
    let length_m = line_length(line);
    let (middle, _) = along(line, length_m / 2.0);
    let pressure_kpa = pressure_kpa(quarter.ground().height(middle), middle, feed);
    let breaks = stock::breaks(random, &laid, Service::Water, length_m);
    let row = pipe_row("water_pipe", &code, diameter_mm, &laid, WATER_COVER_M, length_m, breaks, ends).set("pressure_kpa", pressure_kpa);
    out.line(row, &axis)?;
    let ground_m = quarter.ground().height(middle);
    Ok(Main { code, middle, ground_m, diameter_mm, pressure_kpa, breaks, length_m })
}

#[expect(clippy::too_many_arguments, reason = "a pipe is where it lies, what it is made of and what it joins")]
fn gas_pipe(
    quarter: &Quarter,
    code: &str,
    line: &[Plan],
    kind: EdgeKind,
    diameter_mm: i64,
    laid: Laid,
    random: &mut Random,
    ends: &[String; 2],
    out: &mut Emitter,
) -> Result<Main, SinkError> {
    let axis = axis(quarter, line, kind, GAS_COVER_M, diameter_mm);
    let length_m = line_length(line);
    let (middle, _) = along(line, length_m / 2.0);
    let breaks = stock::breaks(random, &laid, Service::Gas, length_m);
    let row = pipe_row("gas_pipe", code, diameter_mm, &laid, GAS_COVER_M, length_m, breaks, [&ends[0], &ends[1]])
        .set("pressure_level", "medium_b");
    out.line(row, &axis)?;
    let ground_m = quarter.ground().height(middle);
    Ok(Main { code: code.to_owned(), middle, ground_m, diameter_mm, pressure_kpa: 180.0, breaks, length_m })
}

/// What every pipe says of itself.
#[expect(clippy::too_many_arguments, reason = "the attributes that all pipes share")]
pub fn pipe_row(class: &str, code: &str, diameter_mm: i64, laid: &Laid, cover_m: f64, length_m: f64, breaks: i64, ends: [&str; 2]) -> Row {
    Row::of(class)
        .set("code", code)
        .set("state", "in_use")
        .set("built_year", laid.year)
        .set("material", laid.material)
        .set("diameter_mm", diameter_mm)
        .measure("cover_m", cover_m, 2)
        .set("soil", laid.soil)
        .set("breaks", breaks)
        .measure("length_m", length_m, 2)
        .set("from_node", ends[0])
        .set("to_node", ends[1])
}

/// Heights of a pipe's axis. Under the river it goes down with the bed; it is deep enough where the bank begins, and
/// still at its usual depth where it crosses the pipes of the road along the bank.
fn axis(quarter: &Quarter, line: &[Plan], kind: EdgeKind, cover_m: f64, diameter_mm: i64) -> Vec<(Plan, f64)> {
    let radius_m = diameter_mm as f64 / 2000.0;
    if kind == EdgeKind::Street {
        return below_ground(quarter.ground(), line, cover_m + radius_m);
    }
    let water = quarter.water();
    let deepened = |p: &Plan| {
        let off = (quarter.ground().lattice(*p).v - water.v).abs();
        let share = ((water.bank_half_m() + 12.0 - off) / 8.0).clamp(0.0, 1.0);
        cover_m + (BED_COVER_M - cover_m) * share
    };
    line.iter().map(|p| (*p, quarter.ground().height(*p) - deepened(p) - radius_m)).collect()
}

fn densified(line: &[Plan], step_m: f64) -> Vec<Plan> {
    let mut out = vec![line[0]];
    for pair in line.windows(2) {
        let steps = libm::ceil(pair[0].distance(pair[1]) / step_m) as u32;
        out.extend((1..=steps).map(|k| pair[0].toward(pair[1], f64::from(k) / f64::from(steps))));
    }
    out
}

#[expect(clippy::too_many_arguments, reason = "a hydrant is its place, its branch and what feeds it")]
fn hydrant(
    quarter: &Quarter,
    edge: Edge,
    tee: Plan,
    ahead: Plan,
    tee_code: &str,
    main_mm: i64,
    laid: Laid,
    feed: Feed,
    main: &str,
    out: &mut Emitter,
) -> Result<Hydrant, SinkError> {
    let at = hydrant_at(quarter, edge, (tee, ahead));
    let ground_m = quarter.ground().height(at);
    let (code, branch) = (out.code("XHS"), out.code("JP"));
    let pressure_kpa = pressure_kpa(ground_m, at, feed);
    let diameter_mm = main_mm.min(150);
    // The branch leaves the main at its axis and stays level, so that crown and bottom of the two overlap.
    let z = quarter.ground().height(tee) - WATER_COVER_M - main_mm as f64 / 2000.0;
    let ends = [tee_code, code.as_str()];
    let pipe =
        pipe_row("water_pipe", &branch, diameter_mm, &laid, WATER_COVER_M, tee.distance(at), 0, ends).set("pressure_kpa", pressure_kpa);
    out.line(pipe, &[(tee, z), (at, z)])?;
    let row = Row::of("hydrant")
        .set("code", code.as_str())
        .set("name", format!("{}消火栓 {}", quarter.name(edge).zh, &code[4..]))
        .set("state", "in_use")
        .set("built_year", laid.year.max(1985))
        .set("diameter_mm", diameter_mm)
        .set("kind", "ground")
        .set("pressure_kpa", pressure_kpa)
        .set("pipe", main);
    out.point(row, at, ground_m)?;
    Ok(Hydrant { code, at, ground_m, pressure_kpa })
}

/// Upstream of the city, with the main that feeds the strip.
fn water_works(quarter: &Quarter, net: &Net, feed: Feed, out: &mut Emitter) -> Result<(String, Plan, f64), SinkError> {
    let (node_code, node_at) = &net.nodes[&quarter.entry()];
    let node = quarter.ground().lattice(*node_at);
    let works = quarter.ground().plan(Lattice::new(node.u - 95.0, node.v + 2.0));
    let code = out.code("SC");
    let ground_m = quarter.ground().height(works);
    let is_first = quarter.b == quarter.frame.extent.middle().1;
    let name =
        if is_first { ("示范市自来水厂", "Shifan Water Works").into() } else { quarter.stem().and("自来水厂", "Water Works") };
    let row = Row::of("water_source")
        .set("code", code.as_str())
        .name(&name)
        .set("state", "in_use")
        .set("built_year", 1992_i64)
        .set("kind", "works")
        .measure("head_m", feed.head_m, 2);
    out.point(row, works, ground_m)?;
    let laid = Laid { year: 1992, material: "ductile_iron", soil: "high", character: Character::Houses };
    let line: Vec<Plan> = (0..=4).map(|k| works.toward(*node_at, f64::from(k) / 4.0)).collect();
    let pipe = out.code("JP");
    let length_m = line_length(&line);
    let row = pipe_row("water_pipe", &pipe, 400, &laid, WATER_COVER_M, length_m, 0, [&code, node_code])
        .set("pressure_kpa", pressure_kpa(ground_m, works, Feed { at: works, ..feed }));
    out.line(row, &axis(quarter, &line, EdgeKind::Street, WATER_COVER_M, 400))?;
    Ok((code, works, ground_m))
}

/// Where the high-pressure main reaches the city and the network's pressure is made.
fn gate_station(quarter: &Quarter, net: &Net, out: &mut Emitter) -> Result<(String, Plan, f64), SinkError> {
    let entry = Node { i: quarter.main_column, j: quarter.j1 };
    let (node_code, node_at) = &net.nodes[&entry];
    let node = quarter.ground().lattice(*node_at);
    let station = quarter.ground().plan(Lattice::new(node.u - 30.0, node.v + 60.0));
    let code = out.code("TY");
    let ground_m = quarter.ground().height(station);
    let is_first = quarter.a == quarter.frame.extent.middle().0;
    let stem: Name = if is_first { ("城北", "Chengbei").into() } else { quarter.stem() };
    let row = Row::of("gas_regulator")
        .set("code", code.as_str())
        .name(&stem.and("天然气门站", "Gas Gate Station"))
        .set("state", "in_use")
        .set("built_year", 2003_i64)
        .set("inlet_level", "sub_high_b")
        .set("outlet_level", "medium_b");
    out.point(row, station, ground_m)?;
    let laid = Laid { year: 2003, material: "steel", soil: "medium", character: Character::Estates };
    let line: Vec<Plan> = (0..=3).map(|k| station.toward(*node_at, f64::from(k) / 3.0)).collect();
    let pipe = out.code("TR");
    let row =
        pipe_row("gas_pipe", &pipe, 250, &laid, GAS_COVER_M, line_length(&line), 0, [&code, node_code]).set("pressure_level", "medium_b");
    out.line(row, &axis(quarter, &line, EdgeKind::Street, GAS_COVER_M, 250))?;
    Ok((code, station, ground_m))
}

/// Gas follows most streets: a tree that reaches everywhere, and most of the rest. One crossing of the water. The
/// quarters before hang together, so their junctions count as one; every street that begins at one has gas.
fn gas_edges(quarter: &Quarter) -> Vec<(Edge, EdgeKind)> {
    let seed = quarter.frame.seed;
    let candidates: Vec<(Edge, EdgeKind)> =
        quarter.edges.iter().filter(|(edge, kind)| *kind == EdgeKind::Street || edge.from.i == quarter.second_bridge).copied().collect();
    // Larger streets first, then by lot: the tree runs along the main streets.
    let mut order = candidates;
    order.sort_by_key(|(edge, kind)| {
        let lot = Random::of(seed, "gas", edge.key(), edge.way as i64).next();
        (*kind == EdgeKind::Street, std::cmp::Reverse(quarter.class(*edge)), lot)
    });
    let outside = Node { i: usize::MAX, j: usize::MAX };
    let mut part_of: BTreeMap<Node, Node> = BTreeMap::new();
    let mut laid: BTreeSet<(Edge, EdgeKind)> = BTreeSet::new();
    for (edge, kind) in order {
        let at_seam = edge.ends().into_iter().any(|node| !quarter.owns(node));
        let [a, b] = edge.ends().map(|node| root(&mut part_of, if quarter.owns(node) { node } else { outside }));
        let joins = a != b;
        if joins {
            part_of.insert(a, b);
        }
        let is_main = quarter.class(edge).is_main();
        if joins || is_main || at_seam || Random::of(seed, "gas loop", edge.key(), edge.way as i64).chance(0.55) {
            laid.insert((edge, kind));
        }
    }
    laid.into_iter().collect()
}

fn root(part_of: &mut BTreeMap<Node, Node>, node: Node) -> Node {
    let mut at = node;
    while let Some(next) = part_of.get(&at).copied().filter(|next| *next != at) {
        at = next;
    }
    at
}
