//! What stands on a block: estates, old streets, halls, schools, parks. Pure: a block and chance in, footprints out.

use crate::admin::Character;
use crate::ground::Lattice;
use crate::plan::{Plan, Rectangle, along, line_length};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::streets::{Block, Way};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Shops and houses wall to wall along the streets, courtyards behind.
    OldStreets,
    /// Rows of six-storey slabs facing south.
    Estate,
    /// Eleven storeys and more.
    Towers,
    Houses,
    Factory,
    Commercial,
    School,
    Hospital,
    Government,
    FireStation,
    Park,
    Square,
}

/// A building to be.
#[derive(Clone, Debug)]
pub struct House {
    pub footprint: Rectangle,
    pub storeys: i64,
    pub height_m: f64,
    pub purpose: &'static str,
    pub name: Option<String>,
    /// Which side of the block it faces, for its address: south, east, north, west.
    pub faces: Option<Side>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    South,
    East,
    North,
    West,
}

impl Side {
    pub const ALL: [Self; 4] = [Self::South, Self::East, Self::North, Self::West];
}

/// Free space between a street's red line and the walls along it.
pub const SETBACK_M: f64 = 3.0;
/// Nobody builds on the hill's foot.
pub const HILL_MARGIN_M: f64 = 12.0;

/// Decides what a block is for. A few have their place in the quarter; the rest follow their community's character.
pub fn purpose(quarter: &Quarter, block: &Block) -> Use {
    let (main, bank, row) = (quarter.main_column, quarter.south_bank, quarter.main_row);
    // How many quarters of ten have it; the middle one has them all.
    let special = [
        ((main, row - 2), Use::FireStation, 5),
        ((main, row), Use::Government, 10),
        ((main - 1, row - 1), Use::Square, 3),
        ((main - 3, row - 2), Use::School, 8),
        ((main + 1, row), Use::Hospital, 4),
        ((main + 2, row - 2), Use::Park, 6),
        ((main - 1, row), Use::Commercial, 7),
        ((main, row - 1), Use::Commercial, 8),
        ((main - 2, row + 2), Use::School, 5),
        ((main - 4, bank - 2), Use::Park, 4),
        ((main - 2, bank - 1), Use::School, 7),
        ((main, bank - 1), Use::Commercial, 7),
        ((quarter.i0 + 1, row + 1), Use::Park, 4),
    ];
    let (seed, serial) = (quarter.frame.seed, quarter.frame.serial(quarter.a, quarter.b) as i64);
    let (middle_a, middle_b) = quarter.frame.extent.middle();
    let has = |k: usize, purpose: Use, of_ten: i64| match purpose {
        // Every second quarter, like the squares of a chessboard.
        Use::FireStation => (quarter.a + quarter.b) % 2 == (middle_a + middle_b) % 2,
        _ => quarter.is_middle() || Random::of(seed, "special", serial, k as i64).whole(1, 10) <= of_ten,
    };
    let placed = special.iter().enumerate().find(|(k, ((i, j), purpose, of_ten))| block.holds(*i, *j) && has(*k, *purpose, *of_ten));
    if let Some((_, (_, purpose, _))) = placed {
        return *purpose;
    }
    let mut random = Random::of(quarter.frame.seed, "block use", block.west as i64, block.south as i64);
    random.weighted(match quarter.character(quarter.part(quarter.block_centre(block))) {
        Character::OldTown => &[(Use::OldStreets, 0.72), (Use::Estate, 0.18), (Use::Commercial, 0.10)],
        Character::Estates => &[(Use::Estate, 0.60), (Use::OldStreets, 0.25), (Use::Houses, 0.15)],
        Character::Houses => &[(Use::Houses, 0.68), (Use::Estate, 0.22), (Use::OldStreets, 0.10)],
        Character::NewTown => &[(Use::Towers, 0.55), (Use::Estate, 0.30), (Use::Commercial, 0.15)],
        Character::Suburb => &[(Use::Estate, 0.48), (Use::Houses, 0.40), (Use::Commercial, 0.12)],
        Character::Industry => &[(Use::Factory, 0.78), (Use::Estate, 0.22)],
    })
}

