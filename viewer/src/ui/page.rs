//! The page's side of the panels: the model goes out as JSON, commands come in, labels are drawn on a canvas of the page.

use super::{Asked, Command, Model};
use crate::camera::Looking;
use crate::city::City;
use crate::labels::Labels;
use crate::pick;
use crate::scene::{Looked, Scene};
use crate::wish::Wish;
use bevy::math::DVec2;
use bevy::prelude::*;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = citytwinHost, js_name = showModel)]
    fn show_model(json: &str);
    #[wasm_bindgen(js_namespace = citytwinHost, js_name = showLabels)]
    fn show_labels(json: &str);
    #[wasm_bindgen(js_namespace = citytwinHost, js_name = showPick)]
    fn show_pick(number: u32, json: &str);
    #[wasm_bindgen(js_namespace = citytwinHost, js_name = firstFrame)]
    fn first_frame();
}

thread_local! {
    static COMMANDS: RefCell<Vec<Command>> = const { RefCell::new(Vec::new()) };
    static PICKS: RefCell<Vec<(u32, f64, f64)>> = const { RefCell::new(Vec::new()) };
}

/// A command of the panels as JSON. Returns false for one that is not understood.
#[wasm_bindgen]
pub fn citytwin_command(json: &str) -> bool {
    match serde_json::from_str(json) {
        Ok(command) => {
            COMMANDS.with_borrow_mut(|commands| commands.push(command));
            true
        }
        Err(_) => false,
    }
}

/// What lies under a pixel; answered in the next frame under the same number. For tests.
#[wasm_bindgen]
pub fn citytwin_pick(number: u32, x: f64, y: f64) {
    PICKS.with_borrow_mut(|picks| picks.push((number, x, y)));
}

pub struct PagePlugin;

impl Plugin for PagePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(First, take_commands).add_systems(Last, (say_model, draw_labels, answer_picks));
    }
}

fn take_commands(mut commands: ResMut<Asked>) {
    commands.queue.extend(COMMANDS.with_borrow_mut(std::mem::take));
}

fn say_model(model: Res<Model>, scene: Res<Scene>, mut begun: Local<bool>) {
    if !*begun && scene.drawn().next().is_some() {
        *begun = true;
        first_frame();
    }
    if model.is_changed() {
        show_model(&serde_json::to_string(&*model).expect("texts and numbers only"));
    }
}

fn draw_labels(labels: Res<Labels>, mut last: Local<Vec<crate::labels::Placed>>) {
    if *last != labels.placed {
        last.clone_from(&labels.placed);
        show_labels(&serde_json::to_string(&labels.placed).expect("texts and numbers only"));
    }
}

fn answer_picks(scene: Res<Scene>, looked: Res<Looked>, looking: Res<Looking>, city: Res<City>, wish: Res<Wish>) {
    for (number, x, y) in PICKS.with_borrow_mut(std::mem::take) {
        let through = wish.underground(&city, &looking);
        let picked = pick::cast(&scene, &looked.0, looking.eye.at, looking.ray(DVec2::new(x, y)), through);
        let id = picked.and_then(|p| p.feature).and_then(|id| Some(format!("{}.{}", city.class_no(id.class)?.id, id.fid)));
        let answer = serde_json::json!({ "id": id, "hit": picked.is_some(), "distance": picked.map(|p| p.distance) });
        show_pick(number, &answer.to_string());
    }
}
