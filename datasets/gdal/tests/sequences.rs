//! Sequences of GeoJSON features: every value as the file says it, and hostile lines get an answer.

mod common;

use citytwin_datasets::pipe::{FieldType, Kind};
use citytwin_model::{Geometry, Position, Shape, Value};
use common::read;
use std::path::PathBuf;

fn file(folder: &tempfile::TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const POINT: &str = r#"{"type":"Point","coordinates":[116.1,30.2]}"#;

fn line(properties: &str) -> String {
    format!(r#"{{"type":"Feature","geometry":{POINT},"properties":{{{properties}}}}}"#)
}

#[test]
fn texts_stay_texts_and_numbers_keep_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    let text = [
        line(r#""z":"2026/11/21","a":9223372036854775807,"x":1.0,"list":[1,2.5],"mixed":1,"b":true,"n":null"#),
        line(r#""z":"2026/11/22","a":-1,"x":5e-324,"list":null,"mixed":"A","b":null,"n":null"#),
    ]
    .join("\n");
    let read = read(&file(&folder, "things.geojsonl", text)).unwrap();
    let layer = read.layer("things");
    let fields: Vec<_> = layer.header.fields.iter().map(|f| (f.name.as_str(), f.ty)).collect();
    assert_eq!(
        fields,
        [
            ("z", FieldType::Text),
            ("a", FieldType::Int),
            ("x", FieldType::Real),
            ("list", FieldType::Json),
            ("mixed", FieldType::Text),
            ("b", FieldType::Bool),
            ("n", FieldType::Text),
        ],
        "in the order of the file"
    );
    assert_eq!(
        layer.features[0].values,
        ["2026/11/21".into(), i64::MAX.into(), 1.0.into(), "[1,2.5]".into(), "1".into(), true.into(), Value::Null]
    );
    assert_eq!(layer.features[1].values[2], 5e-324.into());
    assert_eq!((&layer.header.kinds, layer.header.features, layer.header.own_ids), (&vec![Kind::Point], Some(2), false));
}

#[test]
fn separators_line_ends_and_marks_are_no_part_of_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (line(r#""a":1"#), line(r#""a":2"#));
    let pretty = a.replace(',', ",\n  ");
    for (name, text) in [
        ("rs.geojsons", format!("\u{1e}{pretty}\n\u{1e}{b}\n")),
        ("crlf.ndjson", format!("{a}\r\n\r\n{b}")),
        ("bom.geojsonl", format!("\u{feff}{a}\n{b}\n")),
        ("any.json", format!("{a}\n{b}\n")),
    ] {
        let read = read(&file(&folder, name, text)).unwrap();
        let values: Vec<_> = read.layers[0].features.iter().map(|f| f.values[0].clone()).collect();
        assert_eq!(values, [1.into(), 2.into()], "{name}");
        assert!(read.layers[0].problems.is_empty(), "{name}");
    }
}

#[test]
fn things_without_a_place_are_things_without_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"type\":\"Feature\",\"id\":7,\"geometry\":null,\"properties\":{\"code\":\"A\"}}\n".repeat(2);
    let read = read(&file(&folder, "datastream.geojsonl", text)).unwrap();
    let layer = read.layer("datastream");
    assert_eq!((layer.features.len(), layer.problems.len(), layer.header.crs.is_none()), (2, 0, true));
    assert!(!layer.header.own_ids, "the same id twice is none");
    assert_eq!(layer.features[0].source_id.as_deref(), Some("7"));
}

#[test]
fn one_bad_line_does_not_cost_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let geometry = |g: &str| format!(r#"{{"type":"Feature","geometry":{g},"properties":{{"a":1}}}}"#);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let lines = [
        (line(r#""a":1"#), None),
        ("{\"type\":\"Feature\",\"geom".to_owned(), Some("unreadable_record")),
        (r#"{"type":"FeatureCollection","features":[]}"#.to_owned(), Some("unreadable_record")),
        (geometry("null"), Some("no_geometry")),
        (geometry(r#"{"type":"Point","coordinates":[]}"#), Some("empty_geometry")),
        (geometry(r#"{"type":"Point","coordinates":["a",2]}"#), Some("unreadable_geometry")),
        (geometry(r#"{"type":"Sphere","coordinates":[1,2]}"#), Some("unsupported_geometry")),
        (geometry(r#"{"type":"Point","coordinates":[1e999,2]}"#), Some("unreadable_record")),
        (geometry(&format!(r#"{{"type":"Polygon","coordinates":{deep}}}"#)), Some("unreadable_record")),
        (geometry(r#"{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}]}"#), None),
        (line(r#""a":2,"a":3"#), None),
    ];
    let text: Vec<&str> = lines.iter().map(|(line, _)| line.as_str()).collect();
    let read = read(&file(&folder, "things.geojsonl", text.join("\n"))).unwrap();
    let layer = read.layer("things");
    let problems: Vec<(u64, &str)> = layer.problems.iter().map(|p| (p.record, p.reason.as_str())).collect();
    let wanted: Vec<(u64, &str)> = lines.iter().zip(1..).filter_map(|((_, reason), n)| Some((n, (*reason)?))).collect();
    assert_eq!(problems, wanted);
    assert_eq!(layer.features.len(), 3);
}

#[test]
fn heights_are_there_when_every_vertex_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let geometry = |c: &str| format!(r#"{{"type":"Feature","geometry":{{"type":"LineString","coordinates":{c}}},"properties":{{}}}}"#);
    let text = [geometry("[[1,2,3],[4,5,-0.0]]"), geometry("[[1,2,3],[4,5]]")].join("\n");
    let read = read(&file(&folder, "lines.geojsonl", text)).unwrap();
    let [a, b] = &read.layer("lines").features[..] else { panic!("two") };
    assert_eq!(a.geometry, Some(Geometry::with_z(Shape::Line(vec![Position::new(1.0, 2.0, 3.0), Position::new(4.0, 5.0, -0.0)]))));
    assert!(!b.geometry.as_ref().unwrap().has_z);
}
