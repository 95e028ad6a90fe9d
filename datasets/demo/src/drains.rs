//! Gravity drains: storm water to the river, sewage to the treatment works. Every invert falls to its outfall.

use crate::SinkError;
use crate::emit::{Emitter, Row};
use crate::geodesy::round_to;
use crate::ground::{Lattice, RIVER_HALF_M};
use crate::layout::{Edge, Layout, Node, Service};
use crate::mains::pipe_row;
use crate::plan::{Plan, along, line_length};
use crate::random::Random;
use crate::stock::{self, Laid};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Least depth of a drain's crown: below gas and water, so that they can cross.
const STORM_COVER_M: f64 = 2.30;
const SEWER_COVER_M: f64 = 2.70;
/// From a storm drain's outside down to a sewer's crown at a junction: 0.15 m by law, the sewer's wall, and what the
/// drain falls on its way to the crossing.
const CROSSING_GAP_M: f64 = 0.45;
const MANHOLE_SPACING_M: f64 = 48.0;
/// A drain that starts in mid-street starts so far from the junction above it.
const HEAD_DISTANCE_M: f64 = 12.0;
/// Land that drains to a metre of street.
const CATCHMENT_M2_PER_M: f64 = 54.0;
/// Design storm on mixed ground, and peak sewage, per hectare.
const STORM_L_S_HA: f64 = 165.0;
const SEWAGE_L_S_HA: f64 = 1.1;
const DIAMETERS_MM: [i64; 9] = [300, 400, 500, 600, 700, 800, 1000, 1200, 1500];

#[derive(Debug, Default)]
pub struct Drains {
    pub manholes: Vec<Manhole>,
    /// Bottom of the drain, wall included, at each junction.
    low: BTreeMap<Node, f64>,
}

#[derive(Debug)]
pub struct Manhole {
    pub code: String,
    pub at: Plan,
    pub rim_m: f64,
    pub depth_m: f64,
    /// Of the drain that leaves it.
    pub diameter_mm: i64,
    /// Hectares upstream: trunks have many.
    pub catchment_ha: f64,
}

pub fn emit(layout: &Layout, service: Service, above: Option<&Drains>, out: &mut Emitter) -> Result<Drains, SinkError> {
    let tree = flow_tree(layout, service);
    let mut drains = Drains::default();
    // What has arrived at each node so far.
    let mut arrivals: BTreeMap<Node, Vec<Arrival>> = BTreeMap::new();
    let mut codes: BTreeMap<Node, String> = BTreeMap::new();
    for node in &tree.order {
        for edge in tree.heads.get(node).into_iter().flatten() {
            let arrival = head(layout, service, above, *edge, *node, out, &mut drains, &mut codes)?;
            arrivals.entry(*node).or_default().push(arrival);
        }
        let arrived = arrivals.remove(node).unwrap_or_default();
        let run = match tree.downstream.get(node) {
            Some(edge) => Run::along(layout, service, *edge, *node),
            None => Run::to_outfall(layout, service, *node),
        };
        let arrival = leave(layout, service, above, *node, &arrived, run, out, &mut drains, &mut codes)?;
        if let Some(edge) = tree.downstream.get(node) {
            arrivals.entry(other_end(*edge, *node)).or_default().push(arrival);
        }
    }
    Ok(drains)
}

/// Which way the water goes.
struct FlowTree {
    /// From the far ends to the outfalls.
    order: Vec<Node>,
    /// The edge by which a node drains; outfalls have none.
    downstream: BTreeMap<Node, Edge>,
    /// Edges that start in mid-street and flow to a node.
    heads: BTreeMap<Node, Vec<Edge>>,
}

