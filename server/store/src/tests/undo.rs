//! Loads taken back, features put back: hash for hash what was before, or a refusal that names who came later.

use super::loading::{codes, info, load, record};
use super::*;
use crate::gpkg::register_functions;
use crate::{AsOf, Counts, LoadInfo, LoadState, Op, Record, StoreError, Undone};
use rusqlite::Connection;

/// Everything that a load may change and its undo has to bring back: features, and what re-loads and links go by.
fn state(dir: &TempDir, store: &Store) -> (String, Vec<String>) {
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    let mut books = Vec::new();
    for sql in [
        "SELECT 'said', class, fid, hex(said) FROM ct_row ORDER BY 1, 2, 3",
        "SELECT 'key', k.source||k.class||k.key, min(k.fid), '' FROM ct_key k JOIN ct_row r ON r.class=k.class AND r.fid=k.fid GROUP BY k.source, k.class, k.key",
        "SELECT 'unlinked', class, fid, '' FROM ct_unlinked ORDER BY 1, 2, 3",
    ] {
        let mut statement = conn.prepare(sql).unwrap();
        let rows = statement
            .query_map([], |row| Ok(format!("{:?}", (0..4).map(|i| row.get::<_, rusqlite::types::Value>(i).unwrap()).collect::<Vec<_>>())));
        books.extend(rows.unwrap().map(Result::unwrap));
    }
    (store.fingerprint(AsOf::Revision(store.head().unwrap())).unwrap(), books)
}

fn undo(store: &Store, load: i64, keep_later: bool) -> Result<Undone, StoreError> {
    store.undo_load(load, keep_later, "gis", |_| true)
}

fn last_load(store: &Store) -> i64 {
    store.loads().unwrap()[0].id
}

fn pipe(number: u64, node: &str) -> Record {
    let mut pipe = record(number, PIPE, format!("P-{number}").into(), 200);
    pipe.attributes[3] = node.into();
    pipe
}

fn keyless(number: u64, place: u64, dn: i64) -> Record {
    Record { number, ..record(place, HYDRANT, Value::Null, dn) }
}

#[test]
fn a_load_is_taken_back_with_all_that_it_added_changed_deleted_and_linked() {
    let (dir, store) = new_city();
    let older = || {
        let mut records = codes(20);
        records.extend([keyless(21, 500, 100), keyless(22, 501, 100), keyless(23, 501, 100)]);
        records.push(Record { source_id: Some("osm/7".into()), ..keyless(24, 502, 100) });
        records.extend([pipe(25, "H-1"), pipe(26, "H-99")]);
        records
    };
    load(&store, info("net"), older());
    let waiting = store.feature(id(PIPE, 2)).unwrap().unwrap();
    assert_eq!(waiting.attributes[3], Value::from("H-99"));
    let corrected = store.feature(id(HYDRANT, 7)).unwrap().unwrap();
    store.write("gis", "api", &[replace(&corrected, None, 125)]).unwrap();
    let before = state(&dir, &store);

    let newer = || {
        let mut records = codes(25);
        records.drain(0..5); // gone, and deleted by `replace`: H-1 to H-5, one of them the node of a pipe
        records[3].attributes[2] = Value::Int(150);
        records[2].attributes[2] = Value::Int(80); // the corrected one: its source's newer word counts
        records.push(keyless(30, 501, 100));
        records.push(Record { source_id: Some("osm/7".into()), ..keyless(31, 502, 300) });
        records.push(record(32, HYDRANT, "H-99".into(), 100)); // links the pipe that waits for it
        records
    };
    let replacing = LoadInfo { replace: true, ..info("net") };
    let (counts, _) = load(&store, replacing.clone(), newer());
    assert_eq!(counts, Counts { added: 6, changed: 3, unchanged: 14, gone: 7, deleted: 7, ..Counts::default() });
    let linked = 1;
    let after = state(&dir, &store);
    assert_ne!(before, after);
    assert!(matches!(store.feature(id(PIPE, 2)).unwrap().unwrap().attributes[3], Value::Int(_)));

    let mut changes = Vec::new();
    store
        .load_changes(last_load(&store), &mut |change| {
            changes.push(change);
            true
        })
        .unwrap();
    let count = |f: &dyn Fn(&crate::LoadChange) -> bool| changes.iter().filter(|c| f(c)).count() as u64;
    assert_eq!(count(&|c| c.before.is_none() && c.after.is_some()), counts.added);
    assert_eq!(count(&|c| c.before.is_some() && c.after.is_none()), counts.deleted);
    assert_eq!(count(&|c| c.before.is_some() && c.after.is_some()), counts.changed + linked);

    let undone = undo(&store, last_load(&store), false).unwrap();
    assert_eq!(
        (undone.removed, undone.changed, undone.brought_back, undone.kept),
        (counts.added, counts.changed + linked, counts.deleted, 0)
    );
    assert_eq!(state(&dir, &store), before, "hash for hash what was before");
    let listed = &store.loads().unwrap()[0];
    assert_eq!(listed.state, LoadState::Undone);
    // The feed and history tell it, and history still has what the load had made of it.
    let (first, last) = undone.revisions.unwrap();
    assert_eq!(store.head().unwrap(), last);
    let told = store.changes_since(first - 1, 1000).unwrap().changes;
    assert_eq!(told.iter().filter(|c| c.op == Op::Created).count() as u64, counts.deleted);
    let versions = store.history(id(HYDRANT, 9)).unwrap();
    assert_eq!(versions.iter().map(|v| v.feature.as_ref().unwrap().attributes[2].as_int().unwrap()).collect::<Vec<_>>(), [100, 150, 100]);
    assert_eq!((versions[2].source.as_str(), versions[2].author.as_deref()), ("undo of load 2", Some("gis")));

    // The older file is what the city says, and the newer one does again what it did.
    assert_eq!(load(&store, info("net"), older()).0.changed, 0);
    assert_eq!(state(&dir, &store).0, before.0);
    let (again, _) = load(&store, replacing, newer());
    assert_eq!(Counts { unlinked: 0, ..again }, Counts { unlinked: 0, ..counts });
    assert!(matches!(undo(&store, 2, false), Err(StoreError::AlreadyUndone(2))));
}