/// Footprints that fit the block: inside its red lines, apart from each other, off the hill.
pub fn fill(quarter: &Quarter, block: &Block, purpose: Use, name: &str) -> Vec<House> {
    let mut site = Site::new(quarter, block, name);
    match purpose {
        Use::OldStreets => site.old_streets(),
        Use::Estate => site.estate(),
        Use::Towers => site.towers(),
        Use::Houses => site.houses(),
        Use::Factory => site.factory(),
        Use::Commercial => site.commercial(),
        Use::School => site.placed(&SCHOOL),
        Use::Hospital => site.placed(&HOSPITAL),
        Use::Government => site.placed(&GOVERNMENT),
        Use::FireStation => site.fire_station(),
        Use::Park | Use::Square => site.placed(&PAVILION),
    }
    site.houses
}

/// Places on a site in shares of its half width and half depth; length and depth in metres, storeys, storey height.
type Placed = (f64, f64, f64, f64, i64, f64, &'static str, &'static str);

const SCHOOL: [Placed; 4] = [
    (-0.15, 0.62, 50.0, 12.0, 4, 3.9, "school", "教学楼"),
    (-0.15, 0.12, 50.0, 12.0, 4, 3.9, "school", "实验楼"),
    (0.72, 0.45, 14.0, 34.0, 3, 3.9, "school", "综合楼"),
    (0.66, -0.55, 26.0, 22.0, 2, 5.0, "culture", "体育馆"),
];
const HOSPITAL: [Placed; 4] = [
    (0.0, 0.55, 64.0, 18.0, 10, 3.9, "hospital", "住院楼"),
    (-0.45, -0.15, 34.0, 22.0, 5, 4.2, "hospital", "门诊楼"),
    (0.50, -0.15, 28.0, 20.0, 4, 4.2, "hospital", "急诊楼"),
    (0.55, -0.72, 24.0, 12.0, 3, 3.9, "hospital", "后勤楼"),
];
const GOVERNMENT: [Placed; 3] = [
    (0.0, 0.35, 60.0, 16.0, 7, 3.9, "government", "行政中心"),
    (-0.66, -0.15, 14.0, 36.0, 4, 3.8, "government", "西配楼"),
    (0.66, -0.15, 14.0, 36.0, 4, 3.8, "government", "东配楼"),
];
const PAVILION: [Placed; 1] = [(0.72, 0.70, 8.0, 8.0, 1, 4.5, "culture", "游客服务亭")];

struct Site<'a> {
    quarter: &'a Quarter<'a>,
    /// Inside the setback.
    yard: Vec<Plan>,
    sides: [Vec<Plan>; 4],
    centre: Plan,
    axis: Plan,
    half: (f64, f64),
    taken: Taken,
    random: Random,
    name: &'a str,
    houses: Vec<House>,
}

/// Depth of the strips along the streets that shops and houses have taken.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    south: f64,
    east: f64,
    north: f64,
    west: f64,
}

/// How houses repeat over a site: metres, share of the places that are built on, turn as a slope.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    length: f64,
    depth: f64,
    gap_x: f64,
    gap_y: f64,
    /// Least distance from anything else.
    apart: f64,
    share: f64,
    turn: f64,
    /// How many times its length a house may grow to fill its row.
    stretch: f64,
}

impl<'a> Site<'a> {
    fn new(quarter: &'a Quarter<'a>, block: &Block, name: &'a str) -> Self {
        let yard = quarter.outline(block, SETBACK_M);
        let centre_at = quarter.block_centre(block);
        let axis = quarter.direction(centre_at, Way::East);
        let sides = quarter.sides(block, SETBACK_M);
        let middle = |side: usize| along(&sides[side], line_length(&sides[side]) / 2.0).0;
        let centre = middle(0).toward(middle(2), 0.5);
        let half = (middle(3).distance(middle(1)) / 2.0, middle(0).distance(middle(2)) / 2.0);
        let random = Random::of(quarter.frame.seed, "block", block.west as i64, block.south as i64);
        Self { quarter, yard, sides, centre, axis, half, taken: Taken::default(), random, name, houses: vec![] }
    }

