//! What the helper writes, read again by the helper and by programs of others.

mod common;

use citytwin_datasets::pipe::{CrsWay, Field, FieldType, Kind, LayerHeader, RawFeature};
use citytwin_datasets::write::Target;
use citytwin_datasets::{HelperError, Projector};
use citytwin_model::{Bounds, Geometry, Position, Shape, Value};
use common::{helper, read};
use std::path::Path;
use std::process::Command;

fn header(kinds: Vec<Kind>, has_z: bool, fields: &[(&str, FieldType)]) -> LayerHeader {
    let fields = fields.iter().map(|(name, ty)| Field { name: (*name).into(), ty: *ty }).collect();
    LayerHeader { name: "things".into(), fields, kinds, has_z, own_ids: false, features: None, extent: None, crs: None }
}

fn record(record: u64, geometry: Option<Geometry>, values: &[Value]) -> RawFeature {
    RawFeature { record, source_id: None, geometry, measures: vec![], stroked: false, values: values.to_vec() }
}

fn target(format: &str, geometry: Option<&'static str>) -> Target {
    Target { format: format.into(), crs: "EPSG:4490".into(), geometry, widths: vec![] }
}

fn written(file: &Path, target: &Target, header: &LayerHeader, records: &[RawFeature]) -> Result<(), HelperError> {
    let mut sink = helper().write(file, target, header)?;
    for record in records {
        assert!(sink.feature(record)?);
    }
    let remarks = sink.finish()?;
    assert!(remarks.is_empty(), "{remarks:?}");
    Ok(())
}

fn ring(x: f64, z: f64) -> Vec<Position> {
    [(0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (0.0, 0.0)].iter().map(|(dx, dy)| Position::new(x + dx, 30.0 + dy, z)).collect()
}

const TYPES: [(&str, FieldType); 6] = [
    ("code", FieldType::Text),
    ("yes", FieldType::Bool),
    ("n", FieldType::Int),
    ("x", FieldType::Real),
    ("at", FieldType::Instant),
    ("名称", FieldType::Text),
];

fn values(code: &str) -> Vec<Value> {
    vec![code.into(), true.into(), i64::MIN.into(), 5e-324.into(), "2026-11-21T08:00:00.123Z".into(), "".into()]
}

/// Single and multi, with heights and without, beside each other, to the last bit.
#[test]
fn a_flatgeobuf_comes_back_as_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("things.fgb");
    let records = [
        record(1, Some(Geometry::with_z(Shape::Polygon(vec![ring(116.000_000_000_000_01, 12.5)]))), &values("A")),
        record(2, Some(Geometry::flat(Shape::MultiPolygon(vec![vec![ring(116.5, 0.0)], vec![ring(117.0, 0.0)]]))), &vec![Value::Null; 6]),
        record(3, Some(Geometry::with_z(Shape::Polygon(vec![ring(-0.1, -0.0)]))), &values("=1+1,\"\n'")),
    ];
    written(&file, &target("FlatGeobuf", Some("Unknown")), &header(vec![Kind::Area], true, &TYPES), &records).unwrap();
    let read = read(&file).unwrap();
    assert!(read.failed.is_empty(), "{:?}", read.failed);
    let layer = read.layer("things");
    assert_eq!(layer.header.crs.as_ref().unwrap().way, CrsWay::Same);
    assert_eq!(layer.header.fields.iter().map(|f| f.ty).collect::<Vec<_>>(), TYPES.map(|(_, ty)| ty));
    let mut arrived = layer.features.clone();
    assert_eq!(arrived.len(), 3);
    // The index has sorted them.
    arrived.sort_by_key(|f| f.values[0].as_text().map_or(2, |code| if code == "A" { 1 } else { 3 }));
    for (arrived, sent) in arrived.iter().zip(&records) {
        assert_eq!(arrived.values, sent.values);
        let bits = |g: &Option<Geometry>| {
            let mut bytes = Vec::new();
            citytwin_model::wkb::write(g.as_ref().unwrap(), &mut bytes);
            bytes
        };
        assert_eq!(bits(&arrived.geometry), bits(&sent.geometry), "{:?}", arrived.geometry);
    }
}

