//! One quarter: a window on the frame, with the streets and blocks that are its own.
//!
//! A quarter owns the nodes of its columns and rows but those of its western column and southern row, which are its
//! neighbours' (at the city's edge they are its own); the edges whose later end it owns; and the blocks between. So all
//! that it refers to in another quarter lies west or south of it and is made before it.

use crate::admin::{Character, Part};
use crate::frame::Frame;
use crate::ground::{Ground, Lattice, Watercourse};
use crate::names::Name;
use crate::plan::Plan;
use crate::random::Random;
use crate::rise::Hill;
use crate::streets::{Block, Edge, EdgeKind, Node, RoadClass, Service, Way};
use std::collections::{BTreeMap, BTreeSet};

/// A column or row within the quarter.
#[derive(Clone, Copy, Debug)]
pub struct Street {
    /// `u` of a column, `v` of a row.
    pub at: f64,
    pub class: RoadClass,
}

#[derive(Debug)]
pub struct Quarter<'a> {
    pub frame: &'a Frame,
    /// Which one, counted from the west and from the south.
    pub a: usize,
    pub b: usize,
    /// Its columns and rows, those of its neighbours in the west and south among them.
    pub i0: usize,
    pub i1: usize,
    pub j0: usize,
    pub j1: usize,
    pub south_bank: usize,
    pub main_column: usize,
    pub main_row: usize,
    pub second_bridge: usize,
    third_column: usize,
    /// Columns whose streets cross the water.
    pub bridges: Vec<usize>,
    /// The nodes between which the main row runs through the hill.
    pub tunnel: Option<(usize, usize)>,
    /// In order.
    pub edges: Vec<(Edge, EdgeKind)>,
    pub blocks: Vec<Block>,
    columns: Vec<Street>,
    rows: Vec<Street>,
    /// South and north of the water.
    column_names: Vec<[Name; 2]>,
    row_names: Vec<Name>,
}

impl<'a> Quarter<'a> {
    pub fn new(frame: &'a Frame, a: usize, b: usize) -> Self {
        let (across, strip) = (frame.across[a], frame.strips[b]);
        let (columns, rows) = (across.west..=across.east, strip.south..=strip.north);
        let mut bridges = vec![across.main, across.second];
        // Where there are neighbours, the streets between them cross the water too.
        if frame.extent.across > 1 {
            bridges.push(across.east);
            bridges.extend((a == 0).then_some(across.west));
        }
        bridges.sort_unstable();
        let mut quarter = Self {
            frame,
            a,
            b,
            i0: across.west,
            i1: across.east,
            j0: strip.south,
            j1: strip.north,
            south_bank: strip.south_bank,
            main_column: across.main,
            main_row: strip.main_row,
            second_bridge: across.second,
            third_column: across.third,
            bridges,
            tunnel: None,
            edges: vec![],
            blocks: vec![],
            columns: columns.clone().map(|i| Street { at: frame.columns[i].at, class: frame.column_class(i, b) }).collect(),
            rows: rows.clone().map(|j| Street { at: frame.rows[j].at, class: frame.row_class(j, a) }).collect(),
            column_names: columns.map(|i| [false, true].map(|is_north| frame.column_name(i, b, is_north))).collect(),
            row_names: rows.map(|j| frame.row_name(j, a)).collect(),
        };
        quarter.tunnel = quarter.hill().map(|hill| quarter.tunnel_ends(hill.bore.approach));
        quarter.draw_blocks();
        quarter.draw_edges();
        quarter
    }

