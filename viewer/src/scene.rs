//! The tiles: streams them in, gives them their looks, says what is drawn.

use crate::city::City;
use crate::mesh::{Built, Edges};
use crate::net::{Arrivals, Client, NetSystems, Outcome, Ticket, Work};
use crate::render::{Draw, Drawing, GpuScene, GpuTile, Kind};
use crate::tile;
use crate::wish::Wish;
use bevy::math::DVec3;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use citytwin_model::class::Group;
use citytwin_viewer_state::{Looks, TileNo};
use citytwin_viewer_stream::stream::Config;
use citytwin_viewer_stream::{Action, Bvh, Reply, RequestId, Stream, TileKey, Tileset, View, What};
use std::sync::Arc;

/// The look of every feature. Its own resource, since many rooms write it.
#[derive(Resource, Default)]
pub struct Looked(pub Looks);

pub struct Held {
    pub no: TileNo,
    pub group: Group,
    pub gpu: Arc<GpuTile>,
    pub bvh: Bvh,
    base: u32,
}

#[derive(Resource)]
pub struct Scene {
    pub stream: Stream,
    pub tiles: HashMap<TileKey, Held>,
    by_no: HashMap<TileNo, TileKey>,
    next_no: u32,
    requests: HashMap<Ticket, (RequestId, What)>,
    tickets: HashMap<RequestId, Ticket>,
    values: HashMap<Ticket, (TileKey, TileNo, String)>,
    /// Grows when tiles come or go: shadows are drawn again.
    pub version: u64,
    styles: Option<crate::render::StyleTexture>,
    pub troubles: Vec<String>,
}

/// The card takes so much per frame, so that a frame stays a frame.
const UPLOAD_BYTES: usize = 4 << 20;
const VALUES_IN_FLIGHT: usize = 4;

pub const ROOT_URL: &str = "/3dtiles/tileset.json";

pub struct ScenePlugin {
    pub budget_bytes: usize,
}

#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
pub enum SceneSystems {
    Stream,
    Draw,
}

impl Plugin for ScenePlugin {
    fn build(&self, app: &mut App) {
        let config = Config { budget_bytes: self.budget_bytes, ..Config::default() };
        app.init_resource::<Looked>()
            .insert_resource(Scene {
                stream: Stream::new(ROOT_URL, config),
                tiles: HashMap::default(),
                by_no: HashMap::default(),
                next_no: 0,
                requests: HashMap::default(),
                tickets: HashMap::default(),
                values: HashMap::default(),
                version: 0,
                styles: None,
                troubles: Vec::new(),
            })
            .add_systems(PreUpdate, receive.after(NetSystems))
            .add_systems(Update, (stream, ask_values).chain().in_set(SceneSystems::Stream))
            .add_systems(PostUpdate, (upload_styles, list_draws).chain().in_set(SceneSystems::Draw));
    }
}

fn edges_of(group: Group) -> Edges {
    match group {
        Group::Buildings | Group::Structures => Edges::Solids,
        Group::Ground => Edges::Rims,
        _ => Edges::None,
    }
}

fn kind_of(group: Group) -> Kind {
    match group {
        Group::Ground => Kind::Ground,
        Group::Buildings | Group::Structures => Kind::Solid,
        Group::Furniture => Kind::Furniture,
        Group::NetWater | Group::NetGas | Group::NetDrainage | Group::NetOther => Kind::Network,
    }
}

impl Scene {
    pub fn group_of(&self, key: TileKey) -> Group {
        Group::from_id(&self.stream.group(key.group).id).unwrap_or(Group::NetOther)
    }

    /// Answers that are still to come would be of the results before.
    pub fn forget_asked_values(&mut self, client: &mut Client) {
        self.values.drain().for_each(|(ticket, _)| client.cancel(ticket));
    }

    /// Everything that the view wants is on the card, its overlay values included.
    pub fn settled(&self) -> bool {
        self.stream.settled() && self.requests.is_empty() && self.values.is_empty()
    }

    pub fn drawn(&self) -> impl Iterator<Item = (&TileKey, &Held)> {
        self.stream.drawn().iter().filter_map(|key| self.tiles.get_key_value(key))
    }

    fn remove(&mut self, key: TileKey, looks: &mut Looks) {
        if let Some(held) = self.tiles.remove(&key) {
            looks.remove_tile(held.no);
            self.by_no.remove(&held.no);
            self.version += 1;
        }
    }

