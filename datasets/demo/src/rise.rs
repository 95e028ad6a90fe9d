//! Hills, the tunnels under them, and hollows where rain gathers.

use crate::ground::Lattice;

/// Clear of the cutting's floor on each side of a tunnel's approach.
const CUTTING_HALF_M: f64 = 11.0;
/// The first metres of a bore are a gallery in the open cutting, so that the hill's face stands behind its mouth.
const GALLERY_M: f64 = 12.0;
/// A tunnel starts where the hill stands so high above its road.
const PORTAL_M: f64 = 8.0;

/// A hill, or, with a negative height, a hollow.
#[derive(Clone, Copy, Debug)]
pub struct Rise {
    pub centre: Lattice,
    pub radius_m: f64,
    pub height_m: f64,
}

impl Rise {
    pub fn at(&self, p: Lattice) -> f64 {
        let (du, dv) = (p.u - self.centre.u, p.v - self.centre.v);
        let share = 1.0 - (du * du + dv * dv) / (self.radius_m * self.radius_m);
        if share > 0.0 { self.height_m * share * share } else { 0.0 }
    }
}

/// A hill and the road's way through it.
#[derive(Clone, Copy, Debug)]
pub struct Hill {
    pub rise: Rise,
    pub bore: Bore,
}

/// A road's way through a hill, on a line of constant `v`.
#[derive(Clone, Copy, Debug)]
pub struct Bore {
    pub v: f64,
    /// From where the road leaves the natural ground to where it meets it again, and how high it lies there.
    pub approach: (f64, f64),
    ends_m: (f64, f64),
    pub portals: (f64, f64),
}

impl Bore {
    /// Portals where the hill stands [`PORTAL_M`] above a road that runs straight from foot to foot.
    pub fn under(hill: &Rise, v: f64, valley: impl Fn(f64) -> f64) -> Self {
        let r = hill.radius_m;
        let off = v - hill.centre.v;
        let foot = (r * r - off * off).max(0.0).sqrt();
        let share = (PORTAL_M / hill.height_m).sqrt();
        let portal = ((1.0 - share) * r * r - off * off).max(0.0).sqrt();
        let u = hill.centre.u;
        let approach = (u - foot, u + foot);
        Self { v, approach, ends_m: (valley(approach.0), valley(approach.1)), portals: (u - portal, u + portal) }
    }

    /// The road through the hill, open and bored: straight between the feet of the hill.
    pub fn height(&self, u: f64) -> f64 {
        let (west, east) = self.approach;
        let share = ((u - west) / (east - west)).clamp(0.0, 1.0);
        self.ends_m.0 + (self.ends_m.1 - self.ends_m.0) * share
    }

    /// Floor and sides of the open cuttings before the portals.
    pub fn cutting(&self, p: Lattice) -> Option<f64> {
        let ((from, to), (west, east)) = (self.approach, self.portals);
        let open = (from..=west + GALLERY_M).contains(&p.u) || (east - GALLERY_M..=to).contains(&p.u);
        open.then(|| self.height(p.u) + ((p.v - self.v).abs() - CUTTING_HALF_M).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_runs_under_the_hill_and_its_approaches_are_open() {
        let rise = Rise { centre: Lattice::new(470.0, 330.0), radius_m: 235.0, height_m: 58.0 };
        let valley = |u: f64| 30.0 - 0.002 * u;
        let bore = Bore::under(&rise, 205.0, valley);
        let ((from, to), (west, east)) = (bore.approach, bore.portals);
        assert!(from < west - 20.0 && west < east - 150.0 && east < to - 20.0);
        let cover = |u| {
            let p = Lattice::new(u, 205.0);
            let natural = valley(u) + rise.at(p);
            bore.cutting(p).map_or(natural, |cut| natural.min(cut)) - bore.height(u)
        };
        for step in 0..=50 {
            let share = f64::from(step) / 50.0;
            let (start, end) = (west + GALLERY_M + 0.01, east - GALLERY_M - 0.01);
            assert!(cover(start + (end - start) * share) >= PORTAL_M, "{share}");
            assert!(cover(from + (west - from) * share).abs() < 0.5, "{share}");
        }
    }
}
