//! GDAL, its validator and a plain sqlite3 on a city's store: what they see, and that what they change is caught.

use citytwin_catalogue::Catalogue;
use citytwin_model::{AttributeType, Class, FeatureId, Geometry, GeometryKind, Kept, LonLat, Position, Shape, Timestamp, Value};
use citytwin_store::{CityConfig, Edit, LoadInfo, Op, Record, Store, gpkg};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// Runs a tool; `None`, said aloud, when this machine has not got it. CI must have it.
fn tool(program: &str, args: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(args).output() {
        Ok(output) => output,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
            println!("skipped: {program} is not installed");
            return None;
        }
        Err(e) => panic!("{program}: {e}"),
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.trim().is_empty(), "{program} {args:?}: {}\n{out}\n{err}", output.status);
    Some(out.into_owned())
}

fn kept_classes() -> Vec<Arc<Class>> {
    Catalogue::builtin().classes.iter().filter(|class| class.kept == Kept::City).cloned().collect()
}

fn geometry(kind: GeometryKind, n: usize) -> Option<Geometry> {
    let x = 116.0 + n as f64 * 0.001;
    let p = |dx: f64, dy: f64| Position::new(x + dx, 30.0 + dy, 12.5);
    let shape = match kind {
        GeometryKind::None => return None,
        GeometryKind::Point => Shape::Point(p(0.0, 0.0)),
        GeometryKind::Line => Shape::Line(vec![p(0.0, 0.0), p(0.0005, 0.0005)]),
        GeometryKind::Area => Shape::Polygon(vec![vec![p(0.0, 0.0), p(0.0005, 0.0), p(0.0005, 0.0005), p(0.0, 0.0)]]),
    };
    Some(Geometry::with_z(shape))
}

/// A value of every type, so that every kind of column is met.
fn attributes(class: &Class, n: usize) -> Vec<Value> {
    class
        .attributes
        .iter()
        .map(|attribute| match &attribute.ty {
            AttributeType::Bool => true.into(),
            AttributeType::Int => (n as i64).into(),
            AttributeType::Real => (n as f64 + 0.1).into(),
            AttributeType::Text if attribute.id == "code" => format!("{}-{n}", class.id).into(),
            AttributeType::Text => "示例".into(),
            AttributeType::Date => "2026-11-21".into(),
            AttributeType::Time => "2026-11-21T08:00:00.000Z".into(),
            AttributeType::Code(entries) => entries.first().map_or(Value::Null, |entry| entry.value.as_str().into()),
            AttributeType::Ref(_) => Value::Null,
        })
        .collect()
}

/// A city with two features of every class, the first replaced once, so that there is history.
fn city() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let config = CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 });
    let store = Store::create(dir.path(), &config, &Catalogue::builtin().classes).unwrap();
    let mut edits = Vec::new();
    for class in kept_classes() {
        for n in 1..=2 {
            edits.push(Edit::Create {
                class: class.no,
                geometry: geometry(class.geometry, n),
                attributes: attributes(&class, n),
                other: None,
            });
        }
    }
    let ids = store.write("gis", "test", &edits).unwrap().ids;
    let again: Vec<Edit> = kept_classes()
        .iter()
        .zip(ids.iter().step_by(2))
        .map(|(class, id)| Edit::Replace {
            id: *id,
            if_match: None,
            geometry: geometry(class.geometry, 1),
            attributes: attributes(class, 1),
            other: None,
        })
        .collect();
    store.write("gis", "test", &again).unwrap();
    (dir, store)
}

fn file(dir: &TempDir) -> String {
    dir.path().join("city.gpkg").to_str().unwrap().to_owned()
}

fn layers(listing: &str) -> BTreeSet<String> {
    listing.lines().filter_map(|line| line.split_once(": ")?.1.split(' ').next()).map(str::to_owned).collect()
}

fn validate(path: &Path) {
    // Debian's own python, whose modules know GDAL; another may come first in PATH.
    let python = if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" };
    let there = Command::new(python).args(["-c", "import osgeo_utils.samples.validate_gpkg"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "python3-gdal is missing");
        println!("skipped: python3-gdal is not installed");
        return;
    }
    let told = Command::new(python).args(["-m", "osgeo_utils.samples.validate_gpkg"]).arg(path).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{}: {out}{err}", path.display());
}

#[test]
fn gdal_lists_the_classes_and_nothing_else() {
    let (dir, _store) = city();
    let Some(listing) = tool("ogrinfo", &["-q", &file(&dir)]) else { return };
    let expected: BTreeSet<String> = kept_classes().iter().map(|class| class.id.clone()).collect();
    assert_eq!(layers(&listing), expected);
    let all = tool("ogrinfo", &["-al", "-so", &file(&dir)]).unwrap();
    assert_eq!(all.matches("Feature Count: 2").count(), expected.len(), "{all}");
    assert!(all.contains("China Geodetic Coordinate System 2000"));
}

