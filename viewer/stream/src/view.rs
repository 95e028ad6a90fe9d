//! What is seen from where: the eye, the view's planes, and how large a metre is on the screen. All in the city frame.

/// East, north, up in metres.
pub type Vec3 = [f64; 3];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aabb {
    pub min: Vec3,
    pub max: Vec3,
}

impl Aabb {
    /// From a tileset's box: centre, then three half axes.
    pub fn from_box(b: &[f64; 12]) -> Self {
        let half = |i: usize| b[3 + i].abs() + b[6 + i].abs() + b[9 + i].abs();
        Self { min: std::array::from_fn(|i| b[i] - half(i)), max: std::array::from_fn(|i| b[i] + half(i)) }
    }

    pub fn centre(&self) -> Vec3 {
        std::array::from_fn(|i| (self.min[i] + self.max[i]) / 2.0)
    }

    /// The quarter of a quadtree's cell: x and y are 0 or 1, heights are kept.
    pub fn quarter(&self, x: u32, y: u32) -> Self {
        let mut cell = *self;
        for (i, side) in [x, y].into_iter().enumerate() {
            let middle = (self.min[i] + self.max[i]) / 2.0;
            if side == 0 {
                cell.max[i] = middle;
            } else {
                cell.min[i] = middle;
            }
        }
        cell
    }

    /// From the nearest point; 0 inside.
    pub fn distance(&self, p: Vec3) -> f64 {
        (0..3).map(|i| (self.min[i] - p[i]).max(p[i] - self.max[i]).max(0.0).powi(2)).sum::<f64>().sqrt()
    }

    /// In plan, borders count.
    pub fn overlaps_plan(&self, other: &Self) -> bool {
        (0..2).all(|i| self.min[i] <= other.max[i] && other.min[i] <= self.max[i])
    }
}

/// A camera as the stream needs it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    pub eye: Vec3,
    pub forward: Vec3,
    /// Left, right, bottom, top: inside is where `n · p + d >= 0`.
    pub planes: [[f64; 4]; 4],
    /// Height of the picture in pixels over twice the tangent of half the angle: pixels of a metre at one metre.
    pub pixels_per_radian: f64,
}

impl View {
    /// `right` and `up` span the picture; all three directions are unit vectors at right angles.
    pub fn new(eye: Vec3, forward: Vec3, right: Vec3, up: Vec3, fov_y: f64, width_px: f64, height_px: f64) -> Self {
        let tan_y = (fov_y / 2.0).tan();
        let tan_x = tan_y * width_px / height_px;
        let plane = |side: Vec3, tan: f64, sign: f64| {
            // The inward normal of the plane through the eye and one edge of the picture.
            let n: Vec3 = std::array::from_fn(|i| forward[i] * tan + side[i] * sign);
            let length = dot(n, n).sqrt();
            let n: Vec3 = n.map(|c| c / length);
            [n[0], n[1], n[2], -dot(n, eye)]
        };
        Self {
            eye,
            forward,
            planes: [plane(right, tan_x, 1.0), plane(right, tan_x, -1.0), plane(up, tan_y, 1.0), plane(up, tan_y, -1.0)],
            pixels_per_radian: height_px / (2.0 * tan_y),
        }
    }

    /// False only when the box is wholly outside.
    pub fn may_see(&self, b: &Aabb) -> bool {
        self.planes.iter().all(|p| {
            let farthest: f64 = (0..3).map(|i| p[i] * if p[i] >= 0.0 { b.max[i] } else { b.min[i] }).sum();
            farthest + p[3] >= 0.0
        })
    }

    /// How many pixels an error of so many metres is at the box's nearest point.
    pub fn pixels(&self, error_m: f64, b: &Aabb) -> f64 {
        error_m * self.pixels_per_radian / b.distance(self.eye).max(1.0)
    }

    /// Lower is more urgent: near things first, and of those the ones in the middle of the picture.
    pub fn urgency(&self, b: &Aabb) -> f64 {
        let distance = b.distance(self.eye);
        let to: Vec3 = std::array::from_fn(|i| b.centre()[i] - self.eye[i]);
        let away = 1.0 - dot(to, self.forward) / dot(to, to).sqrt().max(1e-9);
        (distance + 50.0) * (1.0 + 4.0 * away)
    }
}

pub fn dot(a: Vec3, b: Vec3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looking_north() -> View {
        View::new([0.0, 0.0, 10.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], 60f64.to_radians(), 800.0, 600.0)
    }

    fn cube(x: f64, y: f64, z: f64) -> Aabb {
        Aabb { min: [x - 1.0, y - 1.0, z - 1.0], max: [x + 1.0, y + 1.0, z + 1.0] }
    }

    #[test]
    fn what_lies_ahead_is_seen_and_what_lies_behind_or_beside_is_not() {
        let view = looking_north();
        assert!(view.may_see(&cube(0.0, 100.0, 10.0)));
        assert!(!view.may_see(&cube(0.0, -100.0, 10.0)));
        // Half the picture's width is tan 30° · 4/3 = 0.77 of the distance.
        assert!(view.may_see(&cube(75.0, 100.0, 10.0)) && !view.may_see(&cube(82.0, 100.0, 10.0)));
        assert!(view.may_see(&cube(0.0, 100.0, 66.0)) && !view.may_see(&cube(0.0, 100.0, 72.0)));
    }

    #[test]
    fn a_metre_has_the_pixels_that_the_picture_gives_it() {
        let view = looking_north();
        let ahead = Aabb { min: [-1.0, 100.0, 9.0], max: [1.0, 102.0, 11.0] };
        assert!((view.pixels(1.0, &ahead) - 300.0 / 30f64.to_radians().tan() / 100.0).abs() < 1e-9);
    }

    #[test]
    fn the_middle_of_the_picture_comes_before_its_edge_and_near_before_far() {
        let view = looking_north();
        assert!(view.urgency(&cube(0.0, 100.0, 10.0)) < view.urgency(&cube(70.0, 71.0, 10.0)));
        assert!(view.urgency(&cube(0.0, 100.0, 10.0)) < view.urgency(&cube(0.0, 200.0, 10.0)));
    }

    #[test]
    fn quarters_tile_their_cell() {
        let cell = Aabb { min: [0.0, 0.0, -5.0], max: [8.0, 8.0, 5.0] };
        assert_eq!(cell.quarter(1, 0), Aabb { min: [4.0, 0.0, -5.0], max: [8.0, 4.0, 5.0] });
        let turned = Aabb::from_box(&[1.0, 2.0, 3.0, 0.0, 4.0, 0.0, -5.0, 0.0, 0.0, 0.0, 0.0, 6.0]);
        assert_eq!(turned, Aabb { min: [-4.0, -2.0, -3.0], max: [6.0, 6.0, 9.0] });
    }
}
