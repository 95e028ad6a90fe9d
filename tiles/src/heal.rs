//! Polygons made valid on whole numbers: what cutting and rounding left touching or crossing itself is taken apart.

use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay::{IntOverlayOptions, Overlay, ShapeType};
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::i_float::int::point::IntPoint;

pub type Vertex = [i32; 2];
/// Outer ring counter-clockwise (in axes where y goes up), then holes clockwise; not closed.
pub type Polygon = Vec<Vec<Vertex>>;

/// Coordinates beyond this could overflow where edges are compared.
pub const LIMIT: i32 = 1 << 29;

/// Valid polygons that cover what an odd number of the rings covers. Rings are open and within [`LIMIT`].
pub fn polygons(rings: &[Vec<Vertex>]) -> Vec<Polygon> {
    debug_assert!(rings.iter().flatten().flatten().all(|x| (-LIMIT..=LIMIT).contains(x)), "the callers cut first");
    if let [ring] = rings
        && let Some(ring) = simple_small_ring(ring)
    {
        return vec![vec![ring]];
    }
    run(rings.iter(), [].iter(), OverlayRule::Subject, FillRule::EvenOdd)
}

/// What any of the rings covers; each turns counter-clockwise.
pub fn union(rings: &[Vec<Vertex>]) -> Vec<Polygon> {
    run(rings.iter(), [].iter(), OverlayRule::Subject, FillRule::NonZero)
}

/// What `from` covers and none of `without` does.
pub fn difference<'a>(from: &'a [Polygon], without: impl Iterator<Item = &'a Polygon>) -> Vec<Polygon> {
    run(from.iter().flatten(), without.flatten(), OverlayRule::Difference, FillRule::NonZero)
}

fn run<'a>(
    subject: impl Iterator<Item = &'a Vec<Vertex>>,
    clip: impl Iterator<Item = &'a Vec<Vertex>>,
    rule: OverlayRule,
    fill: FillRule,
) -> Vec<Polygon> {
    let mut overlay = Overlay::new_custom(64, IntOverlayOptions::ogc(), Default::default());
    let rings = subject.map(|ring| (ring, ShapeType::Subject)).chain(clip.map(|ring| (ring, ShapeType::Clip)));
    for (ring, side) in rings {
        debug_assert!(ring.iter().flatten().all(|x| (-LIMIT..=LIMIT).contains(x)), "the callers cut first");
        overlay.add_path_iter(ring.iter().map(|v| IntPoint::new(v[0], v[1])), side);
    }
    let shapes = overlay.overlay(rule, fill);
    shapes.into_iter().map(|shape| shape.into_iter().map(|ring| ring.into_iter().map(|p| [p.x, p.y]).collect()).collect()).collect()
}

/// Most rings are buildings: a few edges, nothing wrong with them. Seen quickly, they are only turned the right way.
fn simple_small_ring(ring: &[Vertex]) -> Option<Vec<Vertex>> {
    const FEW: usize = 24;
    let n = ring.len();
    if !(3..=FEW).contains(&n) {
        return None;
    }
    for i in 0..n {
        let (a, b, after) = (ring[i], ring[(i + 1) % n], ring[(i + 2) % n]);
        if a == b || (turn(a, b, after) == 0 && doubles_back(a, b, after)) {
            return None;
        }
        for j in i + 2..n {
            if (j + 1) % n != i && touch(a, b, ring[j], ring[(j + 1) % n]) {
                return None;
            }
        }
    }
    let mut ring = ring.to_vec();
    if area2(&ring) < 0 {
        ring.reverse();
    }
    Some(ring)
}

/// Twice the area of an open ring, positive when it turns counter-clockwise.
pub fn area2(ring: &[Vertex]) -> i64 {
    let n = ring.len();
    (0..n).map(|i| (ring[i], ring[(i + 1) % n])).map(|(a, b)| i64::from(a[0]) * i64::from(b[1]) - i64::from(b[0]) * i64::from(a[1])).sum()
}

fn turn(a: Vertex, b: Vertex, c: Vertex) -> i64 {
    let [a, b, c] = [a, b, c].map(|v| v.map(i64::from));
    ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])).signum()
}

fn doubles_back(a: Vertex, b: Vertex, c: Vertex) -> bool {
    let [a, b, c] = [a, b, c].map(|v| v.map(i64::from));
    (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) < 0
}

fn touch(a: Vertex, b: Vertex, c: Vertex, d: Vertex) -> bool {
    let overlap = |axis: usize| a[axis].min(b[axis]) <= c[axis].max(d[axis]) && c[axis].min(d[axis]) <= a[axis].max(b[axis]);
    overlap(0) && overlap(1) && turn(a, b, c) * turn(a, b, d) <= 0 && turn(c, d, a) * turn(c, d, b) <= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_ring_only_turns() {
        let clockwise = vec![[0, 0], [0, 10], [10, 10], [10, 0]];
        let healed = polygons(&[clockwise]);
        assert_eq!(healed.len(), 1);
        assert_eq!(area2(&healed[0][0]), 200);
    }

    #[test]
    fn a_bow_tie_becomes_two_triangles() {
        let healed = polygons(&[vec![[0, 0], [10, 10], [10, 0], [0, 10]]]);
        assert_eq!(healed.len(), 2);
        assert!(healed.iter().all(|polygon| area2(&polygon[0]) == 50), "{healed:?}");
    }

    #[test]
    fn a_bridge_of_no_width_falls_away() {
        // Two squares joined along a border, as cutting leaves them.
        let healed = polygons(&[vec![[0, 0], [10, 0], [10, 10], [0, 10], [0, 5], [0, 20], [10, 20], [10, 30], [0, 30]]]);
        assert_eq!(healed.iter().map(|polygon| area2(&polygon[0])).sum::<i64>(), 400);
        assert_eq!(healed.len(), 2);
    }

    #[test]
    fn a_hole_stays_a_hole_and_turns_the_other_way() {
        let outer = vec![[0, 0], [10, 0], [10, 10], [0, 10]];
        let hole = vec![[2, 2], [4, 2], [4, 4], [2, 4]];
        let healed = polygons(&[outer, hole]);
        assert_eq!(healed.len(), 1);
        assert_eq!(healed[0].iter().map(|ring| area2(ring)).collect::<Vec<_>>(), [200, -8]);
    }

    #[test]
    fn bands_become_one_and_are_taken_from_what_lies_under_them() {
        let band = |x: i32| vec![[x, 0], [x + 10, 0], [x + 10, 4], [x, 4]];
        let road = union(&[band(0), band(6), band(30)]);
        let area = |polygons: &[Polygon]| polygons.iter().flatten().map(|ring| area2(ring)).sum::<i64>() / 2;
        assert_eq!((road.len(), area(&road)), (2, 16 * 4 + 40));
        let field = vec![vec![vec![[0, -10], [50, -10], [50, 10], [0, 10]]]];
        assert_eq!(area(&difference(&field, road.iter())), 1000 - 104);
        assert_eq!(difference(&road, field.iter()), Vec::<Polygon>::new());
    }

    #[test]
    fn what_has_no_area_is_nothing() {
        assert_eq!(polygons(&[vec![[0, 0], [5, 5], [0, 0]]]), Vec::<Polygon>::new());
        assert_eq!(polygons(&[vec![[3, 3]]]), Vec::<Polygon>::new());
        assert_eq!(polygons(&[]), Vec::<Polygon>::new());
    }
}
