//! Tables that another program has replaced, and their adoption.

use super::*;
use crate::gpkg::{blob, register_functions};
use crate::{AsOf, Op, StoreError, verify};
use rusqlite::Connection;

fn point_blob(lon: f64, srs: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    blob::write(&point(lon, 30.0).unwrap(), false, &mut bytes);
    bytes[4..8].copy_from_slice(&srs.to_le_bytes());
    bytes
}

/// What `ogr2ogr -overwrite` leaves: a table of its own making under our name, with some of our rows and a new one.
fn replaced(dir: &TempDir, srs: i32) {
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    register_functions(&conn).unwrap();
    conn.execute_batch(
        "DROP TABLE hydrant; DROP TABLE rtree_hydrant_geom; DELETE FROM gpkg_extensions WHERE table_name='hydrant';
         CREATE TABLE hydrant(fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, code TEXT, Dn INTEGER, inspector TEXT);",
    )
    .unwrap();
    conn.execute("UPDATE gpkg_geometry_columns SET srs_id=?1 WHERE table_name='hydrant'", [srs]).unwrap();
    for (fid, lon, code, dn) in [(1, 116.1, "H-1", 300), (2, 116.2, "H-2", 300), (3, 116.3, "H-5", 80), (9, 116.4, "H-6", 90)] {
        conn.execute(
            "INSERT INTO hydrant(fid, geom, code, dn, inspector) VALUES(?1, ?2, ?3, ?4, '王工')",
            (fid, point_blob(lon, srs), code, dn),
        )
        .unwrap();
    }
}

