//! Which feature a ray meets first: a tree of boxes over a tile's triangles and tubes.
//!
//! Everything is in the tile's own metres (f32 is exact to a tenth of a millimetre there); the caller brings the ray
//! down from the city frame in f64.

pub type V3 = [f32; 3];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tube {
    pub start: V3,
    pub end: V3,
    pub radius: f32,
    pub row: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Along the ray, in lengths of its direction.
    pub distance: f32,
    pub row: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    min: V3,
    max: V3,
    /// Leaf: first primitive. Inner: index of the right child (the left one follows its parent).
    first: u32,
    /// 0 for inner nodes.
    count: u16,
}

/// Triangles as three corners and a row; the order of primitives is the tree's.
#[derive(Debug, Default)]
pub struct Bvh {
    nodes: Vec<Node>,
    order: Vec<u32>,
    positions: Vec<V3>,
    indices: Vec<u32>,
    rows: Vec<u16>,
    tubes: Vec<Tube>,
}

const LEAF: usize = 6;

impl Bvh {
    /// `rows` has one entry per vertex; a triangle belongs to the row of its first corner.
    pub fn build(positions: Vec<V3>, indices: Vec<u32>, rows: Vec<u16>, tubes: Vec<Tube>) -> Self {
        let mut bvh = Self { positions, indices, rows, tubes, ..Self::default() };
        let count = bvh.indices.len() / 3 + bvh.tubes.len();
        let boxes: Vec<(V3, V3)> = (0..count as u32).map(|i| bvh.box_of(i)).collect();
        bvh.order = (0..count as u32).collect();
        if count > 0 {
            let mut order = std::mem::take(&mut bvh.order);
            bvh.split(&mut order, 0, &boxes);
            bvh.order = order;
        }
        bvh
    }

    pub fn bytes(&self) -> usize {
        size_of_val(self.nodes.as_slice())
            + size_of_val(self.order.as_slice())
            + size_of_val(self.positions.as_slice())
            + size_of_val(self.indices.as_slice())
            + size_of_val(self.rows.as_slice())
            + size_of_val(self.tubes.as_slice())
    }

    fn triangles(&self) -> u32 {
        self.indices.len() as u32 / 3
    }

    fn corners(&self, triangle: u32) -> [V3; 3] {
        let at = triangle as usize * 3;
        std::array::from_fn(|i| self.positions[self.indices[at + i] as usize])
    }

    fn box_of(&self, primitive: u32) -> (V3, V3) {
        match primitive.checked_sub(self.triangles()) {
            None => {
                let [a, b, c] = self.corners(primitive);
                (std::array::from_fn(|i| a[i].min(b[i]).min(c[i])), std::array::from_fn(|i| a[i].max(b[i]).max(c[i])))
            }
            Some(tube) => {
                let t = &self.tubes[tube as usize];
                let lo = std::array::from_fn(|i| t.start[i].min(t.end[i]) - t.radius);
                (lo, std::array::from_fn(|i| t.start[i].max(t.end[i]) + t.radius))
            }
        }
    }

    fn split(&mut self, order: &mut [u32], first: u32, boxes: &[(V3, V3)]) {
        let mut min = [f32::INFINITY; 3];
        let mut max = [f32::NEG_INFINITY; 3];
        let mut middle = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
        for &primitive in order.iter() {
            let (lo, hi) = &boxes[primitive as usize];
            for i in 0..3 {
                min[i] = min[i].min(lo[i]);
                max[i] = max[i].max(hi[i]);
                let centre = (lo[i] + hi[i]) / 2.0;
                middle.0[i] = middle.0[i].min(centre);
                middle.1[i] = middle.1[i].max(centre);
            }
        }
        let node = self.nodes.len();
        self.nodes.push(Node { min, max, first, count: order.len() as u16 });
        let axis = (0..3).max_by(|a, b| (middle.1[*a] - middle.0[*a]).total_cmp(&(middle.1[*b] - middle.0[*b]))).unwrap_or(0);
        // Few, or all in one place: no cut would help.
        if order.len() <= LEAF || (middle.1[axis] <= middle.0[axis] && order.len() <= usize::from(u16::MAX)) {
            return;
        }
        let half = order.len() / 2;
        let centre = |p: &u32| boxes[*p as usize].0[axis] + boxes[*p as usize].1[axis];
        order.select_nth_unstable_by(half, |a, b| centre(a).total_cmp(&centre(b)));
        let (left, right) = order.split_at_mut(half);
        self.split(left, first, boxes);
        self.nodes[node].first = self.nodes.len() as u32;
        self.nodes[node].count = 0;
        self.split(right, first + half as u32, boxes);
    }

