//! Vector tiles, read back by a strict reader of our own, which is itself held against the published fixtures, and by
//! GDAL.

mod support;
#[path = "support/vector_tile.rs"]
mod vector_tile;

use citytwin_catalogue::Catalogue;
use citytwin_model::{Class, Feature, FeatureId, Geometry, Position, Shape};
use citytwin_tiles::mvt::{self, EXTENT, Layer, TileCoord};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{ORIGIN, Village};
use vector_tile::{Parts, Value};

fn at(zoom: u8) -> TileCoord {
    TileCoord::at(zoom, ORIGIN.lon, ORIGIN.lat).unwrap()
}

fn drawn_classes() -> Vec<&'static Class> {
    Catalogue::builtin().classes.iter().map(AsRef::as_ref).collect()
}

/// Every tile of a zoom that the village can touch.
fn tiles_of(zoom: u8) -> Vec<TileCoord> {
    let corner = |lon, lat| TileCoord::at(zoom, lon, lat).unwrap();
    let (low, high) = (corner(ORIGIN.lon - 0.012, ORIGIN.lat + 0.012), corner(ORIGIN.lon + 0.012, ORIGIN.lat - 0.012));
    (low.x()..=high.x()).flat_map(|x| (low.y()..=high.y()).map(move |y| TileCoord::new(zoom, x, y).unwrap())).collect()
}

fn world_units(p: &Position, zoom: u8) -> [f64; 2] {
    // Spherical Mercator as EPSG's guidance note 7-2 has it, with the logarithm rather than asinh.
    let side = f64::from(1u32 << zoom) * f64::from(EXTENT);
    let y = (std::f64::consts::FRAC_PI_4 + p.lat.to_radians() / 2.0).tan().ln();
    [(p.lon + 180.0) / 360.0 * side, (0.5 - y / (2.0 * std::f64::consts::PI)) * side]
}

#[test]
fn the_reader_itself_agrees_with_the_published_fixtures() {
    let Some(folder) = shared("conformance/mvt") else { return };
    let mut seen = 0;
    for case in std::fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        let info: serde_json::Value = serde_json::from_slice(&std::fs::read(case.join("info.json")).unwrap()).unwrap();
        let read = vector_tile::read(&std::fs::read(case.join("tile.mvt")).unwrap());
        let valid = info["validity"]["v2"] == true;
        // 50 wraps around 32 bits on purpose, which no tile of ours may.
        assert_eq!(read.is_ok(), valid, "{}: {} {read:?}", case.display(), info["description"]);
        seen += 1;
    }
    assert!(seen >= 37, "{seen}");
}

#[test]
fn from_zoom_14_all_features_are_there_under_their_wire_numbers() {
    let city = Village::village();
    for zoom in [14, 16, 17] {
        let mut held: BTreeSet<u64> = BTreeSet::new();
        for tile in tiles_of(zoom) {
            for layer in vector_tile::read(&mvt::tile(&city, tile, &drawn_classes())).unwrap() {
                let class = Catalogue::builtin().class(&layer.name).unwrap();
                assert_eq!((layer.version, layer.extent), (2, 4096));
                let ids: Vec<u64> = layer.features.iter().map(|feature| feature.id.unwrap()).collect();
                assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "each id once, in order");
                assert!(ids.iter().all(|id| id >> 32 == u64::from(class.no.0)));
                held.extend(ids);
            }
        }
        let near = |feature: &&Arc<Feature>| feature.geometry.as_ref().unwrap().bounds().east > 115.9;
        let shown = |feature: &&Arc<Feature>| city.class_of(feature).symbol.min_zoom <= zoom;
        let wanted: BTreeSet<u64> = city.everything().filter(near).filter(shown).map(|f| f.id.wire()).collect();
        let differ: Vec<_> = held.symmetric_difference(&wanted).collect();
        assert!(differ.is_empty() && held.len() > 150, "zoom {zoom}: {differ:?}");
    }
}

#[test]
fn classes_appear_at_their_zoom_and_layers_come_in_the_catalogues_order() {
    let city = Village::village();
    let at_zoom = |zoom| -> Vec<String> {
        vector_tile::read(&mvt::tile(&city, at(zoom), &drawn_classes())).unwrap().into_iter().map(|layer| layer.name).collect()
    };
    let number = |name: &String| Catalogue::builtin().class(name).unwrap().no;
    for zoom in [9, 12, 14, 18] {
        let names = at_zoom(zoom);
        assert!(names.windows(2).all(|pair| number(&pair[0]) < number(&pair[1])), "{names:?}");
        assert!(names.iter().all(|name| Catalogue::builtin().class(name).unwrap().symbol.min_zoom <= zoom), "{zoom}: {names:?}");
    }
    assert!(!at_zoom(12).contains(&"hydrant".to_owned()) && at_zoom(18).contains(&"hydrant".to_owned()));
    assert!(at_zoom(11).contains(&"road".to_owned()));
}

