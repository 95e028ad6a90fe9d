//! Collects a tile's triangles and tubes, in the order of its features.

use crate::glb::{DecodedTile, Joint, Mesh, NO_FEATURE, TileFeature, Tube};
use crate::grid::{Box3, TileId};
use citytwin_model::{Class, ClassNo, Feature, LocalPoint};
use std::collections::BTreeMap;

/// Features that a tile can number: 0 … 65 534, one number being kept for "none".
const MOST_FEATURES: usize = NO_FEATURE as usize;

pub(crate) type V3 = [f64; 3];

pub(crate) struct Builder {
    origin: V3,
    /// By class number, so that the order of meshes is fixed.
    meshes: BTreeMap<ClassNo, Mesh>,
    tubes: Vec<Tube>,
    joints: Vec<Joint>,
    features: Vec<TileFeature>,
    pub bounds: Box3,
    /// Features for which there was no number left.
    pub left_out: usize,
}

/// Who the next triangles belong to. Its number is given with the first of them, so that a feature that leaves nothing
/// in the tile has none.
pub(crate) struct Owner<'a> {
    pub class: &'a Class,
    pub feature: &'a Feature,
    index: Option<u16>,
    full: bool,
}

impl<'a> Owner<'a> {
    pub fn new(class: &'a Class, feature: &'a Feature) -> Self {
        Self { class, feature, index: None, full: false }
    }
}

impl Builder {
    pub fn new(tile: TileId, base_up: f64) -> Self {
        let (east, north) = tile.rect().centre();
        Self {
            // A whole number: exact in every format it passes through.
            origin: [east, north, base_up.round()],
            meshes: BTreeMap::new(),
            tubes: Vec::new(),
            joints: Vec::new(),
            features: Vec::new(),
            bounds: Box3::EMPTY,
            left_out: 0,
        }
    }

    /// Triangles over shared corners, with a normal at each.
    pub fn mesh(&mut self, owner: &mut Owner<'_>, corners: &[V3], normals: &[V3], triangles: &[[u32; 3]], two_sided: bool) {
        if triangles.is_empty() {
            return;
        }
        let Some(feature) = self.number(owner) else { return };
        let corners: Vec<[f32; 3]> = corners.iter().map(|p| self.place(*p)).collect();
        let mesh = self.mesh_of(owner.class, two_sided);
        let first = mesh.positions.len() as u32;
        mesh.features.resize(mesh.features.len() + corners.len(), feature);
        mesh.positions.extend(corners);
        mesh.normals.extend(normals.iter().map(|n| unit(*n)));
        mesh.indices.extend(triangles.iter().flatten().map(|i| first + i));
    }

    /// A flat convex polygon, counter-clockwise from outside, with one normal.
    pub fn polygon(&mut self, owner: &mut Owner<'_>, corners: &[V3], normal: V3, two_sided: bool) {
        let Some(feature) = self.number(owner) else { return };
        let corners: Vec<[f32; 3]> = corners.iter().map(|p| self.place(*p)).collect();
        let mesh = self.mesh_of(owner.class, two_sided);
        push_fan(mesh, &corners, &vec![unit(normal); corners.len()], feature);
    }

    /// Gives a feature its number though nothing of it may be seen.
    pub fn mention(&mut self, owner: &mut Owner<'_>) {
        self.number(owner);
    }

    /// A convex polygon with a normal at each corner.
    pub fn smooth_polygon(&mut self, owner: &mut Owner<'_>, corners: &[V3], normals: &[V3]) {
        let Some(feature) = self.number(owner) else { return };
        let corners: Vec<[f32; 3]> = corners.iter().map(|p| self.place(*p)).collect();
        let normals: Vec<[f32; 3]> = normals.iter().map(|n| unit(*n)).collect();
        push_fan(self.mesh_of(owner.class, false), &corners, &normals, feature);
    }

    /// Triangles that belong to no feature, over shared corners: the ground.
    pub fn ground(&mut self, material: &str, colour: [u8; 3], corners: &[V3], normals: &[V3], triangles: &[[u32; 3]]) {
        let corners: Vec<[f32; 3]> = corners.iter().map(|p| self.place(*p)).collect();
        let mesh = self.meshes.entry(ClassNo(0)).or_insert_with(|| new_mesh(material, colour, false));
        let first = mesh.positions.len() as u32;
        mesh.features.resize(mesh.features.len() + corners.len(), NO_FEATURE);
        mesh.positions.extend(corners);
        mesh.normals.extend(normals.iter().map(|n| unit(*n)));
        mesh.indices.extend(triangles.iter().flatten().map(|i| first + i));
    }

    pub fn tube(&mut self, owner: &mut Owner<'_>, start: LocalPoint, end: LocalPoint, radius: f64) {
        let Some(feature) = self.number(owner) else { return };
        let (start, end) = (self.place(v3(start)), self.place(v3(end)));
        self.swell(radius, [start, end]);
        self.tubes.push(Tube { start, end, radius: radius as f32, feature });
    }

