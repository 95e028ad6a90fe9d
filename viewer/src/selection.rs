//! What was picked: its attributes from the server, in the reader's language, with what its sensors say.

use crate::camera::{CameraSystems, Looking};
use crate::city::{self, City, word};
use crate::eye::Eye;
use crate::live::Lively;
use crate::net::{Arrivals, Client, NetSystems, Ticket, Work};
use crate::pick;
use crate::scene::{Looked, Scene};
use crate::ui::say;
use crate::wish::Wish;
use bevy::input::touch::Touches;
use bevy::math::DVec3;
use bevy::prelude::*;
use citytwin_assets::Lang;
use citytwin_model::ids::parse_public_id;
use citytwin_model::{ClassNo, FeatureId, Position};
use citytwin_viewer_state::live::is_raised;
use citytwin_wire::catalogue::{Attribute, Class};
use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Resource, Default)]
pub struct Selection {
    pub id: Option<FeatureId>,
    waiting: Option<Ticket>,
    item: Option<Item>,
    trouble: Option<String>,
    /// From a link: fly there once its place is known.
    fly: bool,
    /// From a link, before the catalogue is here.
    wanted: Option<(String, bool)>,
    pub version: u64,
}

struct Item {
    properties: Map<String, Value>,
    place: Option<Position>,
    has_z: bool,
}

/// What a panel shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Panel {
    pub id: String,
    pub class: String,
    pub title: String,
    pub rows: Vec<Row>,
    pub live: Vec<Row>,
    pub alarm: Option<AlarmNote>,
    pub note: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    pub label: String,
    pub value: String,
    /// Not measured but made up by the simulator.
    pub simulated: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlarmNote {
    pub id: i64,
    pub text: String,
    pub severity: String,
    pub raised: bool,
}

pub struct SelectionPlugin;

impl Plugin for SelectionPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Selection>()
            .add_systems(PreUpdate, receive.after(NetSystems))
            .add_systems(Update, (open_wanted, click.after(CameraSystems)));
    }
}

impl Selection {
    /// Selects by public id, and flies there, as soon as the catalogue is here.
    pub fn want(&mut self, public_id: Option<String>, fly: bool) {
        self.wanted = public_id.map(|id| (id, fly));
    }

    pub fn select(&mut self, id: Option<FeatureId>, fly: bool, city: &City, looked: &mut Looked, client: &mut Client) {
        self.version += 1;
        looked.0.select(id);
        *self = Self { id, fly, version: self.version, ..Self::default() };
        if let Some((id, class)) = id.and_then(|id| Some((id, city.class_no(id.class)?))) {
            self.waiting = Some(client.get(&format!("/collections/{}/items/{}?f=json", class.id, id.fid), Work::Bytes));
        }
    }

    pub fn public_id(&self, city: &City) -> Option<String> {
        let id = self.id?;
        Some(format!("{}.{}", city.class_no(id.class)?.id, id.fid))
    }

    pub fn panel(&self, city: &City, lively: &Lively, looked: &Looked, lang: Lang) -> Option<Panel> {
        let id = self.id?;
        let class = city.class_no(id.class)?;
        let mut panel = Panel { id: format!("{}.{}", class.id, id.fid), class: word(&class.label, lang).to_owned(), ..Panel::default() };
        let text = |key: &str| self.item.as_ref()?.properties.get(key)?.as_str().map(str::to_owned);
        panel.title = text("name").or_else(|| text("code")).unwrap_or_else(|| panel.id.clone());
        if let Some(item) = &self.item {
            panel.rows = rows(class, &item.properties, lang);
        }
        panel.note = self.trouble.clone().or_else(|| self.waiting.map(|_| say(lang, "viewer.loading")));
        panel.live = lively
            .live
            .values_of(id)
            .map(|v| Row { label: word(&v.label, lang).to_owned(), value: format!("{} {}", tidy(v.value), v.unit), simulated: v.simulated })
            .collect();
        panel.alarm = lively.live.alarm_of(id).map(|alarm| AlarmNote {
            id: alarm.id,
            text: format!("{} {} {}", word(&alarm.label, lang), tidy(alarm.value), alarm.unit),
            severity: alarm.severity.clone(),
            raised: is_raised(alarm),
        });
        // What the overlay says of it, in the legend's words.
        if let Some(overlay) = looked.0.overlay().and_then(|on| city.overlay(&on.id))
            && let Some(byte) = looked.0.value(id).filter(|_| overlay.classes.contains(&class.id))
        {
            let entry = overlay.legend.iter().find(|entry| (entry.byte_from..=entry.byte_to).contains(&byte));
            let said = entry.map_or_else(|| say(lang, "viewer.no_data"), |entry| word(&entry.label, lang).to_owned());
            panel.rows.insert(0, Row { label: word(&overlay.label, lang).to_owned(), value: said, simulated: false });
        }
        Some(panel)
    }
}

/// The catalogue's attributes in its order; what has no value is left out, since its absence is no statement.
fn rows(class: &Class, properties: &Map<String, Value>, lang: Lang) -> Vec<Row> {
    let shown = |attribute: &Attribute| {
        let value = properties.get(&attribute.id).filter(|value| !value.is_null())?;
        let mut text = match value {
            Value::String(text) => {
                let code = attribute.codes.iter().find(|code| code.value == *text);
                code.map_or_else(|| text.clone(), |code| word(&code.label, lang).to_owned())
            }
            Value::Bool(yes) => say(lang, if *yes { "viewer.yes" } else { "viewer.no" }),
            Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), tidy),
            other => other.to_string(),
        };
        if let Some(unit) = attribute.unit.as_deref().filter(|_| value.is_number()) {
            text = format!("{text} {unit}");
        }
        Some(Row { label: word(&attribute.label, lang).to_owned(), value: text, simulated: false })
    };
    class.attributes.iter().filter_map(shown).collect()
}