/// Shortest ways to the outfalls, where against the fall of the ground is a long way.
fn flow_tree(layout: &Layout, service: Service) -> FlowTree {
    let mut neighbours: BTreeMap<Node, Vec<Edge>> = BTreeMap::new();
    for edge in layout.streets() {
        edge.ends().into_iter().for_each(|node| neighbours.entry(node).or_default().push(edge));
    }
    let mut cost_mm: BTreeMap<Node, u64> = BTreeMap::new();
    let mut downstream: BTreeMap<Node, Edge> = BTreeMap::new();
    let mut queue: BinaryHeap<Reverse<(u64, Node, Option<Edge>)>> = BinaryHeap::new();
    queue.extend(
        outfall_nodes(layout, service).into_iter().filter(|node| neighbours.contains_key(node)).map(|node| Reverse((0, node, None))),
    );
    let mut order = vec![];
    while let Some(Reverse((cost, node, by))) = queue.pop() {
        if cost_mm.contains_key(&node) {
            continue;
        }
        cost_mm.insert(node, cost);
        order.push(node);
        if let Some(edge) = by {
            downstream.insert(node, edge);
        }
        let low = layout.ground.height_at(layout.at(node));
        for edge in &neighbours[&node] {
            let up = other_end(*edge, node);
            if cost_mm.contains_key(&up) {
                continue;
            }
            let length = layout.at(node).distance(layout.at(up));
            let slope = (layout.ground.height_at(layout.at(up)) - low) / length;
            let penalty = 1.0 + (0.004 - slope).max(0.0) * 250.0;
            queue.push(Reverse((cost + (length * penalty * 1000.0) as u64 + 1, up, Some(*edge))));
        }
    }
    order.reverse();
    let mut heads: BTreeMap<Node, Vec<Edge>> = BTreeMap::new();
    for edge in layout.streets() {
        let [a, b] = edge.ends();
        if downstream.get(&a) == Some(&edge) || downstream.get(&b) == Some(&edge) {
            continue;
        }
        // Towards the end that is nearer to an outfall.
        let lower = if cost_mm[&a] <= cost_mm[&b] { a } else { b };
        heads.entry(lower).or_default().push(edge);
    }
    FlowTree { order, downstream, heads }
}

/// Storm water leaves by the river at every second street that has no bridge; sewage at the eastern end of each bank.
fn outfall_nodes(layout: &Layout, service: Service) -> Vec<Node> {
    let last = layout.columns.len() - 1;
    let banks = [layout.south_bank, layout.south_bank + 1];
    let columns: Vec<usize> = match service {
        Service::Storm => (0..=last).filter(|i| i % 2 == 1 || *i == last).filter(|i| !layout.bridges.contains(i)).collect(),
        _ => vec![last],
    };
    banks.into_iter().flat_map(|j| columns.iter().map(move |i| Node { i: *i, j })).collect()
}

fn other_end(edge: Edge, node: Node) -> Node {
    if edge.from == node { edge.to() } else { edge.from }
}

/// A drain as it reaches a node.
struct Arrival {
    pipe_end: PipeEnd,
    catchment_ha: f64,
}

#[derive(Clone, Copy)]
struct PipeEnd {
    invert_m: f64,
    diameter_mm: i64,
}

/// A way for a drain: from where to where, and what it is part of.
struct Run {
    line: Vec<Plan>,
    /// The junction at its end; none at an outfall.
    to: Option<Node>,
    edge: Option<Edge>,
    outfall: bool,
}

impl Run {
    fn along(layout: &Layout, service: Service, edge: Edge, from: Node) -> Self {
        let mut line = layout.service_line(edge, service);
        if edge.from != from {
            line.reverse();
        }
        Self { line, to: Some(other_end(edge, from)), edge: Some(edge), outfall: false }
    }

    fn to_outfall(layout: &Layout, service: Service, node: Node) -> Self {
        let from = layout.service_node(node, service);
        let at = layout.ground.lattice(from);
        let end = match service {
            // Just above the water's edge.
            Service::Storm => {
                let side = if node.j == layout.south_bank { -1.0 } else { 1.0 };
                Lattice::new(at.u, layout.ground.river_v + side * (RIVER_HALF_M + 1.5))
            }
            _ => Lattice::new(at.u + 130.0, at.v),
        };
        Self { line: vec![from, layout.ground.plan(end)], to: None, edge: None, outfall: true }
    }
}

/// A drain that starts in mid-street, below a junction that flows elsewhere.
#[expect(clippy::too_many_arguments, reason = "the network so far, and the street that joins it")]
fn head(
    layout: &Layout,
    service: Service,
    above: Option<&Drains>,
    edge: Edge,
    to: Node,
    out: &mut Emitter,
    drains: &mut Drains,
    codes: &mut BTreeMap<Node, String>,
) -> Result<Arrival, SinkError> {
    let mut run = Run::along(layout, service, edge, other_end(edge, to));
    let length = line_length(&run.line);
    run.line = crate::plan::part(&run.line, HEAD_DISTANCE_M, length);
    lay(layout, service, above, None, &[], run, out, drains, codes)
}

