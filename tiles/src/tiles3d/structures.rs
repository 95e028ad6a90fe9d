//! Bridges as decks on piers, tunnels as bores: profiles swept along the line, at the line's own heights.

use super::builder::{Builder, Owner, V3, add, cross, scaled, sub};
use super::place::{self, Measures, Missing};
use super::stage::Stage;
use super::sweep::{self, Station, Stretch};
use crate::grid::Rect;

/// A deck's slab under the line, and the parapets beside it.
const SLAB_M: f64 = 0.8;
const PARAPET_M: f64 = 0.9;
const PARAPET_WIDTH_M: f64 = 0.25;
const PIER_SPACING_M: f64 = 30.0;
/// Lower decks rest on their abutments.
const LEAST_CLEARANCE_M: f64 = 3.0;
const PIER_DEPTH_M: f64 = 1.2;
/// Piers reach into the ground.
const FOOTING_M: f64 = 1.0;

/// A place of a profile: metres to the right of the line, metres above it.
type Profile = Vec<[f64; 2]>;

pub(crate) fn deck(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, rect: &Rect) {
    let width = Measures::of(owner).width_m();
    let profile = deck_profile(width);
    for line in place::lines(stage, owner.feature, Missing::Straight) {
        let up = place::up_at(stage, &line);
        let stretches = sweep::stretches(&line, up);
        for part in stretches.iter().filter_map(|stretch| sweep::cut(stretch, rect)) {
            sweep_profile(builder, owner, &part, &profile, true, false);
        }
        piers(builder, stage, owner, &stretches, width, rect);
    }
}

pub(crate) fn bore(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, rect: &Rect) {
    let measures = Measures::of(owner);
    let profile = bore_profile(measures.width_m(), measures.clear_height_m());
    for line in place::lines(stage, owner.feature, Missing::Straight) {
        let stretches = sweep::stretches(&line, place::up_at(stage, &line));
        for part in stretches.iter().filter_map(|stretch| sweep::cut(stretch, rect)) {
            // Open at both ends: one drives in.
            sweep_profile(builder, owner, &part, &profile, false, true);
        }
    }
}

/// Clockwise as seen along the way, so that outside lies to the left of each edge. The line itself is a corner.
fn deck_profile(width: f64) -> Profile {
    let half = width / 2.0;
    let kerb = half - PARAPET_WIDTH_M.min(half / 4.0);
    vec![
        [-half, -SLAB_M],
        [-half, PARAPET_M],
        [-kerb, PARAPET_M],
        [-kerb, 0.0],
        [0.0, 0.0],
        [kerb, 0.0],
        [kerb, PARAPET_M],
        [half, PARAPET_M],
        [half, -SLAB_M],
    ]
}

/// Floor on the line, upright walls to half the height, a round vault above.
fn bore_profile(width: f64, height: f64) -> Profile {
    const VAULT_SIDES: usize = 8;
    let (half, spring) = (width / 2.0, height / 2.0);
    let mut profile = vec![[0.0, 0.0], [-half, 0.0]];
    for i in 0..=VAULT_SIDES {
        let angle = std::f64::consts::PI * i as f64 / VAULT_SIDES as f64;
        profile.push([-half * angle.cos(), spring + (height - spring) * angle.sin()]);
    }
    profile.push([half, 0.0]);
    profile
}

fn sweep_profile(builder: &mut Builder, owner: &mut Owner<'_>, part: &Stretch, profile: &Profile, capped: bool, two_sided: bool) {
    let place = |station: &Station, [right, up]: [f64; 2]| station.point(right, up);
    for i in 0..profile.len() {
        let (a, b) = (profile[i], profile[(i + 1) % profile.len()]);
        let corners = [place(&part.from, a), place(&part.from, b), place(&part.to, b), place(&part.to, a)];
        builder.polygon(owner, &corners, cross(sub(corners[1], corners[0]), sub(corners[3], corners[0])), two_sided);
    }
    if !capped {
        return;
    }
    let triangles = crate::triangles::indices(std::slice::from_ref(profile));
    let way = sub(part.to.at, part.from.at);
    let cap = |builder: &mut Builder, owner: &mut Owner<'_>, station: &Station, outward: V3, triangles: &[[u32; 3]]| {
        let corners: Vec<V3> = profile.iter().map(|p| place(station, *p)).collect();
        builder.mesh(owner, &corners, &vec![outward; corners.len()], triangles, false);
    };
    // Triangles turn counter-clockwise as seen along the way: right for the beginning, turned round for the end.
    if part.first {
        cap(builder, owner, &part.from, scaled(way, -1.0), &triangles);
    }
    if part.last {
        let turned: Vec<[u32; 3]> = triangles.iter().map(|[a, b, c]| [*a, *c, *b]).collect();
        cap(builder, owner, &part.to, way, &turned);
    }
}

/// A wall under the deck every 30 m of the whole line, counted from its beginning; each belongs to the leaf it stands in.
fn piers(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, stretches: &[Stretch], width: f64, rect: &Rect) {
    let long = |stretch: &Stretch| {
        let way = sub(stretch.to.at, stretch.from.at);
        way[0].hypot(way[1])
    };
    let whole: f64 = stretches.iter().map(long).sum();
    let count = (whole / PIER_SPACING_M).ceil();
    let (mut passed, mut next) = (0.0, 1.0);
    for stretch in stretches {
        let length = long(stretch);
        while next < count && next * whole / count <= passed + length {
            let t = ((next * whole / count - passed) / length).clamp(0.0, 1.0);
            next += 1.0;
            let way = sub(stretch.to.at, stretch.from.at);
            let at = add(stretch.from.at, scaled(way, t));
            if rect.owns(at[0], at[1]) {
                let forward = scaled([way[0], way[1], 0.0], 1.0 / length);
                pier(builder, stage, owner, at, forward, stretch.from.up, width);
            }
        }
        passed += length;
    }
}

fn pier(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, at: V3, forward: V3, up: V3, width: f64) {
    let under = add(at, scaled(up, -SLAB_M));
    let ground = stage.at_ground(at[0], at[1], 0.0).0.up;
    if under[2] - ground < LEAST_CLEARANCE_M {
        return;
    }
    let foot = add(under, scaled(up, ground - FOOTING_M - under[2]));
    let right = scaled(cross(forward, up), width * 0.3);
    let forward = scaled(forward, PIER_DEPTH_M / 2.0);
    let ring =
        |base: V3| [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(r, f)| add(base, add(scaled(right, r), scaled(forward, f))));
    let (low, high) = (ring(foot), ring(under));
    for i in 0..4 {
        let j = (i + 1) % 4;
        let corners = [low[i], low[j], high[j], high[i]];
        builder.polygon(owner, &corners, cross(sub(corners[1], corners[0]), sub(corners[3], corners[0])), false);
    }
}
