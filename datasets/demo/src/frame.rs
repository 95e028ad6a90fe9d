//! The whole city before anything is drawn: its quarters, where its streets and waters run, which of them are large.
//!
//! A city is a grid of quarters (片区), and a village is one. The frame is small (a few numbers for each column, row and
//! quarter) and a function of size and seed alone, so that quarters can be made one after the other and forgotten.

use crate::ground::{Extent, Ground, Lattice, Marks, QUARTER_U_M, QUARTER_V_M, Watercourse};
use crate::random::Random;
use crate::rise::Rise;
use crate::streets::RoadClass;

/// Rows south and north of a strip's watercourse, the banks' among them.
const ROWS_SOUTH: usize = 5;
const ROWS_NORTH: usize = 8;
/// From the row on the north bank to the strip's main row.
const MAIN_ROW: usize = 3;
/// From a quarter's main column to its second bridge.
const SECOND: usize = 3;
/// A quarter's first column with shops: the border of its west.
const THIRD: usize = 3;
/// Columns stand further apart at a quarter's edges and beside its main column, so that ramps fit in between.
const WIDE: f64 = 1.12;
const HALF_RIVER_M: f64 = 24.0;

/// What a column or row is to the city.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// On the city's edge.
    Outer,
    /// Between quarters.
    Boundary,
    /// The middle of a quarter or strip.
    Main,
    /// A quarter's second bridge.
    Second,
    /// The border of a quarter's west.
    Third,
    /// Along a watercourse.
    Bank,
    Branch,
}

#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// `u` of a column, `v` of a row.
    pub at: f64,
    pub class: RoadClass,
    pub role: Role,
    /// Which of the city's long streets it is, if it has one name all its way.
    pub long: Option<usize>,
}

/// The columns of the quarters between two boundaries.
#[derive(Clone, Copy, Debug)]
pub struct Across {
    pub west: usize,
    pub east: usize,
    pub main: usize,
    pub second: usize,
    pub third: usize,
}

/// The rows of a strip.
#[derive(Clone, Copy, Debug)]
pub struct Strip {
    pub south: usize,
    pub north: usize,
    /// The row along the south bank; the north bank's is the next.
    pub south_bank: usize,
    pub main_row: usize,
}

/// A ring road: boundaries between quarters, counted from the city's edges.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    pub west: usize,
    pub east: usize,
    pub south: usize,
    pub north: usize,
}

#[derive(Clone, Debug)]
pub struct Frame {
    pub seed: u64,
    pub extent: Extent,
    pub ground: Ground,
    pub columns: Vec<Line>,
    pub rows: Vec<Line>,
    pub across: Vec<Across>,
    pub strips: Vec<Strip>,
    /// From the innermost.
    pub rings: Vec<Ring>,
    /// How many long streets have names of their own.
    pub long_streets: usize,
}

