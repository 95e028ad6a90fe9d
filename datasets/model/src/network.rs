//! A network as a graph: nodes, edges between them, and at each node the edges that begin or end there.
//!
//! Features become dense numbers when the graph is built, in the order in which they were added; the numbers never leave
//! it. What meets a node lies in one run of memory (compressed rows), so a walk touches no pointers. Parallel edges and
//! edges from a node to itself are kept: pipes are like that.

use crate::city::City;
use crate::class::Class;
use crate::ids::FeatureId;
use crate::relation::target;
use std::collections::HashMap;

/// A node's number within its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeNo(pub u32);

/// An edge's number within its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeNo(pub u32);

/// A pipe, a street: from one node to another, in the direction in which its line was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub id: FeatureId,
    pub from: NodeNo,
    pub to: NodeNo,
}

impl Edge {
    /// The end that is not `node`; `node` itself for an edge that returns to it.
    pub fn other(&self, node: NodeNo) -> NodeNo {
        if self.from == node { self.to } else { self.from }
    }
}

/// An edge as it is met at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incidence {
    pub edge: EdgeNo,
    /// The node at the far end.
    pub node: NodeNo,
    /// Whether the edge leaves the node that is looked from. An edge to itself is met twice: leaving and arriving.
    pub leaves: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Network {
    nodes: Vec<FeatureId>,
    edges: Vec<Edge>,
    /// Where each node's run in `met` begins; one more than there are nodes.
    first: Vec<u32>,
    met: Vec<Incidence>,
    node_of: HashMap<FeatureId, NodeNo>,
    edge_of: HashMap<FeatureId, EdgeNo>,
}

/// What becomes a [`Network`] when all is there.
#[derive(Clone, Debug, Default)]
pub struct NetworkBuilder {
    nodes: Vec<FeatureId>,
    edges: Vec<Edge>,
    node_of: HashMap<FeatureId, NodeNo>,
    edge_of: HashMap<FeatureId, EdgeNo>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("feature {} of class {} is in the network already", .0.fid, .0.class)]
pub struct EdgeTwice(pub FeatureId);

impl NetworkBuilder {
    /// The node's number; the same when it is there already.
    pub fn node(&mut self, id: FeatureId) -> NodeNo {
        *self.node_of.entry(id).or_insert_with(|| {
            self.nodes.push(id);
            NodeNo(self.nodes.len() as u32 - 1)
        })
    }

    /// Both ends become nodes if they are not yet.
    pub fn edge(&mut self, id: FeatureId, from: FeatureId, to: FeatureId) -> Result<EdgeNo, EdgeTwice> {
        if self.edge_of.contains_key(&id) {
            return Err(EdgeTwice(id));
        }
        let edge = Edge { id, from: self.node(from), to: self.node(to) };
        let no = EdgeNo(self.edges.len() as u32);
        self.edges.push(edge);
        self.edge_of.insert(id, no);
        Ok(no)
    }

    pub fn build(self) -> Network {
        // Counted, summed, filled: two passes over the edges and no list per node.
        let mut first = vec![0u32; self.nodes.len() + 1];
        for edge in &self.edges {
            first[edge.from.0 as usize + 1] += 1;
            first[edge.to.0 as usize + 1] += 1;
        }
        for i in 1..first.len() {
            first[i] += first[i - 1];
        }
        let mut next = first.clone();
        let mut met = vec![Incidence { edge: EdgeNo(0), node: NodeNo(0), leaves: false }; self.edges.len() * 2];
        let mut put = |at: NodeNo, incidence: Incidence| {
            let place = &mut next[at.0 as usize];
            met[*place as usize] = incidence;
            *place += 1;
        };
        for (no, edge) in self.edges.iter().enumerate() {
            let no = EdgeNo(no as u32);
            put(edge.from, Incidence { edge: no, node: edge.to, leaves: true });
            put(edge.to, Incidence { edge: no, node: edge.from, leaves: false });
        }
        Network { nodes: self.nodes, edges: self.edges, first, met, node_of: self.node_of, edge_of: self.edge_of }
    }
}

impl Network {
    /// The graph of some classes of a city, by their references `from_node` and `to_node`: topology never rests on geometry
    /// alone. Also answered: the features that lack an end, which no walk can reach.
    pub fn of(city: &dyn City, classes: &[&Class]) -> (Self, Vec<FeatureId>) {
        let (mut builder, mut loose) = (NetworkBuilder::default(), Vec::new());
        for class in classes {
            let ends = class.attribute_index("from_node").zip(class.attribute_index("to_node"));
            city.each(class.no, &mut |feature| {
                let end = |place: usize| feature.attributes.get(place).and_then(target);
                match ends.and_then(|(from, to)| end(from).zip(end(to))) {
                    Some((from, to)) if builder.edge(feature.id, from, to).is_ok() => {}
                    _ => loose.push(feature.id),
                }
            });
        }
        (builder.build(), loose)
    }

    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub fn edge_count(&self) -> usize {
        self.edges.len()
    }

