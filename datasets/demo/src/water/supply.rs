//! Where a zone's water comes from: a basin, the pumps that lift from it, the meter behind them. In the west that is the
//! water works upstream of the city, in the quarters to the east a station on the river's bank.

use super::Run;
use super::sizing::Design;
use crate::SinkError;
use crate::admin::Character;
use crate::emit::{Emitter, Row};
use crate::geodesy::round_to;
use crate::ground::Lattice;
use crate::mains::{Net, WATER_COVER_M, axis, node_row, pipe_row};
use crate::names::Name;
use crate::plan::{Plan, line_length};
use crate::quarter::Quarter;
use crate::stock::Laid;
use crate::streets::{EdgeKind, Node};
use std::cmp::Reverse;

/// Hazen–Williams C of the main behind the pumps.
pub const OUTLET_C: i64 = 128;
/// The basin's water stands so far below the ground around it.
const BASIN_DEPTH_M: f64 = 1.0;
/// From the pipe in the street to the pumps on the bank.
const SET_BACK_M: f64 = 5.0;
/// Two pumps run, one stands by.
const PUMPS: i64 = 3;

#[derive(Debug)]
pub struct Site {
    /// The junction that is fed.
    pub node: Node,
    is_works: bool,
    joins: Plan,
    /// Where the pumps' pipes come together.
    pub manifold: Plan,
    /// Away from the street.
    back: Plan,
    pub ground_m: f64,
    /// Level of the basin.
    pub basin_m: f64,
}

impl Site {
    pub fn of(quarter: &Quarter, net: &Net, runs: &[Run]) -> Self {
        let is_works = quarter.a == 0;
        let node = if is_works { quarter.entry() } else { on_the_bank(quarter, runs) };
        let joins = net.nodes[&node].at;
        let at = quarter.ground().lattice(joins);
        let manifold = if is_works {
            quarter.ground().plan(Lattice::new(at.u - 80.0, at.v + 2.0))
        } else {
            quarter.ground().plan(Lattice::new(at.u, at.v - SET_BACK_M))
        };
        let ground_m = quarter.ground().height(manifold);
        let basin_m = round_to(ground_m - BASIN_DEPTH_M, 2);
        Self { node, is_works, joins, manifold, back: (manifold - joins).unit(), ground_m, basin_m }
    }

    fn outlet(&self) -> Vec<Plan> {
        (0..=4).map(|k| self.manifold.toward(self.joins, f64::from(k) / 4.0)).collect()
    }

    pub fn outlet_m(&self) -> f64 {
        round_to(line_length(&self.outlet()), 2)
    }
}

/// The junction of the road along the northern bank from which water can go most ways, near the middle, away from bridges.
fn on_the_bank(quarter: &Quarter, runs: &[Run]) -> Node {
    let ways = |node: Node| {
        let leads = |run: &&Run| run.edge.ends().contains(&node) && quarter.owns(run.edge.other_end(node));
        runs.iter().filter(leads).count()
    };
    let bank = (quarter.i0 + 1..quarter.i1).map(|i| Node { i, j: quarter.south_bank + 1 });
    let inland = bank.filter(|node| !quarter.bridges.contains(&node.i));
    let off_middle = |node: &Node| (2 * node.i).abs_diff(quarter.i0 + quarter.i1);
    let mut known: Vec<Node> = inland.collect();
    known.sort_by_key(|node| (Reverse(ways(*node)), off_middle(node), node.i));
    *known.first().expect("a road with junctions runs along the bank")
}

