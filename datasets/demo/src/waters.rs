//! The strip's watercourse and the parks along its banks; the lake and its shore.

use crate::SinkError;
use crate::emit::{Emitter, Row};
use crate::frame::Frame;
use crate::geodesy::round_to;
use crate::ground::Lattice;
use crate::names::LAKE;
use crate::plan::Plan;
use crate::quarter::Quarter;

/// A watercourse enters so far outside the city, and leaves it where no lake takes it in.
const BEYOND_M: f64 = 420.0;
/// Its mouth reaches so far into the lake, so that no gap is left between the two.
const MOUTH_M: f64 = 6.0;
const STEP_M: f64 = 25.0;

/// The quarter's reach, from boundary to boundary. Returns its code.
pub fn reach(quarter: &Quarter, out: &mut Emitter) -> Result<String, SinkError> {
    let frame = quarter.frame;
    let west = quarter.column(quarter.i0).at - if quarter.a == 0 { BEYOND_M } else { 0.0 };
    let mut east = quarter.column(quarter.i1).at;
    if quarter.is_east_edge() {
        let shore = frame.ground.lake.and_then(|lake| lake.shore_u(quarter.water().v));
        east = shore.map_or(east + BEYOND_M, |shore| shore + MOUTH_M);
    }
    let code = out.code("SY");
    let is_river = quarter.b == frame.extent.middle().1;
    let kind = if !is_river && frame.is_canal(quarter.b) { "canal" } else { "river" };
    let middle = (quarter.column(quarter.i0).at + quarter.column(quarter.i1).at) / 2.0;
    let row = Row::of("water_area").set("code", code.as_str()).name(&frame.water_name(quarter.b)).set("kind", kind).measure(
        "level_m",
        quarter.water_level(middle),
        2,
    );
    let half = quarter.water().half_m;
    let ring = band(quarter, -half, half, west, east);
    out.area(row, &[ring], |p| quarter.water_level(frame.ground.lattice(p).u))?;
    Ok(code)
}

/// A line of constant distance from the water's middle.
fn beside(quarter: &Quarter, off_m: f64, from_u: f64, to_u: f64) -> Vec<Plan> {
    let steps = libm::ceil((to_u - from_u) / STEP_M).max(1.0) as u32;
    let at = |k: u32| Lattice::new(from_u + (to_u - from_u) * f64::from(k) / f64::from(steps), quarter.water().v + off_m);
    (0..=steps).map(|k| quarter.ground().plan(at(k))).collect()
}

fn band(quarter: &Quarter, near_m: f64, far_m: f64, from_u: f64, to_u: f64) -> Vec<Plan> {
    let mut ring = beside(quarter, near_m, from_u, to_u);
    let mut back = beside(quarter, far_m, from_u, to_u);
    back.reverse();
    ring.extend(back);
    ring
}

/// Green banks between the water and the roads along it, from bridge to bridge.
pub fn banks(quarter: &Quarter, out: &mut Emitter) -> Result<(), SinkError> {
    let mut cuts = vec![quarter.column(quarter.i0).at];
    for bridge in &quarter.bridges {
        let clear = quarter.column(*bridge).class.half_m() + 4.0;
        cuts.extend([quarter.column(*bridge).at - clear, quarter.column(*bridge).at + clear]);
    }
    cuts.push(quarter.column(quarter.i1).at);
    // A quarter that has a neighbour in the west begins behind that one's bridge.
    if !quarter.bridges.contains(&quarter.i0) && quarter.a > 0 {
        cuts[0] += quarter.column(quarter.i0).class.half_m() + 4.0;
    }
    let spans: Vec<[f64; 2]> = cuts.chunks(2).map(|pair| [pair[0], pair[1]]).filter(|span| span[1] - span[0] > 30.0).collect();
    let water = quarter.water();
    let road_side = water.road_m() - quarter.row(quarter.south_bank).class.half_m() - 1.0;
    let name = quarter.frame.water_name(quarter.b);
    let reaches = [("上游", "upper"), ("中段", "middle"), ("下游", "lower")];
    for (side, (zh, en)) in [(1.0, ("北岸", "north bank")), (-1.0, ("南岸", "south bank"))] {
        for (reach, span) in reaches.iter().zip(&spans) {
            let mut ring = band(quarter, side * (water.bank_half_m() - 6.0), side * road_side, span[0], span[1]);
            if side < 0.0 {
                ring.reverse();
            }
            let code = out.code("LY");
            let row = Row::of("park")
                .set("code", code)
                .set("name", format!("{}{}{zh}公园（{}）", quarter.stem().zh, name.zh, reach.0))
                .set("name_en", format!("{} {} park, {en}, {} reach", quarter.stem().en, name.en, reach.1))
                .set("state", "in_use")
                .set("built_year", 2012_i64)
                .set("kind", "riverside");
            out.area(row, &[ring], |p| quarter.ground().height(p))?;
        }
    }
    Ok(())
}

/// The lake, once.
pub fn lake(frame: &Frame, out: &mut Emitter) -> Result<(), SinkError> {
    let Some(lake) = &frame.ground.lake else { return Ok(()) };
    let ring: Vec<Plan> = lake.outline(40.0).into_iter().map(|p| frame.ground.plan(p)).collect();
    let code = out.code("SY");
    let level = round_to(lake.level_m, 2);
    let row = Row::of("water_area").set("code", code).name(&LAKE.into()).set("kind", "lake").set("level_m", level);
    out.area(row, &[ring], |_| level)
}

/// A park between the last street and the lake, on both sides of the water that flows into it.
pub fn shore(quarter: &Quarter, out: &mut Emitter) -> Result<(), SinkError> {
    let Some(lake) = quarter.ground().lake.filter(|_| quarter.is_east_edge()) else { return Ok(()) };
    let west = quarter.column(quarter.i1).at + quarter.column(quarter.i1).class.half_m() + 6.0;
    let water = quarter.water();
    let clear = water.bank_half_m() + 4.0;
    let (south, north) = (quarter.row(quarter.j0).at, quarter.row(quarter.j1).at);
    for (from, to, (zh, en)) in [(south, water.v - clear, ("南", "south")), (water.v + clear, north, ("北", "north"))] {
        let steps = libm::ceil((to - from) / 30.0) as u32;
        let along = (0..=steps).map(|k| from + (to - from) * f64::from(k) / f64::from(steps));
        let shore = |v: f64| lake.shore_u(v).map_or(west + 60.0, |u| u - 6.0).max(west + 60.0);
        let mut ring: Vec<Lattice> = along.clone().map(|v| Lattice::new(shore(v), v)).collect();
        ring.extend(along.rev().map(|v| Lattice::new(west, v)));
        let ring: Vec<Plan> = ring.into_iter().map(|p| quarter.ground().plan(p)).collect();
        let code = out.code("LY");
        let row = Row::of("park")
            .set("code", code)
            .set("name", format!("{}东湖公园（{zh}段）", quarter.stem().zh))
            .set("name_en", format!("{} lakeside park, {en}", quarter.stem().en))
            .set("state", "in_use")
            .set("built_year", 2015_i64)
            .set("kind", "park");
        out.area(row, &[ring], |p| quarter.ground().height(p))?;
    }
    Ok(())
}
