//! Real files, loaded as collections of their own and into our classes, against readers that are neither ours nor GDAL.

mod loading;

use loading::{Place, data};
use serde_json::Value as Json;
use std::path::Path;
use std::process::Command;

/// What the comparison of `oracle.py` found.
struct Compared {
    compared: u64,
    refused: u64,
    worst_m: f64,
}

/// Holds a collection against its source.
fn compare(place: &Place, collection: &str, source: &Path, more: &[&str]) -> Compared {
    // Debian's Python has Debian's pyproj, so that both sides know the same operations.
    let python = if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py");
    let store = place.city().join("city.gpkg");
    let output = Command::new(python).arg(script).arg(store).arg(collection).arg(source).args(more).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["failures"], Json::Array(vec![]), "{}", source.display());
    let worst_m = found["worst_m"].as_f64().unwrap();
    assert!(worst_m <= 0.001, "{}: {worst_m} m off", source.display());
    Compared { compared: found["compared"].as_u64().unwrap(), refused: found["refused"].as_u64().unwrap(), worst_m }
}

/// The operation that the load reported, if it transformed.
fn operation(said: &str) -> Option<&str> {
    said.split("transformed by ").nth(1)?.split(", stated accuracy").next()
}

fn refused(said: &str) -> u64 {
    said.split("refused ").last().unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Each layer of each GeoPackage. What is refused is refused because there is nothing to store: no geometry, an empty or a
/// mixed one, several points where one place is wanted.
#[test]
fn geopackages_as_collections_of_their_own() {
    let Some(folder) = data("gpkg") else { return };
    let (mut compared, mut all_refused) = (0, 0);
    for (file, layers) in [
        ("dutch_addresses_28992.gpkg", &["OGRGeoJSON"][..]),
        ("dutch_addresses_4326.gpkg", &["OGRGeoJSON"]),
        ("features-0.gpkg", &["0"]),
        ("null_geometry.gpkg", &["new_geopackage", "PointExamples"]),
        ("simple_sewer_features.gpkg", &["s_manhole", "foul_sewer", "surface_water_sewer"]),
        ("states10.gpkg", &["statesQGIS"]),
        (
            "gdal_sample.gpkg",
            &[
                "point2d",
                "linestring2d",
                "polygon2d",
                "multipoint2d",
                "multilinestring2d",
                "multipolygon2d",
                "geomcollection2d",
                "geometry2d",
                "point3d",
                "linestring3d",
                "polygon3d",
                "multipoint3d",
                "multilinestring3d",
                "multipolygon3d",
                "geomcollection3d",
                "geometry3d",
            ],
        ),
    ] {
        let source = folder.join(file);
        for layer in layers {
            let place = Place::new();
            let sample = file == "gdal_sample.gpkg";
            let mut more = vec!["--layer", layer, "--as", "mine", "--origin", "5,52"];
            if sample {
                more.extend(["--crs", "EPSG:4326"]); // some of its layers have none, and all lie at a few degrees
            }
            let said = place.load(&source, &more);
            let mut oracle = vec![*layer];
            if let Some(operation) = operation(&said) {
                let crs = if file.starts_with("dutch") { "EPSG:28992" } else { "EPSG:27700" };
                oracle.extend(["--operation", operation, "--from", crs]);
            }
            let found = compare(&place, "mine", &source, &oracle);
            assert_eq!(refused(&said), found.refused, "{file} {layer}: {said}");
            if oracle.len() > 1 {
                eprintln!("{file} {layer}: {:.7} m off at most, by {}", found.worst_m, oracle[2]);
            }
            compared += found.compared;
            all_refused += found.refused;
        }
    }
    eprintln!("{compared} records compared, {all_refused} refused as expected");
    assert!(compared > 5200 && all_refused >= 10, "{compared} {all_refused}");
}

#[test]
fn municipal_geojson_and_a_shapefile_as_collections_of_their_own() {
    let (Some(municipal), Some(shapefile)) = (data("municipal"), data("shapefile/coutwildrnp.shp")) else { return };
    let mut files: Vec<_> =
        ["", "vermont", "dc"].iter().flat_map(|sub| std::fs::read_dir(municipal.join(sub)).unwrap()).map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "geojson"));
    files.sort();
    assert!(files.len() >= 17);
    files.push(shapefile);
    let (mut compared, mut all_refused) = (0, 0);
    for file in files {
        let place = Place::new();
        let said = place.load(&file, &["--as", "mine"]);
        let found = compare(&place, "mine", &file, &[]);
        assert_eq!(refused(&said), found.refused, "{said}");
        compared += found.compared;
        all_refused += found.refused;
    }
    eprintln!("{compared} records compared, {all_refused} refused as expected");
    assert!(compared > 8000, "{compared}");
}

