//! Loads: keys, repeats, references, refusals, the rhythm of the lock.

use super::*;
use crate::{Columns, Counts, LoadInfo, LoadState, Op, Record, Refusal, Unstored, Way};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(super) fn info(source: &str) -> LoadInfo {
    LoadInfo { source: source.into(), file: format!("{source}.gpkg"), author: "gis".into(), ..LoadInfo::default() }
}

pub(super) fn record(number: u64, class: ClassNo, code: Value, dn: i64) -> Record {
    let geometry = if class == PIPE { line(&[(116.0, 30.0), (116.01, 30.01)]) } else { point(116.0 + number as f64 * 1e-6, 30.0) };
    let mut attributes = vec![code, Value::Null, Value::Int(dn)];
    if class == PIPE {
        attributes.push(Value::Null);
    }
    Record { number, class, geometry, attributes, other: None, source_id: None }
}

pub(super) fn load(store: &Store, info: LoadInfo, records: Vec<Record>) -> (Counts, Vec<crate::Refused>) {
    let mut load = store.begin_load(info).unwrap();
    for record in records {
        load.add(record).unwrap();
    }
    // Duplicates are found when records land, so the list is complete only at the end.
    let mut refused = load.take_refused();
    let id = load.id();
    while !load.is_landed() {
        load.land().unwrap();
    }
    refused.extend(load.take_refused());
    let summary = load.finish().unwrap();
    assert_eq!((summary.state, summary.id), (LoadState::Complete, id));
    (summary.counts, refused)
}

fn columns(attributes: &[bool], others: &[&str]) -> Arc<Columns> {
    Arc::new(Columns { attributes: attributes.to_vec(), others: Some(others.iter().map(|name| (*name).to_owned()).collect()) })
}

pub(super) fn codes(n: u64) -> Vec<Record> {
    (1..=n).map(|i| record(i, HYDRANT, format!("H-{i}").into(), 100)).collect()
}

#[test]
fn the_same_file_loaded_again_changes_nothing() {
    let (_dir, store) = new_city();
    let (counts, refused) = load(&store, info("hydrants"), codes(500));
    assert_eq!((counts, refused.len()), (Counts { added: 500, ..Counts::default() }, 0));
    let (head, before) = (store.head().unwrap(), all(&store));
    assert_eq!(load(&store, info("hydrants"), codes(500)).0, Counts { unchanged: 500, ..Counts::default() });
    assert_eq!((store.head().unwrap(), all(&store)), (head, before));
    assert_eq!(store.loads().unwrap().iter().map(|l| l.revisions.is_some()).collect::<Vec<_>>(), [false, true]);
}

/// Somebody adds in the city what the survey has no column for; the next survey leaves it, and takes back only its own.
#[test]
fn what_a_file_has_no_column_for_stays_as_the_city_has_it() {
    let (_dir, store) = new_city();
    let survey = |dn: i64, filled: &[bool]| {
        let mut load = store.begin_load(info("survey")).unwrap();
        load.add_filled(record(1, HYDRANT, "H-1".into(), dn), Some(columns(filled, &[]))).unwrap();
        load.finish().unwrap()
    };
    survey(100, &[true, false, true]);
    let made = all(&store).remove(0);
    let mut attributes = made.attributes.clone();
    attributes[1] = "corner of the market".into();
    let edit = |attributes| Edit::Replace { id: made.id, if_match: None, geometry: made.geometry.clone(), attributes, other: None };
    store.write("gis", "api", &[edit(attributes)]).unwrap();
    let told = |store: &Store| store.feature(made.id).unwrap().unwrap().attributes;
    let summary = survey(150, &[true, false, true]);
    assert_eq!(summary.counts, Counts { changed: 1, ..Counts::default() });
    assert_eq!(told(&store), ["H-1".into(), "corner of the market".into(), Value::Int(150)]);
    store.undo_load(summary.id, false, "gis", |_| true).unwrap();
    assert_eq!(told(&store), ["H-1".into(), "corner of the market".into(), Value::Int(100)]);
    // A column that is there and empty does say something.
    assert_eq!(survey(200, &[true, true, true]).counts.changed, 1);
    assert_eq!(told(&store), ["H-1".into(), Value::Null, Value::Int(200)]);
}

