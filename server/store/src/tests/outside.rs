//! What other programs do to the file while a server runs, and while none does.

use super::*;
use crate::gpkg::register_functions;
use crate::{Op, StoreError};
use citytwin_model::Timestamp;
use rusqlite::Connection;

fn other_program(dir: &TempDir) -> Connection {
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    register_functions(&conn).unwrap();
    conn
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000).plus_millis(ms)
}

#[test]
fn an_outside_edit_becomes_a_revision_after_a_quiet_moment() {
    let (dir, store) = new_city();
    let made = store.write("planner", "api", &[hydrant("H-1", 100), hydrant("H-2", 100)]).unwrap();
    assert_eq!(store.poll_outside(at(0)).unwrap(), Some(1), "our own write is news too, once");
    assert_eq!(store.poll_outside(at(50)).unwrap(), None);
    let conn = other_program(&dir);
    conn.execute("UPDATE hydrant SET dn=150 WHERE fid=1", []).unwrap();
    assert_eq!(store.poll_outside(at(100)).unwrap(), None);
    conn.execute("DELETE FROM hydrant WHERE fid=2", []).unwrap();
    conn.execute("INSERT INTO datastream(code) VALUES('DS-1')", []).unwrap();
    assert_eq!(store.poll_outside(at(250)).unwrap(), None, "150 ms after the first, but not quiet");
    // Not sealed yet, so nobody sees half of the session.
    assert_eq!(store.feature(made.ids[0]).unwrap().unwrap().attributes[2], Value::Int(100));
    assert_eq!((all(&store).len(), store.changes_since(1, 10).unwrap().changes.len()), (2, 0));
    assert_eq!(store.poll_outside(at(400)).unwrap(), None);
    assert_eq!(store.poll_outside(at(450)).unwrap(), Some(2));
    let told: Vec<_> = store.changes_since(1, 10).unwrap().changes.iter().map(|c| (c.class, c.fid, c.op)).collect();
    assert_eq!(told, [(HYDRANT, 1, Op::Changed), (HYDRANT, 2, Op::Deleted), (DATASTREAM, 1, Op::Created)]);
    let history = store.history(made.ids[0]).unwrap();
    assert_eq!((history.len(), history[1].source.as_str(), history[1].author.clone()), (2, "outside", None));
    assert_eq!(store.feature(made.ids[0]).unwrap().unwrap().attributes[2], Value::Int(150));
}

#[test]
fn an_endless_edit_session_is_not_waited_for() {
    let (dir, store) = new_city();
    let conn = other_program(&dir);
    let mut sealed = None;
    for i in 0..40 {
        conn.execute("INSERT INTO datastream(code) VALUES('DS')", []).unwrap();
        sealed = sealed.or(store.poll_outside(at(i * 100)).unwrap().map(|_| i));
    }
    assert_eq!(sealed, Some(20), "2 s after the first edit");
}

#[test]
fn edits_made_while_no_server_ran_are_sealed_at_opening_with_their_own_time() {
    let (dir, store) = new_city();
    let made = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    drop(store);
    let conn = other_program(&dir);
    conn.execute("UPDATE hydrant SET dn=150", []).unwrap();
    let edited: String = conn.query_row("SELECT max(at) FROM ct_change", [], |row| row.get(0)).unwrap();
    drop(conn);
    std::thread::sleep(std::time::Duration::from_millis(30));
    let store = reopen(&dir);
    assert_eq!(store.head().unwrap(), 2);
    let history = store.history(made).unwrap();
    assert_eq!(history[1].at.unwrap().to_string(), edited);
}

#[test]
fn a_write_seals_what_is_pending_first_and_then_checks_if_match() {
    let (dir, store) = new_city();
    let made = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    let seen = store.feature(made).unwrap().unwrap();
    other_program(&dir).execute("UPDATE hydrant SET dn=150", []).unwrap();
    match store.write("planner", "api", &[replace(&seen, Some(1), 200)]) {
        Err(StoreError::Conflict { expected: 1, found: 2, .. }) => {}
        other => panic!("{other:?}"),
    }
    let written = store.write("planner", "api", &[replace(&seen, None, 200)]).unwrap();
    assert_eq!(written.revision, 3);
    let dn: Vec<_> = store.history(made).unwrap().iter().map(|v| v.feature.as_ref().unwrap().attributes[2].as_int()).collect();
    assert_eq!(dn, [Some(100), Some(150), Some(200)]);
}

#[test]
fn replace_and_upsert_by_others_keep_history() {
    let (dir, store) = new_city();
    let conn = other_program(&dir);
    conn.execute("INSERT INTO datastream(fid, code, dn) VALUES(7, 'DS-7', 1)", []).unwrap();
    store.poll_outside(at(0)).unwrap();
    store.poll_outside(at(300)).unwrap();
    conn.execute("REPLACE INTO datastream(fid, code, dn) VALUES(7, 'DS-7', 2)", []).unwrap();
    store.poll_outside(at(400)).unwrap();
    store.poll_outside(at(700)).unwrap();
    conn.execute("INSERT INTO datastream(fid, code, dn) VALUES(7, 'DS-7', 3) ON CONFLICT(fid) DO UPDATE SET dn=excluded.dn", []).unwrap();
    store.poll_outside(at(800)).unwrap();
    store.poll_outside(at(1100)).unwrap();
    let history = store.history(id(DATASTREAM, 7)).unwrap();
    let told: Vec<_> = history.iter().map(|v| (v.revision, v.op, v.feature.as_ref().unwrap().attributes[2].as_int())).collect();
    assert_eq!(told, [(1, Op::Created, Some(1)), (2, Op::Changed, Some(2)), (3, Op::Changed, Some(3))]);
}

