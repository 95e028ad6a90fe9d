//! Streets and their junctions, bridges, tunnels, the ways out into the country.

use crate::SinkError;
use crate::emit::{Emitter, Row};
use crate::ground::Lattice;
use crate::names::Name;
use crate::overpass;
use crate::plan::{Plan, line_length, part};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::rise::Hill;
use crate::seams::Seams;
use crate::stock;
use crate::streets::{Edge, EdgeKind, Node, RoadClass, Service, Way};
use crate::toponyms::short;
use std::collections::BTreeMap;

/// From a bridge's end to the middle of the road along the river.
const BRIDGE_INSET_M: f64 = 9.0;
/// How high a bridge's middle stands above its ends.
const CAMBER_M: f64 = 0.9;
const FOOTBRIDGE_M: f64 = 4.5;
pub const TUNNEL_WIDTH_M: f64 = 11.0;
pub const TUNNEL_HEIGHT_M: f64 = 6.5;
/// The arterials are drawn so far into the country.
const EXIT_M: f64 = 320.0;

/// What other rooms need to know of a quarter's roads.
#[derive(Debug, Default)]
pub struct Roads {
    /// Over water.
    pub bridges: Vec<Bridge>,
    pub tunnel: Option<Tunnel>,
}

#[derive(Debug)]
pub struct Bridge {
    pub code: String,
    pub deck: Vec<(Plan, f64)>,
    pub is_main: bool,
}

#[derive(Debug)]
pub struct Tunnel {
    pub code: String,
    pub name: Name,
    pub bore: Vec<(Plan, f64)>,
}

pub fn emit(quarter: &Quarter, seams: &mut Seams, out: &mut Emitter) -> Result<Roads, SinkError> {
    let mut roads = Roads::default();
    junctions(quarter, seams, out)?;
    for (edge, kind) in &quarter.edges {
        match kind {
            EdgeKind::Street => {
                let line = on_ground(quarter, &quarter.middle_line(*edge));
                let code = out.code("DL");
                let ends = edge.ends().map(|node| seams.junctions.get(&node).map(String::as_str));
                out.line(road_row(quarter, *edge, &code, "ground", ends), &line)?;
                seams.roads.insert(*edge, code);
            }
            EdgeKind::Bridge => roads.bridges.push(bridge(quarter, *edge, seams, out)?),
        }
    }
    footbridge(quarter, out)?;
    if let Some(hill) = quarter.hill() {
        roads.tunnel = Some(tunnel(quarter, hill, seams, out)?);
    }
    exits(quarter, seams, out)?;
    overpass::emit(quarter, seams, out)?;
    Ok(roads)
}

/// Where streets meet; the larger ones with lights.
fn junctions(quarter: &Quarter, seams: &mut Seams, out: &mut Emitter) -> Result<(), SinkError> {
    let mut met: BTreeMap<Node, usize> = BTreeMap::new();
    quarter.edges.iter().flat_map(|(edge, _)| edge.ends()).for_each(|node| *met.entry(node).or_insert(0) += 1);
    for node in met.into_keys().filter(|node| quarter.owns(*node)) {
        let at = quarter.ground().plan(quarter.at(node));
        let is_large = quarter.row(node.j).class.is_main() && quarter.column(node.i).class.is_main();
        let code = out.code("LK");
        let row = Row::of("road_node")
            .set("code", code.as_str())
            .set("state", "in_use")
            .set("kind", if is_large { "signals" } else { "crossing" });
        out.point(row, at, quarter.ground().height(at))?;
        seams.junctions.insert(node, code);
    }
    Ok(())
}

pub fn road_row(quarter: &Quarter, edge: Edge, code: &str, structure: &str, ends: [Option<&str>; 2]) -> Row {
    let class = quarter.class(edge);
    let laid = stock::laid(quarter, edge, Service::Storm, 400);
    // A hill is pierced for two lanes.
    let (lanes, width_m) = if structure == "tunnel" { (2, TUNNEL_WIDTH_M - 2.0) } else { (class.lanes(), class.carriageway_m()) };
    Row::of("road")
        .set("code", code)
        .name(quarter.name(edge))
        .set("state", "in_use")
        .set("built_year", laid.year)
        .set("road_class", class.id())
        .set("lanes", lanes)
        .set("width_m", width_m)
        .set("one_way", is_one_way(quarter, edge))
        .set("structure", structure)
        .set("speed_limit_kmh", class.speed_kmh())
        .set("from_node", ends[0])
        .set("to_node", ends[1])
}

