//! A first load, the packing of its spatial index, and its undo, killed at many instants: whole revisions only, the repeated
//! load completes it, the undo brings back the state before, hash for hash.

use citytwin_faults::scene::{self, HYDRANT};
use citytwin_store::{AsOf, Edit, LoadState, Store, verify};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Lets the child load and undo until the trap springs, and kills it there; what it was doing.
fn one_life(dir: &Path, mode: &str, trap: &str, seed: u64) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_citytwin-faults-child"))
        .arg(dir)
        .args([mode, "full", &seed.to_string(), trap, "loads"])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut doing = "opening".to_owned();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.split_once(' ') {
            Some(("begin", what)) => doing = what.to_owned(),
            Some(("trap", _)) => {
                child.kill().unwrap();
                break;
            }
            _ if line == "idle" => doing = "idle".to_owned(),
            _ if line == "end" => doing = "end".to_owned(),
            _ => {}
        }
    }
    child.wait().unwrap();
    doing
}

fn fingerprint(store: &Store) -> String {
    store.fingerprint(AsOf::Revision(store.head().unwrap())).unwrap()
}

/// What is wrong with the books, but for an index that is aside.
fn wrong(dir: &Path, aside_is_right: bool) -> Vec<String> {
    verify(dir).unwrap().iter().filter(|f| !(aside_is_right && f.key == "aside")).map(ToString::to_string).collect()
}

fn load(store: &Store) -> i64 {
    let mut load = store.begin_load(scene::survey()).unwrap();
    for record in scene::survey_records() {
        load.add(record).unwrap();
    }
    let summary = load.finish().unwrap();
    assert_eq!(summary.counts.added + summary.counts.unchanged, scene::survey_records().count() as u64);
    summary.id
}

fn killed_anywhere(mode: &str, rounds: u32, seed: u64) {
    let rounds = std::env::var("CITYTWIN_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(rounds);
    let mut random = seed | 1;
    let mut below = move |n: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % n
    };
    let mut kills: BTreeMap<String, u32> = BTreeMap::new();
    for round in 0..rounds {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        scene::create(dir);
        let before = {
            let store = Store::open(dir, &scene::classes()).unwrap();
            let hydrant = |n| Edit::Create {
                class: HYDRANT,
                geometry: scene::place(n),
                attributes: scene::attributes(&format!("H-{n}"), 1),
                other: None,
            };
            store.write("gis", "test", &(1..=20).map(hydrant).collect::<Vec<_>>()).unwrap();
            fingerprint(&store)
        };
        // How many writes and syncs each phase has hangs on how fast the machine is: a third of the kills is aimed at each of
        // the two short ones, the rest falls where it falls.
        let trap = match round % 3 {
            0 => format!("load:{}", below(600) + 1),
            1 => format!("packing:{}", below(100) + 1),
            _ => format!("operation:{}", below(9000) + 1),
        };
        let doing = one_life(dir, mode, &trap, below(1 << 32));
        *kills.entry(doing.clone()).or_default() += 1;
        let at = format!("{mode}, round {round}, killed in {doing}");
        assert_eq!(wrong(dir, true), [""; 0], "{at}");
        let store = Store::open(dir, &scene::classes()).unwrap();
        // An undo that was broken off is completed first; a load that was, by running it again.
        let undoing: Vec<i64> = store.loads().unwrap().iter().filter(|l| l.state == LoadState::Undoing).map(|l| l.id).collect();
        for id in undoing {
            store.undo_load(id, false, "gis", |_| true).unwrap();
            assert_eq!(fingerprint(&store), before, "{at}: the undo completed");
        }
        load(&store);
        assert_eq!(wrong(dir, false), [""; 0], "{at}: after the repeated load");
        let loads: Vec<i64> = store.loads().unwrap().iter().filter(|l| l.state != LoadState::Undone).map(|l| l.id).collect();
        for id in loads {
            store.undo_load(id, false, "gis", |_| true).unwrap();
        }
        assert_eq!(fingerprint(&store), before, "{at}: everything taken back");
        assert_eq!(wrong(dir, false), [""; 0], "{at}: everything taken back");
    }
    println!("{mode}: kills {kills:?}");
    for phase in ["load", "packing", "undo"] {
        assert!(kills.contains_key(phase), "no kill in {phase}: {kills:?}");
    }
}

#[test]
fn a_killed_load_packing_or_undo_leaves_whole_revisions_and_can_be_completed() {
    killed_anywhere("plain", 24, 55);
}

#[test]
fn so_does_one_that_loses_what_was_not_synced() {
    killed_anywhere("drop", 16, 66);
}

#[test]
fn so_does_one_that_loses_some_of_it() {
    killed_anywhere("torn", 10, 77);
}
