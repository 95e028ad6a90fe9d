//! What pressure networks share, water and gas: their nodes, valves and the lie of their pipes.

use crate::SinkError;
use crate::emit::{Emitter, Row, below_ground};
use crate::plan::{Plan, along, line_length};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::stock::Laid;
use crate::streets::{Edge, EdgeKind, Node, Service};
use std::collections::{BTreeMap, BTreeSet};

/// Depth of a pipe's top below the ground. Gas above water above drains, so that crossings keep their distances
/// (GB 50289-2016 table 4.1.14).
pub const WATER_COVER_M: f64 = 1.35;
pub const GAS_COVER_M: f64 = 0.90;
/// Below the bed of a river that boats may use (GB 50289-2016 §4.1.8).
const BED_COVER_M: f64 = 2.2;
/// From a junction to the valve on a pipe that leaves it.
const VALVE_DISTANCE_M: f64 = 2.5;
/// And to an air or drain valve.
const VENT_DISTANCE_M: f64 = 4.2;

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

/// Where pipes meet.
#[derive(Debug)]
pub struct Joint {
    pub code: String,
    pub at: Plan,
    pub ground_m: f64,
    kind: &'static str,
    /// Made by this quarter, not by one before it.
    pub is_own: bool,
}

/// The nodes of a network and which valves it needs.
pub struct Net {
    service: Service,
    pub nodes: BTreeMap<Node, Joint>,
    /// Ends of edges that carry a valve: all but one at a junction, so that any pipe can be shut off.
    valved: BTreeSet<(Edge, Node)>,
    pub valves: Vec<Valve>,
}

impl Net {
    /// `known`: nodes of the quarters before; those of this one are added.
    pub fn new(
        quarter: &Quarter,
        service: Service,
        edges: &[(Edge, EdgeKind)],
        known: &mut BTreeMap<Node, String>,
        out: &mut Emitter,
    ) -> Self {
        let mut at_node: BTreeMap<Node, Vec<Edge>> = BTreeMap::new();
        for (edge, _) in edges {
            edge.ends().into_iter().for_each(|node| at_node.entry(node).or_default().push(*edge));
        }
        let prefix = if service == Service::Water { "JPD" } else { "TRD" };
        let mut net = Self { service, nodes: BTreeMap::new(), valved: BTreeSet::new(), valves: vec![] };
        for (node, edges) in at_node {
            let at = quarter.service_node(node, service);
            let ground_m = quarter.ground().height(at);
            if !quarter.owns(node) {
                let code = known.get(&node).expect("the quarters before laid a node here").clone();
                net.nodes.insert(node, Joint { code, at, ground_m, kind: "", is_own: false });
                // What joins the neighbour's network can be shut off from it.
                net.valved.extend(edges.iter().map(|edge| (*edge, node)));
                continue;
            }
            let kind = match edges.len() + quarter.edges_to_come(node) {
                1 => "end",
                2 => "bend",
                _ => "junction",
            };
            let code = out.code(prefix);
            known.insert(node, code.clone());
            net.nodes.insert(node, Joint { code, at, ground_m, kind, is_own: true });
            if edges.len() > 2 {
                let mut random = Random::of(quarter.frame.seed, "valves", node.i as i64, node.j as i64);
                let without = random.below(edges.len());
                net.valved.extend(edges.iter().enumerate().filter(|(k, _)| *k != without).map(|(_, edge)| (*edge, node)));
            }
        }
        net
    }

    /// Writes the quarter's own nodes, each with what else there is to say of it.
    pub fn emit_nodes(&self, out: &mut Emitter, also: impl Fn(Node, Row) -> Row) -> Result<(), SinkError> {
        let (class, cover_m) = match self.service {
            Service::Water => ("water_node", WATER_COVER_M),
            _ => ("gas_node", GAS_COVER_M),
        };
        for (node, joint) in self.nodes.iter().filter(|(_, joint)| joint.is_own) {
            let row = also(*node, node_row(class, &joint.code, joint.kind, joint.ground_m));
            out.point(row, joint.at, joint.ground_m - cover_m)?;
        }
        Ok(())
    }

