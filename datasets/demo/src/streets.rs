//! What streets, junctions and blocks are called and how wide they are; where they lie, the frame and its quarters know.
//!
//! Columns are streets across the river (constant `u`), rows are streets along it (constant `v`). A node `(i, j)` is where
//! column `i` meets row `j`; an edge is a street between two neighbouring nodes; a block is one or two cells between.
//! Columns and rows are numbered through the whole city, from its south-western corner.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoadClass {
    Branch,
    Secondary,
    Arterial,
    /// A side of a ring. Below ground it is as wide as an arterial, so that a street may become one at a junction.
    Expressway,
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
            Self::Expressway => "expressway",
        }
    }

    pub fn carriageway_m(self) -> f64 {
        match self {
            Self::Branch => 7.0,
            Self::Secondary => 14.0,
            Self::Arterial => 18.0,
            Self::Expressway => 21.0,
        }
    }

    pub fn lanes(self) -> i64 {
        match self {
            Self::Branch => 2,
            Self::Secondary | Self::Arterial => 4,
            Self::Expressway => 6,
        }
    }

    pub fn speed_kmh(self) -> i64 {
        match self {
            Self::Branch => 30,
            Self::Secondary => 40,
            Self::Arterial => 60,
            Self::Expressway => 80,
        }
    }

    /// From the middle of the street to the red line, footways included.
    pub fn half_m(self) -> f64 {
        match self {
            Self::Branch => 6.0,
            Self::Secondary => 11.0,
            Self::Arterial | Self::Expressway => 15.0,
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
            (Self::Arterial | Self::Expressway, Service::Water) => -11.5,
            (Self::Arterial | Self::Expressway, Service::Gas) => 11.0,
            (Self::Arterial | Self::Expressway, Service::Storm) => 3.0,
            (Self::Arterial | Self::Expressway, Service::Sewer) => -3.0,
        }
    }

    /// Hydrants stand at the kerb: ≤ 2 m from it, ≥ 5 m from walls (GB 50974-2014).
    pub fn hydrant_offset_m(self) -> f64 {
        -(self.carriageway_m() / 2.0 + 0.5)
    }

    /// Water and gas mains follow the larger streets.
    pub fn is_main(self) -> bool {
        self != Self::Branch
    }
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

    pub fn other_end(self, node: Node) -> Node {
        if self.from == node { self.to() } else { self.from }
    }

    /// A number for its start: what chance is drawn by.
    pub fn key(self) -> i64 {
        (self.from.i * 100_000 + self.from.j) as i64
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    Street,
    Bridge,
}

/// One or two cells: columns `west` to `east`, rows `south` to `north`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    pub west: usize,
    pub east: usize,
    pub south: usize,
    pub north: usize,
}

impl Block {
    pub fn holds(&self, i: usize, j: usize) -> bool {
        (self.west..self.east).contains(&i) && (self.south..self.north).contains(&j)
    }
}
