//! The gas network: medium pressure from the gate stations in the north, along most streets.

use crate::SinkError;
use crate::admin::Character;
use crate::emit::{Emitter, Row};
use crate::ground::Lattice;
use crate::mains::{GAS_COVER_M, Joint, Main, Net, Valve, axis, pipe_row};
use crate::names::Name;
use crate::plan::{Plan, along, line_length};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::seams::Seams;
use crate::stock::{self, Laid};
use crate::streets::{Edge, EdgeKind, Node, RoadClass, Service};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub struct Gas {
    pub mains: Vec<Main>,
    pub valves: Vec<Valve>,
    pub regulator: Option<(String, Plan, f64)>,
}

pub fn emit(quarter: &Quarter, seams: &mut Seams, out: &mut Emitter) -> Result<Gas, SinkError> {
    let edges = edges_with_gas(quarter);
    let mut gas = Gas::default();
    let mut net = Net::new(quarter, Service::Gas, &edges, &mut seams.gas, out);
    net.emit_nodes(out, |_, row| row)?;
    for (edge, kind) in &edges {
        let diameter_mm = diameter(quarter.class(*edge));
        let laid = stock::laid(quarter, *edge, Service::Gas, diameter_mm);
        let mut random = Random::of(quarter.frame.seed, "gas pipe", edge.key(), edge.way as i64);
        let line = net.line(quarter, *edge, *kind);
        let ends = [net.code(edge.from), net.code(edge.to())];
        let code = out.code("TR");
        let main = pipe(quarter, &code, &line, *kind, diameter_mm, laid, &mut random, &ends, out)?;
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

fn diameter(class: RoadClass) -> i64 {
    match class {
        RoadClass::Arterial | RoadClass::Expressway => 250,
        RoadClass::Secondary => 200,
        RoadClass::Branch => 110,
    }
}

#[expect(clippy::too_many_arguments, reason = "a pipe is where it lies, what it is made of and what it joins")]
fn pipe(
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

/// Where the high-pressure main reaches the city and the network's pressure is made.
fn gate_station(quarter: &Quarter, net: &Net, out: &mut Emitter) -> Result<(String, Plan, f64), SinkError> {
    let entry = Node { i: quarter.main_column, j: quarter.j1 };
    let Joint { code: node_code, at: node_at, .. } = &net.nodes[&entry];
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
fn edges_with_gas(quarter: &Quarter) -> Vec<(Edge, EdgeKind)> {
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