fn streams(numbers: impl Iterator<Item = u64>, dn: i64) -> Vec<Record> {
    numbers.map(|i| Record { geometry: None, ..record(i, DATASTREAM, format!("D-{i}").into(), dn) }).collect()
}

/// Rows that are new go in without triggers; with the first that is changed they must be back.
#[test]
fn what_a_load_changes_after_it_has_added_rows_has_its_history() {
    let (_dir, store) = new_city();
    load(&store, info("streams"), streams(1..=50, 1));
    let then = store.head().unwrap();
    let mut newer = streams(51..=90, 1);
    newer.extend(streams(1..=50, 2));
    newer.extend(streams(91..=95, 1));
    assert_eq!(load(&store, info("streams"), newer).0, Counts { added: 45, changed: 50, ..Counts::default() });
    let mut was = Vec::new();
    store.read_class_as_of(DATASTREAM, crate::AsOf::Revision(then), &mut |feature| was.push(feature.attributes[2].clone())).unwrap();
    assert_eq!(was, vec![Value::Int(1); 50]);
    assert_eq!(store.history(id(DATASTREAM, 1)).unwrap().len(), 2);
    // And after a load that only added, for whoever writes next.
    load(&store, info("more"), streams(200..=210, 1));
    let last = all(&store).pop().unwrap();
    store
        .write("gis", "editor", &[Edit::Replace { id: last.id, if_match: None, geometry: None, attributes: last.attributes, other: None }])
        .unwrap();
    assert_eq!(store.history(last.id).unwrap().len(), 2);
}

#[test]
fn a_trigger_of_another_program_runs_for_every_row_of_a_load() {
    let (dir, store) = new_city();
    let outside = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
    outside
        .execute_batch(
            "CREATE TABLE seen(fid INTEGER); CREATE TRIGGER theirs AFTER INSERT ON datastream BEGIN INSERT INTO seen VALUES(NEW.fid); END;",
        )
        .unwrap();
    load(&store, info("streams"), streams(1..=100, 1));
    let seen: u64 = outside.query_row("SELECT count(*) FROM seen", [], |row| row.get(0)).unwrap();
    assert_eq!(seen, 100);
}

#[test]
fn a_newer_file_changes_what_differs_and_counts_what_is_gone() {
    let (_dir, store) = new_city();
    load(&store, info("hydrants"), codes(10));
    let mut newer = codes(11);
    newer.remove(0);
    newer[0].attributes[2] = Value::Int(150);
    assert_eq!(
        load(&store, info("hydrants"), newer.clone()).0,
        Counts { added: 1, changed: 1, unchanged: 8, gone: 1, ..Counts::default() }
    );
    assert_eq!(all(&store).len(), 11);
    let replaced = load(&store, LoadInfo { replace: true, ..info("hydrants") }, newer).0;
    assert_eq!(replaced, Counts { unchanged: 10, gone: 1, deleted: 1, ..Counts::default() });
    assert_eq!(store.history(id(HYDRANT, 1)).unwrap().last().unwrap().op, Op::Deleted);
}

#[test]
fn a_correction_made_here_survives_the_old_file_but_not_a_newer_word_of_its_source() {
    let (_dir, store) = new_city();
    load(&store, info("hydrants"), codes(3));
    let wrong = store.feature(id(HYDRANT, 2)).unwrap().unwrap();
    store.write("gis", "api", &[replace(&wrong, None, 125)]).unwrap();
    assert_eq!(load(&store, info("hydrants"), codes(3)).0, Counts { unchanged: 3, ..Counts::default() });
    assert_eq!(store.feature(id(HYDRANT, 2)).unwrap().unwrap().attributes[2], Value::Int(125));
    let mut newer = codes(3);
    newer[1].attributes[2] = Value::Int(80);
    assert_eq!(load(&store, info("hydrants"), newer).0.changed, 1);
    assert_eq!(store.feature(id(HYDRANT, 2)).unwrap().unwrap().attributes[2], Value::Int(80));
}

