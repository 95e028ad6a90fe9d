//! Where a zone's water comes from: a basin, the pumps that lift from it, the meter behind them. In a village that is the
//! water works upstream; the quarters of a larger city have a station on the river's bank, whose basin a trunk main fills.

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
use crate::streets::{EdgeKind, Node, Way};
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
    /// Away from what is fed, or along the bank.
    back: Plan,
    pub ground_m: f64,
    /// Level of the basin.
    pub basin_m: f64,
}

impl Site {
    pub fn of(quarter: &Quarter, net: &Net, runs: &[Run]) -> Self {
        let is_works = quarter.frame.extent.across == 1;
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
        // Upstream along the bank, beside the trunk main.
        let back = if is_works { (manifold - joins).unit() } else { quarter.direction(at, Way::East) * -1.0 };
        Self { node, is_works, joins, manifold, back, ground_m, basin_m }
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

/// What is known of a zone's supply once it is written.
pub struct Supply {
    /// The works, where these are the works.
    pub works: Option<(String, Plan, f64)>,
    pub basin: (String, Plan),
}

/// Basin, station, pumps, the main into the network and its meter. `join` is the code of the node that is fed.
pub fn emit(
    quarter: &Quarter,
    site: &Site,
    design: &Design,
    zone: &str,
    join: &str,
    join_kpa: f64,
    out: &mut Emitter,
) -> Result<Supply, SinkError> {
    let height = |p: Plan| quarter.ground().height(p);
    let is_works = site.is_works;
    let stem: Name = if is_works { ("示范市", "Shifan").into() } else { quarter.stem() };
    let year = if is_works { 1992_i64 } else { 2006 };
    let lift = Lift {
        station: if is_works {
            stem.and("送水泵房", "High-lift Pump House")
        } else {
            stem.and("供水加压泵站", "Booster Station")
        },
        stem,
        year,
        manifold: site.manifold,
        back: site.back,
        ground_m: site.ground_m,
        basin_m: site.basin_m,
        basin_at: site.manifold + if is_works { site.back * 6.0 - site.back.left() * 14.0 } else { site.back * 24.0 },
        rated: (design.rated_lps, design.rated_head_m),
        zone,
    };
    let (basin, manifold) = lift.emit(quarter, out)?;
    let works = if is_works { Some(lift.works(quarter, &basin, 400, out)?) } else { None };
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
        .set("name", format!("{}分区计量表", lift.stem.zh))
        .set("state", "in_use")
        .set("built_year", 2018_i64)
        .set("diameter_mm", design.outlet_mm)
        .set("pipe", pipe)
        .set("node", manifold)
        .set("zone", zone)
        .set("district_meter", true)
        .set("smart", true);
    out.point(meter, line[1], height(line[1]))?;
    Ok(Supply { works, basin: (basin, lift.basin_at) })
}

/// A basin and the pumps that lift from it.
pub struct Lift<'a> {
    pub stem: Name,
    pub station: Name,
    pub year: i64,
    /// Where the pumps' pipes come together.
    pub manifold: Plan,
    /// Away from what is fed.
    pub back: Plan,
    pub ground_m: f64,
    pub basin_m: f64,
    pub basin_at: Plan,
    /// Flow and head of the pumps that run.
    pub rated: (f64, f64),
    pub zone: &'a str,
}

impl Lift<'_> {
    /// What the works make in a day, m³.
    fn capacity(&self) -> f64 {
        libm::ceil(self.rated.0 * 86.4 * 1.2 / 500.0) * 500.0
    }

    /// Returns the codes of the basin and of the node behind the pumps.
    pub fn emit(&self, quarter: &Quarter, out: &mut Emitter) -> Result<(String, String), SinkError> {
        let height = |p: Plan| quarter.ground().height(p);
        let basin = out.code("QSC");
        let row = Row::of("water_reservoir")
            .set("code", basin.as_str())
            .name(&self.stem.and("清水池", "Clear-water Basin"))
            .set("state", "in_use")
            .set("built_year", self.year)
            .measure("head_m", self.basin_m, 2)
            .measure("volume_m3", self.capacity() * 0.15, 0)
            .set("zone", self.zone);
        out.point(row, self.basin_at, height(self.basin_at))?;
        let manifold = out.code("JPD");
        let row = node_row("water_node", &manifold, "junction", self.ground_m).set("zone", self.zone);
        out.point(row, self.manifold, self.ground_m - WATER_COVER_M)?;
        let station = out.code("GSB");
        let house = self.manifold + self.back * 4.0;
        let row = Row::of("water_pump_station")
            .set("code", station.as_str())
            .name(&self.station)
            .set("state", "in_use")
            .set("built_year", self.year)
            .measure("capacity_m3d", self.capacity(), 0)
            .set("pumps", PUMPS)
            .set("node", manifold.as_str())
            .set("zone", self.zone);
        out.point(row, house, height(house))?;
        let (lps, head_m) = self.rated;
        let each_m3h = lps * 3.6 / (PUMPS - 1) as f64;
        for k in 0..PUMPS {
            let at = self.manifold + self.back * 2.5 + self.back.left() * ((k - 1) as f64 * 2.5);
            let row = Row::of("water_pump")
                .set("code", out.code("GSJ"))
                .set("name", format!("{}{} 号机组", self.station.zh, k + 1))
                .set("state", "in_use")
                .set("built_year", self.year.max(2008))
                .set("station", station.as_str())
                .set("from_node", basin.as_str())
                .set("to_node", manifold.as_str())
                .measure("rated_m3h", each_m3h, 0)
                .measure("rated_head_m", head_m, 1)
                // At four fifths of efficiency.
                .measure("power_kw", libm::ceil(each_m3h / 3600.0 * head_m * 9.81 / 0.8 * 1.15), 0)
                .set("drive", "fixed")
                .set("standby", k == PUMPS - 1);
            out.point(row, at, height(at))?;
        }
        Ok((basin, manifold))
    }

    /// The works behind the basin, with the main between the two.
    pub fn works(&self, quarter: &Quarter, basin: &str, main_mm: i64, out: &mut Emitter) -> Result<(String, Plan, f64), SinkError> {
        let at = self.basin_at + self.back * 20.0;
        let ground_m = quarter.ground().height(at);
        let code = out.code("SC");
        let row = Row::of("water_source")
            .set("code", code.as_str())
            .name(&self.stem.and("自来水厂", "Water Works"))
            .set("state", "in_use")
            .set("built_year", 1992_i64)
            .set("kind", "works")
            .measure("head_m", self.basin_m, 2)
            .measure("capacity_m3d", self.capacity(), 0)
            .set("pumps", PUMPS)
            .set("zone", self.zone);
        out.point(row, at, ground_m)?;
        let laid = Laid { year: 1992, material: "steel", soil: "high", character: Character::Houses };
        let line: Vec<Plan> = (0..=4).map(|k| at.toward(self.basin_at, f64::from(k) / 4.0)).collect();
        let pipe = out.code("JP");
        let row = pipe_row("water_pipe", &pipe, main_mm, &laid, WATER_COVER_M, line_length(&line), 0, [&code, basin])
            .set("kind", "transmission")
            .set("roughness", 120.0)
            .set("zone", self.zone);
        out.line(row, &axis(quarter, &line, EdgeKind::Street, WATER_COVER_M, main_mm))?;
        Ok((code, at, ground_m))
    }
}
