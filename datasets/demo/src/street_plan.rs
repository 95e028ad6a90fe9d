//! Which streets a quarter has: some cells are joined to one block, hills are left out, nothing ends blindly.

use crate::quarter::Quarter;
use crate::streets::{Block, Edge, EdgeKind, Node, RoadClass, Way};
use std::collections::{BTreeMap, BTreeSet};

impl Quarter<'_> {
    pub fn draw(&mut self) {
        self.tunnel = self.hill().map(|hill| self.tunnel_ends(hill.bore.approach));
        self.draw_blocks();
        self.draw_edges();
    }

    fn tunnel_ends(&self, (from, to): (f64, f64)) -> (usize, usize) {
        let west = (self.i0..=self.i1).rev().find(|i| self.column(*i).at < from - 12.0).unwrap_or(self.i0);
        let east = (self.i0..=self.i1).find(|i| self.column(*i).at > to + 12.0).unwrap_or(self.i1);
        (west, east)
    }

    /// Cells between neighbouring streets, some of them joined in pairs across a branch street.
    fn draw_blocks(&mut self) {
        let mut random = self.random("blocks");
        let mut taken: BTreeSet<(usize, usize)> = BTreeSet::new();
        // A node loses one street at most, so that no street ends blindly.
        let mut thinned: BTreeSet<(usize, usize)> = BTreeSet::new();
        for j in self.j0..self.j1 {
            for i in self.i0..self.i1 {
                if taken.contains(&(i, j)) || j == self.south_bank {
                    continue;
                }
                let mut block = Block { west: i, east: i + 1, south: j, north: j + 1 };
                let (joins_east, joins_north) = (random.chance(0.13), random.chance(0.13));
                let near_hill = self.ground().is_on_hill(self.block_centre(&block), 200.0);
                let (cell, nodes) = if joins_east && self.may_lose_column(i + 1, j) {
                    block.east += 1;
                    ((i + 1, j), [(i + 1, j), (i + 1, j + 1)])
                } else if joins_north && self.may_lose_row(i, j + 1) {
                    block.north += 1;
                    ((i, j + 1), [(i, j + 1), (i + 1, j + 1)])
                } else {
                    ((i, j), [(i, j); 2])
                };
                let is_joined = cell != (i, j);
                if is_joined && (near_hill || taken.contains(&cell) || nodes.iter().any(|node| thinned.contains(node))) {
                    block = Block { west: i, east: i + 1, south: j, north: j + 1 };
                } else if is_joined {
                    taken.insert(cell);
                    thinned.extend(nodes);
                }
                self.blocks.push(block);
            }
        }
    }

    /// Whether a column may be interrupted north of row `j`: it is small, no border runs along it, and the street is
    /// not one that the quarter to the south counts on.
    fn may_lose_column(&self, i: usize, j: usize) -> bool {
        i < self.i1 && self.column(i).class == RoadClass::Branch && i != self.main_column + 2 && (j > self.j0 || self.b == 0)
    }

    /// Whether a row may be interrupted east of column `i`.
    fn may_lose_row(&self, i: usize, j: usize) -> bool {
        j < self.j1 && self.row(j).class == RoadClass::Branch && j != self.main_row + 1 && (i > self.i0 || self.a == 0)
    }

    fn draw_edges(&mut self) {
        for i in self.i0..=self.i1 {
            for j in self.j0..=self.j1 {
                for way in [Way::East, Way::North] {
                    let edge = Edge { from: Node { i, j }, way };
                    let to = edge.to();
                    if to.i > self.i1 || to.j > self.j1 || !self.owns(to) {
                        continue;
                    }
                    if let Some(kind) = self.edge_kind(edge) {
                        self.edges.push((edge, kind));
                    }
                }
            }
        }
        self.edges.sort_unstable();
        self.remove_dead_ends();
    }

    fn edge_kind(&self, edge: Edge) -> Option<EdgeKind> {
        let Node { i, j } = edge.from;
        if edge.way == Way::North && j == self.south_bank {
            return self.bridges.contains(&i).then_some(EdgeKind::Bridge);
        }
        if edge.way == Way::East && j == self.main_row && self.tunnel.is_some_and(|(west, east)| (west..east).contains(&i)) {
            return None;
        }
        let crosses_block = self.blocks.iter().any(|block| match edge.way {
            Way::East => (block.west..block.east).contains(&i) && block.south < j && j < block.north,
            Way::North => (block.south..block.north).contains(&j) && block.west < i && i < block.east,
        });
        let on_hill = self.hill().is_some() && (0..=8).any(|k| self.ground().is_on_hill(self.on_edge(edge, f64::from(k) / 8.0), 10.0));
        (!crosses_block && !on_hill).then_some(EdgeKind::Street)
    }

    /// At a hill's foot a street may be left that leads nowhere: it was never built.
    fn remove_dead_ends(&mut self) {
        loop {
            let mut met: BTreeMap<Node, usize> = BTreeMap::new();
            self.edges.iter().flat_map(|(edge, _)| edge.ends()).for_each(|node| *met.entry(node).or_insert(0) += 1);
            if let Some((west, east)) = self.tunnel {
                [west, east].into_iter().for_each(|i| *met.entry(Node { i, j: self.main_row }).or_insert(0) += 1);
            }
            let is_dead = |node: Node| self.owns(node) && met[&node] + self.edges_to_come(node) < 2;
            let before = self.edges.len();
            let kept = self.edges.iter().filter(|(edge, _)| !edge.ends().into_iter().any(is_dead)).copied().collect();
            self.edges = kept;
            if self.edges.len() == before {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;
    use crate::frame::Frame;

    #[test]
    fn no_street_ends_blindly_at_any_hill() {
        let mut hills = 0;
        for seed in 0..12 {
            let frame = Frame::new(seed, Size::City.extent(), Size::City.rings());
            let with_hill = (0..9).flat_map(|a| (0..11).map(move |b| (a, b))).filter(|(a, b)| frame.ground.marks(*a, *b).hill.is_some());
            for (a, b) in with_hill {
                hills += 1;
                let quarter = Quarter::new(&frame, a, b);
                let mut met: BTreeMap<Node, usize> = BTreeMap::new();
                quarter.edges.iter().flat_map(|(edge, _)| edge.ends()).for_each(|node| *met.entry(node).or_insert(0) += 1);
                let (west, east) = quarter.tunnel.unwrap();
                [west, east].into_iter().for_each(|i| *met.entry(Node { i, j: quarter.main_row }).or_insert(0) += 1);
                for (node, streets) in met {
                    assert!(!quarter.owns(node) || streets + quarter.edges_to_come(node) >= 2, "seed {seed}, {a} {b}: {node:?}");
                }
            }
        }
        assert!(hills > 50, "{hills}");
    }
}
