//! What the server says about the city: its catalogue, its overlays, where its frame stands.

use crate::net::{Arrivals, Client, NetSystems, Outcome, Ticket, Work};
use bevy::prelude::*;
use citytwin_assets::Lang;
use citytwin_assets::scene::{Kind as LookKind, scene};
use citytwin_model::class::Group;
use citytwin_model::{ClassNo, Frame, LonLat};
use citytwin_viewer_state::style::{Flags, Style, parse_colour};
use citytwin_viewer_state::{ClassLook, Looks};
use citytwin_wire::Label;
use citytwin_wire::catalogue::{Catalogue, Class};
use citytwin_wire::overlay::Overlay;
use serde::de::DeserializeOwned;

#[derive(Resource, Default)]
pub struct City {
    pub catalogue: Option<Catalogue>,
    pub overlays: Vec<Overlay>,
    pub frame: Option<Frame>,
    /// Why there is nothing to see, for the reader.
    pub trouble: Option<String>,
    waiting: Vec<(Ticket, Ask)>,
    retry_at: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ask {
    Catalogue,
    Overlays,
}

const RETRY_S: f64 = 2.0;

impl City {
    pub fn class(&self, id: &str) -> Option<&Class> {
        self.catalogue.as_ref()?.classes.iter().find(|class| class.id == id)
    }

    pub fn class_no(&self, no: ClassNo) -> Option<&Class> {
        self.catalogue.as_ref()?.classes.iter().find(|class| class.no == no.0)
    }

    pub fn geoid_offset_m(&self) -> f64 {
        self.catalogue.as_ref().map_or(0.0, |c| c.city.geoid_offset_m)
    }

    pub fn simulated(&self) -> bool {
        self.catalogue.as_ref().is_some_and(|c| c.city.simulated)
    }

    /// Group and how many features it has, in drawing order; groups without features are left out.
    pub fn groups(&self) -> Vec<(Group, u64)> {
        let classes = || self.catalogue.iter().flat_map(|c| &c.classes);
        Group::ALL
            .into_iter()
            .map(|group| (group, classes().filter(|c| c.group.as_deref() == Some(group.id())).map(|c| c.count).sum()))
            .filter(|(group, count)| *count > 0 || *group == Group::Ground)
            .collect()
    }

    pub fn overlay(&self, id: &str) -> Option<&Overlay> {
        self.overlays.iter().find(|overlay| overlay.id == id)
    }

    /// The classes an overlay speaks of, as numbers.
    pub fn overlay_classes(&self, overlay: &Overlay) -> Vec<ClassNo> {
        overlay.classes.iter().filter_map(|id| self.class(id)).map(|class| ClassNo(class.no)).collect()
    }

    /// Does it speak of what lies underground? Then the ground must let it be seen.
    pub fn overlay_is_buried(&self, overlay: &Overlay) -> bool {
        let group = |id: &String| self.class(id).and_then(|class| class.group.as_deref()).and_then(Group::from_id);
        overlay.classes.iter().filter_map(group).any(Group::is_buried)
    }
}

pub fn word(label: &Label, lang: Lang) -> &str {
    match lang {
        Lang::En if !label.en.is_empty() => &label.en,
        _ => &label.zh,
    }
}

pub struct CityPlugin;

impl Plugin for CityPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<City>().add_systems(PreUpdate, (ask, receive).chain().after(NetSystems));
    }
}

fn ask(mut city: ResMut<City>, mut client: ResMut<Client>, time: Res<Time<Real>>) {
    let now = time.elapsed_secs_f64();
    if !city.waiting.is_empty() || now < city.retry_at {
        return;
    }
    if city.catalogue.is_none() {
        let ticket = client.get("/catalogue", Work::Bytes);
        city.waiting.push((ticket, Ask::Catalogue));
    } else if city.overlays.iter().any(|o| o.revision.is_none()) || (city.overlays.is_empty() && city.retry_at == 0.0) {
        let ticket = client.get("/overlays", Work::Bytes);
        city.waiting.push((ticket, Ask::Overlays));
    }
}

fn receive(mut city: ResMut<City>, mut arrivals: ResMut<Arrivals>, mut looks: ResMut<crate::scene::Looked>, time: Res<Time<Real>>) {
    for (ticket, ask) in city.waiting.clone() {
        let Some(outcome) = arrivals.take(ticket) else { continue };
        city.waiting.retain(|(held, _)| *held != ticket);
        let later = time.elapsed_secs_f64() + RETRY_S;
        match ask {
            Ask::Catalogue => match read::<Catalogue>(outcome) {
                Ok(catalogue) => {
                    let [lon, lat] = catalogue.city.origin;
                    city.frame = Some(Frame::at(LonLat { lon, lat }));
                    set_class_looks(&mut looks.0, &catalogue);
                    city.catalogue = Some(catalogue);
                    city.trouble = None;
                }
                Err(why) => {
                    warn!("catalogue: {why}");
                    city.trouble = Some(why);
                    city.retry_at = later;
                }
            },
            Ask::Overlays => {
                match read::<Vec<Overlay>>(outcome) {
                    Ok(overlays) => city.overlays = overlays,
                    // A city without analyses is still a city.
                    Err(why) => warn!("overlays: {why}"),
                }
                city.retry_at = later;
            }
        }
    }
}

/// An answer as the type it should be, or why not.
pub fn read<T: DeserializeOwned>(outcome: Outcome) -> Result<T, String> {
    match outcome {
        Outcome::Bytes(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        Outcome::Refused(status, text) => Err(match serde_json::from_str::<citytwin_wire::Problem>(&text) {
            Ok(problem) => problem.detail,
            Err(_) => format!("HTTP {status}"),
        }),
        Outcome::Missing => Err("HTTP 404".to_owned()),
        Outcome::Failed(why) => Err(why),
        Outcome::Tile(_) => Err("a tile instead of JSON".to_owned()),
    }
}

/// Scene colours where there are any, else the symbol's: pipes keep the pipe-colour convention.
fn set_class_looks(looks: &mut Looks, catalogue: &Catalogue) {
    let all = catalogue.classes.iter().map(|class| {
        let own = scene().class.get(&class.id);
        let symbol = || parse_colour(&class.symbol.colour).unwrap_or([200, 200, 200]);
        let colour = own.and_then(|look| look.colour).map_or_else(symbol, |colour| colour.0);
        let flags = match own.and_then(|look| look.kind) {
            Some(LookKind::Paved) => Flags::PAVED,
            Some(LookKind::Water) => Flags::WATER,
            Some(LookKind::Facade) => Flags(0),
            // Plain bodies without storeys.
            None => Flags::PAVED,
        };
        let look = ClassLook { style: Style::plain(colour).flagged(flags), group: class.group.clone().unwrap_or_default() };
        (ClassNo(class.no), look)
    });
    looks.set_classes(all);
    looks.set_ground(scene().colours.terrain.0);
}
