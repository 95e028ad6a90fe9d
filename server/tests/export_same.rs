//! load(export(city)) = city, for the formats that promise it: gpkg, geojsonseq, fgb.

mod exporting;

use citytwin_catalogue::Catalogue;
use citytwin_model::{AttributeType, Class, Geometry, GeometryKind, Position, Shape, Value};
use citytwin_store::{CollectionSchema, Edit, Field, FieldType, Kind, LoadInfo, Store};
use exporting::{Place, assert_same, contents};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;

/// Exports everything and loads it into a new city of the same place.
fn there_and_back(place: &Place, format: &str, own: &[&str]) {
    if format == "gpkg" {
        place.run(0, &["export", "--city", "a", "--to", "all.gpkg"]);
        // The file says of collections of the city's own what they are: all comes back at once.
        place.run(0, &["load", "all.gpkg", "--city", "b", "--origin", "116,30"]);
        return;
    }
    place.run(0, &["export", "--city", "a", "--to", "all/", "--format", format]);
    let files: Vec<String> =
        place.names("all").into_iter().filter(|name| !name.ends_with(".credits.txt")).map(|name| format!("all/{name}")).collect();
    let is_own = |file: &&String| own.iter().any(|own| file.starts_with(&format!("all/{own}.")));
    let (mine, given): (Vec<&String>, Vec<&String>) = files.iter().partition(is_own);
    let mut args = vec!["load", "--city", "b", "--origin", "116,30"];
    args.extend(given.iter().map(|file| file.as_str()));
    if !given.is_empty() {
        place.run(0, &args);
    }
    for file in mine {
        let name = own.iter().find(|own| file.starts_with(&format!("all/{own}."))).unwrap();
        place.run(0, &["load", file, "--city", "b", "--origin", "116,30", "--as", name]);
    }
}

#[test]
fn the_demo_city_goes_out_and_comes_in_again() {
    let place = Place::new();
    place.run(0, &["demo", "--size", "village", "--seed", "7", "--out", "demo.gpkg"]);
    place.run(0, &["load", "demo.gpkg", "--city", "a"]);
    let before = contents(&place.open("a"));
    assert!(before.values().map(Vec::len).sum::<usize>() > 5_000 && before.len() > 15);
    for format in ["gpkg", "geojsonseq", "fgb"] {
        let fresh = Place::new();
        std::fs::rename(place.path("a"), fresh.path("a")).unwrap();
        there_and_back(&fresh, format, &[]);
        assert_same(&before, &contents(&fresh.open("b")));
        std::fs::rename(fresh.path("a"), place.path("a")).unwrap();
    }
}

/// A feature before it is in a city: its code last, because each is given one of its own.
#[derive(Clone, Debug)]
struct Made {
    class: usize,
    geometry: Option<Geometry>,
    values: Vec<Value>,
    /// Code of another feature, by its place among all; beyond them: a code that nobody has.
    names: Vec<usize>,
    code: Option<String>,
    other: Option<String>,
}

const CLASSES: [&str; 8] = ["water_node", "water_pipe", "hydrant", "building", "road", "park", "sensor", "datastream"];

fn classes() -> Vec<Arc<Class>> {
    CLASSES.iter().map(|id| Catalogue::builtin().class(id).unwrap().clone()).collect()
}

/// The names of a collection of the city's own, with every type that it can have.
fn own_schema(kind: Kind) -> CollectionSchema {
    let fields = [
        ("Name", FieldType::Text),
        ("类型", FieldType::Text),
        ("on", FieldType::Bool),
        ("a b", FieldType::Int),
        ("x.y", FieldType::Real),
        ("day", FieldType::Date),
        ("at", FieldType::Time),
    ];
    CollectionSchema {
        label: "自有图层".into(),
        geometry: kind,
        attributes: fields.into_iter().map(|(id, ty)| Field { id: id.into(), ty }).collect(),
    }
}

fn coordinate(limit: f64) -> BoxedStrategy<f64> {
    prop_oneof![
        8 => -limit..limit,
        1 => prop_oneof![Just(0.0), Just(-0.0), Just(5e-324), Just(-1e-310), Just(limit), Just(-limit), Just(0.1 + 0.2)],
    ]
    .boxed()
}

/// Where CGCS2000 is used: a load doubts coordinates that would fit its area better with their axes exchanged.
fn position() -> impl Strategy<Value = Position> {
    (74.0..135.0, 16.0..53.0, coordinate(8000.0)).prop_map(|(lon, lat, z)| Position::new(lon, lat, z))
}

