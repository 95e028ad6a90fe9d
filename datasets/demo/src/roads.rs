//! Streets, bridges, the tunnel.

use crate::SinkError;
use crate::emit::{Emitter, Row};
use crate::ground::Lattice;
use crate::layout::{Edge, EdgeKind, Layout, Node, RoadClass, Service, Way};
use crate::names;
use crate::plan::{Plan, along, line_length, part};
use crate::random::Random;
use crate::stock;
use std::collections::BTreeMap;

/// From a bridge's end to the middle of the road along the river.
const BRIDGE_INSET_M: f64 = 9.0;
/// How high a bridge's middle stands above its ends.
const CAMBER_M: f64 = 0.9;
pub const TUNNEL_WIDTH_M: f64 = 11.0;
pub const TUNNEL_HEIGHT_M: f64 = 6.5;

/// What other rooms need to know of roads.
#[derive(Debug, Default)]
pub struct Roads {
    /// Code of each street's feature.
    pub codes: BTreeMap<Edge, String>,
    pub bridges: Vec<Bridge>,
    pub tunnel: Option<Tunnel>,
}

#[derive(Debug)]
pub struct Bridge {
    pub code: String,
    pub deck: Vec<(Plan, f64)>,
}

#[derive(Debug)]
pub struct Tunnel {
    pub code: String,
    pub bore: Vec<(Plan, f64)>,
}

pub fn emit(layout: &Layout, out: &mut Emitter) -> Result<Roads, SinkError> {
    let mut roads = Roads::default();
    for (edge, kind) in &layout.edges {
        match kind {
            EdgeKind::Street => {
                let line = on_ground(layout, &layout.middle_line(*edge));
                let code = out.code("DL");
                out.line(road_row(layout, *edge, &code, "ground"), &line)?;
                roads.codes.insert(*edge, code);
            }
            EdgeKind::Bridge => roads.bridges.push(bridge(layout, *edge, out)?),
        }
    }
    roads.tunnel = Some(tunnel(layout, out)?);
    exits(layout, out)?;
    Ok(roads)
}

fn road_row(layout: &Layout, edge: Edge, code: &str, structure: &str) -> Row {
    let class = layout.class(edge);
    let laid = stock::laid(layout, edge, Service::Storm, 400);
    // The hill is pierced for two lanes.
    let (lanes, width_m) = if structure == "tunnel" { (2, TUNNEL_WIDTH_M - 2.0) } else { (class.lanes(), class.carriageway_m()) };
    let speed = match class {
        RoadClass::Branch => 30_i64,
        RoadClass::Secondary => 40,
        RoadClass::Arterial => 60,
    };
    // Every fifth branch street of the old town is too narrow for both directions.
    let line = if edge.way == Way::East { edge.from.j } else { edge.from.i };
    let one_way = class == RoadClass::Branch && Random::of(layout.seed, "one way", line as i64, edge.way as i64).chance(0.2);
    Row::of("road")
        .set("code", code)
        .name(layout.name(edge))
        .set("state", "in_use")
        .set("built_year", laid.year)
        .set("road_class", class.id())
        .set("lanes", lanes)
        .set("width_m", width_m)
        .set("one_way", one_way)
        .set("structure", structure)
        .set("speed_limit_kmh", speed)
}

fn on_ground(layout: &Layout, line: &[Plan]) -> Vec<(Plan, f64)> {
    line.iter().map(|p| (*p, layout.ground.height(*p))).collect()
}

