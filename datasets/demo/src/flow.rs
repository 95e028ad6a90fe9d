//! Which way the water goes: from every street to an outfall, against the fall of the ground only where it must.

use crate::layout::{Edge, Layout, Node, Service};
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

/// Shortest ways to the outfalls, where against the fall of the ground is a long way.
pub fn flow_tree(layout: &Layout, service: Service) -> FlowTree {
    let mut neighbours: BTreeMap<Node, Vec<Edge>> = BTreeMap::new();
    for edge in layout.streets() {
        edge.ends().into_iter().for_each(|node| neighbours.entry(node).or_default().push(edge));
    }
    let mut cost_mm: BTreeMap<Node, u64> = BTreeMap::new();
    let mut downstream: BTreeMap<Node, Edge> = BTreeMap::new();
    let mut queue: BinaryHeap<Reverse<(u64, Node, Option<Edge>)>> = BinaryHeap::new();
    queue.extend(
        outfall_nodes(layout, service).into_iter().filter(|node| neighbours.contains_key(node)).map(|node| Reverse((0, node, None))),
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
        let low = layout.ground.height_at(layout.at(node));
        for edge in &neighbours[&node] {
            let up = other_end(*edge, node);
            if cost_mm.contains_key(&up) {
                continue;
            }
            let length = layout.at(node).distance(layout.at(up));
            let slope = (layout.ground.height_at(layout.at(up)) - low) / length;
            let penalty = 1.0 + (0.004 - slope).max(0.0) * 250.0;
            queue.push(Reverse((cost + (length * penalty * 1000.0) as u64 + 1, up, Some(*edge))));
        }
    }
    order.reverse();
    let mut heads: BTreeMap<Node, Vec<Edge>> = BTreeMap::new();
    for edge in layout.streets() {
        let [a, b] = edge.ends();
        if downstream.get(&a) == Some(&edge) || downstream.get(&b) == Some(&edge) {
            continue;
        }
        // Towards the end that is nearer to an outfall.
        let lower = if cost_mm[&a] <= cost_mm[&b] { a } else { b };
        heads.entry(lower).or_default().push(edge);
    }
    FlowTree { order, downstream, heads }
}

/// Storm water leaves by the river at every second street that has no bridge; sewage at the eastern end of each bank.
fn outfall_nodes(layout: &Layout, service: Service) -> Vec<Node> {
    let last = layout.columns.len() - 1;
    let banks = [layout.south_bank, layout.south_bank + 1];
    let columns: Vec<usize> = match service {
        Service::Storm => (0..=last).filter(|i| i % 2 == 1 || *i == last).filter(|i| !layout.bridges.contains(i)).collect(),
        _ => vec![last],
    };
    banks.into_iter().flat_map(|j| columns.iter().map(move |i| Node { i: *i, j })).collect()
}

pub fn other_end(edge: Edge, node: Node) -> Node {
    if edge.from == node { edge.to() } else { edge.from }
}
