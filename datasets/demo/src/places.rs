//! River, parks, the hill, districts, ponding points, the fire station.

use crate::SinkError;
use crate::blocks::Use;
use crate::buildings::{Buildings, district_code};
use crate::emit::{Emitter, Row};
use crate::geodesy::round_to;
use crate::ground::{BANK_HALF_M, Lattice, RIVER_HALF_M, RIVER_ROAD_M};
use crate::layout::{Block, District, Layout};
use crate::names;
use crate::plan::Plan;
use std::f64::consts::TAU;

/// The river is the first water that is written.
pub const RIVER_CODE: &str = "SY-00001";
/// It enters and leaves so far outside the town.
const RIVER_BEYOND_M: f64 = 420.0;
const BORDER_STEP_M: f64 = 25.0;

#[derive(Debug, Default)]
pub struct Places {
    /// A point of the river by the main bridge, and the water's level there.
    pub river_gauge: Option<(Plan, f64)>,
    pub ponding: Vec<Ponding>,
    pub fire_station: Option<(String, Plan, f64)>,
}

#[derive(Debug)]
pub struct Ponding {
    pub code: String,
    pub name: (String, String),
    pub at: Plan,
    pub ground_m: f64,
}

pub fn emit(layout: &Layout, town: &Buildings, out: &mut Emitter) -> Result<Places, SinkError> {
    let mut places = Places::default();
    river(layout, out)?;
    riverside(layout, out)?;
    hill(layout, out)?;
    for (block, purpose) in &town.green {
        green(layout, block, *purpose, out)?;
    }
    for district in District::ALL {
        emit_district(layout, district, town.residents.get(&district).copied().unwrap_or(0), out)?;
    }
    let gauge = Lattice::new(layout.columns[layout.main_column].at + 40.0, layout.ground.river_v + RIVER_HALF_M - 2.0);
    places.river_gauge = Some((layout.ground.plan(gauge), layout.ground.water_level(gauge.u)));
    places.ponding = ponding_points(layout, out)?;
    if let Some(station) = &town.fire_station {
        let code = out.code("XFZ");
        let ground_m = layout.ground.height(station.yard);
        let row = Row::of("fire_station")
            .set("code", code.as_str())
            .name(("人民路消防救援站", "Renmin Road Fire Station"))
            .set("state", "in_use")
            .set("built_year", 2008_i64)
            .set("kind", "class_2")
            .set("vehicles", 5_i64)
            .set("staff", 32_i64)
            .set("building", station.building.as_str());
        out.point(row, station.yard, ground_m)?;
        places.fire_station = Some((code, station.yard, ground_m));
    }
    Ok(places)
}

/// A line of constant distance from the river's middle.
fn beside_river(layout: &Layout, off_m: f64, from_u: f64, to_u: f64) -> Vec<Plan> {
    let steps = libm::ceil((to_u - from_u) / 25.0) as u32;
    let at = |k: u32| Lattice::new(from_u + (to_u - from_u) * f64::from(k) / f64::from(steps), layout.ground.river_v + off_m);
    (0..=steps).map(|k| layout.ground.plan(at(k))).collect()
}

fn band(layout: &Layout, near_m: f64, far_m: f64, from_u: f64, to_u: f64) -> Vec<Plan> {
    let mut ring = beside_river(layout, near_m, from_u, to_u);
    let mut back = beside_river(layout, far_m, from_u, to_u);
    back.reverse();
    ring.extend(back);
    ring
}

fn river(layout: &Layout, out: &mut Emitter) -> Result<(), SinkError> {
    let (west, east) = (layout.columns[0].at - RIVER_BEYOND_M, layout.columns[layout.columns.len() - 1].at + RIVER_BEYOND_M);
    let code = out.code("SY");
    debug_assert_eq!(code, RIVER_CODE);
    let row = Row::of("water_area").set("code", code).name(names::RIVER).set("kind", "river").measure(
        "level_m",
        layout.ground.water_level(0.0),
        2,
    );
    let ring = band(layout, -RIVER_HALF_M, RIVER_HALF_M, west, east);
    out.area(row, &[ring], |p| layout.ground.water_level(layout.ground.lattice(p).u))
}

/// Green banks between the water and the roads along it, from bridge to bridge.
fn riverside(layout: &Layout, out: &mut Emitter) -> Result<(), SinkError> {
    let mut cuts = vec![layout.columns[0].at];
    for bridge in layout.bridges {
        let clear = layout.columns[bridge].class.half_m() + 4.0;
        cuts.extend([layout.columns[bridge].at - clear, layout.columns[bridge].at + clear]);
    }
    cuts.push(layout.columns[layout.columns.len() - 1].at);
    let road_side = RIVER_ROAD_M - layout.rows[layout.south_bank].class.half_m() - 1.0;
    let reaches = [("上游", "upper"), ("中段", "middle"), ("下游", "lower")];
    for (side, (zh, en)) in [(1.0, ("滨河北岸", "North bank")), (-1.0, ("滨河南岸", "South bank"))] {
        for (reach, span) in reaches.iter().zip(cuts.chunks(2)) {
            let mut ring = band(layout, side * (BANK_HALF_M - 6.0), side * road_side, span[0], span[1]);
            if side < 0.0 {
                ring.reverse();
            }
            let code = out.code("LY");
            let row = Row::of("park")
                .set("code", code)
                .set("name", format!("{zh}公园（{}）", reach.0))
                .set("name_en", format!("{en} park, {} reach", reach.1))
                .set("state", "in_use")
                .set("built_year", 2012_i64)
                .set("kind", "riverside");
            out.area(row, &[ring], |p| layout.ground.height(p))?;
        }
    }
    Ok(())
}