#[test]
fn others_cannot_give_an_id_again_or_change_one() {
    let (dir, store) = new_city();
    let made = store.write("planner", "api", &[hydrant("H-1", 100), hydrant("H-2", 100)]).unwrap().ids;
    store.write("planner", "api", &[Edit::Delete { id: made[0], if_match: None }]).unwrap();
    let conn = other_program(&dir);
    for sql in [
        "INSERT INTO hydrant(fid, code) VALUES(1, 'H-1')",
        "UPDATE hydrant SET fid=9 WHERE fid=2",
        "INSERT INTO hydrant(fid, code) VALUES(4294967296, 'H')",
        "INSERT INTO hydrant(fid, code) VALUES(-3, 'H')",
    ] {
        assert!(conn.execute(sql, []).is_err(), "{sql}");
    }
}

#[test]
fn what_others_wrote_wrong_is_served_as_no_data() {
    let (dir, store) = new_city();
    store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap();
    let conn = other_program(&dir);
    conn.execute("UPDATE hydrant SET dn='wide', geom=NULL", []).unwrap();
    drop(store);
    let store = reopen(&dir);
    let feature = store.feature(id(HYDRANT, 1)).unwrap().unwrap();
    assert_eq!((feature.attributes[2].clone(), feature.geometry), (Value::Null, None));
}

#[test]
fn a_table_that_another_program_replaced_is_not_served() {
    let (dir, store) = new_city();
    store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap();
    store.poll_outside(at(0)).unwrap();
    let conn = other_program(&dir);
    conn.execute_batch("DROP TABLE datastream; CREATE TABLE datastream(fid INTEGER PRIMARY KEY, code TEXT);").unwrap();
    store.poll_outside(at(100)).unwrap();
    assert_eq!(store.estranged(), ["datastream"]);
    assert!(!store.classes().iter().any(|c| c.id == "datastream"));
    assert_eq!(all(&store).len(), 1);
}

#[test]
fn another_process_that_loads_is_noticed() {
    let (dir, store) = new_city();
    assert_eq!(store.poll_outside(at(0)).unwrap(), None);
    let loader = reopen(&dir);
    loader.write("loader", "file", &[hydrant("H-1", 100)]).unwrap();
    assert_eq!(store.poll_outside(at(50)).unwrap(), Some(1));
    let schema = crate::CollectionSchema { label: "tree".into(), geometry: crate::Kind::Point, attributes: vec![] };
    let class = loader.own_collection("tree", &schema).unwrap();
    loader
        .write("loader", "file", &[Edit::Create { class: class.no, geometry: point(116.0, 30.0), attributes: vec![], other: None }])
        .unwrap();
    assert_eq!(store.poll_outside(at(100)).unwrap(), Some(2));
    assert!(store.classes().iter().any(|c| c.id == "tree"));
}

/// The feed looks, a loader makes a collection and lands its first link, the feed reads: nothing of it may be passed over.
#[test]
fn what_another_process_adds_between_the_look_and_the_reading_is_read() {
    let (dir, store) = new_city();
    store.poll_outside(at(0)).unwrap();
    let loader = reopen(&dir);
    let field = |id: &str| crate::Field { id: id.into(), ty: crate::FieldType::Text };
    let schema = |fields: &[&str]| crate::CollectionSchema {
        label: "tree".into(),
        geometry: crate::Kind::Point,
        attributes: fields.iter().map(|id| field(id)).collect(),
    };
    let class = loader.own_collection("tree", &schema(&["kind"])).unwrap();
    let tree = |attributes: Vec<Value>| Edit::Create { class: class.no, geometry: point(116.0, 30.0), attributes, other: None };
    let first = loader.write("loader", "file", &[tree(vec!["plane".into()])]).unwrap();
    let delta = store.delta_since(0, 10).unwrap();
    assert_eq!(delta.changes.upto, first.revision);
    assert_eq!(delta.changed.iter().map(|f| f.id).collect::<Vec<_>>(), first.ids);
    assert!(store.classes().iter().any(|c| c.id == "tree"), "who reads the features finds their class");

    // A column that came later is there too, and a reader of the whole city sees both.
    loader.own_collection("tree", &schema(&["kind", "girth"])).unwrap();
    let second = loader.write("loader", "file", &[tree(vec!["camphor".into(), "2 m".into()])]).unwrap();
    let newest = all(&store).into_iter().find(|f| f.id == second.ids[0]).unwrap();
    assert_eq!(newest.attributes, ["camphor".into(), Value::from("2 m")]);
    assert_eq!(store.feature(first.ids[0]).unwrap().unwrap().attributes, ["plane".into(), Value::Null]);
}