    /// The nearest thing on the ray whose row is let through.
    pub fn cast(&self, origin: V3, direction: V3, limit: f32, lets: impl Fn(u32) -> bool) -> Option<Hit> {
        let inverse = direction.map(|c| 1.0 / c);
        let mut best = limit;
        let mut hit = None;
        let mut stack = vec![0u32];
        while let Some(index) = stack.pop() {
            let Some(node) = self.nodes.get(index as usize) else { continue };
            if !meets(node, origin, inverse, best) {
                continue;
            }
            if node.count == 0 {
                stack.extend([node.first, index + 1]);
                continue;
            }
            for &primitive in &self.order[node.first as usize..node.first as usize + usize::from(node.count)] {
                let (distance, row) = match primitive.checked_sub(self.triangles()) {
                    None => (triangle(origin, direction, self.corners(primitive)), u32::from(self.row_of(primitive))),
                    Some(tube) => (capsule(origin, direction, &self.tubes[tube as usize]), self.tubes[tube as usize].row),
                };
                if let Some(distance) = distance.filter(|d| *d < best)
                    && lets(row)
                {
                    best = distance;
                    hit = Some(Hit { distance, row });
                }
            }
        }
        hit
    }

    fn row_of(&self, triangle: u32) -> u16 {
        self.rows[self.indices[triangle as usize * 3] as usize]
    }
}

fn meets(node: &Node, origin: V3, inverse: V3, limit: f32) -> bool {
    let (mut near, mut far) = (0f32, limit);
    for i in 0..3 {
        let a = (node.min[i] - origin[i]) * inverse[i];
        let b = (node.max[i] - origin[i]) * inverse[i];
        // `max` and `min` drop NaN, which a ray in the plane of a face gives.
        near = near.max(a.min(b));
        far = far.min(a.max(b));
    }
    near <= far
}

fn sub(a: V3, b: V3) -> V3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn cross(a: V3, b: V3) -> V3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: V3, b: V3) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Möller and Trumbore, both sides.
fn triangle(origin: V3, direction: V3, [a, b, c]: [V3; 3]) -> Option<f32> {
    let (ab, ac) = (sub(b, a), sub(c, a));
    let p = cross(direction, ac);
    let det = dot(ab, p);
    if det.abs() < 1e-12 {
        return None;
    }
    let t = sub(origin, a);
    let u = dot(t, p) / det;
    let q = cross(t, ab);
    let v = dot(direction, q) / det;
    let distance = dot(ac, q) / det;
    (u >= 0.0 && v >= 0.0 && u + v <= 1.0 && distance > 0.0).then_some(distance)
}

