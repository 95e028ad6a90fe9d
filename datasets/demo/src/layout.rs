//! Streets, blocks and districts: who goes where before anything is drawn.
//!
//! Columns are streets across the river (constant `u`), rows are streets along it (constant `v`). A node `(i, j)` is where
//! column `i` meets row `j`; an edge is a street between two neighbouring nodes; a block is one or two cells between.

use crate::ground::{Ground, Lattice, RIVER_ROAD_M, Rise};
use crate::names::{self, Name};
use crate::plan::Plan;
use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoadClass {
    Branch,
    Secondary,
    Arterial,
}

/// What runs under a street.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Water,
    Gas,
    Storm,
    Sewer,
}

impl RoadClass {
    pub fn id(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Secondary => "secondary",
            Self::Arterial => "arterial",
        }
    }

    pub fn carriageway_m(self) -> f64 {
        match self {
            Self::Branch => 7.0,
            Self::Secondary => 14.0,
            Self::Arterial => 18.0,
        }
    }

    pub fn lanes(self) -> i64 {
        if self == Self::Branch { 2 } else { 4 }
    }

    /// From the middle of the street to the red line, footways included.
    pub fn half_m(self) -> f64 {
        match self {
            Self::Branch => 6.0,
            Self::Secondary => 11.0,
            Self::Arterial => 15.0,
        }
    }

    /// Where a service lies: metres to the left of the middle, looking along the street. Drains lie in the carriageway,
    /// water and gas under the footways at either side (GB 50289-2016 §4.1.3: in this order from the red line).
    pub fn offset_m(self, service: Service) -> f64 {
        match (self, service) {
            (Self::Branch, Service::Water) => -5.4,
            (Self::Branch, Service::Gas) => 5.0,
            (Self::Branch, Service::Storm) => 1.1,
            (Self::Branch, Service::Sewer) => -1.1,
            (Self::Secondary, Service::Water) => -9.2,
            (Self::Secondary, Service::Gas) => 8.8,
            (Self::Secondary, Service::Storm) => 2.2,
            (Self::Secondary, Service::Sewer) => -2.2,
            (Self::Arterial, Service::Water) => -11.5,
            (Self::Arterial, Service::Gas) => 11.0,
            (Self::Arterial, Service::Storm) => 3.0,
            (Self::Arterial, Service::Sewer) => -3.0,
        }
    }

    /// Hydrants stand at the kerb: ≤ 2 m from it, ≥ 5 m from walls (GB 50974-2014).
    pub fn hydrant_offset_m(self) -> f64 {
        -(self.carriageway_m() / 2.0 + 0.5)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Street {
    /// `u` of a column, `v` of a row.
    pub at: f64,
    pub class: RoadClass,
    pub name: Name,
    /// Name of a column's part south of the river, where no bridge joins the two.
    pub name_south: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    pub i: usize,
    pub j: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Along a row, from column `i` to `i + 1`.
    East,
    /// Along a column, from row `j` to `j + 1`.
    North,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    pub from: Node,
    pub way: Way,
}

impl Edge {
    pub fn to(self) -> Node {
        match self.way {
            Way::East => Node { i: self.from.i + 1, j: self.from.j },
            Way::North => Node { i: self.from.i, j: self.from.j + 1 },
        }
    }

    pub fn ends(self) -> [Node; 2] {
        [self.from, self.to()]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    Street,
    Bridge,
}

/// One or two cells: columns `west` to `east`, rows `south` to `north`.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub west: usize,
    pub east: usize,
    pub south: usize,
    pub north: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum District {
    OldTown,
    North,
    West,
    NewTown,
    SouthBank,
    Industry,
}

impl District {
    pub const ALL: [Self; 6] = [Self::OldTown, Self::North, Self::West, Self::NewTown, Self::SouthBank, Self::Industry];

    pub fn name(self) -> Name {
        match self {
            Self::OldTown => ("老城街道", "Laocheng Subdistrict"),
            Self::North => ("城北街道", "Chengbei Subdistrict"),
            Self::West => ("西郊街道", "Xijiao Subdistrict"),
            Self::NewTown => ("新区街道", "Xinqu Subdistrict"),
            Self::SouthBank => ("江南街道", "Jiangnan Subdistrict"),
            Self::Industry => ("工业园街道", "Gongyeyuan Subdistrict"),
        }
    }
}

/// How far a size reaches, in metres of the lattice, and how many streets it has.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub half_u: f64,
    pub half_v: f64,
    pub columns: usize,
    pub rows_north: usize,
    pub rows_south: usize,
}

#[derive(Clone, Debug)]
pub struct Layout {
    pub seed: u64,
    pub ground: Ground,
    pub columns: Vec<Street>,
    pub rows: Vec<Street>,
    /// The row along the river's south bank; the north bank's is the next.
    pub south_bank: usize,
    pub main_column: usize,
    pub main_row: usize,
    pub bridges: [usize; 2],
    /// The nodes between which the main row runs through the hill.
    pub tunnel: (usize, usize),
    /// In order.
    pub edges: Vec<(Edge, EdgeKind)>,
    pub blocks: Vec<Block>,
}

impl Layout {
    pub fn new(seed: u64, extent: Extent) -> Self {
        let mut random = Random::of(seed, "layout", 0, 0);
        let river_v = -140.0 + random.between(-15.0, 15.0);
        let (south_v, north_v) = (river_v - RIVER_ROAD_M, river_v + RIVER_ROAD_M);
        let column_at = spread(&mut random, -extent.half_u, extent.half_u, extent.columns);
        let mut row_at = spread(&mut random, -extent.half_v, south_v, extent.rows_south);
        let south_bank = row_at.len() - 1;
        row_at.extend(spread(&mut random, north_v, extent.half_v, extent.rows_north));
        let main_column = extent.columns / 2 - 1;
        let main_row = south_bank + 1 + 3;
        let second_bridge = main_column + 3;
        let hill = Rise {
            centre: Lattice::new(column_at[main_column + 4] + 40.0, row_at[main_row] + 95.0),
            radius_m: random.between(195.0, 210.0),
            height_m: random.between(48.0, 56.0),
        };
        let ground = Ground::new(seed, river_v, -extent.half_u, hill, row_at[main_row]);
        let (columns, rows) = name_streets(&mut random, &column_at, &row_at, south_bank, main_column, main_row, second_bridge);
        let mut layout = Self {
            seed,
            ground,
            columns,
            rows,
            south_bank,
            main_column,
            main_row,
            bridges: [main_column, second_bridge],
            tunnel: (0, 0),
            edges: vec![],
            blocks: vec![],
        };
        layout.tunnel = layout.tunnel_ends();
        layout.dig_hollows();
        layout.draw_blocks(&mut random);
        layout.draw_edges();
        layout
    }

    pub fn at(&self, node: Node) -> Lattice {
        Lattice::new(self.columns[node.i].at, self.rows[node.j].at)
    }

    pub fn class(&self, edge: Edge) -> RoadClass {
        match edge.way {
            Way::East => self.rows[edge.from.j].class,
            Way::North => self.columns[edge.from.i].class,
        }
    }

    pub fn name(&self, edge: Edge) -> Name {
        match edge.way {
            Way::East => self.rows[edge.from.j].name,
            Way::North if edge.from.j <= self.south_bank => self.columns[edge.from.i].name_south,
            Way::North => self.columns[edge.from.i].name,
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
        (0..=steps).map(|k| self.ground.plan(self.on_edge(edge, f64::from(k) / f64::from(steps)))).collect()
    }

    /// Where the lines of a service meet at a node: so far left of the row's and of the column's middle.
    pub fn crossing(&self, node: Node, row_offset_m: f64, column_offset_m: f64) -> Plan {
        let at = self.at(node);
        let centre = self.ground.plan(at);
        let (row, column) = (self.direction(at, Way::East), self.direction(at, Way::North));
        // d·left(row) = row offset and d·left(column) = column offset, solved for d = row·a + column·b.
        let b = row_offset_m / row.left().dot(column);
        let a = column_offset_m / column.left().dot(row);
        centre + row * a + column * b
    }

    pub fn service_node(&self, node: Node, service: Service) -> Plan {
        let (row, column) = (self.rows[node.j].class, self.columns[node.i].class);
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
            let beside = self.ground.plan(at) + self.direction(at, edge.way).left() * offset_m;
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
        (self.ground.plan(Lattice::new(at.u + du, at.v + dv)) - self.ground.plan(Lattice::new(at.u - du, at.v - dv))).unit()
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
        let row = |j: usize| self.rows[j].class.half_m() + inside_m;
        let column = |i: usize| self.columns[i].class.half_m() + inside_m;
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
        (0..=steps).map(|k| self.ground.plan(at(k)) + self.direction(at(k), edge.way).left() * offset_m).collect()
    }

    pub fn district(&self, p: Lattice) -> District {
        let east = p.u >= self.columns[self.main_column + 2].at;
        if p.v < self.ground.river_v {
            return if east { District::Industry } else { District::SouthBank };
        }
        if east {
            District::NewTown
        } else if p.u < self.columns[3].at {
            District::West
        } else if p.v < self.rows[self.main_row + 1].at {
            District::OldTown
        } else {
            District::North
        }
    }

    /// Borders of a district on the lattice: west, south, east, north.
    pub fn district_box(&self, district: District) -> [f64; 4] {
        let beyond = 45.0;
        let (first, last) = (&self.columns[0], &self.columns[self.columns.len() - 1]);
        let (west, east) = (first.at - beyond, last.at + beyond);
        let (south, north) = (self.rows[0].at - beyond, self.rows[self.rows.len() - 1].at + beyond);
        let river = self.ground.river_v;
        let split = self.columns[self.main_column + 2].at;
        let (third, upper) = (self.columns[3].at, self.rows[self.main_row + 1].at);
        match district {
            District::Industry => [split, south, east, river],
            District::SouthBank => [west, south, split, river],
            District::NewTown => [split, river, east, north],
            District::West => [west, river, third, north],
            District::OldTown => [third, river, split, upper],
            District::North => [third, upper, split, north],
        }
    }

    /// The node nearest to a place on the lattice.
    pub fn nearest_node(&self, p: Lattice) -> Node {
        let nearest = |lines: &[Street], x: f64| {
            (0..lines.len()).min_by(|a, b| (lines[*a].at - x).abs().total_cmp(&(lines[*b].at - x).abs())).expect("a town has streets")
        };
        Node { i: nearest(&self.columns, p.u), j: nearest(&self.rows, p.v) }
    }

    pub fn streets(&self) -> impl Iterator<Item = Edge> + '_ {
        self.edges.iter().filter(|(_, kind)| *kind == EdgeKind::Street).map(|(edge, _)| *edge)
    }

    fn steps(&self, edge: Edge, step_m: f64) -> u32 {
        let length = self.at(edge.from).distance(self.at(edge.to()));
        (libm::round(length / step_m) as u32).max(2)
    }

    fn tunnel_ends(&self) -> (usize, usize) {
        let (from, to) = self.ground.bore.approach;
        let west = self.columns.iter().rposition(|column| column.at < from - 12.0).unwrap_or(0);
        let east = self.columns.iter().position(|column| column.at > to + 12.0).unwrap_or(self.columns.len() - 1);
        (west, east)
    }

    /// Low places where rain gathers: at junctions, one in each of three districts.
    fn dig_hollows(&mut self) {
        let places = [
            (self.main_column - 2, self.south_bank + 3),
            (self.main_column + 2, self.south_bank + 2),
            (self.main_column + 1, self.south_bank - 2),
        ];
        let hollows = places.map(|(i, j)| Rise { centre: self.at(Node { i, j }), radius_m: 75.0, height_m: -0.5 });
        self.ground.hollows.extend(hollows);
    }

    /// Cells between neighbouring streets, some of them joined in pairs across a branch street.
    fn draw_blocks(&mut self, random: &mut Random) {
        let (cells_u, cells_v) = (self.columns.len() - 1, self.rows.len() - 1);
        let mut taken = vec![false; cells_u * cells_v];
        // A node loses one street at most, so that no street ends blindly.
        let mut thinned = vec![false; self.columns.len() * self.rows.len()];
        for j in 0..cells_v {
            for i in 0..cells_u {
                if taken[j * cells_u + i] || j == self.south_bank {
                    continue;
                }
                let mut block = Block { west: i, east: i + 1, south: j, north: j + 1 };
                let (joins_east, joins_north) = (random.chance(0.13), random.chance(0.13));
                let near_hill = self.ground.is_on_hill(self.block_centre(&block), 200.0);
                let keeps = |nodes: [(usize, usize); 2], thinned: &[bool]| nodes.iter().all(|(i, j)| !thinned[j * self.columns.len() + i]);
                if joins_east
                    && i + 1 < cells_u
                    && !near_hill
                    && !taken[j * cells_u + i + 1]
                    && self.columns[i + 1].class == RoadClass::Branch
                {
                    let nodes = [(i + 1, j), (i + 1, j + 1)];
                    if keeps(nodes, &thinned) {
                        nodes.iter().for_each(|(i, j)| thinned[j * self.columns.len() + i] = true);
                        block.east += 1;
                        taken[j * cells_u + i + 1] = true;
                    }
                } else if joins_north
                    && j + 1 < cells_v
                    && j + 1 != self.south_bank
                    && !near_hill
                    && !taken[(j + 1) * cells_u + i]
                    && self.rows[j + 1].class == RoadClass::Branch
                {
                    let nodes = [(i, j + 1), (i + 1, j + 1)];
                    if keeps(nodes, &thinned) {
                        nodes.iter().for_each(|(i, j)| thinned[j * self.columns.len() + i] = true);
                        block.north += 1;
                        taken[(j + 1) * cells_u + i] = true;
                    }
                }
                taken[j * cells_u + i] = true;
                self.blocks.push(block);
            }
        }
    }

    pub fn block_centre(&self, block: &Block) -> Lattice {
        let (u, v) = ((self.columns[block.west].at, self.columns[block.east].at), (self.rows[block.south].at, self.rows[block.north].at));
        Lattice::new((u.0 + u.1) / 2.0, (v.0 + v.1) / 2.0)
    }

    fn draw_edges(&mut self) {
        let mut edges = vec![];
        for i in 0..self.columns.len() {
            for j in 0..self.rows.len() {
                for way in [Way::East, Way::North] {
                    let edge = Edge { from: Node { i, j }, way };
                    let to = edge.to();
                    if to.i >= self.columns.len() || to.j >= self.rows.len() {
                        continue;
                    }
                    if let Some(kind) = self.edge_kind(edge) {
                        edges.push((edge, kind));
                    }
                }
            }
        }
        edges.sort();
        self.edges = edges;
    }

    fn edge_kind(&self, edge: Edge) -> Option<EdgeKind> {
        let Node { i, j } = edge.from;
        if edge.way == Way::North && j == self.south_bank {
            return self.bridges.contains(&i).then_some(EdgeKind::Bridge);
        }
        if edge.way == Way::East && j == self.main_row && (self.tunnel.0..self.tunnel.1).contains(&i) {
            return None;
        }
        let crosses_block = self.blocks.iter().any(|block| match edge.way {
            Way::East => (block.west..block.east).contains(&i) && block.south < j && j < block.north,
            Way::North => (block.south..block.north).contains(&j) && block.west < i && i < block.east,
        });
        let on_hill = (0..=8).any(|k| self.ground.is_on_hill(self.on_edge(edge, f64::from(k) / 8.0), 10.0));
        (!crosses_block && !on_hill).then_some(EdgeKind::Street)
    }
}

fn reversed(mut line: Vec<Plan>) -> Vec<Plan> {
    line.reverse();
    line
}

/// `n` lines from `low` to `high`, the ends exact, the gaps uneven by an eighth.
fn spread(random: &mut Random, low: f64, high: f64, n: usize) -> Vec<f64> {
    let gap = (high - low) / (n - 1) as f64;
    (0..n)
        .map(|k| match k {
            0 => low,
            k if k == n - 1 => high,
            k => low + gap * (k as f64 + random.between(-0.11, 0.11)),
        })
        .collect()
}

fn name_streets(
    random: &mut Random,
    column_at: &[f64],
    row_at: &[f64],
    south_bank: usize,
    main_column: usize,
    main_row: usize,
    second_bridge: usize,
) -> (Vec<Street>, Vec<Street>) {
    let mut secondary = names::SECONDARY;
    let mut streets = names::STREETS;
    random.shuffle(&mut secondary);
    random.shuffle(&mut streets);
    let (mut secondary, mut streets) = (secondary.into_iter().cycle(), streets.into_iter().cycle());
    let mut next = |class| if class == RoadClass::Branch { streets.next() } else { secondary.next() }.expect("the pools go round");
    let last_column = column_at.len() - 1;
    let columns = column_at.iter().enumerate().map(|(i, at)| {
        let fixed = |class, name| Street { at: *at, class, name, name_south: name };
        if i == main_column {
            return fixed(RoadClass::Arterial, names::MAIN_ROAD);
        }
        if i == 0 || i == last_column {
            return fixed(RoadClass::Secondary, names::RING[if i == 0 { 2 } else { 0 }]);
        }
        let class = if i == second_bridge || i == 3 { RoadClass::Secondary } else { RoadClass::Branch };
        let name = next(class);
        let name_south = if i == second_bridge { name } else { next(class) };
        Street { at: *at, class, name, name_south }
    });
    let columns = columns.collect();
    let last_row = row_at.len() - 1;
    let rows = row_at.iter().enumerate().map(|(j, at)| {
        let fixed = |class, name| Street { at: *at, class, name, name_south: name };
        match j {
            0 => fixed(RoadClass::Secondary, names::RING[1]),
            j if j == last_row => fixed(RoadClass::Secondary, names::RING[3]),
            j if j == south_bank => fixed(RoadClass::Secondary, names::RIVER_SOUTH),
            j if j == south_bank + 1 => fixed(RoadClass::Secondary, names::RIVER_NORTH),
            j if j == main_row => fixed(RoadClass::Arterial, names::MAIN_AVENUE),
            _ => fixed(RoadClass::Branch, next(RoadClass::Branch)),
        }
    });
    let rows = rows.collect();
    (columns, rows)
}
