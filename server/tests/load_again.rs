//! The second file: a newer one with bad records or none, a corrected one, one that is no data file, one that says less;
//! and what the list of loads and an export tell of all of them.

mod loading;

use loading::{Place, helper, plain_rows};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::Command;

fn point(lon: f64, lat: f64, properties: Json) -> Json {
    json!({ "type": "Feature", "properties": properties, "geometry": { "type": "Point", "coordinates": [lon, lat] } })
}

fn collection(features: &[Json]) -> String {
    json!({ "type": "FeatureCollection", "features": features }).to_string()
}

fn hydrant(code: &str, diameter: Json) -> Json {
    point(116.0, 30.0, json!({ "code": code, "diameter_mm": diameter }))
}

/// Another command on the same city.
fn run(place: &Place, code: i32, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
    command.args(args).arg("--city").arg(place.city()).env("LANG", "en_US.UTF-8").env_remove("LC_ALL").env("CITYTWIN_GDAL", helper());
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said
}

fn codes(place: &Place, class: &str) -> Vec<String> {
    let mut codes: Vec<_> = place.rows(class).iter().map(|row| row["values"]["code"].as_str().unwrap_or("-").to_owned()).collect();
    codes.sort();
    codes
}

/// `--replace` deletes what is gone from the file, not what stands in it and could not be taken.
#[test]
fn a_record_that_is_refused_is_not_deleted() {
    let place = Place::new();
    let file = place.file("hydrant.geojson", &collection(&["A1", "A2", "A3", "A4"].map(|code| hydrant(code, 100.into()))));
    place.loaded(0, &file, &[]);
    let nowhere = json!({ "type": "Feature", "properties": { "code": "A3" }, "geometry": null });
    std::fs::write(&file, collection(&[hydrant("A1", 100.into()), hydrant("A2", "long ago".into()), nowhere])).unwrap();
    let said = place.loaded(1, &file, &["--replace"]);
    assert!(said.contains("unchanged 1, gone from the file 1, deleted 1, refused 2"), "{said}");
    assert_eq!(codes(&place, "hydrant"), ["A1", "A2", "A3"]);
    let said = run(&place, 0, &["load", "--list"]);
    assert!(said.contains("gone 1, deleted 1, refused 2"), "the list tells what the load told: {said}");
    // A record that is nobody could be anybody.
    let nobody = json!({ "type": "Feature", "properties": { "name": "?" }, "geometry": null });
    std::fs::write(&file, collection(&[hydrant("A1", 100.into()), nobody])).unwrap();
    let said = place.loaded(1, &file, &["--replace"]);
    assert!(said.contains("deleted 0, refused 1") && said.contains("hydrant: some refused records"), "{said}");
    assert_eq!(codes(&place, "hydrant"), ["A1", "A2", "A3"]);
}

#[test]
fn an_emptied_layer_is_a_layer_of_nothing() {
    let place = Place::new();
    let file = place.file("hydrant.csv", "code,wkt\nA1,POINT(116.1 30.1)\nA2,POINT(116.2 30.2)\n");
    place.loaded(0, &file, &["--crs", "EPSG:4490"]);
    std::fs::write(&file, "code,wkt\n").unwrap();
    let said = place.loaded(0, &file, &["--crs", "EPSG:4490"]);
    assert!(said.contains("gone from the file 2, deleted 0"), "{said}");
    let said = place.loaded(0, &file, &["--crs", "EPSG:4490", "--replace"]);
    assert!(said.contains("gone from the file 2, deleted 2"), "{said}");
    assert!(place.rows("hydrant").is_empty());
}

