//! Does a geometry meet a box? Exactly, and with borders counted: a touch is a meeting.
//!
//! Signs come from `robust`'s adaptive arithmetic, so the answer is that of the numbers as stored, without a tolerance.
//! This is what `ST_Intersects` of PostGIS and shapely answer for a box, and it is tested against them.

use citytwin_model::geometry::{Line, Rings};
use citytwin_model::{Bounds, Geometry, Position, Shape};
use robust::{Coord, orient2d};

pub fn meets(geometry: &Geometry, bounds: &Bounds) -> bool {
    if bounds.is_empty() {
        return false;
    }
    match &geometry.shape {
        Shape::Point(p) => bounds.contains_point(p.lon, p.lat),
        Shape::MultiPoint(points) => points.iter().any(|p| bounds.contains_point(p.lon, p.lat)),
        Shape::Line(line) => line_meets(line, bounds),
        Shape::MultiLine(lines) => lines.iter().any(|line| line_meets(line, bounds)),
        Shape::Polygon(rings) => polygon_meets(rings, bounds),
        Shape::MultiPolygon(parts) => parts.iter().any(|rings| polygon_meets(rings, bounds)),
    }
}

fn line_meets(line: &Line, bounds: &Bounds) -> bool {
    match line.as_slice() {
        [] => false,
        [only] => bounds.contains_point(only.lon, only.lat),
        more => more.windows(2).any(|pair| segment_meets(&pair[0], &pair[1], bounds)),
    }
}

/// By separating axes: apart if the boxes are apart, or if all four corners lie strictly on one side of the segment.
fn segment_meets(a: &Position, b: &Position, bounds: &Bounds) -> bool {
    let own = Bounds::new(a.lon.min(b.lon), a.lat.min(b.lat), a.lon.max(b.lon), a.lat.max(b.lat));
    if !own.intersects(bounds) {
        return false;
    }
    if bounds.contains_point(a.lon, a.lat) || bounds.contains_point(b.lon, b.lat) {
        return true;
    }
    let (a, b) = (coord(a), coord(b));
    let (mut left, mut right) = (false, false);
    for (x, y) in [(bounds.west, bounds.south), (bounds.east, bounds.south), (bounds.east, bounds.north), (bounds.west, bounds.north)] {
        let side = orient2d(a, b, Coord { x, y });
        left |= side >= 0.0;
        right |= side <= 0.0;
    }
    left && right
}

/// When no edge meets the box, the box lies wholly inside or wholly outside: one corner decides.
fn polygon_meets(rings: &Rings, bounds: &Bounds) -> bool {
    rings.iter().any(|ring| line_meets(ring, bounds)) || inside(rings, bounds.west, bounds.south)
}

/// Is the point inside, holes taken out? For a point on an edge the answer is either.
pub(crate) fn inside(rings: &Rings, lon: f64, lat: f64) -> bool {
    let point = Coord { x: lon, y: lat };
    let mut inside = false;
    for pair in rings.iter().flat_map(|ring| ring.windows(2)) {
        let (a, b) = (&pair[0], &pair[1]);
        // Half-open in latitude, so that a vertex on the ray counts once.
        if (a.lat <= lat) != (b.lat <= lat) {
            let side = orient2d(coord(a), coord(b), point);
            if (b.lat > a.lat) == (side > 0.0) {
                inside = !inside;
            }
        }
    }
    inside
}

fn coord(p: &Position) -> Coord<f64> {
    Coord { x: p.lon, y: p.lat }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f64, y: f64) -> Position {
        Position::new(x, y, 0.0)
    }

    fn check(shape: Shape, hits: &[(f64, f64, f64, f64)], misses: &[(f64, f64, f64, f64)]) {
        let geometry = Geometry::flat(shape);
        for &(w, s, e, n) in hits {
            assert!(meets(&geometry, &Bounds::new(w, s, e, n)), "should meet {:?}", (w, s, e, n));
        }
        for &(w, s, e, n) in misses {
            assert!(!meets(&geometry, &Bounds::new(w, s, e, n)), "should not meet {:?}", (w, s, e, n));
        }
    }

    #[test]
    fn a_point_on_the_border_is_inside() {
        check(Shape::Point(p(1.0, 1.0)), &[(0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0)], &[(0.0, 0.0, 1.0, 0.999_999_999)]);
    }

    #[test]
    fn a_line_through_the_corner_touches_and_one_past_it_does_not() {
        check(
            Shape::Line(vec![p(0.0, 2.0), p(2.0, 0.0)]),
            &[(0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0), (0.5, 0.5, 5.0, 5.0)],
            &[(0.0, 0.0, 1.0, 0.999_999_999_999_999_9), (1.0, 1.000_000_000_000_000_2, 1.0, 2.0)],
        );
    }

    #[test]
    fn the_sign_is_exact_where_rounding_would_lie() {
        // 0.1·3 is not 0.3: the vertex (0.3, 0.3) is on the diagonal, (0.30000000000000004, 0.3) is not.
        let diagonal = Shape::Line(vec![p(0.0, 0.0), p(1.0, 1.0)]);
        check(diagonal, &[(0.3, 0.3, 0.3, 0.3)], &[(0.1 * 3.0, 0.3, 0.1 * 3.0, 0.3)]);
    }

    #[test]
    fn a_box_inside_a_hole_does_not_meet_the_polygon() {
        let ring = |a: f64, b: f64| vec![p(a, a), p(b, a), p(b, b), p(a, b), p(a, a)];
        check(
            Shape::Polygon(vec![ring(0.0, 10.0), ring(4.0, 6.0)]),
            &[(1.0, 1.0, 2.0, 2.0), (4.0, 4.0, 4.5, 4.5), (-5.0, -5.0, 50.0, 50.0), (5.0, 5.0, 6.0, 6.0), (10.0, 10.0, 12.0, 12.0)],
            &[(4.5, 4.5, 5.5, 5.5), (11.0, 0.0, 12.0, 1.0), (10.000_000_1, 10.0, 12.0, 12.0)],
        );
    }

    #[test]
    fn an_empty_box_and_an_empty_line_meet_nothing() {
        check(Shape::Line(vec![]), &[], &[(-180.0, -90.0, 180.0, 90.0)]);
        check(Shape::Point(p(0.0, 0.0)), &[], &[(1.0, 0.0, -1.0, 0.0), (f64::NAN, 0.0, 1.0, 1.0)]);
    }
}