    /// Takes a house if it fits; `gap_m` from every other.
    fn take(&mut self, house: House, gap_m: f64) -> bool {
        let at: Lattice = self.quarter.ground().lattice(house.footprint.centre);
        let reach = (house.footprint.length + house.footprint.depth) / 2.0;
        let fits = house.footprint.is_inside(&self.yard)
            && !self.quarter.ground().is_on_hill(at, HILL_MARGIN_M + reach)
            && !self.houses.iter().any(|other| other.footprint.is_near(&house.footprint, gap_m));
        if fits {
            self.houses.push(house);
        }
        fits
    }

    fn rectangle(&self, x: f64, y: f64, length: f64, depth: f64) -> Rectangle {
        Rectangle { centre: self.centre + self.axis * x + self.axis.left() * y, axis: self.axis, length, depth }
    }

    /// A row of houses along one side, wall to wall or nearly so.
    fn frontage(&mut self, side: Side, width: (f64, f64), depth: (f64, f64), gap: (f64, f64), storeys: (i64, i64), purpose: &'static str) {
        let line = self.sides[side as usize].clone();
        let length = line_length(&line);
        let inward = if matches!(side, Side::South | Side::East) { 1.0 } else { -1.0 };
        match side {
            Side::South => self.taken.south = depth.1 + 4.0,
            Side::North => self.taken.north = depth.1 + 4.0,
            Side::East => self.taken.east = depth.1 + 2.0,
            Side::West => self.taken.west = depth.1 + 2.0,
        }
        let mut s = self.random.between(1.0, 4.0);
        loop {
            let (w, d) = (self.random.between(width.0, width.1), self.random.between(depth.0, depth.1));
            if s + w > length - 1.0 {
                break;
            }
            let (at, ahead) = along(&line, s + w / 2.0);
            let footprint = Rectangle { centre: at + ahead.left() * (inward * (d / 2.0 + 0.4)), axis: ahead, length: w, depth: d };
            let storeys = self.random.whole(storeys.0, storeys.1);
            let storey_m = self.random.between(3.1, 3.5);
            let house = House { footprint, storeys, height_m: storeys as f64 * storey_m + 0.6, purpose, name: None, faces: Some(side) };
            self.take(house, gap.0 * 0.8);
            s += w + self.random.between(gap.0, gap.1);
        }
    }

    /// Rows of houses over what is free of the site, as many as fit.
    fn rows(&mut self, pattern: &Pattern, mut house: impl FnMut(&mut Random, Rectangle) -> House) {
        let Pattern { length, depth, gap_x, gap_y, .. } = *pattern;
        // A street may bend into the site or run askew to it: rows keep clear of its nearest point.
        let height = |p: &Plan| (*p - self.centre).dot(self.axis.left());
        let south = self.sides[0].iter().map(height).fold(f64::NEG_INFINITY, f64::max) + self.taken.south + 0.3;
        let north = self.sides[2].iter().map(height).fold(f64::INFINITY, f64::min) - self.taken.north - 0.3;
        let n = libm::floor((north - south + gap_y) / (depth + gap_y)).max(0.0) as u32;
        // What is left over goes between the rows, up to half as much again.
        let spare = if n > 1 { (north - south - f64::from(n) * depth) / f64::from(n - 1) } else { 0.0 };
        let step = depth + spare.min(gap_y * 1.5);
        for k in 0..n {
            let y = (south + north) / 2.0 + (f64::from(k) - f64::from(n - 1) / 2.0) * step;
            let Some((west, east)) = self.width_at(y - depth / 2.0, y + depth / 2.0) else { continue };
            let room = east - west;
            let fitting = libm::floor((room + gap_x) / (length + gap_x)).max(0.0);
            // Slabs may grow until the row is full; houses stand further apart instead.
            let length = if fitting > 0.0 { ((room + gap_x) / fitting - gap_x).min(length * pattern.stretch) } else { continue };
            let spare = if fitting > 1.0 { (room - fitting * length) / (fitting - 1.0) } else { 0.0 };
            let step_x = length + spare.min(gap_x * 2.0);
            for kx in 0..fitting as u32 {
                let x = (west + east) / 2.0 + (f64::from(kx) - (fitting - 1.0) / 2.0) * step_x;
                let mut footprint = self.rectangle(x, y, length, depth);
                let angle = self.random.between(-pattern.turn, pattern.turn);
                footprint.axis = (footprint.axis + footprint.axis.left() * angle).unit();
                if self.random.chance(pattern.share) {
                    let next = house(&mut self.random, footprint);
                    self.take(next, pattern.apart);
                }
            }
        }
    }

