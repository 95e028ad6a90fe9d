//! Names in the scene: roads, bridges, stations, and what is in alarm. Decides which words stand where; drawing them is
//! the panels' affair (egui natively, a canvas of the page on the web).

use crate::camera::Looking;
use crate::city::{self, City, word};
use crate::live::Lively;
use crate::net::{Arrivals, Client, NetSystems, Ticket, Work};
use crate::pick;
use crate::scene::{Looked, Scene, SceneSystems};
use crate::selection::{middle, tidy};
use crate::wish::Wish;
use bevy::math::{DVec2, DVec3};
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use citytwin_model::class::Group;
use citytwin_model::{Frame, Geometry, Position};
use citytwin_viewer_state::live::{is_raised, severity_colour};
use serde::Serialize;
use serde_json::Value;

/// Classes that have names worth reading from afar, and how important they are.
const NAMED: [(&str, f32); 8] = [
    ("district", 6.0),
    ("fire_station", 5.0),
    ("bridge", 4.0),
    ("tunnel", 4.0),
    ("water_area", 3.5),
    ("park", 3.0),
    ("road", 2.0),
    ("building", 1.0),
];
/// A page of names per class; a larger city gets its names by view, later.
const PER_CLASS: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    Place,
    Road,
    Water,
    Alarm,
}

struct Name {
    text: String,
    style: Style,
    weight: f32,
    group: Option<Group>,
    /// Without height until the ground below is known.
    plan: DVec2,
    up: Option<f64>,
    lift: f64,
    /// Of the eye: beyond it the name is not shown.
    reach: f64,
}

/// A label as it stands in this frame: pixels from the upper left, the point it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placed {
    pub x: f32,
    pub y: f32,
    pub text: String,
    pub style: Style,
    pub colour: [u8; 3],
    /// 0 to 1: fades with distance.
    pub opacity: f32,
}

#[derive(Resource, Default)]
pub struct Labels {
    pub placed: Vec<Placed>,
    names: Vec<Name>,
    waiting: Vec<(Ticket, usize)>,
    asked: bool,
    /// Whether the eye sees the point; looked up a few at a time.
    seen: HashMap<usize, bool>,
    turn: usize,
}

impl Labels {
    pub fn settled(&self) -> bool {
        self.asked && self.waiting.is_empty()
    }
}

pub struct LabelPlugin;

impl Plugin for LabelPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Labels>()
            .add_systems(PreUpdate, (ask, receive).chain().after(NetSystems))
            .add_systems(Update, (stand, place).chain().after(SceneSystems::Stream));
    }
}

fn ask(mut labels: ResMut<Labels>, city: Res<City>, mut client: ResMut<Client>) {
    if labels.asked || city.catalogue.is_none() {
        return;
    }
    labels.asked = true;
    for (i, (class, _)) in NAMED.iter().enumerate() {
        // Buildings are many and mostly nameless: only those that the catalogue's city can page in one go.
        let known = city.class(class).filter(|c| c.count > 0 && (*class != "building" || c.count <= PER_CLASS as u64));
        if known.is_some() {
            let ticket = client.get(&format!("/collections/{class}/items?limit={PER_CLASS}&f=json"), Work::Bytes);
            labels.waiting.push((ticket, i));
        }
    }
}

fn receive(mut labels: ResMut<Labels>, mut arrivals: ResMut<Arrivals>, city: Res<City>) {
    for (ticket, i) in labels.waiting.clone() {
        let Some(outcome) = arrivals.take(ticket) else { continue };
        labels.waiting.retain(|(held, _)| *held != ticket);
        let (class, weight) = NAMED[i];
        match city::read::<Value>(outcome) {
            Ok(page) => {
                let (Some(frame), group) = (city.frame, city.class(class).and_then(|c| c.group.as_deref()).and_then(Group::from_id)) else {
                    continue;
                };
                let found = names_of(class, weight, group, &page, &frame, city.geoid_offset_m());
                labels.names.extend(found);
            }
            Err(why) => warn!("names of {class}: {why}"),
        }
    }
}

