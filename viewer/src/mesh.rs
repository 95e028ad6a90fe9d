//! A decoded tile becomes what the graphics card reads: one merged mesh, its edges, its tubes, and a tree for picking.
//!
//! Runs beside the main thread where there are threads.

use bytemuck::{Pod, Zeroable};
use citytwin_model::FeatureId;
use citytwin_viewer_stream::{Bvh, Content, NO_ROW, Tube};
use std::collections::HashMap;

/// 20 bytes: place, normal, and which feature with how high above its foot.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Vertex {
    pub position: [f32; 3],
    pub normal: [i8; 4],
    /// Row in the low half; decimetres above the feature's lowest vertex in the high half: façades need it.
    pub row_height: u32,
}

/// 32 bytes, as the vertex shader expands them.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct TubeInstance {
    pub start: [f32; 3],
    pub radius: f32,
    pub end: [f32; 3],
    pub row: u32,
}

#[derive(Debug)]
pub struct Built {
    pub origin: [f64; 3],
    pub features: Vec<FeatureId>,
    pub vertices: Vec<Vertex>,
    pub indices: Vec<u32>,
    /// Pairs into `vertices`: where two faces meet at an angle.
    pub edges: Vec<u32>,
    pub tubes: Vec<TubeInstance>,
    pub bvh: Bvh,
    /// About `origin`; what the shadow and the view are fitted to.
    pub min: [f32; 3],
    pub max: [f32; 3],
}

impl Built {
    pub fn gpu_bytes(&self) -> usize {
        size_of_val(self.vertices.as_slice())
            + size_of_val(self.indices.as_slice())
            + size_of_val(self.edges.as_slice())
            + size_of_val(self.tubes.as_slice())
    }

    /// On the card and here: what the budget counts.
    pub fn bytes(&self) -> usize {
        self.gpu_bytes() + self.bvh.bytes() + size_of_val(self.features.as_slice())
    }
}

/// Which lines are drawn along a tile's faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    None,
    /// Solids are read by their outlines.
    Solids,
    /// What lies on the ground has a rim: kerbs and shores. Not along the tile's border, where it goes on.
    Rims,
}

pub fn build(content: Content, with_edges: Edges) -> Built {
    let mut positions = Vec::new();
    let mut normals = Vec::new();
    let mut rows = Vec::new();
    let mut indices = Vec::new();
    for part in &content.parts {
        let first = positions.len() as u32;
        positions.extend_from_slice(&part.positions);
        normals.extend_from_slice(&part.normals);
        rows.extend_from_slice(&part.rows);
        indices.extend(part.indices.iter().map(|i| i + first));
    }
    let last_row = content.features.len();
    let mut foot: HashMap<u16, f32> = HashMap::new();
    for (p, row) in positions.iter().zip(&rows) {
        let lowest = foot.entry(*row).or_insert(f32::INFINITY);
        *lowest = lowest.min(p[2]);
    }
    let vertices = positions
        .iter()
        .zip(&normals)
        .zip(&rows)
        .map(|((position, normal), row)| {
            let height_dm = ((position[2] - foot[row]) * 10.0).clamp(0.0, 65_535.0) as u32;
            // What is no feature has the texel behind the last feature's.
            let texel = if *row == NO_ROW { last_row as u32 } else { u32::from(*row) };
            Vertex { position: *position, normal: pack(*normal), row_height: texel | height_dm << 16 }
        })
        .collect();
    let tubes: Vec<TubeInstance> =
        content.tubes.iter().map(|t| TubeInstance { start: t.start, radius: t.radius, end: t.end, row: t.row }).collect();
    let (min, max) = extent(&positions, &content.tubes);
    let edges = match with_edges {
        Edges::None => Vec::new(),
        Edges::Solids => creases(&positions, &rows, &indices),
        Edges::Rims => rims(&positions, &rows, &indices, min, max),
    };
    let bvh = Bvh::build(positions, indices.clone(), rows, content.tubes);
    Built { origin: content.origin, features: content.features, vertices, indices, edges, tubes, bvh, min, max }
}

