//! What lies on the ground: roads, water, green, and the bare ground between them.
//!
//! All of it is one surface. Where things lie over one another only the upper one is drawn, and the ground only where it
//! is bare: two surfaces within centimetres of each other flicker on every screen that is far enough away.

use super::builder::{Builder, Owner, V3, cross, scaled, sub};
use super::leaf;
use super::place::{self, Grain, Measures, Missing};
use super::stage::Stage;
use super::sweep;
use super::terrain::Terrain;
use crate::clip::{self, Point};
use crate::grid::{Rect, TileId};
use crate::heal::{self, Polygon, Vertex};
use crate::triangles::triangulate;
use citytwin_model::Class;
use citytwin_model::class::Form;

/// The ground where the catalogue has no class for it.
const TERRAIN: (&str, [u8; 3]) = ("terrain", [0xd9, 0xd2, 0xbd]);
/// A road that is carried lies this much over its line, which is that of the bridge's deck too.
const OVER_DECK_M: f64 = 0.1;

/// Draws the ground of a leaf and what lies on it. Features come in the order of their numbers.
pub(crate) fn draw(builder: &mut Builder, stage: &Stage<'_>, terrain: &Terrain, tile: TileId, owners: &mut [Owner<'_>]) {
    let rect = tile.rect();
    let grain = Grain::of(&rect);
    let shapes: Vec<Shape> = owners.iter().map(|owner| Shape::of(stage, &grain, owner)).collect();
    let mut from_above: Vec<usize> = (0..shapes.len()).collect();
    from_above.sort_by_key(|i| (over(owners[*i].class), *i));
    let mut visible: Vec<Vec<Polygon>> = vec![Vec::new(); shapes.len()];
    for (rank, i) in from_above.iter().enumerate() {
        let above = from_above[..rank].iter().map(|j| &shapes[*j]).filter(|above| above.meets(&shapes[*i].bounds));
        visible[*i] = heal::difference(&shapes[*i].polygons, above.flat_map(|above| &above.polygons));
    }
    let square = grain.area(&[vec![[rect.west, rect.south], [rect.east, rect.south], [rect.east, rect.north], [rect.west, rect.north]]]);
    let bare: Vec<_> =
        heal::difference(&square, shapes.iter().flat_map(|shape| &shape.polygons)).iter().map(|polygon| grain.metres(polygon)).collect();
    let (material, colour) = stage.city.class_by_id(TERRAIN.0).map_or(TERRAIN, |class| (TERRAIN.0, class.symbol.colour));
    terrain.draw(builder, material, colour, |cell| !shapes.iter().any(|shape| shape.meets(&units(&grain, cell))), &bare);
    for ((owner, shape), visible) in owners.iter_mut().zip(&shapes).zip(&visible) {
        if !leaf::lies(owner.class) {
            leaf::solid(builder, stage, owner, tile);
            continue;
        }
        if !shape.polygons.is_empty() {
            // Also when all of it is covered: the tile holds the feature, though nothing of it is seen.
            builder.mention(owner);
        }
        for triangle in visible.iter().flat_map(|polygon| triangulate(&grain.metres(polygon))) {
            terrain.lay(&triangle, |corners, normals| builder.smooth_polygon(owner, corners, normals));
        }
        if is_carried(owner) {
            carried(builder, stage, owner, &rect);
        }
    }
}

/// What is drawn over what: bands over areas; of each the smaller class number first, so that a pond shows in its park.
fn over(class: &Class) -> (bool, citytwin_model::ClassNo) {
    (!matches!(class.form, Form::Ribbon { .. }), class.no)
}

/// A feature's part of the leaf's square, in grains.
struct Shape {
    polygons: Vec<Polygon>,
    bounds: [Vertex; 2],
}

impl Shape {
    fn of(stage: &Stage<'_>, grain: &Grain, owner: &Owner<'_>) -> Self {
        let geometry = owner.feature.geometry.as_ref();
        let is_band = matches!(owner.class.form, Form::Ribbon { .. }) && geometry.is_some_and(|geometry| !geometry.lines().is_empty());
        let polygons = if !leaf::lies(owner.class) {
            Vec::new()
        } else if !is_band {
            place::polygons(stage, owner.feature).iter().flat_map(|rings| grain.area(rings)).collect()
        } else if is_carried(owner) {
            Vec::new()
        } else {
            let sides = band(stage, owner, Missing::Ground).into_iter().map(|triangle| triangle.map(|p| [p[0], p[1]]));
            heal::union(&sides.filter_map(counter_clockwise).filter_map(|triangle| grain.ring(&triangle)).collect::<Vec<_>>())
        };
        let mut bounds = [[i32::MAX; 2], [i32::MIN; 2]];
        for v in polygons.iter().flatten().flatten() {
            bounds = [[bounds[0][0].min(v[0]), bounds[0][1].min(v[1])], [bounds[1][0].max(v[0]), bounds[1][1].max(v[1])]];
        }
        Self { polygons, bounds }
    }

    fn meets(&self, other: &[Vertex; 2]) -> bool {
        (0..2).all(|axis| self.bounds[0][axis] <= other[1][axis] && other[0][axis] <= self.bounds[1][axis])
    }
}

fn units(grain: &Grain, cell: &Rect) -> [Vertex; 2] {
    [[cell.west, cell.south], [cell.east, cell.north]].map(|p| grain.vertex(p))
}

fn is_carried(owner: &Owner<'_>) -> bool {
    matches!(owner.feature.text(owner.class, "structure"), Some("bridge" | "tunnel"))
}

/// Two triangles for each stretch of a line with a width.
fn band(stage: &Stage<'_>, owner: &Owner<'_>, missing: Missing) -> Vec<[V3; 3]> {
    let half = Measures::of(owner).width_m() / 2.0;
    let mut triangles = Vec::new();
    for line in place::lines(stage, owner.feature, missing) {
        for stretch in sweep::stretches(&line, place::up_at(stage, &line)) {
            let sides = [(stretch.from, -half), (stretch.from, half), (stretch.to, half), (stretch.to, -half)];
            let [a, b, c, d] = sides.map(|(station, right)| station.point(right, OVER_DECK_M));
            triangles.extend([[a, b, c], [a, c, d]]);
        }
    }
    triangles
}

/// A band at its line's own height, cut at the leaf's borders only: what bridges carry and tunnels hold.
fn carried(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, rect: &Rect) {
    for triangle in band(stage, owner, Missing::Straight) {
        let Some(plan) = counter_clockwise(triangle.map(|p| [p[0], p[1]])) else { continue };
        let normal = cross(sub(triangle[1], triangle[0]), sub(triangle[2], triangle[0]));
        let normal = if normal[2] < 0.0 { scaled(normal, -1.0) } else { normal };
        let piece = clip::ring(&plan, rect);
        if piece.len() >= 3 && clip::signed_area(&piece) > 1e-6 {
            // The plane through the triangle gives the height at each cut.
            let [a, _, _] = triangle;
            let height = |p: Point| a[2] - (normal[0] * (p[0] - a[0]) + normal[1] * (p[1] - a[1])) / normal[2];
            let corners: Vec<V3> = piece.into_iter().map(|p| [p[0], p[1], height(p)]).collect();
            builder.polygon(owner, &corners, normal, false);
        }
    }
}

fn counter_clockwise([a, b, c]: [Point; 3]) -> Option<[Point; 3]> {
    match clip::cross(a, b, c) {
        turn if turn > 0.0 => Some([a, b, c]),
        turn if turn < 0.0 => Some([a, c, b]),
        _ => None,
    }
}
