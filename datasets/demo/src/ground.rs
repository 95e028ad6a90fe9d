//! The lie of the land: one function for terrain, streets, pipes, river and hill.
//!
//! The town is laid out on a *lattice*: coordinates `u` (down the river) and `v` (across it) in metres, in which the
//! river and the streets are straight. [`Ground::plan`] bends the lattice into the plan, so that streets follow the
//! river and each other without being a grid.

use crate::plan::Plan;
use crate::random::Random;
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

/// Half the width of the river's water.
pub const RIVER_HALF_M: f64 = 24.0;
/// From the river's middle to the top of its banks.
pub const BANK_HALF_M: f64 = 37.0;
/// From the river's middle to the middle of the roads along it.
pub const RIVER_ROAD_M: f64 = 60.0;
/// Banks stand so high above the water, and the bed so deep below it.
const BANK_M: f64 = 5.5;
const BED_M: f64 = 2.5;
/// Clear of the cutting's floor on each side of a tunnel's approach.
const CUTTING_HALF_M: f64 = 11.0;
/// The first metres of a bore are a gallery in the open cutting, so that the hill's face stands behind its mouth.
const GALLERY_M: f64 = 12.0;
/// A tunnel starts where the hill stands so high above its road.
const PORTAL_M: f64 = 8.0;

#[derive(Clone, Copy, Debug)]
struct Wave {
    amplitude_m: f64,
    length_m: f64,
    phase: f64,
}

impl Wave {
    fn at(&self, x: f64) -> f64 {
        self.amplitude_m * libm::sin(TAU * x / self.length_m + self.phase)
    }
}

/// A hill, or, with a negative height, a hollow.
#[derive(Clone, Copy, Debug)]
pub struct Rise {
    pub centre: Lattice,
    pub radius_m: f64,
    pub height_m: f64,
}

impl Rise {
    fn at(&self, p: Lattice) -> f64 {
        let (du, dv) = (p.u - self.centre.u, p.v - self.centre.v);
        let share = 1.0 - (du * du + dv * dv) / (self.radius_m * self.radius_m);
        if share > 0.0 { self.height_m * share * share } else { 0.0 }
    }
}

/// A road's way through the hill, on a line of constant `v`.
#[derive(Clone, Copy, Debug)]
pub struct Bore {
    pub v: f64,
    /// From where the road leaves the natural ground to where it meets it again.
    pub approach: (f64, f64),
    pub portals: (f64, f64),
}

#[derive(Clone, Debug)]
pub struct Ground {
    turn: Plan,
    across: [Wave; 2],
    down: [Wave; 2],
    swell: [Wave; 2],
    /// The river's middle.
    pub river_v: f64,
    west_u: f64,
    pub hill: Rise,
    pub bore: Bore,
    pub hollows: Vec<Rise>,
}

/// Height of the banks at the western edge.
const WEST_BANK_M: f64 = 31.0;
/// The valley falls eastwards, and its sides rise from the river.
const VALLEY_SLOPE: f64 = 0.0022;
const SIDE_SLOPE: f64 = 0.009;

impl Ground {
    /// `river_v` and the edges come from the layout; the tunnel runs under `hill` along `bore_v`.
    pub fn new(seed: u64, river_v: f64, west_u: f64, hill: Rise, bore_v: f64) -> Self {
        let mut random = Random::of(seed, "ground", 0, 0);
        let mut wave = |amplitude_m: f64, length_m: f64| Wave {
            amplitude_m: amplitude_m * random.between(0.85, 1.1),
            length_m: length_m * random.between(0.9, 1.1),
            phase: random.between(0.0, TAU),
        };
        let (across, down) = ([wave(36.0, 1550.0), wave(7.0, 640.0)], [wave(18.0, 1150.0), wave(5.0, 520.0)]);
        let swell = [wave(0.5, 780.0), wave(1.0, 610.0)];
        let angle = random.between(6.0, 11.0).to_radians();
        let placeholder = Bore { v: bore_v, approach: (0.0, 0.0), portals: (0.0, 0.0) };
        let mut ground = Self {
            turn: Plan::new(libm::cos(angle), libm::sin(angle)),
            across,
            down,
            swell,
            river_v,
            west_u,
            hill,
            bore: placeholder,
            hollows: vec![],
        };
        ground.bore = ground.bore_under_hill(bore_v);
        ground
    }

    /// Portals where the hill stands [`PORTAL_M`] above a road that runs straight from foot to foot.
    fn bore_under_hill(&self, v: f64) -> Bore {
        let r = self.hill.radius_m;
        let off = v - self.hill.centre.v;
        let foot = (r * r - off * off).max(0.0).sqrt();
        let share = (PORTAL_M / self.hill.height_m).sqrt();
        let portal = ((1.0 - share) * r * r - off * off).max(0.0).sqrt();
        let u = self.hill.centre.u;
        Bore { v, approach: (u - foot, u + foot), portals: (u - portal, u + portal) }
    }

    pub fn plan(&self, p: Lattice) -> Plan {
        let x = p.u + self.down[0].at(p.v) + self.down[1].at(p.v);
        let y = p.v + self.across[0].at(p.u) + self.across[1].at(p.u);
        Plan::new(x * self.turn.e - y * self.turn.n, x * self.turn.n + y * self.turn.e)
    }

