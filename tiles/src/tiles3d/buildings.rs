//! Buildings: walls and a flat roof over the footprint.
//!
//! The foot is the footprint's own height where it has one, else the lowest ground at its walls, so that none floats on
//! a slope. A building belongs to the leaf of its centre; one that would overhang by more than 32 m is cut.

use super::builder::{Builder, Owner, V3, cross, sub, v3};
use super::place::{self, Measures};
use super::stage::Stage;
use crate::clip::{self, Point};
use crate::grid::{Rect, TileId};
use crate::triangles;
use citytwin_model::geometry::Rings;
use citytwin_model::{Geometry, LocalPoint, LonLat, Position};

const LONGEST_OVERHANG_M: f64 = 32.0;

pub(crate) fn prism(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, leaf: TileId) {
    let Some(geometry) = &owner.feature.geometry else { return };
    let foot = foot(stage, geometry);
    let roof = foot + Measures::of(owner).height_m();
    let centre = geometry.bounds().centre();
    let centre = stage.local(centre, foot);
    let home = TileId::leaf_at(centre.east, centre.north);
    let whole: Vec<Vec<Vec<Point>>> = geometry.polygons().iter().map(|rings| place::plan(stage, rings, Some(foot))).collect();
    if home.is_some_and(|home| overhang(&whole, &home.rect()) <= LONGEST_OVERHANG_M) {
        if home == Some(leaf) {
            for rings in geometry.polygons() {
                raise(builder, owner, &source_corners(stage, rings, foot, roof), None);
            }
        }
        return;
    }
    let rect = leaf.rect();
    for rings in &whole {
        for part in place::cut_polygon(rings, &rect) {
            raise(builder, owner, &cut_corners(stage, &part, foot, roof), Some(&rect));
        }
    }
}

fn foot(stage: &Stage<'_>, geometry: &Geometry) -> f64 {
    if let Some((lowest, _)) = geometry.z_range() {
        return lowest;
    }
    let mut lowest = f64::INFINITY;
    geometry.for_each_vertex(|p| lowest = lowest.min(stage.ground(p.lonlat())));
    lowest
}

fn overhang(polygons: &[Vec<Vec<Point>>], rect: &Rect) -> f64 {
    let beyond = |p: &Point| (rect.west - p[0]).max(p[0] - rect.east).max(rect.south - p[1]).max(p[1] - rect.north);
    polygons.iter().flatten().flatten().map(beyond).fold(0.0, f64::max)
}

/// A corner of the footprint, below and above.
#[derive(Clone, Copy)]
struct Corner {
    foot: LocalPoint,
    roof: LocalPoint,
}

fn source_corners(stage: &Stage<'_>, rings: &Rings, foot: f64, roof: f64) -> Vec<Vec<Corner>> {
    let corner = |p: &Position| corner(stage, p.lonlat(), foot, roof);
    rings.iter().map(|ring| ring.iter().map(corner).collect()).collect()
}

/// Corners that cutting made have no place in the source: they are brought back to degrees first, so that walls stay
/// upright.
fn cut_corners(stage: &Stage<'_>, part: &[Vec<Point>], foot: f64, roof: f64) -> Vec<Vec<Corner>> {
    let at = |p: &Point| corner(stage, stage.at_height(p[0], p[1], foot).0, foot, roof);
    part.iter().map(|ring| ring.iter().map(at).collect()).collect()
}

fn corner(stage: &Stage<'_>, at: LonLat, foot: f64, roof: f64) -> Corner {
    Corner { foot: stage.local(at, foot), roof: stage.local(at, roof) }
}

/// Walls and roof over rings, outer first. Walls along a cut's border are left out: the neighbour goes on there.
fn raise(builder: &mut Builder, owner: &mut Owner<'_>, rings: &[Vec<Corner>], cut: Option<&Rect>) {
    for (i, ring) in rings.iter().enumerate() {
        let plan: Vec<Point> = ring.iter().map(|corner| [corner.foot.east, corner.foot.north]).collect();
        // Outside lies to the right of the way: outer rings turn counter-clockwise, holes clockwise.
        let keep = (clip::signed_area(&plan) > 0.0) == (i == 0);
        for j in 0..ring.len() {
            let (a, b) = (ring[j], ring[(j + 1) % ring.len()]);
            let (a, b) = if keep { (a, b) } else { (b, a) };
            if a.foot.plan_distance(b.foot) < 1e-3 || cut.is_some_and(|rect| along_border(a.foot, b.foot, rect)) {
                continue;
            }
            let corners = [a.foot, b.foot, b.roof, a.roof].map(v3);
            builder.polygon(owner, &corners, cross(sub(corners[1], corners[0]), sub(corners[3], corners[0])), false);
        }
    }
    roof(builder, owner, rings);
}

fn along_border(a: LocalPoint, b: LocalPoint, rect: &Rect) -> bool {
    // Cut corners were rounded to half a millimetre and back through degrees.
    let on = |x: f64, border: f64| (x - border).abs() < 2e-3;
    [rect.west, rect.east].iter().any(|x| on(a.east, *x) && on(b.east, *x))
        || [rect.south, rect.north].iter().any(|y| on(a.north, *y) && on(b.north, *y))
}

fn roof(builder: &mut Builder, owner: &mut Owner<'_>, rings: &[Vec<Corner>]) {
    let plan: Vec<Vec<Point>> =
        rings.iter().map(|ring| ring.iter().map(|corner| [corner.roof.east, corner.roof.north]).collect()).collect();
    let triangles = triangles::indices(&plan);
    let corners: Vec<V3> = rings.iter().flatten().map(|corner| v3(corner.roof)).collect();
    let Some([a, b, c]) = triangles.first().map(|first| first.map(|i| corners[i as usize])) else { return };
    // Level, so that one normal does for all: the plane tips by a thousandth of a degree over a building.
    let normal = cross(sub(b, a), sub(c, a));
    builder.mesh(owner, &corners, &vec![normal; corners.len()], &triangles, false);
}