#[expect(clippy::too_many_arguments, reason = "the network so far, and the drain that leaves the node")]
fn leave(
    layout: &Layout,
    service: Service,
    above: Option<&Drains>,
    node: Node,
    arrived: &[Arrival],
    run: Run,
    out: &mut Emitter,
    drains: &mut Drains,
    codes: &mut BTreeMap<Node, String>,
) -> Result<Arrival, SinkError> {
    lay(layout, service, above, Some(node), arrived, run, out, drains, codes)
}

/// Sizes a drain, sets its inverts, and writes its manholes and pipes.
#[expect(clippy::too_many_arguments, reason = "the network so far, and the drain to be laid")]
fn lay(
    layout: &Layout,
    service: Service,
    above: Option<&Drains>,
    from: Option<Node>,
    arrived: &[Arrival],
    run: Run,
    out: &mut Emitter,
    drains: &mut Drains,
    codes: &mut BTreeMap<Node, String>,
) -> Result<Arrival, SinkError> {
    let length = line_length(&run.line);
    let catchment_ha = arrived.iter().map(|arrival| arrival.catchment_ha).sum::<f64>()
        + if run.outfall { 0.0 } else { length * CATCHMENT_M2_PER_M / 10_000.0 };
    let pieces = libm::ceil(length / MANHOLE_SPACING_M).max(1.0) as u32;
    let stops: Vec<Plan> = (0..=pieces).map(|k| along(&run.line, length * f64::from(k) / f64::from(pieces)).0).collect();
    let grounds: Vec<f64> = stops.iter().map(|p| layout.ground.height(*p)).collect();
    let crown_at = |node: Option<Node>| node.and_then(|node| above?.low.get(&node)).map(|low| low - CROSSING_GAP_M);
    let (crown_from, crown_to) = (crown_at(from), crown_at(run.to));
    let bounds = Bounds { service, stops: &stops, grounds: &grounds, arrived, crown_from, crown_to, outfall: run.outfall };
    let wanted_l_s = catchment_ha * if service == Service::Storm { STORM_L_S_HA } else { SEWAGE_L_S_HA };
    let widest = arrived.iter().map(|arrival| arrival.pipe_end.diameter_mm).max().unwrap_or(0);
    let (diameter_mm, inverts) = bounds.design(wanted_l_s, widest);
    let laid = match run.edge {
        Some(edge) => stock::laid(layout, edge, service, diameter_mm),
        None => {
            let district = layout.district(layout.ground.lattice(stops[0]));
            let (_, year) = stock::built_between(district);
            Laid { year, material: "reinforced_concrete", soil: "high", district }
        }
    };
    let manholes = Manholes { layout, service, laid, diameter_mm, catchment_ha };
    let mut previous: Option<String> = None;
    for k in 0..=pieces as usize {
        let is_last = k == pieces as usize;
        let code = match (k, is_last, run.to) {
            (0, _, _) => match from {
                Some(node) => manholes.at_node(node, stops[0], grounds[0], inverts[0], out, drains, codes)?,
                None => manholes.write(stops[0], grounds[0], inverts[0], out.code(manholes.prefix()), out, drains)?,
            },
            // The junction's own manhole is written when its drain leaves it, at the lowest invert; its code is known now.
            (_, true, Some(node)) => codes.entry(node).or_insert_with(|| out.code(manholes.prefix())).clone(),
            (_, true, None) => manholes.outfall(stops[k], inverts[k], out)?,
            _ => manholes.write(stops[k], grounds[k], inverts[k], out.code(manholes.prefix()), out, drains)?,
        };
        if let Some(up) = previous {
            let span = [(stops[k - 1], inverts[k - 1], grounds[k - 1]), (stops[k], inverts[k], grounds[k])];
            manholes.pipe(&up, &code, span, out)?;
        }
        previous = Some(code);
    }
    if let Some(node) = from {
        drains.low.insert(node, inverts[0] - wall_m(diameter_mm));
    }
    Ok(Arrival { pipe_end: PipeEnd { invert_m: inverts[pieces as usize], diameter_mm }, catchment_ha })
}

pub fn wall_m(diameter_mm: i64) -> f64 {
    diameter_mm as f64 / 10_000.0
}

/// All that bounds a drain's depth.
struct Bounds<'a> {
    service: Service,
    stops: &'a [Plan],
    grounds: &'a [f64],
    arrived: &'a [Arrival],
    /// Crowns stay below these at a junction's crossing drains.
    crown_from: Option<f64>,
    crown_to: Option<f64>,
    outfall: bool,
}

