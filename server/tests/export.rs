//! `citytwin export`: what is asked for is what is written, others read it, and what a format loses is known.

mod exporting;

use citytwin_catalogue::Catalogue;
use citytwin_model::{FeatureId, Geometry, Position, Shape, Timestamp, Value};
use citytwin_store::{CollectionSchema, Edit, Field, FieldType, Kind, Store};
use exporting::{Place, assert_same, contents};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;

fn point(lon: f64, lat: f64, z: Option<f64>) -> Option<Geometry> {
    Some(Geometry { shape: Shape::Point(Position::new(lon, lat, z.unwrap_or(0.0))), has_z: z.is_some() })
}

fn create(store: &Store, class: &str, geometry: Option<Geometry>, values: &[(&str, Value)], other: Option<Json>) -> Edit {
    let class = store.classes().into_iter().find(|c| c.id == class).unwrap();
    let mut attributes = vec![Value::Null; class.attributes.len()];
    for (id, value) in values {
        attributes[class.attribute_index(id).unwrap_or_else(|| panic!("{} has no {id}", class.id))] = value.clone();
    }
    Edit::Create { class: class.no, geometry, attributes, other: other.map(|o| o.to_string()) }
}

fn write(store: &Store, edits: &[Edit]) -> Vec<FeatureId> {
    store.write("test", "test", edits).unwrap().ids
}

/// Two pipes, a hydrant on one of them, parks single and multi, a datastream without a place.
fn small(place: &Place) -> Store {
    let store = place.create("a");
    let line = |x: f64| Some(Geometry::with_z(Shape::Line(vec![Position::new(x, 30.0, 1.5), Position::new(x + 0.001, 30.001, 1.25)])));
    let ring = |x: f64| -> Vec<Position> {
        [(0.0, 0.0), (0.001, 0.0), (0.001, 0.001), (0.0, 0.0)].iter().map(|(dx, dy)| Position::new(x + dx, 30.0 + dy, 0.0)).collect()
    };
    let parks = [Shape::Polygon(vec![ring(116.2)]), Shape::MultiPolygon(vec![vec![ring(116.3)], vec![ring(116.4)]])];
    let mut edits = vec![
        create(&store, "water_pipe", line(116.0), &[("code", "WP-1".into()), ("material", "pe".into()), ("diameter_mm", 100.into())], None),
        create(
            &store,
            "water_pipe",
            line(116.1),
            &[("code", "WP-2".into())],
            Some(json!({ "owner": "水务", "@id": "way/12", "list": [1, 2.5] })),
        ),
        create(
            &store,
            "hydrant",
            point(116.0, 30.0, Some(1.0)),
            &[("code", "H-1".into()), ("pipe", "WP-1".into()), ("name", "".into())],
            None,
        ),
        create(
            &store,
            "hydrant",
            point(116.5, 30.5, None),
            &[("code", "H-2".into()), ("pipe", "WP-9".into()), ("name", "=SUM(1,2)".into())],
            None,
        ),
        create(&store, "datastream", None, &[("code", "DS-1".into()), ("alarm_high", 0.1.into()), ("simulated", true.into())], None),
    ];
    for (i, park) in parks.into_iter().enumerate() {
        edits.push(create(&store, "park", Some(Geometry::flat(park)), &[("code", format!("P-{i}").into())], None));
    }
    write(&store, &edits);
    store
}

/// Runs a program of others; `None`, said aloud, when this machine has not got it. CI must have it.
fn tool(program: &str, args: &[&str]) -> Option<String> {
    match Command::new(program).args(args).output() {
        Ok(output) => {
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && err.trim().is_empty(), "{program} {args:?}: {}\n{out}\n{err}", output.status);
            Some(out.into_owned())
        }
        Err(e) => {
            assert!(std::env::var_os("CI").is_none(), "{program}: {e}");
            println!("skipped: {program} is not installed");
            None
        }
    }
}

