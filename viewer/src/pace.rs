//! When a new picture is worth drawing: at once while something moves or arrives, else a few times a second.
//!
//! A city that is only looked at must not keep a processor busy.

use crate::camera::Looking;
use crate::scene::{Looked, Scene};
use crate::wish::Wish;
use bevy::prelude::*;
use bevy::window::RequestRedraw;
use bevy::winit::{UpdateMode, WinitSettings};
use std::time::Duration;

/// Between pictures when nothing happens: the live socket is listened to this often.
const IDLE: Duration = Duration::from_millis(200);
/// While an alarm pulses, and nothing else moves.
const PULSE: Duration = Duration::from_millis(80);
/// Pictures after the last movement: labels look for houses before them a few at a time.
const AFTERWARDS: u32 = 16;

pub struct PacePlugin;

impl Plugin for PacePlugin {
    fn build(&self, app: &mut App) {
        let mode = UpdateMode::reactive(IDLE);
        app.insert_resource(WinitSettings { focused_mode: mode, unfocused_mode: mode }).add_systems(Last, ask_for_more);
    }
}

fn ask_for_more(
    mut redraw: MessageWriter<RequestRedraw>,
    mut settings: ResMut<WinitSettings>,
    looking: Res<Looking>,
    scene: Res<Scene>,
    looked: Res<Looked>,
    wish: Res<Wish>,
    keys: Res<ButtonInput<KeyCode>>,
    (mut left, mut last): (Local<u32>, Local<Option<crate::eye::Eye>>),
) {
    let moved = *last != Some(looking.eye);
    *last = Some(looking.eye);
    let mode = UpdateMode::reactive(if !wish.still && looked.0.flashes() { PULSE } else { IDLE });
    if settings.focused_mode != mode {
        *settings = WinitSettings { focused_mode: mode, unfocused_mode: mode };
    }
    if moved || looking.moving() || !scene.settled() || wish.is_changed() || keys.get_pressed().next().is_some() {
        *left = AFTERWARDS;
    }
    if *left > 0 {
        *left -= 1;
        redraw.write(RequestRedraw);
    }
}
