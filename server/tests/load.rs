//! `citytwin load` from end to end: the real programs, real files, and the store as plain sqlite3 reads it.

mod loading;

use citytwin_model::LonLat;
use citytwin_store::Terrain;
use loading::{Place, data, geometry, plain_rows};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn point(lon: f64, lat: f64, properties: Json) -> Json {
    json!({ "type": "Feature", "properties": properties, "geometry": { "type": "Point", "coordinates": [lon, lat] } })
}

fn collection(features: &[Json]) -> String {
    json!({ "type": "FeatureCollection", "features": features }).to_string()
}

#[test]
fn a_strangers_geojson_becomes_hydrants() {
    let place = Place::new();
    let file = place.file(
        "消防栓.geojson",
        &collection(&[
            point(116.001, 30.001, json!({ "编码": "H-1", "公称直径": "100", "类型": "地上式", "权属": "水务集团", "pressure_kpa": 250 })),
            point(
                116.002,
                30.002,
                json!({ "编码": "H-2", "公称直径": 150, "类型": "underground hydrant", "权属": null, "pressure_kpa": 240.5 }),
            ),
        ]),
    );
    let said = place.loaded(0, &file, &["--class", "hydrant"]);
    assert!(said.contains("added 2,") && said.contains("refused 0"), "{said}");
    let rows = place.rows("hydrant");
    assert_eq!(rows.len(), 2);
    let [a, b] = [&rows[0]["values"], &rows[1]["values"]];
    assert_eq!(
        (&a["code"], &a["diameter_mm"], &a["kind"], &a["pressure_kpa"]),
        (&json!("H-1"), &json!(100), &json!("ground"), &json!(250.0))
    );
    assert_eq!(
        (&b["code"], &b["diameter_mm"], &b["kind"], &b["pressure_kpa"]),
        (&json!("H-2"), &json!(150), &json!("underground"), &json!(240.5))
    );
    assert_eq!(serde_json::from_str::<Json>(a["other"].as_str().unwrap()).unwrap(), json!({ "权属": "水务集团" }));
    assert!(b["other"].is_null());
    assert_eq!(geometry(&rows[0]).points()[0].lonlat(), LonLat { lon: 116.001, lat: 30.001 });
    let config = std::fs::read_to_string(place.city().join("city.toml")).unwrap();
    assert!(config.contains("origin = [116.0, 30.0]"), "{config}");
}

#[test]
fn real_hydrants_are_there_with_everything_that_was_said_of_them() {
    let Some(file) = data("municipal/hydrants_en_kreis_osm.geojson") else { return };
    let place = Place::new();
    place.loaded(0, &file, &["--class", "hydrant"]);
    let plain: Json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let plain = plain["features"].as_array().unwrap();
    let rows = place.rows("hydrant");
    assert_eq!(rows.len(), plain.len());
    for (row, record) in rows.iter().zip(plain) {
        let mut wanted = record["properties"].as_object().unwrap().clone();
        wanted.insert("id".into(), record["id"].clone());
        // The one field that the class knows by its English name.
        assert_eq!(row["values"]["owner_unit"], wanted.remove("owner").unwrap_or(Json::Null));
        let other: Json = serde_json::from_str(row["values"]["other"].as_str().unwrap()).unwrap();
        assert_eq!(other, Json::Object(wanted));
        let p = geometry(row).points()[0];
        assert_eq!([p.lon, p.lat].map(|x| json!(x)).to_vec(), *record["geometry"]["coordinates"].as_array().unwrap());
    }
}

#[test]
fn a_strangers_geopackage_becomes_a_collection_of_its_own() {
    let Some(file) = data("gpkg/states10.gpkg") else { return };
    let place = Place::new();
    place.loaded(0, &file, &["--as", "states"]);
    let plain = plain_rows(&file);
    let rows = place.rows("states");
    assert_eq!((rows.len(), plain.len()), (51, 51));
    for (row, record) in rows.iter().zip(&plain) {
        assert_eq!(geometry(row), geometry(record), "{}", record["id"]);
        for (name, value) in record["values"].as_object().unwrap() {
            let column = if name.eq_ignore_ascii_case("source") { format!("{name}_2") } else { name.clone() };
            assert_eq!(&row["values"][&column], value, "{name} of {}", record["id"]);
        }
    }
}