/// The corrected records of a survey stand in degrees; the survey does not.
#[test]
fn a_corrected_file_leaves_its_source_what_it_was() {
    let place = Place::new();
    let file = place.file("manhole.csv", "code,x,y,depth_m\nM-1,505952.2461,2493940.8014,1.5\nM-2,505962.2461,2493940.8014,deep\n");
    place.loaded(1, &file, &["--crs", "EPSG:4547"]);
    let source = || place.sql(&place.city().join("city.gpkg"), "SELECT name, crs, sha256 FROM ct_source");
    let before = source();
    let refused = place.city().join("refused/manhole.gpkg");
    let row = &plain_rows(&refused)[0];
    assert_eq!((&row["values"]["code"], &row["values"]["depth_m"]), (&json!("M-2"), &json!("deep")));
    place.sql(&refused, "UPDATE manhole SET depth_m='2.5'");
    let said = place.loaded(0, &refused, &[]);
    assert!(said.contains("added 1,") && said.contains("gone from the file 0"), "{said}");
    assert_eq!(source(), before);
    let said = run(&place, 0, &["load", "--list"]);
    assert!(said.contains("added 1, changed 0, unchanged 0, gone 0, deleted 0, refused 0"), "{said}");
    assert!(said.contains("added 1, changed 0, unchanged 0, gone 0, deleted 0, refused 1"), "{said}");
    let out = place.folder.path().join("back.csv");
    run(&place, 0, &["export", "--class", "manhole", "--crs", "source", "--to", out.to_str().unwrap()]);
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("505952.246") && text.contains("505962.246"), "{text}");
}

const CITY_GRID: &str = r#"PROJCS["City_2000_TM",GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",SPHEROID["CGCS2000",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",116.35],PARAMETER["scale_factor",1],PARAMETER["false_easting",300000],PARAMETER["false_northing",-3000000],UNIT["metre",1]]"#;

/// One data set of two layers, each in its own system, one of which no register knows.
#[test]
fn each_layer_goes_back_into_the_system_that_it_came_in() {
    let place = Place::new();
    let grid = place.file("city.prj", CITY_GRID);
    let manholes = place.file("manholes.csv", "code,x,y\nM-1,300000.0,320113.3978\n");
    let hydrants = place.file("hydrants.csv", "code,x,y\nH-1,505952.2461,2493940.8014\n");
    let survey = ["--source", "survey"];
    let said = place.loaded(0, &manholes, &[&["--class", "manhole", "--crs", grid.to_str().unwrap()], &survey[..]].concat());
    assert!(said.contains("City_2000_TM"), "{said}");
    place.loaded(0, &hydrants, &[&["--class", "hydrant", "--crs", "EPSG:4547"], &survey[..]].concat());
    for (class, wanted) in [("manhole", ["300000", "320113.3978"]), ("hydrant", ["505952.2461", "2493940.8014"])] {
        let out = place.folder.path().join(format!("{class}.csv"));
        run(&place, 0, &["export", "--class", class, "--crs", "source", "--to", out.to_str().unwrap()]);
        let text = std::fs::read_to_string(&out).unwrap();
        let numbers: Vec<f64> = text.split([',', '\n', '"', ' ', '(', ')']).filter_map(|cell| cell.trim().parse().ok()).collect();
        for wanted in wanted.map(|w| w.parse::<f64>().unwrap()) {
            assert!(numbers.iter().any(|n| (n - wanted).abs() < 1e-3), "{class}: no {wanted} in {text}");
        }
    }
    let out = place.folder.path().join("both/");
    let said = run(&place, 2, &["export", "--crs", "source", "--format", "csv", "--to", &format!("{}/", out.display())]);
    assert!(said.contains("City_2000_TM: survey") && said.contains("EPSG:4547: survey") && !said.contains("PROJCRS"), "{said}");
}

#[test]
fn an_accepted_shift_is_on_record() {
    let place = Place::new();
    let file = place.file("hydrant.csv", "code,wkt\nH-1,POINT(121.47 31.23)\nH-2,POINT(121.48 31.24)\n");
    place.loaded(0, &file, &["--crs", "EPSG:4214", "--accept-shift", "30"]);
    let said = run(&place, 0, &["load", "--list"]);
    assert!(said.contains("EPSG:4214") && said.contains("Beijing 1954") && said.contains("--accept-shift 30"), "{said}");
}

