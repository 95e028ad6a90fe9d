//! The ground of one leaf: a grid of triangles, and other areas laid on it exactly.

use super::builder::{Builder, V3};
use super::place;
use super::stage::Stage;
use crate::clip::{self, Point};
use crate::grid::{Rect, TileId};
use crate::triangles::triangulate;

/// Distance of the grid's nodes.
pub(crate) const STEP_M: f64 = 16.0;
/// Nodes along a leaf's side.
const SIDE: usize = 17;
/// With a rim of one node on each side, so that slopes at the border are those of the neighbour too.
const WIDE: usize = SIDE + 2;
/// A hem under the leaf's borders, so that rounding leaves no crack to the neighbour.
const SKIRT_M: f64 = 1.0;
/// Pieces smaller than this are what clipping leaves at touching edges.
const SPECK_M2: f64 = 1e-9;

const _: () = assert!((SIDE - 1) as f64 * STEP_M == crate::grid::leaf_side_m());

pub(crate) struct Terrain {
    rect: Rect,
    /// Row by row from the south-west, rim included.
    up: Vec<f64>,
    known: Vec<bool>,
}

impl Terrain {
    /// Is anything known of the ground here? Looked up at every fourth node only: most leaves beyond a city's terrain are
    /// told by this.
    pub fn is_known_in(stage: &Stage<'_>, leaf: TileId) -> bool {
        let rect = leaf.rect();
        let every = 4.0 * STEP_M;
        let at = |i: i32| f64::from(i) * every;
        (0..=4).any(|row| (0..=4).any(|column| stage.at_ground(rect.west + at(column), rect.south + at(row), 0.0).1.is_some()))
    }

    pub fn of(stage: &Stage<'_>, leaf: TileId) -> Self {
        let rect = leaf.rect();
        let mut up = Vec::with_capacity(WIDE * WIDE);
        let mut known = Vec::with_capacity(WIDE * WIDE);
        let mut guess = 0.0;
        for row in 0..WIDE {
            for column in 0..WIDE {
                let (east, north) = (rect.west + (column as f64 - 1.0) * STEP_M, rect.south + (row as f64 - 1.0) * STEP_M);
                let (point, height) = stage.at_ground(east, north, guess);
                up.push(point.up);
                known.push(height.is_some());
                guess = height.unwrap_or(guess);
            }
        }
        let mut terrain = Self { rect, up, known };
        terrain.fill_gaps();
        terrain
    }

    /// Nodes without a height take the mean of the known ones: things laid there keep near the ground about them.
    fn fill_gaps(&mut self) {
        let heights: Vec<f64> = self.up.iter().zip(&self.known).filter(|(_, known)| **known).map(|(up, _)| *up).collect();
        if heights.is_empty() {
            return;
        }
        let mean = heights.iter().sum::<f64>() / heights.len() as f64;
        for (up, known) in self.up.iter_mut().zip(&self.known) {
            if !known {
                *up = mean;
            }
        }
    }

    pub fn middle_up(&self) -> f64 {
        self.up[WIDE * (WIDE / 2) + WIDE / 2]
    }

    /// Draws the ground where its height is known. `bare` is what nothing lies on; cells that are `whole` are not cut.
    pub fn draw(&self, builder: &mut Builder, material: &str, colour: [u8; 3], whole: impl Fn(&Rect) -> bool, bare: &[Vec<Vec<Point>>]) {
        let mut corners: Vec<V3> = Vec::with_capacity(SIDE * SIDE + 8 * SIDE);
        let mut normals: Vec<V3> = Vec::with_capacity(SIDE * SIDE + 8 * SIDE);
        for row in 0..SIDE {
            for column in 0..SIDE {
                corners.push(self.corner(column, row));
                normals.push(self.normal(column, row));
            }
        }
        let mut triangles: Vec<[u32; 3]> = Vec::new();
        self.add_skirts(&mut corners, &mut normals, &mut triangles);
        for row in 0..SIDE - 1 {
            for column in 0..SIDE - 1 {
                let [west, south, _] = self.corner(column, row);
                let rect = Rect { west, south, east: west + STEP_M, north: south + STEP_M };
                if whole(&rect) {
                    let known = cell(column, row).into_iter().filter(|triangle| self.all_known(triangle));
                    triangles.extend(known.map(|triangle| triangle.map(|(c, r)| (r * SIDE + c) as u32)));
                    continue;
                }
                for triangle in bare.iter().flat_map(|polygon| place::cut_polygon(polygon, &rect)).flat_map(|part| triangulate(&part)) {
                    self.lay_on_cell(column, row, &triangle, |nodes, piece, slopes| {
                        if self.all_known(nodes) {
                            let first = corners.len() as u32;
                            corners.extend(piece);
                            normals.extend(slopes);
                            triangles.extend((2..piece.len() as u32).map(|i| [first, first + i - 1, first + i]));
                        }
                    });
                }
            }
        }
        if !triangles.is_empty() {
            builder.ground(material, colour, &corners, &normals, &triangles);
        }
    }

