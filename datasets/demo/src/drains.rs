//! Gravity drains: storm water to the river, sewage to the treatment works. Every invert falls to its outfall.

use crate::SinkError;
use crate::catchments;
use crate::emit::{Emitter, Row};
use crate::flow::flow_tree;
use crate::geodesy::round_to;
use crate::gradient::{Bounds, PipeEnd, wall_m};
use crate::ground::Lattice;
use crate::mains::pipe_row;
use crate::names::Name;
use crate::plan::{Plan, along, line_length, part};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::rise::Rise;
use crate::seams::{Seams, Trunk};
use crate::stock::{self, Laid};
use crate::streets::{Edge, Node, Service};
use crate::water::crown_under;
use std::collections::BTreeMap;

/// From a storm drain's outside down to a sewer's crown at a junction: 0.15 m by law, the sewer's wall, and what the
/// drain falls on its way to the crossing.
const CROSSING_GAP_M: f64 = 0.45;
const MANHOLE_SPACING_M: f64 = 48.0;
/// The treatment works take the sewage in so far east of the last street.
const WORKS_M: f64 = 130.0;
/// A drain that starts in mid-street starts so far from the junction above it.
const HEAD_DISTANCE_M: f64 = 12.0;
/// What a storm of two years brings from a hectare of mixed ground, L/s: the larger the catchment, the longer the water's
/// way, and the less its peak.
const STORM_L_S_HA: [(f64, f64); 4] = [(1.0, 470.0), (3.0, 400.0), (8.0, 300.0), (f64::INFINITY, 235.0)];
/// Peak sewage.
const SEWAGE_L_S_HA: f64 = 1.1;

/// Manning's n of concrete, and of a pipe half full of silt and rubble.
const CONCRETE_N: f64 = 0.013;
const SILTED_N: f64 = 0.100;
/// Drains with less land than this silt up.
const SILTED_HA: f64 = 3.0;
/// So near to a hollow's bottom.
const SILTED_M: f64 = 50.0;

#[derive(Debug, Default)]
pub struct Drains {
    pub manholes: Vec<Manhole>,
    /// Bottom of the drain, wall included, at each junction.
    pub low: BTreeMap<Node, f64>,
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

/// `above`: the network that lies over this one and is to be crossed beneath. `river`: code of the water that takes the rain.
pub fn emit(
    quarter: &Quarter,
    service: Service,
    above: Option<&Drains>,
    river: &str,
    seams: &mut Seams,
    out: &mut Emitter,
) -> Result<Drains, SinkError> {
    let tree = flow_tree(quarter, service);
    let mut works =
        Works { quarter, service, above, river, areas: catchments::areas(quarter), drains: Drains::default(), codes: BTreeMap::new() };
    // What has arrived at each node so far.
    let mut arrivals: BTreeMap<Node, Vec<Arrival>> = BTreeMap::new();
    if service == Service::Sewer {
        for (node, trunk) in std::mem::take(&mut seams.trunks) {
            if node.i != quarter.i0 || quarter.owns(node) || ![quarter.south_bank, quarter.south_bank + 1].contains(&node.j) {
                seams.trunks.insert(node, trunk);
                continue;
            }
            works.codes.extend(trunk.code.map(|code| (node, code)));
            let arrived = trunk.arrived.into_iter().map(|(end, catchment_ha)| Arrival { end, catchment_ha });
            arrivals.insert(node, arrived.collect());
        }
    }
    for node in &tree.order {
        for edge in tree.heads.get(node).into_iter().flatten() {
            let arrival = works.head(*edge, *node, out)?;
            arrivals.entry(*node).or_default().push(arrival);
        }
        let arrived = arrivals.remove(node).unwrap_or_default();
        match tree.downstream.get(node) {
            Some(edge) => {
                let arrival = works.lay(Some(*node), &arrived, &Run::along(quarter, service, *edge, *node), out)?;
                arrivals.entry(edge.other_end(*node)).or_default().push(arrival);
            }
            // The trunk goes on under the next quarter.
            None if service == Service::Sewer && !quarter.is_east_edge() => {
                let arrived = arrived.into_iter().map(|arrival| (arrival.end, arrival.catchment_ha)).collect();
                seams.trunks.insert(*node, Trunk { code: works.codes.get(node).cloned(), arrived });
            }
            None => {
                works.lay(Some(*node), &arrived, &Run::to_outfall(quarter, service, *node), out)?;
            }
        }
    }
    Ok(works.drains)
}

/// Never less for more land.
fn storm_l_s_ha(ha: f64) -> f64 {
    let (_, rate) = *STORM_L_S_HA.iter().find(|(most, _)| ha <= *most).expect("the last has no end");
    let before = STORM_L_S_HA.iter().filter(|(most, _)| *most < ha).map(|(most, rate)| most * rate / ha);
    before.fold(rate, f64::max)
}

/// One network as it is being laid.
struct Works<'a> {
    quarter: &'a Quarter<'a>,
    service: Service,
    above: Option<&'a Drains>,
    river: &'a str,
    /// Land that drains to each street, m².
    areas: BTreeMap<Edge, f64>,
    drains: Drains,
    /// Junctions' manholes, named by whichever drain reaches them first.
    codes: BTreeMap<Node, String>,
}

