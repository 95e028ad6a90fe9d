//! `citytwin load` killed with `kill -9` in every phase, the whole command and not the store alone: whole revisions only, the
//! same command again completes it to what an undisturbed load makes, `--undo` brings back the state before, hash for hash.
//!
//! The same on a disk that loses what was not synced (`tests/faults/disk`). Which phase a kill fell into is read from a copy
//! of what it left, with plain sqlite3; a phase that was never met fails the test. Another program has the city open, so that
//! the load makes way for it: many short links; in a new city it is alone and takes long ones. `CITYTWIN_SOAK=400` makes it 50
//! kills each.

mod loading;

use citytwin_catalogue::Catalogue;
use citytwin_store::{AsOf, LoadState, Store, verify};
use loading::Place;
use loading::disk::{Disk, Kill, seen};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Enough of each that its index is set aside, and of both for some links of 40 ms.
const HYDRANTS: usize = 4900;
const PIPES: usize = 1100;
/// As the load's row has it when all of them have landed.
const ALL_ADDED: &str = r#"{"added":6000,"#;
/// So many that the helper still streams while links land.
const MANY_HYDRANTS: usize = 64_000;
/// An operation that no turn comes to: the kill is when the lock is let go.
const LET_GO: u64 = u64::MAX;

/// What the load was doing, in the order in which it does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// The city is made or opened; the helper may be at work.
    BeforeTheLoad,
    /// The load has its number and nothing else.
    BeforeTheFirstLink,
    InALink,
    BetweenLinks,
    /// All records have landed; references find their targets.
    Linking,
    Packing,
    /// All is done but for saying so.
    AfterTheLast,
    Complete,
}

use Phase::*;

/// The file that is loaded, the city before, and what an undisturbed load makes of it.
struct Scene {
    place: Place,
    survey: PathBuf,
    hydrants: usize,
    /// Fingerprints of the city before, and after.
    before: String,
    after: String,
    /// How often the undisturbed load took the write lock, its file operations, how long it took.
    turns: u64,
    operations: u64,
    took: Duration,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| Scene::of(HYDRANTS))
}

impl Scene {
    fn of(hydrants: usize) -> Self {
        let place = Place::new();
        let survey = survey(&place, hydrants);
        let base: Vec<String> = (0..40).map(|i| hydrant(&format!("B-{i}"), i + 5000, "P-1")).collect();
        let base = place.file("hydrant.geojson", &collection(&base));
        place.loaded(0, &base, &["--source", "before"]);
        let recorder = place.folder.path().join("recorder");
        let undisturbed = Place::new();
        copy_city(&place.city(), &undisturbed.city());
        let guest = Guest::of(&undisturbed.city());
        let mut load = undisturbed.command(&survey, &[]);
        Disk::plain().below(&mut load, &undisturbed.city(), &recorder);
        let start = Instant::now();
        let output = load.output().unwrap();
        let took = start.elapsed();
        drop(guest);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(&format!("added {},", hydrants + PIPES)) && output.status.code() == Some(0), "{said}");
        let seen = seen(&recorder);
        Scene {
            survey,
            before: fingerprint(&place.city()),
            after: fingerprint(&undisturbed.city()),
            turns: seen.turns,
            operations: seen.operations,
            took,
            hydrants,
            place,
        }
    }
}

/// A city that the load makes: its fingerprints with all of the load taken back, and after it.
fn emptied_and_after() -> &'static (String, String) {
    static CITY: OnceLock<(String, String)> = OnceLock::new();
    CITY.get_or_init(|| {
        let new = Place::new();
        new.loaded(0, &scene().survey, &[]);
        let after = fingerprint(&new.city());
        let undone = undo(&new.city(), 1).output().unwrap();
        assert!(undone.status.success(), "{}", String::from_utf8_lossy(&undone.stderr));
        (fingerprint(&new.city()), after)
    })
}

/// Another program that has the city open; it dies with the load.
struct Guest(Child);

impl Guest {
    fn of(city: &Path) -> Self {
        const SCRIPT: &str = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1])
db.execute('SELECT count(*) FROM ct_rev').fetchone()
print('open',flush=True)
sys.stdin.read()";
        let mut guest = Command::new("python3");
        guest.args(["-c", SCRIPT]).arg(city.join("city.gpkg")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut guest = guest.spawn().expect("python3 runs");
        let mut line = String::new();
        BufReader::new(guest.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "open");
        Self(guest)
    }
}