    fn insert(&mut self, key: TileKey, built: Built, looks: &mut Looks, gpu: &GpuScene) -> Result<usize, String> {
        self.remove(key, looks);
        let group = self.group_of(key);
        let no = TileNo(self.next_no);
        self.next_no += 1;
        let bytes = built.bytes();
        let run = looks.add_tile(no, group.id(), built.features.as_slice().into()).map_err(|full| full.to_string())?;
        let held = Held { no, group, gpu: Arc::new(gpu.upload(&built)), bvh: built.bvh, base: run.base };
        self.tiles.insert(key, held);
        self.by_no.insert(no, key);
        self.version += 1;
        Ok(bytes)
    }

    fn complain(&mut self, what: &str) {
        warn!("{what}");
        if self.troubles.len() < 20 {
            self.troubles.push(what.to_owned());
        }
    }
}

fn receive(
    mut scene: ResMut<Scene>,
    mut looks: ResMut<Looked>,
    mut arrivals: ResMut<Arrivals>,
    gpu: Option<Res<GpuScene>>,
    time: Res<Time<Real>>,
) {
    let Some(gpu) = gpu else { return };
    let now = (time.elapsed_secs_f64() * 1000.0) as u64;
    let mut uploaded = 0;
    let waiting: Vec<(Ticket, (RequestId, What))> = scene.requests.iter().map(|(t, r)| (*t, *r)).collect();
    for (ticket, (id, what)) in waiting {
        if uploaded > UPLOAD_BYTES {
            break;
        }
        let Some(outcome) = arrivals.take(ticket) else { continue };
        scene.requests.remove(&ticket);
        scene.tickets.remove(&id);
        let reply = match (what, outcome) {
            (_, Outcome::Missing) => Reply::Nothing,
            (What::Tileset(_), Outcome::Bytes(bytes)) => match Tileset::parse(&bytes, ROOT_URL) {
                Ok(tileset) => Reply::Tileset(Box::new(tileset)),
                Err(error) => {
                    scene.complain(&format!("tileset: {error}"));
                    Reply::Nothing
                }
            },
            (What::Subtree(key), Outcome::Bytes(bytes)) => {
                let levels = scene.stream.group(key.group).subtree_levels;
                match tile::subtree(&bytes, key.cell, levels) {
                    Ok(subtree) => Reply::Subtree(subtree),
                    Err(error) => {
                        scene.complain(&format!("subtree {key:?}: {error}"));
                        Reply::Nothing
                    }
                }
            }
            (What::Content(key), Outcome::Tile(built)) => {
                uploaded += built.gpu_bytes();
                match scene.insert(key, *built, &mut looks.0, &gpu) {
                    Ok(bytes) => Reply::Content { bytes },
                    Err(why) => {
                        scene.complain(&why);
                        Reply::Failed
                    }
                }
            }
            (_, Outcome::Failed(why)) => {
                warn!("{what:?}: {why}");
                Reply::Failed
            }
            (_, Outcome::Refused(status, why)) => {
                warn!("{what:?}: HTTP {status} {why}");
                Reply::Failed
            }
            (what, outcome) => {
                scene.complain(&format!("{what:?} was answered with {outcome:?}"));
                Reply::Nothing
            }
        };
        if let (What::Content(key), Reply::Nothing) = (what, &reply) {
            scene.remove(key, &mut looks.0);
        }
        scene.stream.arrived(id, reply, now);
    }
    let waiting: Vec<Ticket> = scene.values.keys().copied().collect();
    for ticket in waiting {
        let Some(outcome) = arrivals.take(ticket) else { continue };
        let Some((key, no, overlay)) = scene.values.remove(&ticket) else { continue };
        let known = match outcome {
            Outcome::Bytes(bytes) => looks.0.set_values(no, &overlay, bytes),
            Outcome::Missing => false,
            other => {
                warn!("values of {key:?}: {other:?}");
                false
            }
        };
        if !known {
            // The tile has changed meanwhile, or has none: it stays context, and its next version is asked again.
            looks.0.set_no_values(no);
        }
    }
}

/// How many pixels a leaf's cell must have to be worth loading: small things are not seen from far away.
fn smallest_px(group: Group) -> f64 {
    match group {
        Group::Ground | Group::Buildings | Group::Structures => 3.0,
        Group::NetWater | Group::NetGas | Group::NetDrainage | Group::NetOther => 24.0,
        Group::Furniture => 260.0,
    }
}