/// Up to three digits behind the point, none that say nothing.
pub fn tidy(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn open_wanted(mut selection: ResMut<Selection>, city: Res<City>, mut looked: ResMut<Looked>, mut client: ResMut<Client>) {
    if city.catalogue.is_none() {
        return;
    }
    let Some((wanted, fly)) = selection.wanted.take() else { return };
    let id = parse_public_id(&wanted).and_then(|(class, fid)| Some(FeatureId::new(ClassNo(city.class(class)?.no), fid)));
    selection.select(id, fly, &city, &mut looked, &mut client);
}

fn click(
    mut selection: ResMut<Selection>,
    touches: Res<Touches>,
    looking: Res<Looking>,
    scene: Res<Scene>,
    city: Res<City>,
    wish: Res<Wish>,
    mut looked: ResMut<Looked>,
    mut client: ResMut<Client>,
) {
    // One finger that came and went in one place.
    let tapped = touches
        .iter_just_released()
        .find(|touch| touches.iter().next().is_none() && touch.position().distance(touch.start_position()) < 10.0)
        .map(|touch| touch.position().as_dvec2());
    let Some(at) = looking.clicked.or(tapped) else { return };
    let through = wish.underground(&city, &looking);
    let picked = pick::cast(&scene, &looked.0, looking.eye.at, looking.ray(at), through);
    selection.select(picked.and_then(|picked| picked.feature), false, &city, &mut looked, &mut client);
}

fn receive(mut selection: ResMut<Selection>, mut arrivals: ResMut<Arrivals>, mut looking: ResMut<Looking>, city: Res<City>) {
    let Some(outcome) = selection.waiting.and_then(|ticket| arrivals.take(ticket)) else { return };
    selection.waiting = None;
    selection.version += 1;
    match city::read::<Value>(outcome) {
        Ok(feature) => {
            let geometry = citytwin_wire::geojson::read_geometry(&feature["geometry"]).ok();
            let place = geometry.as_ref().and_then(middle);
            let has_z = geometry.is_some_and(|g| g.has_z);
            let properties = feature["properties"].as_object().cloned().unwrap_or_default();
            selection.item = Some(Item { properties, place, has_z });
        }
        Err(why) => selection.trouble = Some(why),
    }
    if std::mem::take(&mut selection.fly)
        && let Some(to) = selection.item.as_ref().and_then(|item| place_of(item, &city, &looking))
    {
        let eye = Eye::overlooking(to, 45.0, looking.eye.heading, looking.eye.pitch.min(-0.5));
        looking.fly_to(eye);
    }
}

fn place_of(item: &Item, city: &City, looking: &Looking) -> Option<DVec3> {
    let (p, frame) = (item.place?, city.frame?);
    let height = if item.has_z { p.z } else { looking.ground - city.geoid_offset_m() };
    let at = frame.local(Position::new(p.lon, p.lat, height + city.geoid_offset_m()));
    Some(DVec3::new(at.east, at.north, at.up))
}

/// A point that stands for the whole: of a line its middle vertex, of an area the mean of its corners.
pub fn middle(geometry: &citytwin_model::Geometry) -> Option<Position> {
    if let Some(line) = geometry.lines().iter().max_by_key(|line| line.len()) {
        return line.get(line.len() / 2).copied();
    }
    let (mut sum, mut n) = ([0.0; 3], 0.0);
    geometry.for_each_vertex(|p| {
        sum = [sum[0] + p.lon, sum[1] + p.lat, sum[2] + p.z];
        n += 1.0;
    });
    (n > 0.0).then(|| Position::new(sum[0] / n, sum[1] / n, sum[2] / n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_no_more_than_they_know() {
        assert_eq!([12.0, 0.25, 1.23456, -0.0001, 100.0].map(tidy), ["12", "0.25", "1.235", "0", "100"]);
    }

    #[test]
    fn attributes_are_shown_by_the_catalogue_in_the_readers_language() {
        let class: Class = serde_json::from_str(
            r##"{"id":"water_pipe","no":40,"label":{"zh":"供水管","en":"Water pipe"},"domain":"pipe","geometry":"line","group":"net_water","network":true,
            "codes":[],"symbol":{"colour":"#0000ff","icon":null,"min_zoom":14},"form":{"kind":"tube","diameter_mm":"diameter_mm"},"observed":[],"count":1,
            "attributes":[{"id":"material","label":{"zh":"材质","en":"Material"},"type":"code","unit":null,"required":false,"in_tiles":true,
              "codes":[{"value":"pe","label":{"zh":"聚乙烯","en":"Polyethylene"}}]},
             {"id":"diameter_mm","label":{"zh":"管径","en":"Diameter"},"type":"int","unit":"mm","required":true,"in_tiles":true},
             {"id":"built_year","label":{"zh":"建成年份","en":"Year built"},"type":"int","unit":null,"required":false,"in_tiles":true}]}"##,
        )
        .unwrap();
        let properties: Map<String, Value> =
            serde_json::from_str(r#"{"diameter_mm":300,"material":"pe","built_year":null,"other":1}"#).unwrap();
        let text = |lang| rows(&class, &properties, lang).into_iter().map(|row| format!("{}={}", row.label, row.value)).collect::<Vec<_>>();
        assert_eq!(text(Lang::Zh), ["材质=聚乙烯", "管径=300 mm"]);
        assert_eq!(text(Lang::En), ["Material=Polyethylene", "Diameter=300 mm"]);
    }
}