/// No drain is laid steeper to get below another; what comes higher falls in the run before.
const STEEPEST: f64 = 0.03;
/// Cover beyond which a wider, flatter pipe is preferred to digging deeper.
const DEEP_COVER_M: f64 = 3.3;

impl Bounds<'_> {
    /// The smallest pipe that carries the flow, laid steeper for it where that does not lead deep into the ground.
    fn design(&self, wanted_l_s: f64, widest: i64) -> (i64, Vec<f64>) {
        let is_storm = self.service == Service::Storm;
        let least = if is_storm { 400 } else { 300 };
        // Sewers run partly full.
        let wanted_l_s = if is_storm { wanted_l_s } else { wanted_l_s / 0.55 };
        let last = self.stops.len() - 1;
        let cover_at_end = |diameter_mm: i64, inverts: &[f64]| self.grounds[last] - inverts[last] - diameter_mm as f64 / 1000.0;
        let candidates = DIAMETERS_MM.into_iter().filter(|d| *d >= widest.max(least));
        for diameter_mm in candidates {
            let flat = self.profile(diameter_mm, least_slope(diameter_mm));
            let full_at_1 = capacity_l_s(diameter_mm, 1.0);
            let needed = (wanted_l_s / full_at_1) * (wanted_l_s / full_at_1);
            let inverts = self.profile(diameter_mm, least_slope(diameter_mm).max(needed));
            let too_deep = cover_at_end(diameter_mm, &inverts) > DEEP_COVER_M.max(cover_at_end(diameter_mm, &flat) + 0.15);
            if needed <= STEEPEST && (!too_deep || self.outfall) {
                return (diameter_mm, inverts);
            }
        }
        let widest = DIAMETERS_MM[DIAMETERS_MM.len() - 1];
        (widest, self.profile(widest, least_slope(widest)))
    }

    /// Inverts at the manholes: no shallower than cover and crossings allow, crown to crown at the start, falling at
    /// least as told. Millimetres, rounded downwards with the flow.
    fn profile(&self, diameter_mm: i64, slope: f64) -> Vec<f64> {
        let d = diameter_mm as f64 / 1000.0;
        let cover = if self.service == Service::Storm { STORM_COVER_M } else { SEWER_COVER_M };
        let mut caps: Vec<f64> = self.grounds.iter().map(|ground| ground - cover - d).collect();
        let last = caps.len() - 1;
        if self.outfall {
            // The bank falls away over an outfall; the pipe comes out of it.
            caps[last] = f64::INFINITY;
        }
        caps[0] = caps[0].min(self.crown_from.unwrap_or(f64::INFINITY) - d);
        caps[last] = caps[last].min(self.crown_to.unwrap_or(f64::INFINITY) - d);
        for end in self.arrived.iter().map(|arrival| arrival.pipe_end) {
            let crown = end.invert_m + end.diameter_mm as f64 / 1000.0;
            caps[0] = caps[0].min(crown - d).min(end.invert_m);
        }
        let span = |k: usize| self.stops[k].distance(self.stops[k + 1]);
        for k in (0..last).rev() {
            caps[k] = caps[k].min(caps[k + 1] + STEEPEST * span(k));
        }
        let floor_mm = |m: f64| libm::floor(m * 1000.0) / 1000.0;
        let mut inverts = vec![floor_mm(caps[0])];
        for k in 0..last {
            inverts.push(floor_mm(caps[k + 1].min(inverts[k] - slope * span(k))));
        }
        inverts
    }
}

/// GB 50014-2021 §5.2.10 for DN300, flatter for larger pipes; a little more, so that rounding never undercuts it.
fn least_slope(diameter_mm: i64) -> f64 {
    0.0001
        + match diameter_mm {
            ..=300 => 0.0030,
            ..=400 => 0.0020,
            ..=500 => 0.0016,
            ..=600 => 0.0013,
            ..=800 => 0.0011,
            _ => 0.0008,
        }
}

/// Manning, flowing full, n = 0.013.
pub fn capacity_l_s(diameter_mm: i64, slope: f64) -> f64 {
    let d = diameter_mm as f64 / 1000.0;
    let area = std::f64::consts::PI * d * d / 4.0;
    1000.0 / 0.013 * area * libm::pow(d / 4.0, 2.0 / 3.0) * slope.max(0.0).sqrt()
}