fn pack(n: [f32; 3]) -> [i8; 4] {
    let byte = |c: f32| (c.clamp(-1.0, 1.0) * 127.0).round() as i8;
    [byte(n[0]), byte(n[1]), byte(n[2]), 0]
}

fn extent(positions: &[[f32; 3]], tubes: &[Tube]) -> ([f32; 3], [f32; 3]) {
    let mut min = [f32::INFINITY; 3];
    let mut max = [f32::NEG_INFINITY; 3];
    let mut include = |p: [f32; 3], r: f32| {
        for i in 0..3 {
            min[i] = min[i].min(p[i] - r);
            max[i] = max[i].max(p[i] + r);
        }
    };
    positions.iter().for_each(|p| include(*p, 0.0));
    tubes.iter().for_each(|t| [t.start, t.end].into_iter().for_each(|p| include(p, t.radius)));
    (min, max)
}

/// Where a feature on the ground ends, but not where the tile does.
fn rims(positions: &[[f32; 3]], rows: &[u16], indices: &[u32], min: [f32; 3], max: [f32; 3]) -> Vec<u32> {
    let place = |i: u32| positions[i as usize].map(|c| (c * 1000.0).round() as i32);
    let mut faces: HashMap<(u16, [i32; 3], [i32; 3]), (u32, u32, u32)> = HashMap::new();
    for t in indices.chunks_exact(3).filter(|t| rows[t[0] as usize] != NO_ROW) {
        for (a, b) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
            let (pa, pb) = (place(a), place(b));
            let key = if pa <= pb { (rows[a as usize], pa, pb) } else { (rows[a as usize], pb, pa) };
            faces.entry(key).or_insert((a, b, 0)).2 += 1;
        }
    }
    let on_border = |a: u32, b: u32| {
        let (a, b) = (positions[a as usize], positions[b as usize]);
        (0..2).any(|i| [min[i], max[i]].into_iter().any(|side| (a[i] - side).abs() < 0.02 && (b[i] - side).abs() < 0.02))
    };
    let mut edges: Vec<[u32; 2]> = faces.into_values().filter(|(a, b, n)| *n == 1 && !on_border(*a, *b)).map(|(a, b, _)| [a, b]).collect();
    edges.sort_unstable();
    edges.concat()
}

/// Edges where the faces of a feature meet at more than some 25°, or where a face ends. Vertices are told apart by their
/// place (to the millimetre), not by their number: flat shading gives each face corners of its own.
fn creases(positions: &[[f32; 3]], rows: &[u16], indices: &[u32]) -> Vec<u32> {
    let place = |i: u32| positions[i as usize].map(|c| (c * 1000.0).round() as i32);
    let mut sides: HashMap<(u16, [i32; 3], [i32; 3]), Side> = HashMap::with_capacity(indices.len());
    for t in indices.chunks_exact(3) {
        let normal = face_normal(positions, t);
        if normal == [0.0; 3] {
            continue;
        }
        for (a, b) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
            let (pa, pb) = (place(a), place(b));
            let key = if pa <= pb { (rows[a as usize], pa, pb) } else { (rows[a as usize], pb, pa) };
            sides
                .entry(key)
                .and_modify(|side| {
                    let cos: f32 = (0..3).map(|i| side.normal[i] * normal[i]).sum();
                    side.flat &= cos > 0.9;
                    side.faces += 1;
                })
                .or_insert(Side { a, b, normal, flat: true, faces: 1 });
        }
    }
    let mut edges: Vec<[u32; 2]> = sides.into_values().filter(|s| !s.flat || s.faces == 1).map(|s| [s.a, s.b]).collect();
    edges.sort_unstable();
    edges.concat()
}

struct Side {
    a: u32,
    b: u32,
    normal: [f32; 3],
    flat: bool,
    faces: u32,
}

