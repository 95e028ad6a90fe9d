//! Trunk mains of a city of several quarters: from a works upstream along each watercourse's northern bank, filling the
//! basins of the quarters that it passes. Written when its last quarter is, since only then is known what it carries.

use super::kpa;
use super::sizing::gain;
use super::supply::Lift;
use crate::SinkError;
use crate::admin::Character;
use crate::emit::{Emitter, Row, below_ground};
use crate::geodesy::round_to;
use crate::ground::Lattice;
use crate::mains::{node_row, pipe_row};
use crate::plan::{Plan, along, line_length};
use crate::quarter::Quarter;
use crate::stock::Laid;
use crate::streets::Node;

/// Quarters that one works feeds by one main, at most.
const QUARTERS: usize = 10;
/// Bores, and the velocity beyond which the next is taken (GB 50013-2018: 0.6 to 1.6 m/s is economic).
const DIAMETERS_MM: [i64; 6] = [600, 700, 800, 900, 1000, 1200];
const MOST_VELOCITY: f64 = 1.2;
/// Hazen–Williams C of lined steel.
const ROUGHNESS: f64 = 125.0;
/// In the green of the bank it may lie flat, above the pipes that go under the river.
const COVER_M: f64 = 0.80;
/// From the top of the bank towards the road.
const OFF_BANK_M: f64 = 4.0;
/// Storm drains pass beneath: the main, the distance by law, and the drain's own wall.
const DRAINS_BELOW_M: f64 = COVER_M + 1.26 + 0.40 + 0.24;
/// Left at the basin that is hardest to reach.
const RESIDUAL_M: f64 = 18.0;
const SECTION_M: f64 = 400.0;
const STEP_M: f64 = 20.0;
const YEAR: i64 = 1998;

/// A basin to fill.
#[derive(Debug)]
pub struct Inlet {
    pub basin: (String, Plan),
    /// The zone's mean demand: it comes evenly, by day and night.
    pub lps: f64,
}

/// A village's works feed it without.
pub fn is_fed(quarter: &Quarter) -> bool {
    quarter.frame.extent.across > 1
}

pub fn ends_in(quarter: &Quarter) -> bool {
    quarter.is_east_edge() || (quarter.a + 1).is_multiple_of(QUARTERS)
}

/// How high the crown of a storm drain may lie that leaves a junction of the northern bank for the water.
pub fn crown_under(quarter: &Quarter, node: Node) -> Option<f64> {
    let crosses = is_fed(quarter) && node.j == quarter.south_bank + 1;
    crosses.then(|| quarter.ground().height_at(beside(quarter, quarter.at(node).u)) - DRAINS_BELOW_M)
}

fn beside(quarter: &Quarter, u: f64) -> Lattice {
    let water = quarter.water();
    Lattice::new(u, water.v + water.bank_half_m() + OFF_BANK_M)
}

/// A stretch of the main from one node to the next.
struct Section {
    line: Vec<Plan>,
    length_m: f64,
    lps: f64,
    diameter_mm: i64,
    /// The basin at its end.
    fills: Option<usize>,
}

/// Writes works, pumps, main and branches. Returns the works and the pressure behind their pumps, kPa.
pub fn emit(quarter: &Quarter, inlets: &[Inlet], out: &mut Emitter) -> Result<((String, Plan, f64), f64), SinkError> {
    let first = quarter.a + 1 - inlets.len();
    // Upstream of the city, or, where the main before has ended, on the bank between two bridges.
    let west_u = quarter.frame.columns[quarter.frame.across[first].west].at;
    let start_u = west_u + if first == 0 { -100.0 } else { 75.0 };
    let ground = |p: Plan| quarter.ground().height(p);
    let manifold_at = quarter.ground().plan(beside(quarter, start_u));
    let sections = sections(quarter, inlets, start_u);
    let lps: f64 = inlets.iter().map(|inlet| inlet.lps).sum();
    // Two pumps of whole m³/h; their head is what the worst basin asks for.
    let rated_lps = libm::ceil(lps * 3.6 / 2.0) * 2.0 / 3.6;
    let mut falls = vec![0.0];
    for section in &sections {
        falls.push(falls[falls.len() - 1] + section.loss_m());
    }
    let wanted = sections.iter().zip(&falls[1..]).map(|(section, fall)| ground(section.end()) + RESIDUAL_M + fall);
    let ground_m = ground(manifold_at);
    let basin_m = round_to(ground_m - 1.0, 2);
    let head_m = wanted.fold(ground_m + RESIDUAL_M + 2.0, f64::max) - basin_m;
    let rated = (rated_lps, round_to(libm::ceil(head_m * 2.0) / 2.0, 1));
    let manifold_m = basin_m + gain(rated, lps);
    let zone = out.code("GSQ");
    let end_u = quarter.ground().lattice(sections[sections.len() - 1].end()).u;
    emit_zone(quarter, &zone, start_u, end_u, out)?;
    let upstream = beside(quarter, start_u - 40.0);
    let back = (quarter.ground().plan(Lattice::new(upstream.u, upstream.v + 14.0)) - manifold_at).unit();
    let lift = Lift {
        stem: quarter.frame.water_name(quarter.b),
        station: quarter.frame.water_name(quarter.b).and("送水泵房", "High-lift Pump House"),
        year: YEAR,
        manifold: manifold_at,
        back,
        ground_m,
        basin_m,
        basin_at: manifold_at + back * 22.0,
        rated,
        zone: &zone,
    };
    let (basin, manifold) = lift.emit(quarter, out)?;
    let works = lift.works(quarter, &basin, sections[0].diameter_mm, out)?;
    let mut from = (manifold, ground_m);
    for (section, fall) in sections.iter().zip(falls.windows(2)) {
        let at = section.end();
        let to = (out.code("JPD"), ground(at));
        let kind = if section.fills.is_some() { "junction" } else { "bend" };
        let row = node_row("water_node", &to.0, kind, to.1).set("zone", zone.as_str());
        out.point(row, at, to.1 - COVER_M)?;
        let pressures = [manifold_m - fall[0] - from.1, manifold_m - fall[1] - to.1];
        let middle = (pressures[0] + pressures[1]) / 2.0;
        pipe(quarter, section.diameter_mm, &section.line, [&from.0, &to.0], middle, &zone, out)?;
        if let Some(inlet) = section.fills.map(|k| &inlets[k]) {
            branch(quarter, inlet, (at, &to.0), pressures[1], &zone, out)?;
        }
        from = to;
    }
    Ok((works, kpa(manifold_m - ground_m)))
}