    /// From where to where the site is free between two heights, in metres east of its middle.
    fn width_at(&self, low: f64, high: f64) -> Option<(f64, f64)> {
        let local = |p: Plan| ((p - self.centre).dot(self.axis), (p - self.centre).dot(self.axis.left()));
        let (mut west, mut east) = (f64::NEG_INFINITY, f64::INFINITY);
        for y in [low, (low + high) / 2.0, high] {
            let mut crossings: Vec<f64> = vec![];
            for (k, a) in self.yard.iter().enumerate() {
                let ((ax, ay), (bx, by)) = (local(*a), local(self.yard[(k + 1) % self.yard.len()]));
                if (ay > y) != (by > y) {
                    crossings.push(ax + (bx - ax) * (y - ay) / (by - ay));
                }
            }
            crossings.sort_by(f64::total_cmp);
            west = west.max(*crossings.first()?);
            east = east.min(*crossings.last()?);
        }
        let margin = 0.3;
        Some((west + self.taken.west + margin, east - self.taken.east - margin)).filter(|(west, east)| west < east)
    }

    fn old_streets(&mut self) {
        for side in [Side::South, Side::North, Side::East, Side::West] {
            let purpose = if self.random.chance(0.5) { "commercial" } else { "residential" };
            self.frontage(side, (8.0, 15.0), (9.0, 12.5), (0.6, 3.2), (2, 4), purpose);
        }
        let courtyards = Pattern { length: 9.5, depth: 8.5, gap_x: 2.6, gap_y: 4.0, apart: 1.5, share: 0.92, turn: 0.03, stretch: 1.0 };
        self.rows(&courtyards, |random, mut footprint| {
            footprint.length = random.between(7.5, 9.8);
            footprint.depth = random.between(7.0, 8.8);
            plain(footprint, random.whole(1, 3), 3.1, "residential")
        });
    }

    fn estate(&mut self) {
        let storeys = *self.random.pick(&[5, 6, 6, 6, 7]);
        if self.random.chance(0.7) {
            self.frontage(Side::South, (18.0, 34.0), (9.0, 11.0), (5.0, 9.0), (1, 2), "commercial");
        }
        let length = self.random.between(30.0, 36.0);
        let slabs =
            Pattern { length, depth: 12.0, gap_x: 8.0, gap_y: storeys as f64 * 1.9, apart: 6.0, share: 1.0, turn: 0.0, stretch: 1.55 };
        let estate = self.name.to_owned();
        let mut number = 0;
        self.rows(&slabs, |_, footprint| {
            number += 1;
            House { name: Some(format!("{estate} {number} 号楼")), ..plain(footprint, storeys, 3.0, "residential") }
        });
    }

    fn towers(&mut self) {
        let storeys = self.random.whole(11, 26);
        self.frontage(Side::South, (22.0, 38.0), (11.0, 14.0), (5.0, 8.0), (2, 2), "commercial");
        let (length, depth) = if storeys < 18 { (32.0, 14.0) } else { (26.0, 16.0) };
        let towers = Pattern { length, depth, gap_x: 10.0, gap_y: 18.0, apart: 8.0, share: 1.0, turn: 0.0, stretch: 1.15 };
        let estate = self.name.to_owned();
        let mut number = 0;
        self.rows(&towers, |random, footprint| {
            number += 1;
            let storeys = storeys - random.whole(0, 2);
            House { name: Some(format!("{estate} {number} 号楼")), ..plain(footprint, storeys, 2.95, "residential") }
        });
    }

    fn houses(&mut self) {
        let plots = Pattern { length: 11.0, depth: 9.5, gap_x: 3.2, gap_y: 5.0, apart: 2.0, share: 0.92, turn: 0.04, stretch: 1.0 };
        self.rows(&plots, |random, mut footprint| {
            footprint.length = random.between(9.0, 11.5);
            footprint.depth = random.between(8.0, 10.0);
            plain(footprint, random.whole(2, 3), 3.2, if random.chance(0.12) { "farm" } else { "residential" })
        });
        // Those nearest a street face it.
        for k in 0..self.houses.len() {
            self.houses[k].faces = self.facing(self.houses[k].footprint.centre, 16.0);
        }
    }

