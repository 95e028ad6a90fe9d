//! Damaged and hostile files: a clear answer within bounded time and memory, and nothing read but the named file.

mod common;

use citytwin_datasets::{HelperError, Request};
use common::{Read, data, helper, read, read_with};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Whatever the file, the helper lives to say what it is about it.
fn answer(file: &Path) -> Result<Read, String> {
    let start = Instant::now();
    let request = Request { crs: None, exact_extent: true, ..Request::default() };
    let answer = match read_with(file, &request) {
        Ok(read) => Ok(read),
        Err(HelperError::Refused(fail)) => Err(format!("{}: {}", fail.key, fail.detail)),
        Err(other) => panic!("{}: {other}", file.display()),
    };
    assert!(start.elapsed() < Duration::from_secs(30), "{} took {:?}", file.display(), start.elapsed());
    answer
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn every_hostile_file_gets_an_answer() {
    let Some(folder) = data("hostile") else { return };
    let (mut read, mut refused) = (0, 0);
    for file in files(&folder) {
        match answer(&file) {
            Ok(_) => read += 1,
            Err(why) => {
                assert!(why.len() > 12, "{}: {why}", file.display());
                refused += 1;
            }
        }
    }
    eprintln!("{read} read in some way, {refused} refused");
    assert!(read > 30 && refused > 100, "{read} {refused}");
}

#[test]
fn json_that_must_be_refused_is_and_valid_geojson_is_read() {
    let Some(folder) = data("hostile") else { return };
    for file in files(&folder.join("geojson/valid")) {
        let read = answer(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        assert!(read.failed.is_empty(), "{}: {:?}", file.display(), read.failed);
    }
    for file in files(&folder.join("json")).into_iter().filter(|f| f.file_name().unwrap().to_string_lossy().starts_with("n_")) {
        if let Ok(read) = answer(&file) {
            assert!(read.layers.iter().all(|l| l.features.is_empty()), "{} gave features", file.display());
        }
    }
}

/// Records that GDAL makes nothing of are named with a reason; their neighbours are not lost.
#[test]
fn one_bad_record_does_not_cost_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mixed.geojson");
    let feature = |geometry: &str| format!(r#"{{"type":"Feature","properties":{{"a":1}},"geometry":{geometry}}}"#);
    let features = [
        feature(r#"{"type":"Point","coordinates":[116.0,30.0]}"#),
        feature("null"),
        feature(r#"{"type":"Point","coordinates":["a","b"]}"#),
        feature(r#"{"type":"Point","coordinates":[]}"#),
        feature(
            r#"{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]},{"type":"Point","coordinates":[3,4]}]}"#,
        ),
        feature(r#"{"type":"Point","coordinates":[116.1,30.1]}"#),
    ];
    std::fs::write(&file, format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","))).unwrap();
    let read = read(&file).unwrap();
    let layer = &read.layers[0];
    assert_eq!(layer.features.iter().map(|f| f.record).collect::<Vec<_>>(), [1, 6]);
    let problems: Vec<_> = layer.problems.iter().map(|p| (p.record, p.reason.as_str())).collect();
    assert_eq!(problems.iter().map(|p| p.0).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(problems[0].1, "no_geometry");
    for (_, reason) in &problems[1..] {
        assert!(["unreadable_geometry", "empty_geometry", "unsupported_geometry"].contains(reason), "{problems:?}");
    }
}

#[test]
fn a_geopackage_cut_short_says_so() {
    let Some(file) = data("gpkg/dutch_addresses_4326.gpkg") else { return };
    let whole = std::fs::read(file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for percent in [5, 30, 60, 90] {
        let cut = folder.path().join(format!("cut{percent}.gpkg"));
        std::fs::write(&cut, &whole[..whole.len() * percent / 100]).unwrap();
        match answer(&cut) {
            Err(_) => {}
            Ok(read) => {
                let told = !read.failed.is_empty() || read.layers.iter().any(|l| l.problems.iter().any(|p| p.reason == "broke_off"));
                assert!(
                    told,
                    "{percent} % of a file was taken for all of it: {:?}",
                    read.layers.iter().map(|l| l.features.len()).collect::<Vec<_>>()
                );
            }
        }
    }
}

/// Random damage to a real file: any answer will do, as long as it is one.
#[test]
fn a_geopackage_with_bytes_changed_gets_an_answer() {
    let Some(file) = data("gpkg/gdal_sample.gpkg") else { return };
    let whole = std::fs::read(file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut seed = 7u64;
    for round in 0..40 {
        let mut bytes = whole.clone();
        for _ in 0..20 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (seed >> 20) as usize % bytes.len();
            bytes[at] = seed as u8;
        }
        let damaged = folder.path().join(format!("damaged{round}.gpkg"));
        std::fs::write(&damaged, bytes).unwrap();
        let _ = answer(&damaged);
    }
}

#[test]
fn a_file_that_points_elsewhere_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.geojson");
    std::fs::write(&secret, r#"{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,2]}}"#).unwrap();
    let vrt = folder.path().join("door.vrt");
    std::fs::write(
        &vrt,
        format!(
            r#"<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"#,
            secret.display()
        ),
    )
    .unwrap();
    assert!(answer(&vrt).unwrap_err().starts_with("format_pointer"));
    for (name, text) in [
        ("wfs.xml", r#"<OGRWFSDataSource><URL>http://127.0.0.1:9/wfs</URL></OGRWFSDataSource>"#),
        ("es.json", r#"{"type":"FeatureCollection","features":[],"next":"http://127.0.0.1:9/"}"#),
        ("url.txt", "http://127.0.0.1:9/x.geojson"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        if let Ok(read) = answer(&file) {
            assert!(read.layers.iter().all(|l| l.features.is_empty()), "{name}");
        }
    }
    assert!(read(folder.path()).is_err(), "a folder is no file");
}

/// Links, schemas, styles, entities, virtual paths: a listener that would be asked, and a neighbour that would be read.
#[test]
fn nothing_is_fetched_and_no_neighbour_is_read() {
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    door.set_nonblocking(true).unwrap();
    let url = format!("http://{}", door.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.csv");
    std::fs::write(&secret, "code,wkt\nSECRET,POINT(1 2)\n").unwrap();
    let path = secret.display();
    let entity = format!(r#"<!DOCTYPE x [<!ENTITY e SYSTEM "file://{path}"><!ENTITY w SYSTEM "{url}/w">]>"#);
    let kml = format!(
        r#"<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><NetworkLink><Link><href>{url}/a.kml</href></Link></NetworkLink>
<NetworkLink><Link><href>file://{path}</href></Link></NetworkLink><GroundOverlay><Icon><href>{url}/i.png</href></Icon></GroundOverlay>
<Placemark><name>p</name><styleUrl>{url}/s.kml#x</styleUrl><Point><coordinates>116,30</coordinates></Point></Placemark></Document></kml>"#
    );
    let gml = |head: &str, text: &str| {
        format!(
            r#"<?xml version="1.0"?>{head}<c:F xmlns:c="http://c" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xlink="http://www.w3.org/1999/xlink" xsi:schemaLocation="http://c {url}/c.xsd http://d {path}">
<gml:featureMember><c:h gml:id="h.1"><c:code>{text}</c:code><c:part xlink:href="{url}/x#y"/><c:geom><gml:Point srsName="EPSG:4326" xlink:href="{url}/p"><gml:pos>116 30</gml:pos></gml:Point></c:geom></c:h></gml:featureMember></c:F>"#
        )
    };
    let osm = format!(
        r#"<?xml version="1.0"?>{entity}<osm version="0.6"><node id="1" lat="30" lon="116"><tag k="name" v="&e;&w;"/></node></osm>"#
    );
    for (name, text) in [
        ("links.kml", kml),
        ("schema.gml", gml("", "plain")),
        ("entity.gml", gml(&entity, "&e;&w;")),
        ("entity.osm", osm),
        (
            "entity.gpx",
            format!(
                r#"<?xml version="1.0"?>{entity}<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><wpt lat="30" lon="116"><name>&e;&w;</name></wpt></gpx>"#
            ),
        ),
        ("service.xml", format!(r#"<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>"#)),
        (
            "paged.json",
            format!(r#"{{"type":"FeatureCollection","features":[],"next":"{url}/","links":[{{"rel":"next","href":"{url}/"}}]}}"#),
        ),
        ("url.txt", format!("{url}/x.geojson")),
        ("wms.xml", format!(r#"<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/</ServerUrl></Service></GDAL_WMS>"#)),
        (
            "door.vrt",
            format!(
                r#"<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{path}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"#
            ),
        ),
        (
            "curl.vrt",
            format!(
                r#"<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/vsicurl/{url}/x.geojson</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"#
            ),
        ),
        ("view.tab", "!table\n!version 100\nopen table \"secret\" as secret\ncreate view view as select code from secret\n".to_owned()),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        if let Ok(read) = answer(&file) {
            assert!(!format!("{read:?}").contains("SECRET"), "{name} read its neighbour");
        }
    }
    for virtual_path in [format!("/vsicurl/{url}/x.geojson"), format!("/vsicurl_streaming/{url}/x"), format!("/vsizip/{path}"), url.clone()]
    {
        assert!(answer(Path::new(&virtual_path)).unwrap_err().starts_with("no_file"), "{virtual_path}");
    }
    let link = folder.path().join("linked.csvt");
    std::os::unix::fs::symlink("/etc/passwd", link).unwrap();
    std::fs::write(folder.path().join("linked.csv"), "code,wkt\nA,POINT(1 2)\n").unwrap();
    assert!(answer(&folder.path().join("linked.csv")).unwrap_err().starts_with("link"));
    assert_eq!(door.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "something was asked for over the network");
}

/// Entities that expand without end, and one that would fill the disk as JSON: an answer, soon.
#[test]
fn expanding_entities_get_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut entities = r#"<!ENTITY a0 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">"#.to_owned();
    for i in 1..30 {
        entities += &format!("<!ENTITY a{i} \"{}\">", format!("&a{};", i - 1).repeat(10));
    }
    for (name, open, close) in [
        (
            "laughs.gpx",
            r#"<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><wpt lat="30" lon="116"><name>"#,
            "</name></wpt></gpx>",
        ),
        (
            "laughs.kml",
            r#"<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>"#,
            "</name></Placemark></Document></kml>",
        ),
        (
            "laughs.gml",
            r#"<c:F xmlns:c="http://c" xmlns:gml="http://www.opengis.net/gml"><gml:featureMember><c:h><c:code>"#,
            "</c:code></c:h></gml:featureMember></c:F>",
        ),
        ("laughs.osm", r#"<osm version="0.6"><node id="1" lat="30" lon="116"><tag k="name" v=""#, r#""/></node></osm>"#),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, format!(r#"<?xml version="1.0"?><!DOCTYPE x [{entities}]>{open}&a29;{close}"#)).unwrap();
        if let Ok(read) = answer(&file) {
            assert!(format!("{read:?}").len() < 10_000_000, "{name}");
        }
    }
}

/// Deep nesting ends in an answer, not in a crash.
#[test]
fn deep_nesting_gets_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    for (name, open, close) in [("arrays", "[", "]"), ("objects", r#"{"a":"#, "}")] {
        let file = folder.path().join(format!("{name}.geojson"));
        let deep = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        std::fs::write(
            &file,
            format!(r#"{{"type":"Feature","properties":{{"x":{deep}}},"geometry":{{"type":"Point","coordinates":[1,2]}}}}"#),
        )
        .unwrap();
        let _ = answer(&file);
    }
}

#[test]
fn memory_and_time_are_bounded_by_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.geojson");
    let feature = r#"{"type":"Feature","properties":{"a":"0123456789"},"geometry":{"type":"Point","coordinates":[116.0,30.0]}}"#;
    std::fs::write(&file, format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, vec![feature; 150_000].join(","))).unwrap();
    for limit in [["--memory-mib", "1"], ["--cpu-secs", "0"]] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_citytwin-gdal")).arg("read").arg(&file).args(limit).output().unwrap();
        assert!(!output.status.success(), "{limit:?} did not hold");
    }
    // The same file within the usual limits is no trouble.
    assert_eq!(read(&file).unwrap().layers[0].features.len(), 150_000);
}

#[test]
fn a_helper_that_dies_is_not_taken_for_a_short_file() {
    let Some(file) = data("gpkg/dutch_addresses_4326.gpkg") else { return };
    let mut stream = helper().read(&file, &Request::default()).unwrap();
    // No word on layers: the helper waits. Its locks can be looked at, and its death in that moment must show.
    let pid = stream.process_id().to_string();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    if status.contains("Seccomp:") {
        assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "no sockets, no programs: {status}");
    }
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let error = loop {
        match stream.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a killed helper ended well"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, HelperError::Died { how } if how.contains("killed")), "{error}");
}
