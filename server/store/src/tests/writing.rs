//! Writes, revisions, history, the feed, and the opening of what is no city.

use super::*;
use crate::gpkg;
use crate::{CollectionSchema, Field, FieldType, Kind, Op, Refusal, StoreError};
use citytwin_model::Bounds;

#[test]
fn what_was_written_is_there_after_opening_again() {
    let (dir, store) = new_city();
    assert_eq!(store.head().unwrap(), 0);
    let written = store.write("planner", "api", &[hydrant("H-1", 100), hydrant("H-2", 150)]).unwrap();
    assert_eq!((written.revision, written.ids.clone()), (1, vec![id(HYDRANT, 1), id(HYDRANT, 2)]));
    drop(store);
    let store = reopen(&dir);
    let feature = store.feature(written.ids[1]).unwrap().unwrap();
    assert_eq!((feature.revision, feature.attributes[0].clone(), feature.geometry), (1, Value::from("H-2"), point(116.01, 30.01)));
    assert_eq!(store.config().name.zh, "示范市");
    assert_eq!(all(&store).len(), 2);
    assert_eq!(store.feature(id(HYDRANT, 3)).unwrap(), None);
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let (_dir, store) = new_city();
    let bad = Edit::Create { class: HYDRANT, geometry: None, attributes: vec![Value::Null; 3], other: None };
    match store.write("planner", "api", &[hydrant("H-1", 100), bad]) {
        Err(StoreError::Refused { number: 2, refusal: Refusal::NoGeometry }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!((store.head().unwrap(), all(&store).len()), (0, 0));
    assert!(matches!(
        store.write("planner", "api", &[Edit::Delete { id: id(HYDRANT, 1), if_match: None }]),
        Err(StoreError::NoSuchFeature(_))
    ));
    assert!(matches!(
        store.write("planner", "api", &[Edit::Create { class: ClassNo(9), geometry: None, attributes: vec![], other: None }]),
        Err(StoreError::UnknownClass(9))
    ));
}

#[test]
fn the_second_of_two_writers_who_saw_the_same_revision_gets_a_conflict() {
    let (_dir, store) = new_city();
    let hydrant = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    let seen = store.feature(hydrant).unwrap().unwrap();
    assert_eq!(store.write("a", "api", &[replace(&seen, Some(1), 150)]).unwrap().revision, 2);
    match store.write("b", "api", &[replace(&seen, Some(1), 200)]) {
        Err(StoreError::Conflict { expected: 1, found: 2, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(store.feature(hydrant).unwrap().unwrap().attributes[2], Value::Int(150));
    // Without saying what he saw, the last one wins, and history keeps the other.
    store.write("b", "api", &[replace(&seen, None, 200)]).unwrap();
    let history = store.history(hydrant).unwrap();
    let dn = |v: &crate::Version| v.feature.as_ref().and_then(|f| f.attributes[2].as_int());
    assert_eq!(history.iter().map(dn).collect::<Vec<_>>(), [Some(100), Some(150), Some(200)]);
    assert_eq!(history.iter().map(|v| v.author.as_deref().unwrap()).collect::<Vec<_>>(), ["planner", "a", "b"]);
    assert_eq!(store.feature_as_of(hydrant, 2).unwrap().unwrap().attributes[2], Value::Int(150));
}

#[test]
fn deletion_is_the_last_version_and_the_id_is_not_given_again() {
    let (_dir, store) = new_city();
    let first = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    store.write("planner", "api", &[Edit::Delete { id: first, if_match: Some(1) }]).unwrap();
    let second = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    assert_eq!(second.fid, 2);
    assert_eq!(store.history(first).unwrap().iter().map(|v| (v.revision, v.op)).collect::<Vec<_>>(), [(1, Op::Created), (2, Op::Deleted)]);
    assert_eq!(store.feature(first).unwrap(), None);
    assert!(store.feature_as_of(first, 1).unwrap().is_some());
}

#[test]
fn the_feed_tells_what_changed_and_where_it_was_and_is() {
    let (_dir, store) = new_city();
    let made = store.write("planner", "api", &[hydrant("H-1", 100), hydrant("H-2", 100)]).unwrap().ids;
    let mut moved = store.feature(made[0]).unwrap().unwrap();
    moved.geometry = point(116.5, 30.5);
    store.write("planner", "api", &[replace(&moved, None, 100), Edit::Delete { id: made[1], if_match: None }]).unwrap();
    let (old, new) = (Bounds::new(116.01, 30.01, 116.01, 30.01), Bounds::new(116.5, 30.5, 116.5, 30.5));
    let feed = store.changes_since(0, 1000).unwrap();
    let told: Vec<_> = feed.changes.iter().map(|c| (c.rev, c.fid, c.op, c.old_bounds, c.new_bounds)).collect();
    assert_eq!(
        told,
        [
            (1, 1, Op::Created, None, Some(old)),
            (1, 2, Op::Created, None, Some(old)),
            (2, 1, Op::Changed, Some(old), Some(new)),
            (2, 2, Op::Deleted, Some(old), None)
        ]
    );
    assert_eq!((feed.upto, feed.head), (2, 2));
    // In pieces: whole revisions, at least one.
    let piece = store.delta_since(0, 1).unwrap();
    assert_eq!((piece.changes.upto, piece.changes.head, piece.changed.len()), (1, 2, 2));
    assert_eq!(piece.changed[0].geometry, point(116.01, 30.01), "as it was at the end of the piece");
    let rest = store.delta_since(1, 1).unwrap();
    assert_eq!((rest.changes.upto, rest.changed.len(), rest.gone), (2, 1, vec![made[1]]));
    assert!(store.changes_since(2, 10).unwrap().changes.is_empty());
    assert!(matches!(store.changes_since(3, 10), Err(StoreError::FutureRevision { asked: 3, head: 2 })));
}

#[test]
fn a_reference_given_by_code_is_held_as_the_features_number() {
    let (_dir, store) = new_city();
    let made = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    let pipe = |node: &str| Edit::Create {
        class: PIPE,
        geometry: line(&[(116.0, 30.0), (116.01, 30.01)]),
        attributes: vec!["P-1".into(), Value::Null, 200i64.into(), node.into()],
        other: Some(r#"{"owner":"water company"}"#.into()),
    };
    let pipes = store.write("planner", "api", &[pipe("H-1"), pipe("H-9")]).unwrap().ids;
    let linked = store.feature(pipes[0]).unwrap().unwrap();
    assert_eq!(linked.attributes[3], Value::Int(made.wire() as i64));
    let waiting = store.feature(pipes[1]).unwrap().unwrap();
    assert_eq!((waiting.attributes[3].clone(), waiting.other), (Value::from("H-9"), Some(r#"{"owner":"water company"}"#.into())));
}

#[test]
fn what_is_no_city_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open(dir.path(), &classes()), Err(StoreError::NoCity { .. })));
    std::fs::write(dir.path().join("city.toml"), config().to_toml()).unwrap();
    std::fs::write(dir.path().join("city.gpkg"), "not a database at all, but long enough to look at").unwrap();
    assert!(matches!(Store::open(dir.path(), &classes()), Err(StoreError::NotACity { .. })));
    assert!(matches!(Store::create(dir.path(), &config(), &classes()), Err(StoreError::AlreadyThere { .. })));

    std::fs::remove_file(dir.path().join("city.gpkg")).unwrap();
    gpkg::Writer::create(&dir.path().join("city.gpkg")).unwrap().finish().unwrap();
    match Store::open(dir.path(), &classes()) {
        Err(StoreError::NotACity { why, .. }) => assert_eq!(why, crate::NotOurs::PlainGeoPackage),
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn a_store_of_the_future_is_left_alone() {
    let (dir, store) = new_city();
    drop(store);
    let conn = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
    conn.execute("UPDATE ct_head SET format=99", []).unwrap();
    drop(conn);
    assert!(matches!(Store::open(dir.path(), &classes()), Err(StoreError::FutureFormat { found: 99, .. })));
}

#[test]
fn a_city_grows_with_its_catalogue() {
    let (dir, store) = new_city();
    let first = store.write("planner", "api", &[hydrant("H-1", 100)]).unwrap().ids[0];
    drop(store);
    let mut grown = classes();
    let hydrants = std::sync::Arc::make_mut(&mut grown[2]);
    hydrants.attributes.push(crate::testing::attribute("pressure_kpa", citytwin_model::AttributeType::Real));
    grown.push(std::sync::Arc::new(crate::testing::class(63, "outfall", citytwin_model::GeometryKind::Point)));
    let store = Store::open(dir.path(), &grown).unwrap();
    let feature = store.feature(first).unwrap().unwrap();
    assert_eq!(feature.attributes[3], Value::Null);
    let edit = Edit::Replace {
        id: first,
        if_match: Some(1),
        geometry: feature.geometry,
        attributes: vec!["H-1".into(), Value::Null, 100i64.into(), 350.0.into()],
        other: None,
    };
    store.write("planner", "api", &[edit]).unwrap();
    assert_eq!(store.feature(first).unwrap().unwrap().attributes[3], Value::Real(350.0));
    assert_eq!(store.history(first).unwrap()[0].feature.as_ref().unwrap().attributes[3], Value::Null);
    store
        .write(
            "planner",
            "api",
            &[Edit::Create { class: ClassNo(63), geometry: point(116.0, 30.0), attributes: vec![Value::Null; 3], other: None }],
        )
        .unwrap();
}

#[test]
fn a_collection_of_the_citys_own_is_made_and_widened() {
    let (dir, store) = new_city();
    let field = |id: &str, ty| Field { id: id.into(), ty };
    let mut schema =
        CollectionSchema { label: "行道树".into(), geometry: Kind::Point, attributes: vec![field("树种", FieldType::Text)] };
    let class = store.own_collection("tree", &schema).unwrap();
    assert_eq!((class.no, class.label.zh.as_str()), (ClassNo(20_000), "行道树"));
    let tree = Edit::Create { class: class.no, geometry: point(116.0, 30.0), attributes: vec!["银杏".into()], other: None };
    let made = store.write("gis", "api", &[tree]).unwrap().ids[0];
    schema.attributes.push(field("height_m", FieldType::Real));
    let wider = store.own_collection("tree", &schema).unwrap();
    assert_eq!((wider.no, wider.attributes.len()), (class.no, 2));
    assert_eq!(store.feature(made).unwrap().unwrap().attributes, ["银杏".into(), Value::Null]);
    drop(store);
    let store = reopen(&dir);
    assert!(store.classes().iter().any(|c| c.id == "tree"));
    for (name, schema) in [
        ("hydrant", schema.clone()),
        ("ct_head", schema.clone()),
        ("Tree", schema.clone()),
        ("行道树", schema.clone()),
        ("bad", CollectionSchema { attributes: vec![field("fid", FieldType::Int)], ..schema.clone() }),
        ("twice", CollectionSchema { attributes: vec![field("a", FieldType::Int), field("A", FieldType::Int)], ..schema.clone() }),
        ("tree", CollectionSchema { geometry: Kind::Line, ..schema }),
    ] {
        assert!(matches!(store.own_collection(name, &schema), Err(StoreError::CollectionName(..))), "{name}");
    }
}

#[test]
fn multis_keep_their_parts_and_singles_stay_single() {
    use citytwin_model::{Geometry, Position, Shape};
    let ring = |x: f64| {
        vec![[(x, 30.0), (x + 0.01, 30.0), (x + 0.01, 30.01), (x, 30.0)].iter().map(|&(x, y)| Position::new(x, y, 0.0)).collect::<Vec<_>>()]
    };
    let (_dir, store) = new_city();
    for shape in [Shape::Polygon(ring(116.0)), Shape::MultiPolygon(vec![ring(116.0), ring(116.1)])] {
        let geometry = Some(Geometry::flat(shape));
        let made = store
            .write("gis", "api", &[Edit::Create { class: PARK, geometry: geometry.clone(), attributes: vec![Value::Null; 3], other: None }])
            .unwrap();
        assert_eq!(store.feature(made.ids[0]).unwrap().unwrap().geometry, geometry);
    }
}