impl Frame {
    /// `rings`: how many quarters lie between the middle one and the ring.
    pub fn new(seed: u64, extent: Extent, rings: &[usize]) -> Self {
        let (middle_a, middle_b) = extent.middle();
        let mut names = 0;
        let mut long = || {
            names += 1;
            Some(names - 1)
        };
        let (mut columns, mut across) = (vec![], vec![]);
        for a in 0..extent.across {
            let (at, main) = column_places(seed, &extent, a);
            let west = columns.len().saturating_sub(1);
            let east = west + at.len() - 1;
            let quarter = Across { west, east, main: west + main, second: west + main + SECOND, third: west + THIRD };
            for (k, at) in at.into_iter().enumerate().skip(usize::from(a > 0)) {
                let i = west + k;
                let role = match i {
                    0 => Role::Outer,
                    i if i == east => {
                        if a + 1 == extent.across {
                            Role::Outer
                        } else {
                            Role::Boundary
                        }
                    }
                    i if i == quarter.main => Role::Main,
                    i if i == quarter.second => Role::Second,
                    i if i == quarter.third => Role::Third,
                    _ => Role::Branch,
                };
                let class = match role {
                    Role::Boundary => RoadClass::Arterial,
                    Role::Main if a == middle_a => RoadClass::Arterial,
                    Role::Branch => RoadClass::Branch,
                    _ => RoadClass::Secondary,
                };
                let is_long = matches!(role, Role::Boundary | Role::Main | Role::Second);
                columns.push(Line { at, class, role, long: if is_long { long() } else { None } });
            }
            across.push(quarter);
        }
        let (mut rows, mut strips, mut waters) = (vec![], vec![], vec![]);
        for b in 0..extent.strips {
            let (at, water) = row_places(seed, &extent, b);
            let south = rows.len().saturating_sub(1);
            let north = south + at.len() - 1;
            let south_bank = south + ROWS_SOUTH - 1;
            let strip = Strip { south, north, south_bank, main_row: south_bank + 1 + MAIN_ROW };
            for (k, at) in at.into_iter().enumerate().skip(usize::from(b > 0)) {
                let j = south + k;
                let role = match j {
                    0 => Role::Outer,
                    j if j == north => {
                        if b + 1 == extent.strips {
                            Role::Outer
                        } else {
                            Role::Boundary
                        }
                    }
                    j if j == south_bank || j == south_bank + 1 => Role::Bank,
                    j if j == strip.main_row => Role::Main,
                    _ => Role::Branch,
                };
                let class = match role {
                    Role::Boundary => RoadClass::Arterial,
                    Role::Main if b == middle_b => RoadClass::Arterial,
                    Role::Branch => RoadClass::Branch,
                    _ => RoadClass::Secondary,
                };
                let is_long = matches!(role, Role::Boundary | Role::Main);
                rows.push(Line { at, class, role, long: if is_long { long() } else { None } });
            }
            strips.push(strip);
            waters.push(water);
        }
        let ring = |reach: &usize| Ring {
            west: middle_a - reach,
            east: middle_a + reach + 1,
            south: middle_b - reach,
            north: middle_b + reach + 1,
        };
        let rings = rings.iter().map(ring).collect();
        let ground = Ground::new(seed, extent, waters);
        let mut frame = Self { seed, extent, ground, columns, rows, across, strips, rings, long_streets: names };
        for b in 0..extent.strips {
            for a in 0..extent.across {
                let marks = frame.marks(a, b);
                frame.ground.mark(a, b, marks);
            }
        }
        frame
    }

    pub fn is_middle(&self, a: usize, b: usize) -> bool {
        (a, b) == self.extent.middle()
    }

    /// The quarters' number, strip by strip.
    pub fn serial(&self, a: usize, b: usize) -> usize {
        b * self.extent.across + a
    }

    /// The class of a row within the quarters of column `a`.
    pub fn row_class(&self, j: usize, a: usize) -> RoadClass {
        if self.ring_row(j, a).is_some() { RoadClass::Expressway } else { self.rows[j].class }
    }

    /// The class of a column within the strip `b`.
    pub fn column_class(&self, i: usize, b: usize) -> RoadClass {
        if self.ring_column(i, b).is_some() { RoadClass::Expressway } else { self.columns[i].class }
    }

    /// Which ring a row is part of within the quarters of column `a`, and whether it is the ring's northern side.
    pub fn ring_row(&self, j: usize, a: usize) -> Option<(usize, bool)> {
        if self.rows[j].role != Role::Boundary {
            return None;
        }
        let boundary = self.strips.iter().position(|strip| strip.south == j)?;
        let on = |ring: &Ring| (ring.west..ring.east).contains(&a) && (boundary == ring.south || boundary == ring.north);
        self.rings.iter().position(on).map(|k| (k, boundary == self.rings[k].north))
    }

    /// Which ring a column is part of within the strip `b`, and whether it is the ring's eastern side.
    pub fn ring_column(&self, i: usize, b: usize) -> Option<(usize, bool)> {
        if self.columns[i].role != Role::Boundary {
            return None;
        }
        let boundary = self.across.iter().position(|quarter| quarter.west == i)?;
        let on = |ring: &Ring| (ring.south..ring.north).contains(&b) && (boundary == ring.west || boundary == ring.east);
        self.rings.iter().position(on).map(|k| (k, boundary == self.rings[k].east))
    }

