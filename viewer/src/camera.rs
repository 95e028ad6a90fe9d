//! Moves the eye: mouse, keys, fingers, flights. Fills the frame's uniform with what is seen from it.
//!
//! Left drag moves the city under the cursor, right drag (or Ctrl) turns about what lies in the middle, the wheel
//! approaches what is under the cursor; W A S D fly, Q and E sink and rise, Shift is faster. One finger moves, two
//! pinch, twist and tilt.

use crate::city::City;
use crate::eye::{Eye, FOV_Y};
use crate::pick;
use crate::render::{Drawing, FrameUniform, Samples};
use crate::scene::{Looked, Scene, SceneSystems};
use crate::wish::Wish;
use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll, MouseScrollUnit};
use bevy::input::touch::Touches;
use bevy::math::{DMat4, DVec2, DVec3};
use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use citytwin_assets::scene::{Colour, scene};
use std::f64::consts::TAU;

/// Where the reader looks from, and at how large a picture.
#[derive(Resource, Debug)]
pub struct Looking {
    pub eye: Eye,
    /// Pixels as the window counts them (not the screen's physical ones).
    pub size: DVec2,
    /// Cursor, from the upper left; `None` outside or over a panel.
    pub cursor: Option<DVec2>,
    /// Up of the ground below the eye, as far as it is known.
    pub ground: f64,
    pub below_ground: bool,
    /// The eye was set by a link, a flight or a hand: the overview no longer is.
    pub placed: bool,
    flight: Option<Flight>,
    drag: Option<Drag>,
    /// Where the pointer was pressed and let go without moving, in this frame.
    pub clicked: Option<DVec2>,
    pinch: Option<Pinch>,
    /// Set by panels that lie over the picture.
    pub over_panel: bool,
    pub typing: bool,
}

#[derive(Debug)]
struct Flight {
    from: Eye,
    to: Eye,
    passed_s: f64,
    whole_s: f64,
}

/// A point of the city that is held while the button is down.
#[derive(Clone, Copy, Debug)]
struct Drag {
    held: DVec3,
    turning: bool,
    moved_px: f64,
}

#[derive(Clone, Copy, Debug)]
struct Pinch {
    held: DVec3,
    centre: DVec2,
    spread: f64,
    angle: f64,
}

impl Default for Looking {
    fn default() -> Self {
        Self {
            eye: Eye::new(DVec3::new(0.0, -1200.0, 900.0), 0.0, -0.6),
            size: DVec2::ZERO,
            cursor: None,
            ground: 0.0,
            below_ground: false,
            placed: false,
            flight: None,
            drag: None,
            clicked: None,
            pinch: None,
            over_panel: false,
            typing: false,
        }
    }
}

impl Looking {
    pub fn aspect(&self) -> f64 {
        self.size.x / self.size.y.max(1.0)
    }

    /// −1…1, y up.
    pub fn ndc(&self, pixel: DVec2) -> DVec2 {
        DVec2::new(pixel.x / self.size.x * 2.0 - 1.0, 1.0 - pixel.y / self.size.y * 2.0)
    }

    pub fn ray(&self, pixel: DVec2) -> DVec3 {
        self.eye.ray(self.ndc(pixel), self.aspect())
    }

    pub fn fly_to(&mut self, to: Eye) {
        let way = (to.at - self.eye.at).length();
        self.flight = Some(Flight { from: self.eye, to, passed_s: 0.0, whole_s: (0.6 + (1.0 + way / 200.0).ln() * 0.45).min(3.0) });
        self.placed = true;
    }

    pub fn set(&mut self, eye: Eye) {
        self.eye = eye;
        self.flight = None;
        self.placed = true;
    }

    pub fn moving(&self) -> bool {
        self.flight.is_some() || self.drag.is_some() || self.pinch.is_some()
    }

    /// Metres between the eye and the ground, at least 1.
    pub fn above_ground(&self) -> f64 {
        (self.eye.at.z - self.ground).abs().max(1.0)
    }

    /// How far shadows are drawn: what is nearer than this matters.
    pub fn shadow_reach(&self) -> f64 {
        // In steps, so that the map is not drawn anew with every breath of the camera.
        let wanted: f64 = (self.above_ground() * 1.9).clamp(180.0, 2600.0);
        180.0 * 1.35f64.powf((wanted / 180.0).ln() / 1.35f64.ln()).ceil().min(4000.0)
    }