#[test]
fn what_another_load_linked_waits_again_when_its_target_is_taken_back() {
    let (dir, store) = new_city();
    load(&store, info("pipes"), vec![pipe(1, "H-1")]);
    let before = state(&dir, &store);
    load(&store, info("hydrants"), codes(3));
    let wire = Value::Int(id(HYDRANT, 1).wire() as i64);
    assert_eq!(store.feature(id(PIPE, 1)).unwrap().unwrap().attributes[3], wire);
    let undone = undo(&store, last_load(&store), false).unwrap();
    assert_eq!((undone.removed, undone.changed), (3, 1));
    assert_eq!(state(&dir, &store), before);
    load(&store, info("hydrants"), codes(3));
    assert_eq!(store.feature(id(PIPE, 1)).unwrap().unwrap().attributes[3], Value::Int(id(HYDRANT, 4).wire() as i64));
}

#[test]
fn what_was_edited_later_is_named_and_kept_only_on_request() {
    let (dir, store) = new_city();
    load(&store, info("hydrants"), codes(40));
    let edited = store.feature(id(HYDRANT, 3)).unwrap().unwrap();
    store.write("planner", "api", &[replace(&edited, None, 125), Edit::Delete { id: id(HYDRANT, 4), if_match: None }]).unwrap();
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    register_functions(&conn).unwrap();
    conn.execute("UPDATE hydrant SET dn=90 WHERE fid>=20", []).unwrap();
    let head = store.head().unwrap();
    let before = all(&store);
    match undo(&store, 1, false) {
        Err(StoreError::EditedLater { load: 1, count: 23, first }) => {
            assert_eq!(first.len(), 20, "bounded");
            let told: Vec<_> = first.iter().take(3).map(|e| (e.id.fid, e.author.as_deref(), e.source.as_str())).collect();
            assert_eq!(told, [(3, Some("planner"), "api"), (4, Some("planner"), "api"), (20, None, "outside")]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((store.head().unwrap(), all(&store)), (head, before), "a refusal changes nothing");
    assert_eq!(store.loads().unwrap()[0].state, LoadState::Complete);
    let undone = undo(&store, 1, true).unwrap();
    assert_eq!((undone.removed, undone.kept, undone.kept_first.len()), (17, 23, 20));
    let left: Vec<_> = all(&store).iter().map(|f| (f.id.fid, f.attributes[2].as_int())).collect();
    assert_eq!(left[0], (3, Some(125)));
    assert_eq!(left[1..], (20..=40).map(|fid| (fid, Some(90))).collect::<Vec<_>>());
}

#[test]
fn only_a_load_that_is_there_and_not_running_is_taken_back() {
    let (dir, store) = new_city();
    assert!(matches!(undo(&store, 1, false), Err(StoreError::NoSuchLoad(1))));
    let mut running = store.begin_load(info("hydrants")).unwrap();
    for record in codes(5000) {
        running.add(record).unwrap();
    }
    assert!(matches!(undo(&store, 1, false), Err(StoreError::LoadRunning(1))));
    let empty = state(&new_city().0, &new_city().1).0;
    drop(running);
    // Broken off, it goes as one that is complete, and its index comes back.
    let landed = all(&store).len() as u64;
    assert_eq!(undo(&store, 1, false).unwrap().removed, landed);
    assert_eq!(state(&dir, &store).0, empty);
    assert!(store.unindexed().unwrap().is_empty());
}

#[test]
fn a_large_undo_packs_the_index_of_what_is_left() {
    let (dir, store) = new_city();
    load(&store, info("few"), codes(50));
    let before = state(&dir, &store);
    load(&store, info("many"), codes(6000));
    undo(&store, 2, false).unwrap();
    assert_eq!(state(&dir, &store), before);
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    register_functions(&conn).unwrap();
    assert!(crate::gpkg::rtree::is_registered(&conn, "hydrant").unwrap());
    assert_eq!(crate::indexing::trouble(&conn, "hydrant").unwrap(), None);
}

#[test]
fn loads_are_taken_back_last_first_and_each_brings_its_own_before() {
    let (dir, store) = new_city();
    let mut states = vec![state(&dir, &store)];
    for dn in [100, 150, 200] {
        let mut records = codes(12);
        records.iter_mut().for_each(|r| r.attributes[2] = dn.into());
        load(&store, info("hydrants"), records);
        states.push(state(&dir, &store));
    }
    match undo(&store, 2, false) {
        Err(StoreError::EditedLater { count: 12, first, .. }) => assert_eq!(first[0].source, "hydrants"),
        other => panic!("{other:?}"),
    }
    for load in [3, 2, 1] {
        undo(&store, load, false).unwrap();
        assert_eq!(state(&dir, &store), states[load as usize - 1], "before load {load}");
    }
}

#[test]
fn a_feature_is_put_back_to_what_it_was() {
    let (_dir, store) = new_city();
    let made = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    let seen = store.feature(made).unwrap().unwrap();
    store.write("planner", "api", &[replace(&seen, None, 150)]).unwrap();
    let written = store.put_back(made, 1, "gis", "revert").unwrap();
    assert_eq!((written.revision, written.ids.clone()), (3, vec![made]));
    let now = store.feature(made).unwrap().unwrap();
    assert_eq!((now.attributes, now.geometry, now.revision), (seen.attributes, seen.geometry, 3));
    assert_eq!(store.put_back(made, 3, "gis", "revert").unwrap().revision, 3, "it is that already");
    assert_eq!(store.put_back(made, 1, "gis", "revert").unwrap().revision, 3, "it says what it said then, though it did not in between");
    assert_eq!(store.history(made).unwrap().len(), 3);
    assert!(matches!(store.put_back(made, 0, "gis", "revert"), Err(StoreError::NoSuchVersion { revision: 0, .. })));
    assert!(matches!(store.put_back(made, 4, "gis", "revert"), Err(StoreError::FutureRevision { asked: 4, head: 3 })));
    assert!(matches!(store.put_back(id(HYDRANT, 9), 3, "gis", "revert"), Err(StoreError::NoSuchVersion { .. })));
}

#[test]
fn a_deleted_feature_comes_back_under_its_id_and_its_source_still_knows_it() {
    let (dir, store) = new_city();
    let mut records = codes(3);
    records.push(keyless(4, 900, 100));
    load(&store, info("hydrants"), records.clone());
    let before = state(&dir, &store);
    let deletions = [id(HYDRANT, 2), id(HYDRANT, 4)].map(|id| Edit::Delete { id, if_match: None });
    store.write("planner", "api", &deletions).unwrap();
    let there = store.head().unwrap() - 1;
    for fid in [2, 4] {
        store.put_back(id(HYDRANT, fid), there, "gis", "revert").unwrap();
    }
    assert_eq!(state(&dir, &store), before);
    let ops: Vec<_> = store.history(id(HYDRANT, 2)).unwrap().iter().map(|v| v.op).collect();
    assert_eq!(ops, [Op::Created, Op::Deleted, Op::Created]);
    assert_eq!(load(&store, info("hydrants"), records).0, Counts { unchanged: 4, ..Counts::default() });
    // Nobody else can do that.
    store.write("planner", "api", &deletions).unwrap();
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    register_functions(&conn).unwrap();
    assert!(conn.execute("INSERT INTO hydrant(fid, code) VALUES(2, 'H-2')", []).is_err());
}
