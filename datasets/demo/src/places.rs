//! Parks and the hill, ponding points, the fire station.

use crate::SinkError;
use crate::admin::Part;
use crate::blocks::Use;
use crate::buildings::{Buildings, main_street};
use crate::emit::{Emitter, Row};
use crate::geodesy::round_to;
use crate::ground::Lattice;
use crate::names::Name;
use crate::plan::Plan;
use crate::quarter::Quarter;
use crate::streets::{Block, Edge, Node, Way};
use crate::waters;
use std::f64::consts::TAU;

#[derive(Debug, Default)]
pub struct Places {
    /// Code of the water that runs through the quarter.
    pub river: String,
    /// A point of the water by the main bridge, and its level there.
    pub river_gauge: Option<(Plan, f64)>,
    pub ponding: Vec<Ponding>,
    pub fire_station: Option<(String, Plan, f64)>,
}

#[derive(Debug)]
pub struct Ponding {
    pub code: String,
    pub name: Name,
    pub at: Plan,
    pub ground_m: f64,
    pub radius_m: f64,
}

pub fn emit(quarter: &Quarter, town: &Buildings, out: &mut Emitter) -> Result<Places, SinkError> {
    let mut places = Places { river: waters::reach(quarter, out)?, ..Places::default() };
    waters::banks(quarter, out)?;
    waters::shore(quarter, out)?;
    hill(quarter, out)?;
    let mut parks = 0;
    for (block, purpose) in &town.green {
        green(quarter, block, *purpose, &mut parks, out)?;
    }
    let gauge = Lattice::new(quarter.column(quarter.main_column).at + 40.0, quarter.water().v + quarter.water().half_m - 2.0);
    places.river_gauge = Some((quarter.ground().plan(gauge), quarter.water_level(gauge.u)));
    places.ponding = ponding_points(quarter, out)?;
    if let Some(station) = &town.fire_station {
        let code = out.code("XFZ");
        let ground_m = quarter.ground().height(station.yard);
        let row = Row::of("fire_station")
            .set("code", code.as_str())
            .name(&main_street(quarter).and("消防救援站", "Fire Station"))
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

fn circle(quarter: &Quarter, centre: Lattice, radius_u: f64, radius_v: f64, steps: u32) -> Vec<Plan> {
    let at = |k: u32| {
        let angle = TAU * f64::from(k) / f64::from(steps);
        Lattice::new(centre.u + radius_u * libm::cos(angle), centre.v + radius_v * libm::sin(angle))
    };
    (0..steps).map(|k| quarter.ground().plan(at(k))).collect()
}

fn hill(quarter: &Quarter, out: &mut Emitter) -> Result<(), SinkError> {
    let Some(hill) = quarter.hill() else { return Ok(()) };
    let code = out.code("LY");
    let name = quarter.frame.hill_name(quarter.a, quarter.b).and("森林公园", "Forest Park");
    let row = Row::of("park").set("code", code).name(&name).set("state", "in_use").set("built_year", 1986_i64).set("kind", "forest");
    let rise = hill.rise;
    out.area(row, &[circle(quarter, rise.centre, rise.radius_m, rise.radius_m, 72)], |p| quarter.ground().height(p))
}

/// A park fills its block; some have a pond.
fn green(quarter: &Quarter, block: &Block, purpose: Use, parks: &mut usize, out: &mut Emitter) -> Result<(), SinkError> {
    let (name, kind) = green_name(quarter, block, purpose, *parks);
    *parks += usize::from(purpose == Use::Park);
    let mut rings = vec![quarter.outline(block, 1.0)];
    let centre = quarter.block_centre(block);
    if purpose == Use::Park && ((block.west * 100 + block.south).is_multiple_of(2) || name.zh == "莲花公园") {
        let (half_u, half_v) = half_size(quarter, block);
        let pond = circle(quarter, Lattice::new(centre.u - 8.0, centre.v - 4.0), half_u * 0.42, half_v * 0.38, 28);
        let level = round_to(quarter.ground().height_at(centre) - 0.6, 2);
        let code = out.code("SY");
        let row = Row::of("water_area")
            .set("code", code)
            .set("name", format!("{}湖", name.zh.trim_end_matches("公园")))
            .set("name_en", "park pond")
            .set("kind", "pond");
        out.area(row.set("level_m", level), std::slice::from_ref(&pond), |_| level)?;
        rings.push(pond.into_iter().rev().collect());
    }
    let code = out.code("LY");
    let row = Row::of("park").set("code", code).name(&name).set("state", "in_use").set("built_year", 1999_i64).set("kind", kind);
    out.area(row, &rings, |p| quarter.ground().height(p))
}

/// In the middle of the city they have names of their own.
fn green_name(quarter: &Quarter, block: &Block, purpose: Use, parks: usize) -> (Name, &'static str) {
    if purpose == Use::Square {
        let name = if quarter.is_middle() { ("人民广场", "Renmin Square").into() } else { quarter.stem().and("广场", "Square") };
        return (name, "square");
    }
    if !quarter.is_middle() {
        let (zh, en) = [("公园", "Park"), ("东公园", "East Park"), ("南公园", "South Park")][parks % 3];
        return (quarter.stem().and(zh, en), "park");
    }
    let name = match quarter.part(quarter.block_centre(block)) {
        Part::SouthWest | Part::SouthEast => ("江南公园", "Jiangnan Park"),
        Part::West => ("西郊公园", "Xijiao Park"),
        _ => ("莲花公园", "Lianhua Park"),
    };
    (name.into(), "park")
}

fn half_size(quarter: &Quarter, block: &Block) -> (f64, f64) {
    (
        (quarter.column(block.east).at - quarter.column(block.west).at) / 2.0,
        (quarter.row(block.north).at - quarter.row(block.south).at) / 2.0,
    )
}

/// At the bottom of each hollow, beside the carriageway.
fn ponding_points(quarter: &Quarter, out: &mut Emitter) -> Result<Vec<Ponding>, SinkError> {
    let mut points = vec![];
    for hollow in &quarter.ground().marks(quarter.a, quarter.b).hollows {
        // A hollow lies at a junction.
        let i = (quarter.i0..=quarter.i1).find(|i| quarter.column(*i).at >= hollow.centre.u).unwrap_or(quarter.i1);
        let j = (quarter.j0..=quarter.j1).find(|j| quarter.row(*j).at >= hollow.centre.v).unwrap_or(quarter.j1);
        let node = Node { i, j };
        let aside = quarter.row(j).class.carriageway_m() / 2.0 + 1.0;
        let at = quarter.crossing(node, aside, quarter.column(i).class.carriageway_m() / 2.0 + 1.0);
        let ground_m = quarter.ground().height(at);
        let code = out.code("YLD");
        let [column, row] = [Way::North, Way::East].map(|way| quarter.name(Edge { from: node, way }));
        let name = Name::new(format!("{}与{}路口", column.zh, row.zh), format!("{} and {}", column.en, row.en));
        let row = Row::of("ponding_point")
            .set("code", code.as_str())
            .name(&name)
            .set("state", "in_use")
            .measure("ground_m", ground_m, 3)
            .set("warn_depth_m", 0.15);
        out.point(row, at, ground_m)?;
        points.push(Ponding { code, name, at, ground_m, radius_m: hollow.radius_m });
    }
    Ok(points)
}