/// Whatever the city, the reason is that of the file.
#[test]
fn what_cannot_be_read_has_the_same_reason_in_a_city_that_is_there() {
    let place = Place::new();
    let good = place.file("hydrant.csv", "code,wkt\nH-1,POINT(116.1 30.1)\n");
    place.loaded(0, &good, &["--crs", "EPSG:4490"]);
    let there = |name: &str, text: &str| -> PathBuf { place.file(name, text) };
    let folder = place.folder.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    for (file, wanted) in [
        (place.folder.path().join("nosuch.gpkg"), "nosuch.gpkg"),
        (folder, "is a folder"),
        (there("drawing.dxf", "0\nSECTION\n"), "is a drawing"),
        (there("packed.zip", "PK\u{3}\u{4}"), "is packed"),
        (there("lonely.shp", "x"), ".shx"),
        (there("broken.gpkg", "SQLite format 3\0 and no more"), "cannot be read"),
        (there("broken.geojson", "{\"type\": \"FeatureCollection\", \"features\": [{"), "broken.geojson"),
    ] {
        for more in [&["--class", "hydrant"][..], &["--class", "hydrant", "--layer", "pipes"]] {
            let said = place.loaded(2, &file, more);
            assert!(said.contains(wanted) && !said.contains("no layer") && !said.contains(": , reading"), "{}: {said}", file.display());
        }
    }
    assert_eq!(codes(&place, "hydrant"), ["H-1"]);
}

#[test]
fn a_store_is_no_data_file() {
    let place = Place::new();
    let file = place.file("hydrant.csv", "code,wkt\nH-1,POINT(116.1 30.1)\n");
    place.loaded(0, &file, &["--crs", "EPSG:4490"]);
    let store = place.city().join("city.gpkg");
    let copy = place.folder.path().join("copy.gpkg");
    std::fs::copy(&store, &copy).unwrap();
    let loads = || place.sql(&store, "SELECT count(*) FROM ct_load");
    let before = loads();
    for (file, more) in [(&store, &[][..]), (&copy, &[]), (&copy, &["--class", "hydrant"]), (&copy, &["--as", "theirs"])] {
        let said = place.loaded(2, file, more);
        assert!(said.contains("is the store of a city") && said.contains("citytwin export"), "{}: {said}", file.display());
    }
    assert_eq!(loads(), before);
}

fn diameter(place: &Place, code: &str) -> Json {
    place.rows("hydrant").iter().find(|row| row["values"]["code"] == code).unwrap()["values"]["diameter_mm"].clone()
}

/// The second record of a key, loaded as it was refused, would take the first one's place.
#[test]
fn an_uncorrected_duplicate_is_refused_again() {
    let place = Place::new();
    let file =
        place.file("hydrant.geojson", &collection(&[hydrant("A1", 100.into()), hydrant("A1", 80.into()), hydrant("A2", "x".into())]));
    place.loaded(1, &file, &[]);
    let refused = place.city().join("refused/hydrant.gpkg");
    place.sql(&refused, "UPDATE hydrant SET diameter_mm='150' WHERE code='A2'");
    let said = place.loaded(1, &refused, &[]);
    assert!(said.contains("added 1,") && said.contains("refused 1") && said.contains("the key A1"), "{said}");
    assert_eq!(diameter(&place, "A1"), json!(100));
    // In the other language it is the same remark; and the remark taken away, the record counts.
    let zh = "编号 A1 在同一文件中已出现过";
    place.sql(&refused, &format!("UPDATE hydrant SET ct_reason='{zh}' WHERE code='A1'"));
    place.loaded(1, &refused, &[]);
    assert_eq!(diameter(&place, "A1"), json!(100));
    place.sql(&refused, "UPDATE hydrant SET ct_reason=NULL WHERE code='A1'");
    place.loaded(0, &refused, &[]);
    assert_eq!(diameter(&place, "A1"), json!(80));
}

