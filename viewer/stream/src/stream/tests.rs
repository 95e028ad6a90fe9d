//! The stream against a slow, lossy server and a clock of its own.

use super::*;
use crate::subtree::Known;
use std::collections::BTreeMap;

/// A server with 4 × 4 leaves of 256 m about the origin, which answers late, in another order, and not always.
struct Fake {
    stream: Stream,
    now_ms: u64,
    under_way: BTreeMap<RequestId, (u64, String, What)>,
    fetched: Vec<String>,
    cancelled: usize,
    removed: Vec<TileKey>,
    refuse: fn(&str, u64) -> bool,
    bytes: usize,
    parents: bool,
}

const GROUP: &str = r#"{"asset":{"version":"1.1"},"root":{"boundingVolume":{"box":[0,0,0,32768,0,0,0,32768,0,0,0,50]},"geometricError":512,
    "content":{"uri":"{level}/{x}/{y}.glb"},"implicitTiling":{"subdivisionScheme":"QUADTREE","subtreeLevels":5,"availableLevels":9,
    "subtrees":{"uri":"{level}/{x}/{y}.subtree"}}}}"#;

impl Fake {
    fn new(config: Config) -> Self {
        let mut stream = Stream::new("/3dtiles/buildings/tileset.json", config);
        stream.choose([("buildings".to_owned(), 4.0)]);
        Self {
            stream,
            now_ms: 0,
            under_way: BTreeMap::new(),
            fetched: vec![],
            cancelled: 0,
            removed: vec![],
            refuse: |_, _| false,
            bytes: 1000,
            parents: false,
        }
    }

    fn subtree(&self, root: Cell) -> Subtree {
        let mut subtree = Subtree::default();
        for level in root.level..(root.level + 5).min(9) {
            let cells = 1u32 << level;
            let mid = cells / 2;
            // The cells that the 4 × 4 leaves lie in, at this level.
            let reach = (2 >> (8 - level)).max(1);
            for x in mid.saturating_sub(reach)..(mid + reach).min(cells) {
                for y in mid.saturating_sub(reach)..(mid + reach).min(cells) {
                    let cell = Cell { level, x, y };
                    if cell.subtree_root(5) == root {
                        subtree.tiles.push(Known { cell, content: level == 8 || (self.parents && level == 7), bounds: None });
                    }
                }
            }
        }
        if root.level == 0 {
            for (x, y) in [(15, 15), (15, 16), (16, 15), (16, 16)] {
                subtree.children.push(Cell { level: 5, x, y });
            }
        }
        subtree
    }

    fn step(&mut self, view: &View) {
        for action in self.stream.update(view, self.now_ms) {
            match action {
                Action::Fetch { id, url, what } => {
                    assert!(self.under_way.len() < self.stream.config.in_flight, "no more than allowed at once");
                    self.fetched.push(url.clone());
                    // Between 10 and 150 ms, so that answers overtake each other.
                    self.under_way.insert(id, (self.now_ms + 10 + (id * 7919) % 140, url, what));
                }
                Action::Cancel { id } => {
                    self.cancelled += 1;
                    self.under_way.remove(&id);
                }
                Action::Remove { tile } => self.removed.push(tile),
            }
        }
        self.now_ms += 16;
        let due: Vec<RequestId> = self.under_way.iter().filter(|(_, (at, ..))| *at <= self.now_ms).map(|(id, _)| *id).collect();
        for id in due {
            let (_, url, what) = self.under_way.remove(&id).unwrap();
            let reply = match what {
                _ if (self.refuse)(&url, self.now_ms) => Reply::Failed,
                What::Tileset(_) => Reply::Tileset(Box::new(Tileset::parse(GROUP.as_bytes(), &url).unwrap())),
                What::Subtree(key) => Reply::Subtree(self.subtree(key.cell)),
                What::Content(_) => Reply::Content { bytes: self.bytes },
            };
            self.stream.arrived(id, reply, self.now_ms);
        }
    }

    fn run(&mut self, view: &View) -> usize {
        for _ in 0..3000 {
            self.step(view);
            if self.stream.settled() && self.under_way.is_empty() {
                self.step(view);
                return self.stream.drawn().len();
            }
        }
        panic!("never settled: {:?}", self.stream.statistics());
    }
}

fn from_above(height: f64) -> View {
    View::new([0.0, 0.0, height], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], 60f64.to_radians(), 800.0, 800.0)
}

fn at(east: f64, north: f64, height: f64) -> View {
    View {
        eye: [east, north, height],
        ..View::new([east, north, height], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], 0.3, 800.0, 800.0)
    }
}

#[test]
fn from_above_all_leaves_come_each_once() {
    let mut fake = Fake::new(Config::default());
    assert_eq!(fake.run(&from_above(1500.0)), 16);
    let mut contents: Vec<_> = fake.fetched.iter().filter(|url| url.ends_with(".glb")).collect();
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), 16);
    assert_eq!(fake.fetched.len(), 1 + 5 + 16, "tileset, subtrees, contents, nothing twice: {:?}", fake.fetched);
}

#[test]
fn only_what_is_seen_is_asked_for() {
    let mut fake = Fake::new(Config::default());
    // 0.3 rad from 300 m up sees 45 m either side: one leaf.
    assert_eq!(fake.run(&at(128.0, 128.0, 300.0)), 1);
    assert_eq!(fake.fetched.iter().filter(|url| url.ends_with(".glb")).collect::<Vec<_>>(), ["/3dtiles/buildings/8/128/128.glb"]);
}

