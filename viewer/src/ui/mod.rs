//! Panels: what they show ([`Model`]) and what they ask for ([`Command`]). The same for egui and for the page.

#[cfg(not(target_arch = "wasm32"))]
pub mod native;
#[cfg(target_arch = "wasm32")]
pub mod page;

use crate::camera::{self, Looking};
use crate::city::{self, City, word};
use crate::eye::Eye;
use crate::live::Lively;
use crate::net::{Arrivals, Client, NetSystems, Ticket, Work};
use crate::scene::{Looked, Scene};
use crate::selection::{Panel, Selection, tidy};
use crate::wish::Wish;
use bevy::math::DVec3;
use bevy::prelude::*;
use citytwin_assets::Lang;
use citytwin_model::class::Group;
use citytwin_model::{FeatureId, Position};
use citytwin_viewer_state::Overlay;
use citytwin_viewer_state::live::is_raised;
use citytwin_wire::link::Link;
use citytwin_wire::overlay::NO_DATA;
use citytwin_wire::place::Candidates;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A sentence or a word of the viewer's own.
pub fn say(lang: Lang, key: &str) -> String {
    citytwin_assets::say(lang, key, &[])
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    Lang {
        lang: String,
    },
    Overlay {
        id: Option<String>,
    },
    Layer {
        id: String,
        on: bool,
    },
    Underground {
        on: bool,
    },
    Labels {
        on: bool,
    },
    Shadows {
        on: bool,
    },
    Still {
        on: bool,
    },
    Home,
    North,
    Select {
        id: Option<String>,
    },
    GoToAlarm {
        id: i64,
    },
    Acknowledge {
        id: i64,
    },
    Search {
        text: String,
    },
    /// The pointer is over a panel, or a text is being typed: the scene leaves them alone.
    Busy {
        pointer: bool,
        keys: bool,
    },
}

#[derive(Resource, Default)]
pub struct Asked {
    pub queue: VecDeque<Command>,
}

#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize)]
pub struct Model {
    pub lang: String,
    pub city: String,
    pub simulated: bool,
    pub connected: bool,
    pub underground: bool,
    pub labels: bool,
    pub shadows: bool,
    pub layers: Vec<Layer>,
    pub overlay: Option<String>,
    pub overlays: Vec<OverlayEntry>,
    pub panel: Option<Panel>,
    pub alarms: Vec<AlarmEntry>,
    pub found: Option<Vec<Found>>,
    pub status: Status,
    pub trouble: Option<String>,
    pub link: String,
    pub ready: bool,
    /// The panels' own words, by key.
    pub words: std::collections::BTreeMap<&'static str, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    pub id: &'static str,
    pub label: String,
    pub count: u64,
    pub on: bool,
    /// Shown only when the ground lets it be seen.
    pub buried: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverlayEntry {
    pub id: String,
    pub label: String,
    pub legend: Vec<(String, String)>,
    pub computing: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlarmEntry {
    pub id: i64,
    pub text: String,
    pub host: String,
    pub colour: String,
    pub raised: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    pub id: String,
    pub label: String,
    pub class: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    pub heading: f64,
    pub place: String,
    pub height: String,
    pub tiles: usize,
    pub loading: usize,
    pub megabytes: usize,
    pub failing: usize,
}

/// Keys of `messages.toml` under `viewer.`: the panels' words.
const WORDS: [&str; 22] = [
    "layers",
    "overlays",
    "none",
    "underground",
    "labels",
    "shadows",
    "alarms",
    "no_alarms",
    "acknowledge",
    "home",
    "north",
    "close",
    "search",
    "nothing_found",
    "loading",
    "live",
    "simulated",
    "not_connected",
    "language",
    "computing",
    "no_data",
    "map",
];

fn word_key(word: &str) -> String {
    format!("viewer.{word}")
}

pub struct UiPlugin;

impl Plugin for UiPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Asked>()
            .init_resource::<Model>()
            .init_resource::<Searching>()
            .add_systems(PreUpdate, found.after(NetSystems))
            .add_systems(Update, (by_keys, obey, tell).chain());
        #[cfg(target_arch = "wasm32")]
        app.add_plugins(page::PagePlugin);
        #[cfg(not(target_arch = "wasm32"))]
        app.add_plugins(native::NativeUiPlugin);
    }
}

#[derive(Resource, Default)]
struct Searching {
    waiting: Option<Ticket>,
    found: Option<Candidates>,
    acknowledging: Vec<Ticket>,
    trouble: Option<String>,
}

/// Each of the main commands has a key.
fn by_keys(mut commands: ResMut<Asked>, keys: Res<ButtonInput<KeyCode>>, wish: Res<Wish>, looking: Res<Looking>) {
    if looking.typing {
        return;
    }
    for (key, command) in [
        (KeyCode::KeyU, Command::Underground { on: !wish.underground }),
        (KeyCode::KeyL, Command::Labels { on: !wish.labels }),
        (KeyCode::KeyH, Command::Home),
        (KeyCode::KeyN, Command::North),
        (KeyCode::Escape, Command::Select { id: None }),
    ] {
        if keys.just_pressed(key) {
            commands.queue.push_back(command);
        }
    }
}

