//! Cutting lines and areas at a rectangle, triangles at anything convex.

use crate::grid::Rect;

pub type Point = [f64; 2];

/// The part of a segment inside a rectangle, borders included, as parameters 0 … 1 along it.
pub fn segment(a: Point, b: Point, rect: &Rect) -> Option<(f64, f64)> {
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for (axis, low, high) in [(0, rect.west, rect.east), (1, rect.south, rect.north)] {
        let step = b[axis] - a[axis];
        if step == 0.0 {
            if a[axis] < low || a[axis] > high {
                return None;
            }
            continue;
        }
        let (enter, leave) = ((low - a[axis]) / step, (high - a[axis]) / step);
        from = from.max(enter.min(leave));
        to = to.min(enter.max(leave));
    }
    (from <= to).then_some((from, to))
}

/// A ring cut at a rectangle (Sutherland and Hodgman). A ring that leaves and comes back is joined along the border:
/// the area is right, the ring may touch itself there, and [`crate::heal`] makes it valid.
pub fn ring(ring: &[Point], rect: &Rect) -> Vec<Point> {
    let edges = [(0, rect.west, 1.0), (0, rect.east, -1.0), (1, rect.south, 1.0), (1, rect.north, -1.0)];
    edges.iter().fold(ring.to_vec(), |ring, (axis, limit, sign)| {
        half_plane(
            &ring,
            |p| sign * (p[*axis] - limit),
            |a, b, t| {
                // On the border exactly, whichever way the edge was walked.
                let mut p = between(a, b, t);
                p[*axis] = *limit;
                p
            },
        )
    })
}

/// A convex polygon cut at a triangle whose corners turn counter-clockwise.
pub fn convex(polygon: &[Point], triangle: &[Point; 3]) -> Vec<Point> {
    (0..3).fold(polygon.to_vec(), |polygon, i| {
        let (a, b) = (triangle[i], triangle[(i + 1) % 3]);
        half_plane(&polygon, |p| cross(a, b, p), between)
    })
}

fn half_plane(ring: &[Point], side: impl Fn(Point) -> f64, meet: impl Fn(Point, Point, f64) -> Point) -> Vec<Point> {
    let mut kept = Vec::with_capacity(ring.len() + 4);
    let Some(last) = ring.last() else { return kept };
    let (mut before, mut before_side) = (*last, side(*last));
    for &p in ring {
        let p_side = side(p);
        if (before_side < 0.0) != (p_side < 0.0) {
            // Always from the inner end, so that both triangles at an edge find the same point.
            kept.push(if p_side < 0.0 {
                meet(before, p, before_side / (before_side - p_side))
            } else {
                meet(p, before, p_side / (p_side - before_side))
            });
        }
        if p_side >= 0.0 {
            kept.push(p);
        }
        (before, before_side) = (p, p_side);
    }
    kept
}

fn between(a: Point, b: Point, t: f64) -> Point {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
}

/// Twice the area of the triangle `a b c`, positive when it turns counter-clockwise.
pub fn cross(a: Point, b: Point, c: Point) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// Area of a ring, open or closed; positive when it turns counter-clockwise.
pub fn signed_area(ring: &[Point]) -> f64 {
    let Some(&origin) = ring.first() else { return 0.0 };
    ring.windows(2).map(|edge| cross(origin, edge[0], edge[1])).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIT: Rect = Rect { west: 0.0, south: 0.0, east: 1.0, north: 1.0 };

    #[test]
    fn a_segment_is_cut_at_both_borders() {
        assert_eq!(segment([-1.0, 0.5], [3.0, 0.5], &UNIT), Some((0.25, 0.5)));
        assert_eq!(segment([0.2, 0.2], [0.8, 0.3], &UNIT), Some((0.0, 1.0)));
        assert_eq!(segment([-1.0, 2.0], [3.0, 2.0], &UNIT), None);
        assert_eq!(segment([-0.5, 0.9], [0.5, 1.9], &UNIT), None, "past the corner");
        assert_eq!(segment([0.5, 0.5], [0.5, 0.5], &UNIT), Some((0.0, 1.0)), "a point");
    }

    #[test]
    fn a_ring_about_the_rectangle_becomes_the_rectangle() {
        let big = [[-1.0, -1.0], [2.0, -1.0], [2.0, 2.0], [-1.0, 2.0]];
        assert_eq!(signed_area(&ring(&big, &UNIT)), 1.0);
    }

    proptest! {
        #[test]
        fn a_cut_triangle_is_inside_and_the_four_quarters_make_up_its_area(
            xs in prop::array::uniform6(-2.0f64..2.0)
        ) {
            let triangle = [[xs[0], xs[1]], [xs[2], xs[3]], [xs[4], xs[5]]];
            let mut area = 0.0;
            for (west, south) in [(-2.0, -2.0), (0.0, -2.0), (-2.0, 0.0), (0.0, 0.0)] {
                let quarter = Rect { west, south, east: west + 2.0, north: south + 2.0 };
                let part = ring(&triangle, &quarter);
                for p in &part {
                    prop_assert!(quarter.west <= p[0] && p[0] <= quarter.east && quarter.south <= p[1] && p[1] <= quarter.north);
                }
                area += signed_area(&part);
            }
            prop_assert!((area - signed_area(&triangle)).abs() < 1e-9);
        }

        #[test]
        fn a_segments_part_lies_inside(a in prop::array::uniform2(-2.0f64..2.0), b in prop::array::uniform2(-2.0f64..2.0)) {
            if let Some((from, to)) = segment(a, b, &UNIT) {
                prop_assert!((0.0..=1.0).contains(&from) && from <= to && to <= 1.0);
                for t in [from, to] {
                    let p = between(a, b, t);
                    prop_assert!(p.iter().all(|x| (-1e-9..=1.0 + 1e-9).contains(x)), "{:?}", p);
                }
            }
        }
    }
}