    pub fn nodes(&self) -> impl Iterator<Item = (NodeNo, FeatureId)> + '_ {
        self.nodes.iter().enumerate().map(|(no, id)| (NodeNo(no as u32), *id))
    }

    pub fn edges(&self) -> impl Iterator<Item = (EdgeNo, &Edge)> + '_ {
        self.edges.iter().enumerate().map(|(no, edge)| (EdgeNo(no as u32), edge))
    }

    pub fn node(&self, no: NodeNo) -> FeatureId {
        self.nodes[no.0 as usize]
    }

    pub fn edge(&self, no: EdgeNo) -> &Edge {
        &self.edges[no.0 as usize]
    }

    pub fn find_node(&self, id: FeatureId) -> Option<NodeNo> {
        self.node_of.get(&id).copied()
    }

    pub fn find_edge(&self, id: FeatureId) -> Option<EdgeNo> {
        self.edge_of.get(&id).copied()
    }

    /// The edges that begin or end at a node, in the order in which they were added.
    pub fn at(&self, node: NodeNo) -> &[Incidence] {
        let node = node.0 as usize;
        &self.met[self.first[node] as usize..self.first[node + 1] as usize]
    }

    /// The edges that begin at a node: where water in a sewer goes on.
    pub fn leaving(&self, node: NodeNo) -> impl Iterator<Item = &Incidence> + '_ {
        self.at(node).iter().filter(|incidence| incidence.leaves)
    }

    /// The edges that end at a node: where it came from.
    pub fn arriving(&self, node: NodeNo) -> impl Iterator<Item = &Incidence> + '_ {
        self.at(node).iter().filter(|incidence| !incidence.leaves)
    }

    pub fn degree(&self, node: NodeNo) -> usize {
        self.at(node).len()
    }

    /// The nodes that can be reached, nearest first by number of edges, the starts themselves among them. `passes` is asked
    /// at most once at each end of an edge: a closed valve, a one-way street, a direction of flow say no.
    pub fn walk(&self, starts: impl IntoIterator<Item = NodeNo>, mut passes: impl FnMut(NodeNo, &Incidence) -> bool) -> Vec<NodeNo> {
        let mut seen = vec![false; self.nodes.len()];
        let mut reached: Vec<NodeNo> = Vec::new();
        for start in starts {
            if !std::mem::replace(&mut seen[start.0 as usize], true) {
                reached.push(start);
            }
        }
        let mut next = 0;
        while let Some(node) = reached.get(next).copied() {
            next += 1;
            for incidence in self.at(node) {
                let far = incidence.node.0 as usize;
                if !seen[far] && passes(node, incidence) {
                    seen[far] = true;
                    reached.push(incidence.node);
                }
            }
        }
        reached
    }

    /// For each node the number of its connected part, counted from 0 in order of first nodes; and how many parts there are.
    pub fn parts(&self) -> (Vec<u32>, u32) {
        const NONE: u32 = u32::MAX;
        let mut part = vec![NONE; self.nodes.len()];
        let mut waiting: Vec<NodeNo> = Vec::new();
        let mut parts = 0;
        for start in 0..self.nodes.len() {
            if part[start] != NONE {
                continue;
            }
            part[start] = parts;
            waiting.push(NodeNo(start as u32));
            while let Some(node) = waiting.pop() {
                for incidence in self.at(node) {
                    let far = &mut part[incidence.node.0 as usize];
                    if *far == NONE {
                        *far = parts;
                        waiting.push(incidence.node);
                    }
                }
            }
            parts += 1;
        }
        (part, parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::{AttributeType, ClassNo};
    use crate::testing::{Town, class, feature, reference};
    use proptest::prelude::*;

    const PIPE: ClassNo = ClassNo(40);
    const NODE: ClassNo = ClassNo(42);

    fn node(fid: u32) -> FeatureId {
        FeatureId::new(NODE, fid)
    }

    fn pipe(fid: u32) -> FeatureId {
        FeatureId::new(PIPE, fid)
    }

    fn network(pipes: &[(u32, u32)]) -> Network {
        let mut builder = NetworkBuilder::default();
        for (no, (from, to)) in pipes.iter().enumerate() {
            builder.edge(pipe(no as u32 + 1), node(*from), node(*to)).unwrap();
        }
        builder.build()
    }

    fn fids(network: &Network, nodes: &[NodeNo]) -> Vec<u32> {
        nodes.iter().map(|no| network.node(*no).fid).collect()
    }

    #[test]
    fn a_ring_with_a_tail_is_met_from_both_ends() {
        let net = network(&[(1, 2), (2, 3), (3, 1), (3, 4)]);
        assert_eq!((net.node_count(), net.edge_count()), (4, 4));
        let three = net.find_node(node(3)).unwrap();
        let met: Vec<_> = net.at(three).iter().map(|i| (net.edge(i.edge).id.fid, net.node(i.node).fid, i.leaves)).collect();
        assert_eq!(met, [(2, 2, false), (3, 1, true), (4, 4, true)]);
        assert_eq!((net.leaving(three).count(), net.arriving(three).count(), net.degree(three)), (2, 1, 3));
        assert_eq!(net.edge(EdgeNo(3)).other(three), net.find_node(node(4)).unwrap());
        assert_eq!((net.find_node(node(9)), net.find_edge(pipe(9))), (None, None));
    }

    #[test]
    fn parallel_pipes_and_loops_stay() {
        let net = network(&[(1, 2), (1, 2), (2, 2)]);
        assert_eq!((net.degree(NodeNo(0)), net.degree(NodeNo(1))), (2, 4));
        assert_eq!(net.walk([NodeNo(0)], |_, _| true).len(), 2);
    }

    #[test]
    fn an_edge_stands_once() {
        let mut builder = NetworkBuilder::default();
        builder.edge(pipe(1), node(1), node(2)).unwrap();
        assert_eq!(builder.edge(pipe(1), node(2), node(3)), Err(EdgeTwice(pipe(1))));
        assert_eq!(builder.build().node_count(), 2);
    }

    #[test]
    fn a_walk_stops_where_it_may_not_pass_and_goes_nearest_first() {
        let net = network(&[(1, 2), (2, 3), (3, 4), (2, 5)]);
        let closed = net.find_edge(pipe(2)).unwrap();
        let reached = net.walk([NodeNo(0)], |_, incidence| incidence.edge != closed);
        assert_eq!(fids(&net, &reached), [1, 2, 5]);
        // With the flow only: nothing is upstream of where one starts.
        let down = net.walk([net.find_node(node(3)).unwrap()], |_, incidence| incidence.leaves);
        assert_eq!(fids(&net, &down), [3, 4]);
        assert_eq!(fids(&net, &net.walk([NodeNo(0)], |_, _| true)), [1, 2, 3, 5, 4]);
    }

    #[test]
    fn a_network_is_made_of_references_and_says_what_is_loose() {
        let mut pipes = class(PIPE.0, "water_pipe", &["code", "from_node", "to_node"]);
        pipes.attributes[1].ty = AttributeType::Ref(vec!["water_node".into()]);
        pipes.attributes[2].ty = AttributeType::Ref(vec!["water_node".into()]);
        let nodes = class(NODE.0, "water_node", &["code"]);
        let features = vec![
            feature(NODE.0, 1, vec!["N1".into()]),
            feature(NODE.0, 2, vec!["N2".into()]),
            feature(PIPE.0, 1, vec!["P1".into(), reference(node(1)), reference(node(2))]),
            feature(PIPE.0, 2, vec!["P2".into(), reference(node(1))]),
            feature(PIPE.0, 3, vec!["P3".into(), reference(node(1)), "N7".into()]),
        ];
        let town = Town::new(vec![pipes.clone(), nodes.clone()], features);
        let (net, loose) = Network::of(&town, &[&pipes]);
        assert_eq!((net.edge_count(), loose), (1, vec![pipe(2), pipe(3)]));
        // A class without ends is loose all over.
        assert_eq!(Network::of(&town, &[&nodes]).1.len(), 2);
    }

    #[test]
    fn nothing_makes_an_empty_network() {
        let net = NetworkBuilder::default().build();
        assert_eq!((net.node_count(), net.edge_count(), net.parts()), (0, 0, (vec![], 0)));
        assert_eq!(Network::default().nodes().count(), 0);
    }

    proptest! {
        /// Against plain lists of pairs and repeated relabelling.
        #[test]
        fn incidences_and_parts_are_those_of_the_pairs(pairs in prop::collection::vec((1u32..12, 1u32..12), 0..30)) {
            let net = network(&pairs);
            for (no, id) in net.nodes() {
                let ends = pairs.iter().flat_map(|(a, b)| [*a, *b]).filter(|fid| *fid == id.fid).count();
                prop_assert_eq!(net.degree(no), ends);
                for incidence in net.at(no) {
                    let edge = net.edge(incidence.edge);
                    prop_assert_eq!(if incidence.leaves { (edge.from, edge.to) } else { (edge.to, edge.from) }, (no, incidence.node));
                }
            }
            let mut label: Vec<u32> = (0..12).collect();
            for _ in 0..12 {
                for (a, b) in &pairs {
                    let low = label[*a as usize].min(label[*b as usize]);
                    (label[*a as usize], label[*b as usize]) = (low, low);
                }
            }
            let (part, parts) = net.parts();
            for (a, a_id) in net.nodes() {
                for (b, b_id) in net.nodes() {
                    let same = label[a_id.fid as usize] == label[b_id.fid as usize];
                    prop_assert_eq!(part[a.0 as usize] == part[b.0 as usize], same);
                }
                prop_assert_eq!(net.walk([a], |_, _| true).len(), part.iter().filter(|p| **p == part[a.0 as usize]).count());
            }
            prop_assert_eq!(parts as usize, part.iter().collect::<std::collections::BTreeSet<_>>().len());
        }
    }
}
