//! How much land drains to each street: of a block, what lies nearer to it than to the block's other streets.

use crate::quarter::Quarter;
use crate::streets::{Block, Edge, Node, Way};
use std::collections::BTreeMap;

/// Beside a street without a block: the green of a bank or a hill's foot.
const GREEN_M: f64 = 40.0;
/// Beyond the city's last street: its own footway.
const EDGE_M: f64 = 10.0;

/// Square metres by street.
pub fn areas(quarter: &Quarter) -> BTreeMap<Edge, f64> {
    let length = |edge: Edge| quarter.at(edge.from).distance(quarter.at(edge.to()));
    // South or west of a street, north or east of it.
    let mut sides: BTreeMap<Edge, [Option<f64>; 2]> = quarter.streets().map(|edge| (edge, [None; 2])).collect();
    for block in &quarter.blocks {
        let (u, v) =
            (quarter.column(block.east).at - quarter.column(block.west).at, quarter.row(block.north).at - quarter.row(block.south).at);
        let least = u.min(v);
        // The lines along which streets are equally far meet the corners at half a right angle.
        let along_rows = u * least / 2.0 - least * least / 4.0;
        let along_columns = v * least / 2.0 - least * least / 4.0;
        for (edge, side) in around(block) {
            let (area, whole) = if edge.way == Way::East { (along_rows, u) } else { (along_columns, v) };
            if let Some(sides) = sides.get_mut(&edge) {
                sides[side] = Some(area * length(edge) / whole);
            }
        }
    }
    let area = |(edge, sides): (Edge, [Option<f64>; 2])| {
        let beyond = |side: usize| {
            let (is_city_edge, is_neighbours) = outside(quarter, edge, side);
            match sides[1 - side] {
                _ if is_city_edge => EDGE_M * length(edge),
                // The neighbour's blocks are like one's own.
                Some(inside) if is_neighbours => inside,
                _ => GREEN_M * length(edge),
            }
        };
        (edge, (0..2).map(|side| sides[side].unwrap_or_else(|| beyond(side))).sum())
    };
    sides.into_iter().map(area).collect()
}

/// The streets around a block, each with the side of it that the block lies on.
fn around(block: &Block) -> Vec<(Edge, usize)> {
    let mut edges = vec![];
    for i in block.west..block.east {
        edges.push((Edge { from: Node { i, j: block.south }, way: Way::East }, 1));
        edges.push((Edge { from: Node { i, j: block.north }, way: Way::East }, 0));
    }
    for j in block.south..block.north {
        edges.push((Edge { from: Node { i: block.west, j }, way: Way::North }, 1));
        edges.push((Edge { from: Node { i: block.east, j }, way: Way::North }, 0));
    }
    edges
}

/// Whether nothing lies beyond this side of a street but the country, or a quarter still to come.
fn outside(quarter: &Quarter, edge: Edge, side: usize) -> (bool, bool) {
    let (at, first, last, is_last) = match edge.way {
        Way::East => (edge.from.j, quarter.j0, quarter.j1, quarter.is_north_edge()),
        Way::North => (edge.from.i, quarter.i0, quarter.i1, quarter.is_east_edge()),
    };
    if side == 1 { (at == last && is_last, at == last && !is_last) } else { (at == first, false) }
}