fn stream(
    mut scene: ResMut<Scene>,
    mut looks: ResMut<Looked>,
    mut client: ResMut<Client>,
    city: Res<City>,
    wish: Res<Wish>,
    view: Res<crate::camera::Looking>,
    time: Res<Time<Real>>,
) {
    // Without the catalogue classes have no colours yet.
    if city.catalogue.is_none() || view.size.x < 1.0 {
        return;
    }
    let underground = wish.underground(&city, &view);
    let seen = Group::ALL.into_iter().filter(|group| wish.shows(*group) && (!group.is_buried() || underground));
    scene.stream.choose(seen.map(|group| (group.id().to_owned(), smallest_px(group))));
    let now = (time.elapsed_secs_f64() * 1000.0) as u64;
    let eye: View = view.eye.view(view.size.x, view.size.y);
    for action in scene.stream.update(&eye, now) {
        match action {
            Action::Fetch { id, url, what } => {
                let work = match what {
                    What::Content(key) => Work::Tile { edges: edges_of(scene.group_of(key)) },
                    What::Tileset(_) | What::Subtree(_) => Work::Bytes,
                };
                let ticket = client.get(&url, work);
                scene.requests.insert(ticket, (id, what));
                scene.tickets.insert(id, ticket);
            }
            Action::Cancel { id } => {
                if let Some(ticket) = scene.tickets.remove(&id) {
                    scene.requests.remove(&ticket);
                    client.cancel(ticket);
                }
            }
            Action::Remove { tile } => scene.remove(tile, &mut looks.0),
        }
    }
}

/// With an overlay on, each drawn tile of its groups asks for its bytes.
fn ask_values(mut scene: ResMut<Scene>, looks: Res<Looked>, mut client: ResMut<Client>, city: Res<City>) {
    let Some(overlay) = looks.0.overlay() else { return };
    let speaks: Vec<&str> = city
        .overlay(&overlay.id)
        .into_iter()
        .flat_map(|info| &info.classes)
        .filter_map(|id| city.class(id).and_then(|class| class.group.as_deref()))
        .collect();
    let wanted: Vec<(TileKey, TileNo)> = scene
        .drawn()
        .filter(|(_, held)| speaks.contains(&held.group.id()) && !looks.0.has_values(held.no))
        .map(|(key, held)| (*key, held.no))
        .filter(|(_, no)| !scene.values.values().any(|(_, asked, id)| asked == no && *id == overlay.id))
        .take(VALUES_IN_FLIGHT.saturating_sub(scene.values.len()))
        .collect();
    for (key, no) in wanted {
        let Some(url) = scene.stream.group(key.group).content_url(key.cell) else { continue };
        let url = format!("{}.values?overlay={}", url.trim_end_matches(".glb"), overlay.id);
        let ticket = client.get(&url, Work::Bytes);
        scene.values.insert(ticket, (key, no, overlay.id.clone()));
    }
}

fn upload_styles(mut scene: ResMut<Scene>, mut looks: ResMut<Looked>, gpu: Option<Res<GpuScene>>, mut drawing: ResMut<Drawing>) {
    let Some(gpu) = gpu else { return };
    gpu.update_styles(&mut scene.styles, &mut looks.bypass_change_detection().0.texels);
    drawing.styles = scene.styles.as_ref().map(|styles| styles.binding.clone());
}

fn list_draws(scene: Res<Scene>, mut drawing: ResMut<Drawing>, city: Res<City>, wish: Res<Wish>, view: Res<crate::camera::Looking>) {
    let underground = wish.underground(&city, &view);
    let opacity = wish.opacities(underground);
    let eye = view.eye.at;
    let mut draws: Vec<(f64, Draw)> = scene
        .drawn()
        .map(|(_, held)| {
            let d = distance(eye, &held.gpu);
            let draw = Draw {
                tile: held.gpu.clone(),
                base: held.base,
                kind: kind_of(held.group),
                opacity: match held.group {
                    Group::Ground => opacity.ground,
                    Group::Buildings => opacity.buildings,
                    _ => 1.0,
                },
                coarse: d > 500.0,
                edges: held.gpu.edges.is_some() && d < if held.group == Group::Ground { 700.0 } else { 1600.0 },
            };
            (d, draw)
        })
        .collect();
    draws.sort_by(|a, b| a.0.total_cmp(&b.0));
    let draws: Vec<Draw> = draws.into_iter().map(|(_, draw)| draw).collect();
    let reach = view.shadow_reach();
    // Everything held near the view casts, also what stands behind the eye.
    let casters = scene
        .tiles
        .values()
        .filter(|held| !held.group.is_buried() && wish.shows(held.group) && distance(view.shadow_centre(), &held.gpu) < reach + 400.0)
        .map(|held| Draw { tile: held.gpu.clone(), base: held.base, kind: kind_of(held.group), opacity: 1.0, coarse: true, edges: false });
    drawing.casters = Arc::new(if drawing.frame.shadow[0] > 0.5 { casters.collect() } else { Vec::new() });
    drawing.tiles = Arc::new(draws);
}

fn distance(eye: DVec3, tile: &GpuTile) -> f64 {
    let at = DVec3::from(tile.origin);
    let (min, max) = (at + Vec3::from(tile.min).as_dvec3(), at + Vec3::from(tile.max).as_dvec3());
    (min - eye).max(eye - max).max(DVec3::ZERO).length()
}
