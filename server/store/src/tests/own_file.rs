//! A city's own classes from its own file: what may change while there are rows, and what may not.

use super::*;
use crate::testing::{attribute, class};
use crate::{OwnChange, StoreError, gpkg};
use citytwin_model::{AttributeType, Class, GeometryKind};
use std::sync::Arc;

const TREE: ClassNo = ClassNo(10_001);

/// The catalogue with the city's trees (attributes `code`, `kind`, `dn`) as `change` leaves them.
fn with_trees(change: impl Fn(&mut Class)) -> Vec<Arc<Class>> {
    let mut tree = class(TREE.0, "tree", GeometryKind::Point);
    change(&mut tree);
    classes().into_iter().chain([Arc::new(tree)]).collect()
}

fn planted() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path(), &config(), &with_trees(|_| {})).unwrap();
    let tree = Edit::Create {
        class: TREE,
        geometry: point(116.0, 30.0),
        attributes: vec!["T-1".into(), "camphor".into(), Value::Null],
        other: None,
    };
    store.write("gis", "api", &[tree.clone(), tree]).unwrap();
    dir
}

fn open(dir: &TempDir, classes: &[Arc<Class>]) -> Result<Store, StoreError> {
    Store::open(dir.path(), classes)
}

#[test]
fn while_there_are_rows_a_class_of_the_citys_file_is_neither_removed_nor_narrowed() {
    let dir = planted();
    let refused = |classes: &[Arc<Class>], wanted: OwnChange| match open(&dir, classes) {
        Err(StoreError::OwnClass { class, change, rows: 2 }) => assert_eq!((class.as_str(), change), ("tree", wanted)),
        Err(other) => panic!("{wanted}: {other}"),
        Ok(_) => panic!("{wanted}: not refused"),
    };
    refused(&classes(), OwnChange::Gone);
    refused(&with_trees(|tree| tree.no = ClassNo(10_002)), OwnChange::Number { was: 10_001, now: 10_002 });
    refused(&with_trees(|tree| tree.geometry = GeometryKind::Area), OwnChange::Geometry);
    refused(&with_trees(|tree| tree.geometry = GeometryKind::None), OwnChange::Geometry);
    refused(&with_trees(|tree| drop(tree.attributes.remove(1))), OwnChange::AttributeGone("kind".into()));
    refused(&with_trees(|tree| tree.attributes[1].ty = AttributeType::Int), OwnChange::AttributeType("kind".into()));
    // Nothing was changed by all this.
    let store = open(&dir, &with_trees(|_| {})).unwrap();
    assert_eq!(all(&store).len(), 2);
}

#[test]
fn an_attribute_that_nobody_filled_may_go_and_new_ones_become_columns() {
    let dir = planted();
    drop(open(&dir, &with_trees(|tree| drop(tree.attributes.remove(2)))).unwrap());
    let wider = with_trees(|tree| tree.attributes.push(attribute("planted", AttributeType::Date)));
    let store = open(&dir, &wider).unwrap();
    let feature = store.feature(id(TREE, 1)).unwrap().unwrap();
    assert_eq!(feature.attributes, ["T-1".into(), "camphor".into(), Value::Null, Value::Null]);
    let mut attributes = feature.attributes.clone();
    attributes[3] = "2026-03-12".into();
    let edit = Edit::Replace { id: feature.id, if_match: None, geometry: feature.geometry, attributes, other: None };
    store.write("gis", "api", &[edit]).unwrap();
    let history = store.history(id(TREE, 1)).unwrap();
    let planted = |at: usize| history[at].feature.as_ref().unwrap().attributes[3].clone();
    assert_eq!((planted(0), planted(1)), (Value::Null, "2026-03-12".into()), "the history has the column too");
    drop(store);
    // A code list in place of free text holds the same texts.
    let coded = with_trees(|tree| {
        tree.attributes[1].ty = AttributeType::Code(vec![]);
        tree.attributes.push(attribute("planted", AttributeType::Date));
    });
    assert!(open(&dir, &coded).is_ok());
}

#[test]
fn an_empty_class_changes_as_it_likes_until_it_has_held_something() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::create(dir.path(), &config(), &with_trees(|_| {})).unwrap());
    let areas = with_trees(|tree| {
        tree.geometry = GeometryKind::Area;
        tree.attributes[2].ty = AttributeType::Real;
    });
    let store = open(&dir, &areas).unwrap();
    assert!(store.classes().iter().any(|class| class.no == TREE && class.geometry == GeometryKind::Area));
    let ring = [(116.0, 30.0), (116.001, 30.0), (116.001, 30.001), (116.0, 30.0)];
    let ring = ring.iter().map(|&(x, y)| citytwin_model::Position::new(x, y, 0.0)).collect();
    let grove = Edit::Create {
        class: TREE,
        geometry: Some(Geometry::flat(citytwin_model::Shape::Polygon(vec![ring]))),
        attributes: vec!["G-1".into(), Value::Null, 2.5.into()],
        other: None,
    };
    let made = store.write("gis", "api", &[grove]).unwrap().ids[0];
    store.write("gis", "api", &[Edit::Delete { id: made, if_match: None }]).unwrap();
    drop(store);
    // Empty again, but it has a history, and that is kept as it was.
    assert!(matches!(open(&dir, &with_trees(|_| {})), Err(StoreError::OwnClass { rows: 0, .. })));
    // Taken out while empty, it is not served; put back, its history is there.
    let store = open(&dir, &classes()).unwrap();
    assert!(!store.classes().iter().any(|class| class.no == TREE));
    drop(store);
    assert_eq!(open(&dir, &areas).unwrap().history(made).unwrap().len(), 2);
}

#[test]
fn what_an_outside_program_added_narrows_nothing() {
    let dir = planted();
    let conn = rusqlite::Connection::open(dir.path().join(crate::STORE_FILE)).unwrap();
    gpkg::register_functions(&conn).unwrap();
    conn.execute_batch("ALTER TABLE tree ADD COLUMN nickname TEXT; UPDATE tree SET nickname='old friend';").unwrap();
    drop(conn);
    assert!(open(&dir, &with_trees(|_| {})).is_ok());
}
