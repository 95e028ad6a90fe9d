//! What lies on the ground: roads, water, green. Laid on the terrain's triangles, a few centimetres above them.

use super::builder::{Builder, Owner, V3};
use super::place::{self, Measures};
use super::stage::Stage;
use super::sweep;
use super::terrain::Terrain;
use crate::clip::{self, Point};
use crate::grid::Rect;
use crate::triangles::triangulate;
use citytwin_model::Class;
use citytwin_model::class::{Form, Group};
use std::cmp::Reverse;

/// One layer over the next, so that a pond shows in its park and a road over both. All stay within 5 cm.
const LAYER_M: f64 = 0.012;
const HIGHEST_LAYER_M: f64 = 0.036;
/// A band that is carried: this much above its own line, so that it lies on the bridge's deck.
const OVER_DECK_M: f64 = 0.03;

/// How far above the terrain a class lies: areas below bands; of areas the smaller class number on top.
pub(crate) fn lift(classes: &[std::sync::Arc<Class>], class: &Class) -> f64 {
    let order = |class: &Class| (matches!(class.form, Form::Ribbon { .. }), Reverse(class.no));
    let below = classes
        .iter()
        .filter(|other| other.group == Some(Group::Ground) && other.form != Form::None && order(other) < order(class))
        .count();
    (LAYER_M * (below + 1) as f64).min(HIGHEST_LAYER_M)
}

pub(crate) fn patch(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, terrain: &Terrain, rect: &Rect, lift: f64) {
    for rings in place::polygons(stage, owner.feature) {
        for part in place::cut_polygon(&rings, rect) {
            for triangle in triangulate(&part) {
                lay(builder, owner, terrain, triangle, lift);
            }
        }
    }
}

pub(crate) fn ribbon(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, terrain: &Terrain, rect: &Rect, lift: f64) {
    let half = Measures::of(owner).width_m() / 2.0;
    let carried = matches!(owner.feature.text(owner.class, "structure"), Some("bridge" | "tunnel"));
    for line in place::lines(stage, owner.feature, place::Missing::Ground) {
        for stretch in sweep::stretches(&line, place::up_at(stage, &line)) {
            let sides = [(stretch.from, -half), (stretch.from, half), (stretch.to, half), (stretch.to, -half)];
            let [a, b, c, d] = sides.map(|(station, right)| station.point(right, OVER_DECK_M));
            for triangle in [[a, b, c], [a, c, d]] {
                if carried {
                    flat(builder, owner, triangle, rect);
                } else {
                    lay(builder, owner, terrain, triangle.map(plan), lift);
                }
            }
        }
    }
}

fn lay(builder: &mut Builder, owner: &mut Owner<'_>, terrain: &Terrain, triangle: [Point; 3], lift: f64) {
    let Some(triangle) = counter_clockwise(triangle) else { return };
    terrain.lay(triangle, lift, |corners, normals| builder.smooth_polygon(owner, corners, normals, false));
}

/// A triangle at its own height, cut at the leaf's borders only.
fn flat(builder: &mut Builder, owner: &mut Owner<'_>, triangle: [V3; 3], rect: &Rect) {
    let Some(turned) = counter_clockwise(triangle.map(plan)) else { return };
    let normal = super::builder::cross(super::builder::sub(triangle[1], triangle[0]), super::builder::sub(triangle[2], triangle[0]));
    let normal = if normal[2] < 0.0 { super::builder::scaled(normal, -1.0) } else { normal };
    let piece = clip::ring(&turned, rect);
    if piece.len() < 3 || clip::signed_area(&piece) < 1e-6 {
        return;
    }
    // The plane through the triangle gives the height at each cut.
    let height = |p: Point| triangle[0][2] - (normal[0] * (p[0] - triangle[0][0]) + normal[1] * (p[1] - triangle[0][1])) / normal[2];
    let corners: Vec<V3> = piece.into_iter().map(|p| [p[0], p[1], height(p)]).collect();
    builder.polygon(owner, &corners, normal, false);
}

fn plan(p: V3) -> Point {
    [p[0], p[1]]
}

fn counter_clockwise([a, b, c]: [Point; 3]) -> Option<[Point; 3]> {
    match clip::cross(a, b, c) {
        turn if turn > 0.0 => Some([a, b, c]),
        turn if turn < 0.0 => Some([a, c, b]),
        _ => None,
    }
}