fn obey(
    mut commands: ResMut<Asked>,
    mut wish: ResMut<Wish>,
    mut looking: ResMut<Looking>,
    mut looked: ResMut<Looked>,
    mut selection: ResMut<Selection>,
    mut searching: ResMut<Searching>,
    mut client: ResMut<Client>,
    city: Res<City>,
    lively: Res<Lively>,
) {
    while let Some(command) = commands.queue.pop_front() {
        match command {
            Command::Lang { lang } => wish.lang = Lang::of_tag(&lang).unwrap_or(wish.lang),
            Command::Overlay { id } => wish.overlay = id,
            Command::Layer { id, on } => {
                if let Some(group) = Group::from_id(&id) {
                    _ = if on { wish.hidden.remove(&group) } else { wish.hidden.insert(group) };
                }
            }
            Command::Underground { on } => wish.underground = on,
            Command::Labels { on } => wish.labels = on,
            Command::Shadows { on } => wish.shadows = on,
            Command::Still { on } => wish.still = on,
            Command::Home => {
                if let Some(eye) = camera::home(&city) {
                    looking.fly_to(eye);
                }
            }
            Command::North => {
                let eye = Eye { heading: 0.0, ..looking.eye };
                looking.fly_to(eye);
            }
            Command::Select { id: None } => selection.select(None, false, &city, &mut looked, &mut client),
            Command::Select { id: Some(id) } => {
                searching.found = None;
                selection.want(Some(id), true);
            }
            Command::GoToAlarm { id } => {
                let alarms = lively.live.alarms();
                let Some(alarm) = alarms.into_iter().find(|alarm| alarm.id == id) else { continue };
                if let (Some([lon, lat, z]), Some(frame)) = (alarm.position, city.frame) {
                    let p = frame.local(Position::new(lon, lat, z + city.geoid_offset_m()));
                    let eye = Eye::overlooking(DVec3::new(p.east, p.north, p.up), 45.0, looking.eye.heading, -0.6);
                    looking.fly_to(eye);
                }
                if let Some(host) = alarm.id_host.and_then(FeatureId::from_wire) {
                    selection.select(Some(host), false, &city, &mut looked, &mut client);
                }
            }
            Command::Acknowledge { id } => {
                let ticket = client.post(&format!("/alarms/{id}/acknowledge"), "{}".to_owned());
                searching.acknowledging.push(ticket);
            }
            Command::Search { text } if text.trim().is_empty() => searching.found = None,
            Command::Search { text } => {
                let ticket = client.get(&format!("/locate?q={}", percent_encode(text.trim())), Work::Bytes);
                if let Some(before) = searching.waiting.replace(ticket) {
                    client.cancel(before);
                }
            }
            Command::Busy { pointer, keys } => {
                looking.over_panel = pointer;
                looking.typing = keys;
            }
        }
    }
    apply_overlay(&wish, &city, &mut looked);
    for group in Group::ALL {
        if looked.0.shows_group(group.id()) != wish.shows(group) {
            looked.0.show_group(group.id(), wish.shows(group));
        }
    }
}

/// Switches the looks when the wish or the server's list of overlays changed.
fn apply_overlay(wish: &Wish, city: &City, looked: &mut Looked) {
    let wanted = wish.overlay.as_ref().and_then(|id| city.overlay(id));
    let on = looked.0.overlay().map(|overlay| overlay.id.as_str());
    if on == wanted.map(|overlay| overlay.id.as_str()) {
        return;
    }
    let overlay = wanted.and_then(|info| Overlay::from_info(info, city.overlay_classes(info)));
    looked.0.set_overlay(overlay);
}

/// With a line for "no data", whether the server names one or not.
fn legend(overlay: &citytwin_wire::overlay::Overlay, lang: Lang) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = overlay.legend.iter().map(|e| (e.colour.clone(), word(&e.label, lang).to_owned())).collect();
    if !overlay.legend.iter().any(|entry| entry.byte_from == NO_DATA) {
        let [r, g, b] = citytwin_viewer_state::looks::NO_DATA;
        lines.push((format!("#{r:02x}{g:02x}{b:02x}"), say(lang, "viewer.no_data")));
    }
    lines
}