    pub fn joint(&mut self, owner: &mut Owner<'_>, centre: LocalPoint, radius: f64) {
        let Some(feature) = self.number(owner) else { return };
        let centre = self.place(v3(centre));
        self.swell(radius, [centre, centre]);
        self.joints.push(Joint { centre, radius: radius as f32, feature });
    }

    /// The tile, or `None` when nothing was put in.
    pub fn finish(self) -> Option<(DecodedTile, Box3)> {
        let tile = DecodedTile {
            origin: self.origin,
            meshes: self.meshes.into_values().collect(),
            tubes: self.tubes,
            joints: one_ball_a_place(self.joints),
            features: self.features,
        };
        // Boxes are given out in whole steps of 1/64 m, outward: as centre and half axes they stay exact, so that a
        // parent's box holds its children's to the last bit.
        const STEPS: f64 = 64.0;
        let Box3 { min, max } = self.bounds;
        let bounds = Box3 { min: min.map(|x| (x * STEPS).floor() / STEPS), max: max.map(|x| (x * STEPS).ceil() / STEPS) };
        (!self.bounds.is_empty()).then_some((tile, bounds))
    }

    fn number(&mut self, owner: &mut Owner<'_>) -> Option<u16> {
        if owner.index.is_none() && !owner.full {
            if self.features.len() == MOST_FEATURES {
                owner.full = true;
                self.left_out += 1;
                return None;
            }
            owner.index = Some(self.features.len() as u16);
            self.features.push(TileFeature {
                class: owner.feature.id.class,
                fid: owner.feature.id.fid,
                code: owner.feature.text(owner.class, "code").unwrap_or_default().to_owned(),
            });
        }
        owner.index
    }

    /// From the city frame to the tile, rounded as it will be stored; the box grows by what was stored.
    fn place(&mut self, p: V3) -> [f32; 3] {
        let placed: [f32; 3] = std::array::from_fn(|i| (p[i] - self.origin[i]) as f32);
        self.bounds.include(std::array::from_fn(|i| f64::from(placed[i]) + self.origin[i]));
        placed
    }

    fn swell(&mut self, radius: f64, ends: [[f32; 3]; 2]) {
        for end in ends {
            for sign in [-radius, radius] {
                self.bounds.include(std::array::from_fn(|i| f64::from(end[i]) + self.origin[i] + sign));
            }
        }
    }

    fn mesh_of(&mut self, class: &Class, two_sided: bool) -> &mut Mesh {
        self.meshes.entry(class.no).or_insert_with(|| new_mesh(&class.id, class.symbol.colour, two_sided))
    }
}

fn new_mesh(material: &str, colour: [u8; 3], two_sided: bool) -> Mesh {
    Mesh { material: material.to_owned(), two_sided, colour: colour.map(linear), ..Mesh::default() }
}

/// The catalogue's colours are sRGB; glTF wants them linear.
pub(crate) fn linear(srgb: u8) -> f32 {
    let x = f64::from(srgb) / 255.0;
    let linear = if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) };
    // Four digits are enough, and the same on every machine.
    ((linear * 1e4).round() / 1e4) as f32
}

fn push_fan(mesh: &mut Mesh, corners: &[[f32; 3]], normals: &[[f32; 3]], feature: u16) {
    let first = mesh.positions.len() as u32;
    mesh.positions.extend_from_slice(corners);
    mesh.normals.extend_from_slice(normals);
    mesh.features.resize(mesh.features.len() + corners.len(), feature);
    for i in 2..corners.len() as u32 {
        mesh.indices.extend([first, first + i - 1, first + i]);
    }
}

/// Where several pipes meet, the thickest one's ball is enough; of equals, the first feature's.
fn one_ball_a_place(joints: Vec<Joint>) -> Vec<Joint> {
    let mut places: BTreeMap<[i64; 3], Joint> = BTreeMap::new();
    for joint in joints {
        let millimetres = joint.centre.map(|x| (f64::from(x) * 1000.0).round() as i64);
        let kept = places.entry(millimetres).or_insert(joint);
        if joint.radius > kept.radius {
            *kept = joint;
        }
    }
    let mut joints: Vec<Joint> = places.into_values().collect();
    joints.sort_by_key(|joint| joint.feature);
    joints
}

pub(crate) fn v3(p: LocalPoint) -> V3 {
    [p.east, p.north, p.up]
}

pub(crate) fn add(a: V3, b: V3) -> V3 {
    std::array::from_fn(|i| a[i] + b[i])
}

pub(crate) fn scaled(a: V3, by: f64) -> V3 {
    a.map(|x| x * by)
}

pub(crate) fn sub(a: V3, b: V3) -> V3 {
    std::array::from_fn(|i| a[i] - b[i])
}

pub(crate) fn cross(a: V3, b: V3) -> V3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn length(a: V3) -> f64 {
    (a[0] * a[0] + a[1] * a[1] + a[2] * a[2]).sqrt()
}

/// Of length 1 in the precision in which it is stored; straight up for what has no direction.
fn unit(a: V3) -> [f32; 3] {
    let n = length(a);
    if n > 1e-12 { a.map(|x| (x / n) as f32) } else { [0.0, 0.0, 1.0] }
}