    pub fn code(&self, node: Node) -> String {
        self.nodes[&node].code.clone()
    }

    /// Under a street beside its middle; under the river beside the bridge, clear of its piers.
    pub fn line(&self, quarter: &Quarter, edge: Edge, kind: EdgeKind) -> Vec<Plan> {
        if kind == EdgeKind::Street {
            return quarter.service_line(edge, self.service);
        }
        let aside = quarter.class(edge).carriageway_m() / 2.0 + 8.0;
        let offset = if quarter.class(edge).offset_m(self.service) < 0.0 { -aside } else { aside };
        let [from, to] = edge.ends().map(|node| self.nodes[&node].at);
        densified(&quarter.offset_line(edge, offset, from, to, 5.0), 5.0)
    }

    #[expect(clippy::too_many_arguments, reason = "a pipe's two ends and what it is made of")]
    pub fn valve_ends(
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
            let is_shut = self.service == Service::Water && !quarter.owns(node);
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

pub fn node_row(class: &str, code: &str, kind: &str, ground_m: f64) -> Row {
    Row::of(class).set("code", code).set("state", "in_use").set("kind", kind).measure("ground_m", ground_m, 3)
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
pub fn axis(quarter: &Quarter, line: &[Plan], kind: EdgeKind, cover_m: f64, diameter_mm: i64) -> Vec<(Plan, f64)> {
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

impl Net {
    /// Air gathers where a junction lies above all its neighbours, mud where it lies below them: a valve lets it out, on
    /// the first pipe that leaves. `pipes`: each street's first and last.
    pub fn vents(&self, quarter: &Quarter, runs: &BTreeMap<Edge, (Vec<Plan>, [String; 2])>, out: &mut Emitter) -> Result<(), SinkError> {
        let mut near: BTreeMap<Node, Vec<(Edge, f64)>> = BTreeMap::new();
        for edge in runs.keys() {
            for node in edge.ends() {
                near.entry(node).or_default().push((*edge, self.nodes[&edge.other_end(node)].ground_m));
            }
        }
        for (node, joint) in self.nodes.iter().filter(|(_, joint)| joint.is_own) {
            let around = &near[node];
            let kind = match joint.ground_m {
                _ if around.len() < 3 => continue,
                ground_m if around.iter().all(|(_, other)| *other < ground_m) => "air",
                ground_m if around.iter().all(|(_, other)| *other > ground_m) => "drain",
                _ => continue,
            };
            let edge = around[0].0;
            let (line, [first, last]) = &runs[&edge];
            let from_start = edge.from == *node;
            let s = if from_start { VENT_DISTANCE_M } else { line_length(line) - VENT_DISTANCE_M };
            let at = along(line, s).0;
            let row = Row::of("water_valve")
                .set("code", out.code("JPF"))
                .set("state", "in_use")
                .set("built_year", 2004_i64)
                .set("diameter_mm", if kind == "air" { 50_i64 } else { 100 })
                .set("kind", kind)
                .set("operable", "ok")
                .set("pipe", if from_start { first.as_str() } else { last.as_str() })
                .set("node", joint.code.as_str());
            // A drain valve is shut, but stands on a branch: the pipe itself is open.
            let row = if kind == "air" { row.set("position", "open") } else { row.set("normally_closed", true) };
            out.point(row, at, quarter.ground().height(at))?;
        }
        Ok(())
    }
}

fn densified(line: &[Plan], step_m: f64) -> Vec<Plan> {
    let mut out = vec![line[0]];
    for pair in line.windows(2) {
        let steps = libm::ceil(pair[0].distance(pair[1]) / step_m) as u32;
        out.extend((1..=steps).map(|k| pair[0].toward(pair[1], f64::from(k) / f64::from(steps))));
    }
    out
}