#[test]
fn what_has_no_code_is_known_by_its_sources_id_else_by_what_it_says() {
    let (_dir, store) = new_city();
    let by_id = || -> Vec<Record> {
        (1..=3).map(|i| Record { source_id: Some(format!("osm/{i}")), ..record(i, HYDRANT, Value::Null, 100) }).collect()
    };
    assert_eq!(load(&store, info("osm"), by_id()).0.added, 3);
    let mut newer = by_id();
    newer[2].attributes[2] = Value::Int(150);
    assert_eq!(load(&store, info("osm"), newer).0, Counts { unchanged: 2, changed: 1, ..Counts::default() });

    // Three alike and one other, twice: a multiset.
    let alike = || -> Vec<Record> {
        (1..=4).map(|i| Record { number: i, ..record(if i == 4 { 9 } else { 1 }, HYDRANT, Value::Null, 100) }).collect()
    };
    assert_eq!(load(&store, info("survey"), alike()).0.added, 4);
    assert_eq!(load(&store, info("survey"), alike()).0, Counts { unchanged: 4, ..Counts::default() });
    let mut fewer = alike();
    fewer.remove(0);
    assert_eq!(load(&store, info("survey"), fewer).0, Counts { unchanged: 3, gone: 1, ..Counts::default() });
}

#[test]
fn the_same_code_from_another_source_is_another_feature() {
    let (_dir, store) = new_city();
    load(&store, info("north"), codes(2));
    assert_eq!(load(&store, LoadInfo { credit: Some("© 测绘院".into()), ..info("south") }, codes(2)).0.added, 2);
    assert_eq!(all(&store).len(), 4);
    let sources = store.sources().unwrap();
    assert_eq!(
        sources.iter().map(|s| (s.name.as_str(), s.credit.as_deref())).collect::<Vec<_>>(),
        [("north", None), ("south", Some("© 测绘院"))]
    );
    let of = |no| all(&store).iter().filter(|f| f.source == Some(no)).count();
    assert_eq!((of(sources[0].no), of(sources[1].no)), (2, 2));
}

#[test]
fn one_bad_record_costs_only_itself() {
    let (_dir, store) = new_city();
    let mut records = codes(4);
    records[1].geometry = None;
    records[2].attributes[2] = "wide".into();
    records.push(record(5, HYDRANT, "H-1".into(), 300));
    let (counts, refused) = load(&store, info("hydrants"), records);
    assert_eq!(counts, Counts { added: 2, refused: 3, ..Counts::default() });
    let told: Vec<_> = refused.iter().map(|r| r.number).collect();
    assert_eq!(told, [2, 3, 5]);
    assert_eq!(refused[0].refusal, Refusal::NoGeometry);
    assert_eq!(refused[2].refusal, Refusal::KeyTwice { key: "H-1".into() });
    assert_eq!(store.feature(id(HYDRANT, 1)).unwrap().unwrap().attributes[2], Value::Int(100));
}

#[test]
fn references_find_their_targets_whenever_these_arrive() {
    let (_dir, store) = new_city();
    let pipe = |i: u64, node: &str| {
        let mut pipe = record(i, PIPE, format!("P-{i}").into(), 200);
        pipe.attributes[3] = node.into();
        pipe
    };
    // The pipe comes before its hydrant in the file; the third names one that comes with a later load.
    let records =
        vec![record(1, HYDRANT, "H-1".into(), 100), pipe(2, "H-1"), pipe(3, "H-2"), pipe(4, "H-3"), record(5, HYDRANT, "H-2".into(), 100)];
    let (counts, _) = load(&store, info("net"), records.clone());
    assert_eq!(counts, Counts { added: 5, unlinked: 1, ..Counts::default() });
    let node = |fid| store.feature(id(PIPE, fid)).unwrap().unwrap().attributes[3].clone();
    assert_eq!(node(1), Value::Int(id(HYDRANT, 1).wire() as i64));
    assert_eq!(node(2), Value::Int(id(HYDRANT, 2).wire() as i64));
    assert_eq!(node(3), Value::from("H-3"));
    load(&store, info("late"), vec![record(1, HYDRANT, "H-3".into(), 100)]);
    assert_eq!(node(3), Value::Int(id(HYDRANT, 3).wire() as i64));
    let head = store.head().unwrap();
    assert_eq!(load(&store, info("net"), records).0, Counts { unchanged: 5, ..Counts::default() });
    assert_eq!(store.head().unwrap(), head);
}