    pub fn shadow_centre(&self) -> DVec3 {
        let flat = self.eye.forward().truncate().normalize_or_zero();
        let centre = self.eye.at.truncate() + flat * self.shadow_reach() * 0.72;
        centre.extend(self.ground)
    }

    fn near_plane(&self) -> f64 {
        // Far above the city nothing is near: the depth's bits go to where things are.
        (self.above_ground() * 0.04).clamp(0.15, 40.0)
    }
}

/// A press that moves less is a click.
const CLICK_PX: f64 = 5.0;

#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
pub struct CameraSystems;

pub struct CameraPlugin;

impl Plugin for CameraPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Looking>()
            .add_systems(
                Update,
                (measure, overlook, by_mouse, by_touch, by_keys, fly, stay_in_bounds)
                    .chain()
                    .in_set(CameraSystems)
                    .before(SceneSystems::Stream),
            )
            .add_systems(PostUpdate, fill_frame.before(SceneSystems::Draw));
    }
}

/// The picture's size and the cursor, from the window where there is one.
fn measure(mut looking: ResMut<Looking>, windows: Query<&Window, With<PrimaryWindow>>) {
    let Ok(window) = windows.single() else { return };
    looking.size = DVec2::new(f64::from(window.width()), f64::from(window.height()));
    looking.cursor = window.cursor_position().map(|p| p.as_dvec2());
}

/// Until somebody takes the eye in hand, it overlooks the whole city.
fn overlook(mut looking: ResMut<Looking>, city: Res<City>) {
    let Some(eye) = (!looking.placed).then(|| home(&city)).flatten() else { return };
    looking.eye = eye;
    looking.placed = true;
}

pub fn home(city: &City) -> Option<Eye> {
    let (catalogue, frame) = (city.catalogue.as_ref()?, city.frame?);
    let [west, south, east, north] = catalogue.city.bounds?;
    let corner = |lon, lat| {
        let p = frame.local(citytwin_model::Position::new(lon, lat, catalogue.city.geoid_offset_m));
        DVec3::new(p.east, p.north, 0.0)
    };
    let (low, high) = (corner(west, south), corner(east, north));
    Some(Eye::overlooking((low + high) / 2.0, ((high - low).length() / 2.0).clamp(100.0, 20_000.0) * 0.62, 0.42, -0.62))
}

fn by_mouse(
    mut looking: ResMut<Looking>,
    scene: Res<Scene>,
    looks: Res<Looked>,
    city: Res<City>,
    wish: Res<Wish>,
    buttons: Res<ButtonInput<MouseButton>>,
    keys: Res<ButtonInput<KeyCode>>,
    motion: Res<AccumulatedMouseMotion>,
    scroll: Res<AccumulatedMouseScroll>,
) {
    let through = wish.underground(&city, &looking);
    let all = [MouseButton::Left, MouseButton::Right, MouseButton::Middle];
    looking.clicked = None;
    let Some(cursor) = looking.cursor else {
        if !buttons.any_pressed(all) {
            looking.drag = None;
        }
        return;
    };
    let pressed = buttons.any_just_pressed(all);
    if pressed && !looking.over_panel {
        let turning = buttons.any_pressed([MouseButton::Right, MouseButton::Middle])
            || keys.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]);
        let pixel = if turning { looking.size / 2.0 } else { cursor };
        let held = pick::point(&scene, &looks.0, &looking, looking.ray(pixel), through);
        looking.flight = None;
        looking.drag = Some(Drag { held, turning, moved_px: 0.0 });
    }
    let by = motion.delta.as_dvec2();
    // What moved in the frame of the press moved before it: slow frames hold a whole click.
    if let Some(mut drag) = looking.drag
        && by != DVec2::ZERO
        && !pressed
    {
        drag.moved_px += by.length();
        looking.drag = Some(drag);
        if drag.turning {
            let scale = 3.2 / looking.size.y;
            looking.eye = looking.eye.orbit(drag.held, by.x * scale, -by.y * scale);
        } else if let Some(now) = looking.eye.meets_level(looking.ray(cursor), drag.held.z) {
            let shift = (drag.held - now).clamp_length_max(looking.above_ground() * 6.0 + 50.0);
            looking.eye = looking.eye.moved(DVec3::new(shift.x, shift.y, 0.0));
        } else {
            // Above the horizon there is nothing to hold: the eye turns.
            looking.eye = looking.eye.look(-by.x * 0.002, by.y * 0.002);
        }
    }
    if !buttons.any_pressed(all) {
        let drag = looking.drag.take();
        let still = drag.is_some_and(|drag| drag.moved_px < CLICK_PX && !drag.turning);
        looking.clicked = (still && buttons.just_released(MouseButton::Left) && !looking.over_panel).then_some(cursor);
    }
    let lines = match scroll.unit {
        MouseScrollUnit::Line => f64::from(scroll.delta.y),
        MouseScrollUnit::Pixel => f64::from(scroll.delta.y) / 60.0,
    };
    if lines != 0.0 && !looking.over_panel {
        let point = pick::point(&scene, &looks.0, &looking, looking.ray(cursor), through);
        looking.flight = None;
        looking.eye = looking.eye.zoom(point, 0.82f64.powf(lines.clamp(-5.0, 5.0)), 2.0);
    }
}