    fn factory(&mut self) {
        let works = self.name.to_owned();
        let office = self.rectangle(-self.half.0 * 0.45, -self.half.1 + 8.0, 32.0, 12.0);
        if self.take(House { name: Some(format!("{works}办公楼")), ..plain(office, 4, 3.6, "office") }, 6.0) {
            self.taken.south = 22.0;
        }
        let (length, depth) = (self.random.between(28.0, 44.0), self.random.between(20.0, 27.0));
        let halls = Pattern { length, depth, gap_x: 9.0, gap_y: 8.0, apart: 7.0, share: 0.96, turn: 0.0, stretch: 1.8 };
        let mut number = 0;
        self.rows(&halls, |random, footprint| {
            number += 1;
            let (purpose, what) = if random.chance(0.25) { ("storage", "仓库") } else { ("industrial", "厂房") };
            let name = Some(format!("{works} {number} 号{what}"));
            House { height_m: random.between(8.5, 13.0), name, ..plain(footprint, 1, 9.0, purpose) }
        });
    }

    fn commercial(&mut self) {
        let (storeys, tower) = (self.random.whole(3, 5), self.random.whole(12, 22));
        self.take(plain(self.rectangle(-self.half.0 * 0.42, 0.0, self.half.0 * 0.95, self.half.1 * 1.5), storeys, 4.5, "commercial"), 8.0);
        self.take(plain(self.rectangle(self.half.0 * 0.52, self.half.1 * 0.42, 26.0, 24.0), tower, 3.7, "office"), 8.0);
        self.take(plain(self.rectangle(self.half.0 * 0.52, -self.half.1 * 0.50, 32.0, 20.0), storeys, 4.2, "commercial"), 8.0);
        for k in 0..self.houses.len() {
            self.houses[k].faces = self.facing(self.houses[k].footprint.centre, 60.0);
        }
    }

    fn fire_station(&mut self) {
        self.placed(&[(0.0, 0.30, 38.0, 16.0, 3, 4.2, "utility", "消防救援站"), (0.62, -0.45, 9.0, 9.0, 7, 3.5, "utility", "训练塔")]);
        // Beside the station's yard the street goes on as it is.
        self.frontage(Side::West, (9.0, 14.0), (9.0, 11.0), (0.8, 3.0), (2, 4), "commercial");
        self.frontage(Side::North, (9.0, 14.0), (9.0, 11.0), (0.8, 3.0), (2, 4), "residential");
    }

    fn placed(&mut self, places: &[Placed]) {
        for (x, y, length, depth, storeys, storey_m, purpose, what) in places {
            // A narrow site gets a narrower building.
            let (length, depth) = (length.min(self.half.0 * 1.3), depth.min(self.half.1 * 1.2));
            let (x, y) = (x * self.half.0, y * self.half.1);
            let room = |at: f64, half: f64, size: f64| at.clamp(-(half - size / 2.0 - 4.0).max(0.0), (half - size / 2.0 - 4.0).max(0.0));
            let footprint = self.rectangle(room(x, self.half.0, length), room(y, self.half.1, depth), length, depth);
            let name = Some(format!("{}{what}", self.name));
            let house = House { name, ..plain(footprint, *storeys, *storey_m, purpose) };
            self.take(house, 4.0);
        }
        for k in 0..self.houses.len() {
            self.houses[k].faces = self.facing(self.houses[k].footprint.centre, 60.0);
        }
    }

    /// The nearest side, if it is near enough.
    fn facing(&self, at: Plan, within_m: f64) -> Option<Side> {
        let distance = |side: Side| self.sides[side as usize].iter().map(|p| p.distance(at)).fold(f64::INFINITY, f64::min);
        Side::ALL.into_iter().min_by(|a, b| distance(*a).total_cmp(&distance(*b))).filter(|side| distance(*side) < within_m)
    }
}

fn plain(footprint: Rectangle, storeys: i64, storey_m: f64, purpose: &'static str) -> House {
    House { footprint, storeys, height_m: storeys as f64 * storey_m + 0.6, purpose, name: None, faces: None }
}
