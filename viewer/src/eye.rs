//! The eye: where it stands, where it looks. A plain value in f64, moved by functions, tested without a window.

use bevy::math::{DMat3, DMat4, DVec2, DVec3, DVec4};
use citytwin_model::{Frame, LocalPoint, Position};
use citytwin_viewer_stream::View;
use citytwin_wire::link::Link;
use std::f64::consts::{FRAC_PI_2, PI};

/// In the city frame: metres east, north and up of the origin; radians.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eye {
    pub at: DVec3,
    /// Clockwise from north.
    pub heading: f64,
    /// Above the horizon; down is negative.
    pub pitch: f64,
}

/// Angle of the picture from top to bottom.
pub const FOV_Y: f64 = 45.0 * PI / 180.0;
/// Straight down has no heading to keep, so the eye stops short of it.
const STEEPEST: f64 = FRAC_PI_2 - 0.001;
/// Nobody gets lost in space, or below the deepest shaft.
const HIGHEST_M: f64 = 60_000.0;
const LOWEST_M: f64 = -400.0;

impl Eye {
    pub fn new(at: DVec3, heading: f64, pitch: f64) -> Self {
        Self { at, heading: heading.rem_euclid(2.0 * PI), pitch: pitch.clamp(-STEEPEST, STEEPEST) }.bounded()
    }

    /// From far enough to see a disc of `radius` metres about `centre`.
    pub fn overlooking(centre: DVec3, radius: f64, heading: f64, pitch: f64) -> Self {
        let eye = Self::new(centre, heading, pitch);
        Self { at: centre - eye.forward() * (radius * 1.1 / (FOV_Y / 2.0).tan()).max(30.0), ..eye }.bounded()
    }

    fn bounded(mut self) -> Self {
        self.at.z = self.at.z.clamp(LOWEST_M, HIGHEST_M);
        self
    }

    pub fn forward(&self) -> DVec3 {
        let (sin_p, cos_p) = self.pitch.sin_cos();
        let (sin_h, cos_h) = self.heading.sin_cos();
        DVec3::new(sin_h * cos_p, cos_h * cos_p, sin_p)
    }

    pub fn right(&self) -> DVec3 {
        DVec3::new(self.heading.cos(), -self.heading.sin(), 0.0)
    }

    pub fn up(&self) -> DVec3 {
        self.right().cross(self.forward())
    }

    /// The way from the eye through a place of the picture; `ndc` is −1…1, y up.
    pub fn ray(&self, ndc: DVec2, aspect: f64) -> DVec3 {
        let tan = (FOV_Y / 2.0).tan();
        (self.forward() + self.right() * (ndc.x * tan * aspect) + self.up() * (ndc.y * tan)).normalize()
    }

    /// From metres about `origin` to the picture: reversed depth without a far end, so that near things keep their bits.
    pub fn clip_from(&self, origin: DVec3, aspect: f64, near: f64) -> DMat4 {
        let turn = DMat3::from_cols(self.right(), self.up(), -self.forward()).transpose();
        let view = DMat4::from_mat3(turn) * DMat4::from_translation(origin - self.at);
        DMat4::perspective_infinite_reverse_rh(FOV_Y, aspect, near) * view
    }

    /// Where a point of the city is in the picture: pixels from the upper left, and metres ahead of the eye.
    pub fn project(&self, point: DVec3, size: DVec2) -> Option<(DVec2, f64)> {
        let to = point - self.at;
        let ahead = to.dot(self.forward());
        if ahead < 0.05 {
            return None;
        }
        let tan = (FOV_Y / 2.0).tan() * ahead;
        let ndc = DVec2::new(to.dot(self.right()) / (tan * size.x / size.y), to.dot(self.up()) / tan);
        Some((DVec2::new((ndc.x + 1.0) / 2.0 * size.x, (1.0 - ndc.y) / 2.0 * size.y), ahead))
    }

    pub fn view(&self, width_px: f64, height_px: f64) -> View {
        View::new(self.at.into(), self.forward().into(), self.right().into(), self.up().into(), FOV_Y, width_px, height_px)
    }

