//! Real files through the real helper, against readers that are neither ours nor GDAL.

mod common;

use citytwin_datasets::Request;
use citytwin_datasets::pipe::{CrsWay, FieldType, Kind};
use citytwin_model::geometry::Line;
use citytwin_model::{Geometry, Position, Shape, Value, wkb};
use common::{data, read, read_with};
use serde_json::Value as Json;
use std::path::Path;
use std::process::Command;

/// Rows of a GeoPackage as Python's sqlite3 sees them.
fn plain_rows(file: &Path) -> Vec<Json> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plain.py");
    let output = Command::new("python3").arg(script).arg(file).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn assert_value(ours: &Value, ty: FieldType, plain: &Json, place: &str) {
    let same = match (ours, plain) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(b), Json::Number(n)) => n.as_i64() == Some(i64::from(*b)),
        (Value::Bool(b), Json::Bool(p)) => b == p,
        (Value::Int(n), Json::Number(p)) => p.as_i64() == Some(*n),
        (Value::Real(x), Json::Number(p)) => p.as_f64() == Some(*x),
        (Value::Text(text), Json::String(p)) if ty == FieldType::Instant => {
            text.trim_end_matches('Z') == p.trim_end_matches('Z').trim_end_matches(".000")
        }
        (Value::Text(text), Json::String(p)) => text == p,
        (Value::Text(text), p @ (Json::Array(_) | Json::Object(_))) => serde_json::from_str::<Json>(text).ok().as_ref() == Some(p),
        _ => false,
    };
    assert!(same, "{place}: {ours:?} is not {plain}");
}

/// All GeoPackages: attributes equal, geometry bit for bit where the system is ours already, refusals where there is nothing to store.
#[test]
fn geopackages_arrive_as_plain_sqlite_reads_them() {
    let Some(folder) = data("gpkg") else { return };
    let (mut compared, mut bit_for_bit, mut refused) = (0, 0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|e| e != "gpkg") {
            continue;
        }
        let crs = file.ends_with("gdal_sample.gpkg").then(|| "EPSG:4326".to_owned());
        let arrived = read_with(&file, &Request { crs, ..Request::default() }).unwrap();
        assert!(arrived.failed.is_empty(), "{:?}", arrived.failed);
        let rows = plain_rows(&file);
        let sent: usize = arrived.layers.iter().map(|l| l.features.len() + l.problems.len()).sum();
        assert_eq!(sent, rows.len(), "{}", file.display());
        for row in rows {
            let name = row["layer"].as_str().unwrap();
            let layer = arrived.layer(name);
            assert!(layer.header.own_ids);
            let id = row["id"].to_string();
            let place = format!("{} {name} {id}", file.file_name().unwrap().to_string_lossy());
            let values = match layer.features.iter().find(|f| f.source_id.as_deref() == Some(&id)) {
                Some(feature) => {
                    let plain = wkb::read(&unhex(row["wkb"].as_str().unwrap()));
                    match plain {
                        Ok(plain) if layer.header.crs.as_ref().unwrap().way == CrsWay::Same => {
                            assert_eq!(feature.geometry.as_ref(), Some(&plain), "{place}");
                            bit_for_bit += 1;
                        }
                        Ok(plain) => {
                            let ours = feature.geometry.as_ref().unwrap();
                            assert_eq!(
                                (ours.vertex_count(), ours.has_z, ours.z_range()),
                                (plain.vertex_count(), plain.has_z, plain.z_range()),
                                "{place}"
                            );
                        }
                        // A collection of one, unwrapped by the helper.
                        Err(_) => assert!(name.starts_with("geom"), "{place}"),
                    }
                    &feature.values
                }
                None => {
                    let problem = layer.problems.iter().find(|p| p.source_id.as_deref() == Some(&id)).expect(&place);
                    let reason = problem.reason.as_str();
                    match row["wkb"].as_str() {
                        None => assert_eq!(reason, "no_geometry", "{place}"),
                        Some(_) => assert!(["empty_geometry", "unsupported_geometry"].contains(&reason), "{place}: {reason}"),
                    }
                    refused += 1;
                    &problem.values
                }
            };
            for (field, value) in layer.header.fields.iter().zip(values) {
                assert_value(value, field.ty, &row["values"][&field.name], &format!("{place} {}", field.name));
            }
            compared += 1;
        }
    }
    eprintln!("{compared} rows compared, {bit_for_bit} geometries bit for bit, {refused} refused");
    assert!(compared > 5000 && bit_for_bit > 2500 && refused >= 4, "{compared} {bit_for_bit} {refused}");
}