#[test]
fn a_replaced_table_is_served_again_after_its_adoption_and_its_history_is_lost() {
    let (dir, store) = new_city();
    let hydrants: Vec<_> = (1..=4).map(|n| hydrant(&format!("H-{n}"), 100)).collect();
    let made = store.write("planner", "api", &hydrants).unwrap().ids;
    // The third is deleted before: its number is nobody's for ever.
    store.write("planner", "api", &[Edit::Delete { id: made[2], if_match: None }]).unwrap();
    assert!(matches!(store.adopt("hydrant", "gis"), Err(StoreError::NotEstranged(_))));
    drop(store);
    replaced(&dir, 4326);
    let store = reopen(&dir);
    assert_eq!(store.estranged(), ["hydrant"]);
    assert!(verify(dir.path()).unwrap().iter().any(|finding| finding.key == "triggers"));
    assert!(matches!(store.feature(made[0]), Err(StoreError::UnknownClass(80))));

    let adopted = store.adopt("hydrant", "gis").unwrap();
    assert_eq!((adopted.features, adopted.renumbered, adopted.lost, adopted.revision), (4, 1, 1, 3));
    assert_eq!(adopted.kept_in_other, ["inspector"]);
    assert!(store.estranged().is_empty());
    assert_eq!(verify(dir.path()).unwrap(), []);
    let now: Vec<_> = all(&store).iter().map(|f| (f.id.fid, f.attributes[0].clone(), f.attributes[2].as_int())).collect();
    assert_eq!(
        now,
        [(1, "H-1".into(), Some(300)), (2, "H-2".into(), Some(300)), (9, "H-6".into(), Some(90)), (10, "H-5".into(), Some(80))]
    );
    let first = store.feature(made[0]).unwrap().unwrap();
    assert_eq!(first.other.as_deref(), Some(r#"{"inspector":"王工"}"#));
    assert_eq!(first.geometry.unwrap().bounds().west, 116.1);
    // The feed leads followers there, and what was before is not made up.
    let delta = store.delta_since(2, 100).unwrap();
    assert_eq!((delta.changed.len(), delta.gone), (4, vec![made[3]]));
    assert!(delta.changes.changes.iter().any(|c| c.op == Op::Deleted && c.fid == 4));
    match store.read_class_as_of(HYDRANT, AsOf::Revision(1), &mut |_| {}) {
        Err(StoreError::HistoryLost { whole_from: 3, .. }) => {}
        other => panic!("{other:?}"),
    }
    // From here on it is a class like any other.
    let seen = store.feature(made[0]).unwrap().unwrap();
    store.write("planner", "api", &[replace(&seen, None, 1)]).unwrap();
    assert_eq!(store.feature_as_of(made[0], 3).unwrap().unwrap().attributes[2], Value::Int(300));
    assert_eq!(store.write("planner", "api", &[hydrant("H-7", 1)]).unwrap().ids[0].fid, 11);
    assert_eq!(verify(dir.path()).unwrap(), []);
}

#[test]
fn coordinates_in_another_system_are_not_taken_for_ours() {
    let (dir, store) = new_city();
    store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap();
    drop(store);
    replaced(&dir, 0);
    let store = reopen(&dir);
    match store.adopt("hydrant", "gis") {
        Err(StoreError::NotAdoptable { table, .. }) => assert_eq!(table, "hydrant"),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.estranged(), ["hydrant"], "nothing was changed");
}

#[test]
fn a_table_that_was_dropped_comes_back_empty() {
    let (dir, store) = new_city();
    let made = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    drop(store);
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    conn.execute_batch("DROP TABLE hydrant; DROP TABLE rtree_hydrant_geom;").unwrap();
    drop(conn);
    let store = reopen(&dir);
    assert_eq!(store.estranged(), ["hydrant"]);
    let adopted = store.adopt("hydrant", "gis").unwrap();
    assert_eq!((adopted.features, adopted.lost), (0, 1));
    assert_eq!(store.feature(made).unwrap(), None);
    assert_eq!(store.write("planner", "api", &[hydrant("H-2", 1)]).unwrap().ids[0].fid, 2);
    assert_eq!(verify(dir.path()).unwrap(), []);
}

/// `ogr2ogr -update -nln my_trees city.gpkg trees.shp`: a spatial table that nobody knows.
#[test]
fn a_spatial_table_from_outside_is_named_and_taken_in() {
    let (dir, store) = new_city();
    store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap();
    assert!(store.strangers().unwrap().is_empty());
    let conn = Connection::open(dir.path().join("city.gpkg")).unwrap();
    conn.execute_batch(
        "CREATE TABLE my_trees(fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, species TEXT(80), height REAL);
         INSERT INTO gpkg_contents(table_name, data_type, identifier, srs_id) VALUES('my_trees', 'features', 'my_trees', 4326);
         INSERT INTO gpkg_geometry_columns VALUES('my_trees', 'geom', 'POINT', 4326, 0, 0);",
    )
    .unwrap();
    conn.execute("INSERT INTO my_trees(fid, geom, species, height) VALUES(7, ?1, '银杏', 12.5)", [point_blob(116.1, 4326)]).unwrap();
    // QGIS keeps its styles in a table that is none of places.
    conn.execute_batch("CREATE TABLE layer_styles(id INTEGER PRIMARY KEY); INSERT INTO gpkg_contents(table_name, data_type, identifier) VALUES('layer_styles', 'attributes', 'layer_styles');").unwrap();
    drop(conn);
    assert_eq!(store.strangers().unwrap(), ["my_trees"]);
    let wanted = crate::CollectionSchema { label: "t".into(), geometry: crate::Kind::Point, attributes: vec![] };
    assert!(matches!(store.own_collection("my_trees", &wanted), Err(StoreError::CollectionName(_, crate::BadName::Stranger))));
    assert!(matches!(store.adopt("layer_styles", "gis"), Err(StoreError::NotEstranged(_))));

    let adopted = store.adopt("my_trees", "gis").unwrap();
    assert_eq!((adopted.features, adopted.lost, adopted.renumbered), (1, 0, 0));
    assert!(store.strangers().unwrap().is_empty());
    let class = store.classes().into_iter().find(|class| class.id == "my_trees").unwrap();
    let tree = store.feature(FeatureId::new(class.no, 7)).unwrap().unwrap();
    assert_eq!(tree.attributes, ["银杏".into(), Value::Real(12.5)]);
    assert_eq!(tree.geometry.unwrap().bounds().west, 116.1);
    // Nothing of it is lost: before, it was not there.
    let mut then = 0;
    store.read_class_as_of(class.no, AsOf::Revision(1), &mut |_| then += 1).unwrap();
    assert_eq!(then, 0);
    assert!(store.delta_since(1, 100).unwrap().changes.changes.iter().any(|c| c.class == class.no && c.op == Op::Created));
    assert_eq!(verify(dir.path()).unwrap(), []);
    drop(store);
    assert!(reopen(&dir).classes().iter().any(|class| class.id == "my_trees"));
}