    /// Turns about a point of the city that stays where it is in the picture.
    pub fn orbit(&self, about: DVec3, turn: f64, tilt: f64) -> Self {
        let pitch = (self.pitch + tilt).clamp(-STEEPEST, STEEPEST);
        let turned = Self { heading: (self.heading + turn).rem_euclid(2.0 * PI), pitch, ..*self };
        let to = self.at - about;
        // In the eye's own axes the point must not move: what was ahead, right and up of it still is.
        let own = DVec3::new(to.dot(self.right()), to.dot(self.forward()), to.dot(self.up()));
        Self { at: about + turned.right() * own.x + turned.forward() * own.y + turned.up() * own.z, ..turned }.bounded()
    }

    /// Turns on the spot.
    pub fn look(&self, turn: f64, tilt: f64) -> Self {
        Self::new(self.at, self.heading + turn, self.pitch + tilt)
    }

    /// Towards (factor < 1) or away from a point; it stays under the cursor. Never closer than `nearest` metres.
    pub fn zoom(&self, point: DVec3, factor: f64, nearest: f64) -> Self {
        let to = self.at - point;
        let length = to.length().max(1e-6);
        let wanted = (length * factor).max(nearest.min(length));
        Self { at: point + to * (wanted / length), ..*self }.bounded()
    }

    pub fn moved(&self, by: DVec3) -> Self {
        Self { at: self.at + by, ..*self }.bounded()
    }

    /// Where the ray meets the level of `height`; `None` when it never does, or only beyond the horizon.
    pub fn meets_level(&self, ray: DVec3, height: f64) -> Option<DVec3> {
        let along = (height - self.at.z) / ray.z;
        (along.is_finite() && along > 0.0 && along < 200_000.0).then(|| self.at + ray * along)
    }

    /// Between two eyes, on an arc that rises over long ways so that the city stays in view. `t` from 0 to 1.
    pub fn between(from: &Self, to: &Self, t: f64) -> Self {
        let t = t.clamp(0.0, 1.0);
        let s = t * t * (3.0 - 2.0 * t);
        let way = (to.at - from.at).truncate().length();
        let mut at = from.at.lerp(to.at, s);
        at.z += 4.0 * s * (1.0 - s) * (way * 0.25).min(2_000.0);
        let mut turn = (to.heading - from.heading).rem_euclid(2.0 * PI);
        if turn > PI {
            turn -= 2.0 * PI;
        }
        Self::new(at, from.heading + turn * s, from.pitch + (to.pitch - from.pitch) * s)
    }

    /// As a link has it: degrees and metres above the city's height datum.
    pub fn write_link(&self, frame: &Frame, geoid_offset_m: f64, link: &mut Link) {
        let p = frame.position(LocalPoint::new(self.at.x, self.at.y, self.at.z));
        let round = |value: f64, unit: f64| (value * unit).round() / unit;
        link.lon = Some(round(p.lon, 1e7));
        link.lat = Some(round(p.lat, 1e7));
        link.height = Some(round(p.z - geoid_offset_m, 1e2));
        link.heading = Some(round(self.heading.to_degrees(), 1e2));
        link.pitch = Some(round(self.pitch.to_degrees(), 1e2));
    }

    /// `None` when the link names no place.
    pub fn from_link(link: &Link, frame: &Frame, geoid_offset_m: f64) -> Option<Self> {
        let height = link.height.unwrap_or(600.0);
        let p = frame.local(Position::new(link.lon?, link.lat?, height + geoid_offset_m));
        let pitch = link.pitch.unwrap_or(-35.0).to_radians();
        Some(Self::new(DVec3::new(p.east, p.north, p.up), link.heading.unwrap_or(0.0).to_radians(), pitch))
    }
}