/// Every fifth branch street is too narrow for both directions.
fn is_one_way(quarter: &Quarter, edge: Edge) -> bool {
    let line = if edge.way == Way::East { edge.from.j } else { edge.from.i };
    let serial = quarter.frame.serial(quarter.a, quarter.b);
    quarter.class(edge) == RoadClass::Branch
        && Random::of(quarter.frame.seed, "one way", line as i64, (serial * 2) as i64 + edge.way as i64).chance(0.2)
}

pub fn on_ground(quarter: &Quarter, line: &[Plan]) -> Vec<(Plan, f64)> {
    line.iter().map(|p| (*p, quarter.ground().height(*p))).collect()
}

/// A deck over a line, arched a little between its ends on the ground.
fn deck_over(quarter: &Quarter, line: Vec<Plan>) -> (Vec<(Plan, f64)>, f64) {
    let length = line_length(&line);
    let [from, to] = [line[0], line[line.len() - 1]].map(|p| quarter.ground().height(p));
    let mut passed = 0.0;
    let mut deck: Vec<(Plan, f64)> = vec![];
    for p in line {
        passed += deck.last().map_or(0.0, |(before, _): &(Plan, f64)| before.distance(p));
        let share = passed / length;
        let camber = CAMBER_M * 4.0 * share * (1.0 - share);
        deck.push((p, from + (to - from) * share + camber));
    }
    (deck, length)
}

/// The deck from bank to bank, and the road on it: in three pieces, as it leaves the ground and returns to it.
fn bridge(quarter: &Quarter, edge: Edge, seams: &Seams, out: &mut Emitter) -> Result<Bridge, SinkError> {
    let middle = quarter.middle_line(edge);
    let length = line_length(&middle);
    let (start, end) = (BRIDGE_INSET_M, length - BRIDGE_INSET_M);
    let (deck, deck_length) = deck_over(quarter, part(&middle, start, end));
    let [from, to] = edge.ends().map(|node| seams.junctions.get(&node).map(String::as_str));
    let mut carried = String::new();
    for (piece, structure, ends) in [
        (on_ground(quarter, &part(&middle, 0.0, start)), "ground", [from, None]),
        (deck.clone(), "bridge", [None; 2]),
        (on_ground(quarter, &part(&middle, end, length)), "ground", [None, to]),
    ] {
        let road = out.code("DL");
        out.line(road_row(quarter, edge, &road, structure, ends), &piece)?;
        if structure == "bridge" {
            carried = road;
        }
    }
    let class = quarter.class(edge);
    let is_large = class >= RoadClass::Arterial;
    let (street, water) = (short(quarter.name(edge)), quarter.frame.water_name(quarter.b));
    // Over the river a bridge is named after its street alone.
    let name = if quarter.b == quarter.frame.extent.middle().1 {
        street.and("大桥", "Bridge")
    } else {
        Name::new(format!("{}{}桥", street.zh, water.zh), format!("{} {} Bridge", street.en, water.en))
    };
    let mut random = Random::of(quarter.frame.seed, "bridge", edge.key(), 0);
    let (year, condition) = match quarter.is_middle() {
        true => (if is_large { 1998_i64 } else { 2011 }, if is_large { "B" } else { "A" }),
        false => random.weighted(&[((1988, "C"), 0.08), ((1996, "B"), 0.32), ((2006, "B"), 0.25), ((2016, "A"), 0.35)]),
    };
    let code = out.code("QL");
    let row = bridge_row(&code, &name, deck_length)
        .set("built_year", year)
        .set("width_m", class.carriageway_m() + 6.0)
        .set("load_limit_t", if is_large { 55.0 } else { 49.0 })
        .set("condition", condition)
        .set("road", carried)
        .set("crosses", water.zh);
    out.line(row, &deck)?;
    Ok(Bridge { code, deck, is_main: edge.from.i == quarter.main_column })
}

/// What all bridges say of themselves. Classes by length: CJJ 11-2011 table 3.0.2.
pub fn bridge_row(code: &str, name: &Name, length_m: f64) -> Row {
    let spans = libm::round(length_m / 26.0).max(1.0) as i64;
    Row::of("bridge")
        .set("code", code)
        .name(name)
        .set("state", "in_use")
        .measure("length_m", length_m, 1)
        .set("kind", "beam")
        .set("spans", spans)
        .measure("main_span_m", length_m / spans as f64, 1)
        .set("bridge_class", if length_m >= 100.0 { "large" } else { "medium" })
}

