//! Traps that other programs set without meaning to, each with the program itself: a plain sqlite3, GDAL, QGIS.

use citytwin_catalogue::Catalogue;
use citytwin_model::{ClassNo, FeatureId, Geometry, LonLat, Position, Shape, Value};
use citytwin_store::{CityConfig, Edit, Op, Store, verify};
use std::io::Write;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn class_no(id: &str) -> ClassNo {
    Catalogue::builtin().class(id).unwrap().no
}

fn create(id: &str, code: &str, geometry: Option<Geometry>) -> Edit {
    let class = Catalogue::builtin().class(id).unwrap();
    let mut attributes = vec![Value::Null; class.attributes.len()];
    attributes[class.attribute_index("code").unwrap()] = code.into();
    Edit::Create { class: class.no, geometry, attributes, other: None }
}

fn open(dir: &TempDir) -> Store {
    Store::open(dir.path(), &Catalogue::builtin().classes).unwrap()
}

/// Three hydrants and two datastreams.
fn city() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let config = CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 });
    let store = Store::create(dir.path(), &config, &Catalogue::builtin().classes).unwrap();
    let place = |n: u32| Some(Geometry::with_z(Shape::Point(Position::new(116.0 + f64::from(n) * 1e-3, 30.0, 1.0))));
    let mut edits: Vec<Edit> = (1..=3).map(|n| create("hydrant", &format!("H-{n}"), place(n))).collect();
    edits.extend((1..=2).map(|n| create("datastream", &format!("DS-{n}"), None)));
    store.write("gis", "test", &edits).unwrap();
    (dir, store)
}

fn file(dir: &TempDir) -> String {
    dir.path().join("city.gpkg").to_str().unwrap().to_owned()
}