#[test]
fn vertices_are_those_of_the_source_to_half_a_unit() {
    let city = Village::village();
    let mut compared = 0;
    for tile in tiles_of(16) {
        for layer in vector_tile::read(&mvt::tile(&city, tile, &drawn_classes())).unwrap() {
            for feature in layer.features {
                let source = city_feature(&city, feature.id.unwrap());
                let geometry = source.geometry.as_ref().unwrap();
                let mut places: Vec<[f64; 2]> = Vec::new();
                geometry.for_each_vertex(|p| {
                    let [x, y] = world_units(p, 16);
                    places.push([x - f64::from(tile.x()) * 4096.0, y - f64::from(tile.y()) * 4096.0]);
                });
                let drawn = match feature.parts {
                    Parts::Points(points) => points,
                    Parts::Lines(lines) => lines.concat(),
                    Parts::Polygons(polygons) => polygons.concat().concat(),
                };
                for place in places.iter().filter(|place| place.iter().all(|v| (0.0..4096.0).contains(v))) {
                    let off = drawn
                        .iter()
                        .map(|p| (p[0] as f64 - place[0]).abs().max((p[1] as f64 - place[1]).abs()))
                        .fold(f64::INFINITY, f64::min);
                    // A vertex in the middle of a straight edge may be left out; none of the village's is.
                    assert!(off <= 0.5 + 1e-6, "{} {:?}: {off}", layer.name, feature.id);
                    compared += 1;
                }
                for p in &drawn {
                    assert!(p.iter().all(|v| (-64..=4160).contains(v)), "{} {p:?} is beyond the buffer", layer.name);
                }
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

fn city_feature(city: &Village, wire: u64) -> Arc<Feature> {
    citytwin_model::City::feature(city, FeatureId::from_wire(wire).unwrap()).unwrap()
}

#[test]
fn attributes_keep_their_types_and_no_data_is_left_out() {
    let mut city = Village::empty();
    let line = || Geometry::flat(Shape::Line(vec![Position::new(116.0, 30.0, 0.0), Position::new(116.001, 30.001, 0.0)]));
    city.add("road", line(), &[("name", "人民路".into()), ("lanes", 4i64.into()), ("width_m", 14.5.into()), ("one_way", true.into())]);
    city.add("road", line(), &[("lanes", (-2i64).into()), ("width_m", 14.1.into()), ("road_class", "lane".into())]);
    city.add("road", line(), &[("width_m", f64::NAN.into())]);
    let layers = vector_tile::read(&mvt::tile(&city, at(16), &drawn_classes())).unwrap();
    let found: Vec<&BTreeMap<String, Value>> = layers[0].features.iter().map(|feature| &feature.properties).collect();
    let wanted = |pairs: &[(&str, Value)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<BTreeMap<_, _>>();
    assert_eq!(
        *found[0],
        wanted(&[
            ("code", Value::Text("ROAD-0001".into())),
            ("lanes", Value::Uint(4)),
            ("name", Value::Text("人民路".into())),
            ("one_way", Value::Bool(true)),
            ("width_m", Value::Float(14.5)),
        ])
    );
    assert_eq!(
        *found[1],
        wanted(&[
            ("code", Value::Text("ROAD-0002".into())),
            ("lanes", Value::Sint(-2)),
            ("road_class", Value::Text("lane".into())),
            ("width_m", Value::Double(14.1)),
        ])
    );
    assert_eq!(*found[2], wanted(&[("code", Value::Text("ROAD-0003".into()))]));
}

#[test]
fn the_same_features_give_the_same_bytes_in_any_order() {
    let (city, other) = (Village::village(), Village::village().reversed());
    for zoom in [10, 13, 14, 16] {
        for tile in tiles_of(zoom) {
            assert_eq!(mvt::tile(&city, tile, &drawn_classes()), mvt::tile(&other, tile, &drawn_classes()));
        }
    }
    assert!(mvt::tile(&city, TileCoord::new(14, 0, 0).unwrap(), &drawn_classes()).is_empty());
}

#[test]
fn what_is_smaller_than_a_unit_is_kept_from_zoom_14_and_dropped_below() {
    let mut city = Village::empty();
    let speck = city.rectangle(40.0, 40.0, 0.2, 0.2);
    let id = city.add("building", Geometry::flat(Shape::Polygon(vec![speck])), &[]);
    let stub = city.line(&[(50.0, 50.0), (50.3, 50.1)]);
    let stub_id = city.add("road", stub, &[]);
    let tile = |zoom| vector_tile::read(&mvt::tile(&city, TileCoord::at(zoom, 116.0005, 30.0005).unwrap(), &drawn_classes())).unwrap();
    let layers = tile(14);
    assert_eq!(layers.iter().map(|layer| layer.features[0].id.unwrap()).collect::<Vec<_>>(), [id.wire(), stub_id.wire()]);
    assert!(matches!(&layers[0].features[0].parts, Parts::Polygons(polygons) if vector_tile::area2(&polygons[0][0]) == 2));
    assert!(tile(13).is_empty());
}

/// Rings of an area that may cross themselves and reach far out of the tile.
fn rings() -> impl Strategy<Value = Vec<Vec<Position>>> {
    let vertex = (-0.03f64..0.03, -0.03f64..0.03).prop_map(|(x, y)| Position::new(ORIGIN.lon + x, ORIGIN.lat + y, 0.0));
    let ring = prop::collection::vec(vertex, 3..12).prop_map(|mut ring| {
        ring.push(ring[0]);
        ring
    });
    prop::collection::vec(ring, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The strict reader refuses rings without area, holes without a polygon, steps of no length.
    #[test]
    fn whatever_the_area_the_tile_is_valid_and_covers_what_it_should(rings in rings(), zoom in 11u8..=17) {
        let class = Catalogue::builtin().class("water_area").unwrap();
        let id = FeatureId::new(class.no, 7);
        let attributes = vec![citytwin_model::Value::Null; class.attributes.len()];
        let geometry = Some(Geometry::flat(Shape::Polygon(rings.clone())));
        let features = [Arc::new(Feature { id, revision: 1, geometry, attributes, other: None, source: None })];
        let tile = at(zoom);
        let layers = vector_tile::read(&mvt::encode(tile, &[Layer { class, features: &features }])).unwrap();
        let polygons = match layers.first().map(|layer| &layer.features[0].parts) {
            Some(Parts::Polygons(polygons)) => polygons.clone(),
            None => Vec::new(),
            other => panic!("{other:?}"),
        };
        for polygon in &polygons {
            prop_assert!(crossings(polygon).is_empty(), "{:?}", crossings(polygon));
        }
        if zoom >= 14 {
            // Places well inside and well outside are on the right side.
            let local: Vec<Vec<[f64; 2]>> = rings
                .iter()
                .map(|ring| ring.iter().map(|p| world_units(p, zoom)).map(|[x, y]| [x - f64::from(tile.x()) * 4096.0, y - f64::from(tile.y()) * 4096.0]).collect())
                .collect();
            for (x, y) in [(100.0, 100.0), (2048.0, 2048.0), (4000.0, 700.0), (900.0, 3100.0), (3333.0, 3777.0)] {
                if local.iter().all(|ring| ring.windows(2).all(|e| from_edge([x, y], e[0], e[1]) > 3.0)) {
                    let wanted = local.iter().filter(|ring| covers(ring, [x, y])).count() % 2 == 1;
                    let drawn = polygons.iter().flatten().map(|ring| closed(ring)).filter(|ring| covers(ring, [x, y])).count() % 2 == 1;
                    prop_assert_eq!(wanted, drawn, "at {} {}", x, y);
                }
            }
        }
    }

    #[test]
    fn whatever_the_line_its_parts_are_inside_and_as_long_as_they_should_be(
        vertices in prop::collection::vec((-0.02f64..0.02, -0.02f64..0.02), 2..20), zoom in 14u8..=18
    ) {
        let class = Catalogue::builtin().class("road").unwrap();
        let line: Vec<Position> = vertices.iter().map(|(x, y)| Position::new(ORIGIN.lon + x, ORIGIN.lat + y, 0.0)).collect();
        let feature = Feature {
            id: FeatureId::new(class.no, 1),
            revision: 1,
            geometry: Some(Geometry::flat(Shape::Line(line.clone()))),
            attributes: vec![citytwin_model::Value::Null; class.attributes.len()],
            other: None,
            source: None,
        };
        let tile = at(zoom);
        let layers = vector_tile::read(&mvt::encode(tile, &[Layer { class, features: &[Arc::new(feature)] }])).unwrap();
        let drawn: f64 = match layers.first().map(|layer| &layer.features[0].parts) {
            Some(Parts::Lines(lines)) => lines.iter().flat_map(|line| line.windows(2)).map(|e| ((e[1][0] - e[0][0]) as f64).hypot((e[1][1] - e[0][1]) as f64)).sum(),
            None => 0.0,
            other => panic!("{other:?}"),
        };
        // Sampled, so that nothing of the clipping is repeated here.
        let places: Vec<[f64; 2]> = line.iter().map(|p| world_units(p, zoom)).map(|[x, y]| [x - f64::from(tile.x()) * 4096.0, y - f64::from(tile.y()) * 4096.0]).collect();
        let mut wanted = 0.0;
        for edge in places.windows(2) {
            let long = (edge[1][0] - edge[0][0]).hypot(edge[1][1] - edge[0][1]);
            let inside = (0..2000).map(|i| (f64::from(i) + 0.5) / 2000.0).map(|t| [0, 1].map(|axis| edge[0][axis] + (edge[1][axis] - edge[0][axis]) * t));
            wanted += long * inside.filter(|p| p.iter().all(|v| (-64.0..=4160.0).contains(v))).count() as f64 / 2000.0;
        }
        let slack = places.windows(2).map(|e| (e[1][0] - e[0][0]).hypot(e[1][1] - e[0][1]) / 1000.0 + 3.0).sum::<f64>();
        prop_assert!((drawn - wanted).abs() < slack, "{} {}", drawn, wanted);
    }
}

fn closed(ring: &[[i64; 2]]) -> Vec<[f64; 2]> {
    ring.iter().chain(ring.first()).map(|p| p.map(|v| v as f64)).collect()
}

fn covers(ring: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    ring.windows(2)
        .filter(|e| (e[0][1] > y) != (e[1][1] > y) && x < e[0][0] + (y - e[0][1]) / (e[1][1] - e[0][1]) * (e[1][0] - e[0][0]))
        .count()
        % 2
        == 1
}

fn from_edge(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let way = [b[0] - a[0], b[1] - a[1]];
    let long = way[0] * way[0] + way[1] * way[1];
    let t = if long > 0.0 { (((p[0] - a[0]) * way[0] + (p[1] - a[1]) * way[1]) / long).clamp(0.0, 1.0) } else { 0.0 };
    (p[0] - a[0] - way[0] * t).hypot(p[1] - a[1] - way[1] * t)
}

/// Pairs of edges of a polygon that cross each other. Touching in a point is allowed.
fn crossings(polygon: &[Vec<[i64; 2]>]) -> Vec<[[i64; 2]; 4]> {
    let edges: Vec<([i64; 2], [i64; 2])> =
        polygon.iter().flat_map(|ring| ring.iter().copied().zip(ring.iter().copied().cycle().skip(1))).collect();
    let turn = |a: [i64; 2], b: [i64; 2], c: [i64; 2]| ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])).signum();
    let mut found = Vec::new();
    for (i, (a, b)) in edges.iter().enumerate() {
        for (c, d) in &edges[i + 1..] {
            if turn(*a, *b, *c) * turn(*a, *b, *d) < 0 && turn(*c, *d, *a) * turn(*c, *d, *b) < 0 {
                found.push([*a, *b, *c, *d]);
            }
        }
    }
    found
}

#[test]
fn gdal_reads_the_same_features_with_valid_geometry() {
    if std::process::Command::new("ogrinfo").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI must have GDAL's ogrinfo");
        println!("skipped: GDAL's ogrinfo is not installed");
        return;
    }
    let city = Village::village();
    let tile = at(14);
    let bytes = mvt::tile(&city, tile, &drawn_classes());
    let folder = std::env::temp_dir().join(format!("citytwin-mvt-{}", std::process::id()));
    let path = folder.join("14").join(tile.x().to_string()).join(format!("{}.mvt", tile.y()));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let ask = |arguments: &[&str]| {
        let output = std::process::Command::new("ogrinfo").args(["-ro", "-oo", "CLIP=NO"]).arg(&path).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for layer in vector_tile::read(&bytes).unwrap() {
        let summary = ask(&["-so", &layer.name]);
        assert!(summary.contains(&format!("Feature Count: {}", layer.features.len())), "{summary}");
        let listed = ask(&["-al", "-geom=SUMMARY", "-where", "1=1", &layer.name]);
        for feature in &layer.features {
            assert!(listed.contains(&format!("mvt_id (Integer64) = {}", feature.id.unwrap())), "{} {:?}", layer.name, feature.id);
        }
        let sql = format!("SELECT COUNT(*) AS bad FROM \"{}\" WHERE NOT ST_IsValid(geometry)", layer.name);
        if layer.features[0].kind == 3 {
            let answer = ask(&["-q", "-dialect", "sqlite", "-sql", &sql]);
            assert!(answer.contains("bad (Integer) = 0"), "{answer}");
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Data that is kept beside a checkout, not in it.
fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(folder);
    if !path.is_dir() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}