    /// Hill and hollows of a quarter. Hills are rarer near the middle of a city, more frequent in its west and north.
    fn marks(&self, a: usize, b: usize) -> Marks {
        let mut random = Random::of(self.seed, "marks", a as i64, b as i64);
        let (quarter, strip) = (self.across[a], self.strips[b]);
        let is_middle = self.is_middle(a, b);
        let share = if is_middle {
            f64::from(u8::from(self.extent.across == 1))
        } else {
            let (middle_a, middle_b) = self.extent.middle();
            let out = |at: usize, middle: usize| (at as f64 - middle as f64) / middle.max(1) as f64;
            (0.10 - 0.22 * out(a, middle_a) + 0.12 * out(b, middle_b)).max(0.04)
        };
        let has_hill = random.chance(share);
        let (radius_m, height_m) = (random.between(195.0, 210.0), random.between(44.0, 56.0));
        let west_u = self.columns[quarter.west].at;
        let u = (self.columns[quarter.main + 4].at + 40.0).min(west_u + QUARTER_U_M - 380.0);
        let main_v = self.rows[strip.main_row].at;
        let rise = Rise { centre: Lattice::new(u, main_v + 95.0), radius_m, height_m };
        let hill = has_hill.then(|| self.ground.pierced(rise, main_v));
        // Low places where rain gathers: at junctions, one in each of three parts of the quarter.
        let places =
            [(quarter.main - 2, strip.south_bank + 3), (quarter.main + 2, strip.south_bank + 2), (quarter.main + 1, strip.south_bank - 2)];
        let hollows = places.into_iter().filter(|_| random.chance(0.3) || is_middle).map(|(i, j)| Rise {
            centre: Lattice::new(self.columns[i].at, self.rows[j].at),
            radius_m: 90.0,
            height_m: -1.1,
        });
        Marks { hill, hollows: hollows.collect() }
    }
}

/// Where the columns of the quarters between two boundaries stand, and which is their main one.
fn column_places(seed: u64, extent: &Extent, a: usize) -> (Vec<f64>, usize) {
    let mut random = Random::of(seed, "columns", a as i64, 0);
    let is_middle = a == extent.middle().0;
    // Blocks are larger further out.
    let n = if is_middle { 14 } else { random.whole(12, 14) as usize };
    let main = if is_middle || random.chance(0.6) { 6 } else { 5 };
    let is_wide = |gap: usize| gap == 0 || gap == n - 2 || gap + 1 == main || gap == main;
    let weight = |gap: usize| if is_wide(gap) { WIDE } else { 1.0 };
    let unit = QUARTER_U_M / (0..n - 1).map(weight).sum::<f64>();
    let west = extent.west_u() + QUARTER_U_M * a as f64;
    let places = (0..n).map(|k| {
        let at = west + unit * (0..k).map(weight).sum::<f64>();
        let is_fixed = k == 0 || k == n - 1 || is_wide(k) || is_wide(k - 1);
        let shift = random.between(-0.11, 0.11);
        match k {
            0 => west,
            k if k == n - 1 => west + QUARTER_U_M,
            _ if is_fixed => at,
            _ => at + unit * shift,
        }
    });
    (places.collect(), main)
}

/// Where the rows of a strip lie, and its watercourse between them.
fn row_places(seed: u64, extent: &Extent, b: usize) -> (Vec<f64>, Watercourse) {
    let mut random = Random::of(seed, "rows", b as i64, 0);
    let south = extent.south_v() + QUARTER_V_M * b as f64;
    let is_middle = b == extent.middle().1;
    let half_m = if is_middle { HALF_RIVER_M } else { random.between(5.0, 12.0) };
    let water = Watercourse { v: south + 460.0 + random.between(-15.0, 15.0), half_m };
    let north_rows = if is_middle || random.chance(0.5) { ROWS_NORTH } else { ROWS_NORTH - 1 };
    let mut rows = spread(&mut random, south, water.v - water.road_m(), ROWS_SOUTH);
    rows.extend(spread(&mut random, water.v + water.road_m(), south + QUARTER_V_M, north_rows));
    (rows, water)
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