    pub fn ground(&self) -> &'a Ground {
        &self.frame.ground
    }

    pub fn water(&self) -> &'a Watercourse {
        &self.frame.ground.waters[self.b]
    }

    pub fn water_level(&self, u: f64) -> f64 {
        self.frame.ground.water_level(self.b, u)
    }

    pub fn hill(&self) -> Option<&'a Hill> {
        self.frame.ground.marks(self.a, self.b).hill.as_ref()
    }

    pub fn is_middle(&self) -> bool {
        self.frame.is_middle(self.a, self.b)
    }

    /// Chance that is this quarter's own.
    pub fn random(&self, what: &str) -> Random {
        Random::of(self.frame.seed, what, self.a as i64, self.b as i64)
    }

    pub fn stem(&self) -> Name {
        self.frame.quarter_stem(self.a, self.b)
    }

    pub fn column(&self, i: usize) -> Street {
        self.columns[i - self.i0]
    }

    pub fn row(&self, j: usize) -> Street {
        self.rows[j - self.j0]
    }

    pub fn owns(&self, node: Node) -> bool {
        (node.i > self.i0 || self.a == 0) && (node.j > self.j0 || self.b == 0)
    }

    /// No other quarter lies on this side.
    pub fn is_east_edge(&self) -> bool {
        self.a + 1 == self.frame.extent.across
    }

    pub fn is_north_edge(&self) -> bool {
        self.b + 1 == self.frame.extent.strips
    }

    /// Edges that quarters still to come lay from a node.
    pub fn edges_to_come(&self, node: Node) -> usize {
        usize::from(node.i == self.i1 && !self.is_east_edge()) + usize::from(node.j == self.j1 && !self.is_north_edge())
    }

    pub fn at(&self, node: Node) -> Lattice {
        Lattice::new(self.column(node.i).at, self.row(node.j).at)
    }

    pub fn class(&self, edge: Edge) -> RoadClass {
        match edge.way {
            Way::East => self.row(edge.from.j).class,
            Way::North => self.column(edge.from.i).class,
        }
    }

    pub fn name(&self, edge: Edge) -> &Name {
        match edge.way {
            Way::East => &self.row_names[edge.from.j - self.j0],
            Way::North => &self.column_names[edge.from.i - self.i0][usize::from(edge.from.j > self.south_bank)],
        }
    }

    /// A place on the edge's middle line, 0 to 1, on the lattice.
    pub fn on_edge(&self, edge: Edge, share: f64) -> Lattice {
        let (a, b) = (self.at(edge.from), self.at(edge.to()));
        Lattice::new(a.u + (b.u - a.u) * share, a.v + (b.v - a.v) * share)
    }

    /// Middle line of a street in the plan, a vertex every 15 m or so.
    pub fn middle_line(&self, edge: Edge) -> Vec<Plan> {
        let steps = self.steps(edge, 15.0);
        (0..=steps).map(|k| self.frame.ground.plan(self.on_edge(edge, f64::from(k) / f64::from(steps)))).collect()
    }

    /// Where the lines of a service meet at a node: so far left of the row's and of the column's middle.
    pub fn crossing(&self, node: Node, row_offset_m: f64, column_offset_m: f64) -> Plan {
        let at = self.at(node);
        let centre = self.frame.ground.plan(at);
        let (row, column) = (self.direction(at, Way::East), self.direction(at, Way::North));
        // d·left(row) = row offset and d·left(column) = column offset, solved for d = row·a + column·b.
        let b = row_offset_m / row.left().dot(column);
        let a = column_offset_m / column.left().dot(row);
        centre + row * a + column * b
    }

    pub fn service_node(&self, node: Node, service: Service) -> Plan {
        let (row, column) = (self.row(node.j).class, self.column(node.i).class);
        self.crossing(node, row.offset_m(service), column.offset_m(service))
    }

    /// Line of a service along an edge, from node to node.
    pub fn service_line(&self, edge: Edge, service: Service) -> Vec<Plan> {
        let offset = self.class(edge).offset_m(service);
        let [from, to] = edge.ends().map(|node| self.service_node(node, service));
        self.offset_line(edge, offset, from, to, 15.0)
    }

    /// A line beside a street's middle from one point to another, with a vertex every `step_m` or so.
    pub fn offset_line(&self, edge: Edge, offset_m: f64, from: Plan, to: Plan, step_m: f64) -> Vec<Plan> {
        let steps = self.steps(edge, step_m);
        let mut line = vec![from];
        for k in 1..steps {
            let at = self.on_edge(edge, f64::from(k) / f64::from(steps));
            let beside = self.frame.ground.plan(at) + self.direction(at, edge.way).left() * offset_m;
            // At a junction the services' own crossing points stand in for the street's.
            if beside.distance(from) > 8.0 + offset_m.abs() && beside.distance(to) > 8.0 + offset_m.abs() {
                line.push(beside);
            }
        }
        line.push(to);
        line
    }

    /// Unit direction of a row or column in the plan.
    pub fn direction(&self, at: Lattice, way: Way) -> Plan {
        let (du, dv) = match way {
            Way::East => (0.5, 0.0),
            Way::North => (0.0, 0.5),
        };
        (self.frame.ground.plan(Lattice::new(at.u + du, at.v + dv)) - self.frame.ground.plan(Lattice::new(at.u - du, at.v - dv))).unit()
    }

    /// Outline of a block, so far inside its streets' red lines; counter-clockwise, not closed.
    pub fn outline(&self, block: &Block, inside_m: f64) -> Vec<Plan> {
        let [south, east, north, west] = self.sides(block, inside_m);
        let mut ring = south;
        ring.extend(east);
        ring.extend(reversed(north));
        ring.extend(reversed(west));
        // Corners stand on two sides.
        ring.dedup_by(|a, b| a.distance(*b) < 0.01);
        ring.pop();
        ring
    }

    /// The four sides of a block: south, east, north, west, each from corner to corner along its street's direction.
    pub fn sides(&self, block: &Block, inside_m: f64) -> [Vec<Plan>; 4] {
        let Block { west, east, south, north } = *block;
        let row = |j: usize| self.row(j).class.half_m() + inside_m;
        let column = |i: usize| self.column(i).class.half_m() + inside_m;
        // Left of a row is north, left of a column is west.
        let sw = self.crossing(Node { i: west, j: south }, row(south), -column(west));
        let se = self.crossing(Node { i: east, j: south }, row(south), column(east));
        let ne = self.crossing(Node { i: east, j: north }, -row(north), column(east));
        let nw = self.crossing(Node { i: west, j: north }, -row(north), -column(west));
        let eastward =
            |j: usize, offset, from, to| self.side((west..east).map(|i| Edge { from: Node { i, j }, way: Way::East }), offset, from, to);
        let northward =
            |i: usize, offset, from, to| self.side((south..north).map(|j| Edge { from: Node { i, j }, way: Way::North }), offset, from, to);
        [
            eastward(south, row(south), sw, se),
            northward(east, column(east), se, ne),
            eastward(north, -row(north), nw, ne),
            northward(west, -column(west), sw, nw),
        ]
    }

    /// One side of a block, from corner to corner.
    fn side(&self, edges: impl Iterator<Item = Edge>, offset_m: f64, from: Plan, to: Plan) -> Vec<Plan> {
        let chord = to - from;
        let (length, ahead) = (chord.length(), chord.unit());
        let mut line = vec![from];
        for edge in edges {
            for p in self.middle_samples(edge, offset_m) {
                let passed = (p - from).dot(ahead);
                let last = line[line.len() - 1];
                if passed > 4.0 && passed < length - 4.0 && p.distance(last) > 4.0 {
                    line.push(p);
                }
            }
        }
        line.push(to);
        line
    }

    fn middle_samples(&self, edge: Edge, offset_m: f64) -> Vec<Plan> {
        let steps = self.steps(edge, 15.0);
        let at = |k| self.on_edge(edge, f64::from(k) / f64::from(steps));
        (0..=steps).map(|k| self.frame.ground.plan(at(k)) + self.direction(at(k), edge.way).left() * offset_m).collect()
    }

    /// Where its west ends, where its east begins, and where its north does.
    pub fn part_borders(&self) -> (f64, f64, f64) {
        (self.column(self.third_column).at, self.column(self.main_column + 2).at, self.row(self.main_row + 1).at)
    }

    pub fn part(&self, p: Lattice) -> Part {
        let (third, split, upper) = self.part_borders();
        let is_east = p.u >= split;
        if p.v < self.water().v {
            return if is_east { Part::SouthEast } else { Part::SouthWest };
        }
        if is_east {
            Part::East
        } else if p.u < third {
            Part::West
        } else if p.v < upper {
            Part::Centre
        } else {
            Part::North
        }
    }

    pub fn character(&self, part: Part) -> Character {
        self.frame.character(self.a, self.b, part)
    }

    /// Where water and gas come in from the west.
    pub fn entry(&self) -> Node {
        Node { i: self.i0, j: self.south_bank + 1 }
    }

    pub fn streets(&self) -> impl Iterator<Item = Edge> + '_ {
        self.edges.iter().filter(|(_, kind)| *kind == EdgeKind::Street).map(|(edge, _)| *edge)
    }

    fn steps(&self, edge: Edge, step_m: f64) -> u32 {
        let length = self.at(edge.from).distance(self.at(edge.to()));
        (libm::round(length / step_m) as u32).max(2)
    }

    fn tunnel_ends(&self, (from, to): (f64, f64)) -> (usize, usize) {
        let west = (self.i0..=self.i1).rev().find(|i| self.column(*i).at < from - 12.0).unwrap_or(self.i0);
        let east = (self.i0..=self.i1).find(|i| self.column(*i).at > to + 12.0).unwrap_or(self.i1);
        (west, east)
    }

    pub fn block_centre(&self, block: &Block) -> Lattice {
        let (u, v) = ((self.column(block.west).at, self.column(block.east).at), (self.row(block.south).at, self.row(block.north).at));
        Lattice::new((u.0 + u.1) / 2.0, (v.0 + v.1) / 2.0)
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

fn reversed(mut line: Vec<Plan>) -> Vec<Plan> {
    line.reverse();
    line
}