/// Multiplies a point by a projection, as the shader does. For labels and tests.
pub fn project_by(clip: &DMat4, point: DVec3) -> Option<DVec2> {
    let p: DVec4 = *clip * point.extend(1.0);
    (p.w > 0.0).then(|| DVec2::new(p.x / p.w, p.y / p.w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::LonLat;

    const SIZE: DVec2 = DVec2::new(1280.0, 720.0);

    fn eye() -> Eye {
        Eye::new(DVec3::new(100.0, -200.0, 300.0), 0.7, -0.5)
    }

    fn close(a: DVec3, b: DVec3) -> bool {
        (a - b).length() < 1e-6
    }

    #[test]
    fn heading_turns_from_north_over_east() {
        let north = Eye::new(DVec3::ZERO, 0.0, 0.0);
        assert!(close(north.forward(), DVec3::Y) && close(north.right(), DVec3::X) && close(north.up(), DVec3::Z));
        let east = Eye::new(DVec3::ZERO, FRAC_PI_2, 0.0);
        assert!(close(east.forward(), DVec3::X) && close(east.right(), DVec3::NEG_Y));
    }

    #[test]
    fn a_ray_through_a_pixel_meets_what_is_drawn_there() {
        let eye = eye();
        let clip = eye.clip_from(DVec3::new(50.0, 50.0, 0.0), SIZE.x / SIZE.y, 0.5);
        for ndc in [DVec2::ZERO, DVec2::new(0.3, -0.8), DVec2::new(-0.95, 0.2)] {
            let point = eye.at + eye.ray(ndc, SIZE.x / SIZE.y) * 321.0;
            let drawn = project_by(&clip, point - DVec3::new(50.0, 50.0, 0.0)).unwrap();
            assert!((drawn - ndc).length() < 1e-9);
            let (pixel, _) = eye.project(point, SIZE).unwrap();
            assert!((pixel - DVec2::new((ndc.x + 1.0) * 640.0, (1.0 - ndc.y) * 360.0)).length() < 1e-6);
        }
        assert_eq!(eye.project(eye.at - eye.forward() * 5.0, SIZE), None, "behind the eye");
    }

    #[test]
    fn depth_is_one_at_the_near_plane_and_falls_to_zero() {
        let eye = Eye::new(DVec3::ZERO, 0.0, 0.0);
        let depth = |d: f64| {
            let p = eye.clip_from(DVec3::ZERO, 1.0, 0.5) * DVec3::new(0.0, d, 0.0).extend(1.0);
            p.z / p.w
        };
        assert!((depth(0.5) - 1.0).abs() < 1e-12 && depth(10.0) > depth(1000.0) && depth(1e7) > 0.0);
    }

    #[test]
    fn orbiting_and_zooming_keep_the_point_under_the_cursor() {
        let eye = eye();
        let ray = eye.ray(DVec2::new(0.4, -0.3), SIZE.x / SIZE.y);
        let point = eye.meets_level(ray, 0.0).unwrap();
        let pixel = |eye: &Eye| eye.project(point, SIZE).unwrap().0;
        for moved in [eye.orbit(point, 0.3, 0.1), eye.zoom(point, 0.5, 2.0), eye.zoom(point, 3.0, 2.0)] {
            assert!((pixel(&moved) - pixel(&eye)).length() < 1e-6);
        }
        assert!((eye.zoom(point, 1e-9, 2.0).at - point).length() > 1.999, "never into the point");
    }

    #[test]
    fn a_link_brings_back_the_same_view() {
        let frame = Frame::at(LonLat { lon: 116.0, lat: 30.0 });
        let mut link = Link::default();
        eye().write_link(&frame, -12.5, &mut link);
        let back = Eye::from_link(&Link::parse(&link.query()), &frame, -12.5).unwrap();
        assert!((back.at - eye().at).length() < 0.02 && (back.heading - 0.7).abs() < 1e-3 && (back.pitch + 0.5).abs() < 1e-3);
        assert!(link.height.unwrap() > eye().at.z, "the geoid lies below the ellipsoid here, so the height above it is larger");
        assert_eq!(Eye::from_link(&Link::parse("overlay=risk"), &frame, 0.0), None);
    }

    #[test]
    fn a_flight_starts_and_ends_where_it_should_and_turns_the_short_way() {
        let (from, to) = (Eye::new(DVec3::ZERO, 0.1, -0.2), Eye::new(DVec3::new(4000.0, 0.0, 50.0), 2.0 * PI - 0.1, -1.0));
        assert_eq!(Eye::between(&from, &to, 0.0), from);
        assert!(close(Eye::between(&from, &to, 1.0).at, to.at));
        let middle = Eye::between(&from, &to, 0.5);
        assert!(middle.at.z > 500.0 && middle.heading.min(2.0 * PI - middle.heading) < 0.01, "{middle:?}");
    }
}