/// One name per word: a road in many pieces is named once, on its longest piece.
fn names_of(class: &str, weight: f32, group: Option<Group>, page: &Value, frame: &Frame, offset: f64) -> Vec<Name> {
    let mut longest: HashMap<String, (f64, Name)> = HashMap::default();
    for feature in page["features"].as_array().into_iter().flatten() {
        let Some(text) = feature["properties"]["name"].as_str().map(str::trim).filter(|text| !text.is_empty()) else { continue };
        let Ok(geometry) = citytwin_wire::geojson::read_geometry(&feature["geometry"]) else { continue };
        let Some(p) = middle(&geometry) else { continue };
        let at = frame.local(Position::new(p.lon, p.lat, p.z + offset));
        let size = size_of(&geometry, frame);
        let style = match class {
            "road" => Style::Road,
            "water_area" => Style::Water,
            _ => Style::Place,
        };
        let name = Name {
            text: text.to_owned(),
            style,
            weight: weight + (size / 20_000.0).min(0.9) as f32,
            group,
            plan: DVec2::new(at.east, at.north),
            // Roads and areas lie on the ground, whatever their z says; decks and bores have heights of their own.
            up: (geometry.has_z && matches!(class, "bridge" | "tunnel")).then_some(at.up),
            lift: match class {
                "bridge" => 6.0,
                "fire_station" => 14.0,
                "road" => 1.0,
                _ => 3.0,
            },
            reach: match class {
                "district" => 20_000.0,
                "road" => (size * 1.6).clamp(700.0, 3500.0),
                "building" => 450.0,
                _ => 5000.0,
            },
        };
        let entry = longest.entry(text.to_owned());
        match entry {
            bevy::platform::collections::hash_map::Entry::Occupied(mut held) if held.get().0 < size => _ = held.insert((size, name)),
            bevy::platform::collections::hash_map::Entry::Occupied(_) => {}
            bevy::platform::collections::hash_map::Entry::Vacant(free) => _ = free.insert((size, name)),
        }
    }
    let mut names: Vec<Name> = longest.into_values().map(|(_, name)| name).collect();
    names.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.text.cmp(&b.text)));
    names
}

/// Metres across.
fn size_of(geometry: &Geometry, frame: &Frame) -> f64 {
    let b = geometry.bounds();
    let corner = |lon, lat| frame.local(Position::new(lon, lat, 0.0));
    corner(b.west, b.south).plan_distance(corner(b.east, b.north))
}

/// Names stand on the ground once its tile is here. A few per frame.
fn stand(mut labels: ResMut<Labels>, scene: Res<Scene>) {
    let mut left = 12;
    for name in labels.names.iter_mut().filter(|name| name.up.is_none()) {
        if left == 0 {
            return;
        }
        if let Some(up) = pick::ground_at(&scene, name.plan.x, name.plan.y) {
            name.up = Some(up);
            left -= 1;
        }
    }
}

struct Candidate {
    weight: f32,
    at: DVec3,
    placed: Placed,
    /// Name's number; alarms are never hidden behind houses.
    name: Option<usize>,
}

