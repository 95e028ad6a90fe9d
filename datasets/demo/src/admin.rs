//! Who administers what: divisions (区), subdistricts (街道), communities (社区) and their unit grid (单元网格).
//!
//! A quarter is a subdistrict, its six parts are communities, a block is a cell of the unit grid. Codes grow by three
//! digits from each to the next: 6 for the division, 9 for the subdistrict, 12 for the community, 15 for the cell.

use crate::SinkError;
use crate::emit::{Emitter, Row};
use crate::frame::Frame;
use crate::ground::Lattice;
use crate::names::{CITY, Kind, Name, stem};
use crate::plan::{Plan, ring_area};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::streets::Block;
use std::collections::BTreeMap;

/// Quarters of a division, from west to east and from south to north.
const DIVISION: (usize, usize) = (5, 6);
const BORDER_STEP_M: f64 = 25.0;
/// The city ends so far beyond its outermost streets.
pub const BEYOND_M: f64 = 45.0;

/// A part of a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Centre,
    North,
    West,
    East,
    SouthWest,
    SouthEast,
}

impl Part {
    pub const ALL: [Self; 6] = [Self::Centre, Self::North, Self::West, Self::East, Self::SouthWest, Self::SouthEast];

    fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Centre => ("中心", "Central"),
            Self::North => ("北", "North"),
            Self::West => ("西", "West"),
            Self::East => ("东", "East"),
            Self::SouthWest => ("西南", "Southwest"),
            Self::SouthEast => ("东南", "Southeast"),
        }
    }

    /// In the middle of the city they have names of their own.
    fn known(self) -> (&'static str, &'static str) {
        match self {
            Self::Centre => ("老城社区", "Laocheng Community"),
            Self::North => ("城北社区", "Chengbei Community"),
            Self::West => ("西郊社区", "Xijiao Community"),
            Self::East => ("新区社区", "Xinqu Community"),
            Self::SouthWest => ("江南社区", "Jiangnan Community"),
            Self::SouthEast => ("工业园社区", "Gongyeyuan Community"),
        }
    }
}

/// What a community is like: what is built there and since when, what lies below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Character {
    OldTown,
    /// Estates of the eighties and nineties.
    Estates,
    /// Houses with yards, villages once.
    Houses,
    /// Towers of the last years.
    NewTown,
    /// Estates and houses of the turn of the century.
    Suburb,
    Industry,
}

impl Frame {
    /// Older and denser towards the middle; industry down the river, houses at the edges.
    pub fn character(&self, a: usize, b: usize, part: Part) -> Character {
        if self.is_middle(a, b) {
            return match part {
                Part::Centre => Character::OldTown,
                Part::North => Character::Estates,
                Part::West => Character::Houses,
                Part::East => Character::NewTown,
                Part::SouthWest => Character::Suburb,
                Part::SouthEast => Character::Industry,
            };
        }
        let (middle_a, middle_b) = self.extent.middle();
        let out = |at: usize, middle: usize| (at as f64 - middle as f64) / (middle as f64 + 0.5);
        let (east, north) = (out(a, middle_a), out(b, middle_b));
        let from_middle = (east * east + north * north).sqrt();
        let is_down_river = east > 0.2 && north.abs() < 0.7 && matches!(part, Part::SouthEast | Part::East);
        let mut random = Random::of(self.seed, "character", self.serial(a, b) as i64, part as i64);
        random.weighted(match from_middle {
            _ if is_down_river => &[(Character::Industry, 0.55), (Character::NewTown, 0.35), (Character::Suburb, 0.10)],
            ..0.45 => &[(Character::OldTown, 0.30), (Character::Estates, 0.35), (Character::NewTown, 0.25), (Character::Suburb, 0.10)],
            ..0.85 => &[
                (Character::OldTown, 0.04),
                (Character::Estates, 0.32),
                (Character::NewTown, 0.26),
                (Character::Suburb, 0.22),
                (Character::Houses, 0.10),
                (Character::Industry, 0.06),
            ],
            _ => &[
                (Character::Estates, 0.12),
                (Character::NewTown, 0.18),
                (Character::Suburb, 0.24),
                (Character::Houses, 0.34),
                (Character::Industry, 0.12),
            ],
        })
    }

