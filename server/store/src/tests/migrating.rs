//! A store of the first format, built by a script as the first version did, opened by this one.

use super::loading::{info, load, record};
use super::*;
use crate::gpkg::{create_base, register_functions};
use crate::schema::FORMAT;
use crate::{AsOf, Counts, Op, Record, StoreError, verify};
use rusqlite::Connection;

fn old_city() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("city.toml"), config().to_toml()).unwrap();
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    register_functions(&conn).unwrap();
    create_base(&conn).unwrap();
    conn.execute_batch(include_str!("format_1.sql")).unwrap();
    dir
}

fn format(path: &std::path::Path) -> i64 {
    Connection::open(path).unwrap().query_row("SELECT format FROM ct_head", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_store_of_an_older_format_is_copied_and_brought_up_with_its_history() {
    let dir = old_city();
    assert_eq!(verify(dir.path()).unwrap()[0].key, "older");
    let store = reopen(&dir);
    assert_eq!(format(&dir.path().join("city.gpkg")), FORMAT);
    let copy = dir.path().join("city.format-1.gpkg");
    assert_eq!(format(&copy), 1);
    assert_eq!(verify(dir.path()).unwrap(), []);
    // The other program's edit was sealed; what was before is as it was.
    assert_eq!(store.head().unwrap(), 4);
    let history = store.history(id(HYDRANT, 1)).unwrap();
    let told: Vec<_> =
        history.iter().map(|v| (v.revision, v.op, v.feature.as_ref().unwrap().attributes[2].as_int(), v.source.as_str())).collect();
    assert_eq!(told, [(1, Op::Created, Some(100), "survey"), (2, Op::Changed, Some(125), "api"), (4, Op::Changed, Some(150), "outside")]);
    let mut then = Vec::new();
    store.read_all_as_of(AsOf::Time("2026-11-02T12:00:00Z".parse().unwrap()), &mut |f| then.push(f.id)).unwrap();
    assert_eq!(then, [id(HYDRANT, 1), id(HYDRANT, 2), id(HYDRANT, 3)]);
    // Classes that the catalogue has gained are there, and all that this format can do.
    store.put_back(id(HYDRANT, 2), 1, "gis", "revert").unwrap();
    let again = Record { source_id: Some("osm/3".into()), ..record(3, HYDRANT, Value::Null, 90) };
    assert_eq!(load(&store, info("survey"), vec![again]).0, Counts { changed: 1, gone: 2, ..Counts::default() });
    assert_eq!(store.feature(id(HYDRANT, 3)).unwrap().unwrap().attributes[2], Value::Int(90));
    store.undo_load(2, false, "gis", |_| true).unwrap();
    assert_eq!(store.feature(id(HYDRANT, 3)).unwrap().unwrap().attributes[2], Value::Int(80));
    assert_eq!(verify(dir.path()).unwrap(), []);
    // Opened again, nothing is copied again.
    let made = std::fs::metadata(&copy).unwrap().modified().unwrap();
    drop(store);
    reopen(&dir);
    assert_eq!(std::fs::metadata(&copy).unwrap().modified().unwrap(), made);
}

#[test]
fn two_that_open_it_at_once_bring_it_up_once() {
    let dir = old_city();
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| reopen(&dir).head().unwrap()));
        assert_eq!(both.map(|thread| thread.join().unwrap()), [4, 4]);
    });
    assert_eq!(verify(dir.path()).unwrap(), []);
}

#[test]
fn without_room_for_the_copy_nothing_is_changed() {
    let dir = old_city();
    // A folder stands where the copy is to be.
    std::fs::create_dir(dir.path().join("city.format-1.gpkg")).unwrap();
    assert!(matches!(Store::open(dir.path(), &classes()), Err(StoreError::Io { .. })));
    assert_eq!(format(&dir.path().join("city.gpkg")), 1);
}