fn place(
    mut labels: ResMut<Labels>,
    scene: Res<Scene>,
    looked: Res<Looked>,
    looking: Res<Looking>,
    lively: Res<Lively>,
    city: Res<City>,
    wish: Res<Wish>,
) {
    if !wish.labels || looking.size.x < 1.0 {
        labels.placed.clear();
        return;
    }
    let labels = &mut *labels;
    let eye = &looking.eye;
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut consider = |at: DVec3, text: &str, style: Style, colour: [u8; 3], weight: f32, reach: f64, name: Option<usize>| {
        let Some((pixel, _)) = eye.project(at, looking.size) else { return };
        let d = (at - eye.at).length();
        let inside = pixel.x > -80.0 && pixel.y > -20.0 && pixel.x < looking.size.x + 80.0 && pixel.y < looking.size.y + 20.0;
        if d > reach || !inside {
            return;
        }
        let opacity = (1.0 - (d / reach - 0.75) * 4.0).clamp(0.0, 1.0) as f32;
        let placed = Placed { x: pixel.x as f32, y: pixel.y as f32, text: text.to_owned(), style, colour, opacity };
        candidates.push(Candidate { weight: weight - (d / reach) as f32 * 0.9, at, placed, name });
    };
    for (i, name) in labels.names.iter().enumerate() {
        if name.group.is_none_or(|group| wish.shows(group))
            && let Some(up) = name.up
        {
            let colour = match name.style {
                Style::Water => [0x1F, 0x5F, 0x96],
                Style::Road => [0x33, 0x38, 0x3F],
                _ => [0x24, 0x2B, 0x38],
            };
            consider(name.plan.extend(up + name.lift), &name.text, name.style, colour, name.weight, name.reach, Some(i));
        }
    }
    if let Some(frame) = city.frame {
        for alarm in lively.live.alarms() {
            let Some([lon, lat, z]) = alarm.position else { continue };
            let p = frame.local(Position::new(lon, lat, z + city.geoid_offset_m()));
            let text = format!("{} {} {}", word(&alarm.label, wish.lang), tidy(alarm.value), alarm.unit);
            let weight = if is_raised(alarm) { 20.0 } else { 12.0 };
            consider(
                DVec3::new(p.east, p.north, p.up + 2.5),
                &text,
                Style::Alarm,
                severity_colour(&alarm.severity),
                weight,
                30_000.0,
                None,
            );
        }
    }
    candidates.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.placed.text.cmp(&b.placed.text)));
    candidates.truncate(120);

    look_a_few(labels, &candidates, &scene, &looked, &looking);
    let mut taken: Vec<[f32; 4]> = Vec::new();
    labels.placed.clear();
    for candidate in candidates {
        let hidden = candidate.name.is_some_and(|name| labels.seen.get(&name) == Some(&false));
        let b = rectangle(&candidate.placed);
        let collides = taken.iter().any(|t| b[0] < t[2] && t[0] < b[2] && b[1] < t[3] && t[1] < b[3]);
        if !hidden && !collides {
            taken.push(b);
            labels.placed.push(candidate.placed);
        }
    }
}

/// Is there a house before it? Ten of the candidates per frame, in turn: a label may be late by a few frames.
fn look_a_few(labels: &mut Labels, candidates: &[Candidate], scene: &Scene, looked: &Looked, looking: &Looking) {
    let named: Vec<(usize, DVec3)> = candidates.iter().filter_map(|c| Some((c.name?, c.at))).collect();
    if named.is_empty() {
        return;
    }
    for step in 0..named.len().min(10) {
        let (name, at) = named[(labels.turn + step) % named.len()];
        let way = at - looking.eye.at;
        let ray = way.normalize_or_zero();
        let blocked = pick::cast(scene, &looked.0, looking.eye.at, ray, false).is_some_and(|hit| hit.distance < way.length() - 6.0);
        labels.seen.insert(name, !blocked);
    }
    labels.turn = (labels.turn + 10) % named.len().max(1);
}

/// Left, top, right, bottom: Chinese signs are as wide as high, Latin ones about half.
fn rectangle(placed: &Placed) -> [f32; 4] {
    let size = if placed.style == Style::Alarm { 14.0 } else { 13.0 };
    let width: f32 = placed.text.chars().map(|c| if c.is_ascii() { size * 0.56 } else { size }).sum();
    let (half, high) = (width / 2.0 + 10.0, size + 12.0);
    [placed.x - half, placed.y - high, placed.x + half, placed.y + 4.0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::LonLat;

    #[test]
    fn a_road_in_pieces_is_named_once_on_its_longest_piece() {
        let page: Value = serde_json::from_str(
            r#"{"features":[
            {"properties":{"name":"人民路"},"geometry":{"type":"LineString","coordinates":[[116,30],[116.001,30]]}},
            {"properties":{"name":"人民路"},"geometry":{"type":"LineString","coordinates":[[116.002,30],[116.006,30],[116.01,30]]}},
            {"properties":{"name":" "},"geometry":{"type":"LineString","coordinates":[[116,30],[116.001,30]]}},
            {"properties":{"name":"解放路"},"geometry":null}]}"#,
        )
        .unwrap();
        let frame = Frame::at(LonLat { lon: 116.0, lat: 30.0 });
        let names = names_of("road", 2.0, None, &page, &frame, 0.0);
        assert_eq!(names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>(), ["人民路"]);
        assert!((names[0].plan.x - 579.0).abs() < 1.0, "{}", names[0].plan.x);
        assert_eq!(names[0].up, None, "roads wait for the ground");
    }
}
