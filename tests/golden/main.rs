//! Pictures of a small town, taken without a window on the software rasteriser (lavapipe), held against golden ones and
//! against an independent calculation of what must be where.
//!
//! `CITYTWIN_BLESS=1 cargo test -p citytwin-viewer --test golden` takes the goldens anew. They belong to lavapipe: on
//! another adapter the comparison is left out, and says so; with CI set that is a failure.

mod compare;
mod oracle;
mod server;
#[path = "../../tiles/tests/support/mod.rs"]
mod support;
mod town;

use bevy::render::renderer::RenderAdapterInfo;
use citytwin_model::{City as _, FeatureId, class::Group};
use citytwin_viewer::app::Options;
use citytwin_viewer::camera::Looking;
use citytwin_viewer::city::City;
use citytwin_viewer::labels::Labels;
use citytwin_viewer::pick;
use citytwin_viewer::scene::{Looked, Scene};
use citytwin_viewer::screenshot::{Picture, Studio};
use citytwin_viewer::wish::Wish;
use citytwin_wire::link::Link;
use oracle::View;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use support::{ORIGIN, Village};
use town::Landmarks;

const SIZE: (u32, u32) = (800, 500);
const PATIENCE: Duration = Duration::from_secs(120);
/// Share of pixels that may differ from the golden: edges that fall on the other side of a sample.
const TOLERANCE: f64 = 0.002;

/// From the south over the streets to the lake.
const OVERVIEW: &str = "lon=116.0006&lat=29.9966&height=205&heading=353&pitch=-21&lang=zh";
const UNDERGROUND: &str = "lon=116.0004&lat=29.9988&height=92&heading=350&pitch=-27&underground=1&lang=zh";

fn risk(id: FeatureId) -> u8 {
    match (id.class.0, id.fid % 4) {
        (40, 0) | (50, 1) => 220,
        (40, 1) | (50, 2) => 120,
        (40 | 50, 3) => 255,
        _ => 20,
    }
}

struct Stage {
    studio: Studio,
    server: server::Server,
    marks: Landmarks,
    at: Village,
    link: Link,
    /// One picture at a time: they share the processor.
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    fn open(link: &str, samples: u32) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (village, marks) = town::build();
        let server = server::Server::start(village, risk);
        let link = Link::parse(link);
        let options = Options { server: server.url.clone(), link: link.clone(), samples: Some(samples), quiet: true, ..Options::default() };
        let mut studio = Studio::open(options, SIZE);
        studio.show_panels(false);
        Self { studio, server, marks, at: Village::empty(), link, _turn: turn }
    }

    fn picture(&mut self) -> Picture {
        self.studio.settle(PATIENCE).expect("the view is complete");
        self.studio.take().expect("a picture")
    }

    fn wish(&mut self, change: impl FnOnce(&mut Wish)) {
        change(&mut self.studio.world().resource_mut::<Wish>());
    }

    fn view(&self) -> View {
        let l = &self.link;
        let number = |n: Option<f64>| n.expect("the test's link names it");
        View {
            lon: number(l.lon),
            lat: number(l.lat),
            height: number(l.height),
            heading: number(l.heading),
            pitch: number(l.pitch),
            size: SIZE,
        }
    }

    /// Where the oracle says that a place (metres in the plane, height in the datum) is.
    fn pixel_of(&self, east: f64, north: f64, height: f64) -> (u32, u32) {
        let at = self.at.at(east, north);
        let (x, y) = oracle::pixel(&self.view(), [at.lon, at.lat, height], [ORIGIN.lon, ORIGIN.lat]).expect("before the eye");
        assert!(x > 2.0 && y > 2.0 && x < f64::from(SIZE.0) - 2.0 && y < f64::from(SIZE.1) - 2.0, "{x} {y} is in the picture");
        (x.round() as u32, y.round() as u32)
    }

    fn ground(&self, east: f64, north: f64) -> f64 {
        self.at.ground_height(self.at.at(east, north)).expect("there is terrain")
    }

    /// The feature drawn at a pixel of a picture of ids.
    fn drawn(&mut self, ids: &Picture, (x, y): (u32, u32)) -> Option<FeatureId> {
        let [r, g, b, _] = ids.pixel(x, y);
        let number = u32::from(r) | u32::from(g) << 8 | u32::from(b) << 16;
        let texel = number.checked_sub(1)?;
        let world = self.studio.world();
        world.resource::<Looked>().0.feature_of_texel(texel)
    }

    /// The feature picked at a pixel, by the processor's ray.
    fn picked(&mut self, (x, y): (u32, u32)) -> Option<FeatureId> {
        let world = self.studio.world();
        let (scene, looked, looking) = (world.resource::<Scene>(), world.resource::<Looked>(), world.resource::<Looking>());
        let through = world.resource::<Wish>().underground(world.resource::<City>(), looking);
        let ray = looking.ray(bevy::math::DVec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5));
        pick::cast(scene, &looked.0, looking.eye.at, ray, through)?.feature
    }

    fn is_lavapipe(&mut self) -> bool {
        let name = self.studio.world().resource::<RenderAdapterInfo>().name.clone();
        let yes = name.contains("llvmpipe");
        if !yes {
            assert!(std::env::var_os("CI").is_none(), "goldens belong to lavapipe, and this is {name}; install mesa-vulkan-drivers");
            eprintln!("skipped: goldens belong to lavapipe, and this is {name}");
        }
        yes
    }
}