/// For those on foot, halfway between two streets that have no bridge.
fn footbridge(quarter: &Quarter, out: &mut Emitter) -> Result<(), SinkError> {
    let (west, east) = (quarter.column(quarter.main_column - 3).at, quarter.column(quarter.main_column - 2).at);
    let reach = quarter.water().bank_half_m() + 6.0;
    let u = (west + east) / 2.0;
    let line = (0..=8).map(|k| Lattice::new(u, quarter.water().v + reach * (f64::from(k) / 4.0 - 1.0)));
    let (deck, length) = deck_over(quarter, line.map(|p| quarter.ground().plan(p)).collect());
    let code = out.code("QL");
    let name = quarter.frame.water_name(quarter.b).and("步行桥", "Footbridge");
    let row = bridge_row(&code, &name, length)
        .set("built_year", 2013_i64)
        .set("width_m", FOOTBRIDGE_M)
        .set("bridge_class", "footbridge")
        .set("condition", "A")
        .set("crosses", quarter.frame.water_name(quarter.b).zh);
    out.line(row, &deck)
}

/// The main row between the last node before the hill and the first behind it: open road, bore, open road.
fn tunnel(quarter: &Quarter, hill: &Hill, seams: &Seams, out: &mut Emitter) -> Result<Tunnel, SinkError> {
    let ground = quarter.ground();
    let bore = hill.bore;
    let (first, last) = quarter.tunnel.expect("a hill has a tunnel");
    let (west, east) = (quarter.column(first).at, quarter.column(last).at);
    let (from, to) = bore.portals;
    let edge = Edge { from: Node { i: first, j: quarter.main_row }, way: Way::East };
    let [start, end] = [first, last].map(|i| seams.junctions.get(&Node { i, j: quarter.main_row }).map(String::as_str));
    let piece = |from: f64, to: f64| -> Vec<Lattice> {
        let steps = libm::ceil((to - from) / 12.0) as u32;
        (0..=steps).map(|k| Lattice::new(from + (to - from) * f64::from(k) / f64::from(steps), bore.v)).collect()
    };
    let open = |line: Vec<Lattice>| -> Vec<(Plan, f64)> { line.iter().map(|p| (ground.plan(*p), ground.height_at(*p))).collect() };
    let bored: Vec<(Plan, f64)> = piece(from, to).iter().map(|p| (ground.plan(*p), bore.height(p.u))).collect();
    for (line, structure, ends) in [
        (open(piece(west, from)), "ground", [start, None]),
        (bored.clone(), "tunnel", [None; 2]),
        (open(piece(to, east)), "ground", [None, end]),
    ] {
        let code = out.code("DL");
        out.line(road_row(quarter, edge, &code, structure, ends), &line)?;
    }
    let code = out.code("SD");
    let name = quarter.frame.hill_name(quarter.a, quarter.b).and("隧道", "Tunnel");
    let row = Row::of("tunnel")
        .set("code", code.as_str())
        .name(&name)
        .set("state", "in_use")
        .set("built_year", 2014_i64)
        .set("width_m", TUNNEL_WIDTH_M)
        .set("height_m", TUNNEL_HEIGHT_M)
        .measure("length_m", line_length(&bored.iter().map(|(p, _)| *p).collect::<Vec<_>>()), 1)
        .set("kind", "mined");
    out.line(row, &bored)?;
    Ok(Tunnel { code, name, bore: bored })
}

/// The arterials go on into the country, but not into the lake.
fn exits(quarter: &Quarter, seams: &Seams, out: &mut Emitter) -> Result<(), SinkError> {
    let Quarter { i0, i1, j0, j1, main_row, main_column, .. } = *quarter;
    let edge = |i: usize, j: usize, way| Edge { from: Node { i, j }, way };
    let mut ends = vec![];
    for j in [main_row, j1] {
        if quarter.a == 0 {
            ends.push((Node { i: i0, j }, edge(i0, j, Way::East), -1.0));
        }
        if quarter.is_east_edge() && quarter.ground().lake.is_none() {
            ends.push((Node { i: i1, j }, edge(i1 - 1, j, Way::East), 1.0));
        }
    }
    for i in [main_column, i1] {
        if quarter.b == 0 {
            ends.push((Node { i, j: j0 }, edge(i, j0, Way::North), -1.0));
        }
        if quarter.is_north_edge() {
            ends.push((Node { i, j: j1 }, edge(i, j1 - 1, Way::North), 1.0));
        }
    }
    for (node, edge, sign) in ends.into_iter().filter(|(_, edge, _)| quarter.class(*edge) >= RoadClass::Arterial) {
        let at = quarter.at(node);
        let line: Vec<Plan> = (0..=20)
            .map(|k| {
                let ahead = sign * EXIT_M * f64::from(k) / 20.0;
                quarter.ground().plan(match edge.way {
                    Way::East => Lattice::new(at.u + ahead, at.v),
                    Way::North => Lattice::new(at.u, at.v + ahead),
                })
            })
            .collect();
        let code = out.code("DL");
        let junction = seams.junctions.get(&node).map(String::as_str);
        out.line(road_row(quarter, edge, &code, "ground", [junction, None]), &on_ground(quarter, &line))?;
    }
    Ok(())
}