/// Columns that the file calls as the store calls its own, values that are not of their column's type.
#[test]
fn a_real_sewer_loses_nothing_to_names_and_types() {
    let Some(file) = data("gpkg/simple_sewer_features.gpkg") else { return };
    let place = Place::new();
    place.loaded(0, &file, &["--layer", "foul_sewer", "--as", "foul"]);
    let plain: Vec<Json> = plain_rows(&file).into_iter().filter(|row| row["layer"] == "foul_sewer").collect();
    let rows = place.rows("foul");
    assert_eq!(rows.len(), plain.len());
    let mut fractions = 0;
    for (row, record) in rows.iter().zip(&plain) {
        for (name, value) in record["values"].as_object().unwrap() {
            let ours = &row["values"][name];
            let same = ours == value || (ours.as_f64().is_some() && ours.as_f64() == value.as_f64());
            assert!(same, "{name}: {ours} is not {value}");
            fractions += usize::from(name == "upstream" && value.as_f64().is_some_and(|x| x.fract() != 0.0));
        }
        assert_eq!(geometry(row).z_range(), geometry(record).z_range());
    }
    assert!(fractions > 0, "the file has fractions in a column of whole numbers");
}

#[test]
fn loading_again_changes_nothing_and_a_changed_file_updates_by_its_key() {
    let place = Place::new();
    let hydrant = |code: &str, diameter: i64| point(116.0, 30.0 + diameter as f64 * 1e-6, json!({ "code": code, "diameter_mm": diameter }));
    let first = collection(&[hydrant("H-1", 100), hydrant("H-2", 100), hydrant("H-3", 100)]);
    let file = place.file("hydrant.geojson", &first);
    let head = || place.sql(&place.city().join("city.gpkg"), "SELECT sealed FROM ct_head");
    place.loaded(0, &file, &[]);
    let (rows, revision) = (place.rows("hydrant"), head());
    let said = place.loaded(0, &file, &[]);
    assert!(said.contains("added 0, changed 0, unchanged 3"), "{said}");
    assert_eq!((place.rows("hydrant"), head()), (rows.clone(), revision));

    std::fs::write(&file, collection(&[hydrant("H-4", 80), hydrant("H-2", 150), hydrant("H-1", 100)])).unwrap();
    let said = place.loaded(0, &file, &[]);
    assert!(said.contains("added 1, changed 1, unchanged 1, gone from the file 1, deleted 0"), "{said}");
    let now = place.rows("hydrant");
    assert_eq!(now.len(), 4);
    assert_eq!(now[1]["id"], rows[1]["id"], "an update keeps the id");
    assert_eq!(now[1]["values"]["diameter_mm"], 150);

    let said = place.loaded(0, &file, &["--replace"]);
    assert!(said.contains("deleted 1"), "{said}");
    let codes: Vec<_> = place.rows("hydrant").iter().map(|row| row["values"]["code"].clone()).collect();
    assert_eq!(codes, ["H-1", "H-2", "H-4"]);
}

#[test]
fn refused_records_are_listed_corrected_and_loaded() {
    let place = Place::new();
    let file = place.file(
        "hydrant.geojson",
        &collection(&[
            point(116.0, 30.0, json!({ "code": "H-1", "diameter_mm": "100" })),
            point(116.1, 30.0, json!({ "code": "H-2", "diameter_mm": "DN100" })),
            point(116.2, 30.0, json!({ "code": "H-1", "diameter_mm": "80" })),
            json!({ "type": "Feature", "properties": { "code": "H-4" }, "geometry": null }),
            point(500_000.0, 3_320_113.0, json!({ "code": "H-5" })),
        ]),
    );
    let said = place.loaded(1, &file, &[]);
    assert!(said.contains("added 1,") && said.contains("refused 4"), "{said}");
    for what in ["#2", "“DN100” is not a whole number", "#3", "the key H-1 stood", "#4", "it has no geometry", "#5", "not on the earth"]
    {
        assert!(said.contains(what), "{what} is not in:\n{said}");
    }
    let refused = place.city().join("refused/hydrant.gpkg");
    let rows = plain_rows(&refused);
    assert_eq!((rows.len(), rows.iter().filter(|r| r["wkb"].is_null()).count()), (4, 1), "one layer, one of them without a place");
    assert!(rows.iter().all(|r| r["values"]["ct_source"] == "hydrant" && !r["values"]["ct_remedy"].as_str().unwrap().is_empty()));

    // The operator corrects two, and takes the others out.
    place.sql(&refused, "DELETE FROM hydrant WHERE code IN ('H-4', 'H-5')");
    place.sql(&refused, "UPDATE hydrant SET diameter_mm='100' WHERE code='H-2'");
    place.sql(&refused, "UPDATE hydrant SET code='H-3' WHERE code='H-1'");
    let said = place.loaded(0, &refused, &["--layer", "hydrant"]);
    assert!(said.contains("added 2,") && said.contains("gone from the file 0"), "{said}");
    let rows = place.rows("hydrant");
    assert_eq!(rows.iter().map(|r| r["values"]["code"].as_str().unwrap()).collect::<Vec<_>>(), ["H-1", "H-2", "H-3"]);
    assert!(rows.iter().all(|r| r["values"]["source"] == rows[0]["values"]["source"]), "one data set");
    assert!(rows.iter().all(|r| r["values"]["other"].is_null()), "remarks do not become attributes");
    // The corrected file is no whole data set.
    let said = place.loaded(2, &refused, &["--layer", "hydrant", "--replace"]);
    assert!(said.contains("--replace") && place.rows("hydrant").len() == 3, "{said}");
}

