//! What is refused: named by reason and remedy, kept whole, corrected with other programs, and loaded back until all is in.

mod loading;

use loading::{Place, plain_rows};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;

fn line(code: &str, parts: Json) -> Json {
    let kind = if parts[0][0].is_array() { "MultiLineString" } else { "LineString" };
    json!({ "type": "Feature", "properties": { "code": code }, "geometry": { "type": kind, "coordinates": parts } })
}

fn collection(features: &[Json]) -> String {
    json!({ "type": "FeatureCollection", "features": features }).to_string()
}

fn ogr2ogr(args: &[&str]) {
    let output = Command::new("ogr2ogr").args(args).output().expect("ogr2ogr runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Seven pipes, six of them refused, each for its own reason; corrected with sqlite3 and ogr2ogr, and all seven are in.
#[test]
fn refused_pipes_are_corrected_with_other_programs_and_all_are_in() {
    let place = Place::new();
    let apart = json!([[[116.0, 30.0], [116.001, 30.0]], [[116.005, 30.0], [116.006, 30.0]]]);
    let meeting = json!([[[116.0, 30.1], [116.001, 30.1]], [[116.001, 30.1], [116.002, 30.1]]]);
    let mut unconvertible = line("P-3", json!([[116.0, 30.2], [116.001, 30.2]]));
    unconvertible["properties"]["diameter_mm"] = "DN200".into();
    let mut good = line("P-1", json!([[116.0, 30.3], [116.001, 30.3]]));
    good["properties"]["diameter_mm"] = "200".into();
    let features = [
        good,
        line("P-2", apart),
        unconvertible,
        line("P-4", json!([[116.0, 30.4], [116.0, 30.4]])),
        line("P-5", json!([[116.0, 30.5], [116.001, 300.5]])),
        json!({ "type": "Feature", "properties": { "code": "P-6" }, "geometry": null }),
        line("P-1", json!([[116.0, 30.7], [116.001, 30.7]])),
        line("P-8", meeting),
    ];
    let file = place.file("water_pipe.geojson", &collection(&features));
    let said = place.loaded(1, &file, &[]);
    assert!(said.contains("added 2,") && said.contains("refused 6"), "{said}");
    assert!(said.contains("in 1 feature parts that continue each other became one line"), "repaired, and told: {said}");
    for reason in
        ["2 parts that do not join", "“DN200” is not a whole number", "degenerate", "not on the earth", "no geometry", "the key P-1"]
    {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    // All of them stand in one layer, with the geometry that they came with.
    let refused = place.city().join("refused/water_pipe.gpkg");
    let rows = plain_rows(&refused);
    assert_eq!(rows.len(), 6);
    assert_eq!(rows.iter().filter(|row| row["wkb"].is_null()).count(), 1, "only the one that never had any has none");
    for row in &rows {
        assert_eq!((&row["layer"], &row["values"]["ct_source"]), (&json!("water_pipe"), &json!("water_pipe")));
        for column in ["ct_reason", "ct_remedy", "ct_record"] {
            assert!(!row["values"][column].as_str().unwrap().is_empty(), "{column}: {row}");
        }
    }
    // Attributes with sqlite3 …
    place.sql(&refused, "UPDATE water_pipe SET diameter_mm='200' WHERE code='P-3'");
    place.sql(&refused, "UPDATE water_pipe SET code='P-7' WHERE code='P-1'");
    // … geometry with ogr2ogr: every line that is broken is drawn anew.
    let corrected = place.folder.path().join("corrected.gpkg");
    let sql = "SELECT code, diameter_mm, ct_source, ct_id, ct_record, ct_reason, ct_remedy, CASE WHEN code IN ('P-3','P-7') THEN geom \
               ELSE ST_GeomFromText('LINESTRING(116.1 30.' || substr(code, 3) || ', 116.2 30.' || substr(code, 3) || ')', 4490) END AS geom \
               FROM water_pipe";
    ogr2ogr(&[text(&corrected), text(&refused), "-dialect", "SQLITE", "-sql", sql, "-nln", "water_pipe", "-nlt", "LINESTRING"]);
    let said = place.loaded(0, &corrected, &[]);
    assert!(said.contains("added 6,") && said.contains("refused 0"), "{said}");
    let rows = place.rows("water_pipe");
    let mut codes: Vec<_> = rows.iter().map(|row| row["values"]["code"].as_str().unwrap()).collect();
    codes.sort();
    assert_eq!(codes, ["P-1", "P-2", "P-3", "P-4", "P-5", "P-6", "P-7", "P-8"]);
    assert!(rows.iter().all(|row| row["values"]["source"] == rows[0]["values"]["source"]), "one data set");
    assert!(rows.iter().all(|row| row["values"]["other"].is_null()), "remarks do not become attributes");
}

/// The file of refused records itself, half corrected: what is in is in, the rest is refused again into another file.
#[test]
fn a_half_corrected_file_loses_nothing() {
    let place = Place::new();
    let point = |id: i64, code: &str, diameter: &str| json!({ "type": "Feature", "properties": { "n": id, "diameter_mm": diameter, "name": code }, "geometry": { "type": "Point", "coordinates": [116.0 + id as f64 * 0.001, 30.0] } });
    let file = place.file("hydrant.geojson", &collection(&[point(1, "a", "100"), point(2, "b", "wide"), point(3, "c", "narrow")]));
    place.loaded(1, &file, &[]);
    let refused = place.city().join("refused/hydrant.gpkg");
    place.sql(&refused, "UPDATE hydrant SET diameter_mm='100' WHERE name='b'");
    let said = place.loaded(1, &refused, &[]);
    assert!(said.contains("added 1,") && said.contains("gone from the file 0") && said.contains("refused 1"), "{said}");
    let second = place.city().join("refused/hydrant_2.gpkg");
    let left = plain_rows(&second);
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0]["values"]["name"], &left[0]["values"]["ct_source"]), (&json!("c"), &json!("hydrant")));
    assert!(left[0]["values"].get("ct_source_2").is_none(), "remarks are written anew, not heaped up");
    assert!(refused.is_file(), "the file being loaded is not touched");
    place.sql(&second, "UPDATE hydrant SET diameter_mm='80'");
    place.loaded(0, &second, &[]);
    assert_eq!(place.rows("hydrant").len(), 3);
    // The source, corrected in the same way, is what the city has: nothing is there twice.
    std::fs::write(&file, collection(&[point(1, "a", "100"), point(2, "b", "100"), point(3, "c", "80")])).unwrap();
    let said = place.loaded(0, &file, &[]);
    assert!(said.contains("added 0, changed 0, unchanged 3"), "{said}");
    assert!(!refused.exists(), "nothing is refused any more");
}

