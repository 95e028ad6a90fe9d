//! Pipes as straight tubes with a ball at each vertex. The axis lies at the vertices' own heights.

use super::builder::{Builder, Owner, v3};
use super::place::{self, Measures, Missing};
use super::stage::Stage;
use super::sweep;
use crate::grid::Rect;
use citytwin_model::LocalPoint;

/// Shorter pieces are left to the ball at their end.
const SHORTEST_M: f64 = 1e-3;

pub(crate) fn pipe(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, rect: &Rect) {
    let measures = Measures::of(owner);
    let (radius, missing) = (measures.radius_m(), Missing::Below(measures.axis_depth_m()));
    for line in place::lines(stage, owner.feature, missing) {
        for pair in line.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let Some((from, to)) = sweep::owned(v3(a), v3(b), rect) else { continue };
            let (start, end) = (between(a, b, from), between(a, b, to));
            if distance(start, end) >= SHORTEST_M {
                builder.tube(owner, start, end, radius);
            }
        }
        for vertex in line {
            if rect.owns(vertex.east, vertex.north) {
                builder.joint(owner, vertex, radius);
            }
        }
    }
}

fn between(a: LocalPoint, b: LocalPoint, t: f64) -> LocalPoint {
    // The ends themselves are not recomputed: they stay the source's, bit for bit.
    if t == 0.0 {
        a
    } else if t == 1.0 {
        b
    } else {
        LocalPoint::new(a.east + (b.east - a.east) * t, a.north + (b.north - a.north) * t, a.up + (b.up - a.up) * t)
    }
}

fn distance(a: LocalPoint, b: LocalPoint) -> f64 {
    a.plan_distance(b).hypot(a.up - b.up)
}