#[test]
fn references_are_resolved_when_their_target_arrives() {
    let place = Place::new();
    let hydrants = place.file("hydrant.geojson", &collection(&[point(116.0, 30.0, json!({ "code": "H-1", "pipe": "WP-7" }))]));
    let said = place.loaded(0, &hydrants, &[]);
    assert!(said.contains("1 feature names a code that no feature has"), "{said}");
    let pipe = json!({ "type": "Feature", "properties": { "code": "WP-7" },
        "geometry": { "type": "LineString", "coordinates": [[116.0, 30.0, 5.0], [116.001, 30.0, 5.1]] } });
    let pipes = place.file("给水管.geojson", &collection(&[pipe]));
    place.loaded(0, &pipes, &["--class", "water_pipe"]);
    let wire = (40u64 << 32) | place.rows("water_pipe")[0]["id"].as_u64().unwrap();
    assert_eq!(place.rows("hydrant")[0]["values"]["pipe"], json!(wire));
}

/// What lies beyond the square that 3D shows is loaded all the same, and said.
#[test]
fn what_lies_far_from_the_city_is_told() {
    let place = Place::new();
    let at = |lon: f64, lat: f64, code: &str| point(lon, lat, json!({ "code": code }));
    let near = place.file("near.geojson", &collection(&[at(116.0, 30.0, "H-1"), at(116.3, 30.29, "H-2")]));
    let said = place.loaded(0, &near, &["--class", "hydrant", "--origin", "116,30"]);
    assert!(!said.contains("beyond the square"), "{said}");
    let doctor = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
        let output =
            command.arg("doctor").arg("--city").arg(place.city()).env("LANG", "en_US.UTF-8").env_remove("LC_ALL").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(doctor().lines().count(), 1, "all is well");
    // Axes that were exchanged, another zone, a zero; the third without a code.
    let mut far = vec![at(116.0, 30.001, "H-3"), at(116.345, 30.0, "H-4"), at(0.0, 0.0, "H-5"), at(-64.0, -30.0, "H-6")];
    far.push(point(116.0, 29.5, json!({})));
    let file = place.file("far.geojson", &collection(&far));
    for more in [&["--class", "hydrant", "--dry-run"][..], &["--class", "hydrant"]] {
        let said = place.loaded(0, &file, more);
        assert!(said.contains("4 features lie") && said.contains("the first: H-4, at 116.345, 30"), "{said}");
    }
    assert_eq!(place.rows("hydrant").len(), 7);
    let said = doctor();
    assert!(said.contains("4 features lie") && said.contains("hydrant.") && said.contains("all else is well"), "{said}");
    // A line that leaves the square counts once.
    let line = json!({ "type": "Feature", "properties": { "code": "W" }, "geometry": { "type": "LineString", "coordinates": [[116.0, 30.0], [117.0, 30.0], [117.0, 31.0]] } });
    let said = place.loaded(0, &place.file("line.geojson", &collection(&[line])), &["--class", "water_pipe"]);
    assert!(said.contains("1 feature lies") && said.contains("the first: W, at 117, 30"), "{said}");
    assert!(doctor().contains("5 features lie"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Place::new();
    let file = place.file("hydrant.geojson", &collection(&[point(116.0, 30.0, json!({ "code": "H-1" })), point(116.0, 300.0, json!({}))]));
    let said = place.loaded(1, &file, &["--dry-run"]);
    assert!(said.contains("1 would be loaded, 1 refused"), "{said}");
    assert!(!place.city().exists());
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    let place = Place::new();
    let file = place.file("things.geojson", &collection(&[point(116.0, 30.0, json!({}))]));
    for (more, wanted) in [
        (&[][..], "--class"),
        (&["--class", "hydrants"], "hydrant"),
        (&["--layer", "nothing"], "things"),
        (&["--as", "Not A Name"], "a-z"),
        (&["--as", "hydrant"], "catalogue"),
    ] {
        let said = place.loaded(2, &file, more);
        assert!(said.contains(wanted), "{more:?}: {said}");
    }
    let said = place.loaded(2, &place.folder.path().join("missing.gpkg"), &["--class", "hydrant"]);
    assert!(said.contains("missing.gpkg"), "{said}");
    let table = place.file("valves.csv", "code,x,y\nV-1,500000,3320113.3978\n");
    let said = place.loaded(2, &table, &["--class", "water_valve"]);
    assert!(said.contains("--crs"), "{said}");
    let said = place.loaded(0, &table, &["--class", "water_valve", "--crs", "EPSG:4547"]);
    assert!(said.contains("Gauss"), "the operation is named: {said}");
    let p = geometry(&place.rows("water_valve")[0]).points()[0];
    assert!((p.lon - 114.0).abs() < 1e-9 && (p.lat - 30.0).abs() < 1e-9, "{p:?}");
}

#[test]
fn a_grid_becomes_terrain_once() {
    let place = Place::new();
    let rows: Vec<String> =
        (0..50).map(|r| (0..40).map(|c| format!("{}", 10.0 + f64::from(r) + 0.1 * f64::from(c))).collect::<Vec<_>>().join(" ")).collect();
    let head = "ncols 40\nnrows 50\nxllcorner 116.0\nyllcorner 30.0\ncellsize 0.001\nNODATA_value -9999\n";
    let file = place.file("heights.asc", &format!("{head}{}\n", rows.join("\n")));
    let said = place.loaded(0, &file, &["--crs", "EPSG:4490"]);
    assert!(said.contains("40 × 50"), "{said}");
    let terrain = Terrain::open(&place.city()).unwrap().unwrap();
    // The middle of the cell in row 10 from the north, column 20.
    let height = terrain.height(LonLat { lon: 116.0205, lat: 30.05 - 0.0105 }).unwrap();
    assert!((height - 22.0).abs() < 1e-3, "{height}");
    let said = place.loaded(0, &file, &["--crs", "EPSG:4490"]);
    assert!(said.contains("unchanged"), "{said}");
}

/// What lies beside a demo city's file comes along: its description, its script.
#[test]
fn a_described_city_is_made_as_described() {
    let place = Place::new();
    place.file("demo.city.toml", "name = { zh = \"示范市\", en = \"Shifan\" }\ndivision = \"990100\"\norigin = [116.0, 30.0]\ngeoid_offset_m = -12.5\nsimulated = true\n");
    place.file("demo.script.json", "{\"incidents\":[]}");
    let file = place.file("demo.geojson", &collection(&[point(116.3, 30.2, json!({ "code": "H-1" }))]));
    let said = place.loaded(0, &file, &["--class", "hydrant"]);
    assert!(said.contains("Shifan"), "{said}");
    let config = std::fs::read_to_string(place.city().join("city.toml")).unwrap();
    assert!(config.contains("-12.5") && config.contains("[116.0, 30.0]") && config.contains("990100"), "{config}");
    assert_eq!(std::fs::read_to_string(place.city().join("script.json")).unwrap(), "{\"incidents\":[]}");
}

/// The demo city: every value and every vertex as it was generated; references resolved, each to the one that was meant.
#[test]
fn the_demo_city_arrives_whole() {
    let place = Place::new();
    let file = place.folder.path().join("shifan.gpkg");
    let made = Command::new(env!("CARGO_BIN_EXE_citytwin")).args(["demo", "--size", "village", "--out"]).arg(&file).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let said = place.loaded(0, &file, &[]);
    let generated = plain_rows(&file);
    assert!(said.contains(&format!("added {},", generated.len())) && !said.contains("name a code"), "{said}");
    let stored = plain_rows(&place.city().join("city.gpkg"));
    assert_eq!(stored.len(), generated.len());
    let mut codes = std::collections::BTreeMap::new();
    for row in &stored {
        let no = citytwin_catalogue::Catalogue::builtin().class(row["layer"].as_str().unwrap()).unwrap().no.0;
        codes.insert((u64::from(no) << 32) | row["id"].as_u64().unwrap(), row["values"]["code"].clone());
    }
    let mut links = 0;
    for (row, record) in stored.iter().zip(&generated) {
        let place = format!("{} {}", record["layer"], record["id"]);
        assert_eq!((&row["layer"], &row["id"], &row["wkb"]), (&record["layer"], &record["id"], &record["wkb"]), "{place}");
        for (name, value) in record["values"].as_object().unwrap() {
            match row["values"][name].as_u64().and_then(|wire| codes.get(&wire)) {
                Some(code) if value.is_string() => {
                    assert_eq!(code, value, "{name} of {place}");
                    links += 1;
                }
                _ => assert_eq!(&row["values"][name], value, "{name} of {place}"),
            }
        }
    }
    assert!(links > 5000, "{links}");
    assert!(Terrain::open(&place.city()).unwrap().is_some() && place.city().join("script.json").is_file());
    let said = place.loaded(0, &file, &[]);
    assert!(said.contains(&format!("added 0, changed 0, unchanged {},", generated.len())), "{said}");
}

/// Another program in an edit session: the load says that it waits, and goes on after.
#[test]
fn a_lock_that_lasts_is_waited_for() {
    let place = Place::new();
    let file = place.file("hydrant.geojson", &collection(&[point(116.0, 30.0, json!({ "code": "H-1" }))]));
    place.loaded(0, &file, &[]);
    std::fs::write(&file, collection(&[point(116.0, 30.0, json!({ "code": "H-1", "diameter_mm": 100 }))])).unwrap();
    let script = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()
db.execute('ROLLBACK')";
    let mut holder = Command::new("python3")
        .args(["-c", script])
        .arg(place.city().join("city.gpkg"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut word = [0; 4];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut word).unwrap();
    let mut load = place.command(&file, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(load.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let who = format!("another program (python3, process {}) holds the store's write lock; waited", holder.id());
    assert!(line.contains(&who), "{line}");
    drop(holder.stdin.take());
    let output = load.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("changed 1"), "{said}");
    assert!(holder.wait().unwrap().success());
}

/// Killed in the middle: what has landed is whole, the load is listed as broken off, and running it again completes it.
#[test]
fn a_killed_load_is_completed_by_running_it_again() {
    let place = Place::new();
    const RECORDS: usize = 200_000;
    let features: Vec<Json> =
        (0..RECORDS).map(|i| point(116.0 + i as f64 * 1e-6, 30.0, json!({ "code": format!("H-{i}"), "diameter_mm": 100 }))).collect();
    let file = place.file("hydrant.geojson", &collection(&features));
    let mut load = place.command(&file, &[]).stdout(Stdio::null()).spawn().unwrap();
    let store = place.city().join("city.gpkg");
    let count = || place.sql(&store, "SELECT count(*) FROM hydrant").trim_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().unwrap();
    while !store.exists() || count() == 0 {
        assert!(load.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    load.kill().unwrap();
    load.wait().unwrap();
    let landed = count();
    assert!(landed > 0 && landed < RECORDS, "{landed} landed: killed too late to tell");
    let list = Command::new(env!("CARGO_BIN_EXE_citytwin"))
        .args(["load", "--list", "--city"])
        .arg(place.city())
        .env("LC_ALL", "en_US.UTF-8")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&list.stdout).contains("broken off"));
    let said = place.loaded(0, &file, &[]);
    assert!(said.contains(&format!("added {}, changed 0, unchanged {landed},", RECORDS - landed)), "{said}");
    assert_eq!(count(), RECORDS);
}

#[test]
fn loads_are_listed() {
    let place = Place::new();
    let file = place.file("hydrant.geojson", &collection(&[point(116.0, 30.0, json!({ "code": "H-1" }))]));
    place.loaded(0, &file, &["--source", "survey 2026", "--credit", "模拟数据"]);
    let output = Command::new(env!("CARGO_BIN_EXE_citytwin"))
        .args(["load", "--list", "--city"])
        .arg(place.city())
        .env("LC_ALL", "en_US.UTF-8")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("survey 2026 (hydrant.geojson)") && said.contains("complete") && said.contains("added 1"), "{said}");
    assert_eq!(place.sql(&place.city().join("city.gpkg"), "SELECT credit FROM ct_source"), "[('模拟数据',)]");
}