/// A drain as it reaches a node.
struct Arrival {
    end: PipeEnd,
    catchment_ha: f64,
}

/// A way for a drain: from where to where, and what it is part of.
struct Run {
    line: Vec<Plan>,
    /// The junction at its end; none at an outfall.
    to: Option<Node>,
    edge: Option<Edge>,
}

impl Run {
    fn along(quarter: &Quarter, service: Service, edge: Edge, from: Node) -> Self {
        let mut line = quarter.service_line(edge, service);
        if edge.from != from {
            line.reverse();
        }
        Self { line, to: Some(edge.other_end(from)), edge: Some(edge) }
    }

    fn to_outfall(quarter: &Quarter, service: Service, node: Node) -> Self {
        let from = quarter.service_node(node, service);
        let at = quarter.ground().lattice(from);
        let end = match service {
            // Just above the water's edge.
            Service::Storm => {
                let side = if node.j == quarter.south_bank { -1.0 } else { 1.0 };
                Lattice::new(at.u, quarter.water().v + side * (quarter.water().half_m + 1.5))
            }
            _ => Lattice::new(at.u + WORKS_M, at.v),
        };
        Self { line: vec![from, quarter.ground().plan(end)], to: None, edge: None }
    }
}

impl Works<'_> {
    /// A drain that starts in mid-street, below a junction that flows elsewhere.
    fn head(&mut self, edge: Edge, to: Node, out: &mut Emitter) -> Result<Arrival, SinkError> {
        let mut run = Run::along(self.quarter, self.service, edge, edge.other_end(to));
        run.line = part(&run.line, HEAD_DISTANCE_M, line_length(&run.line));
        self.lay(None, &[], &run, out)
    }

    /// Sizes a drain, sets its inverts, and writes its manholes and pipes.
    fn lay(&mut self, from: Option<Node>, arrived: &[Arrival], run: &Run, out: &mut Emitter) -> Result<Arrival, SinkError> {
        let length = line_length(&run.line);
        let share = length / run.edge.map_or(length, |edge| line_length(&self.quarter.service_line(edge, self.service)));
        let own_ha = run.edge.map_or(0.0, |edge| self.areas[&edge] * share / 10_000.0);
        let catchment_ha = arrived.iter().map(|arrival| arrival.catchment_ha).sum::<f64>() + own_ha;
        let pieces = libm::ceil(length / MANHOLE_SPACING_M).max(1.0) as u32;
        let stops: Vec<Plan> = (0..=pieces).map(|k| along(&run.line, length * f64::from(k) / f64::from(pieces)).0).collect();
        let grounds: Vec<f64> = stops.iter().map(|p| self.quarter.ground().height(*p)).collect();
        let ends: Vec<PipeEnd> = arrived.iter().map(|arrival| arrival.end).collect();
        let bounds = Bounds {
            service: self.service,
            stops: &stops,
            grounds: &grounds,
            arrived: &ends,
            crown_from: if run.to.is_some() { self.crown_below(from) } else { self.crown_at_outfall(from) },
            crown_to: self.crown_below(run.to),
            outfall: run.to.is_none(),
        };
        // Planted: a lesser drain that ends or begins in a hollow is full of silt there. A trunk's water would
        // rise elsewhere.
        let ends = from.into_iter().chain(run.to);
        let is_silted = self.service == Service::Storm && catchment_ha < SILTED_HA && ends.into_iter().any(|node| self.is_hollow(node));
        let l_s_ha = match self.service {
            Service::Storm => storm_l_s_ha(catchment_ha),
            _ => SEWAGE_L_S_HA,
        };
        let (diameter_mm, inverts) = bounds.design(catchment_ha * l_s_ha);
        let key = run.edge.map_or((stops[0].e as i64, stops[0].n as i64), |edge| (edge.key(), edge.way as i64));
        let random =
            Random::of(self.quarter.frame.seed, if self.service == Service::Storm { "storm breaks" } else { "sewer breaks" }, key.0, key.1);
        let laid = self.laid(run, stops[0], diameter_mm);
        let mut drain = Drain { random, service: self.service, laid, diameter_mm, catchment_ha };
        let last = pieces as usize;
        let mut previous: Option<String> = None;
        for k in 0..=last {
            let code = match (run.to, from) {
                // A junction's manhole is written when its drain leaves it, at the lowest invert; its code is known now.
                (Some(node), _) if k == last => self.node_code(node, out),
                (None, _) if k == last => drain.outfall(self.outfall_name(out), self.river, stops[k], inverts[k], out)?,
                (_, Some(node)) if k == 0 => {
                    let code = self.node_code(node, out);
                    self.manhole(&drain, code, stops[0], grounds[0], inverts[0], out)?
                }
                _ => {
                    let code = out.code(drain.manhole_prefix());
                    self.manhole(&drain, code, stops[k], grounds[k], inverts[k], out)?
                }
            };
            if let Some(up) = previous {
                let span = [(stops[k - 1], inverts[k - 1], grounds[k - 1]), (stops[k], inverts[k], grounds[k])];
                drain.pipe(&up, &code, span, is_silted && self.is_in_hollow(stops[k - 1].toward(stops[k], 0.5)), out)?;
            }
            previous = Some(code);
        }
        if let Some(node) = from {
            self.drains.low.insert(node, inverts[0] - wall_m(diameter_mm));
        }
        Ok(Arrival { end: PipeEnd { invert_m: inverts[last], diameter_mm }, catchment_ha })
    }

    /// How high a crown may lie at a junction where another network's drains cross above.
    fn crown_below(&self, node: Option<Node>) -> Option<f64> {
        self.above?.low.get(&node?).map(|low| low - CROSSING_GAP_M)
    }

    fn is_hollow(&self, node: Node) -> bool {
        let at = self.quarter.at(node);
        self.hollows().any(|hollow| hollow.centre.distance(at) < 1.0)
    }

    fn is_in_hollow(&self, p: Plan) -> bool {
        let at = self.quarter.ground().lattice(p);
        self.hollows().any(|hollow| hollow.centre.distance(at) < SILTED_M)
    }

    fn hollows(&self) -> impl Iterator<Item = &Rise> {
        self.quarter.ground().marks(self.quarter.a, self.quarter.b).hollows.iter()
    }

    /// Below the trunk main along the bank, too.
    fn crown_at_outfall(&self, node: Option<Node>) -> Option<f64> {
        let under = crown_under(self.quarter, node?).filter(|_| self.service == Service::Storm);
        self.crown_below(node).into_iter().chain(under).reduce(f64::min)
    }

    fn laid(&self, run: &Run, start: Plan, diameter_mm: i64) -> Laid {
        match run.edge {
            Some(edge) => stock::laid(self.quarter, edge, self.service, diameter_mm),
            None => {
                let character = self.quarter.character(self.quarter.part(self.quarter.ground().lattice(start)));
                let (_, year) = stock::built_between(character);
                Laid { year, material: "reinforced_concrete", soil: "high", character }
            }
        }
    }

    /// Code and name of the next outfall.
    fn outfall_name(&self, out: &mut Emitter) -> (String, Name) {
        let code = out.code("PK");
        let serial = code[3..].trim_start_matches('0').to_owned();
        let name = match self.service {
            Service::Storm => {
                let water = self.quarter.frame.water_name(self.quarter.b);
                Name::new(format!("{} {serial} 号雨水排口", water.zh), format!("{} storm outfall {serial}", water.en))
            }
            _ => Name::new(format!("污水处理厂 {serial} 号进水口"), format!("Treatment works inlet {serial}")),
        };
        (code, name)
    }

    fn node_code(&mut self, node: Node, out: &mut Emitter) -> String {
        let prefix = if self.service == Service::Storm { "YSJ" } else { "WSJ" };
        self.codes.entry(node).or_insert_with(|| out.code(prefix)).clone()
    }

    fn manhole(
        &mut self,
        drain: &Drain,
        code: String,
        at: Plan,
        rim_m: f64,
        invert_m: f64,
        out: &mut Emitter,
    ) -> Result<String, SinkError> {
        let depth_m = round_to(round_to(rim_m, 3) - invert_m, 3);
        drain.manhole(&code, at, rim_m, invert_m, depth_m, out)?;
        let Drain { diameter_mm, catchment_ha, .. } = *drain;
        self.drains.manholes.push(Manhole { code: code.clone(), at, rim_m, depth_m, diameter_mm, catchment_ha });
        Ok(code)
    }
}

