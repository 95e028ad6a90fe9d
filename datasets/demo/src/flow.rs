//! Which way the water goes: from every street to an outfall, against the fall of the ground only where it must.

use crate::quarter::Quarter;
use crate::streets::{Edge, Node, Service, Way};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

#[derive(Debug)]
pub struct FlowTree {
    /// From the far ends to the outfalls.
    pub order: Vec<Node>,
    /// The edge by which a node drains; outfalls have none.
    pub downstream: BTreeMap<Node, Edge>,
    /// Edges that start in mid-street and flow to a node.
    pub heads: BTreeMap<Node, Vec<Edge>>,
}

/// Shortest ways to the outfalls, where against the fall of the ground is a long way. Junctions of neighbouring quarters
/// are drained by these: a street that begins at one begins a drain, but for the trunks that come in from the west.
pub fn flow_tree(quarter: &Quarter, service: Service) -> FlowTree {
    let mut neighbours: BTreeMap<Node, Vec<Edge>> = BTreeMap::new();
    for edge in quarter.streets() {
        edge.ends().into_iter().for_each(|node| neighbours.entry(node).or_default().push(edge));
    }
    let trunks = incoming_trunks(quarter, service);
    let mut cost_mm: BTreeMap<Node, u64> = BTreeMap::new();
    let mut downstream: BTreeMap<Node, Edge> = BTreeMap::new();
    let mut queue: BinaryHeap<Reverse<(u64, Node, Option<Edge>)>> = BinaryHeap::new();
    queue.extend(
        outfall_nodes(quarter, service).into_iter().filter(|node| neighbours.contains_key(node)).map(|node| Reverse((0, node, None))),
    );
    let mut order = vec![];
    while let Some(Reverse((cost, node, by))) = queue.pop() {
        if cost_mm.contains_key(&node) {
            continue;
        }
        cost_mm.insert(node, cost);
        order.push(node);
        if let Some(edge) = by {
            downstream.insert(node, edge);
        }
        let low = quarter.ground().height_at(quarter.at(node));
        for edge in &neighbours[&node] {
            let up = edge.other_end(node);
            if cost_mm.contains_key(&up) || !quarter.owns(up) {
                continue;
            }
            let length = quarter.at(node).distance(quarter.at(up));
            let slope = (quarter.ground().height_at(quarter.at(up)) - low) / length;
            let penalty = 1.0 + (0.004 - slope).max(0.0) * 250.0;
            queue.push(Reverse((cost + (length * penalty * 1000.0) as u64 + 1, up, Some(*edge))));
        }
    }
    for edge in trunks {
        order.push(edge.from);
        downstream.insert(edge.from, edge);
    }
    order.reverse();
    let mut heads: BTreeMap<Node, Vec<Edge>> = BTreeMap::new();
    for edge in quarter.streets() {
        let [a, b] = edge.ends();
        if downstream.get(&a) == Some(&edge) || downstream.get(&b) == Some(&edge) {
            continue;
        }
        // Towards the end that is nearer to an outfall.
        let cost = |node: Node| cost_mm.get(&node).copied().unwrap_or(u64::MAX);
        let lower = if cost(a) <= cost(b) { a } else { b };
        heads.entry(lower).or_default().push(edge);
    }
    FlowTree { order, downstream, heads }
}

/// The trunk sewers along the banks come in from the quarter to the west.
fn incoming_trunks(quarter: &Quarter, service: Service) -> Vec<Edge> {
    if service != Service::Sewer || quarter.a == 0 {
        return vec![];
    }
    [quarter.south_bank, quarter.south_bank + 1].map(|j| Edge { from: Node { i: quarter.i0, j }, way: Way::East }).to_vec()
}

/// Storm water leaves by the river at every second street that has no bridge; sewage at the eastern end of each bank,
/// into the treatment works or the next quarter's trunk.
fn outfall_nodes(quarter: &Quarter, service: Service) -> Vec<Node> {
    let banks = [quarter.south_bank, quarter.south_bank + 1];
    let columns: Vec<usize> = match service {
        Service::Storm => (quarter.i0..=quarter.i1)
            .filter(|i| (i - quarter.i0) % 2 == 1 || *i == quarter.i1)
            .filter(|i| !quarter.bridges.contains(i))
            .collect(),
        _ => vec![quarter.i1],
    };
    banks.into_iter().flat_map(|j| columns.iter().map(move |i| Node { i: *i, j })).collect()
}
