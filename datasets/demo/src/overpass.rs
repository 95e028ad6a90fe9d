//! Where a ring and an avenue cross, one passes over the other: a viaduct between the carriageways of its own street,
//! from the junction before the crossing to the one behind it. Whoever turns off stays on the ground.

use crate::SinkError;
use crate::emit::{Emitter, Row};
use crate::frame::Frame;
use crate::ground::Lattice;
use crate::names::Name;
use crate::plan::{Plan, line_length};
use crate::quarter::Quarter;
use crate::roads::bridge_row;
use crate::seams::Seams;
use crate::streets::Node;

/// Room for lorries (CJJ 37-2012: 4.5 m) and the deck.
const CLEARANCE_M: f64 = 4.6;
const RISE_M: f64 = 5.3;
/// The deck is level so far on both sides of the crossing's middle.
const LEVEL_M: f64 = 10.0;
const WIDTH_M: f64 = 14.0;
const STEP_M: f64 = 8.0;

impl Frame {
    /// The crossings: of a ring's southern and northern sides with the avenue that runs north, where the ring passes
    /// above, and of its western and eastern sides with the avenue that runs east, where that does.
    pub fn overpasses(&self) -> impl Iterator<Item = Node> + '_ {
        let (a, b) = self.extent.middle();
        let (column, row) = (self.across[a].main, self.strips[b].main_row);
        self.rings.iter().flat_map(move |ring| {
            let rows = [self.strips[ring.south].south, self.strips[ring.north - 1].north];
            let columns = [self.across[ring.west].west, self.across[ring.east - 1].east];
            rows.map(|j| Node { i: column, j }).into_iter().chain(columns.map(|i| Node { i, j: row }))
        })
    }
}

/// A quarter builds those that end at a node of its own.
pub fn emit(quarter: &Quarter, seams: &Seams, out: &mut Emitter) -> Result<(), SinkError> {
    let ends_here = |node: &Node| {
        let end = Node { i: node.i + 1, j: node.j };
        (quarter.i0 + 1..=quarter.i1).contains(&end.i) && (quarter.j0..=quarter.j1).contains(&end.j) && quarter.owns(end)
    };
    for node in quarter.frame.overpasses().filter(ends_here) {
        viaduct(quarter, node, seams, out)?;
    }
    Ok(())
}

fn viaduct(quarter: &Quarter, node: Node, seams: &Seams, out: &mut Emitter) -> Result<(), SinkError> {
    let frame = quarter.frame;
    let [west, middle, east] = [node.i - 1, node.i, node.i + 1].map(|i| frame.columns[i].at);
    let v = frame.rows[node.j].at;
    let steps = libm::ceil((east - west) / STEP_M) as u32;
    let at = |k: u32| {
        let p = Lattice::new(west + (east - west) * f64::from(k) / f64::from(steps), v);
        let (off, reach) = ((p.u - middle).abs(), if p.u < middle { middle - west } else { east - middle });
        let rise = RISE_M * ((reach - off) / (reach - LEVEL_M)).clamp(0.0, 1.0);
        (frame.ground.plan(p), frame.ground.height_at(p) + rise)
    };
    let deck: Vec<(Plan, f64)> = (0..=steps).map(at).collect();
    let length = line_length(&deck.iter().map(|(p, _)| *p).collect::<Vec<_>>());
    // The quarter of the crossing names it: the viaduct ends in it or in its neighbour to the east.
    let a = frame.across.iter().position(|across| node.i <= across.east).expect("every column is in a quarter");
    let upper = frame.row_name(node.j, a);
    let lower = frame.column_name(node.i, quarter.b, true);
    let name = Name::new(format!("{}{}立交桥", upper.zh, lower.zh), format!("{} and {} Overpass", upper.en, lower.en));
    let class = frame.row_class(node.j, a);
    let ends = [node.i - 1, node.i + 1].map(|i| seams.junctions.get(&Node { i, j: node.j }).map(String::as_str));
    let road = out.code("DL");
    let row = Row::of("road")
        .set("code", road.as_str())
        .name(&upper.and("高架", "Viaduct"))
        .set("state", "in_use")
        .set("built_year", 2012_i64)
        .set("road_class", class.id())
        .set("lanes", 4_i64)
        .set("width_m", WIDTH_M)
        .set("one_way", false)
        .set("structure", "bridge")
        .set("speed_limit_kmh", class.speed_kmh())
        .set("from_node", ends[0])
        .set("to_node", ends[1]);
    out.line(row, &deck)?;
    let code = out.code("QL");
    let row = bridge_row(&code, &name, length)
        .set("built_year", 2012_i64)
        .set("width_m", WIDTH_M + 1.0)
        .set("load_limit_t", 55.0)
        .set("condition", "A")
        .set("clearance_m", CLEARANCE_M)
        .set("road", road)
        .set("crosses", lower.zh);
    out.line(row, &deck)
}