#[test]
fn coordinates_that_do_not_fit_are_offered_a_way_and_taken_when_it_is_chosen() {
    let place = Place::new();
    let swapped = place.file("hydrant.csv", "code,wkt\nH-1,POINT(30.1 116.1)\nH-2,POINT(30.2 116.2)\n");
    let said = place.loaded(2, &swapped, &[]);
    assert!(said.contains("--swap-axes --crs EPSG:4490"), "{said}");
    let said = place.loaded(2, &swapped, &["--crs", "EPSG:4490"]);
    assert!(said.contains("--swap-axes"), "{said}");
    place.loaded(0, &swapped, &["--swap-axes", "--crs", "EPSG:4490"]);
    let p = loading::geometry(&place.rows("hydrant")[0]).points()[0];
    assert_eq!((p.lon, p.lat), (116.1, 30.1));

    let numbered = place.file("manhole.csv", "code,x,y\nM-1,38505952.2461,2493940.8014\n");
    let said = place.loaded(2, &numbered, &["--class", "manhole"]);
    assert!(said.contains("--crs EPSG:4526"), "{said}");
    let said = place.loaded(2, &numbered, &["--class", "manhole", "--crs", "EPSG:4547"]);
    assert!(said.contains("--crs EPSG:4526"), "{said}");
    place.loaded(0, &numbered, &["--class", "manhole", "--crs", "4526"]);
    let p = loading::geometry(&place.rows("manhole")[0]).points()[0];
    assert!((p.lon - 114.057_865).abs() < 1e-8 && (p.lat - 22.543_096).abs() < 1e-8, "{p:?}");

    let said = place.loaded(2, &numbered, &["--class", "manhole", "--crs", "gcj02"]);
    assert!(said.contains("gcj02") && said.contains("EPSG:4490"), "{said}");
}

/// Beijing 1954 in Shanghai: PROJ's parameters are made for elsewhere, so it is refused, unless it is accepted by name.
#[test]
fn a_bad_shift_is_refused_and_accepted_by_name() {
    let place = Place::new();
    let file = place.file("hydrant.csv", "code,wkt\nH-1,POINT(121.47 31.23)\nH-2,POINT(121.48 31.24)\n");
    let said = place.loaded(2, &file, &["--crs", "EPSG:4214"]);
    assert!(said.contains("--accept-shift"), "{said}");
    let said = place.loaded(0, &file, &["--crs", "EPSG:4214", "--accept-shift", "30"]);
    assert!(said.contains("transformed by") && said.contains("stated accuracy"), "the operation is named: {said}");
}