/// One run's drain, of one bore and one year: writes its features.
struct Drain {
    random: Random,
    service: Service,
    laid: Laid,
    diameter_mm: i64,
    catchment_ha: f64,
}

impl Drain {
    fn manhole_prefix(&self) -> &'static str {
        if self.service == Service::Storm { "YSJ" } else { "WSJ" }
    }

    fn kind(&self) -> &'static str {
        if self.service == Service::Storm { "storm" } else { "sewer" }
    }

    fn manhole(&self, code: &str, at: Plan, rim_m: f64, invert_m: f64, depth_m: f64, out: &mut Emitter) -> Result<(), SinkError> {
        let cover = match self.laid.year {
            ..1990 => "cast_iron",
            1990..2012 => "ductile_iron",
            _ => "composite",
        };
        let row = Row::of("manhole")
            .set("code", code)
            .set("state", "in_use")
            .set("built_year", self.laid.year)
            .set("kind", self.kind())
            .set("depth_m", depth_m)
            .measure("rim_m", rim_m, 3)
            .set("invert_m", invert_m)
            .set("diameter_mm", if self.diameter_mm > 600 { 1250_i64 } else { 1000 })
            .set("cover_kind", cover);
        out.point(row, at, rim_m)
    }

    fn outfall(&self, (code, name): (String, Name), river: &str, at: Plan, invert_m: f64, out: &mut Emitter) -> Result<String, SinkError> {
        let row = Row::of("outfall")
            .set("code", code.as_str())
            .name(&name)
            .set("state", "in_use")
            .set("built_year", self.laid.year)
            .set("kind", self.kind())
            .set("diameter_mm", self.diameter_mm)
            .set("invert_m", invert_m);
        let row = if self.service == Service::Storm { row.set("receives", river) } else { row };
        out.point(row, at, invert_m + self.diameter_mm as f64 / 2000.0)?;
        Ok(code)
    }

    fn pipe(
        &mut self,
        up: &str,
        down: &str,
        [from, to]: [(Plan, f64, f64); 2],
        is_silted: bool,
        out: &mut Emitter,
    ) -> Result<(), SinkError> {
        let (class, prefix) = if self.service == Service::Storm { ("storm_pipe", "YS") } else { ("sewer_pipe", "WS") };
        let code = out.code(prefix);
        let d = self.diameter_mm as f64 / 1000.0;
        let length_m = from.0.distance(to.0);
        // At its upper end; an outfall's lower end lies bare.
        let cover_m = from.2 - from.1 - d;
        let breaks = stock::breaks(&mut self.random, &self.laid, self.service, length_m);
        let row = pipe_row(class, &code, self.diameter_mm, &self.laid, cover_m, length_m, breaks, [up, down])
            .set("invert_from_m", from.1)
            .set("invert_to_m", to.1)
            .set("manning_n", if is_silted { SILTED_N } else { CONCRETE_N })
            .set("functional_grade", if is_silted { "4" } else { "1" });
        out.line(row, &[(from.0, from.1 + d / 2.0), (to.0, to.1 + d / 2.0)])
    }
}