fn percent_encode(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn found(mut searching: ResMut<Searching>, mut arrivals: ResMut<Arrivals>) {
    if let Some(outcome) = searching.waiting.and_then(|ticket| arrivals.take(ticket)) {
        searching.waiting = None;
        match city::read::<Candidates>(outcome) {
            Ok(candidates) => searching.found = Some(candidates),
            Err(why) => searching.trouble = Some(why),
        }
    }
    for ticket in searching.acknowledging.clone() {
        let Some(outcome) = arrivals.take(ticket) else { continue };
        searching.acknowledging.retain(|held| *held != ticket);
        // The socket tells the rest; only a refusal is news.
        searching.trouble = match outcome {
            crate::net::Outcome::Bytes(_) | crate::net::Outcome::Missing => None,
            other => city::read::<serde_json::Value>(other).err(),
        };
    }
}

#[derive(Default)]
struct Told {
    at_s: f64,
}

/// The model, a few times a second, and at once when something was asked for.
fn tell(
    mut model: ResMut<Model>,
    mut told: Local<Told>,
    (wish, looking, city, scene): (Res<Wish>, Res<Looking>, Res<City>, Res<Scene>),
    (lively, looked, selection, searching): (Res<Lively>, Res<Looked>, Res<Selection>, Res<Searching>),
    labels: Res<crate::labels::Labels>,
    time: Res<Time<Real>>,
) {
    let now = time.elapsed_secs_f64();
    if now - told.at_s < 0.2 && !wish.is_changed() && !selection.is_changed() {
        return;
    }
    told.at_s = now;
    let lang = wish.lang;
    let mut link = Link { selection: selection.public_id(&city), ..Link::default() };
    wish.write_link(&mut link);
    let mut status = Status { heading: looking.eye.heading.to_degrees(), ..Status::default() };
    if let Some(frame) = &city.frame {
        looking.eye.write_link(frame, city.geoid_offset_m(), &mut link);
        status.place = format!("{:.6}°, {:.6}°", link.lon.unwrap_or(0.0), link.lat.unwrap_or(0.0));
        let datum = city.catalogue.as_ref().map_or("", |c| c.city.height_datum.as_str());
        status.height = format!("{} m ({datum})", tidy((link.height.unwrap_or(0.0) * 10.0).round() / 10.0));
    }
    let tiles = scene.stream.statistics();
    status.tiles = tiles.drawn;
    status.loading = tiles.wanted + tiles.in_flight;
    status.megabytes = tiles.loaded_bytes >> 20;
    status.failing = tiles.failing;
    let now_shown = Model {
        lang: lang.tag().to_owned(),
        city: city.catalogue.as_ref().map(|c| word(&c.city.name, lang).to_owned()).unwrap_or_default(),
        simulated: city.simulated() || lively.live.simulated,
        connected: lively.connected,
        underground: wish.underground,
        labels: wish.labels,
        shadows: wish.shadows,
        layers: city
            .groups()
            .into_iter()
            .map(|(group, count)| Layer {
                id: group.id(),
                label: say(lang, &format!("viewer.group.{}", group.id())),
                count,
                on: wish.shows(group),
                buried: group.is_buried(),
            })
            .collect(),
        overlay: wish.overlay.clone(),
        overlays: city
            .overlays
            .iter()
            .map(|o| OverlayEntry {
                id: o.id.clone(),
                label: word(&o.label, lang).to_owned(),
                legend: legend(o, lang),
                computing: o.revision.is_none(),
            })
            .collect(),
        panel: selection.panel(&city, &lively, &looked, lang),
        alarms: lively
            .live
            .alarms()
            .into_iter()
            .map(|alarm| {
                let [r, g, b] = citytwin_viewer_state::live::severity_colour(&alarm.severity);
                AlarmEntry {
                    id: alarm.id,
                    text: format!("{} {} {}", word(&alarm.label, lang), tidy(alarm.value), alarm.unit),
                    host: alarm.host.clone().unwrap_or_default(),
                    colour: format!("#{r:02x}{g:02x}{b:02x}"),
                    raised: is_raised(alarm),
                }
            })
            .collect(),
        found: searching.found.as_ref().map(|found| {
            found
                .candidates
                .iter()
                .map(|c| Found { id: c.id.clone(), label: c.label.clone(), class: word(&c.class_label, lang).to_owned() })
                .collect()
        }),
        trouble: searching
            .trouble
            .clone()
            .or_else(|| city.trouble.as_ref().map(|why| citytwin_assets::say(lang, "viewer.no_server", &[("reason", why)]))),
        link: link.query(),
        ready: scene.settled() && labels.settled() && !looking.moving(),
        words: WORDS.iter().map(|word| (*word, say(lang, &word_key(word)))).collect(),
        status,
    };
    if *model != now_shown {
        *model = now_shown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_commands_are_read() {
        let read = |text: &str| serde_json::from_str::<Command>(text).ok();
        assert_eq!(read(r#"{"do":"underground","on":true}"#), Some(Command::Underground { on: true }));
        assert_eq!(read(r#"{"do":"overlay","id":null}"#), Some(Command::Overlay { id: None }));
        assert_eq!(read(r#"{"do":"go_to_alarm","id":7}"#), Some(Command::GoToAlarm { id: 7 }));
        assert_eq!(read(r#"{"do":"format_disk"}"#), None);
    }

    #[test]
    fn every_word_of_the_panels_is_in_the_messages() {
        for lang in [Lang::Zh, Lang::En] {
            for key in WORDS.iter().map(|w| word_key(w)).chain(Group::ALL.map(|g| format!("viewer.group.{}", g.id()))) {
                assert_ne!(say(lang, &key), key, "{key}");
            }
        }
    }

    #[test]
    fn what_is_searched_for_cannot_leave_its_parameter() {
        assert_eq!(percent_encode("消防 a&b=1"), "%E6%B6%88%E9%98%B2%20a%26b%3D1");
    }
}
