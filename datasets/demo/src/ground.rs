//! The lie of the land: one function for terrain, streets, pipes, watercourses, hills and the lake.
//!
//! The city is laid out on a *lattice*: coordinates `u` (down the rivers) and `v` (across them) in metres, in which
//! watercourses and streets are straight. [`Ground::plan`] bends the lattice into the plan, so that streets follow the
//! water and each other without being a grid. Strips of the lattice, one above the other, are valleys: a watercourse in
//! each flows east, ridges lie between them, and all end in the lake, where the city has one.

use crate::lake::Lake;
use crate::plan::Plan;
use crate::random::Random;
use crate::rise::{Bore, Hill, Rise};
use std::f64::consts::TAU;

/// A place on the lattice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lattice {
    pub u: f64,
    pub v: f64,
}

impl Lattice {
    pub const fn new(u: f64, v: f64) -> Self {
        Self { u, v }
    }

    pub fn distance(self, other: Self) -> f64 {
        let (du, dv) = (self.u - other.u, self.v - other.v);
        (du * du + dv * dv).sqrt()
    }
}

/// A quarter of the city on the lattice, without its bends.
pub const QUARTER_U_M: f64 = 1600.0;
pub const QUARTER_V_M: f64 = 1200.0;
/// Banks stand so high above the water, and the bed so deep below it.
const BANK_M: f64 = 5.5;
const BED_M: f64 = 2.5;
/// Height of the banks at the city's eastern edge.
const EAST_BANK_M: f64 = 27.48;
/// A ridge stands so high above the banks on both sides of it.
const RIDGE_M: f64 = 5.0;
/// Up to this share of the way from the water to the ridge the valley's side is a plain slope; then it rounds off.
const SLOPE_SHARE: f64 = 0.8;
/// Of strips further from the river each lies so much higher at its western end.
const STRIP_RISE_M: f64 = 0.8;

#[derive(Clone, Copy, Debug)]
pub struct Wave {
    pub amplitude_m: f64,
    pub length_m: f64,
    pub phase: f64,
}

impl Wave {
    pub fn at(&self, x: f64) -> f64 {
        self.amplitude_m * libm::sin(TAU * x / self.length_m + self.phase)
    }
}

/// What flows through a strip.
#[derive(Clone, Copy, Debug)]
pub struct Watercourse {
    /// Its middle.
    pub v: f64,
    /// Half the width of its water.
    pub half_m: f64,
}

impl Watercourse {
    /// From the middle to the top of the banks.
    pub fn bank_half_m(&self) -> f64 {
        self.half_m + 13.0
    }

    /// From the middle to the middle of the roads along it.
    pub fn road_m(&self) -> f64 {
        self.half_m + 36.0
    }
}

/// What stands up from or lies below the valley within one quarter. None of it reaches the quarter's edge.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    pub hill: Option<Hill>,
    pub hollows: Vec<Rise>,
}

/// How far the city reaches on the lattice, and how it falls.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Quarters from west to east and from south to north.
    pub across: usize,
    pub strips: usize,
    /// Fall of the valleys eastwards.
    pub slope: f64,
    pub has_lake: bool,
}

impl Extent {
    pub fn west_u(&self) -> f64 {
        -QUARTER_U_M * self.across as f64 / 2.0
    }

    pub fn east_u(&self) -> f64 {
        -self.west_u()
    }

    pub fn south_v(&self) -> f64 {
        -QUARTER_V_M * self.strips as f64 / 2.0
    }

    pub fn north_v(&self) -> f64 {
        -self.south_v()
    }

    /// The column and the strip of quarters in the middle.
    pub fn middle(&self) -> (usize, usize) {
        (self.across / 2, self.strips / 2)
    }
}

#[derive(Clone, Debug)]
pub struct Ground {
    extent: Extent,
    turn: Plan,
    across: Vec<Wave>,
    down: Vec<Wave>,
    swell: [Wave; 2],
    pub waters: Vec<Watercourse>,
    pub lake: Option<Lake>,
    /// Of all quarters, strip by strip.
    marks: Vec<Marks>,
}

impl Ground {
    pub fn new(seed: u64, extent: Extent, waters: Vec<Watercourse>) -> Self {
        let mut random = Random::of(seed, "ground", 0, 0);
        let mut wave = |amplitude_m: f64, length_m: f64| Wave {
            amplitude_m: amplitude_m * random.between(0.85, 1.1),
            length_m: length_m * random.between(0.9, 1.1),
            phase: random.between(0.0, TAU),
        };
        let (mut across, mut down) = (vec![wave(36.0, 1550.0), wave(7.0, 640.0)], vec![wave(18.0, 1150.0), wave(5.0, 520.0)]);
        let swell = [wave(0.5, 780.0), wave(1.0, 610.0)];
        if extent.across > 1 {
            across.push(wave(85.0, 8200.0));
            down.push(wave(55.0, 7300.0));
        }
        let bays = [wave(42.0, 1900.0), wave(14.0, 700.0)];
        let angle = random.between(6.0, 11.0).to_radians();
        let lake = extent.has_lake.then(|| Lake::of(&extent, EAST_BANK_M - BANK_M, bays));
        let marks = vec![Marks::default(); extent.across * extent.strips];
        Self { extent, turn: Plan::new(libm::cos(angle), libm::sin(angle)), across, down, swell, waters, lake, marks }
    }