fn golden_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(format!("{name}.png"))
}

fn golden(name: &str, picture: &Picture) -> Picture {
    let path = golden_path(name);
    if std::env::var_os("CITYTWIN_BLESS").is_some() {
        picture.save(&path).expect("the golden can be written");
    }
    compare::load(&path).unwrap_or_else(|| panic!("{} is missing; CITYTWIN_BLESS=1 takes it", path.display()))
}

/// Keeps the picture that failed beside the target folder's other products.
fn assert_like(name: &str, picture: &Picture, golden: &Picture) {
    let difference = compare::difference(picture, golden);
    if difference > TOLERANCE {
        let path = std::env::temp_dir().join(format!("citytwin-golden-{name}.png"));
        picture.save(&path).expect("the picture can be written");
        panic!(
            "{name}: {:.3} % of the pixels differ (allowed {:.3} %); the picture is {}",
            difference * 100.0,
            TOLERANCE * 100.0,
            path.display()
        );
    }
}

#[test]
fn the_overview_looks_as_it_did_and_its_mutants_do_not() {
    let mut stage = Stage::open(OVERVIEW, 4);
    let picture = stage.picture();
    if !stage.is_lavapipe() {
        return;
    }
    let golden = golden("overview", &picture);
    assert_like("overview", &picture, &golden);
    assert!(compare::difference(&compare::shifted(&picture, 2), &golden) > TOLERANCE * 2.0, "two pixels aside is seen");
    stage.wish(|wish| _ = wish.hidden.insert(Group::Buildings));
    let without = stage.picture();
    assert!(compare::difference(&without, &golden) > TOLERANCE * 2.0, "a hidden class is seen");
}

#[test]
fn chinese_names_are_words_and_not_boxes() {
    let mut stage = Stage::open(OVERVIEW, 4);
    let named = stage.picture();
    let placed = stage.studio.world().resource::<Labels>().placed.clone();
    stage.wish(|wish| wish.labels = false);
    let mute = stage.picture();
    let ink = |name: &str| -> Vec<bool> {
        let label = placed.iter().find(|label| label.text == name).unwrap_or_else(|| panic!("{name} is in the picture: {placed:?}"));
        let (x, y) = (label.x.round() as u32, label.y.round() as u32);
        let pixels = (y - 24..y - 4).flat_map(|y| (x - 22..x + 22).map(move |x| (x, y)));
        pixels.map(|(x, y)| named.pixel(x, y)[..3].iter().zip(&mute.pixel(x, y)[..3]).any(|(a, b)| a.abs_diff(*b) > 60)).collect()
    };
    let (road, bridge) = (ink("人民路"), ink("长虹桥"));
    for (name, drawn) in [("road", &road), ("bridge", &bridge)] {
        let share = drawn.iter().filter(|d| **d).count() as f64 / drawn.len() as f64;
        assert!((0.05..0.6).contains(&share), "{name}: {share:.2} of its place is ink");
    }
    // Signs that a font lacks are all the same box.
    let unlike = road.iter().zip(&bridge).filter(|(a, b)| a != b).count() as f64 / road.len() as f64;
    assert!(unlike > 0.08, "two names of three signs look alike: {unlike:.3}");
}

#[test]
fn below_ground_looks_as_it_did_and_risk_is_another_picture() {
    let mut stage = Stage::open(UNDERGROUND, 4);
    let picture = stage.picture();
    if !stage.is_lavapipe() {
        return;
    }
    let below = golden("underground", &picture);
    assert_like("underground", &picture, &below);
    stage.wish(|wish| wish.overlay = Some("risk".to_owned()));
    let risky = stage.picture();
    assert_like("risk", &risky, &golden("risk", &risky));
    assert!(compare::difference(&risky, &below) > TOLERANCE * 2.0, "the overlay is seen");
}