fn line() -> impl Strategy<Value = Vec<Position>> {
    prop::collection::vec(position(), 2..6).prop_filter("a line moves", |line| line.iter().any(|p| *p != line[0]))
}

fn ring() -> impl Strategy<Value = Vec<Position>> {
    prop::collection::vec(position(), 3..6).prop_map(|mut ring| {
        ring.push(ring[0]);
        ring
    })
}

fn geometry(kind: GeometryKind, network: bool) -> BoxedStrategy<Option<Geometry>> {
    let shape = match kind {
        GeometryKind::None => return Just(None).boxed(),
        GeometryKind::Point => position().prop_map(Shape::Point).boxed(),
        GeometryKind::Line if network => line().prop_map(Shape::Line).boxed(),
        GeometryKind::Line => {
            prop_oneof![line().prop_map(Shape::Line), prop::collection::vec(line(), 2..4).prop_map(Shape::MultiLine)].boxed()
        }
        GeometryKind::Area => {
            let rings = || prop::collection::vec(ring(), 1..3);
            prop_oneof![rings().prop_map(Shape::Polygon), prop::collection::vec(rings(), 2..4).prop_map(Shape::MultiPolygon)].boxed()
        }
    };
    (shape, any::<bool>())
        .prop_map(|(shape, has_z)| {
            let mut geometry = Geometry { shape, has_z };
            if !has_z {
                geometry.for_each_vertex_mut(|p| p.z = 0.0);
            }
            Some(geometry)
        })
        .boxed()
}

/// Any letters but the one that ends a text in most programs.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[^\\x00]{0,12}",
        2 => "\\PC{0,8}",
        1 => prop::sample::select(vec!["", " ", "=1+1", "@a", "2026/11/21", "2026-11-21T08:00:00Z", "0012", "true", "null", "NaN", "1e5", "a\r\nb\t'\"", "👷🏽‍♀️水", "{\"a\":1}", "[1]"]).prop_map(String::from),
    ]
    .boxed()
}

fn value(ty: &AttributeType) -> BoxedStrategy<Value> {
    let some = match ty {
        AttributeType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        AttributeType::Int => any::<i64>().prop_map(Value::Int).boxed(),
        AttributeType::Real => prop_oneof![
            3 => prop::num::f64::NORMAL.prop_map(Value::Real),
            1 => prop::num::f64::SUBNORMAL.prop_map(Value::Real),
            1 => (-1000i32..1000).prop_map(|n| Value::Real(f64::from(n))),
        ]
        .boxed(),
        AttributeType::Text => text().prop_map(Value::Text).boxed(),
        AttributeType::Date => {
            (1000..9999i32, 1..13u32, 1..29u32).prop_map(|(y, m, d)| Value::Text(format!("{y:04}-{m:02}-{d:02}"))).boxed()
        }
        AttributeType::Time => {
            let at = |(micros, fine): (i64, bool)| {
                let micros = if fine { micros } else { micros / 1000 * 1000 };
                Value::Text(citytwin_model::Timestamp::from_micros(micros).to_string())
            };
            (-30_000_000_000_000_000i64..200_000_000_000_000_000, prop::bool::weighted(0.1)).prop_map(at).boxed()
        }
        AttributeType::Code(entries) => {
            let known: Vec<String> = entries.iter().map(|e| e.value.clone()).collect();
            prop_oneof![prop::sample::select(known).prop_map(Value::Text), "[a-z]{9,12}".prop_map(Value::Text)].boxed()
        }
        AttributeType::Ref(_) => return Just(Value::Null).boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 3 => some].boxed()
}