fn by_touch(mut looking: ResMut<Looking>, scene: Res<Scene>, looks: Res<Looked>, city: Res<City>, wish: Res<Wish>, touches: Res<Touches>) {
    let at: Vec<DVec2> = touches.iter().map(|touch| touch.position().as_dvec2()).collect();
    let through = wish.underground(&city, &looking);
    match at.as_slice() {
        [] => looking.pinch = None,
        [one] => {
            let before = looking.pinch.filter(|pinch| pinch.spread == 0.0);
            let held = before.map_or_else(|| pick::point(&scene, &looks.0, &looking, looking.ray(*one), through), |pinch| pinch.held);
            if before.is_some()
                && let Some(now) = looking.eye.meets_level(looking.ray(*one), held.z)
            {
                let shift = (held - now).clamp_length_max(looking.above_ground() * 6.0 + 50.0);
                looking.eye = looking.eye.moved(DVec3::new(shift.x, shift.y, 0.0));
            }
            looking.flight = None;
            looking.pinch = Some(Pinch { held, centre: *one, spread: 0.0, angle: 0.0 });
        }
        [a, b, ..] => {
            let (centre, between) = ((*a + *b) / 2.0, *b - *a);
            let (spread, angle) = (between.length().max(1.0), between.y.atan2(between.x));
            let before = looking.pinch.filter(|pinch| pinch.spread > 0.0);
            let held = before.map_or_else(|| pick::point(&scene, &looks.0, &looking, looking.ray(centre), through), |pinch| pinch.held);
            if let Some(before) = before {
                let turn = (angle - before.angle + TAU * 1.5).rem_euclid(TAU) - TAU / 2.0;
                let tilt = (centre.y - before.centre.y) * 2.0 / looking.size.y;
                looking.eye = looking.eye.orbit(held, -turn, -tilt).zoom(held, before.spread / spread, 2.0);
            }
            looking.flight = None;
            looking.pinch = Some(Pinch { held, centre, spread, angle });
        }
    }
}

fn by_keys(mut looking: ResMut<Looking>, keys: Res<ButtonInput<KeyCode>>, time: Res<Time<Real>>) {
    if looking.typing {
        return;
    }
    let axis = |more: &[KeyCode], less: &[KeyCode]| {
        f64::from(i8::from(keys.any_pressed(more.iter().copied())) - i8::from(keys.any_pressed(less.iter().copied())))
    };
    let ahead = axis(&[KeyCode::KeyW, KeyCode::ArrowUp], &[KeyCode::KeyS, KeyCode::ArrowDown]);
    let side = axis(&[KeyCode::KeyD], &[KeyCode::KeyA]);
    let rise = axis(&[KeyCode::KeyE, KeyCode::PageUp], &[KeyCode::KeyQ, KeyCode::PageDown]);
    let turn = axis(&[KeyCode::ArrowRight], &[KeyCode::ArrowLeft]);
    if ahead == 0.0 && side == 0.0 && rise == 0.0 && turn == 0.0 {
        return;
    }
    let fast = if keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]) { 4.0 } else { 1.0 };
    // Faster the higher one flies; a frame that took long is not a leap.
    let step = (looking.above_ground() * 0.8).clamp(4.0, 4000.0) * fast * time.delta_secs_f64().min(0.1);
    let flat = DVec3::new(looking.eye.heading.sin(), looking.eye.heading.cos(), 0.0);
    looking.flight = None;
    looking.eye = looking.eye.moved((flat * ahead + looking.eye.right() * side + DVec3::Z * rise) * step);
    looking.eye = looking.eye.look(turn * time.delta_secs_f64().min(0.1) * 1.2, 0.0);
}

