//! Where a place of the town must be in the picture, by a calculation of its own.
//!
//! Nothing of the product is used: degrees and heights through the textbook formula to ECEF (CGCS2000), from there by
//! the eye's own east, north and up, and a pinhole. A mistake in the product's frame, camera or shader shows as a miss.

use crate::support::GEOID_OFFSET_M;

#[derive(Clone, Copy)]
pub struct View {
    pub lon: f64,
    pub lat: f64,
    pub height: f64,
    pub heading: f64,
    pub pitch: f64,
    pub size: (u32, u32),
}

const FOV_Y_DEG: f64 = 45.0;

/// Pixel from the upper left; `None` behind the eye.
pub fn pixel(view: &View, [lon, lat, height]: [f64; 3], origin: [f64; 2]) -> Option<(f64, f64)> {
    // Heading and pitch are those of the city's plane at its origin, in which the eye turns.
    let axes = axes_at(origin);
    let eye = ecef(view.lon, view.lat, view.height);
    let point = ecef(lon, lat, height);
    let d: [f64; 3] = std::array::from_fn(|i| point[i] - eye[i]);
    let [e, n, u] = axes.map(|axis| axis[0] * d[0] + axis[1] * d[1] + axis[2] * d[2]);
    let (h, p) = (view.heading.to_radians(), view.pitch.to_radians());
    // Turned by the heading: across and along; then by the pitch.
    let (across, along) = (e * h.cos() - n * h.sin(), e * h.sin() + n * h.cos());
    let (ahead, above) = (along * p.cos() + u * p.sin(), u * p.cos() - along * p.sin());
    if ahead <= 0.0 {
        return None;
    }
    let (w, height_px) = (f64::from(view.size.0), f64::from(view.size.1));
    let focal = height_px / 2.0 / (FOV_Y_DEG / 2.0).to_radians().tan();
    Some((w / 2.0 + across / ahead * focal, height_px / 2.0 - above / ahead * focal))
}

fn ecef(lon_deg: f64, lat_deg: f64, height: f64) -> [f64; 3] {
    let (a, f) = (6_378_137.0f64, 1.0 / 298.257_222_101f64);
    let (lon, lat) = (lon_deg.to_radians(), lat_deg.to_radians());
    let h = height + GEOID_OFFSET_M;
    let b = a * (1.0 - f);
    let n = a * a / ((a * lat.cos()).powi(2) + (b * lat.sin()).powi(2)).sqrt();
    [(n + h) * lat.cos() * lon.cos(), (n + h) * lat.cos() * lon.sin(), (n * b * b / (a * a) + h) * lat.sin()]
}

fn axes_at([lon_deg, lat_deg]: [f64; 2]) -> [[f64; 3]; 3] {
    let (lon, lat) = (lon_deg.to_radians(), lat_deg.to_radians());
    let east = [-lon.sin(), lon.cos(), 0.0];
    let up = [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()];
    let north = [up[1] * east[2] - up[2] * east[1], up[2] * east[0] - up[0] * east[2], up[0] * east[1] - up[1] * east[0]];
    [east, north, up]
}
