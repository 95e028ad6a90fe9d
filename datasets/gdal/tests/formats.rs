//! Each further format once, small, with what is easily lost: leading zeros, heights, Chinese names, ids, odd encodings.

mod common;

use citytwin_datasets::pipe::{CrsWay, FieldType, Kind};
use citytwin_datasets::{HelperError, Request};
use citytwin_model::Value;
use common::{Layer, Read, data, read, read_with};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn value<'l>(layer: &'l Layer, record: usize, field: &str) -> &'l Value {
    let i = layer.header.fields.iter().position(|f| f.name == field).unwrap_or_else(|| panic!("no {field} in {:?}", layer.header.fields));
    &layer.features[record].values[i]
}

fn at(layer: &Layer, record: usize) -> [f64; 3] {
    let p = layer.features[record].geometry.as_ref().unwrap().points()[0];
    [p.lon, p.lat, p.z]
}

fn refused(file: &Path, request: &Request) -> String {
    match read_with(file, request) {
        Err(HelperError::Refused(fail)) => fail.key,
        other => panic!("{}: {other:?}", file.display()),
    }
}

const KML: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<Schema name="valve" id="valve"><SimpleField name="code" type="string"/><SimpleField name="dn" type="int"/></Schema>
<Folder><name>阀门</name>
<Placemark><name>一号</name><ExtendedData><SchemaData schemaUrl="#valve"><SimpleData name="code">0012</SimpleData><SimpleData name="dn">100</SimpleData></SchemaData></ExtendedData>
<Point><coordinates>116.1,30.1,5</coordinates></Point></Placemark>
<Placemark><name>二号</name></Placemark></Folder></Document></kml>"##;

#[test]
fn kml_keeps_folders_codes_and_heights() {
    let place = Place::new();
    let read = read(&place.file("阀门.kml", KML)).unwrap();
    let layer = read.layer("阀门");
    assert_eq!((value(layer, 0, "Name"), value(layer, 0, "code"), value(layer, 0, "dn")), (&"一号".into(), &"0012".into(), &100.into()));
    assert_eq!(value(layer, 0, "visibility"), &Value::Null, "what the file does not say is not made up");
    assert_eq!(at(layer, 0), [116.1, 30.1, 5.0]);
    assert_eq!((layer.problems.len(), layer.problems[0].reason.as_str()), (1, "no_geometry"));
}

#[test]
fn gpx_keeps_elevations_and_times() {
    let place = Place::new();
    let file = place.file(
        "inspection.gpx",
        r#"<?xml version="1.0"?><gpx version="1.1" creator="survey" xmlns="http://www.topografix.com/GPX/1/1">
<wpt lat="30.1" lon="116.1"><ele>12.5</ele><time>2026-01-02T03:04:05Z</time><name>0012</name></wpt>
<trk><name>t</name><trkseg><trkpt lat="30" lon="116"><ele>1</ele></trkpt><trkpt lat="30.1" lon="116"><ele>2</ele></trkpt></trkseg></trk></gpx>"#,
    );
    let read = read(&file).unwrap();
    let points = read.layer("waypoints");
    assert_eq!((at(points, 0), value(points, 0, "name")), ([116.1, 30.1, 12.5], &"0012".into()));
    assert_eq!(value(points, 0, "time"), &"2026-01-02T03:04:05Z".into());
    assert_eq!(read.layer("tracks").features[0].geometry.as_ref().unwrap().z_range(), Some((1.0, 2.0)));
}