impl Drop for Guest {
    /// By `kill -9` too: who closes a store in peace writes its log back.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// By the disk, or from outside; any other signal is a fault of the disk or the program.
fn was_killed(output: &Output) -> bool {
    let signal = output.status.signal();
    assert!(matches!(signal, None | Some(9)), "ended by signal {signal:?}: {}", String::from_utf8_lossy(&output.stderr));
    signal == Some(9)
}

fn undo(city: &Path, load: i64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
    command.args(["load", "--undo", &load.to_string(), "--city"]).arg(city);
    command.env("LANG", "en_US.UTF-8").env_remove("LC_ALL");
    command
}

fn hydrant(code: &str, i: usize, pipe: &str) -> String {
    let at = [116.0 + (i % 100) as f64 * 1e-4, 30.0 + (i / 100) as f64 * 1e-4];
    let properties = json!({ "code": code, "diameter_mm": 100, "pipe": pipe, "owner": "模拟数据" });
    json!({ "type": "Feature", "properties": properties, "geometry": { "type": "Point", "coordinates": at } }).to_string()
}

fn collection(features: &[String]) -> String {
    format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","))
}

/// Hydrants first, which name pipes that come after them: references are found at the end.
fn survey(place: &Place, hydrants: usize) -> PathBuf {
    let hydrants: Vec<String> = (0..hydrants).map(|i| hydrant(&format!("H-{i}"), i, &format!("P-{}", i % PIPES))).collect();
    let pipe = |i: usize| {
        let (lon, lat) = (116.0 + (i % 50) as f64 * 2e-4, 30.0 + (i / 50) as f64 * 2e-4);
        json!({ "type": "Feature", "properties": { "code": format!("P-{i}") },
            "geometry": { "type": "LineString", "coordinates": [[lon, lat, 1.0], [lon + 1e-4, lat, 1.5]] } })
        .to_string()
    };
    let pipes: Vec<String> = (0..PIPES).map(pipe).collect();
    let to = place.folder.path().join("survey.gpkg");
    for (layer, features) in [("hydrant", hydrants), ("water_pipe", pipes)] {
        let from = place.file(&format!("{layer}.all.geojson"), &collection(&features));
        let made = Command::new("ogr2ogr").args(["-update", "-append", "-f", "GPKG", "-nln", layer]).arg(&to).arg(&from).output();
        let made = made.expect("ogr2ogr runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    to
}

fn copy_city(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn open(city: &Path) -> Result<Store, String> {
    Store::open(city, &Catalogue::builtin().classes).map_err(|e| e.to_string())
}

fn fingerprint(city: &Path) -> String {
    try_fingerprint(city).unwrap()
}

fn try_fingerprint(city: &Path) -> Result<String, String> {
    let store = open(city)?;
    let head = store.head().map_err(|e| e.to_string())?;
    store.fingerprint(AsOf::Revision(head)).map_err(|e| e.to_string())
}

/// What a copy of the city says to plain sqlite3, so that the city itself is first opened by our program again.
fn left(place: &Place) -> Json {
    const SCRIPT: &str = r#"import json,sqlite3,sys
db=sqlite3.connect(sys.argv[1])
one=lambda sql: (db.execute(sql).fetchone() or [None])[0]
codes=lambda table,first: [r[0] for r in db.execute(f'SELECT code FROM {table} WHERE code LIKE ? ORDER BY fid',(first+'-%',))]
h,p=codes('hydrant','H'),codes('water_pipe','P')
print(json.dumps({
 'whole': one('PRAGMA integrity_check'),
 'state': one("SELECT state FROM ct_load WHERE file='survey.gpkg' ORDER BY id DESC LIMIT 1"),
 'links': one('SELECT count(*) FROM ct_rev WHERE load_id=(SELECT max(id) FROM ct_load)'),
 'hydrants': len(h), 'pipes': len(p),
 'in_order': h==[f'H-{i}' for i in range(len(h))] and p==[f'P-{i}' for i in range(len(p))],
 'aside': one('SELECT count(*) FROM ct_class WHERE aside NOT NULL'),
 'unlinked': one('SELECT count(*) FROM ct_unlinked')}))"#;
    if !place.city().join("city.gpkg").exists() {
        return json!({ "whole": "ok", "state": null, "hydrants": 0, "pipes": 0, "in_order": true });
    }
    let copy = tempfile::tempdir().unwrap();
    for name in ["city.gpkg", "city.gpkg-wal", "city.gpkg-journal"] {
        let from = place.city().join(name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    let output = Command::new("python3").args(["-c", SCRIPT]).arg(copy.path().join("city.gpkg")).output().expect("python3 runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| json!({ "whole": String::from_utf8_lossy(&output.stderr) }))
}

fn phase(scene: &Scene, left: &Json, writing: bool) -> Phase {
    let number = |key: &str| left[key].as_u64().unwrap_or(0);
    let landed = number("hydrants") + number("pipes");
    match left["state"].as_str() {
        None => BeforeTheLoad,
        Some("complete") => Complete,
        Some(_) if landed == 0 && !writing => BeforeTheFirstLink,
        Some(_) if landed < (scene.hydrants + PIPES) as u64 => {
            if writing {
                InALink
            } else {
                BetweenLinks
            }
        }
        Some(_) if number("unlinked") > 0 => Linking,
        Some(_) if number("aside") > 0 => Packing,
        Some(_) => AfterTheLast,
    }
}

/// Where the next kill is aimed at.
#[derive(Clone, Copy, Debug)]
enum Aim {
    At(Kill),
    /// From outside, after so long.
    After(Duration),
}

struct Round<'s> {
    place: Place,
    before: &'s str,
    after: &'s str,
    phase: Phase,
    /// It did not come to its end before.
    killed: bool,
    turn: u64,
    left: Json,
    /// What the load had said, if it was at its end.
    said: String,
}

/// One load, killed.
fn killed<'s>(scene: &'s Scene, disk: &Disk, aim: Aim, new_city: bool) -> Round<'s> {
    let place = Place::new();
    let guest = (!new_city).then(|| {
        copy_city(&scene.place.city(), &place.city());
        Guest::of(&place.city())
    });
    let recorder = place.folder.path().join("recorder");
    let mut load = place.command(&scene.survey, &[]);
    let disk = Disk { kill: if let Aim::At(kill) = aim { kill } else { Kill::Never }, ..disk.clone() };
    disk.below(&mut load, &place.city(), &recorder);
    let mut load = load.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Aim::After(time) = aim {
        std::thread::sleep(time);
        load.kill().unwrap();
    }
    let output = load.wait_with_output().unwrap();
    drop(guest);
    let (seen, left) = (seen(&recorder), left(&place));
    let (before, after) = if new_city { (&emptied_and_after().0, &emptied_and_after().1) } else { (&scene.before, &scene.after) };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (phase, killed) = (phase(scene, &left, seen.writing), was_killed(&output));
    Round { place, before, after, phase, killed, turn: seen.turns, left, said }
}

/// Everything that was promised of a broken-off load: each line is a promise broken. Beside them, how many undos were killed.
fn broken_promises(scene: &Scene, round: &Round, undo_disk: Option<Disk>) -> (Vec<String>, u32) {
    let (place, city) = (&round.place, round.place.city());
    let (mut broken, mut undos_killed) = (Vec::new(), 0);
    let mut check = |what: &str, holds: bool, found: &dyn std::fmt::Display| {
        if !holds {
            broken.push(format!("{what}: {found}"));
        }
    };
    check("the file is damaged", round.left["whole"] == "ok", &round.left["whole"]);
    check("records are missing in between", round.left["in_order"] == true, &round.left);
    let pipes_first = round.left["pipes"].as_u64() > Some(0) && round.left["hydrants"].as_u64() < Some(scene.hydrants as u64);
    check("pipes before the last hydrant", !pipes_first, &round.left);
    check("said to be done and is not", !round.said.contains(" done: ") || round.phase == Complete, &round.left);
    let books = |aside_is_right: bool| match verify(&city) {
        Ok(findings) => findings.iter().filter(|f| !(aside_is_right && f.key == "aside")).map(ToString::to_string).collect::<String>(),
        Err(error) => error.to_string(),
    };
    if city.join("city.gpkg").exists() {
        let found = books(true);
        check("the books", found.is_empty(), &found);
    }
    let output = place.command(&scene.survey, &[]).output().unwrap();
    check("the repeated load", output.status.code() == Some(0), &String::from_utf8_lossy(&output.stderr));
    let found = try_fingerprint(&city).unwrap_or_else(|e| e);
    check("after the repeated load it is another city", found == round.after, &found);
    let found = books(false);
    check("the books after the repeated load", found.is_empty(), &found);
    let recorder = place.folder.path().join("recorder");
    let loads = open(&city).and_then(|store| store.loads().map_err(|e| e.to_string())).unwrap_or_default();
    for load in loads.iter().filter(|load| load.file == "survey.gpkg" && load.state != LoadState::Undone) {
        if let Some(disk) = &undo_disk {
            let mut command = undo(&city, load.id);
            disk.below(&mut command, &city, &recorder);
            undos_killed += u32::from(was_killed(&command.output().unwrap()));
        }
        let output = undo(&city, load.id).output().unwrap();
        // What the kill came too late for is taken back already.
        let again = String::from_utf8_lossy(&output.stderr).into_owned();
        check("the undo", output.status.success() || (undo_disk.is_some() && again.contains("already")), &again);
    }
    let found = try_fingerprint(&city).unwrap_or_else(|e| e);
    check("the undo brings back another city", found == round.before, &found);
    let found = books(false);
    check("the books after the undo", found.is_empty(), &found);
    (broken, undos_killed)
}

/// Rounds by default; a soak has more.
fn rounds(by_default: u32) -> u32 {
    std::env::var("CITYTWIN_SOAK").ok().and_then(|n| n.parse::<u32>().ok()).map_or(by_default, |soak| soak.div_ceil(8).max(by_default))
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n.max(1)
    }
}

fn killed_in_every_phase(mode: &'static str, by_default: u32, wanted: &[Phase]) {
    assert!(ALL_ADDED.contains(&(HYDRANTS + PIPES).to_string()));
    let start = Instant::now();
    let scene = scene();
    let (rounds, mut dice) = (rounds(by_default), Dice(7 + mode.len() as u64));
    let mut met: BTreeMap<Phase, u32> = BTreeMap::new();
    let mut where_met: Vec<(u64, Phase)> = Vec::new();
    let (mut kills, mut undos_killed) = (0, 0);
    // The first two are aimed before the first link.
    let mut n = if wanted.contains(&BeforeTheLoad) { 0 } else { 2 };
    let first = n;
    loop {
        let missing = wanted.iter().copied().find(|phase| !met.contains_key(phase));
        if n >= rounds && (missing.is_none() || n >= rounds + 30) {
            break;
        }
        let disk = Disk { mode, seed: dice.below(1 << 30), ..Disk::plain() };
        let (spread, of) = (u64::from(n) + 1, u64::from(rounds) + 1);
        // First one aimed at each phase: the third turn is the first link, and what comes after the last is aimed at in a new
        // city, where turns are few and long. Then spread over the load, by the clock, by file operations, by turns. Then what
        // was not met, between the turns where what comes before and after it was.
        let (aim, new_city) = match (n, missing) {
            (0, _) => (Aim::At(Kill::Operation(dice.below(30) + 1)), true),
            (1, _) => (Aim::At(Kill::Turn(2, LET_GO)), false),
            (2, _) => (Aim::At(Kill::Turn(3, LET_GO)), false),
            (3, _) => (Aim::At(Kill::Turn(3, dice.below(3))), false),
            // Where it says that it is complete; in a city without another load that says so.
            (4, _) | (_, Some(AfterTheLast)) => (Aim::At(Kill::Text("complete{")), true),
            (5, _) | (_, Some(Linking)) => (Aim::At(Kill::After(ALL_ADDED, 1)), true),
            (6, _) | (_, Some(Packing)) => (Aim::At(Kill::After(ALL_ADDED, 4 + u64::from(n) % 4)), true),
            (_, Some(phase)) if n >= rounds => {
                let below = where_met.iter().filter(|(_, p)| *p < phase).map(|(turn, _)| *turn).max().unwrap_or(1);
                let above = where_met.iter().filter(|(_, p)| *p > phase).map(|(turn, _)| *turn).min().unwrap_or(scene.turns);
                let turn = below.min(above) + dice.below(above.abs_diff(below) + 1);
                // What is between two things holds no lock.
                let between = matches!(phase, BeforeTheFirstLink | BetweenLinks);
                (Aim::At(Kill::Turn(turn, if between { LET_GO } else { dice.below(3) })), false)
            }
            _ => match n % 5 {
                0 => (Aim::After(scene.took.mul_f64(spread as f64 / of as f64)), n % 3 == 0),
                1 => (Aim::At(Kill::Operation(1 + scene.operations * spread / of)), n % 3 == 0),
                2 => (Aim::At(Kill::Turn(1 + scene.turns * spread / of, dice.below(12))), false),
                3 => (Aim::At(Kill::Turn(1 + scene.turns * spread / of, LET_GO)), false),
                _ => (Aim::At(Kill::After(ALL_ADDED, 1 + dice.below(10))), n % 2 == 0),
            },
        };
        let round = killed(scene, &disk, aim, new_city);
        if !new_city {
            where_met.push((round.turn, round.phase));
        }
        if round.killed {
            *met.entry(round.phase).or_default() += 1;
            kills += 1;
        }
        let undo = (n % 3 == 0).then(|| Disk { kill: Kill::Turn(2 + dice.below(4), dice.below(3)), ..disk.clone() });
        eprintln!("{mode} {n}: {aim:?} fell {:?}", round.phase);
        let (broken, undos) = broken_promises(scene, &round, undo);
        undos_killed += undos;
        assert!(broken.is_empty(), "{mode}, round {n}, {aim:?}, killed {:?}: {broken:#?}", round.phase);
        n += 1;
    }
    let secs = start.elapsed().as_secs_f64();
    println!("{mode}: {} loads, {kills} killed {met:?}, {undos_killed} undos killed too, nothing lost ({secs:.1} s)", n - first);
    for phase in wanted {
        assert!(met.contains_key(phase), "no kill {phase:?}: {met:?}");
    }
}

const ALL: [Phase; 7] = [BeforeTheLoad, BeforeTheFirstLink, InALink, BetweenLinks, Linking, Packing, AfterTheLast];

#[test]
fn killed_in_any_phase_it_leaves_whole_revisions_and_can_be_completed_and_undone() {
    killed_in_every_phase("plain", 7, &ALL);
}

#[test]
fn so_it_does_on_a_disk_that_loses_what_was_not_synced() {
    killed_in_every_phase("drop", 7, &ALL);
}

#[test]
fn so_it_does_on_a_disk_that_loses_some_of_it() {
    killed_in_every_phase("torn", 4, &[InALink, BetweenLinks]);
}

/// The disk must be able to lose: one that only says that it syncs, as with `synchronous=OFF`, is found out.
#[test]
fn a_disk_that_does_not_sync_costs_what_was_promised() {
    let scene = scene();
    let mut broken = Vec::new();
    for seed in 0..2 {
        let disk = Disk { mode: "lies", seed, ..Disk::plain() };
        let round = killed(scene, &disk, Aim::At(Kill::Turn(scene.turns.saturating_sub(4 * seed), LET_GO)), false);
        broken.extend(broken_promises(scene, &round, None).0);
    }
    println!("lies: {} promises broken, such as {:?}", broken.len(), broken.first());
    assert!(!broken.is_empty(), "a power cut without syncing must cost something; the disk does not lose");
}

fn child_of(pid: u32) -> Option<u32> {
    let children = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let mut children = children.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    children.find_map(|list| list.split_whitespace().next()?.parse().ok())
}

/// Only the helper dies: the load says so and ends by itself, with what has landed whole.
#[test]
fn a_helper_killed_in_mid_stream_is_said_and_the_load_can_be_completed() {
    let scene = Scene::of(MANY_HYDRANTS);
    let mut met: BTreeMap<Phase, u32> = BTreeMap::new();
    let rounds = u64::from(rounds(2));
    for n in 0..rounds {
        let place = Place::new();
        copy_city(&scene.place.city(), &place.city());
        let guest = Guest::of(&place.city());
        let recorder = place.folder.path().join("recorder");
        let mut command = place.command(&scene.survey, &[]);
        Disk::plain().below(&mut command, &place.city(), &recorder);
        let mut load = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // As soon as it is there, or when the load has taken its nth turn: the first three open the city and begin the load.
        let turn = [0, 4, 3][n as usize % 3];
        let helper = loop {
            match child_of(load.id()) {
                Some(helper) if seen(&recorder).turns >= turn => break helper,
                _ if load.try_wait().unwrap().is_some() => panic!("the load ended before its turn {turn}"),
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        assert!(Command::new("kill").args(["-9", &helper.to_string()]).status().unwrap().success());
        let output = load.wait_with_output().unwrap();
        drop(guest);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let left = left(&place);
        let phase = phase(&scene, &left, false);
        *met.entry(phase).or_default() += 1;
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("the reader ended before its time"), "{said}");
        let state = left["state"].as_str();
        assert!(state.is_none() || state == Some("broken off"), "{left}");
        let round = Round { place, before: &scene.before, after: &scene.after, phase, killed: false, turn: 0, left, said: String::new() };
        let (broken, _) = broken_promises(&scene, &round, None);
        assert!(broken.is_empty(), "helper killed at turn {turn}, {phase:?}: {broken:#?}");
    }
    println!("{rounds} helpers killed, loads {met:?}, nothing lost");
    assert!(met.contains_key(&BeforeTheLoad) && met.contains_key(&BetweenLinks), "{met:?}");
}