    fn add_skirts(&self, corners: &mut Vec<V3>, normals: &mut Vec<V3>, triangles: &mut Vec<[u32; 3]>) {
        let last = SIDE - 1;
        // Counter-clockwise about the leaf: what is outside lies to the right of the way.
        let sides: [fn(usize) -> (usize, usize); 4] = [|i| (i, 0), |i| (SIDE - 1, i), |i| (SIDE - 1 - i, SIDE - 1), |i| (0, SIDE - 1 - i)];
        for side in sides {
            for i in 0..last {
                let ends = [side(i), side(i + 1)];
                if !ends.iter().all(|(c, r)| self.is_known(*c, *r)) {
                    continue;
                }
                let [top_a, top_b] = ends.map(|(c, r)| (r * SIDE + c) as u32);
                let foot = corners.len() as u32;
                for (c, r) in ends {
                    let [east, north, up] = self.corner(c, r);
                    corners.push([east, north, up - SKIRT_M]);
                    normals.push(self.normal(c, r));
                }
                triangles.push([top_a, foot, foot + 1]);
                triangles.push([top_a, foot + 1, top_b]);
            }
        }
    }

    /// Lays a triangle of the plane on the ground: one convex piece for each triangle of the grid that it meets, corners
    /// and normals. The pieces lie in the grid's own planes, so that nothing shows through.
    pub fn lay(&self, triangle: &[Point; 3], mut put: impl FnMut(&[V3], &[V3])) {
        let range = |axis: usize, from: f64| {
            let low = triangle.iter().map(|p| p[axis]).fold(f64::INFINITY, f64::min);
            let high = triangle.iter().map(|p| p[axis]).fold(f64::NEG_INFINITY, f64::max);
            let at = |x: f64| ((x - from) / STEP_M).floor().clamp(-1.0, SIDE as f64) as i64;
            at(low).max(0)..(at(high) + 1).min(SIDE as i64 - 1)
        };
        for row in range(1, self.rect.south) {
            for column in range(0, self.rect.west) {
                self.lay_on_cell(column as usize, row as usize, triangle, |_, corners, normals| put(corners, normals));
            }
        }
    }

    fn lay_on_cell(&self, column: usize, row: usize, triangle: &[Point; 3], mut put: impl FnMut(&[(usize, usize); 3], &[V3], &[V3])) {
        for nodes in cell(column, row) {
            let ground = nodes.map(|(c, r)| self.corner(c, r));
            let piece = clip::convex(triangle, &ground.map(|p| [p[0], p[1]]));
            if clip::signed_area(&piece) < SPECK_M2 {
                continue;
            }
            let slopes = nodes.map(|(c, r)| self.normal(c, r));
            let (corners, normals): (Vec<V3>, Vec<V3>) = piece
                .iter()
                .map(|p| {
                    let share = shares(*p, &ground);
                    let mix = |values: &[V3; 3], axis: usize| (0..3).map(|i| share[i] * values[i][axis]).sum::<f64>();
                    ([p[0], p[1], mix(&ground, 2)], std::array::from_fn(|axis| mix(&slopes, axis)))
                })
                .unzip();
            put(&nodes, &corners, &normals);
        }
    }

    fn corner(&self, column: usize, row: usize) -> V3 {
        let (east, north) = (self.rect.west + column as f64 * STEP_M, self.rect.south + row as f64 * STEP_M);
        [east, north, self.up[(row + 1) * WIDE + column + 1]]
    }

    fn normal(&self, column: usize, row: usize) -> V3 {
        let up = |c: usize, r: usize| self.up[r * WIDE + c];
        let (c, r) = (column + 1, row + 1);
        [up(c - 1, r) - up(c + 1, r), up(c, r - 1) - up(c, r + 1), 2.0 * STEP_M]
    }

    fn all_known(&self, nodes: &[(usize, usize); 3]) -> bool {
        nodes.iter().all(|(column, row)| self.is_known(*column, *row))
    }

    fn is_known(&self, column: usize, row: usize) -> bool {
        self.known[(row + 1) * WIDE + column + 1]
    }
}

/// The two triangles of a cell, as nodes.
fn cell(column: usize, row: usize) -> [[(usize, usize); 3]; 2] {
    let (c, r) = (column, row);
    [[(c, r), (c + 1, r), (c + 1, r + 1)], [(c, r), (c + 1, r + 1), (c, r + 1)]]
}

/// How much each corner counts at a place of the triangle.
fn shares(p: Point, triangle: &[V3; 3]) -> [f64; 3] {
    let [a, b, c] = triangle.map(|corner| [corner[0], corner[1]]);
    let whole = clip::cross(a, b, c);
    let (of_a, of_b) = (clip::cross(b, c, p) / whole, clip::cross(c, a, p) / whole);
    [of_a, of_b, 1.0 - of_a - of_b]
}