#[test]
fn the_tile_in_the_middle_of_the_picture_is_asked_for_first() {
    let mut fake = Fake::new(Config { in_flight: 1, ..Config::default() });
    let mut view = from_above(1500.0);
    view.eye = [300.0, 300.0, 1500.0];
    fake.run(&view);
    let first = fake.fetched.iter().find(|url| url.ends_with(".glb")).unwrap();
    assert_eq!(first, "/3dtiles/buildings/8/129/129.glb");
}

#[test]
fn a_group_that_cannot_be_seen_is_not_loaded() {
    let mut fake = Fake::new(Config::default());
    fake.stream.choose([]);
    for _ in 0..50 {
        fake.step(&from_above(1500.0));
    }
    assert_eq!(fake.fetched, ["/3dtiles/buildings/tileset.json"]);
}

#[test]
fn failures_are_tried_again_with_growing_patience_and_then_given_up_waiting_for() {
    let mut fake = Fake::new(Config::default());
    fake.refuse = |url, now| url.ends_with("/128/128.glb") && now < 20_000;
    fake.run(&from_above(1500.0));
    let tries = fake.fetched.iter().filter(|url| url.ends_with("/128/128.glb")).count();
    assert!((4..12).contains(&tries), "{tries}");
    assert_eq!((fake.stream.drawn().len(), fake.stream.statistics().failing), (15, 1));
    for _ in 0..3000 {
        fake.step(&from_above(1500.0));
    }
    assert_eq!(fake.stream.drawn().len(), 16, "it came once the server had it");
}

#[test]
fn what_the_view_has_left_is_cancelled() {
    let mut fake = Fake::new(Config::default());
    fake.run(&at(-384.0, -384.0, 300.0));
    // To another place, and away before it came.
    fake.step(&from_above(1500.0));
    assert!(!fake.under_way.is_empty());
    for _ in 0..5 {
        fake.now_ms -= 16;
        fake.step(&at(-384.0, -384.0, 300.0));
    }
    assert!(fake.cancelled > 0);
    assert!(fake.run(&from_above(1500.0)) == 16, "and asked for again when it is seen again");
}

#[test]
fn the_budget_holds_and_what_is_near_stays() {
    let mut fake = Fake::new(Config { budget_bytes: 6000, ..Config::default() });
    for _ in 0..2000 {
        fake.step(&from_above(400.0));
    }
    let held = fake.stream.statistics();
    assert!(held.loaded_bytes <= 6000 + 8 * 1000, "at most what is under way goes beyond: {held:?}");
    let mut fake = Fake::new(Config { budget_bytes: 6000, in_flight: 2, ..Config::default() });
    // Walk over the city: the cache turns over, and never grows beyond the budget.
    for step in 0..400 {
        let x = -512.0 + f64::from(step) * 2.5;
        fake.step(&at(x, 128.0, 300.0));
        fake.step(&at(x, -384.0, 300.0));
        assert!(fake.stream.statistics().loaded_bytes <= 6000 + 2 * 1000);
    }
    assert!(!fake.removed.is_empty());
}

#[test]
fn a_parent_stands_in_until_all_its_children_are_here() {
    let mut fake = Fake::new(Config { in_flight: 1, ..Config::default() });
    fake.parents = true;
    let view = from_above(150.0);
    let mut shown_parent = false;
    for _ in 0..3000 {
        fake.step(&view);
        let drawn = fake.stream.drawn();
        let parents: Vec<_> = drawn.iter().filter(|t| t.cell.level == 7).collect();
        shown_parent |= !parents.is_empty();
        for parent in parents {
            assert!(
                !drawn.iter().any(|t| t.cell.level == 8 && (t.cell.x / 2, t.cell.y / 2) == (parent.cell.x, parent.cell.y)),
                "never both"
            );
        }
        if fake.stream.settled() && fake.under_way.is_empty() {
            break;
        }
    }
    assert!(shown_parent);
    assert!(fake.stream.drawn().iter().all(|t| t.cell.level == 8), "{:?}", fake.stream.drawn());
}

#[test]
fn an_edit_brings_the_stale_tile_again_and_no_other_and_no_hole_meanwhile() {
    let mut fake = Fake::new(Config::default());
    fake.run(&from_above(1500.0));
    fake.fetched.clear();
    fake.stream.invalidate(&Aabb { min: [10.0, 10.0, 0.0], max: [20.0, 20.0, 0.0] });
    fake.step(&from_above(1500.0));
    assert_eq!(fake.stream.drawn().len(), 16);
    assert_eq!(fake.run(&from_above(1500.0)), 16);
    assert_eq!(
        fake.fetched.iter().filter(|url| url.ends_with(".glb")).collect::<Vec<_>>(),
        ["/3dtiles/buildings/8/128/128.glb"],
        "{:?}",
        fake.fetched
    );
    assert!(fake.fetched.iter().any(|url| url.ends_with("5/16/16.subtree")), "new cells may have come");
}

#[test]
fn late_answers_to_cancelled_or_unknown_requests_change_nothing() {
    let mut fake = Fake::new(Config::default());
    fake.run(&from_above(1500.0));
    let before = fake.stream.statistics();
    fake.stream.arrived(999_999, Reply::Content { bytes: 5 }, 0);
    fake.stream.arrived(3, Reply::Nothing, 0);
    fake.step(&from_above(1500.0));
    assert_eq!(fake.stream.statistics(), before);
}
