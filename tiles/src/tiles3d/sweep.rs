//! Lines with a width: stations along them, and how they are cut at a leaf's borders.

use super::builder::{V3, add, cross, length, scaled, sub};
use crate::clip;
use crate::grid::Rect;
use citytwin_model::LocalPoint;

/// A sharp bend is not drawn out further than this many widths.
const LONGEST_MITRE: f64 = 3.0;
/// Vertices closer than this are one.
const SAME_M: f64 = 1e-3;

/// A place on a line with the directions of its cross-section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Station {
    pub at: V3,
    /// Horizontal, to the right of the way; longer than 1 where the line bends, so that the band keeps its width.
    pub right: V3,
    pub up: V3,
}

impl Station {
    /// `right_m` and `up_m` from the line.
    pub fn point(&self, right_m: f64, up_m: f64) -> V3 {
        add(self.at, add(scaled(self.right, right_m), scaled(self.up, up_m)))
    }
}

/// A straight stretch between two stations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub from: Station,
    pub to: Station,
    /// Does the line begin, or end, here?
    pub first: bool,
    pub last: bool,
}

/// The stretches of a line; `up` is the direction away from the earth there. Vertices that stand on one another are one.
pub(crate) fn stretches(line: &[LocalPoint], up: V3) -> Vec<Stretch> {
    let mut points: Vec<V3> = Vec::with_capacity(line.len());
    for p in line {
        let p = [p.east, p.north, p.up];
        if points.last().is_none_or(|before| (p[0] - before[0]).hypot(p[1] - before[1]) > SAME_M) {
            points.push(p);
        }
    }
    let directions: Vec<V3> = points.windows(2).map(|pair| level(sub(pair[1], pair[0]), up)).collect();
    let Some(last) = directions.len().checked_sub(1) else { return Vec::new() };
    let bend = |i: usize| match (i.checked_sub(1), directions.get(i)) {
        (Some(before), Some(after)) => mitre(directions[before], *after, up),
        (Some(before), None) => cross(directions[before], up),
        (None, _) => cross(directions[0], up),
    };
    let station = |i: usize| Station { at: points[i], right: bend(i), up };
    (0..=last).map(|i| Stretch { from: station(i), to: station(i + 1), first: i == 0, last: i == last }).collect()
}

/// The part of a stretch whose line lies in a leaf. At a cut the cross-section is square to the line.
pub(crate) fn cut(stretch: &Stretch, rect: &Rect) -> Option<Stretch> {
    let (from, to) = owned(stretch.from.at, stretch.to.at, rect)?;
    let square = scaled(add(stretch.from.right, stretch.to.right), 0.5);
    let along = sub(stretch.to.at, stretch.from.at);
    let straight = cross(level(along, stretch.from.up), stretch.from.up);
    let right = if length(straight) > 0.5 { straight } else { square };
    let station = |t: f64| Station { at: add(stretch.from.at, scaled(along, t)), right, up: stretch.from.up };
    Some(Stretch {
        from: if from == 0.0 { stretch.from } else { station(from) },
        to: if to == 1.0 { stretch.to } else { station(to) },
        first: stretch.first && from == 0.0,
        last: stretch.last && to == 1.0,
    })
}

/// The part of a segment that belongs to a leaf, as parameters along it. What runs along a border belongs to one side
/// only, and neighbours cut at the same point.
pub(crate) fn owned(a: V3, b: V3, rect: &Rect) -> Option<(f64, f64)> {
    let (from, to) = clip::segment([a[0], a[1]], [b[0], b[1]], rect)?;
    let middle = (from + to) / 2.0;
    let at = add(a, scaled(sub(b, a), middle));
    let is_point = from == to && (a[0], a[1]) != (b[0], b[1]);
    (!is_point && rect.owns(at[0], at[1])).then_some((from, to))
}

