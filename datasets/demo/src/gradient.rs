//! How wide and how deep a gravity drain is laid (GB 50014-2021): Manning for the bore, cover and crossings for the depth.

use crate::plan::Plan;
use crate::streets::Service;

/// Least depth of a drain's crown: below gas and water, so that they can cross.
const STORM_COVER_M: f64 = 2.30;
const SEWER_COVER_M: f64 = 2.70;
const DIAMETERS_MM: [i64; 13] = [300, 400, 500, 600, 700, 800, 1000, 1200, 1500, 1800, 2000, 2200, 2400];

/// Where a drain ends: its invert and its bore.
#[derive(Clone, Copy, Debug)]
pub struct PipeEnd {
    pub invert_m: f64,
    pub diameter_mm: i64,
}

pub fn wall_m(diameter_mm: i64) -> f64 {
    diameter_mm as f64 / 10_000.0
}

/// All that bounds a drain's depth.
pub struct Bounds<'a> {
    pub service: Service,
    pub stops: &'a [Plan],
    pub grounds: &'a [f64],
    /// The drains that end where this one starts.
    pub arrived: &'a [PipeEnd],
    /// Crowns stay below these at a junction's crossing drains.
    pub crown_from: Option<f64>,
    pub crown_to: Option<f64>,
    pub outfall: bool,
}

/// No drain is laid steeper to get below another; what comes higher falls in the run before.
const STEEPEST: f64 = 0.03;
/// Cover beyond which a wider, flatter pipe is preferred to digging deeper.
const DEEP_COVER_M: f64 = 2.8;

impl Bounds<'_> {
    /// The smallest pipe that carries the flow, laid steeper for it where that does not lead deep into the ground.
    pub fn design(&self, wanted_l_s: f64) -> (i64, Vec<f64>) {
        let is_storm = self.service == Service::Storm;
        let least = if is_storm { 400 } else { 300 };
        // Sewers run partly full.
        let wanted_l_s = if is_storm { wanted_l_s } else { wanted_l_s / 0.55 };
        let last = self.stops.len() - 1;
        let cover_at_end = |diameter_mm: i64, inverts: &[f64]| self.grounds[last] - inverts[last] - diameter_mm as f64 / 1000.0;
        // Nor does a drain shrink on its way down.
        let least = self.arrived.iter().map(|end| end.diameter_mm).fold(least, i64::max);
        for diameter_mm in DIAMETERS_MM.into_iter().filter(|d| *d >= least) {
            let flat = self.profile(diameter_mm, least_slope(diameter_mm));
            let full_at_1 = capacity_l_s(diameter_mm, 1.0);
            let needed = (wanted_l_s / full_at_1) * (wanted_l_s / full_at_1);
            let inverts = self.profile(diameter_mm, least_slope(diameter_mm).max(needed));
            let too_deep = cover_at_end(diameter_mm, &inverts) > DEEP_COVER_M.max(cover_at_end(diameter_mm, &flat) + 0.15);
            // Nor does an outfall dive below the water.
            let is_level = !self.outfall || needed <= 2.5 * least_slope(diameter_mm);
            if needed <= STEEPEST && is_level && (!too_deep || self.outfall) {
                return (diameter_mm, inverts);
            }
        }
        let widest = DIAMETERS_MM[DIAMETERS_MM.len() - 1];
        (widest, self.profile(widest, least_slope(widest)))
    }

    /// Inverts at the manholes: no shallower than cover and crossings allow, crown to crown at the start, falling at
    /// least as told. Millimetres, rounded downwards with the flow.
    fn profile(&self, diameter_mm: i64, slope: f64) -> Vec<f64> {
        let d = diameter_mm as f64 / 1000.0;
        let cover = if self.service == Service::Storm { STORM_COVER_M } else { SEWER_COVER_M };
        let mut caps: Vec<f64> = self.grounds.iter().map(|ground| ground - cover - d).collect();
        let last = caps.len() - 1;
        if self.outfall {
            // The bank falls away over an outfall; the pipe comes out of it.
            caps[last] = f64::INFINITY;
        }
        caps[0] = caps[0].min(self.crown_from.unwrap_or(f64::INFINITY) - d);
        caps[last] = caps[last].min(self.crown_to.unwrap_or(f64::INFINITY) - d);
        for end in self.arrived {
            let crown = end.invert_m + end.diameter_mm as f64 / 1000.0;
            caps[0] = caps[0].min(crown - d).min(end.invert_m);
        }
        let span = |k: usize| self.stops[k].distance(self.stops[k + 1]);
        for k in (0..last).rev() {
            caps[k] = caps[k].min(caps[k + 1] + STEEPEST * span(k));
        }
        let floor_mm = |m: f64| libm::floor(m * 1000.0) / 1000.0;
        let mut inverts = vec![floor_mm(caps[0])];
        for k in 0..last {
            inverts.push(floor_mm(caps[k + 1].min(inverts[k] - slope * span(k))));
        }
        inverts
    }
}

/// GB 50014-2021 §5.2.10 for DN300, flatter for larger pipes; a little more, so that rounding never undercuts it.
fn least_slope(diameter_mm: i64) -> f64 {
    0.0001
        + match diameter_mm {
            ..=300 => 0.0030,
            ..=400 => 0.0020,
            ..=500 => 0.0016,
            ..=600 => 0.0013,
            ..=800 => 0.0011,
            _ => 0.0008,
        }
}

/// Manning, flowing full, n = 0.013.
pub fn capacity_l_s(diameter_mm: i64, slope: f64) -> f64 {
    let d = diameter_mm as f64 / 1000.0;
    let area = std::f64::consts::PI * d * d / 4.0;
    1000.0 / 0.013 * area * libm::pow(d / 4.0, 2.0 / 3.0) * slope.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pipe_carries_what_manning_says() {
        // D = 0.5 m, S = 0.005, n = 0.013: 267.0 L/s (engineering-facts §6.1).
        assert!((capacity_l_s(500, 0.005) - 267.0).abs() < 0.1);
    }
}