    pub fn marks(&self, a: usize, b: usize) -> &Marks {
        &self.marks[b * self.extent.across + a]
    }

    pub fn mark(&mut self, a: usize, b: usize, marks: Marks) {
        self.marks[b * self.extent.across + a] = marks;
    }

    /// A hill with a tunnel through it along a line of constant `v`.
    pub fn pierced(&self, rise: Rise, v: f64) -> Hill {
        let valley = |u| self.valley(Lattice::new(u, v));
        Hill { rise, bore: Bore::under(&rise, v, valley) }
    }

    pub fn plan(&self, p: Lattice) -> Plan {
        let x = p.u + sum(&self.down, p.v);
        let y = p.v + sum(&self.across, p.u);
        Plan::new(x * self.turn.e - y * self.turn.n, x * self.turn.n + y * self.turn.e)
    }

    /// The inverse of [`Ground::plan`]. Each round shrinks the error at least tenfold, so a dozen reach the last bits.
    pub fn lattice(&self, p: Plan) -> Lattice {
        let (x, y) = (p.e * self.turn.e + p.n * self.turn.n, p.n * self.turn.e - p.e * self.turn.n);
        let (mut u, mut v) = (x, y);
        for _ in 0..12 {
            u = x - sum(&self.down, v);
            v = y - sum(&self.across, u);
        }
        Lattice::new(u, v)
    }

    pub fn height(&self, p: Plan) -> f64 {
        self.height_at(self.lattice(p))
    }

    pub fn height_at(&self, p: Lattice) -> f64 {
        let valley = self.valley(p);
        let Some(marks) = self.marks_at(p) else { return valley };
        let natural = valley + marks.hollows.iter().map(|hollow| hollow.at(p)).sum::<f64>();
        let Some(hill) = &marks.hill else { return natural };
        let natural = natural + hill.rise.at(p);
        hill.bore.cutting(p).map_or(natural, |cut| natural.min(cut))
    }

    /// Level of the strip's water.
    pub fn water_level(&self, strip: usize, u: f64) -> f64 {
        self.bank(strip, u) - BANK_M
    }

    /// Height of the strip's banks.
    pub fn bank(&self, strip: usize, u: f64) -> f64 {
        let (_, middle) = self.extent.middle();
        let mut upstream = self.extent.east_u() - u;
        if self.lake.is_some() {
            upstream = upstream.max(0.0);
        }
        let rise = STRIP_RISE_M * strip.abs_diff(middle) as f64 / (QUARTER_U_M * self.extent.across as f64);
        EAST_BANK_M + (self.extent.slope + rise) * upstream
    }

    pub fn is_on_hill(&self, p: Lattice, margin_m: f64) -> bool {
        let hill = self.marks_at(p).and_then(|marks| marks.hill.as_ref());
        hill.is_some_and(|hill| p.distance(hill.rise.centre) < hill.rise.radius_m + margin_m)
    }

    fn marks_at(&self, p: Lattice) -> Option<&Marks> {
        let a = libm::floor((p.u - self.extent.west_u()) / QUARTER_U_M);
        let b = libm::floor((p.v - self.extent.south_v()) / QUARTER_V_M);
        let is_inside = a >= 0.0 && b >= 0.0 && a < self.extent.across as f64 && b < self.extent.strips as f64;
        is_inside.then(|| self.marks(a as usize, b as usize))
    }

    /// The strip that a place is in; beyond the city's edges the nearest.
    pub fn strip_of(&self, v: f64) -> usize {
        let b = libm::floor((v - self.extent.south_v()) / QUARTER_V_M);
        b.clamp(0.0, (self.extent.strips - 1) as f64) as usize
    }

    /// The ground without hills and hollows.
    fn valley(&self, p: Lattice) -> f64 {
        let strip = self.strip_of(p.v);
        let water = self.waters[strip];
        let off = (p.v - water.v).abs();
        let bank = self.bank(strip, p.u);
        let level = bank - BANK_M;
        let (half, bank_half) = (water.half_m, water.bank_half_m());
        let land = if off < half {
            level - BED_M * (1.0 - off / half * (off / half))
        } else if off < bank_half {
            level + BANK_M * smooth((off - half) / (bank_half - half))
        } else {
            // Level from the banks across the roads along them, then rising; the swell sets in further out.
            let away = (off - water.road_m() - 12.0).max(0.0);
            let swell = (self.swell[0].at(p.u) + self.swell[1].at(p.v)) * smooth((away / 160.0).min(1.0));
            bank + self.side(strip, p, bank, away) + swell
        };
        match &self.lake {
            Some(lake) => lake.shaped(p, land, off < half),
            None => land,
        }
    }

