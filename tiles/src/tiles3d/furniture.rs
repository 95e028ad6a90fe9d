//! Small things: posts on the ground, shafts into it.

use super::builder::{Builder, Owner, V3, add, cross, scaled, sub, v3};
use super::place::{self, Measures};
use super::stage::Stage;
use crate::grid::Rect;
use citytwin_model::LocalPoint;

const SIDES: usize = 10;
/// A cover lies this much over the street, its rim this much wider than the shaft.
const COVER_M: f64 = 0.045;
const SHAFT_RADIUS_M: f64 = 0.4;
const RIM_M: f64 = 0.06;

/// A round post with a low cone on top.
pub(crate) fn post(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, rect: &Rect, height_m: f64, radius_m: f64) {
    for foot in place::points(stage, owner.feature) {
        if rect.owns(foot.east, foot.north) {
            let shoulder = height_m * 0.85;
            let axis = Axis::at(stage, foot);
            axis.wall(builder, owner, (0.0, radius_m), (shoulder, radius_m));
            axis.wall(builder, owner, (shoulder, radius_m), (height_m, radius_m * 0.25));
            axis.lid(builder, owner, height_m, radius_m * 0.25, true);
        }
    }
}

/// A round shaft seen from outside, as one sees it underground, under a cover.
pub(crate) fn shaft(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, rect: &Rect) {
    let depth = Measures::of(owner).depth_m();
    for top in place::points(stage, owner.feature) {
        if rect.owns(top.east, top.north) {
            let axis = Axis::at(stage, top);
            axis.wall(builder, owner, (-depth, SHAFT_RADIUS_M), (0.0, SHAFT_RADIUS_M));
            axis.lid(builder, owner, -depth, SHAFT_RADIUS_M, false);
            axis.wall(builder, owner, (0.0, SHAFT_RADIUS_M + RIM_M), (COVER_M, SHAFT_RADIUS_M + RIM_M));
            axis.lid(builder, owner, COVER_M, SHAFT_RADIUS_M + RIM_M, true);
        }
    }
}

/// An upright line through a point, and the directions about it.
struct Axis {
    base: V3,
    up: V3,
    right: V3,
    ahead: V3,
}

impl Axis {
    fn at(stage: &Stage<'_>, base: LocalPoint) -> Self {
        let up = place::up_at(stage, &[base]);
        let ahead = cross(up, [1.0, 0.0, 0.0]);
        Self { base: v3(base), up, right: cross(ahead, up), ahead }
    }

    fn ring(&self, height: f64, radius: f64) -> (Vec<V3>, Vec<V3>) {
        let outward = (0..SIDES).map(|i| {
            let angle = std::f64::consts::TAU * i as f64 / SIDES as f64;
            add(scaled(self.right, angle.cos()), scaled(self.ahead, angle.sin()))
        });
        outward.map(|out| (add(self.base, add(scaled(self.up, height), scaled(out, radius))), out)).unzip()
    }

    /// Between two rings, given as height and radius.
    fn wall(&self, builder: &mut Builder, owner: &mut Owner<'_>, low: (f64, f64), high: (f64, f64)) {
        let (bottom, out) = self.ring(low.0, low.1);
        let (top, _) = self.ring(high.0, high.1);
        let rise = (low.1 - high.1) / (high.0 - low.0);
        let normals: Vec<V3> = out.iter().map(|n| add(*n, scaled(self.up, rise))).collect();
        let n = SIDES as u32;
        let triangles: Vec<[u32; 3]> = (0..n)
            .flat_map(|i| {
                let j = (i + 1) % n;
                [[i, j, n + j], [i, n + j, n + i]]
            })
            .collect();
        builder.mesh(owner, &[bottom, top].concat(), &[normals.clone(), normals].concat(), &triangles, false);
    }

    /// A disc that looks up or down.
    fn lid(&self, builder: &mut Builder, owner: &mut Owner<'_>, height: f64, radius: f64, looks_up: bool) {
        let (mut ring, _) = self.ring(height, radius);
        if !looks_up {
            ring.reverse();
        }
        let normal = cross(sub(ring[1], ring[0]), sub(ring[2], ring[0]));
        builder.polygon(owner, &ring, normal, false);
    }
}