fn fly(mut looking: ResMut<Looking>, time: Res<Time<Real>>) {
    let Some(flight) = &mut looking.flight else { return };
    flight.passed_s += time.delta_secs_f64().min(0.1);
    let t = flight.passed_s / flight.whole_s;
    let eye = Eye::between(&flight.from, &flight.to, t);
    looking.eye = eye;
    if t >= 1.0 {
        looking.flight = None;
    }
}

/// On foot the eye stays above ground, unless the reader went underground.
fn stay_in_bounds(mut looking: ResMut<Looking>, scene: Res<Scene>, wish: Res<Wish>) {
    let at = looking.eye.at;
    if let Some(ground) = pick::ground_at(&scene, at.x, at.y).or_else(|| pick::ground_near(&scene, at.x, at.y)) {
        looking.ground = ground;
    }
    if !wish.underground && !looking.moving() && at.z < looking.ground + 1.7 {
        looking.eye.at.z = looking.ground + 1.7;
    }
    looking.below_ground = looking.eye.at.z < looking.ground - 0.3;
}

/// The render origin moves in steps of this: within one, f32 is exact to a fraction of a millimetre.
const STEP_M: f64 = 1024.0;
/// Patterns on the ground repeat after so much, which keeps their coordinates exact, too.
const WRAP_M: f64 = 8192.0;

fn fill_frame(
    mut drawing: ResMut<Drawing>,
    looking: Res<Looking>,
    city: Res<City>,
    wish: Res<Wish>,
    scene_: Res<Scene>,
    looks: Res<Looked>,
    samples: Res<Samples>,
    time: Res<Time<Real>>,
) {
    if looking.size.y < 1.0 {
        return;
    }
    let eye = &looking.eye;
    let origin = DVec3::new((eye.at.x / STEP_M).round() * STEP_M, (eye.at.y / STEP_M).round() * STEP_M, 0.0);
    let underground = wish.underground(&city, &looking);
    let look = scene();
    let (day, below) = (&look.day, &look.underground);
    let colour = |c: Colour, w: f32| {
        let [r, g, b] = c.linear();
        [r, g, b, w]
    };
    let vec = |v: DVec3, w: f64| [v.x as f32, v.y as f32, v.z as f32, w as f32];
    let (sun_h, sun_up) = (f64::from(day.sun_heading).to_radians(), f64::from(day.sun_height).to_radians());
    let sun = DVec3::new(sun_h.sin() * sun_up.cos(), sun_h.cos() * sun_up.cos(), sun_up.sin());
    let half = if underground { below.haze_half_m } else { day.haze_half_m };
    let tan = (FOV_Y / 2.0).tan();
    let pulse = if wish.still { 0.0 } else { 0.5 - 0.5 * (time.elapsed_secs_f64() * 1.3 * TAU).cos() };
    let shadow = shadow_of(&looking, sun, origin);
    let cast = wish.shadows && !underground && !wish.ids;
    drawing.origin = origin.into();
    drawing.eye_is_below_ground = looking.below_ground;
    // Hidden things cast no shadow: a change of looks draws the map again, too.
    let bits = shadow.0.to_cols_array().iter().fold(0u64, |key, c| key.rotate_left(7) ^ c.to_bits());
    drawing.shadow_key = bits
        ^ scene_.version.rotate_left(40)
        ^ looks.0.hidden_version().rotate_left(52)
        ^ origin.x.to_bits()
        ^ origin.y.to_bits().rotate_left(9);
    drawing.frame = FrameUniform {
        clip_from_world: columns(&eye.clip_from(origin, looking.aspect(), looking.near_plane())),
        shadow_from_world: columns(&shadow.0),
        eye: vec(eye.at - origin, time.elapsed_secs_f64() % 3600.0),
        right: vec(eye.right() * (tan * looking.aspect()), looking.ground - 6.0),
        up: vec(eye.up() * tan, 0.0),
        forward: vec(eye.forward(), 0.0),
        sun: vec(sun, f64::from(day.sun_strength)),
        sun_colour: colour(day.sun, day.ambient),
        sky_light: colour(day.sky_light, 0.0),
        ground_light: colour(day.ground_light, 0.0),
        zenith: colour(if underground { below.zenith } else { day.zenith }, 0.0),
        horizon: colour(if underground { below.horizon } else { day.horizon }, 0.0),
        haze: colour(if underground { below.haze } else { day.haze }, std::f32::consts::LN_2 / half),
        land: colour(if underground { below.land } else { day.land }, pulse as f32),
        selection: colour(look.colours.selection, 0.0),
        tint: colour(below.tint, 0.85),
        ground_tint: colour(below.ground_tint, 0.72),
        shadow: [f32::from(u8::from(cast)), shadow.1, shadow.2, (2.4 / looking.size.y) as f32],
        origin: [(origin.x.rem_euclid(WRAP_M)) as f32, (origin.y.rem_euclid(WRAP_M)) as f32, 0.0, 0.0],
        modes: [u32::from(underground), u32::from(wish.ids), u32::from(samples.0 > 1), 0],
    };
}

