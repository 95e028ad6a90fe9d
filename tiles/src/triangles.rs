//! Areas with holes become triangles.

use crate::clip::{Point, cross};
use earcut::Earcut;

/// Triangles over rings (outer first, then holes; open or closed), each turning counter-clockwise.
pub fn triangulate(rings: &[Vec<Point>]) -> Vec<[Point; 3]> {
    let points: Vec<Point> = rings.iter().flatten().copied().collect();
    indices(rings).into_iter().map(|triangle| triangle.map(|i| points[i as usize])).collect()
}

/// The same as places in the rings' vertices, counted through.
pub fn indices(rings: &[Vec<Point>]) -> Vec<[u32; 3]> {
    let mut points: Vec<Point> = Vec::new();
    // Where each of `points` stands among all vertices: closing ones are passed over.
    let mut places: Vec<u32> = Vec::new();
    let mut holes: Vec<u32> = Vec::new();
    let mut first = 0;
    for (i, ring) in rings.iter().enumerate() {
        let open = match ring.split_last() {
            Some((last, rest)) if rest.first() == Some(last) => rest,
            _ => ring,
        };
        if open.len() >= 3 {
            if i > 0 {
                holes.push(points.len() as u32);
            }
            points.extend_from_slice(open);
            places.extend((first..).take(open.len()));
        } else if i == 0 {
            return Vec::new();
        }
        first += ring.len() as u32;
    }
    let mut corners: Vec<u32> = Vec::new();
    Earcut::new().earcut_slice(&points, &holes, &mut corners);
    let mut triangles = Vec::with_capacity(corners.len() / 3);
    for triangle in corners.chunks_exact(3) {
        let [a, b, c] = [triangle[0], triangle[1], triangle[2]];
        let turn = cross(points[a as usize], points[b as usize], points[c as usize]);
        if turn != 0.0 {
            triangles.push((if turn > 0.0 { [a, b, c] } else { [a, c, b] }).map(|i| places[i as usize]));
        }
    }
    triangles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(triangles: &[[Point; 3]]) -> f64 {
        triangles.iter().map(|[a, b, c]| cross(*a, *b, *c) / 2.0).sum()
    }

    #[test]
    fn a_courtyard_is_left_open() {
        let outer = vec![[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0], [0.0, 0.0]];
        let yard = vec![[2.0, 2.0], [8.0, 2.0], [8.0, 8.0], [2.0, 8.0], [2.0, 2.0]];
        assert_eq!(area(&triangulate(&[outer.clone(), yard.clone()])), 64.0);
        let reversed: Vec<Point> = outer.into_iter().rev().collect();
        assert_eq!(area(&triangulate(&[reversed, yard])), 64.0, "whichever way the rings turn");
    }

    #[test]
    fn what_has_no_area_gives_nothing() {
        assert!(triangulate(&[]).is_empty());
        assert!(triangulate(&[vec![[0.0, 0.0], [1.0, 1.0]]]).is_empty());
        assert!(triangulate(&[vec![[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]]).is_empty());
    }
}