/// The deck from bank to bank, and the road on it: in three pieces, as it leaves the ground and returns to it.
fn bridge(layout: &Layout, edge: Edge, out: &mut Emitter) -> Result<Bridge, SinkError> {
    let middle = layout.middle_line(edge);
    let length = line_length(&middle);
    let (start, end) = (BRIDGE_INSET_M, length - BRIDGE_INSET_M);
    let deck_line = part(&middle, start, end);
    let deck_length = line_length(&deck_line);
    let [south, north] = [start, end].map(|s| layout.ground.height(along(&middle, s).0));
    let mut passed = 0.0;
    let mut deck: Vec<(Plan, f64)> = vec![];
    for p in deck_line {
        passed += deck.last().map_or(0.0, |(before, _): &(Plan, f64)| before.distance(p));
        let share = passed / deck_length;
        let camber = CAMBER_M * 4.0 * share * (1.0 - share);
        deck.push((p, south + (north - south) * share + camber));
    }
    for (piece, structure) in [
        (on_ground(layout, &part(&middle, 0.0, start)), "ground"),
        (deck.clone(), "bridge"),
        (on_ground(layout, &part(&middle, end, length)), "ground"),
    ] {
        let road = out.code("DL");
        out.line(road_row(layout, edge, &road, structure), &piece)?;
    }
    let (road_zh, road_en) = layout.name(edge);
    let arterial = layout.class(edge) == RoadClass::Arterial;
    let zh = format!("{}大桥", road_zh.trim_end_matches('路'));
    let en = format!("{} Bridge", road_en.trim_end_matches(" Road"));
    let code = out.code("QL");
    let row = Row::of("bridge")
        .set("code", code.as_str())
        .set("name", zh)
        .set("name_en", en)
        .set("state", "in_use")
        .set("built_year", if arterial { 1998_i64 } else { 2011 })
        .set("width_m", layout.class(edge).carriageway_m() + 6.0)
        .measure("length_m", deck_length, 1)
        .set("kind", "beam")
        .set("spans", 4_i64)
        .set("load_limit_t", if arterial { 55.0 } else { 49.0 })
        .set("condition", if arterial { "B" } else { "A" });
    out.line(row, &deck)?;
    Ok(Bridge { code, deck })
}

/// The main row between the last node before the hill and the first behind it: open road, bore, open road.
fn tunnel(layout: &Layout, out: &mut Emitter) -> Result<Tunnel, SinkError> {
    let bore = layout.ground.bore;
    let (west, east) = (layout.columns[layout.tunnel.0].at, layout.columns[layout.tunnel.1].at);
    let (from, to) = bore.portals;
    let edge = Edge { from: Node { i: layout.tunnel.0, j: layout.main_row }, way: Way::East };
    let piece = |from: f64, to: f64| -> Vec<Lattice> {
        let steps = libm::ceil((to - from) / 12.0) as u32;
        (0..=steps).map(|k| Lattice::new(from + (to - from) * f64::from(k) / f64::from(steps), bore.v)).collect()
    };
    let open =
        |line: Vec<Lattice>| -> Vec<(Plan, f64)> { line.iter().map(|p| (layout.ground.plan(*p), layout.ground.height_at(*p))).collect() };
    let bored: Vec<(Plan, f64)> = piece(from, to).iter().map(|p| (layout.ground.plan(*p), layout.ground.bore_height(p.u))).collect();
    for (line, structure) in [(open(piece(west, from)), "ground"), (bored.clone(), "tunnel"), (open(piece(to, east)), "ground")] {
        let code = out.code("DL");
        out.line(road_row(layout, edge, &code, structure), &line)?;
    }
    let code = out.code("SD");
    let row = Row::of("tunnel")
        .set("code", code.as_str())
        .name(names::TUNNEL)
        .set("state", "in_use")
        .set("built_year", 2014_i64)
        .set("width_m", TUNNEL_WIDTH_M)
        .set("height_m", TUNNEL_HEIGHT_M)
        .measure("length_m", line_length(&bored.iter().map(|(p, _)| *p).collect::<Vec<_>>()), 1)
        .set("kind", "mined");
    out.line(row, &bored)?;
    Ok(Tunnel { code, bore: bored })
}

/// The arterials go on into the country.
fn exits(layout: &Layout, out: &mut Emitter) -> Result<(), SinkError> {
    let (last_i, last_j) = (layout.columns.len() - 1, layout.rows.len() - 1);
    let ends = [
        (Node { i: 0, j: layout.main_row }, Way::East, -1.0),
        (Node { i: last_i, j: layout.main_row }, Way::East, 1.0),
        (Node { i: layout.main_column, j: 0 }, Way::North, -1.0),
        (Node { i: layout.main_column, j: last_j }, Way::North, 1.0),
    ];
    for (node, way, sign) in ends {
        let at = layout.at(node);
        let line: Vec<Plan> = (0..=10)
            .map(|k| {
                let ahead = sign * 16.0 * f64::from(k);
                layout.ground.plan(match way {
                    Way::East => Lattice::new(at.u + ahead, at.v),
                    Way::North => Lattice::new(at.u, at.v + ahead),
                })
            })
            .collect();
        // An edge of the same street, for its name and class.
        let edge = Edge { from: Node { i: node.i.min(last_i - 1), j: node.j.min(last_j - 1) }, way };
        let code = out.code("DL");
        out.line(road_row(layout, edge, &code, "ground"), &on_ground(layout, &line))?;
    }
    Ok(())
}