fn columns(m: &DMat4) -> [[f32; 4]; 4] {
    m.as_mat4().to_cols_array_2d()
}

/// The sun's view of what lies before the eye: matrix, size of a texel in the map, and how far along the normal a point
/// is moved before it is looked up, in metres.
fn shadow_of(looking: &Looking, sun: DVec3, origin: DVec3) -> (DMat4, f32, f32) {
    let reach = looking.shadow_reach();
    let texels = f64::from(crate::render::SHADOW_SIZE);
    let texel_m = 2.0 * reach / texels;
    let right = DVec3::Z.cross(sun).normalize();
    let up = sun.cross(right);
    let centre = looking.shadow_centre();
    // Whole texels, so that edges do not crawl when the eye moves. A step of sixteen: the map lives a little longer.
    let step = texel_m * 16.0;
    let snap = |x: f64| (x / step).round() * step;
    let (x, y, z) = (snap(centre.dot(right)), snap(centre.dot(up)), snap(centre.dot(sun)));
    let depth = reach * 2.0 + 1500.0;
    let axes = DMat4::from_cols(
        DVec3::new(right.x, up.x, -sun.x).extend(0.0),
        DVec3::new(right.y, up.y, -sun.y).extend(0.0),
        DVec3::new(right.z, up.z, -sun.z).extend(0.0),
        DVec3::new(-x, -y, z).extend(1.0),
    );
    let scale = DMat4::from_cols(
        DVec3::new(1.0 / reach, 0.0, 0.0).extend(0.0),
        DVec3::new(0.0, 1.0 / reach, 0.0).extend(0.0),
        DVec3::new(0.0, 0.0, 1.0 / depth).extend(0.0),
        DVec3::new(0.0, 0.0, 0.5).extend(1.0),
    );
    (scale * axes * DMat4::from_translation(origin), (1.0 / texels) as f32, (texel_m * 1.2).max(0.05) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shadow_map_holds_what_lies_before_the_eye_and_the_sun_sees_high_things_first() {
        let looking =
            Looking { eye: Eye::new(DVec3::new(500.0, 300.0, 200.0), 0.5, -0.4), size: DVec2::new(1280.0, 720.0), ..Looking::default() };
        let origin = DVec3::new(1024.0, 0.0, 0.0);
        let sun = DVec3::new(0.3, -0.4, 0.85).normalize();
        let (m, ..) = shadow_of(&looking, sun, origin);
        let at = |p: DVec3| m.project_point3(p - origin);
        let ahead = looking.eye.at + looking.eye.forward() * 300.0;
        let low = at(DVec3::new(ahead.x, ahead.y, 0.0));
        assert!(low.x.abs() < 1.0 && low.y.abs() < 1.0 && (0.0..1.0).contains(&low.z), "{low}");
        let high = at(DVec3::new(ahead.x, ahead.y, 0.0) + sun * 80.0);
        assert!(high.z < low.z && (high.truncate() - low.truncate()).length() < 1e-9);
    }
}