    fn divisions(&self) -> (usize, usize) {
        (self.extent.across.div_ceil(DIVISION.0), self.extent.strips.div_ceil(DIVISION.1))
    }

    /// Quarters of the division that a quarter belongs to: from west to east, from south to north.
    fn division_of(&self, a: usize, b: usize) -> Division {
        let (columns, rows) = self.divisions();
        // As even as they come.
        let share = |at: usize, of: usize, parts: usize| {
            let k = (0..parts).rposition(|k| of * k / parts <= at).unwrap_or(0);
            (k, of * k / parts, of * (k + 1) / parts)
        };
        let (x, west, east) = share(a, self.extent.across, columns);
        let (y, south, north) = share(b, self.extent.strips, rows);
        let number = if columns * rows == 1 { 0 } else { y * columns + x + 1 };
        Division { number, west, east, south, north }
    }
}

#[derive(Clone, Copy, Debug)]
struct Division {
    number: usize,
    west: usize,
    east: usize,
    south: usize,
    north: usize,
}

impl Division {
    fn code(&self) -> String {
        format!("{}", 990_100 + self.number)
    }

    fn street_code(&self, a: usize, b: usize) -> String {
        let serial = (b - self.south) * (self.east - self.west) + a - self.west + 1;
        format!("{}{serial:03}", self.code())
    }
}

impl Quarter<'_> {
    pub fn street_code(&self) -> String {
        self.frame.division_of(self.a, self.b).street_code(self.a, self.b)
    }

    pub fn community_code(&self, part: Part) -> String {
        format!("{}{:03}", self.street_code(), part as usize + 1)
    }

    /// Borders of a part on the lattice: west, south, east, north.
    pub fn part_box(&self, part: Part) -> [f64; 4] {
        let [west, south, east, north] = self.edges_box();
        let (third, split, upper) = self.part_borders();
        let river = self.water().v;
        match part {
            Part::SouthEast => [split, south, east, river],
            Part::SouthWest => [west, south, split, river],
            Part::East => [split, river, east, north],
            Part::West => [west, river, third, north],
            Part::Centre => [third, river, split, upper],
            Part::North => [third, upper, split, north],
        }
    }

    /// The quarter's own, a little beyond the streets at the city's edges.
    fn edges_box(&self) -> [f64; 4] {
        box_of(self.frame, [self.a, self.b, self.a + 1, self.b + 1])
    }

    /// Its border in the plan.
    pub fn border(&self) -> Vec<Plan> {
        border(self.frame, self.edges_box())
    }

    /// A block's cell reaches to the middle of its streets, and on the banks to the middle of the water.
    fn cell_box(&self, block: &Block) -> [f64; 4] {
        let [west, south, east, north] = self.edges_box();
        let (first, last) = ((self.i0, self.j0), (self.i1, self.j1));
        let river = self.water().v;
        [
            if block.west == first.0 { west } else { self.column(block.west).at },
            if block.south == first.1 {
                south
            } else if block.south == self.south_bank + 1 {
                river
            } else {
                self.row(block.south).at
            },
            if block.east == last.0 { east } else { self.column(block.east).at },
            if block.north == last.1 {
                north
            } else if block.north == self.south_bank {
                river
            } else {
                self.row(block.north).at
            },
        ]
    }
}

/// Borders of a rectangle of quarters on the lattice: from `[west, south` to `east, north]`, the latter excluded.
fn box_of(frame: &Frame, [west, south, east, north]: [usize; 4]) -> [f64; 4] {
    let extent = &frame.extent;
    let beyond = |is_edge: bool| if is_edge { BEYOND_M } else { 0.0 };
    [
        frame.columns[frame.across[west].west].at - beyond(west == 0),
        frame.rows[frame.strips[south].south].at - beyond(south == 0),
        frame.columns[frame.across[east - 1].east].at + beyond(east == extent.across),
        frame.rows[frame.strips[north - 1].north].at + beyond(north == extent.strips),
    ]
}

/// Residents so far, of divisions that are not complete.
#[derive(Debug, Default)]
pub struct Census {
    divisions: BTreeMap<usize, i64>,
}