fn face_normal(positions: &[[f32; 3]], t: &[u32]) -> [f32; 3] {
    let [a, b, c] = [0, 1, 2].map(|i| positions[t[i] as usize]);
    let (u, v) = ([b[0] - a[0], b[1] - a[1], b[2] - a[2]], [c[0] - a[0], c[1] - a[1], c[2] - a[2]]);
    let n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
    if length > 0.0 { n.map(|c| c / length) } else { [0.0; 3] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::ClassNo;
    use citytwin_viewer_stream::Part;

    /// A box of the given height with corners of its own for each face, and a roof of two triangles.
    pub fn cube(at: [f32; 3], side: f32, height: f32, row: u16) -> Part {
        let mut part = Part::default();
        let mut face = |corners: [[f32; 3]; 4], normal: [f32; 3]| {
            let first = part.positions.len() as u32;
            part.positions.extend(corners.map(|c| [at[0] + c[0], at[1] + c[1], at[2] + c[2]]));
            part.normals.extend([normal; 4]);
            part.rows.extend([row; 4]);
            part.indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
        };
        let (s, h) = (side, height);
        face([[0.0, 0.0, h], [s, 0.0, h], [s, s, h], [0.0, s, h]], [0.0, 0.0, 1.0]);
        face([[0.0, 0.0, 0.0], [s, 0.0, 0.0], [s, 0.0, h], [0.0, 0.0, h]], [0.0, -1.0, 0.0]);
        face([[s, 0.0, 0.0], [s, s, 0.0], [s, s, h], [s, 0.0, h]], [1.0, 0.0, 0.0]);
        face([[s, s, 0.0], [0.0, s, 0.0], [0.0, s, h], [s, s, h]], [0.0, 1.0, 0.0]);
        face([[0.0, s, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, h], [0.0, s, h]], [-1.0, 0.0, 0.0]);
        part
    }

    fn house(row: u16) -> FeatureId {
        FeatureId::new(ClassNo(1), u32::from(row) + 1)
    }

    #[test]
    fn parts_are_merged_and_each_vertex_knows_its_feature_and_its_height() {
        let parts = vec![cube([0.0, 0.0, 5.0], 10.0, 30.0, 0), cube([50.0, 0.0, 7.0], 10.0, 12.5, 1)];
        let built = build(Content { parts, features: vec![house(0), house(1)], ..Content::default() }, Edges::Solids);
        assert_eq!((built.vertices.len(), built.indices.len()), (40, 60));
        let rows: Vec<u32> = built.vertices.iter().map(|v| v.row_height & 0xFFFF).collect();
        assert!(rows[..20].iter().all(|r| *r == 0) && rows[20..].iter().all(|r| *r == 1));
        assert_eq!(built.vertices[20].row_height >> 16, 125, "12.5 m above its own foot");
        assert!(built.indices[30..].iter().all(|i| *i >= 20));
        assert_eq!((built.min, built.max), ([0.0, 0.0, 5.0], [60.0, 10.0, 35.0]));
    }

    #[test]
    fn a_box_has_its_edges_and_not_the_diagonals_of_its_faces() {
        let parts = vec![cube([0.0; 3], 10.0, 30.0, 0)];
        let built = build(Content { parts, features: vec![house(0)], ..Content::default() }, Edges::Solids);
        assert_eq!(built.edges.len(), 12 * 2, "four above, four below, four upright");
        let long = built.edges.chunks(2).map(|e| {
            let (a, b) = (built.vertices[e[0] as usize].position, built.vertices[e[1] as usize].position);
            (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
        });
        assert!(long.into_iter().all(|l| l == 10.0 || l == 30.0));
    }

    #[test]
    fn terrain_takes_the_texel_behind_the_last_feature() {
        let part = Part {
            positions: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            normals: vec![[0.0, 0.0, 1.0]; 3],
            rows: vec![NO_ROW; 3],
            indices: vec![0, 1, 2],
        };
        let built = build(Content { parts: vec![part], features: vec![house(0), house(1)], ..Content::default() }, Edges::None);
        assert_eq!(built.vertices[0].row_height & 0xFFFF, 2);
        assert_eq!(built.bvh.cast([0.2, 0.2, 5.0], [0.0, 0.0, -1.0], 10.0, |_| true).map(|h| h.row), Some(u32::from(NO_ROW)));
    }
}