fn python(script: &str, file: &Path) -> Json {
    let output = Command::new("python3").args(["-c", script]).arg(file).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One feature has a box without a width, and that is no reason not to find an operation for it.
#[test]
fn a_single_point_goes_out_in_another_datum() {
    let place = Place::new();
    let store = place.create("a");
    write(&store, &[create(&store, "hydrant", point(5.387_206_21, 52.155_174_40, Some(1.5)), &[("code", "H-1".into())], None)]);
    drop(store);
    place.run(0, &["export", "--city", "a", "--crs", "EPSG:28992", "--to", "one.gpkg"]);
    let Some(listing) = tool("ogrinfo", &["-al", place.path("one.gpkg").to_str().unwrap()]) else { return };
    let at = listing.split("POINT Z (").nth(1).unwrap_or_else(|| panic!("{listing}"));
    let numbers: Vec<f64> = at.split(')').next().unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
    // The tower of Amersfoort, the origin of the Dutch grid.
    assert!((numbers[0] - 155_000.0).hypot(numbers[1] - 463_000.0) < 2.0 && numbers[2] == 1.5, "{listing}");
}

#[test]
fn others_read_what_was_written() {
    let place = Place::new();
    small(&place);
    place.run(0, &["export", "--city", "a", "--to", "all.gpkg"]);
    let gpkg = place.path("all.gpkg");
    if let Some(listing) = tool("ogrinfo", &["-al", "-so", gpkg.to_str().unwrap()]) {
        assert_eq!(listing.matches("Feature Count: 2").count(), 3, "{listing}");
        assert!(listing.contains("China Geodetic Coordinate System 2000") && listing.contains("模拟数据"), "{listing}");
    }
    let validator = ["-m", "osgeo_utils.samples.validate_gpkg", gpkg.to_str().unwrap()];
    if Command::new("/usr/bin/python3").args(["-c", "import osgeo_utils.samples.validate_gpkg"]).output().is_ok_and(|o| o.status.success())
    {
        let told = Command::new("/usr/bin/python3").args(validator).output().unwrap();
        assert!(told.status.success(), "{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    } else {
        assert!(std::env::var_os("CI").is_none(), "python3-gdal is missing");
        println!("skipped: python3-gdal is not installed");
    }
    let rows = python(
        "import sqlite3,sys,json
db=sqlite3.connect(sys.argv[1])
print(json.dumps([db.execute('SELECT code, pipe, name FROM hydrant ORDER BY fid').fetchall(),
 db.execute('SELECT owner, ct_other FROM water_pipe ORDER BY fid').fetchall(),
 db.execute(\"SELECT value, description FROM gpkg_data_column_constraints WHERE constraint_name='water_pipe_material' AND value='pe'\").fetchall(),
 db.execute('SELECT count(*) FROM gpkg_metadata_reference').fetchone()[0],
 db.execute('SELECT count(*) FROM rtree_park_geom').fetchone()[0]]))",
        &gpkg,
    );
    assert_eq!(rows[0], json!([["H-1", "WP-1", ""], ["H-2", "WP-9", "=SUM(1,2)"]]));
    assert_eq!(rows[1], json!([[null, null], ["水务", "{\"list\":[1,2.5]}"]]));
    assert_eq!((&rows[2][0][0], &rows[3], &rows[4]), (&json!("pe"), &json!(5), &json!(2)));

    place.run(0, &["export", "--city", "a", "--class", "hydrant", "--to", "hydrants.geojson"]);
    let read =
        python("import json,sys; print(json.dumps(json.load(open(sys.argv[1], encoding='utf-8'))))", &place.path("hydrants.geojson"));
    assert_eq!((&read["name"], &read["simulated"], read["features"].as_array().unwrap().len()), (&json!("hydrant"), &json!(true), 2));
    assert_eq!(read["features"][0]["geometry"]["coordinates"], json!([116.0, 30.0, 1.0]));
    assert_eq!(read["features"][1]["geometry"]["coordinates"], json!([116.5, 30.5]));
    assert_eq!(read["features"][0]["properties"]["pipe"], json!("WP-1"));

    let said = place.run(0, &["export", "--city", "a", "--class", "消火栓", "--to", "hydrants.csv"]);
    assert!(said.contains("empty texts"), "{said}");
    let read = python(
        "import csv,json,sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], encoding='utf-8-sig', newline='')))))",
        &place.path("hydrants.csv"),
    );
    assert_eq!((&read[0]["lon"], &read[0]["z"], &read[1]["z"]), (&json!("116"), &json!("1"), &json!("")));
    assert_eq!(read[1]["name"], json!("'=SUM(1,2)"), "no spreadsheet runs it");
    assert_eq!(place.text("hydrants.csv.credits.txt").lines().nth(1), Some("模拟数据 / simulated data"));

    place.run(0, &["export", "--city", "a", "--class", "park", "--to", "parks.shp"]);
    place.run(0, &["export", "--city", "a", "--class", "park", "--to", "parks.fgb"]);
    for file in ["parks.shp", "parks.fgb"] {
        if let Some(listing) = tool("ogrinfo", &["-al", place.path(file).to_str().unwrap()]) {
            assert_eq!(listing.matches("OGRFeature(").count(), 2, "{listing}");
            assert!(listing.contains("P-1") && listing.contains("MULTIPOLYGON"), "{listing}");
        }
    }
    assert_eq!(place.text("parks.cpg"), "UTF-8");
    assert!(place.text("parks.shp.fields.csv").contains("code,code,text"));
}

/// What a load finds again of a city that went through a format that promises less. This is the list.
#[test]
fn what_the_other_formats_lose_is_this() {
    let place = Place::new();
    let store = small(&place);
    let before = contents(&store);
    drop(store);

    // GeoJSON: nothing of classes.
    place.run(0, &["export", "--city", "a", "--to", "json/", "--format", "geojson"]);
    let files: Vec<String> = place.names("json").iter().map(|name| format!("json/{name}")).collect();
    let mut args = vec!["load", "--city", "b", "--origin", "116,30"];
    args.extend(files.iter().map(String::as_str));
    place.run(0, &args);
    assert_same(&before, &contents(&place.open("b")));

    // CSV: the system (it is named when it is loaded), and empty texts, which are no data then.
    place.run(0, &["export", "--city", "a", "--to", "csv/", "--format", "csv"]);
    let files: Vec<String> = place.names("csv").iter().filter(|name| name.ends_with(".csv")).map(|name| format!("csv/{name}")).collect();
    let mut args = vec!["load", "--city", "c", "--origin", "116,30", "--crs", "EPSG:4490"];
    args.extend(files.iter().map(String::as_str));
    place.run(0, &args);
    let mut wanted = before.clone();
    for hydrant in wanted.get_mut("hydrant").unwrap() {
        *hydrant = hydrant.replace("\n  name: Text(\"\")", "");
    }
    wanted.values_mut().for_each(|features| features.sort());
    assert_same(&wanted, &contents(&place.open("c")));

    // And names that stand for coordinates in a table: they get a number.
    let odd = Place::new();
    let store = odd.create("a");
    let fields = [("x", FieldType::Int), ("height", FieldType::Real), ("x_2", FieldType::Int)].map(|(id, ty)| Field { id: id.into(), ty });
    store.own_collection("odd", &CollectionSchema { label: "odd".into(), geometry: Kind::Point, attributes: fields.to_vec() }).unwrap();
    write(&store, &[create(&store, "odd", point(116.0, 30.0, None), &[("x", 7.into()), ("height", 1.5.into()), ("x_2", 9.into())], None)]);
    drop(store);
    let said = odd.run(0, &["export", "--city", "a", "--to", "odd.csv"]);
    assert!(said.contains("2 columns are called otherwise") && said.contains("odd: x → x_3"), "{said}");
    odd.run(0, &["load", "odd.csv", "--as", "odd", "--city", "b", "--crs", "EPSG:4490"]);
    let after = contents(&odd.open("b"));
    assert!(after["odd"][0].ends_with("x_3: Text(\"7\")\n  height_2: Text(\"1.5\")\n  x_2: Text(\"9\")"), "{after:#?}");

    // Shapefile: names of more than ten bytes, the way that rings run, heights of what had none beside what has,
    // empty texts, the types of yes and no and of instants, further attributes beyond 254 bytes.
    let said = place.run(0, &["export", "--city", "a", "--to", "shp/", "--format", "shp"]);
    assert!(said.contains("1 feature has no height") && said.contains("columns are called otherwise"), "{said}");
    place.run(0, &["load", "shp/hydrant.shp", "--city", "d", "--origin", "116,30"]);
    let after = contents(&place.open("d"));
    let hydrants = &after["hydrant"];
    assert!(hydrants.iter().all(|h| h.starts_with("01e9030000")), "both have heights now: {hydrants:#?}");
    assert!(hydrants.iter().any(|h| h.contains("code: Text(\"H-1\")") && h.contains("pipe: Text(\"WP-1\")") && !h.contains("name:")));
    assert!(place.text("shp/hydrant.shp.fields.csv").contains("diameter_m,diameter_mm,int,mm,"), "the legend says what the names were");
}

#[test]
fn numbers_in_a_shapefile_keep_their_digits_or_stand_as_texts() {
    let place = Place::new();
    let store = place.create("a");
    let schema = CollectionSchema {
        label: "t".into(),
        geometry: Kind::Point,
        attributes: [
            ("fine", FieldType::Real),
            ("wide", FieldType::Real),
            ("n", FieldType::Int),
            ("big", FieldType::Int),
            ("yes", FieldType::Bool),
            ("long", FieldType::Text),
        ]
        .map(|(id, ty)| Field { id: id.into(), ty })
        .to_vec(),
    };
    store.own_collection("t", &schema).unwrap();
    let long = "水".repeat(100);
    let row = |fine: f64, wide: f64, n: i64, big: i64, yes: Value| {
        let values = [
            ("fine", fine.into()),
            ("wide", wide.into()),
            ("n", n.into()),
            ("big", big.into()),
            ("yes", yes),
            ("long", long.as_str().into()),
        ];
        create(&store, "t", point(116.0, 30.0, None), &values, None)
    };
    write(&store, &[row(116.123_456_789, 5e-324, -7, i64::MIN, true.into()), row(-0.5, 1e300, 123, 1, Value::Null)]);
    drop(store);
    let said = place.run(0, &["export", "--city", "a", "--to", "t.shp"]);
    assert!(said.contains("2 texts were longer than 254 bytes"), "{said}");
    place.run(0, &["load", "t.shp", "--as", "t", "--city", "b"]);
    let after = &contents(&place.open("b"))["t"];
    for wanted in [
        format!("fine: {:016x}", 116.123_456_789f64.to_bits()),
        "wide: Text(\"5e-324\")".into(),
        "n: Int(-7)".into(),
        format!("big: Text(\"{}\")", i64::MIN),
        "yes: Int(1)".into(),
    ] {
        assert!(after.iter().any(|f| f.contains(&wanted)), "{wanted} is not in {after:#?}");
    }
    assert_eq!(after.iter().filter(|f| f.contains("yes:")).count(), 1, "neither yes nor no stays neither");
    assert_eq!(after.iter().filter(|f| f.contains(&format!("long: Text({:?})", "水".repeat(84)))).count(), 2, "cut between letters");
}

#[test]
fn what_is_asked_for_is_what_is_written() {
    let place = Place::new();
    let store = small(&place);
    let head = store.head().unwrap();
    let hydrant = Catalogue::builtin().class("hydrant").unwrap().no;
    let pause = || std::thread::sleep(std::time::Duration::from_millis(30));
    pause();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let between = Timestamp::from_micros(now.as_micros() as i64).to_string();
    pause();
    store.write("test", "test", &[Edit::Delete { id: FeatureId::new(hydrant, 1), if_match: None }]).unwrap();
    drop(store);
    let features = |file: &str| -> Vec<String> {
        let json: Json = serde_json::from_str(&place.text(file)).unwrap();
        let mut codes: Vec<_> =
            json["features"].as_array().unwrap().iter().map(|f| f["properties"]["code"].as_str().unwrap().to_owned()).collect();
        codes.sort();
        codes
    };
    place.run(0, &["export", "--city", "a", "--class", "hydrant", "--to", "now.geojson"]);
    assert_eq!(features("now.geojson"), ["H-2"]);
    place.run(0, &["export", "--city", "a", "--class", "hydrant", "--to", "then.geojson", "--as-of", &head.to_string()]);
    assert_eq!(features("then.geojson"), ["H-1", "H-2"]);
    for (time, codes) in [(between.as_str(), &["H-1", "H-2"][..]), ("2999-01-01T00:00", &["H-2"])] {
        place.run(0, &["export", "--city", "a", "--class", "hydrant", "--to", "time.geojson", "--as-of", time, "--overwrite"]);
        assert_eq!(features("time.geojson"), codes, "{time}");
    }
    // The pipe's borders count.
    place.run(0, &["export", "--city", "a", "--class", "water_pipe", "--to", "box.geojson", "--bbox", "116.1,29,116.1,30"]);
    assert_eq!(features("box.geojson"), ["WP-2"]);
    place.run(0, &["export", "--city", "a", "--class", "water_pipe", "--to", "labels.geojson", "--labels", "en"]);
    let json: Json = serde_json::from_str(&place.text("labels.geojson")).unwrap();
    assert_eq!(json["features"][0]["properties"]["material"], json!("pe"));
    assert!(json["features"][0]["properties"]["material_label"].as_str().is_some_and(|label| !label.is_empty()));

    for (code, wanted, args) in [
        (2, "hydrants", &["--class", "hydrants", "--to", "x.gpkg"][..]),
        (2, "perhaps: hydrant", &["--class", "Hydrnt", "--to", "x.gpkg"]),
        (2, "--format", &["--to", "x.dwg"]),
        (2, "--to FOLDER/", &["--to", "x.csv"]),
        (2, "--overwrite", &["--class", "hydrant", "--to", "now.geojson"]),
        (2, "change one of them", &["--to", "x.csv", "--format", "gpkg"]),
        (2, "nothing to export", &["--to", "x.gpkg", "--bbox", "1,1,2,2"]),
        (2, "no data set named", &["--to", "x.gpkg", "--source", "survey"]),
        (2, "neither a revision", &["--to", "x.gpkg", "--as-of", "yesterday"]),
        (2, "nothing to export", &["--to", "x.gpkg", "--as-of", "2001-01-01"]),
        (2, "future", &["--to", "x.gpkg", "--as-of", "999"]),
        (2, "no places", &["--class", "datastream", "--to", "x.fgb"]),
        (2, "EPSG:4547", &["--to", "x.gpkg", "--crs", "EPSG:99999"]),
        (2, "several systems", &["--to", "x.gpkg", "--crs", "source"]),
        (2, "no folder", &["--to", "nowhere/x.gpkg"]),
    ] {
        let mut all = vec!["export", "--city", "a"];
        all.extend(args);
        let said = place.run(code, &all);
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let left: Vec<String> = place.names(".").into_iter().filter(|n| n.starts_with('x') || n.contains("part")).collect();
    assert!(left.is_empty(), "{left:?}");
    place.run(0, &["export", "--city", "a", "--class", "hydrant", "--to", "now.geojson", "--overwrite", "--as-of", &head.to_string()]);
    assert_eq!(features("now.geojson").len(), 2);
}

#[test]
fn a_folder_gets_a_file_for_each_class_and_old_companions_go() {
    let place = Place::new();
    small(&place);
    let said = place.run(0, &["export", "--city", "a", "--to", "out/", "--format", "fgb"]);
    assert!(said.contains("datastream has no places"), "{said}");
    assert_eq!(
        place.names("out"),
        [
            "datastream.geojsonl",
            "datastream.geojsonl.credits.txt",
            "hydrant.fgb",
            "hydrant.fgb.credits.txt",
            "park.fgb",
            "park.fgb.credits.txt",
            "water_pipe.fgb",
            "water_pipe.fgb.credits.txt"
        ]
    );
    place.run(0, &["export", "--city", "a", "--class", "park", "--to", "out/", "--format", "shp"]);
    std::fs::write(place.path("out/park.qix"), "an index of other parks").unwrap();
    place.run(2, &["export", "--city", "a", "--class", "park", "--to", "out/", "--format", "shp"]);
    place.run(0, &["export", "--city", "a", "--class", "park", "--to", "out/", "--format", "shp", "--overwrite"]);
    assert!(!place.path("out/park.qix").exists() && place.path("out/park.shx").exists());
}

/// Back where it came from, within the width of a hair.
#[test]
fn a_data_set_returns_to_the_system_that_it_came_in() {
    let place = Place::new();
    let (x, y) = (505_952.2461, 2_493_940.8014);
    std::fs::write(place.path("survey.csv"), format!("code,x,y\nM-1,{x},{y}\nM-2,{},{}\n", x + 10.0, y + 20.0)).unwrap();
    place.run(0, &["load", "survey.csv", "--class", "manhole", "--city", "a", "--crs", "EPSG:4547", "--credit", "测绘院"]);
    for format in ["gpkg", "shp", "fgb", "csv", "geojson"] {
        let file = format!("back.{format}");
        let said = place.run(0, &["export", "--city", "a", "--class", "manhole", "--source", "survey", "--crs", "source", "--to", &file]);
        assert!(said.contains("EPSG:4547") && said.contains("heights untouched") && !said.contains("Inverse"), "{said}");
        let more: &[&str] = if format == "csv" { &["--crs", "EPSG:4547"] } else { &[] };
        let city = format!("city-{format}");
        let mut args = vec!["load", &file, "--class", "manhole", "--city", &city];
        args.extend(more);
        let said = place.run(0, &args);
        assert!(said.contains("EPSG:4547"), "the file says so itself: {said}");
        let (before, after) = (place.open("a"), place.open(&city));
        let points = |store: &Store| {
            let mut points = Vec::new();
            store.read_all(&mut |f| points.push(f.geometry.unwrap().points()[0])).unwrap();
            points.sort_by(|a, b| a.lon.total_cmp(&b.lon));
            points
        };
        for (a, b) in points(&before).iter().zip(points(&after)) {
            assert!((a.lon - b.lon).abs() < 1e-11 && (a.lat - b.lat).abs() < 1e-11, "{format}: {a:?} {b:?}");
        }
    }
    assert!(place.text("back.shp.credits.txt").contains("- survey: 测绘院"));
    let json: Json = serde_json::from_str(&place.text("back.geojson")).unwrap();
    let at = &json["features"][0]["geometry"]["coordinates"];
    assert!((at[0].as_f64().unwrap() - x).abs() < 1e-6 && (at[1].as_f64().unwrap() - y).abs() < 1e-6, "{at}");
    assert_eq!(json["attribution"], json!("测绘院"));
    let said = place.run(2, &["export", "--city", "a", "--to", "x.geojsonl", "--class", "manhole", "--crs", "EPSG:4547"]);
    assert!(said.contains("degrees only"), "{said}");
    if let Some(listing) = tool("ogrinfo", &["-al", "-so", place.path("back.gpkg").to_str().unwrap()]) {
        assert!(listing.contains("ID[\"EPSG\",4547]") && listing.contains("测绘院"), "{listing}");
    }
}

/// What cannot be written is left out and named; the rest is written.
#[test]
fn what_a_load_could_not_take_again_is_said() {
    let place = Place::new();
    for (source, x) in [("one", 116.0), ("two", 116.5)] {
        let feature =
            json!({ "type": "Feature", "properties": { "code": "M-1" }, "geometry": { "type": "Point", "coordinates": [x, 30.0] } });
        std::fs::write(place.path(&format!("{source}.geojson")), json!({ "type": "FeatureCollection", "features": [feature] }).to_string())
            .unwrap();
        place.run(0, &["load", &format!("{source}.geojson"), "--class", "manhole", "--city", "a", "--credit", source]);
    }
    let said = place.run(0, &["export", "--city", "a", "--to", "all.geojson"]);
    assert!(said.contains("1 feature has a code that another data set gave already: manhole.2"), "{said}");
    let json: Json = serde_json::from_str(&place.text("all.geojson")).unwrap();
    assert_eq!(json["credits"].as_array().unwrap().len(), 2);
    place.run(0, &["export", "--city", "a", "--to", "two.geojson", "--source", "two", "--overwrite"]);
    let json: Json = serde_json::from_str(&place.text("two.geojson")).unwrap();
    assert_eq!((json["features"].as_array().unwrap().len(), &json["attribution"]), (1, &json!("two")));
    // Another program takes a feature's place away.
    let script = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1])
for f in ['IsEmpty','MinX','MaxX','MinY','MaxY']: db.create_function('ST_'+f, 1, lambda g: 0)
db.execute('UPDATE manhole SET geom=NULL WHERE fid=1'); db.commit(); print('0')";
    python(script, &place.path("a/city.gpkg"));
    let said = place.run(1, &["export", "--city", "a", "--to", "rest.gpkg"]);
    assert!(said.contains("1 feature has no usable geometry and was left out: manhole.1") && said.contains("1 left out"), "{said}");
}

/// An interrupt in mid-write leaves nothing, and a kill leaves nothing that the next one minds.
#[test]
fn an_interrupted_export_leaves_nothing_behind() {
    let place = Place::new();
    let store = place.create("a");
    for chunk in 0..20 {
        let edits: Vec<Edit> = (0..2_000)
            .map(|i| {
                create(
                    &store,
                    "hydrant",
                    point(116.0 + f64::from(i) * 1e-6, 30.0, None),
                    &[("code", format!("H-{chunk}-{i}").into())],
                    None,
                )
            })
            .collect();
        write(&store, &edits);
    }
    drop(store);
    for signal in ["INT", "TERM", "KILL"] {
        for format in ["gpkg", "fgb", "csv"] {
            let mut export = place.command(&["export", "--city", "a", "--to", "out/", "--format", format]).spawn().unwrap();
            let stage = place.path(".out.part").join(format!("hydrant.{format}"));
            let begun = || stage.exists() || place.path(".out.part").join("hydrant.gpkg.part").exists();
            while !begun() && export.try_wait().unwrap().is_none() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Command::new("kill").args([&format!("-{signal}"), &export.id().to_string()]).status().unwrap();
            let status = export.wait().unwrap();
            if status.success() {
                // It was quicker than the signal: then it is whole.
                std::fs::remove_dir_all(place.path("out")).unwrap();
                continue;
            }
            assert!(!place.path("out").exists(), "{signal} {format}");
            assert_eq!(place.path(".out.part").exists(), signal == "KILL", "{signal} {format}");
        }
    }
    place.run(0, &["export", "--city", "a", "--to", "out/", "--format", "csv"]);
    assert_eq!(place.names("out"), ["hydrant.csv", "hydrant.csv.credits.txt"]);
    assert_eq!(place.names("."), ["a", "out"]);
    assert_eq!(place.text("out/hydrant.csv").lines().count(), 40_001);
}

/// Whatever the target is called and however it is reached.
#[test]
fn nothing_that_stands_is_written_over_unasked_and_a_city_never() {
    let place = Place::new();
    small(&place);
    let record =
        json!({ "type": "Feature", "properties": { "code": "M-1" }, "geometry": { "type": "Point", "coordinates": [116.0, 30.0] } });
    std::fs::write(place.path("m.geojson"), json!({ "type": "FeatureCollection", "features": [record] }).to_string()).unwrap();
    place.run(0, &["load", "m.geojson", "--class", "manhole", "--city", "a"]);
    let before = contents(&place.open("a"));
    std::os::unix::fs::symlink(place.path("a"), place.path("way")).unwrap();
    std::os::unix::fs::symlink(place.path("a/city.gpkg"), place.path("link.gpkg")).unwrap();
    std::fs::write(place.path("kept.gpkg"), "somebody's").unwrap();
    for (to, overwrite, wanted) in [
        ("a/city.gpkg", true, "belongs to a city"),
        ("a/city.gpkg", false, "belongs to a city"),
        ("way/city.gpkg", true, "belongs to a city"),
        ("a/../a/city.gpkg-wal", true, "belongs to a city"),
        ("a/live.db", true, "belongs to a city"),
        ("link.gpkg", true, "no plain file"),
        ("kept.gpkg", false, "--overwrite"),
        ("nowhere/x.gpkg", false, "no folder"),
    ] {
        let mut changes = vec!["load", "--changes", "1", "--to", to, "--city", "a"];
        let mut export = vec!["export", "--city", "a", "--format", "gpkg", "--to", to];
        if overwrite {
            changes.push("--overwrite");
            export.push("--overwrite");
        }
        for args in [changes, export] {
            let said = place.run(2, &args);
            assert!(said.contains(wanted), "{args:?}: {said}");
        }
    }
    assert_same(&before, &contents(&place.open("a")));
    assert_eq!(place.text("kept.gpkg"), "somebody's");
    place.run(0, &["load", "--changes", "1", "--to", "kept.gpkg", "--overwrite", "--city", "a"]);
    assert!(std::fs::read(place.path("kept.gpkg")).unwrap().starts_with(b"SQLite"));
    assert!(place.names(".").iter().all(|name| !name.contains(".part")), "{:?}", place.names("."));
}

/// `load(export(city))` is one command, whatever the city keeps of its own.
#[test]
fn collections_of_the_citys_own_come_back_with_the_rest() {
    let place = Place::new();
    let store = small(&place);
    let text = [Field { id: "species".into(), ty: FieldType::Text }, Field { id: "age".into(), ty: FieldType::Int }];
    let schema = |geometry| CollectionSchema { label: "树".into(), geometry, attributes: text.to_vec() };
    store.own_collection("my_trees", &schema(Kind::Point)).unwrap();
    store.own_collection("my_list", &schema(Kind::None)).unwrap();
    write(&store, &[create(&store, "my_trees", point(116.2, 30.2, Some(3.0)), &[("species", "银杏".into()), ("age", 7.into())], None)]);
    write(&store, &[create(&store, "my_list", None, &[("species", "槐".into())], None)]);
    let before = contents(&store);
    drop(store);
    place.run(0, &["export", "--city", "a", "--to", "all.gpkg"]);
    place.run(0, &["load", "all.gpkg", "--city", "rt"]);
    assert_same(&before, &contents(&place.open("rt")));
    // A copy by GDAL's own program says it still.
    if tool("ogr2ogr", &["-q", place.path("copy.gpkg").to_str().unwrap(), place.path("all.gpkg").to_str().unwrap()]).is_some() {
        place.run(0, &["load", "copy.gpkg", "--city", "copied"]);
        assert!(contents(&place.open("copied")).contains_key("my_trees"));
    }
    // Another format says it not: then the operator is told.
    let said = place.run(0, &["export", "--city", "a", "--class", "my_trees", "--to", "trees.fgb"]);
    assert!(said.contains("--as my_trees"), "{said}");
}

/// A table that another program has replaced is named with its remedy, whoever asks for it, and does not stand in the way
/// of the rest of the city.
#[test]
fn a_replaced_table_is_named_by_every_command_and_stands_in_nobodys_way() {
    let place = Place::new();
    small(&place);
    let script = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1]); db.execute('DROP TRIGGER ct_hydrant_u1'); db.commit(); print('0')";
    python(script, &place.path("a/city.gpkg"));
    let record =
        json!({ "type": "Feature", "properties": { "code": "H-9" }, "geometry": { "type": "Point", "coordinates": [116.0, 30.0] } });
    std::fs::write(place.path("h.geojson"), json!({ "type": "FeatureCollection", "features": [record] }).to_string()).unwrap();
    std::fs::copy(place.path("h.geojson"), place.path("hydrant.geojson")).unwrap();
    for args in [
        &["export", "--city", "a", "--class", "hydrant", "--to", "h.gpkg"][..],
        &["load", "hydrant.geojson", "--city", "a"],
        &["export", "--city", "a", "--class", "消火栓", "--to", "h.gpkg"],
        &["load", "h.geojson", "--class", "hydrant", "--city", "a"],
        &["revert", "hydrant.1", "--city", "a"],
    ] {
        let said = place.run(2, args);
        assert!(said.contains("doctor --adopt hydrant"), "{args:?}: {said}");
    }
    let said = place.run(2, &["export", "--city", "a", "--to", "x.gpkg", "--bbox", "1,1,2,2"]);
    assert!(said.contains("citytwin doctor") && said.contains("nothing to export"), "{said}");
    place.run(0, &["doctor", "--adopt", "hydrant", "--city", "a"]);
    let said = place.run(1, &["export", "--city", "a", "--to", "then.gpkg", "--as-of", "1"]);
    assert!(said.contains("history of hydrant before revision") && said.contains("3 classes"), "{said}");
    let rows = python(
        "import sqlite3,sys,json
db=sqlite3.connect(sys.argv[1])
print(json.dumps([r[0] for r in db.execute('SELECT table_name FROM gpkg_contents ORDER BY 1')]))",
        &place.path("then.gpkg"),
    );
    assert_eq!(rows, json!(["datastream", "park", "water_pipe"]));
    let said = place.run(2, &["export", "--city", "a", "--class", "hydrant", "--to", "h.gpkg", "--as-of", "1"]);
    assert!(said.contains("history of hydrant"), "{said}");
}

#[test]
fn a_table_says_how_it_is_loaded_and_a_prj_file_names_a_system() {
    let place = Place::new();
    small(&place);
    let said = place.run(0, &["export", "--city", "a", "--class", "hydrant", "--to", "h.csv"]);
    assert!(said.contains("--crs EPSG:4490"), "{said}");
    place.run(0, &["load", "h.csv", "--class", "hydrant", "--city", "b", "--crs", "EPSG:4490"]);
    let said = place.run(0, &["export", "--city", "a", "--class", "datastream", "--to", "d.csv"]);
    assert!(!said.contains("--crs"), "nothing to place: {said}");
    place.run(0, &["export", "--city", "a", "--class", "park", "--to", "p.shp", "--crs", "EPSG:4548"]);
    let said = place.run(0, &["export", "--city", "a", "--class", "park", "--to", "q.shp", "--crs", "p.prj"]);
    assert!(said.contains("projected to"), "{said}");
    assert_eq!(std::fs::read(place.path("p.shp")).unwrap(), std::fs::read(place.path("q.shp")).unwrap());
}