    /// How high the valley's side stands above the banks, so far from them: a slope that rounds off into the ridge.
    fn side(&self, strip: usize, p: Lattice, bank: f64, away: f64) -> f64 {
        let water = self.waters[strip];
        let is_north = p.v >= water.v;
        let south_edge = self.extent.south_v() + QUARTER_V_M * strip as f64;
        let (edge, beyond) = if is_north { (south_edge + QUARTER_V_M, Some(strip + 1)) } else { (south_edge, strip.checked_sub(1)) };
        let other = beyond.filter(|other| *other < self.extent.strips).map_or(bank, |other| self.bank(other, p.u));
        let ridge = (bank + other) / 2.0 + RIDGE_M - bank;
        let share = away / ((edge - water.v).abs() - water.road_m() - 12.0);
        let rounded = |x: f64| x - (x - SLOPE_SHARE).max(0.0) * (x - SLOPE_SHARE).max(0.0) / (2.0 * (1.0 - SLOPE_SHARE));
        ridge * rounded(share.min(1.0)) / rounded(1.0)
    }
}

fn sum(waves: &[Wave], x: f64) -> f64 {
    waves.iter().map(|wave| wave.at(x)).sum()
}

/// 0 to 1 without a kink at either end.
pub fn smooth(share: f64) -> f64 {
    let x = share.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(seed: u64, across: usize, strips: usize) -> Ground {
        let extent = Extent { across, strips, slope: 0.002, has_lake: across > 1 };
        let waters = (0..strips).map(|b| {
            let middle = extent.south_v() + QUARTER_V_M * b as f64 + 460.0;
            Watercourse { v: middle, half_m: if b == strips / 2 { 24.0 } else { 8.0 } }
        });
        let mut ground = Ground::new(seed, extent, waters.collect());
        let (a, b) = extent.middle();
        let rise = Rise { centre: Lattice::new(470.0, 330.0), radius_m: 235.0, height_m: 58.0 };
        let hill = ground.pierced(rise, 205.0);
        ground.mark(a, b, Marks { hill: Some(hill), hollows: vec![] });
        ground
    }

    #[test]
    fn the_lattice_is_found_back_from_the_plan() {
        for seed in 0..20 {
            let ground = ground(seed, 9, 11);
            for (u, v) in [(0.0, 0.0), (-800.0, 600.0), (799.0, -600.0), (-1300.0, -1100.0), (470.0, 330.0), (7000.0, -6500.0)] {
                let back = ground.lattice(ground.plan(Lattice::new(u, v)));
                assert!(back.distance(Lattice::new(u, v)) < 1e-8, "{seed} {u} {v}: {back:?}");
            }
        }
    }

    #[test]
    fn the_river_lies_below_its_banks_and_the_hill_above_the_town() {
        let ground = ground(1, 1, 1);
        let h = |u, v| ground.height_at(Lattice::new(u, v));
        assert!(h(0.0, -140.0) < ground.water_level(0, 0.0) - 2.0);
        assert!((h(0.0, -140.0 + ground.waters[0].road_m()) - ground.bank(0, 0.0)).abs() < 1e-9);
        assert!(h(700.0, -140.0) < h(-700.0, -140.0), "the river falls eastwards");
        assert!(h(470.0, 330.0) > h(470.0, 0.0) + 50.0);
    }

    #[test]
    fn the_land_has_no_step_anywhere_and_no_kink_on_a_ridge() {
        let ground = ground(1, 3, 3);
        let h = |u, v| ground.height_at(Lattice::new(u, v));
        for line in 0..40 {
            let u = -2390.0 + 123.0 * f64::from(line);
            for step in 0..4200 {
                let v = -2100.0 + f64::from(step);
                // The steepest there is are the sides of a cutting.
                assert!((h(u, v + 1.0) - h(u, v)).abs() < 1.2, "{u} {v}");
            }
            for ridge in [-600.0, 600.0] {
                let (below, above) = (h(u, ridge) - h(u, ridge - 2.0), h(u, ridge + 2.0) - h(u, ridge));
                assert!((below - above).abs() < 0.01, "{u} {ridge}: {below} {above}");
            }
        }
        for v in [-1340.0, -1000.0, -140.0, 0.0, 130.0, 900.0, 1060.0, 1500.0] {
            for step in 0..9000 {
                let u = -2600.0 + f64::from(step);
                assert!((h(u + 1.0, v) - h(u, v)).abs() < 1.2, "{u} {v}");
            }
        }
    }

    #[test]
    fn all_water_ends_in_the_lake() {
        let ground = ground(1, 3, 3);
        let lake = ground.lake.unwrap();
        for (strip, water) in ground.waters.iter().enumerate() {
            let mut before = f64::INFINITY;
            for step in 0..60 {
                let level = ground.water_level(strip, -2400.0 + 90.0 * f64::from(step));
                assert!(level <= before && level >= lake.level_m - 1e-9, "{strip}");
                before = level;
            }
            let shore = lake.shore_u(water.v).unwrap();
            assert!((ground.water_level(strip, shore) - lake.level_m).abs() < 1e-9);
            assert!(ground.height_at(Lattice::new(shore + 60.0, water.v)) < lake.level_m - 0.5);
            assert!(ground.height_at(Lattice::new(shore + 60.0, water.v + 90.0)) < lake.level_m - 0.5);
        }
    }
}