fn gml(head: &str, of: &str) -> String {
    let member = |id: &str, code: &str, pos: &str| {
        format!(
            r#"<gml:featureMember><c:hydrant gml:id="{id}"><c:code>{code}</c:code><c:dn>100</c:dn><c:empty></c:empty><c:geom><gml:Point srsName="{of}"><gml:pos>{pos}</gml:pos></gml:Point></c:geom></c:hydrant></gml:featureMember>"#
        )
    };
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>{head}
<c:FeatureCollection xmlns:c="http://c" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xlink="http://www.w3.org/1999/xlink" xsi:schemaLocation="http://c http://127.0.0.1:9/c.xsd">
{}{}</c:FeatureCollection>"#,
        member("h.1", "0012", if of.ends_with("4490") { "30.1 116.1" } else { "2493940.8014 505952.2461" }),
        member("h.2", "A&amp;B", if of.ends_with("4490") { "30.2 116.2" } else { "2493940.8014 505952.2461" }),
    )
}

#[test]
fn gml_keeps_values_as_written_ids_and_the_order_of_its_axes() {
    let place = Place::new();
    let degrees = read(&place.file("hydrant.gml", gml("", "urn:ogc:def:crs:EPSG::4490"))).unwrap();
    let layer = degrees.layer("hydrant");
    assert!(layer.header.own_ids && layer.header.crs.as_ref().unwrap().way == CrsWay::Same);
    assert_eq!((value(layer, 0, "code"), value(layer, 0, "dn"), value(layer, 0, "empty")), (&"0012".into(), &"100".into(), &"".into()));
    assert_eq!((layer.features[1].source_id.as_deref(), value(layer, 1, "code")), (Some("h.2"), &"A&B".into()));
    assert_eq!(at(layer, 0), [116.1, 30.1, 0.0], "EPSG:4490 has latitude first");
    // The registry has northing first for the zones.
    let zone = read(&place.file("zone.gml", gml("", "urn:ogc:def:crs:EPSG::4547"))).unwrap();
    let [lon, lat, _] = at(zone.layer("hydrant"), 0);
    assert!((lon - 114.057_865).abs() < 1e-8 && (lat - 22.543_096).abs() < 1e-8, "{lon} {lat}");
    let leftover: Vec<_> = std::fs::read_dir(place.0.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(leftover.len(), 2, "nothing is written beside the file: {leftover:?}");
}

#[test]
fn topojson_and_esri_json_are_read() {
    let place = Place::new();
    let topology = place.file(
        "districts.topojson",
        r#"{"type":"Topology","arcs":[[[116,30],[116,31],[117,31],[117,30],[116,30]]],"objects":{"区":{"type":"GeometryCollection","geometries":[{"type":"Polygon","arcs":[[0]],"properties":{"code":"0012"}}]}}}"#,
    );
    // The format has no word on coordinate systems.
    assert_eq!(read(&topology).unwrap().failed[0].fail.key, "crs_missing_offer");
    let read_topology = read_with(&topology, &Request { crs: Some("EPSG:4326".into()), ..Request::default() }).unwrap();
    let layer = read_topology.layer("区");
    assert_eq!((layer.features.len(), value(layer, 0, "code"), &layer.header.kinds[..]), (1, &"0012".into(), &[Kind::Area][..]));
    let esri = place.file(
        "stations.json",
        r#"{"displayFieldName":"","fieldAliases":{"code":"code"},"geometryType":"esriGeometryPoint","spatialReference":{"wkid":4490,"latestWkid":4490},"fields":[{"name":"code","type":"esriFieldTypeString","alias":"code","length":10}],"features":[{"attributes":{"code":"0012"},"geometry":{"x":116.1,"y":30.1}}]}"#,
    );
    let read_esri = read(&esri).unwrap();
    assert_eq!((at(&read_esri.layers[0], 0), value(&read_esri.layers[0], 0, "code")), ([116.1, 30.1, 0.0], &"0012".into()));
}

fn ogr2ogr(args: &[&Path]) -> bool {
    let output = Command::new("ogr2ogr").args(args).output().expect("ogr2ogr runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// A geodatabase is a folder; what GDAL made of a real sewer comes back as that sewer.
#[test]
fn a_geodatabase_is_read_as_a_folder() {
    let Some(sewer) = data("gpkg/simple_sewer_features.gpkg") else { return };
    let place = Place::new();
    let folder = place.0.path().join("sewer.gdb");
    ogr2ogr(&[Path::new("-f"), Path::new("OpenFileGDB"), &folder, &sewer]);
    let (as_folder, as_package) = (read(&folder).unwrap(), read(&sewer).unwrap());
    for name in ["s_manhole", "foul_sewer", "surface_water_sewer"] {
        let (ours, theirs) = (as_folder.layer(name), as_package.layer(name));
        assert_eq!(ours.features.len(), theirs.features.len());
        assert!(ours.header.own_ids, "OBJECTID is a key");
        for (a, b) in ours.features.iter().zip(&theirs.features) {
            let ((a_low, a_high), (b_low, b_high)) =
                (a.geometry.as_ref().unwrap().z_range().unwrap(), b.geometry.as_ref().unwrap().z_range().unwrap());
            // A geodatabase keeps heights on a grid of a tenth of a millimetre.
            assert!((a_low - b_low).abs() < 1e-3 && (a_high - b_high).abs() < 1e-3);
        }
    }
    assert_eq!(refused(place.0.path(), &Request::default()), "folder");
}

#[test]
fn mapinfo_tables_are_read_by_either_file() {
    let place = Place::new();
    let source = place.file("valves.csv", "code,wkt\n0012,POINT(116.1 30.1)\n");
    for (format, name) in [("MapInfo File", "valves.tab"), ("MapInfo File", "valves.mif")] {
        let to = place.0.path().join(name);
        ogr2ogr(&["-f".as_ref(), format.as_ref(), "-a_srs".as_ref(), "EPSG:4326".as_ref(), &to, &source]);
        let read = read(&to).unwrap();
        assert_eq!(value(&read.layers[0], 0, "code"), &"0012".into(), "{name}");
        let [lon, lat, _] = at(&read.layers[0], 0);
        assert!((lon - 116.1).abs() < 1e-6 && (lat - 30.1).abs() < 1e-6);
    }
}

/// Counts of layers and of tags against those made by a reader of its own (see the data's README); every tag kept.
#[test]
fn openstreetmap_extracts_arrive_with_every_tag() {
    let Some(folder) = data("osm") else { return };
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in std::fs::read_to_string(folder.join("reference/osm_ogr_layers.csv")).unwrap().lines().skip(1) {
        let [file, layer, n] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        counts.insert((file.into(), layer.into()), n.parse().unwrap());
    }
    let hydrants = std::fs::read_to_string(folder.join("reference/osm_hydrants.csv")).unwrap();
    let mut all_hydrants = 0;
    for file in ["helsinki.osm.pbf", "monaco.osm.pbf"] {
        let arrived = read(&folder.join(file)).unwrap();
        for layer in &arrived.layers {
            let n = layer.features.len() + layer.problems.len();
            assert_eq!(Some(&n), counts.get(&(file.to_owned(), layer.header.name.clone())), "{file} {}", layer.header.name);
            assert!(layer.header.own_ids && layer.features.iter().all(|f| f.source_id.is_some()));
        }
        for layer in ["points", "lines", "multilinestrings", "multipolygons"] {
            let bad: Vec<_> = arrived.layer(layer).problems.iter().collect();
            assert!(bad.is_empty(), "{layer}: {bad:?}");
        }
        let points = arrived.layer("points");
        let tags = points.header.fields.iter().position(|f| f.name == "tags" && f.ty == FieldType::Json).unwrap();
        let found: Vec<_> = (0..points.features.len()).filter(|i| value(points, *i, "emergency") == &"fire_hydrant".into()).collect();
        for i in &found {
            let id = points.features[*i].source_id.as_deref().unwrap().strip_prefix("node/").unwrap();
            let line = hydrants.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{id} is no hydrant of {file}"));
            let [lon, lat, _] = at(points, *i);
            let degrees: Vec<f64> = line.split(',').skip(2).take(2).map(|x| x.parse().unwrap()).collect();
            assert!((degrees[0] - lon).abs() < 1e-9 && (degrees[1] - lat).abs() < 1e-9, "{line}: {lon} {lat}");
        }
        all_hydrants += found.len();
        assert!(points.features.iter().filter_map(|f| f.values[tags].as_text()).all(|t| t.starts_with('{')), "an object");
    }
    assert_eq!(all_hydrants, hydrants.lines().count() - 1);
    // As XML from an editor, nodes in no order, relations that are hard to put together; tagged nodes and ways as counted in it.
    let cases = read(&folder.join("multipolygon_testcases.osm")).unwrap();
    assert_eq!((cases.layer("points").features.len(), cases.layer("lines").features.len()), (2984, 93));
    assert!(cases.layer("multipolygons").features.len() >= 28);
    assert!(cases.layers.iter().all(|l| l.problems.iter().all(|p| p.reason != "broke_off")));
}

fn hydrant_table(codepage: Option<&str>, name: &[u8]) -> Vec<(String, Vec<u8>)> {
    // One point, one text column of ten bytes: small enough to be written by hand.
    let mut dbf = vec![3, 126, 1, 1, 1, 0, 0, 0, 65, 0, 11, 0];
    dbf.resize(32, 0);
    dbf.extend(b"name\0\0\0\0\0\0\0C\0\0\0\0\x0a\0");
    dbf.resize(64, 0);
    dbf.push(0x0d);
    dbf.push(b' ');
    dbf.extend(name);
    dbf.resize(66 + 10, b' ');
    dbf.push(0x1a);
    let head = |length: i32| {
        let mut bytes = Vec::new();
        bytes.extend(9994i32.to_be_bytes());
        bytes.resize(24, 0);
        bytes.extend(length.to_be_bytes());
        bytes.extend([1000i32, 1].into_iter().flat_map(i32::to_le_bytes));
        bytes.extend([116.1f64, 30.1, 116.1, 30.1, 0.0, 0.0, 0.0, 0.0].into_iter().flat_map(f64::to_le_bytes));
        bytes
    };
    let mut shp = head(64);
    shp.extend([1i32, 10].into_iter().flat_map(i32::to_be_bytes));
    shp.extend(1i32.to_le_bytes());
    shp.extend([116.1f64, 30.1].into_iter().flat_map(f64::to_le_bytes));
    let mut shx = head(54);
    shx.extend([50i32, 10].into_iter().flat_map(i32::to_be_bytes));
    let prj = br#"GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",SPHEROID["CGCS2000",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]"#;
    let mut files = vec![("h.dbf".into(), dbf), ("h.shp".into(), shp), ("h.shx".into(), shx), ("h.prj".into(), prj.to_vec())];
    files.extend(codepage.map(|page| ("h.cpg".to_owned(), page.as_bytes().to_vec())));
    files
}

/// 上海 as the code page of Chinese Windows writes it.
const SHANGHAI_GBK: [u8; 4] = [0xc9, 0xcf, 0xba, 0xa3];

#[test]
fn a_shapefile_in_gbk_is_read_when_it_says_so_or_the_operator_does() {
    let write = |codepage| {
        let place = Place::new();
        hydrant_table(codepage, &SHANGHAI_GBK).into_iter().for_each(|(name, bytes)| drop(place.file(&name, bytes)));
        place
    };
    let arrived = |place: &Place, encoding: Option<&str>| -> Read {
        let request = Request { encoding: encoding.map(str::to_owned), ..Request::default() };
        read_with(&place.0.path().join("h.shp"), &request).unwrap()
    };
    let said = write(Some("GBK"));
    assert_eq!(value(&arrived(&said, None).layers[0], 0, "name"), &"上海".into());
    let silent = write(None);
    let unnamed = arrived(&silent, None);
    assert_eq!(
        unnamed.layers[0].problems.iter().map(|p| p.reason.as_str()).collect::<Vec<_>>(),
        ["encoding"],
        "no letter is lost in silence"
    );
    assert_eq!(value(&arrived(&silent, Some("GBK")).layers[0], 0, "name"), &"上海".into());
}

#[test]
fn a_table_in_gbk_is_read_when_the_operator_says_so() {
    let place = Place::new();
    let mut table = b"code,name,wkt\n0012,".to_vec();
    table.extend(SHANGHAI_GBK);
    table.extend(b",POINT(116.1 30.1)\n0013,plain,POINT(116.1 30.1)\n");
    let file = place.file("h.csv", table);
    let request =
        |encoding: Option<&str>| Request { crs: Some("EPSG:4490".into()), encoding: encoding.map(str::to_owned), ..Request::default() };
    let unnamed = read_with(&file, &request(None)).unwrap();
    assert_eq!((unnamed.layers[0].features.len(), unnamed.layers[0].problems.len()), (1, 1), "the other record is not lost");
    assert_eq!(value(&read_with(&file, &request(Some("GBK"))).unwrap().layers[0], 0, "name"), &"上海".into());
}

/// An export of ours keeps names from being run by a spreadsheet, those of columns too.
#[test]
fn a_tables_heads_lose_their_guards() {
    let place = Place::new();
    let file = place.file("osm.csv", "code,'@id,'=sum,'=twice,=twice,'plain,lon,lat\nA,'@12,1,2,3,'4,116.1,30.1\n");
    let read = read_with(&file, &Request { crs: Some("EPSG:4490".into()), ..Request::default() }).unwrap();
    let layer = &read.layers[0];
    let names: Vec<&str> = layer.header.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["code", "@id", "=sum", "'=twice", "=twice", "'plain"]);
    assert_eq!((value(layer, 0, "@id"), value(layer, 0, "'plain")), (&"@12".into(), &"'4".into()));
}

/// GDAL makes them the largest number that there is.
#[test]
fn a_number_of_many_digits_stays_what_it_is_or_is_refused() {
    let place = Place::new();
    let numbers =
        ["12345678901234567890", "9223372036854775807", "18446744073709551615", "123456789012345678901234", "-9223372036854775809", "-5"];
    let feature = |n: &&str| {
        format!(r#"{{"type":"Feature","properties":{{"code":"A","n":{n}}},"geometry":{{"type":"Point","coordinates":[116.1,30.1]}}}}"#)
    };
    let features = numbers.iter().map(feature).collect::<Vec<_>>().join(",\n");
    let read = read(&place.file("n.geojson", format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#))).unwrap();
    let layer = &read.layers[0];
    let kept: Vec<(u64, &Value)> = layer.features.iter().enumerate().map(|(i, f)| (f.record, value(layer, i, "n"))).collect();
    assert_eq!(kept, [(1, &"12345678901234567890".into()), (2, &i64::MAX.into()), (6, &(-5).into())]);
    let refused: Vec<(u64, &str, &str)> = layer.problems.iter().map(|p| (p.record, p.reason.as_str(), p.detail.as_str())).collect();
    assert_eq!(refused, [(3, "too_long_number", "n"), (4, "too_long_number", "n"), (5, "too_long_number", "n")]);
}

#[test]
fn what_is_not_read_says_what_to_do_instead() {
    let place = Place::new();
    for (name, key) in [
        ("表.xlsx", "format_table"),
        ("管线.dwg", "format_drawing"),
        ("all.zip", "format_packed"),
        ("project.qgz", "format_pointer"),
        ("old.mdb", "format_database"),
        ("net.inp", "format_other"),
        ("nothing.geojson", "unreadable"),
    ] {
        assert_eq!(refused(&place.file(name, "PK\u{3}\u{4} not what it says"), &Request::default()), key, "{name}");
    }
    if let Some(file) = data("shapefile/latin1.shp") {
        assert_eq!(refused(&file, &Request::default()), "shx_missing");
    }
}
