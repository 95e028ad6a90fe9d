//! What lies under a pixel: a ray from the eye through the tiles' trees, on the processor, in the tiles' own metres.

use crate::camera::Looking;
use crate::scene::{Held, Scene};
use bevy::math::{DVec3, Vec3};
use citytwin_model::FeatureId;
use citytwin_model::class::Group;
use citytwin_viewer_state::Looks;
use citytwin_viewer_stream::{Hit, NO_ROW};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picked {
    /// `None`: bare terrain.
    pub feature: Option<FeatureId>,
    pub at: DVec3,
    pub distance: f64,
}

/// Nobody sees farther.
const LIMIT_M: f64 = 60_000.0;

/// The nearest thing on the ray from the eye. `through`: ground and houses are see-through, so what lies behind them
/// is meant; they are taken only when nothing else is there.
pub fn cast(scene: &Scene, looks: &Looks, from: DVec3, ray: DVec3, through: bool) -> Option<Picked> {
    let solid = |group: Group| !through || !matches!(group, Group::Ground | Group::Buildings);
    nearest(scene, looks, from, ray, solid).or_else(|| through.then(|| nearest(scene, looks, from, ray, |_| true)).flatten())
}

fn nearest(scene: &Scene, looks: &Looks, from: DVec3, ray: DVec3, takes: impl Fn(Group) -> bool) -> Option<Picked> {
    let mut best: Option<(f64, &Held, Hit)> = None;
    for (_, held) in scene.drawn().filter(|(_, held)| takes(held.group)) {
        let limit = best.map_or(LIMIT_M, |(distance, ..)| distance);
        let start = from - DVec3::from(held.gpu.origin);
        // From far away the start would eat the precision: the ray is taken up where the tile's box begins.
        let Some(enters) = enters_box(start, ray, held).filter(|d| *d < limit) else { continue };
        let begin = start + ray * enters;
        let lets = |row: u32| !looks.is_hidden(held.no, if row == u32::from(NO_ROW) { u32::MAX } else { row });
        let hit = held.bvh.cast(begin.as_vec3().into(), ray.as_vec3().into(), (limit - enters) as f32, lets);
        if let Some(hit) = hit {
            best = Some((enters + f64::from(hit.distance), held, hit));
        }
    }
    best.map(|(distance, held, hit)| Picked { feature: looks.feature_at(held.no, hit.row), at: from + ray * distance, distance })
}

fn enters_box(start: DVec3, ray: DVec3, held: &Held) -> Option<f64> {
    let (mut near, mut far) = (0.0f64, LIMIT_M);
    for i in 0..3 {
        let (a, b) = ((f64::from(held.gpu.min[i]) - 0.5 - start[i]) / ray[i], (f64::from(held.gpu.max[i]) + 0.5 - start[i]) / ray[i]);
        near = near.max(a.min(b));
        far = far.min(a.max(b));
    }
    (near <= far).then_some(near)
}

/// A point to hold on to: what is picked, else the level of the ground, else straight ahead.
pub fn point(scene: &Scene, looks: &Looks, looking: &Looking, ray: DVec3, through: bool) -> DVec3 {
    let eye = &looking.eye;
    cast(scene, looks, eye.at, ray, through)
        .map(|picked| picked.at)
        .or_else(|| eye.meets_level(ray, looking.ground))
        .filter(|at| (*at - eye.at).length() < 30_000.0)
        .unwrap_or(eye.at + ray * looking.above_ground().max(200.0))
}

/// Up of the terrain at a place, where its tile is here. Roads and parks that lie on it count.
pub fn ground_at(scene: &Scene, east: f64, north: f64) -> Option<f64> {
    // Exactly on the border of two triangles a ray may slip through: then a hand's breadth beside it.
    [(0.0, 0.0), (0.09, 0.07)].into_iter().find_map(|(e, n)| drop_down(scene, east + e, north + n))
}

fn drop_down(scene: &Scene, east: f64, north: f64) -> Option<f64> {
    const TOP: f64 = 5000.0;
    scene
        .tiles
        .values()
        .filter(|held| held.group == Group::Ground)
        .filter_map(|held| {
            let start = DVec3::new(east, north, TOP) - DVec3::from(held.gpu.origin);
            let enters = enters_box(start, DVec3::NEG_Z, held)?;
            let begin = start + DVec3::NEG_Z * enters;
            let hit = held.bvh.cast(begin.as_vec3().into(), [0.0, 0.0, -1.0], TOP as f32 * 2.0, |_| true)?;
            Some(TOP - enters - f64::from(hit.distance))
        })
        .max_by(f64::total_cmp)
}

/// About how high the ground is near a place whose own tile is not here: the middle of the nearest one's heights.
pub fn ground_near(scene: &Scene, east: f64, north: f64) -> Option<f64> {
    let middle = |held: &Held| {
        let (low, high) = (Vec3::from(held.gpu.min).as_dvec3(), Vec3::from(held.gpu.max).as_dvec3());
        DVec3::from(held.gpu.origin) + (low + high) / 2.0
    };
    let grounds = scene.tiles.values().filter(|held| held.group == Group::Ground).map(middle);
    let far = |at: &DVec3| (at.x - east).powi(2) + (at.y - north).powi(2);
    grounds.min_by(|a, b| far(a).total_cmp(&far(b))).map(|at| at.z)
}