#[test]
fn a_shapefile_is_read_by_others_with_its_names_system_and_letters() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.shp");
    let fields =
        [("code", FieldType::Text), ("名称", FieldType::Text), ("n", FieldType::Int), ("x", FieldType::Real), ("day", FieldType::Date)];
    let target = Target { widths: vec![(20, 0), (254, 0), (18, 0), (24, 3), (0, 0)], ..target("ESRI Shapefile", Some("Point")) };
    let point = |z| Some(Geometry::with_z(Shape::Point(Position::new(116.123_456_789_012_34, 30.0, z))));
    let records = [
        record(1, point(1.5), &["P-1".into(), "示例".into(), 7.into(), 0.125.into(), "2026-11-21".into()]),
        record(2, point(2.5), &["P-2".into(), Value::Null, Value::Null, Value::Null, Value::Null]),
    ];
    written(&file, &target, &header(vec![Kind::Point], true, &fields), &records).unwrap();
    let names: std::collections::BTreeSet<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["points.cpg", "points.dbf", "points.prj", "points.shp", "points.shx"].map(String::from).into());
    assert_eq!(std::fs::read_to_string(folder.path().join("points.cpg")).unwrap(), "UTF-8");
    let layer = read(&file).unwrap();
    let layer = layer.layer("points");
    assert_eq!(layer.header.crs.as_ref().unwrap().way, CrsWay::Same, "{:?}", layer.header.crs);
    for (arrived, sent) in layer.features.iter().zip(&records) {
        assert_eq!((&arrived.values, &arrived.geometry), (&sent.values, &sent.geometry));
    }
}

#[test]
fn what_cannot_be_written_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let header = header(vec![Kind::Point], false, &[]);
    let refused = |file: &Path, target: &Target| match written(file, target, &header, &[]) {
        Err(HelperError::Refused(fail)) => fail.detail,
        other => panic!("{other:?}"),
    };
    let file = folder.path().join("a.fgb");
    std::fs::write(&file, "").unwrap();
    assert!(refused(&file, &target("FlatGeobuf", Some("Point"))).contains("there already"));
    assert!(refused(&folder.path().join("a.gpkg"), &target("GPKG", Some("Point"))).contains("none of"));
    let nowhere = Target { crs: "EPSG:99999".into(), ..target("FlatGeobuf", Some("Point")) };
    assert!(refused(&folder.path().join("b.fgb"), &nowhere).contains("EPSG:99999"));
    let file_as_crs = Target { crs: file.to_str().unwrap().into(), ..target("FlatGeobuf", Some("Point")) };
    assert!(refused(&folder.path().join("c.fgb"), &file_as_crs).contains("no coordinate system"));
}

/// The end was never said, so nothing was finished.
#[test]
fn a_parent_that_goes_leaves_no_helper_and_a_cut_stream_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.fgb");
    let mut sink = helper().write(&file, &target("FlatGeobuf", Some("Point")), &header(vec![Kind::Point], false, &[])).unwrap();
    let point = Some(Geometry::flat(Shape::Point(Position::new(116.0, 30.0, 0.0))));
    sink.feature(&record(1, point, &[])).unwrap();
    drop(sink);
    assert!(!file.exists() || std::fs::metadata(&file).unwrap().len() == 0, "half a file");
}

fn projector(crs: &str) -> Result<Projector, HelperError> {
    helper().project(crs, &Bounds::new(114.0, 22.0, 115.0, 23.0), None)
}

#[test]
fn points_go_through_proj_and_back() {
    let mut projector = projector("EPSG:4547").unwrap();
    assert_eq!(projector.system().name, "CGCS2000 / 3-degree Gauss-Kruger CM 114E");
    let line = |n: usize| (0..n).map(|i| Position::new(114.0 + i as f64 * 1e-6, 22.5, i as f64)).collect::<Vec<_>>();
    let mut geometries =
        [Geometry::with_z(Shape::Line(line(100_000))), Geometry::flat(Shape::Point(Position::new(114.057_865, 22.543_096, 0.0)))];
    assert_eq!(projector.apply(&mut geometries).unwrap(), [true, true]);
    let p = geometries[1].points()[0];
    assert!((p.lon - 505_952.2461).abs() < 0.001 && (p.lat - 2_493_940.8014).abs() < 0.001, "{p:?}");
    assert_eq!(geometries[0].z_range(), Some((0.0, 99_999.0)), "heights are not touched");
    match self::projector("EPSG:99999") {
        Err(HelperError::Refused(fail)) => assert_eq!(fail.key, "crs_unknown"),
        _ => panic!("there is no such system"),
    }
}

/// GDAL's own program sees what ours wrote.
#[test]
fn ogrinfo_counts_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("things.fgb");
    let point = |i: u64| record(i, Some(Geometry::flat(Shape::Point(Position::new(116.0 + i as f64 * 1e-3, 30.0, 0.0)))), &[]);
    let records: Vec<RawFeature> = (1..=1000).map(point).collect();
    written(&file, &target("FlatGeobuf", Some("Point")), &header(vec![Kind::Point], false, &[]), &records).unwrap();
    match Command::new("ogrinfo").args(["-so", "-al"]).arg(&file).output() {
        Err(_) if std::env::var_os("CI").is_none() => println!("skipped: ogrinfo is not installed"),
        output => {
            let said = String::from_utf8(output.expect("CI has ogrinfo").stdout).unwrap();
            assert!(said.contains("Feature Count: 1000") && said.contains("ID[\"EPSG\",4490]"), "{said}");
        }
    }
}