#[test]
fn a_prj_file_names_the_system() {
    let place = Place::new();
    let file = place.file("manhole.csv", "code,x,y\nM-1,505952.2461,2493940.8014\n");
    let prj = place.file(
        "zone.prj",
        r#"PROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#,
    );
    let said = place.loaded(0, &file, &["--class", "manhole", "--crs", text(&prj)]);
    assert!(said.contains("brought back to degrees"), "{said}");
    let p = loading::geometry(&place.rows("manhole")[0]).points()[0];
    assert!((p.lon - 114.057_865).abs() < 1e-8 && (p.lat - 22.543_096).abs() < 1e-8, "{p:?}");
}

/// Letters that are no UTF-8 are not lost in silence; the encoding named, they are there.
#[test]
fn texts_in_gbk_want_their_encoding_named() {
    let place = Place::new();
    let file = place.folder.path().join("hydrant.csv");
    let mut bytes = b"code,name,wkt\nH-1,".to_vec();
    bytes.extend([0xc9, 0xcf, 0xba, 0xa3]);
    bytes.extend(b",POINT(116.1 30.1)\nH-2,plain,POINT(116.2 30.2)\n");
    std::fs::write(&file, bytes).unwrap();
    let said = place.loaded(1, &file, &["--crs", "EPSG:4490"]);
    assert!(said.contains("added 1,") && said.contains("--encoding"), "{said}");
    place.loaded(0, &file, &["--crs", "EPSG:4490", "--encoding", "GBK"]);
    let rows = place.rows("hydrant");
    assert_eq!(rows.iter().find(|row| row["values"]["code"] == "H-1").unwrap()["values"]["name"], json!("上海"));
}

/// A file of several layers: the counts of each.
#[test]
fn a_file_of_several_layers_is_summed_up_by_class() {
    let place = Place::new();
    let points = place.file("points.csv", "code,wkt\nH-1,POINT(116.1 30.1)\nH-1,POINT(116.2 30.1)\nH-3,POINT(116.3 30.1)\n");
    let both = place.folder.path().join("both.gpkg");
    let crs = ["-a_srs", "EPSG:4490", "-nlt", "POINT"];
    ogr2ogr(&[&["-f", "GPKG", text(&both), text(&points), "-nln", "hydrant"][..], &crs[..]].concat());
    ogr2ogr(&[&["-f", "GPKG", "-update", text(&both), text(&points), "-nln", "manhole"][..], &crs[..]].concat());
    let said = place.loaded(1, &both, &[]);
    for class in ["hydrant", "manhole"] {
        assert!(said.contains(&format!("{class}: added 2, changed 0, unchanged 0, gone 0, deleted 0, refused 1")), "{said}");
    }
}

/// A layer without a record, and one of which nothing can be stored, stand before the others: each record is fitted to its
/// own layer's class all the same.
#[test]
fn empty_layers_and_hopeless_ones_do_not_change_what_the_next_is_fitted_to() {
    let place = Place::new();
    let points = place.file("points.csv", "code,wkt\nH-1,POINT(116.1 30.1)\nH-2,POINT(116.2 30.1)\n");
    let all = place.folder.path().join("all.gpkg");
    let crs = ["-a_srs", "EPSG:4490", "-nlt", "POINT"];
    let add = |name: &str, mode: &[&str], more: &[&str]| {
        ogr2ogr(&[&["-f", "GPKG"], mode, &[text(&all), text(&points), "-nln", name], &crs, more].concat());
    };
    add("hydrant", &[], &["-where", "code='nothing'"]);
    add("water_valve", &["-update"], &["-where", "code='nothing'"]);
    add("manhole", &["-update"], &[]);
    add("bridge", &["-update"], &[]);
    add("gully", &["-update"], &[]);
    let said = place.loaded(1, &all, &[]);
    assert!(said.contains("manhole: added 2,") && said.contains("gully: added 2,"), "{said}");
    for (class, rows) in [("hydrant", 0), ("water_valve", 0), ("manhole", 2), ("gully", 2), ("bridge", 0)] {
        assert_eq!(place.rows(class).len(), rows, "{class}: {said}");
    }
}