/// Writes the features of one run.
struct Manholes<'a> {
    layout: &'a Layout,
    service: Service,
    laid: Laid,
    diameter_mm: i64,
    catchment_ha: f64,
}

impl Manholes<'_> {
    fn prefix(&self) -> &'static str {
        if self.service == Service::Storm { "YSJ" } else { "WSJ" }
    }

    fn kind(&self) -> &'static str {
        if self.service == Service::Storm { "storm" } else { "sewer" }
    }

    #[expect(clippy::too_many_arguments, reason = "a manhole is where it is and how deep")]
    fn at_node(
        &self,
        node: Node,
        at: Plan,
        rim_m: f64,
        invert_m: f64,
        out: &mut Emitter,
        drains: &mut Drains,
        codes: &mut BTreeMap<Node, String>,
    ) -> Result<String, SinkError> {
        let code = codes.entry(node).or_insert_with(|| out.code(self.prefix())).clone();
        self.write(at, rim_m, invert_m, code, out, drains)
    }

    fn write(
        &self,
        at: Plan,
        rim_m: f64,
        invert_m: f64,
        code: String,
        out: &mut Emitter,
        drains: &mut Drains,
    ) -> Result<String, SinkError> {
        let depth_m = round_to(round_to(rim_m, 3) - invert_m, 3);
        let cover = match self.laid.year {
            ..1990 => "cast_iron",
            1990..2012 => "ductile_iron",
            _ => "composite",
        };
        let row = Row::of("manhole")
            .set("code", code.as_str())
            .set("state", "in_use")
            .set("built_year", self.laid.year)
            .set("kind", self.kind())
            .set("depth_m", depth_m)
            .measure("rim_m", rim_m, 3)
            .set("invert_m", invert_m)
            .set("diameter_mm", if self.diameter_mm > 600 { 1250_i64 } else { 1000 })
            .set("cover_kind", cover);
        out.point(row, at, rim_m)?;
        drains.manholes.push(Manhole {
            code: code.clone(),
            at,
            rim_m,
            depth_m,
            diameter_mm: self.diameter_mm,
            catchment_ha: self.catchment_ha,
        });
        Ok(code)
    }

    fn outfall(&self, at: Plan, invert_m: f64, out: &mut Emitter) -> Result<String, SinkError> {
        let code = out.code("PK");
        let serial = code[3..].trim_start_matches('0').to_owned();
        let row =
            Row::of("outfall").set("code", code.as_str()).set("state", "in_use").set("built_year", self.laid.year).set("kind", self.kind());
        let row = row.set("invert_m", invert_m);
        let row = if self.service == Service::Storm {
            row.set("name", format!("清溪河 {serial} 号雨水排口"))
                .set("name_en", format!("Qingxi River storm outfall {serial}"))
                .set("receives", crate::places::RIVER_CODE)
        } else {
            row.set("name", format!("污水处理厂 {serial} 号进水口")).set("name_en", format!("Treatment works inlet {serial}"))
        };
        out.point(row, at, invert_m + self.diameter_mm as f64 / 2000.0)?;
        Ok(code)
    }

    fn pipe(&self, up: &str, down: &str, [from, to]: [(Plan, f64, f64); 2], out: &mut Emitter) -> Result<(), SinkError> {
        let (class, prefix) = if self.service == Service::Storm { ("storm_pipe", "YS") } else { ("sewer_pipe", "WS") };
        let code = out.code(prefix);
        let d = self.diameter_mm as f64 / 1000.0;
        let length_m = from.0.distance(to.0);
        // At its upper end; an outfall's lower end lies bare.
        let cover_m = from.2 - from.1 - d;
        let mut random = Random::of(self.layout.seed, class, code[3..].parse().unwrap_or(0), 0);
        let breaks = stock::breaks(&mut random, &self.laid, self.service, length_m);
        let row = pipe_row(class, &code, self.diameter_mm, &self.laid, cover_m, length_m, breaks, [up, down])
            .set("invert_from_m", from.1)
            .set("invert_to_m", to.1);
        out.line(row, &[(from.0, from.1 + d / 2.0), (to.0, to.1 + d / 2.0)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pipe_carries_what_manning_says() {
        // D = 0.5 m, S = 0.005, n = 0.013: 267.0 L/s (engineering-facts §6.1).
        assert!((capacity_l_s(500, 0.005) - 267.0).abs() < 0.1);
    }
}