fn sections(quarter: &Quarter, inlets: &[Inlet], start_u: f64) -> Vec<Section> {
    let mut sections = vec![];
    let mut u = start_u;
    for (k, inlet) in inlets.iter().enumerate() {
        let tee_u = quarter.ground().lattice(inlet.basin.1).u;
        let lps: f64 = inlets[k..].iter().map(|inlet| inlet.lps).sum();
        let is_wide = |mm: &i64| super::hydraulics::velocity(lps, *mm as f64) <= MOST_VELOCITY;
        let diameter_mm = DIAMETERS_MM.into_iter().find(is_wide).unwrap_or(DIAMETERS_MM[DIAMETERS_MM.len() - 1]);
        let pieces = libm::ceil((tee_u - u) / SECTION_M) as u32;
        for piece in 0..pieces {
            let at = |n: u32| u + (tee_u - u) * f64::from(n) / f64::from(pieces);
            let (west, east) = (at(piece), at(piece + 1));
            let steps = libm::ceil((east - west) / STEP_M) as u32;
            let point = |n: u32| quarter.ground().plan(beside(quarter, west + (east - west) * f64::from(n) / f64::from(steps)));
            let line: Vec<Plan> = (0..=steps).map(point).collect();
            let length_m = round_to(line_length(&line), 2);
            sections.push(Section { line, length_m, lps, diameter_mm, fills: (piece + 1 == pieces).then_some(k) });
        }
        u = tee_u;
    }
    sections
}

impl Section {
    fn end(&self) -> Plan {
        self.line[self.line.len() - 1]
    }

    /// Hazen–Williams.
    fn loss_m(&self) -> f64 {
        let bore = libm::pow(self.diameter_mm as f64 / 1000.0, 4.871);
        10.667 * self.length_m * libm::pow(self.lps / 1000.0 / ROUGHNESS, 1.852) / bore
    }
}

/// The green along the bank that the main lies in.
fn emit_zone(quarter: &Quarter, zone: &str, from_u: f64, to_u: f64, out: &mut Emitter) -> Result<(), SinkError> {
    let row = Row::of("water_zone")
        .set("code", zone)
        .name(&quarter.frame.water_name(quarter.b).and("输水干管系统", "Trunk Main"))
        .set("state", "in_use")
        .set("pressure_zone", true)
        .set("customers", 0_i64)
        .set("residents", 0_i64);
    let steps = libm::ceil((to_u - from_u) / 60.0) as u32;
    let side = |off_m: f64| {
        (0..=steps).map(move |n| {
            let at = beside(quarter, from_u + (to_u - from_u) * f64::from(n) / f64::from(steps));
            quarter.ground().plan(Lattice::new(at.u, at.v + off_m))
        })
    };
    let ring: Vec<Plan> = side(-4.0).chain(side(4.0).rev()).collect();
    out.area(row, &[ring], |p| quarter.ground().height(p))
}

fn pipe(
    quarter: &Quarter,
    diameter_mm: i64,
    line: &[Plan],
    ends: [&str; 2],
    pressure_m: f64,
    zone: &str,
    out: &mut Emitter,
) -> Result<String, SinkError> {
    let laid = Laid { year: YEAR, material: "steel", soil: "high", character: Character::Houses };
    let code = out.code("JP");
    let row = pipe_row("water_pipe", &code, diameter_mm, &laid, COVER_M, line_length(line), 0, ends)
        .set("pressure_kpa", kpa(pressure_m))
        .set("kind", "transmission")
        .set("roughness", ROUGHNESS)
        .set("zone", zone);
    out.line(row, &below_ground(quarter.ground(), line, COVER_M + diameter_mm as f64 / 2000.0))?;
    Ok(code)
}

/// From the main into a basin, by a valve that lets in what the zone takes on average.
fn branch(
    quarter: &Quarter,
    inlet: &Inlet,
    (tee_at, tee): (Plan, &str),
    pressure_m: f64,
    zone: &str,
    out: &mut Emitter,
) -> Result<(), SinkError> {
    let line = [tee_at, inlet.basin.1];
    let diameter_mm = if inlet.lps > 200.0 { 500 } else { 400_i64 };
    let code = pipe(quarter, diameter_mm, &line, [tee, &inlet.basin.0], pressure_m, zone, out)?;
    let at = along(&line, (line_length(&line) * 0.6).min(3.0)).0;
    let row = Row::of("water_valve")
        .set("code", out.code("JPF"))
        .set("state", "in_use")
        .set("built_year", 2009_i64)
        .set("diameter_mm", diameter_mm)
        .set("kind", "fcv")
        .set("position", "open")
        .set("operable", "ok")
        .set("pipe", code)
        .set("node", tee)
        .measure("setting", inlet.lps, 3);
    out.point(row, at, quarter.ground().height(at))
}