/// The same addresses are there in the Dutch grid and in degrees: the operation must bring one onto the other.
#[test]
fn the_dutch_grid_falls_on_the_same_addresses_in_degrees() {
    let (Some(grid), Some(degrees)) = (data("gpkg/dutch_addresses_28992.gpkg"), data("gpkg/dutch_addresses_4326.gpkg")) else { return };
    let (grid, degrees) = (read(&grid).unwrap(), read(&degrees).unwrap());
    let crs = grid.layers[0].header.crs.as_ref().unwrap();
    let CrsWay::Transformed { operation, accuracy_m: Some(accuracy_m) } = &crs.way else { panic!("{crs:?}") };
    assert_eq!(crs.source, "EPSG:28992");
    let mut worst = 0f64;
    for feature in &grid.layers[0].features {
        let twin = degrees.layers[0].features.iter().find(|f| f.source_id == feature.source_id).unwrap();
        let (a, b) = (feature.geometry.as_ref().unwrap().points()[0], twin.geometry.as_ref().unwrap().points()[0]);
        let metres = ((a.lon - b.lon) * 111_320.0 * a.lat.to_radians().cos()).hypot((a.lat - b.lat) * 111_320.0);
        worst = worst.max(metres);
    }
    eprintln!("worst of {}: {worst:.6} m by {operation}, stated {accuracy_m} m", grid.layers[0].features.len());
    // Both files were made with these parameters, so they agree far better than the parameters are accurate.
    assert!(worst < 0.01 && *accuracy_m <= 2.0, "{worst} {accuracy_m}");
}

#[test]
fn a_real_sewer_arrives_with_its_heights() {
    let Some(file) = data("gpkg/simple_sewer_features.gpkg") else { return };
    let arrived = read(&file).unwrap();
    let counts: Vec<_> = arrived.layers.iter().map(|l| (l.header.name.as_str(), l.features.len(), l.problems.len())).collect();
    assert_eq!(counts, [("s_manhole", 69, 0), ("foul_sewer", 82, 0), ("surface_water_sewer", 21, 0)]);
    let sewers = arrived.layer("foul_sewer");
    assert_eq!(sewers.header.kinds, [Kind::Line]);
    assert!(sewers.header.has_z);
    assert!(arrived.layer("s_manhole").features.iter().all(|f| f.geometry.as_ref().unwrap().has_z));
    let bounds = sewers.header.bounds().unwrap();
    assert!(bounds.west > -3.0 && bounds.east < -2.0 && bounds.south > 52.0 && bounds.north < 53.0, "{bounds:?}");
}

fn position(json: &Json) -> Position {
    let at = |i: usize| json[i].as_f64().unwrap_or(0.0);
    Position::new(at(0), at(1), at(2))
}

fn line(json: &Json) -> Line {
    json.as_array().unwrap().iter().map(position).collect()
}

fn plain_geometry(json: &Json) -> Geometry {
    let c = &json["coordinates"];
    let lines = |json: &Json| json.as_array().unwrap().iter().map(line).collect::<Vec<_>>();
    let shape = match json["type"].as_str().unwrap() {
        "Point" => Shape::Point(position(c)),
        "LineString" => Shape::Line(line(c)),
        "Polygon" => Shape::Polygon(lines(c)),
        "MultiPoint" => Shape::MultiPoint(line(c)),
        "MultiLineString" => Shape::MultiLine(lines(c)),
        "MultiPolygon" => Shape::MultiPolygon(c.as_array().unwrap().iter().map(lines).collect()),
        other => panic!("{other}"),
    };
    let mut first = c;
    while first[0].is_array() {
        first = &first[0];
    }
    Geometry { shape, has_z: first.as_array().unwrap().len() > 2 }
}