/// Hydrants, stations, bridges and sewers among them into classes of the catalogue: what a class does not know stands beside.
#[test]
fn hydrants_stations_bridges_and_sewers_in_their_classes() {
    let Some(folder) = data("") else { return };
    let mut compared = 0;
    for (file, layer, class) in [
        ("municipal/hydrants_en_kreis_osm.geojson", None, "hydrant"),
        ("municipal/dc/fire-stations.geojson", None, "fire_station"),
        ("municipal/vermont/MontpelierLinearFeatures.geojson", None, "sewer_pipe"),
        ("municipal/vermont/StJohnsburyPointFeatures.geojson", None, "manhole"),
        ("gpkg/simple_sewer_features.gpkg", Some("s_manhole"), "manhole"),
        ("gpkg/simple_sewer_features.gpkg", Some("foul_sewer"), "sewer_pipe"),
        ("gpkg/simple_sewer_features.gpkg", Some("surface_water_sewer"), "storm_pipe"),
    ] {
        let place = Place::new();
        let source = folder.join(file);
        let mut more = vec!["--class", class];
        layer.iter().for_each(|layer| more.extend(["--layer", layer]));
        let said = place.load(&source, &more);
        let mut oracle: Vec<&str> = layer.into_iter().collect();
        if let Some(operation) = operation(&said) {
            oracle.extend(["--operation", operation, "--from", "EPSG:27700"]);
        }
        oracle.push("--class");
        let found = compare(&place, class, &source, &oracle);
        assert_eq!(refused(&said), found.refused, "{file}: {said}");
        compared += found.compared;
    }
    eprintln!("{compared} records compared in classes");
    assert!(compared > 4000, "{compared}");

    // Bridges of two cities, picked out of OpenStreetMap as lines by another program.
    for extract in ["helsinki.osm.pbf", "monaco.osm.pbf"] {
        let place = Place::new();
        let bridges = place.folder.path().join("bridges.geojson");
        let picked = Command::new("ogr2ogr")
            .args(["-f", "GeoJSON", "-lco", "COORDINATE_PRECISION=9", "-where", "other_tags LIKE '%\"bridge\"=>%'"])
            .arg(&bridges)
            .arg(folder.join("osm").join(extract))
            .arg("lines")
            .output()
            .expect("ogr2ogr runs");
        assert!(picked.status.success(), "{}", String::from_utf8_lossy(&picked.stderr));
        let said = place.load(&bridges, &["--class", "bridge"]);
        let found = compare(&place, "bridge", &bridges, &["--class"]);
        assert!(found.compared + found.refused > 5, "{extract}: {}", found.compared);
        assert_eq!(refused(&said), found.refused, "{extract}: {said}");
    }

    // A bridge is a line in the catalogue; these are areas, and each is refused with that reason and kept for correction.
    let place = Place::new();
    let said = place.loaded(1, &folder.join("municipal/dc/bridge-polygons-ddot.geojson"), &["--class", "bridge"]);
    assert!(said.contains("added 0,") && said.contains("refused 264") && said.contains("--class"), "{said}");
    let kept = loading::plain_rows(&place.city().join("refused/bridge-polygons-ddot.gpkg"));
    assert_eq!(kept.len(), 264);
    assert!(kept.iter().all(|row| row["wkb"].is_string()), "with the geometry that they have");
}

/// OpenStreetMap as collections, one per layer, and its counts against those of another reader (see the data's README).
#[test]
fn openstreetmap_becomes_a_collection_per_layer() {
    let Some(folder) = data("osm") else { return };
    let reference = std::fs::read_to_string(folder.join("reference/osm_ogr_layers.csv")).unwrap();
    for file in ["helsinki.osm.pbf", "monaco.osm.pbf"] {
        let place = Place::new();
        let said = place.load(&folder.join(file), &["--as", "osm"]);
        let rows = |table: &str| -> u64 {
            let store = place.city().join("city.gpkg");
            if !place.sql(&store, &format!("SELECT 1 FROM gpkg_contents WHERE table_name='{table}'")).contains('1') {
                return 0;
            }
            place.sql(&store, &format!("SELECT count(*) FROM {table}")).trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
        };
        let mut gone = 0;
        for line in reference.lines().filter(|line| line.starts_with(file)) {
            let [_, layer, n] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let n: u64 = n.parse().unwrap();
            let stored: u64 = ["", "_point", "_line", "_area"].iter().map(|kind| rows(&format!("osm_{layer}{kind}"))).sum();
            // An extract cuts ways off: some are left with one vertex, or as rings of two. Points are whole.
            let least = if layer == "points" { n } else { n * 97 / 100 };
            assert!(stored >= least || layer == "other_relations", "{file} {layer}: {stored} of {n}: {said}");
            gone += n - stored;
        }
        assert_eq!(refused(&said), gone, "each that is not there is listed as refused: {said}");
        assert!(place.sql(&place.city().join("city.gpkg"), "SELECT tags FROM osm_points WHERE emergency='fire_hydrant'").contains('{'));
        let again = place.load(&folder.join(file), &["--as", "osm"]);
        assert!(again.contains("added 0, changed 0,"), "{again}");
    }
}