#[test]
fn two_targets_of_equal_right_are_not_guessed_between() {
    let (_dir, store) = new_city();
    for source in ["north", "south"] {
        load(&store, info(source), codes(1));
    }
    let mut pipe = record(1, PIPE, "P-1".into(), 200);
    pipe.attributes[3] = "H-1".into();
    load(&store, info("west"), vec![pipe.clone()]);
    load(&store, info("south"), vec![record(1, HYDRANT, "H-1".into(), 100), Record { number: 2, ..pipe }]);
    let node = |fid| store.feature(id(PIPE, fid)).unwrap().unwrap().attributes[3].clone();
    assert_eq!(node(1), Value::from("H-1"));
    assert_eq!(node(2), Value::Int(id(HYDRANT, 2).wire() as i64), "its own source's hydrant");
}

#[test]
fn a_load_broken_off_keeps_what_landed_and_is_completed_by_running_it_again() {
    let (dir, store) = new_city();
    let mut broken = store.begin_load(info("hydrants")).unwrap();
    for record in codes(5000) {
        broken.add(record).unwrap();
    }
    assert_eq!(store.loads().unwrap()[0].state, LoadState::Running);
    drop(broken);
    let landed = all(&store).len();
    assert!(landed > 0 && landed < 5000, "{landed}");
    assert_eq!(store.loads().unwrap()[0].state, LoadState::BrokenOff);
    let (counts, _) = load(&store, info("hydrants"), codes(5000));
    assert_eq!((counts.added + counts.unchanged, counts.unchanged), (5000, landed as u64));
    assert_eq!(all(&store).len(), 5000);
    assert!(std::fs::read_dir(dir.path()).unwrap().all(|f| !f.unwrap().file_name().to_string_lossy().ends_with(".lock")));
}

#[test]
fn the_feed_and_history_of_a_load_name_each_feature() {
    let (_dir, store) = new_city();
    load(&store, info("hydrants"), codes(300));
    let feed = store.delta_since(0, usize::MAX).unwrap();
    assert_eq!((feed.changes.changes.len(), feed.changed.len(), feed.gone.len()), (300, 300, 0));
    assert!(feed.changes.changes.iter().all(|c| c.op == Op::Created && c.new_bounds.is_some()));
    let history = store.history(id(HYDRANT, 7)).unwrap();
    assert_eq!((history.len(), history[0].source.as_str(), history[0].load), (1, "hydrants", Some(1)));
    assert!(history[0].at.is_some());
}

#[test]
fn other_writers_get_their_turn_beside_a_load() {
    let (dir, store) = new_city();
    let done = AtomicBool::new(false);
    let (longest, waits) = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut load = store.begin_load(info("hydrants")).unwrap();
            for record in codes(20_000) {
                load.add(record).unwrap();
            }
            while !load.is_landed() {
                load.land().unwrap();
            }
            let pace = load.pace();
            load.finish().unwrap();
            done.store(true, Ordering::Relaxed);
            pace
        });
        // As another process would: with a connection of its own.
        let other = reopen(&dir);
        let mut waits = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let start = Instant::now();
            other.write("planner", "api", &[hydrant("X", 1)]).unwrap();
            waits.push(start.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
        (load.join().unwrap(), waits)
    });
    let mut waits = waits;
    waits.sort();
    let p50 = waits[waits.len() / 2];
    let max = *waits.last().unwrap();
    println!(
        "load of 20 000: {} links, lock held {:?} at most; {} writes beside it waited {p50:?} (median), {max:?} (most)",
        longest.1,
        longest.0,
        waits.len()
    );
    // Generous bounds: a shared machine may stall either side. What must not happen is starvation.
    assert!(waits.len() > 10 && max < Duration::from_secs(3), "{} writes, {max:?}", waits.len());
    assert_eq!(all(&store).len(), 20_000 + waits.len());
}