    /// The inverse of [`Ground::plan`]. Each round shrinks the error at least tenfold, so a dozen reach the last bits.
    pub fn lattice(&self, p: Plan) -> Lattice {
        let (x, y) = (p.e * self.turn.e + p.n * self.turn.n, p.n * self.turn.e - p.e * self.turn.n);
        let (mut u, mut v) = (x, y);
        for _ in 0..12 {
            u = x - self.down[0].at(v) - self.down[1].at(v);
            v = y - self.across[0].at(u) - self.across[1].at(u);
        }
        Lattice::new(u, v)
    }

    pub fn height(&self, p: Plan) -> f64 {
        self.height_at(self.lattice(p))
    }

    pub fn height_at(&self, p: Lattice) -> f64 {
        let natural = self.valley(p) + self.hill.at(p) + self.hollows.iter().map(|hollow| hollow.at(p)).sum::<f64>();
        match self.cutting(p) {
            Some(cut) => natural.min(cut),
            None => natural,
        }
    }

    /// The road through the hill, open and bored: straight between the feet of the hill.
    pub fn bore_height(&self, u: f64) -> f64 {
        let (west, east) = self.bore.approach;
        let end = |u| self.valley(Lattice::new(u, self.bore.v));
        let share = ((u - west) / (east - west)).clamp(0.0, 1.0);
        end(west) + (end(east) - end(west)) * share
    }

    pub fn water_level(&self, u: f64) -> f64 {
        self.bank(u) - BANK_M
    }

    /// Height of the river's banks.
    pub fn bank(&self, u: f64) -> f64 {
        WEST_BANK_M - VALLEY_SLOPE * (u - self.west_u)
    }

    pub fn is_on_hill(&self, p: Lattice, margin_m: f64) -> bool {
        p.distance(self.hill.centre) < self.hill.radius_m + margin_m
    }

    fn valley(&self, p: Lattice) -> f64 {
        let off = (p.v - self.river_v).abs();
        let bank = self.bank(p.u);
        let water = self.water_level(p.u);
        if off < RIVER_HALF_M {
            let share = off / RIVER_HALF_M;
            return water - BED_M * (1.0 - share * share);
        }
        if off < BANK_HALF_M {
            return water + (bank - water) * smooth((off - RIVER_HALF_M) / (BANK_HALF_M - RIVER_HALF_M));
        }
        // Level from the banks across the roads along them, then rising; the swell sets in further out.
        let away = (off - RIVER_ROAD_M - 12.0).max(0.0);
        let swell = (self.swell[0].at(p.u) + self.swell[1].at(p.v)) * smooth((away / 160.0).min(1.0));
        bank + SIDE_SLOPE * away + swell
    }

    /// Floor and sides of the open cuttings before the portals.
    fn cutting(&self, p: Lattice) -> Option<f64> {
        let ((from, to), (west, east)) = (self.bore.approach, self.bore.portals);
        let open = (from..=west + GALLERY_M).contains(&p.u) || (east - GALLERY_M..=to).contains(&p.u);
        open.then(|| self.bore_height(p.u) + ((p.v - self.bore.v).abs() - CUTTING_HALF_M).max(0.0))
    }
}

/// 0 to 1 without a kink at either end.
fn smooth(share: f64) -> f64 {
    let x = share.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(seed: u64) -> Ground {
        let hill = Rise { centre: Lattice::new(470.0, 330.0), radius_m: 235.0, height_m: 58.0 };
        Ground::new(seed, -140.0, -800.0, hill, 205.0)
    }

    #[test]
    fn the_lattice_is_found_back_from_the_plan() {
        for seed in 0..20 {
            let ground = ground(seed);
            for (u, v) in [(0.0, 0.0), (-800.0, 600.0), (799.0, -600.0), (-1300.0, -1100.0), (470.0, 330.0)] {
                let back = ground.lattice(ground.plan(Lattice::new(u, v)));
                assert!(back.distance(Lattice::new(u, v)) < 1e-9, "{seed} {u} {v}: {back:?}");
            }
        }
    }

    #[test]
    fn the_river_lies_below_its_banks_and_the_hill_above_the_town() {
        let ground = ground(1);
        let h = |u, v| ground.height_at(Lattice::new(u, v));
        assert!(h(0.0, -140.0) < ground.water_level(0.0) - 2.0);
        assert!((h(0.0, -140.0 + RIVER_ROAD_M) - ground.bank(0.0)).abs() < 1e-9);
        assert!(h(700.0, -140.0) < h(-700.0, -140.0), "the river falls eastwards");
        assert!(h(470.0, 330.0) > h(470.0, 0.0) + 50.0);
    }

    #[test]
    fn a_tunnel_runs_under_the_hill_and_its_approaches_are_open() {
        let ground = ground(1);
        let ((from, to), (west, east)) = (ground.bore.approach, ground.bore.portals);
        assert!(from < west - 20.0 && west < east - 150.0 && east < to - 20.0);
        let cover = |u| ground.height_at(Lattice::new(u, 205.0)) - ground.bore_height(u);
        for step in 0..=50 {
            let share = f64::from(step) / 50.0;
            let (start, end) = (west + GALLERY_M + 0.01, east - GALLERY_M - 0.01);
            assert!(cover(start + (end - start) * share) >= PORTAL_M, "{share}");
            assert!(cover(from + (west - from) * share).abs() < 0.5, "{share}");
        }
    }
}
