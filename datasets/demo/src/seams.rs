//! What a quarter leaves to those after it: the one to its east, and the one to its north in the next strip.
//!
//! Only what lies on those two edges is kept, so that a metropolis asks for one row of junctions more than a town, and
//! no more.

use crate::gradient::PipeEnd;
use crate::quarter::Quarter;
use crate::streets::{Edge, Node};
use crate::water::Inlet;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Seams {
    /// Codes of the streets along the seams.
    pub roads: BTreeMap<Edge, String>,
    /// Codes of junctions, and of the water and gas nodes beneath them.
    pub junctions: BTreeMap<Node, String>,
    pub water: BTreeMap<Node, String>,
    pub gas: BTreeMap<Node, String>,
    /// Basins that the strip's trunk main is yet to reach.
    pub inlets: Vec<Inlet>,
    /// Trunk sewers that go on to the east.
    pub trunks: BTreeMap<Node, Trunk>,
    /// Bottom of the storm drains that lie above them.
    pub storm_low: BTreeMap<Node, f64>,
}

/// A trunk sewer at a quarter's eastern edge.
#[derive(Debug, Default)]
pub struct Trunk {
    /// Of the junction's manhole, if a drain named it.
    pub code: Option<String>,
    pub arrived: Vec<(PipeEnd, f64)>,
}

impl Seams {
    /// Keeps what quarters still to come will ask for, after `quarter` was made.
    pub fn close(&mut self, quarter: &Quarter) {
        let Quarter { i1, j0, j1, .. } = *quarter;
        // The row to the north, the rest of the row to the south, and the column to the east.
        let is_open = |node: &Node| node.j == j1 || (node.j == j0 && node.i >= i1) || (node.i == i1 && node.j >= j0);
        self.roads.retain(|edge, _| edge.ends().iter().all(is_open));
        for codes in [&mut self.junctions, &mut self.water, &mut self.gas] {
            codes.retain(|node, _| is_open(node));
        }
        self.trunks.retain(|node, _| is_open(node));
        self.storm_low.retain(|node, _| is_open(node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;
    use crate::frame::Frame;

    #[test]
    fn what_is_kept_is_a_row_and_a_column() {
        let frame = Frame::new(1, Size::Town.extent(), Size::Town.rings());
        let mut seams = Seams::default();
        for b in 0..3 {
            for a in 0..3 {
                let quarter = Quarter::new(&frame, a, b);
                let nodes = quarter.edges.iter().flat_map(|(edge, _)| edge.ends());
                seams.water.extend(nodes.filter(|node| quarter.owns(*node)).map(|node| (node, String::new())));
                // Whatever a quarter refers to is there.
                for (edge, _) in &quarter.edges {
                    assert!(edge.ends().iter().all(|node| seams.water.contains_key(node)), "{edge:?}");
                }
                seams.close(&quarter);
                assert!(seams.water.len() <= frame.columns.len() + 14, "{}", seams.water.len());
            }
        }
    }
}