/// Somebody corrects the refused records, and somebody else loads the source again before that is in.
#[test]
fn corrections_survive_the_load_being_repeated() {
    let place = Place::new();
    let file =
        place.file("hydrant.geojson", &collection(&[hydrant("A1", 100.into()), hydrant("A2", "x".into()), hydrant("A3", "y".into())]));
    place.loaded(1, &file, &[]);
    let folder = place.city().join("refused");
    let (first, second) = (folder.join("hydrant.gpkg"), folder.join("hydrant_2.gpkg"));
    place.loaded(1, &file, &[]);
    assert!(!second.exists(), "what nobody has changed is written anew");
    place.sql(&first, "UPDATE hydrant SET diameter_mm='150' WHERE code='A2'");
    let said = place.loaded(1, &file, &[]);
    assert!(said.contains("hydrant_2.gpkg"), "{said}");
    let corrected = |file: &Path| plain_rows(file).iter().filter(|row| row["values"]["diameter_mm"] == "150").count();
    assert_eq!((corrected(&first), corrected(&second)), (1, 0));
    place.loaded(1, &first, &[]);
    assert_eq!(codes(&place, "hydrant"), ["A1", "A2"]);
    // Now it is in, and the file may go.
    std::fs::write(&file, collection(&[hydrant("A1", 100.into()), hydrant("A2", 150.into())])).unwrap();
    place.loaded(0, &file, &[]);
    assert!(!first.exists());
}

#[test]
fn a_dry_run_counts_as_the_load_does() {
    let place = Place::new();
    let features = ["A1", "A2", "A1", "A3", "A1"].map(|code| hydrant(code, 100.into()));
    let file = place.file("hydrant.geojson", &collection(&[&features[..], &[hydrant("A4", "x".into())]].concat()));
    let dry = place.loaded(1, &file, &["--dry-run"]);
    assert!(dry.contains("3 would be loaded, 3 refused") && dry.contains("the key A1"), "{dry}");
    let said = place.loaded(1, &file, &[]);
    assert!(said.contains("added 3,") && said.contains("refused 3"), "{said}");
}

/// A newer file without the column of a reference says nothing about it, and without a column of its own nothing either.
#[test]
fn a_file_that_says_less_takes_nothing_away() {
    let place = Place::new();
    let file = place.file("hydrant.csv", "code,pipe,keeper,wkt\nH-1,WP-7,water works,POINT(116.1 30.1)\n");
    let degrees = ["--crs", "EPSG:4490"];
    place.loaded(0, &file, &degrees);
    std::fs::write(&file, "code,diameter_mm,wkt\nH-1,100,POINT(116.1 30.1)\n").unwrap();
    let said = place.loaded(0, &file, &degrees);
    assert!(said.contains("changed 1,"), "{said}");
    let row = &place.rows("hydrant")[0];
    let other: Json = serde_json::from_str(row["values"]["other"].as_str().unwrap()).unwrap();
    assert_eq!((other, &row["values"]["diameter_mm"]), (json!({ "keeper": "water works", "pipe": "WP-7" }), &json!(100)));
    let pipes = place.file("water_pipe.csv", "code,wkt\nWP-7,\"LINESTRING(116.1 30.1, 116.2 30.1)\"\n");
    place.loaded(0, &pipes, &degrees);
    assert!(place.rows("hydrant")[0]["values"]["pipe"].is_u64(), "and its target is found when it comes");
}

#[test]
fn a_mistyped_class_is_guessed_and_one_that_is_kept_elsewhere_is_explained() {
    let place = Place::new();
    let file = place.file("things.csv", "code,wkt\nH-1,POINT(116.1 30.1)\n");
    let degrees = ["--crs", "EPSG:4490"];
    for (class, wanted) in [("hydrnt", "perhaps: hydrant"), ("incident", "kept live"), ("xyzzyxyzzy", "none that is spelt like it")] {
        let said = place.loaded(2, &file, &[&degrees[..], &["--class", class]].concat());
        assert!(said.contains(wanted) && said.len() < 400, "{class}: {said}");
    }
    place.loaded(0, &file, &[&degrees[..], &["--class", "Hydrant"]].concat());
    assert_eq!(codes(&place, "hydrant"), ["H-1"]);
}

#[test]
fn axes_exchanged_without_need_are_to_be_left() {
    let place = Place::new();
    let file = place.file("hydrant.csv", "code,wkt\nH-1,POINT(116.1 30.1)\nH-2,POINT(116.2 30.2)\n");
    let said = place.loaded(2, &file, &["--crs", "EPSG:4490", "--swap-axes"]);
    assert!(said.contains("without --swap-axes"), "{said}");
}