/// All real GeoJSON files: each record equal to what a JSON parser alone sees in it.
#[test]
fn geojson_arrives_as_a_json_parser_reads_it() {
    let Some(folder) = data("municipal") else { return };
    let mut compared = 0;
    let mut files: Vec<_> =
        ["", "vermont", "dc"].iter().flat_map(|sub| std::fs::read_dir(folder.join(sub)).unwrap()).map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "geojson"));
    assert!(files.len() >= 17, "{}", files.len());
    for file in files {
        let plain: Json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let plain = plain["features"].as_array().unwrap();
        let arrived = read(&file).unwrap();
        let layer = &arrived.layers[0];
        assert_eq!(layer.features.len() + layer.problems.len(), plain.len(), "{}", file.display());
        for problem in &layer.problems {
            let geometry = &plain[problem.record as usize - 1]["geometry"];
            assert!(geometry.is_null() || geometry["coordinates"].as_array().is_some_and(Vec::is_empty), "{problem:?} {geometry}");
        }
        for feature in &layer.features {
            let record = &plain[feature.record as usize - 1];
            let place = format!("{} record {}", file.file_name().unwrap().to_string_lossy(), feature.record);
            assert_eq!(feature.geometry, Some(plain_geometry(&record["geometry"])), "{place}");
            for (field, value) in layer.header.fields.iter().zip(&feature.values) {
                let properties = &record["properties"];
                // GDAL adds a record's own id, where it is a text, as a column.
                let wanted = if field.name == "id" && properties["id"].is_null() { &record["id"] } else { &properties[&field.name] };
                assert_value(value, field.ty, wanted, &format!("{place} {}", field.name));
            }
            compared += 1;
        }
    }
    eprintln!("{compared} records compared");
    assert!(compared > 8000, "{compared}");
}

#[test]
fn ids_are_believed_only_where_they_are_ids() {
    let (Some(osm), Some(all_zero)) =
        (data("municipal/hydrants_en_kreis_osm.geojson"), data("municipal/vermont/MontpelierPointFeatures.geojson"))
    else {
        return;
    };
    let osm = read(&osm).unwrap();
    assert!(osm.layers[0].header.own_ids);
    assert_eq!(osm.layers[0].features[0].source_id.as_deref(), Some("node/33996967"));
    let all_zero = read(&all_zero).unwrap();
    assert!(!all_zero.layers[0].header.own_ids, "every feature of that file has id 0");
    assert!(all_zero.layers[0].features.iter().all(|f| f.source_id.is_none()));
}

#[test]
fn a_shapefile_arrives_with_its_texts() {
    let Some(file) = data("shapefile/coutwildrnp.shp") else { return };
    let arrived = read(&file).unwrap();
    let layer = &arrived.layers[0];
    assert_eq!((layer.features.len(), layer.problems.len()), (67, 0));
    assert_eq!(layer.features[0].values[2], "Mount Naomi Wilderness".into());
    assert!(!layer.header.own_ids, "a row's number is no id");
}

#[test]
fn a_table_of_coordinates_wants_its_system_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("valves.csv");
    std::fs::write(&file, "code,x,y,diameter_mm\n0012,500000,3320113.3978,100\n0013,500100,3320113.3978,\n").unwrap();
    let unnamed = read(&file).unwrap();
    assert_eq!(unnamed.failed[0].fail.key, "crs_missing_offer");
    let named = read_with(&file, &Request { crs: Some("EPSG:4547".into()), ..Request::default() }).unwrap();
    let layer = &named.layers[0];
    let p = layer.features[0].geometry.as_ref().unwrap().points()[0];
    assert!((p.lon - 114.0).abs() < 1e-8 && (p.lat - 30.0).abs() < 1e-8, "{p:?}");
    assert_eq!(layer.header.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["code", "diameter_mm"]);
    assert_eq!(layer.features[0].values[0], "0012".into());
    assert!(layer.header.crs.as_ref().unwrap().given);
}
