//! The city as it was, by revision, by time, by box. What any sequence of changes makes of it is tried in `model.rs`.

use super::*;
use crate::{AsOf, StoreError};
use citytwin_model::{Bounds, Timestamp};

fn as_of(store: &Store, as_of: AsOf) -> Vec<(u32, i64)> {
    let mut found = Vec::new();
    store.read_class_as_of(HYDRANT, as_of, &mut |f| found.push((f.id.fid, f.attributes[2].as_int().unwrap()))).unwrap();
    found
}

#[test]
fn the_city_of_an_earlier_revision_and_of_an_earlier_moment() {
    let (_dir, store) = new_city();
    let at = |text: &str| AsOf::Time(text.parse().unwrap());
    store.write("a", "api", &[hydrant("H-1", 100), hydrant("H-2", 100), hydrant("H-3", 100)]).unwrap();
    let first = store.history(id(HYDRANT, 1)).unwrap()[0].at.unwrap();
    std::thread::sleep(std::time::Duration::from_millis(15));
    let seen = store.feature(id(HYDRANT, 2)).unwrap().unwrap();
    store.write("a", "api", &[replace(&seen, None, 150), Edit::Delete { id: id(HYDRANT, 3), if_match: None }, hydrant("H-4", 80)]).unwrap();
    assert_eq!(as_of(&store, AsOf::Revision(0)), []);
    assert_eq!(as_of(&store, AsOf::Revision(1)), [(1, 100), (2, 100), (3, 100)]);
    assert_eq!(as_of(&store, AsOf::Revision(2)), [(1, 100), (2, 150), (4, 80)]);
    assert_eq!(as_of(&store, at("2020-01-01T00:00:00Z")), []);
    assert_eq!(as_of(&store, AsOf::Time(first.plus_millis(1))), [(1, 100), (2, 100), (3, 100)]);
    assert_eq!(as_of(&store, AsOf::Time(Timestamp::from_micros(first.micros() + 999))), [(1, 100), (2, 100), (3, 100)]);
    assert_eq!(as_of(&store, AsOf::Time(Timestamp::from_micros(first.micros() - 1))), []);
    assert_eq!(as_of(&store, at("2100-01-01T00:00:00+08:00")), [(1, 100), (2, 150), (4, 80)]);
    assert_eq!(store.revision_at(first).unwrap(), 1);
    match store.read_all_as_of(AsOf::Revision(3), &mut |_| {}) {
        Err(StoreError::FutureRevision { asked: 3, head: 2 }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_box_as_of_a_revision_shows_what_stood_there_then() {
    let (_dir, store) = new_city();
    let made = store.write("a", "api", &[hydrant("H-1", 100), hydrant("H-2", 100)]).unwrap().ids;
    let mut moved = store.feature(made[0]).unwrap().unwrap();
    moved.geometry = point(116.5, 30.5);
    store.write("a", "api", &[replace(&moved, None, 100)]).unwrap();
    let found = |lon: f64, lat: f64, revision| {
        let mut fids = Vec::new();
        let around = Bounds::new(lon - 0.001, lat - 0.001, lon + 0.001, lat + 0.001);
        store.read_box_as_of(None, &around, AsOf::Revision(revision), &mut |f| fids.push(f.id.fid)).unwrap();
        fids.sort_unstable();
        fids
    };
    assert_eq!((found(116.01, 30.01, 1), found(116.5, 30.5, 1)), (vec![1, 2], vec![]));
    assert_eq!((found(116.01, 30.01, 2), found(116.5, 30.5, 2)), (vec![2], vec![1]));
    // Without a spatial index the answer is the same.
    let (dir, store) = (_dir, store);
    let conn = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
    crate::gpkg::rtree::take_off(&conn, "hydrant").unwrap();
    let mut fids = Vec::new();
    store.read_box_as_of(Some(HYDRANT), &Bounds::new(116.4, 30.4, 116.6, 30.6), AsOf::Revision(2), &mut |f| fids.push(f.id.fid)).unwrap();
    assert_eq!(fids, [1]);
}