/// Of length 1 and square to `up`; nothing for what runs along `up`.
fn level(direction: V3, up: V3) -> V3 {
    let rise = direction[0] * up[0] + direction[1] * up[1] + direction[2] * up[2];
    let flat = sub(direction, scaled(up, rise));
    let n = length(flat);
    if n > 0.0 { scaled(flat, 1.0 / n) } else { [0.0; 3] }
}

fn mitre(before: V3, after: V3, up: V3) -> V3 {
    let middle = add(before, after);
    let n = length(middle);
    if n < 1e-6 {
        // The line turns back on itself.
        return cross(before, up);
    }
    // Half the sum of two unit vectors is the cosine of half the bend.
    let stretch = (2.0 / n).min(LONGEST_MITRE);
    scaled(cross(scaled(middle, 1.0 / n), up), stretch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: V3 = [0.0, 0.0, 1.0];

    fn line(points: &[(f64, f64)]) -> Vec<LocalPoint> {
        points.iter().map(|(east, north)| LocalPoint::new(*east, *north, 0.0)).collect()
    }

    #[test]
    fn the_right_hand_of_a_way_north_is_east() {
        let found = stretches(&line(&[(0.0, 0.0), (0.0, 10.0)]), UP);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].from.right, [1.0, 0.0, 0.0]);
        assert!(found[0].first && found[0].last);
    }

    #[test]
    fn a_right_angle_keeps_its_width() {
        let found = stretches(&line(&[(0.0, 0.0), (0.0, 10.0), (10.0, 10.0)]), UP);
        let corner = found[0].to.right;
        assert!((corner[0] - 1.0).abs() < 1e-12 && (corner[1] + 1.0).abs() < 1e-12, "{corner:?}");
    }

    #[test]
    fn doubled_vertices_and_points_do_no_harm() {
        assert!(stretches(&line(&[(1.0, 1.0)]), UP).is_empty());
        assert!(stretches(&line(&[(1.0, 1.0), (1.0, 1.0)]), UP).is_empty());
        assert_eq!(stretches(&line(&[(0.0, 0.0), (0.0, 0.0), (5.0, 0.0), (0.0, 0.0)]), UP).len(), 2);
    }

    #[test]
    fn neighbours_share_a_line_without_gap_or_overlap() {
        let (a, b) = ([-300.0, 10.0, 2.0], [300.0, 40.0, 4.0]);
        let mut parts: Vec<(f64, f64)> = (-2..2)
            .filter_map(|i| {
                let west = f64::from(i) * 256.0;
                owned(a, b, &Rect { west, south: 0.0, east: west + 256.0, north: 256.0 })
            })
            .collect();
        parts.sort_by(|p, q| p.0.total_cmp(&q.0));
        assert_eq!((parts[0].0, parts[parts.len() - 1].1), (0.0, 1.0));
        assert!(parts.windows(2).all(|pair| pair[0].1 == pair[1].0), "{parts:?}");
    }

    #[test]
    fn a_line_along_a_border_belongs_to_one_leaf() {
        let (a, b) = ([0.0, 10.0, 0.0], [0.0, 50.0, 0.0]);
        let west = Rect { west: -256.0, south: 0.0, east: 0.0, north: 256.0 };
        let east = Rect { west: 0.0, south: 0.0, east: 256.0, north: 256.0 };
        assert_eq!(owned(a, b, &west), None);
        assert_eq!(owned(a, b, &east), Some((0.0, 1.0)));
    }

    #[test]
    fn a_riser_belongs_to_the_leaf_it_stands_in() {
        let rect = Rect { west: 0.0, south: 0.0, east: 256.0, north: 256.0 };
        assert_eq!(owned([5.0, 5.0, -2.0], [5.0, 5.0, 1.0], &rect), Some((0.0, 1.0)));
        assert_eq!(owned([-5.0, 5.0, -2.0], [-5.0, 5.0, 1.0], &rect), None);
    }
}