#[test]
fn the_store_and_a_plain_file_are_valid_geopackages() {
    let (dir, store) = city();
    validate(&dir.path().join("city.gpkg"));
    let plain = dir.path().join("plain.gpkg");
    let mut writer = gpkg::Writer::create(&plain).unwrap();
    for class in kept_classes() {
        let layer = writer.layer(&class, class.geometry != GeometryKind::None).unwrap();
        store.read_class(class.no, &mut |f| writer.add(layer, f.geometry.as_ref(), &f.attributes).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    validate(&plain);
    let Some(listing) = tool("ogrinfo", &["-q", plain.to_str().unwrap()]) else { return };
    assert_eq!(layers(&listing).len(), kept_classes().len());
}

#[test]
fn what_gdal_reads_is_what_was_written() {
    let (dir, _store) = city();
    let Some(told) = tool("ogr2ogr", &["-f", "GeoJSON", "/vsistdout/", &file(&dir), "hydrant", "-lco", "COORDINATE_PRECISION=15"]) else {
        return;
    };
    let json: serde_json::Value = serde_json::from_str(&told).unwrap();
    let features = json["features"].as_array().unwrap();
    assert_eq!(features.len(), 2);
    assert_eq!(features[1]["geometry"]["coordinates"], serde_json::json!([116.002, 30.0, 12.5]));
    assert_eq!(features[1]["properties"]["code"], "hydrant-2");
}

#[test]
fn what_other_programs_change_is_on_the_feed_and_in_history() {
    let (dir, store) = city();
    let path = file(&dir);
    let catalogue = Catalogue::builtin();
    let (hydrant, datastream) = (catalogue.class("hydrant").unwrap(), catalogue.class("datastream").unwrap());
    let mut clock = Timestamp::from_secs(1_795_000_000);
    store.poll_outside(clock).unwrap();
    let mut sealed = |store: &Store| {
        clock = clock.plus_millis(1000);
        assert_eq!(store.poll_outside(clock).unwrap(), None, "not before it is quiet");
        clock = clock.plus_millis(1000);
        store.poll_outside(clock).unwrap().expect("a revision of what changed")
    };
    let feed = |store: &Store, since| -> Vec<(String, u32, Op)> {
        let name = |no| store.classes().iter().find(|c| c.no == no).unwrap().id.clone();
        store.changes_since(since, 100).unwrap().changes.iter().map(|c| (name(c.class), c.fid, c.op)).collect()
    };

    // A plain sqlite3 knows no spatial functions: tables without geometry it can edit, spatial rows it can delete.
    let sql = "INSERT INTO datastream(code, unit) VALUES('DS-9','kPa'); UPDATE datastream SET unit='m' WHERE fid=1; DELETE FROM hydrant WHERE fid=2;";
    if tool("sqlite3", &[&path, sql]).is_none() {
        return;
    }
    let rev = sealed(&store);
    assert_eq!(
        feed(&store, rev - 1),
        [("datastream".into(), 3, Op::Created), ("datastream".into(), 1, Op::Changed), ("hydrant".into(), 2, Op::Deleted)]
    );
    let history = store.history(FeatureId::new(hydrant.no, 2)).unwrap();
    assert_eq!(history.iter().map(|v| (v.op, v.source.as_str())).collect::<Vec<_>>(), [(Op::Created, "test"), (Op::Deleted, "outside")]);
    let changed = store.feature(FeatureId::new(datastream.no, 1)).unwrap().unwrap();
    assert_eq!(changed.text(datastream, "unit"), Some("m"));

    // GDAL inserts, updates, deletes, and upserts.
    let more = dir.path().join("more.geojson");
    std::fs::write(
        &more,
        r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","properties":{"code":"QGIS-1"},"geometry":{"type":"Point","coordinates":[116.3,30.3,1.0]}}]}"#,
    )
    .unwrap();
    let Some(_) = tool("ogr2ogr", &["-append", "-update", "-nln", "hydrant", &path, more.to_str().unwrap()]) else { return };
    let rev = sealed(&store);
    assert_eq!(feed(&store, rev - 1), [("hydrant".into(), 3, Op::Created)]);
    let added = store.feature(FeatureId::new(hydrant.no, 3)).unwrap().unwrap();
    assert_eq!(
        (added.text(hydrant, "code"), added.geometry.clone()),
        (Some("QGIS-1"), Some(Geometry::with_z(Shape::Point(Position::new(116.3, 30.3, 1.0)))))
    );

    let update = "UPDATE hydrant SET code='QGIS-2', geom=(SELECT geom FROM hydrant WHERE fid=1) WHERE fid=3";
    tool("ogrinfo", &["-q", &path, "-sql", update]).unwrap();
    let rev = sealed(&store);
    let change = &store.changes_since(rev - 1, 10).unwrap().changes[0];
    assert_eq!((change.op, change.old_bounds.unwrap().west, change.new_bounds.unwrap().west), (Op::Changed, 116.3, 116.001));
    let codes: Vec<_> =
        store.history(added.id).unwrap().iter().map(|v| v.feature.as_ref().unwrap().text(hydrant, "code").unwrap().to_owned()).collect();
    assert_eq!(codes, ["QGIS-1", "QGIS-2"]);

    tool("ogrinfo", &["-q", &path, "-sql", "DELETE FROM hydrant WHERE fid=3"]).unwrap();
    let rev = sealed(&store);
    assert_eq!(feed(&store, rev - 1), [("hydrant".into(), 3, Op::Deleted)]);

    // The spatial index followed all that, and the file is still valid.
    let near = tool("ogrinfo", &["-q", "-so", "-spat", "116.0", "29.9", "116.4", "30.4", &path, "hydrant"]).unwrap();
    assert!(!near.contains("ERROR"), "{near}");
    let found = tool("ogr2ogr", &["-f", "GeoJSON", "/vsistdout/", &path, "hydrant", "-spat", "116.0", "29.9", "116.4", "30.4"]).unwrap();
    assert_eq!(found.matches("\"Feature\"").count(), 1, "{found}");
    validate(&dir.path().join("city.gpkg"));
}

/// Where a box holds nine of a row of points, one thousandth of a degree apart.
const NINE: [&str; 5] = ["-spat", "116.0105", "29.9", "116.0195", "30.1"];

fn found_by_gdal(path: &str, class: &str) -> Option<usize> {
    let mut args = vec!["-f", "GeoJSON", "/vsistdout/", path, class];
    args.extend(NINE);
    Some(tool("ogr2ogr", &args)?.matches("\"Feature\"").count())
}

#[test]
fn the_file_is_valid_and_can_be_asked_while_a_first_load_has_its_index_aside_and_after() {
    let dir = tempfile::tempdir().unwrap();
    let classes = &Catalogue::builtin().classes;
    let store = Store::create(dir.path(), &CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 }), classes).unwrap();
    let hydrant = Catalogue::builtin().class("hydrant").unwrap();
    let path = file(&dir);
    let mut load = store.begin_load(LoadInfo { source: "survey".into(), file: "survey".into(), ..LoadInfo::default() }).unwrap();
    for n in 0..5000 {
        load.add(Record {
            number: n as u64,
            class: hydrant.no,
            geometry: geometry(GeometryKind::Point, n),
            attributes: attributes(hydrant, n),
            other: None,
            source_id: None,
        })
        .unwrap();
    }
    while !load.is_landed() {
        load.land().unwrap();
    }
    assert_eq!(store.unindexed().unwrap(), ["hydrant"]);
    validate(&dir.path().join("city.gpkg"));
    let Some(found) = found_by_gdal(&path, "hydrant") else { return };
    assert_eq!(found, 9);
    let listing = tool("ogrinfo", &["-q", &path]).unwrap();
    assert_eq!(layers(&listing).len(), kept_classes().len(), "{listing}");
    load.finish().unwrap();
    assert!(store.unindexed().unwrap().is_empty());
    validate(&dir.path().join("city.gpkg"));
    assert_eq!(found_by_gdal(&path, "hydrant"), Some(9));
    // GDAL's own SQLite looks at it too, and goes on with it.
    let told = tool("ogrinfo", &["-q", &path, "-sql", "SELECT rtreecheck('rtree_hydrant_geom') AS told"]).unwrap();
    assert!(told.contains("told (String) = ok"), "{told}");
    tool("ogrinfo", &["-q", &path, "-sql", "DELETE FROM hydrant WHERE fid IN (12, 13, 4000)"]).unwrap();
    assert_eq!(found_by_gdal(&path, "hydrant"), Some(7));
    let told = tool("ogrinfo", &["-q", &path, "-sql", "SELECT rtreecheck('rtree_hydrant_geom') AS told"]).unwrap();
    assert!(told.contains("told (String) = ok"), "{told}");
}

#[test]
fn gdal_cannot_bring_a_deleted_feature_back_under_its_id() {
    let (dir, store) = city();
    let hydrant = Catalogue::builtin().class("hydrant").unwrap().no;
    store.write("gis", "test", &[Edit::Delete { id: FeatureId::new(hydrant, 2), if_match: None }]).unwrap();
    let path = file(&dir);
    let output = match Command::new("ogrinfo").args(["-q", &path, "-sql", "INSERT INTO hydrant(fid, code) VALUES(2, 'again')"]).output() {
        Ok(output) => output,
        Err(_) if std::env::var_os("CI").is_none() => return println!("skipped: ogrinfo is not installed"),
        Err(e) => panic!("{e}"),
    };
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("this id was used before"), "{err}");
}