/// A tube with round ends. In f64: the terms of the quadratic cancel badly over a long ray.
fn capsule(origin: V3, direction: V3, tube: &Tube) -> Option<f32> {
    let wide = |v: V3| v.map(f64::from);
    let (o, d, a, b) = (wide(origin), wide(direction), wide(tube.start), wide(tube.end));
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let minus = |a: [f64; 3], b: [f64; 3]| [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    let (ba, oa, r2) = (minus(b, a), minus(o, a), f64::from(tube.radius).powi(2));
    let (dd, baba, bad, baoa, doa, oaoa) = (dot(d, d), dot(ba, ba), dot(ba, d), dot(ba, oa), dot(d, oa), dot(oa, oa));
    let qa = baba * dd - bad * bad;
    let qb = baba * doa - baoa * bad;
    let qc = baba * oaoa - baoa * baoa - r2 * baba;
    let h = qb * qb - qa * qc;
    if qa > 1e-12 && h >= 0.0 {
        let t = (-qb - h.sqrt()) / qa;
        let along = baoa + t * bad;
        if along > 0.0 && along < baba && t > 0.0 {
            return Some(t as f32);
        }
    }
    // The round ends.
    [a, b]
        .into_iter()
        .filter_map(|centre| {
            let oc = minus(o, centre);
            let (b, c) = (dot(d, oc), dot(oc, oc) - r2);
            let h = b * b - dd * c;
            (h >= 0.0).then(|| (-b - h.sqrt()) / dd).filter(|t| *t > 0.0)
        })
        .min_by(f64::total_cmp)
        .map(|t| t as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cheap, repeatable stream of numbers from 0 to 1.
    fn numbers() -> impl FnMut() -> f32 {
        let mut state = 0x2545_F491_4F6C_DD1Du64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 24) as f32
        }
    }

    #[test]
    fn the_tree_finds_what_looking_at_everything_finds() {
        let mut n = numbers();
        let mut point = |spread: f32| -> V3 { std::array::from_fn(|_| (n() - 0.5) * spread) };
        let (mut positions, mut rows, mut tubes) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..700u16 {
            let at = point(200.0);
            for _ in 0..3 {
                let off = point(8.0);
                positions.push([at[0] + off[0], at[1] + off[1], at[2] + off[2]]);
                rows.push(row);
            }
        }
        for row in 700..900 {
            let (start, off) = (point(200.0), point(20.0));
            tubes.push(Tube { start, end: [start[0] + off[0], start[1] + off[1], start[2] + off[2]], radius: 0.5, row });
        }
        let indices: Vec<u32> = (0..positions.len() as u32).collect();
        let bvh = Bvh::build(positions.clone(), indices.clone(), rows.clone(), tubes.clone());
        let mut met = [0, 0];
        for _ in 0..500 {
            let origin = point(400.0);
            let direction = sub(point(100.0), origin);
            let flat = indices
                .chunks(3)
                .map(|t| (triangle(origin, direction, [0, 1, 2].map(|i| positions[t[i] as usize])), u32::from(rows[t[0] as usize])));
            let round = tubes.iter().map(|t| (capsule(origin, direction, t), t.row));
            let expected =
                flat.chain(round).filter_map(|(d, row)| Some(Hit { distance: d?, row })).min_by(|a, b| a.distance.total_cmp(&b.distance));
            let found = bvh.cast(origin, direction, f32::INFINITY, |_| true);
            assert_eq!(found.map(|h| h.row), expected.map(|h| h.row));
            met[usize::from(found.is_some_and(|h| h.row >= 700))] += usize::from(found.is_some());
        }
        assert!(met[0] > 20 && met[1] > 5, "both kinds were met: {met:?}");
    }

    #[test]
    fn a_row_that_is_not_let_through_hides_nothing_behind_it() {
        let wall = |x: f32| [[x, -5.0, -5.0], [x, 5.0, -5.0], [x, 0.0, 5.0]];
        let positions: Vec<V3> = [wall(10.0), wall(20.0)].concat();
        let bvh = Bvh::build(positions, (0..6).collect(), vec![0, 0, 0, 1, 1, 1], vec![]);
        let cast = |hidden: u32| bvh.cast([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], 1000.0, |row| row != hidden);
        assert_eq!(cast(9), Some(Hit { distance: 10.0, row: 0 }));
        assert_eq!(cast(0), Some(Hit { distance: 20.0, row: 1 }));
        assert_eq!(bvh.cast([0.0; 3], [1.0, 0.0, 0.0], 15.0, |row| row != 0), None, "beyond the limit");
    }

    #[test]
    fn a_tube_is_met_on_its_wall_on_its_ends_and_not_beside_it() {
        let tube = Tube { start: [0.0, 0.0, 0.0], end: [10.0, 0.0, 0.0], radius: 1.0, row: 3 };
        let meets = |o: V3, d: V3| capsule(o, d, &tube);
        assert_eq!(meets([5.0, -10.0, 0.0], [0.0, 1.0, 0.0]), Some(9.0));
        assert_eq!(meets([-10.0, 0.0, 0.0], [1.0, 0.0, 0.0]), Some(9.0));
        assert_eq!(meets([5.0, -10.0, 1.01], [0.0, 1.0, 0.0]), None);
        assert_eq!(meets([5.0, 10.0, 0.0], [0.0, 1.0, 0.0]), None, "behind the eye");
    }

    #[test]
    fn an_empty_tile_and_many_things_in_one_place_do_no_harm() {
        assert_eq!(Bvh::build(vec![], vec![], vec![], vec![]).cast([0.0; 3], [1.0, 0.0, 0.0], 10.0, |_| true), None);
        let same: Vec<Tube> = (0..100_000).map(|row| Tube { start: [5.0, 0.0, 0.0], end: [5.0, 0.0, 0.0], radius: 1.0, row }).collect();
        let bvh = Bvh::build(vec![], vec![], vec![], same);
        assert_eq!(bvh.cast([0.0; 3], [1.0, 0.0, 0.0], 10.0, |_| true).map(|h| h.distance), Some(4.0));
    }
}