/// Basin, station, pumps, the main into the network and its meter. `join` is the code of the node that is fed. Returns the
/// works, where these are the works.
pub fn emit(
    quarter: &Quarter,
    site: &Site,
    design: &Design,
    zone: &str,
    join: &str,
    join_kpa: f64,
    out: &mut Emitter,
) -> Result<Option<(String, Plan, f64)>, SinkError> {
    let height = |p: Plan| quarter.ground().height(p);
    let is_works = site.is_works;
    let is_first = is_works && quarter.b == quarter.frame.extent.middle().1;
    let stem: Name = if is_first { ("示范市", "Shifan").into() } else { quarter.stem() };
    let year = if is_works { 1992_i64 } else { 2006 };
    let capacity = libm::ceil(design.rated_lps * 86.4 * 1.2 / 500.0) * 500.0;
    // Not towards the river, where the ground falls.
    let basin_at = site.manifold + site.back * 6.0 - site.back.left() * 14.0;
    let basin = out.code("QSC");
    let row = Row::of("water_reservoir")
        .set("code", basin.as_str())
        .name(&stem.and("清水池", "Clear-water Basin"))
        .set("state", "in_use")
        .set("built_year", year)
        .measure("head_m", site.basin_m, 2)
        .measure("volume_m3", capacity * 0.15, 0)
        .set("zone", zone);
    out.point(row, basin_at, height(basin_at))?;
    let manifold = out.code("JPD");
    let manifold_z = site.ground_m - WATER_COVER_M;
    out.point(node_row("water_node", &manifold, "junction", site.ground_m).set("zone", zone), site.manifold, manifold_z)?;
    let works = if is_works { Some(works(quarter, site, &stem, capacity, zone, (&basin, basin_at), out)?) } else { None };
    let station = out.code("GSB");
    let house = site.manifold + site.back * 4.0;
    let name = if is_works { stem.and("送水泵房", "High-lift Pump House") } else { stem.and("供水加压泵站", "Booster Station") };
    let row = Row::of("water_pump_station")
        .set("code", station.as_str())
        .name(&name)
        .set("state", "in_use")
        .set("built_year", year)
        .measure("capacity_m3d", capacity, 0)
        .set("pumps", PUMPS)
        .set("node", manifold.as_str())
        .set("zone", zone);
    out.point(row, house, height(house))?;
    let each_m3h = design.rated_lps * 3.6 / (PUMPS - 1) as f64;
    for k in 0..PUMPS {
        let at = site.manifold + site.back * 2.5 + site.back.left() * ((k - 1) as f64 * 2.5);
        let row = Row::of("water_pump")
            .set("code", out.code("GSJ"))
            .set("name", format!("{}{} 号机组", name.zh, k + 1))
            .set("state", "in_use")
            .set("built_year", year.max(2008))
            .set("station", station.as_str())
            .set("from_node", basin.as_str())
            .set("to_node", manifold.as_str())
            .measure("rated_m3h", each_m3h, 0)
            .measure("rated_head_m", design.rated_head_m, 1)
            // At four fifths of efficiency.
            .measure("power_kw", libm::ceil(each_m3h / 3600.0 * design.rated_head_m * 9.81 / 0.8 * 1.15), 0)
            .set("drive", "fixed")
            .set("standby", k == PUMPS - 1);
        out.point(row, at, height(at))?;
    }
    let laid = Laid { year, material: "ductile_iron", soil: "high", character: Character::Houses };
    let (pipe, line) = (out.code("JP"), site.outlet());
    let manifold_kpa = super::kpa(design.manifold_head_m() - site.ground_m);
    let row = pipe_row("water_pipe", &pipe, design.outlet_mm, &laid, WATER_COVER_M, site.outlet_m(), 0, [&manifold, join])
        .measure("pressure_kpa", (manifold_kpa + join_kpa) / 2.0, 1)
        .set("kind", "transmission")
        .set("roughness", OUTLET_C as f64)
        .set("zone", zone);
    out.line(row, &axis(quarter, &line, EdgeKind::Street, WATER_COVER_M, design.outlet_mm))?;
    let meter = Row::of("water_meter")
        .set("code", out.code("LLJ"))
        .set("name", format!("{}分区计量表", stem.zh))
        .set("state", "in_use")
        .set("built_year", 2018_i64)
        .set("diameter_mm", design.outlet_mm)
        .set("pipe", pipe)
        .set("node", manifold)
        .set("zone", zone)
        .set("district_meter", true)
        .set("smart", true);
    out.point(meter, line[1], height(line[1]))?;
    Ok(works)
}

/// The works themselves, with the main to their basin.
fn works(
    quarter: &Quarter,
    site: &Site,
    stem: &Name,
    capacity: f64,
    zone: &str,
    (basin, basin_at): (&str, Plan),
    out: &mut Emitter,
) -> Result<(String, Plan, f64), SinkError> {
    let at = basin_at + site.back * 20.0;
    let ground_m = quarter.ground().height(at);
    let code = out.code("SC");
    let row = Row::of("water_source")
        .set("code", code.as_str())
        .name(&stem.and("自来水厂", "Water Works"))
        .set("state", "in_use")
        .set("built_year", 1992_i64)
        .set("kind", "works")
        .measure("head_m", site.basin_m, 2)
        .measure("capacity_m3d", capacity, 0)
        .set("pumps", PUMPS)
        .set("zone", zone);
    out.point(row, at, ground_m)?;
    let laid = Laid { year: 1992, material: "steel", soil: "high", character: Character::Houses };
    let line: Vec<Plan> = (0..=4).map(|k| at.toward(basin_at, f64::from(k) / 4.0)).collect();
    let pipe = out.code("JP");
    let row = pipe_row("water_pipe", &pipe, 400, &laid, WATER_COVER_M, line_length(&line), 0, [&code, basin])
        .set("kind", "transmission")
        .set("roughness", 120.0)
        .set("zone", zone);
    out.line(row, &axis(quarter, &line, EdgeKind::Street, WATER_COVER_M, 400))?;
    Ok((code, at, ground_m))
}
