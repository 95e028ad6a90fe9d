//! The lake in the east, in which all watercourses end: its shore, its bed, and the land sloping down to it.

use crate::ground::{Extent, Lattice, Wave, smooth};

/// Its western shore lies so far east of the last street, halfway up the city.
const SHORE_M: f64 = 350.0;
/// From here on the land slopes down to the shore.
const BEACH_M: f64 = 160.0;
const DEEP_M: f64 = 4.0;
/// The bed falls so steeply from the shore.
const BED_SLOPE: f64 = 0.03;
/// So far out a river's bed has risen to the lake's.
const MOUTH_M: f64 = 150.0;

/// An oval with full sides, on the lattice (|x|⁴ + |y|⁴ = 1), pushed out into bays and capes.
#[derive(Clone, Copy, Debug)]
pub struct Lake {
    pub centre: Lattice,
    pub half_u: f64,
    pub half_v: f64,
    pub level_m: f64,
    bays: [Wave; 2],
}

impl Lake {
    pub fn of(extent: &Extent, level_m: f64, bays: [Wave; 2]) -> Self {
        let half_u = (0.11 * (extent.east_u() - extent.west_u())).clamp(500.0, 1800.0);
        let half_v = extent.north_v() * 1.08 + 150.0;
        Self { centre: Lattice::new(extent.east_u() + SHORE_M + half_u, 0.0), half_u, half_v, level_m, bays }
    }

    /// Where the western shore lies, if a line of constant `v` meets the lake.
    pub fn shore_u(&self, v: f64) -> Option<f64> {
        let y = (v - self.centre.v) / self.half_v;
        let rest = 1.0 - y * y * y * y;
        (rest > 0.0).then(|| self.centre.u + self.bay(v) - self.half_u * rest.sqrt().sqrt())
    }

    fn bay(&self, v: f64) -> f64 {
        self.bays.iter().map(|wave| wave.at(v)).sum()
    }

    /// The shore, from its southernmost point eastwards about the lake.
    pub fn outline(&self, step_m: f64) -> Vec<Lattice> {
        let steps = libm::ceil(2.0 * std::f64::consts::PI * self.half_v / step_m).max(48.0) as u32;
        let fourth = |x: f64| x * x * x * x;
        (0..steps)
            .map(|k| {
                let angle = std::f64::consts::TAU * (f64::from(k) / f64::from(steps) - 0.25);
                let (sin, cos) = libm::sincos(angle);
                let radius = 1.0 / (fourth(sin) + fourth(cos)).sqrt().sqrt();
                let v = self.centre.v + self.half_v * radius * sin;
                Lattice::new(self.centre.u + self.bay(v) + self.half_u * radius * cos, v)
            })
            .collect()
    }

    /// How far outside the shore a place lies, about: metres where the shore runs across the rivers, negative in the lake.
    pub fn outside_m(&self, p: Lattice) -> f64 {
        let (x, y) = ((p.u - self.bay(p.v) - self.centre.u) / self.half_u, (p.v - self.centre.v) / self.half_v);
        ((x * x * x * x + y * y * y * y).sqrt().sqrt() - 1.0) * self.half_u
    }

    /// The land as the lake leaves it: the shore, and the bed below its water. A river's channel goes on below the level.
    pub fn shaped(&self, p: Lattice, land: f64, is_channel: bool) -> f64 {
        let out = self.outside_m(p);
        if out >= BEACH_M {
            return land;
        }
        let bed = self.level_m - (-out * BED_SLOPE).clamp(0.0, DEEP_M);
        let slope = if out <= 0.0 { bed } else { land + (self.level_m - land) * smooth(1.0 - out / BEACH_M) };
        if !is_channel {
            return slope;
        }
        if out >= 0.0 {
            return land;
        }
        (self.level_m + (land - self.level_m) * smooth(1.0 + out / MOUTH_M)).min(bed)
    }
}