/// The quarter's communities and cells, itself, and its division once that is complete.
pub fn emit(quarter: &Quarter, residents: &Residents, census: &mut Census, out: &mut Emitter) -> Result<(), SinkError> {
    let frame = quarter.frame;
    let division = frame.division_of(quarter.a, quarter.b);
    let street_code = quarter.street_code();
    let stem = quarter.stem();
    for part in Part::ALL {
        let name = if quarter.is_middle() { part.known().into() } else { stem.and(&format!("{}社区", part.name().0), part.name().1) };
        let code = quarter.community_code(part);
        let people = residents.by_part.get(&part).copied().unwrap_or(0);
        let row = Row::of("district").set("code", code.as_str()).name(&name).set("kind", "community").set("residents", people);
        area(quarter.frame, row.set("parent", street_code.as_str()), quarter.part_box(part), out)?;
    }
    cells(quarter, residents, out)?;
    let people: i64 = residents.by_part.values().sum();
    let row = Row::of("district")
        .set("code", street_code.as_str())
        .name(&stem.and("街道", "Subdistrict"))
        .set("kind", "street")
        .set("residents", people)
        .set("parent", division.code());
    area(frame, row, quarter.edges_box(), out)?;
    let counted = census.divisions.entry(division.number).or_insert(0);
    *counted += people;
    if (quarter.a + 1, quarter.b + 1) == (division.east, division.north) {
        let total = *counted;
        census.divisions.remove(&division.number);
        let row = Row::of("district")
            .set("code", division.code())
            .name(&division_name(frame, division.number))
            .set("kind", "district")
            .set("division_code", division.code())
            .set("residents", total);
        area(frame, row, box_of(frame, [division.west, division.south, division.east, division.north]), out)?;
    }
    Ok(())
}

/// Who lives where, by community and by block.
#[derive(Debug, Default)]
pub struct Residents {
    pub by_part: BTreeMap<Part, i64>,
    pub by_block: Vec<i64>,
}

fn division_name(frame: &Frame, number: usize) -> Name {
    if number == 0 { CITY.into() } else { stem(frame.seed, Kind::Place, 5000 + number).and("区", "District") }
}

/// One cell a block, numbered within its community.
fn cells(quarter: &Quarter, residents: &Residents, out: &mut Emitter) -> Result<(), SinkError> {
    let mut serials: BTreeMap<Part, usize> = BTreeMap::new();
    for (k, block) in quarter.blocks.iter().enumerate() {
        let part = quarter.part(quarter.block_centre(block));
        let serial = serials.entry(part).and_modify(|serial| *serial += 1).or_insert(1);
        let community = quarter.community_code(part);
        let ring = border(quarter.frame, quarter.cell_box(block));
        let row = Row::of("unit_grid")
            .set("code", format!("{community}{serial:03}"))
            .set("district", community)
            .measure("area_m2", ring_area(&ring), 0)
            .set("residents", residents.by_block[k]);
        out.area(row, &[ring], |p| quarter.frame.ground.height(p))?;
    }
    Ok(())
}

fn area(frame: &Frame, row: Row, sides: [f64; 4], out: &mut Emitter) -> Result<(), SinkError> {
    let ring = border(frame, sides);
    let row = row.measure("area_km2", ring_area(&ring) / 1e6, 3);
    out.area(row, &[ring], |p| frame.ground.height(p))
}

/// A box of the lattice in the plan, with vertices at whole steps of the lattice, so that neighbours share them.
fn border(frame: &Frame, [west, south, east, north]: [f64; 4]) -> Vec<Plan> {
    let side = |from: (f64, f64), to: (f64, f64)| {
        let length = (to.0 - from.0).abs() + (to.1 - from.1).abs();
        let ahead = ((to.0 - from.0) / length, (to.1 - from.1) / length);
        let start = from.0 * ahead.0 + from.1 * ahead.1;
        let inner = (0..).map(move |k| libm::floor(start / BORDER_STEP_M + 1.0) * BORDER_STEP_M + f64::from(k) * BORDER_STEP_M - start);
        let inner = inner.take_while(move |passed| *passed < length - 0.01).filter(|passed| *passed > 0.01);
        std::iter::once(0.0).chain(inner).map(move |passed| Lattice::new(from.0 + ahead.0 * passed, from.1 + ahead.1 * passed))
    };
    let ring = side((west, south), (east, south))
        .chain(side((east, south), (east, north)))
        .chain(side((east, north), (west, north)))
        .chain(side((west, north), (west, south)));
    ring.map(|p| frame.ground.plan(p)).collect()
}