fn json() -> BoxedStrategy<serde_json::Value> {
    use serde_json::Value as Json;
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        prop::num::f64::NORMAL.prop_map(Json::from),
        text().prop_map(Json::from),
        Just(Json::from("with\u{0}nul")),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map("[a-c]{0,2}", inner, 0..3).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

/// What the catalogue does not know, under names that are plain, or taken, or no names for a column at all.
fn other() -> BoxedStrategy<Option<String>> {
    let name = prop_oneof![
        3 => prop::sample::select(vec!["owner", "权属", "n", "x", "id", "fid", "GEOM", "Owner", "Code", "ct_other", "ct_reason", " a", "", "lon", "wkt", "编码"]).prop_map(String::from),
        1 => "[^\\x00]{0,6}",
    ];
    prop::option::of(prop::collection::btree_map(name, json(), 1..4))
        .prop_map(|map| map.map(|map| serde_json::Value::Object(map.into_iter().collect()).to_string()))
        .boxed()
}

fn made(own: CollectionSchema) -> BoxedStrategy<Made> {
    let classes = classes();
    let each = (0..=classes.len()).map(|i| {
        let (kind, network, types): (GeometryKind, bool, Vec<AttributeType>) = match classes.get(i) {
            Some(class) => (class.geometry, class.network, class.attributes.iter().map(|a| a.ty.clone()).collect()),
            None => {
                let kind = match own.geometry {
                    Kind::None => GeometryKind::None,
                    Kind::Point => GeometryKind::Point,
                    Kind::Line => GeometryKind::Line,
                    Kind::Area => GeometryKind::Area,
                };
                let ty = |f: &Field| match f.ty {
                    FieldType::Bool => AttributeType::Bool,
                    FieldType::Int => AttributeType::Int,
                    FieldType::Real => AttributeType::Real,
                    FieldType::Text => AttributeType::Text,
                    FieldType::Date => AttributeType::Date,
                    FieldType::Time => AttributeType::Time,
                };
                (kind, false, own.attributes.iter().map(ty).collect())
            }
        };
        let values: Vec<_> = types.iter().map(value).collect();
        let refs = types.iter().filter(|ty| matches!(ty, AttributeType::Ref(_))).count();
        (geometry(kind, network), values, prop::collection::vec(0..24usize, refs), prop::option::weighted(0.8, text()), other())
            .prop_map(move |(geometry, values, names, code, other)| Made { class: i, geometry, values, names, code, other })
            .boxed()
    });
    prop::strategy::Union::new(each.collect::<Vec<_>>()).boxed()
}

/// Puts what was made into a new city. Codes are made different from each other, and have no blanks at their ends.
fn build(place: &Place, made: &[Made], own: &CollectionSchema) -> Store {
    let store = place.create("a");
    let own = store.own_collection("own_things", own).unwrap();
    let mut classes = classes();
    classes.push(own);
    let code = |i: usize| made.get(i).and_then(|m| m.code.as_ref()).map(|code| format!("{}-{i}", code.trim()));
    let edits: Vec<Edit> = made
        .iter()
        .enumerate()
        .map(|(i, made)| {
            let class = &classes[made.class];
            let mut names = made.names.iter();
            let attributes = class
                .attributes
                .iter()
                .zip(&made.values)
                .map(|(attribute, value)| match &attribute.ty {
                    AttributeType::Ref(_) => match names.next() {
                        // Some name a feature of the wrong class, or none at all: the text is kept.
                        Some(n) if n % 3 > 0 => code(*n).unwrap_or_else(|| format!("nobody {n}")).into(),
                        _ => Value::Null,
                    },
                    _ if attribute.id == "code" => code(i).into(),
                    _ => value.clone(),
                })
                .collect();
            Edit::Create { class: class.no, geometry: made.geometry.clone(), attributes, other: made.other.clone() }
        })
        .collect();
    store.write("test", "test", &edits).unwrap();
    // What was named before it was there is linked at the end of a load.
    store
        .begin_load(LoadInfo { source: "nothing".into(), file: "nothing".into(), author: "test".into(), ..LoadInfo::default() })
        .unwrap()
        .finish()
        .unwrap();
    store
}

fn any_city_survives(format: &'static str) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(16);
    let mut runner = TestRunner::new(Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() });
    // A file of places cannot be asked to keep things without one.
    let kinds = prop::sample::select(vec![Kind::None, Kind::Point, Kind::Line, Kind::Area]);
    let city = kinds.prop_flat_map(|kind| {
        let own = own_schema(kind);
        (prop::collection::vec(made(own.clone()), 1..24), Just(own))
    });
    runner
        .run(&city, |(made, own)| {
            let place = Place::new();
            let before = contents(&build(&place, &made, &own));
            let owned: &[&str] = if before.contains_key("own_things") { &["own_things"] } else { &[] };
            there_and_back(&place, format, owned);
            assert_same(&before, &contents(&place.open("b")));
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_city_survives_a_geopackage() {
    any_city_survives("gpkg");
}

#[test]
fn any_city_survives_a_sequence_of_geojson() {
    any_city_survives("geojsonseq");
}

#[test]
fn any_city_survives_flatgeobuf() {
    any_city_survives("fgb");
}