/// What the load command does with records that never come to the store.
fn replaced(store: &Store, records: Vec<Record>, refused: Vec<Unstored>) -> crate::LoadSummary {
    let mut load = store.begin_load(LoadInfo { replace: true, ..info("hydrants") }).unwrap();
    load.meets(HYDRANT);
    for record in records {
        load.add(record).unwrap();
    }
    for record in refused {
        load.count_refused();
        load.spare(HYDRANT, record).unwrap();
    }
    load.finish().unwrap()
}

#[test]
fn a_record_that_was_refused_is_not_gone() {
    let (_dir, store) = new_city();
    load(&store, info("hydrants"), codes(4));
    let coded = |code: &str| Unstored { code: Some(code.into()), ..Unstored::default() };
    let summary = replaced(&store, codes(1), vec![coded("H-2"), coded("H-3"), coded("H-9")]);
    assert_eq!(summary.counts, Counts { unchanged: 1, gone: 1, deleted: 1, refused: 3, ..Counts::default() });
    assert_eq!(all(&store).iter().map(|f| f.id.fid).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(store.loads().unwrap()[0].counts, summary.counts, "the list tells what the load told");
    // One of which nothing is known could be any of them.
    let summary = replaced(&store, codes(1), vec![Unstored::default()]);
    assert_eq!((summary.counts.gone, summary.counts.deleted, &summary.undeleted[..]), (2, 0, &[HYDRANT][..]));
    assert_eq!(all(&store).len(), 3);
}

#[test]
fn a_refused_record_without_a_code_is_known_by_its_sources_id() {
    let (_dir, store) = new_city();
    let by_id = |n: u64| -> Vec<Record> {
        (1..=n).map(|i| Record { source_id: Some(format!("osm/{i}")), ..record(i, HYDRANT, Value::Null, 100) }).collect()
    };
    load(&store, info("hydrants"), by_id(3));
    let known = |doubtful| Unstored { source_id: Some("osm/2".into()), doubtful, ..Unstored::default() };
    let summary = replaced(&store, by_id(1), vec![known(true)]);
    assert_eq!((summary.counts.gone, summary.counts.deleted), (1, 0), "its code may have been lost");
    let summary = replaced(&store, by_id(1), vec![known(false)]);
    assert_eq!((summary.counts.gone, summary.counts.deleted), (1, 1));
    assert_eq!(all(&store).iter().map(|f| f.id.fid).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn an_emptied_layer_says_that_all_is_gone() {
    let (_dir, store) = new_city();
    load(&store, info("hydrants"), codes(3));
    let mut counted = store.begin_load(info("hydrants")).unwrap();
    counted.meets(HYDRANT);
    assert_eq!(counted.finish().unwrap().counts, Counts { gone: 3, ..Counts::default() });
    assert_eq!(replaced(&store, vec![], vec![]).counts, Counts { gone: 3, deleted: 3, ..Counts::default() });
    assert!(all(&store).is_empty());
}

fn way(crs: &str) -> Way {
    Way { class: HYDRANT.0, name: crs.into(), crs: crs.into(), ..Way::default() }
}

/// The corrected records of a file stand in degrees, and are not the file.
#[test]
fn a_file_of_some_of_the_records_leaves_the_source_what_it_was() {
    let (_dir, store) = new_city();
    let whole = LoadInfo { crs: Some("EPSG:4547".into()), sha256: Some("aa".into()), ..info("survey") };
    let part = LoadInfo { crs: Some("EPSG:4490".into()), sha256: Some("bb".into()), ..info("survey") };
    let source = |store: &Store| -> (String, String) {
        store.reading(|conn| Ok(conn.query_row("SELECT crs, sha256 FROM ct_source", [], |row| Ok((row.get(0)?, row.get(1)?)))?)).unwrap()
    };
    let mut first = store.begin_load(whole).unwrap();
    first.came_by(way("EPSG:4547"));
    codes(2).into_iter().for_each(|record| first.add(record).unwrap());
    first.finish().unwrap();
    let mut corrected = store.begin_load(part).unwrap();
    corrected.holds_some();
    corrected.meets(HYDRANT);
    corrected.came_by(way("EPSG:4490"));
    corrected.add(record(1, HYDRANT, "H-3".into(), 100)).unwrap();
    let summary = corrected.finish().unwrap();
    assert_eq!(summary.counts, Counts { added: 1, ..Counts::default() }, "what it lacks is not gone");
    assert_eq!(source(&store), ("EPSG:4547".into(), "aa".into()));
    let systems = |store: &Store| -> Vec<_> { store.source_systems().unwrap().into_iter().map(|s| (s.class, s.crs)).collect() };
    assert_eq!(systems(&store), [(HYDRANT, "EPSG:4547".into())]);
    // A newer file in another system; and taken back.
    let mut newer = store.begin_load(info("survey")).unwrap();
    newer.came_by(Way { class: PIPE.0, ..way("PROJCRS[…]") });
    newer.came_by(way("EPSG:4526"));
    newer.add(record(1, HYDRANT, "H-4".into(), 100)).unwrap();
    let newer = newer.finish().unwrap();
    assert_eq!(systems(&store), [(PIPE, "PROJCRS[…]".into()), (HYDRANT, "EPSG:4526".into())]);
    store.undo_load(newer.id, false, "gis", |_| true).unwrap();
    assert_eq!(systems(&store), [(HYDRANT, "EPSG:4547".into())]);
}

/// A newer file without the column of a reference, or without one that the class does not know.
#[test]
fn what_a_file_has_no_column_for_stays_among_the_further_attributes_too() {
    let (_dir, store) = new_city();
    let survey = |dn: i64, node: Value, other: Option<&str>, columns| {
        let mut pipe = record(1, PIPE, "P-1".into(), dn);
        (pipe.attributes[3], pipe.other) = (node, other.map(str::to_owned));
        let mut load = store.begin_load(info("survey")).unwrap();
        load.add_filled(pipe, Some(columns)).unwrap();
        load.finish().unwrap().counts
    };
    let told = || store.feature(id(PIPE, 1)).unwrap().unwrap();
    survey(100, "H-7".into(), Some(r#"{"owner":"水务","note":"x","m":[1.0]}"#), columns(&[true; 4], &["owner", "note", "m"]));
    // No column for the reference, none for the owner; the note is there and empty, and so are the measures.
    let counts = survey(150, Value::Null, Some(r#"{"new":1}"#), columns(&[true, true, true, false], &["note", "new", "m"]));
    assert_eq!((counts.changed, counts.unlinked), (1, 1), "it still waits");
    let pipe = told();
    assert_eq!((&pipe.attributes[2], &pipe.attributes[3]), (&Value::Int(150), &Value::from("H-7")));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&pipe.other.unwrap()).unwrap(), serde_json::json!({"owner": "水务", "new": 1}));
    // Nothing but what is there already: no new version.
    let head = store.head().unwrap();
    assert_eq!(survey(150, Value::Null, None, columns(&[true, true, true, false], &[])).unchanged, 1);
    assert_eq!(store.head().unwrap(), head);
    // The target arrives.
    load(&store, info("late"), vec![record(1, HYDRANT, "H-7".into(), 100)]);
    assert_eq!(told().attributes[3], Value::Int(id(HYDRANT, 1).wire() as i64));
    // A file that speaks for everything.
    survey(200, Value::Null, None, Arc::new(Columns { attributes: vec![true; 4], others: None }));
    assert_eq!((told().attributes[3].clone(), told().other), (Value::Null, None));
}

/// A store that was made before loads recorded how coordinates came in.
#[test]
fn a_store_without_the_later_columns_gets_them_when_it_is_opened() {
    let (dir, store) = new_city();
    load(&store, info("hydrants"), codes(2));
    drop(store);
    rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap().execute_batch("ALTER TABLE ct_load DROP COLUMN origin").unwrap();
    let store = reopen(&dir);
    assert_eq!((store.loads().unwrap().len(), store.source_systems().unwrap().len()), (1, 0));
    let mut again = store.begin_load(info("hydrants")).unwrap();
    again.came_by(way("EPSG:4547"));
    assert_eq!(again.finish().unwrap().ways, [way("EPSG:4547")]);
}