fn circle(layout: &Layout, centre: Lattice, radius_u: f64, radius_v: f64, steps: u32) -> Vec<Plan> {
    let at = |k: u32| {
        let angle = TAU * f64::from(k) / f64::from(steps);
        Lattice::new(centre.u + radius_u * libm::cos(angle), centre.v + radius_v * libm::sin(angle))
    };
    (0..steps).map(|k| layout.ground.plan(at(k))).collect()
}

fn hill(layout: &Layout, out: &mut Emitter) -> Result<(), SinkError> {
    let hill = layout.ground.hill;
    let code = out.code("LY");
    let row =
        Row::of("park").set("code", code).name(names::HILL_PARK).set("state", "in_use").set("built_year", 1986_i64).set("kind", "forest");
    out.area(row, &[circle(layout, hill.centre, hill.radius_m, hill.radius_m, 72)], |p| layout.ground.height(p))
}

/// A park fills its block; some have a pond.
fn green(layout: &Layout, block: &Block, purpose: Use, out: &mut Emitter) -> Result<(), SinkError> {
    let serial = block.west * 100 + block.south;
    let is_square = purpose == Use::Square;
    let (name, kind) = if is_square {
        (("人民广场", "Renmin Square"), "square")
    } else {
        match layout.district(layout.block_centre(block)) {
            District::SouthBank | District::Industry => (("江南公园", "Jiangnan Park"), "park"),
            District::West => (("西郊公园", "Xijiao Park"), "park"),
            _ => (("莲花公园", "Lianhua Park"), "park"),
        }
    };
    let mut rings = vec![layout.outline(block, 1.0)];
    let centre = layout.block_centre(block);
    if !is_square && serial % 2 == 0 || name.0 == "莲花公园" {
        let (half_u, half_v) = half_size(layout, block);
        let pond = circle(layout, Lattice::new(centre.u - 8.0, centre.v - 4.0), half_u * 0.42, half_v * 0.38, 28);
        let level = round_to(layout.ground.height_at(centre) - 0.6, 2);
        let code = out.code("SY");
        let row = Row::of("water_area")
            .set("code", code)
            .set("name", format!("{}湖", &name.0[..name.0.len() - 6]))
            .set("name_en", "park pond")
            .set("kind", "pond");
        out.area(row.set("level_m", level), std::slice::from_ref(&pond), |_| level)?;
        rings.push(pond.into_iter().rev().collect());
    }
    let code = out.code("LY");
    let row = Row::of("park").set("code", code).name(name).set("state", "in_use").set("built_year", 1999_i64).set("kind", kind);
    out.area(row, &rings, |p| layout.ground.height(p))
}

fn half_size(layout: &Layout, block: &Block) -> (f64, f64) {
    (
        (layout.columns[block.east].at - layout.columns[block.west].at) / 2.0,
        (layout.rows[block.north].at - layout.rows[block.south].at) / 2.0,
    )
}

fn emit_district(layout: &Layout, district: District, residents: i64, out: &mut Emitter) -> Result<(), SinkError> {
    let [west, south, east, north] = layout.district_box(district);
    // Vertices at whole steps of the lattice, so that neighbours share them.
    let side = |from: (f64, f64), to: (f64, f64)| {
        let length = (to.0 - from.0).abs() + (to.1 - from.1).abs();
        let ahead = ((to.0 - from.0) / length, (to.1 - from.1) / length);
        let start = from.0 * ahead.0 + from.1 * ahead.1;
        let inner = (0..).map(move |k| libm::floor(start / BORDER_STEP_M + 1.0) * BORDER_STEP_M + f64::from(k) * BORDER_STEP_M - start);
        let inner = inner.take_while(move |passed| *passed < length).filter(|passed| *passed > 0.0);
        std::iter::once(0.0).chain(inner).map(move |passed| Lattice::new(from.0 + ahead.0 * passed, from.1 + ahead.1 * passed))
    };
    let ring = side((west, south), (east, south))
        .chain(side((east, south), (east, north)))
        .chain(side((east, north), (west, north)))
        .chain(side((west, north), (west, south)));
    let ring: Vec<Plan> = ring.map(|p| layout.ground.plan(p)).collect();
    let row =
        Row::of("district").set("code", district_code(district)).name(district.name()).set("kind", "street").set("residents", residents);
    out.area(row, &[ring], |p| layout.ground.height(p))
}

/// At the bottom of each hollow, beside the carriageway.
fn ponding_points(layout: &Layout, out: &mut Emitter) -> Result<Vec<Ponding>, SinkError> {
    let mut points = vec![];
    for hollow in &layout.ground.hollows {
        let node = layout.nearest_node(hollow.centre);
        let (row_name, column_name) = (layout.rows[node.j].name, layout.columns[node.i].name);
        let aside = layout.rows[node.j].class.carriageway_m() / 2.0 + 1.0;
        let at = layout.crossing(node, aside, layout.columns[node.i].class.carriageway_m() / 2.0 + 1.0);
        let ground_m = layout.ground.height(at);
        let code = out.code("YLD");
        let name = (format!("{}与{}路口", column_name.0, row_name.0), format!("{} and {}", column_name.1, row_name.1));
        let row = Row::of("ponding_point")
            .set("code", code.as_str())
            .set("name", name.0.as_str())
            .set("name_en", name.1.as_str())
            .set("state", "in_use")
            .measure("ground_m", ground_m, 3)
            .set("warn_depth_m", 0.15);
        out.point(row, at, ground_m)?;
        points.push(Ponding { code, name, at, ground_m });
    }
    Ok(points)
}