/// `None`, said aloud, when this machine has not got the program. CI must have it.
fn run(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
            println!("skipped: {program} is not installed");
            None
        }
        Err(e) => panic!("{program}: {e}"),
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// What happened to a feature, and what it was called at each time.
fn story(store: &Store, class: &str, fid: u32) -> Vec<(Op, Option<String>)> {
    let entry = Catalogue::builtin().class(class).unwrap();
    let code = |v: &citytwin_store::Version| v.feature.as_ref().and_then(|f| f.text(entry, "code").map(str::to_owned));
    store.history(FeatureId::new(class_no(class), fid)).unwrap().iter().map(|v| (v.op, code(v))).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_plain_sqlite3_lacks_the_spatial_functions_and_is_stopped_before_it_harms() {
    let (dir, store) = city();
    drop(store);
    let before = std::fs::read(file(&dir)).unwrap();
    for sql in ["UPDATE hydrant SET code='X' WHERE fid=1", "INSERT INTO hydrant(code) VALUES('X')", "UPDATE hydrant SET geom=NULL"] {
        let Some(output) = run("sqlite3", &[&file(&dir), sql]) else { return };
        assert!(!output.status.success() && said(&output).contains("ST_IsEmpty"), "{sql}: {}", said(&output));
    }
    // What it can do is noted.
    done(&run("sqlite3", &[&file(&dir), "DELETE FROM hydrant WHERE fid=2; UPDATE datastream SET code='DS-9' WHERE fid=1"]).unwrap());
    let store = open(&dir);
    assert_eq!(story(&store, "hydrant", 1), [(Op::Created, some("H-1"))]);
    assert_eq!(story(&store, "hydrant", 2), [(Op::Created, some("H-2")), (Op::Deleted, None)]);
    assert_eq!(story(&store, "datastream", 1), [(Op::Created, some("DS-1")), (Op::Changed, some("DS-9"))]);
    assert_eq!(verify(dir.path()).unwrap(), []);
    assert_ne!(std::fs::read(file(&dir)).unwrap(), before);
}

#[test]
fn upserts_and_replacements_keep_history_though_they_override_what_triggers_say_of_conflicts() {
    let (dir, store) = city();
    drop(store);
    let steps = [
        "INSERT INTO datastream(fid, code) VALUES(1, 'A') ON CONFLICT(fid) DO UPDATE SET code=excluded.code",
        "INSERT INTO datastream(fid, code) VALUES(1, 'B') ON CONFLICT(fid) DO UPDATE SET code=excluded.code",
        "REPLACE INTO datastream(fid, code) VALUES(1, 'C')",
        "PRAGMA recursive_triggers=ON; REPLACE INTO datastream(fid, code) VALUES(1, 'D')",
        "INSERT OR IGNORE INTO datastream(fid, code) VALUES(1, 'never')",
        "UPDATE OR REPLACE datastream SET code='E' WHERE fid=1",
    ];
    for sql in steps {
        let Some(output) = run("sqlite3", &[&file(&dir), sql]) else { return };
        done(&output);
        // Each becomes a revision of its own.
        drop(open(&dir));
    }
    let store = open(&dir);
    let codes: Vec<_> = story(&store, "datastream", 1).into_iter().filter_map(|(_, code)| code).collect();
    assert_eq!(codes, ["DS-1", "A", "B", "C", "D", "E"]);
    assert_eq!(verify(dir.path()).unwrap(), []);
}

#[test]
fn gdal_which_sets_recursive_triggers_replaces_and_upserts_with_history() {
    let (dir, store) = city();
    drop(store);
    let path = file(&dir);
    let replace = "REPLACE INTO hydrant(fid, code, geom) SELECT fid, 'R', geom FROM hydrant WHERE fid=1";
    let Some(output) = run("ogrinfo", &["-q", &path, "-sql", replace]) else { return };
    done(&output);
    drop(open(&dir));
    let more = dir.path().join("more.geojson");
    let feature = |id: u32, code: &str| {
        format!(
            r#"{{"type":"Feature","id":{id},"properties":{{"code":"{code}"}},"geometry":{{"type":"Point","coordinates":[116.5,30.5,1]}}}}"#
        )
    };
    let text = format!(r#"{{"type":"FeatureCollection","features":[{},{}]}}"#, feature(1, "U"), feature(9, "N"));
    std::fs::write(&more, text).unwrap();
    let more = more.to_str().unwrap();
    done(&run("ogr2ogr", &["-append", "-upsert", "-preserve_fid", "-nln", "hydrant", &path, more]).unwrap());
    let store = open(&dir);
    assert_eq!(story(&store, "hydrant", 1), [(Op::Created, some("H-1")), (Op::Changed, some("R")), (Op::Changed, some("U"))]);
    assert_eq!(story(&store, "hydrant", 9), [(Op::Created, some("N"))]);
    assert_eq!(verify(dir.path()).unwrap(), []);
}

#[test]
fn the_journal_that_another_program_leaves_is_set_right_at_opening() {
    let (dir, store) = city();
    let mode = |sql: &str| run("sqlite3", &[&file(&dir), sql]);
    // While the city is open nobody can change it.
    let Some(output) = mode("PRAGMA journal_mode=DELETE") else { return };
    assert!(said(&output).contains("locked") || said(&output).contains("wal"), "{}", said(&output));
    drop(store);
    // What QGIS does when it closes last; then an edit in that mode.
    let output = mode("PRAGMA journal_mode=DELETE; UPDATE datastream SET code='DS-7' WHERE fid=2").unwrap();
    done(&output);
    assert!(said(&output).contains("delete"), "{}", said(&output));
    let store = open(&dir);
    assert_eq!(story(&store, "datastream", 2), [(Op::Created, some("DS-2")), (Op::Changed, some("DS-7"))]);
    assert!(said(&mode("PRAGMA journal_mode").unwrap()).contains("wal"));
    store.write("gis", "test", &[create("datastream", "DS-8", None)]).unwrap();
    assert_eq!(verify(dir.path()).unwrap(), []);
}

#[test]
fn what_qgis_edits_is_on_the_feed_and_in_history() {
    let (dir, store) = city();
    let before = store.head().unwrap();
    drop(store);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/outside/qgis_window.py");
    // Debian's own python, whose modules know QGIS; another may come first in PATH.
    let python = if std::path::Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" };
    let steps = r#"["edit"]
["add", "QGIS-NEW", 1, 0.001]
["set", 1, "code", "QGIS-CHANGED"]
["move", 1, 0.0005]
["delete", 3]
["save"]
["transaction_group"]
["edit"]
["add", "QGIS-DISCARDED", 2, 0.001]
["set", 2, "code", "QGIS-DISCARDED"]
["discard"]
"#;
    let mut window = Command::new(python)
        .args([script, &file(&dir), "hydrant"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Without QGIS it ends before it has read them.
    let _ = window.stdin.take().unwrap().write_all(steps.as_bytes());
    let output = window.wait_with_output().unwrap();
    if output.status.code() == Some(77) && std::env::var_os("CI").is_none() {
        return println!("skipped: {}", said(&output).trim());
    }
    done(&output);
    let answers = String::from_utf8_lossy(&output.stdout);
    assert_eq!(answers.matches("[true, true]").count(), steps.lines().count(), "{answers}");
    let store = open(&dir);
    assert_eq!(story(&store, "hydrant", 1), [(Op::Created, some("H-1")), (Op::Changed, some("QGIS-CHANGED"))]);
    assert_eq!(story(&store, "hydrant", 3), [(Op::Created, some("H-3")), (Op::Deleted, None)]);
    assert_eq!(story(&store, "hydrant", 4), [(Op::Created, some("QGIS-NEW"))]);
    let changes = store.changes_since(before, 100).unwrap().changes;
    assert_eq!(changes.len(), 3, "what was rolled back has left nothing: {changes:?}");
    assert_eq!(verify(dir.path()).unwrap(), []);
}
