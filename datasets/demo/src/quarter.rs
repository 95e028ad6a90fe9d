//! One quarter: a window on the frame, with the streets and blocks that are its own.
//!
//! A quarter owns the nodes of its columns and rows but those of its western column and southern row, which are its
//! neighbours' (at the city's edge they are its own); the edges whose later end it owns; and the blocks between. So all
//! that it refers to in another quarter lies west or south of it and is made before it.

use crate::admin::{Character, Part};
use crate::frame::Frame;
use crate::ground::{Ground, Lattice, Watercourse};
use crate::names::Name;
use crate::random::Random;
use crate::rise::Hill;
use crate::streets::{Block, Edge, EdgeKind, Node, RoadClass, Way};

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
        quarter.draw();
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

    pub fn block_centre(&self, block: &Block) -> Lattice {
        let (u, v) = ((self.column(block.west).at, self.column(block.east).at), (self.row(block.south).at, self.row(block.north).at));
        Lattice::new((u.0 + u.1) / 2.0, (v.0 + v.1) / 2.0)
    }
}
