//! The store from outside: what it promises, tried from both sides.

mod adopting;
mod as_of;
mod backups;
mod fresh;
mod loading;
mod migrating;
mod model;
mod outside;
mod own_file;
mod packing;
mod terrain;
mod troubles;
mod undo;
mod writing;

use crate::testing::{classes, point};
use crate::{CityConfig, Edit, Store};
use citytwin_model::{ClassNo, Feature, FeatureId, Geometry, LonLat, Value};
use tempfile::TempDir;

const PARK: ClassNo = ClassNo(5);
const PIPE: ClassNo = ClassNo(40);
const HYDRANT: ClassNo = ClassNo(80);
const DATASTREAM: ClassNo = ClassNo(101);

/// The store's file by plain SQL, with the functions that its triggers ask for.
fn look(dir: &TempDir) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
    crate::gpkg::register_functions(&conn).unwrap();
    conn
}

fn land_all(load: &mut crate::Load) {
    while !load.is_landed() {
        load.land().unwrap();
    }
}

fn config() -> CityConfig {
    CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 })
}

pub(crate) fn new_city() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path(), &config(), &classes()).unwrap();
    (dir, store)
}

fn reopen(dir: &TempDir) -> Store {
    Store::open(dir.path(), &classes()).unwrap()
}

fn hydrant(code: &str, dn: i64) -> Edit {
    Edit::Create {
        class: HYDRANT,
        geometry: point(116.01, 30.01),
        attributes: vec![code.into(), "above ground".into(), dn.into()],
        other: None,
    }
}

fn replace(feature: &Feature, if_match: Option<u64>, dn: i64) -> Edit {
    let mut attributes = feature.attributes.clone();
    attributes[2] = Value::Int(dn);
    Edit::Replace { id: feature.id, if_match, geometry: feature.geometry.clone(), attributes, other: feature.other.clone() }
}

fn all(store: &Store) -> Vec<Feature> {
    let mut features = Vec::new();
    store.read_all(&mut |f| features.push(f)).unwrap();
    features
}

fn line(points: &[(f64, f64)]) -> Option<Geometry> {
    let line = points.iter().map(|&(x, y)| citytwin_model::Position::new(x, y, -1.5)).collect();
    Some(Geometry::with_z(citytwin_model::Shape::Line(line)))
}

fn id(class: ClassNo, fid: u32) -> FeatureId {
    FeatureId::new(class, fid)
}