#[test]
fn what_is_drawn_and_what_is_picked_is_where_geodesy_says() {
    let mut stage = Stage::open(OVERVIEW, 1);
    stage.wish(|wish| {
        wish.ids = true;
        wish.labels = false;
    });
    let ids = stage.picture();
    let marks = stage.marks;
    let [west, south, width, depth] = town::TOWER;
    let roof = stage.ground(west + width / 2.0, south + depth / 2.0) + town::TOWER_HEIGHT_M;
    // Just inside each corner of the roof, and outside of the two that stand against the sky or the street.
    for (e, n) in [(0.08, 0.08), (0.92, 0.08), (0.08, 0.92), (0.92, 0.92)] {
        let at = stage.pixel_of(west + width * e, south + depth * n, roof - 0.4);
        assert_eq!(stage.drawn(&ids, at), Some(marks.tower), "roof corner {e} {n} at {at:?}");
        assert_eq!(stage.picked(at), Some(marks.tower));
    }
    for e in [-0.12, 1.12] {
        let at = stage.pixel_of(west + width * e, south, roof - 2.0);
        assert_ne!(stage.drawn(&ids, at), Some(marks.tower), "beside the tower at {at:?}");
        assert_ne!(stage.picked(at), Some(marks.tower));
    }
    // The house behind the tower is in the picture's frustum, but something stands before it.
    let [w, s, wide, deep] = town::LOW_HOUSE;
    let hidden = stage.pixel_of(w + wide / 2.0, s + deep / 2.0, stage.ground(w, s) + town::LOW_HOUSE_HEIGHT_M / 2.0);
    assert_ne!(stage.drawn(&ids, hidden), Some(marks.low_house));
    assert_ne!(stage.picked(hidden), Some(marks.low_house));
    // Nor is a pipe seen through the street.
    let [a, b] = town::WATER_MAIN;
    let middle: [f64; 3] = std::array::from_fn(|i| (a[i] + b[i]) / 2.0);
    let pipe = stage.pixel_of(middle[0] + 30.0, middle[1] + 0.5, middle[2]);
    assert_ne!(stage.drawn(&ids, pipe), Some(marks.water_main));
    assert_ne!(stage.picked(pipe), Some(marks.water_main));
    // A hidden feature is neither drawn nor picked, and what stands behind it is.
    let at = stage.pixel_of(west + width / 2.0, south, roof - 30.0);
    assert_eq!(stage.drawn(&ids, at), Some(marks.tower));
    stage.studio.world().resource_mut::<Looked>().0.show_feature(marks.tower, false);
    let ids = stage.picture();
    assert_ne!(stage.drawn(&ids, at), Some(marks.tower));
    assert_ne!(stage.picked(at), Some(marks.tower));
}

#[test]
fn with_the_ground_see_through_pipes_are_drawn_and_picked_where_they_lie() {
    let mut stage = Stage::open(UNDERGROUND, 1);
    stage.wish(|wish| {
        wish.ids = true;
        wish.labels = false;
        // In a picture of ids nothing is see-through: what stands before the pipes is switched off.
        wish.hidden.extend([Group::Ground, Group::Buildings, Group::Furniture]);
    });
    let ids = stage.picture();
    let marks = stage.marks;
    let [a, b] = town::WATER_MAIN;
    for t in [0.44, 0.53, 0.57] {
        let p: [f64; 3] = std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t);
        // The line on the map between two points of the plane; over 360 m the difference is below a millimetre.
        let at = stage.pixel_of(p[0], p[1], p[2]);
        assert_eq!(stage.drawn(&ids, at), Some(marks.water_main), "{t} at {at:?}");
        assert_eq!(stage.picked(at), Some(marks.water_main));
    }
    let beside = stage.pixel_of(3.0, -34.0, 27.4);
    assert_eq!(stage.drawn(&ids, beside), None);
    assert_eq!(stage.picked(beside), None);
}

#[test]
fn an_alarm_turns_its_host_red_within_a_second() {
    let mut stage = Stage::open("lon=115.999585&lat=29.999603&height=36&heading=0&pitch=-15&lang=zh", 1);
    stage.wish(|wish| wish.labels = false);
    let before = stage.picture();
    let hydrant = stage.marks.hydrant;
    let at = stage.at.at(town::HYDRANT[0], town::HYDRANT[1]);
    let [x, z] = [town::HYDRANT[0], stage.ground(town::HYDRANT[0], town::HYDRANT[1])];
    let pixel = stage.pixel_of(x, town::HYDRANT[1], z + 0.45);
    assert_eq!(stage.picked(pixel), Some(hydrant), "the hydrant stands there");
    let said = Instant::now();
    stage.server.say(&serde_json::json!({"type": "delta", "seq": 2, "values": [], "alarms": [{
        "id": 1, "datastream": "P-1", "host": "hydrant.1", "id_host": hydrant.wire(), "severity": "critical", "state": "raised",
        "since": "2026-11-21T08:00:00Z", "limit": 100.0, "direction": "below", "value": 12.0, "unit": "kPa",
        "position": [at.lon, at.lat, z], "label": {"zh": "消火栓压力过低", "en": "Hydrant pressure low"}, "simulated": true}]}));
    while stage.studio.world().resource::<Looked>().0.alarmed().next().is_none() {
        stage.studio.frame();
        assert!(said.elapsed() < Duration::from_secs(1), "the socket's message reaches the texels within a second");
        std::thread::sleep(Duration::from_millis(5));
    }
    let after = stage.picture();
    let ([r, g, b, _], [r0, ..]) = (after.pixel(pixel.0, pixel.1), before.pixel(pixel.0, pixel.1));
    assert!(r > 150 && r > g.saturating_mul(2) && r > b.saturating_mul(2), "red, and not {r} {g} {b} (it was {r0} …)");
}
