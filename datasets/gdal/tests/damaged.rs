//! Valid small files of each format, then cut, changed and made to lie: an answer within bounds, never a short file in silence.
//!
//! A driver may crash on such a file. That is what the helper's own process is for: the load says so, nothing else suffers.

mod common;

use citytwin_datasets::{HelperError, Request};
use common::{Read, data, read_with};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const POINTS: usize = 40;

#[derive(Debug)]
enum Answer {
    Read(Read),
    Refused(String),
    Crashed,
}

fn answer(file: &Path) -> Answer {
    let start = Instant::now();
    let request = Request { crs: Some("EPSG:4326".into()), ..Request::default() };
    let answer = match read_with(file, &request) {
        Ok(read) => Answer::Read(read),
        Err(HelperError::Refused(fail)) => Answer::Refused(format!("{}: {}", fail.key, fail.detail)),
        Err(HelperError::Died { how }) if how.contains("crashed") => Answer::Crashed,
        Err(other) => panic!("{}: {other}", file.display()),
    };
    assert!(start.elapsed() < Duration::from_secs(60), "{} took {:?}", file.display(), start.elapsed());
    answer
}

/// The same points in every format that there is a writer for; the file whose bytes are to be damaged first.
fn samples(folder: &Path) -> Vec<PathBuf> {
    let source = folder.join("source.csv");
    let rows: Vec<String> = (0..POINTS).map(|i| format!("H-{i},{},\"POINT({} 30.1)\"", i * 10, 116.0 + i as f64 * 1e-3)).collect();
    std::fs::write(&source, format!("code,size,wkt\n{}\n", rows.join("\n"))).unwrap();
    let mut made = vec![];
    for (format, name, damaged) in [
        ("GPKG", "a.gpkg", "a.gpkg"),
        ("FlatGeobuf", "b.fgb", "b.fgb"),
        ("ESRI Shapefile", "c.shp", "c.shp"),
        ("ESRI Shapefile", "d.shp", "d.dbf"),
        ("ESRI Shapefile", "e.shp", "e.shx"),
        ("MapInfo File", "f.tab", "f.map"),
        ("MapInfo File", "g.mif", "g.mif"),
        ("GeoJSON", "h.geojson", "h.geojson"),
        ("GeoJSONSeq", "i.geojsonl", "i.geojsonl"),
        ("LIBKML", "j.kml", "j.kml"),
        ("LIBKML", "k.kmz", "k.kmz"),
        ("GML", "l.gml", "l.gml"),
        ("GPX", "m.gpx", "m.gpx"),
        ("OpenFileGDB", "n.gdb", "n.gdb/a00000009.gdbtable"),
    ] {
        let to = folder.join(name);
        let mut command = Command::new("ogr2ogr");
        command.args(["-f", format, "-a_srs", "EPSG:4326", "-nlt", "POINT"]);
        if format == "GPX" {
            command.args(["-dsco", "GPX_USE_EXTENSIONS=YES", "-nln", "waypoints"]);
        }
        let output = command.arg(&to).arg(&source).output().expect("ogr2ogr runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        made.push(folder.join(damaged));
    }
    made
}

/// The file that is named to the helper, for one of its files that is damaged.
fn named(damaged: &Path) -> PathBuf {
    if let Some(folder) = damaged.ancestors().find(|p| p.extension().is_some_and(|e| e == "gdb")) {
        return folder.to_owned();
    }
    match damaged.extension().unwrap().to_str().unwrap() {
        "dbf" | "shx" => damaged.with_extension("shp"),
        "map" => damaged.with_extension("tab"),
        _ => damaged.to_owned(),
    }
}

fn records(read: &Read) -> usize {
    read.layers.iter().map(|l| l.features.len()).sum()
}

fn told(read: &Read) -> bool {
    !read.failed.is_empty() || !read.notes.is_empty() || read.layers.iter().any(|l| !l.problems.is_empty())
}

#[test]
fn files_cut_short_are_not_taken_for_whole_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (mut crashed, mut silent) = (0, Vec::new());
    for file in samples(folder.path()) {
        let whole = std::fs::read(&file).unwrap();
        let Answer::Read(before) = answer(&named(&file)) else { panic!("{} is valid", file.display()) };
        assert_eq!(records(&before), POINTS, "{}", file.display());
        for percent in [10, 50, 90] {
            std::fs::write(&file, &whole[..whole.len() * percent / 100]).unwrap();
            match answer(&named(&file)) {
                Answer::Read(read) if records(&read) < POINTS && !told(&read) => silent.push(format!("{} at {percent} %", file.display())),
                Answer::Read(_) => {}
                Answer::Refused(why) => assert!(why.len() > 12, "{why}"),
                Answer::Crashed => crashed += 1,
            }
        }
        std::fs::write(&file, &whole).unwrap();
    }
    eprintln!("{crashed} crashes of a driver, each contained");
    // A line-by-line format that is cut between two lines is whole for all that anybody can know; an index is only a help.
    silent.retain(|what| ![".geojsonl", ".csv", ".mif"].iter().any(|plain| what.contains(plain)));
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn files_with_bytes_changed_get_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = samples(folder.path());
    if let Some(extract) = data("osm/monaco.osm.pbf") {
        let copy = folder.path().join("o.osm.pbf");
        std::fs::copy(extract, &copy).unwrap();
        files.push(copy);
    }
    let (mut seed, mut crashed) = (11u64, 0);
    for file in files {
        let whole = std::fs::read(&file).unwrap();
        for _ in 0..4 {
            let mut bytes = whole.clone();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (seed >> 20) as usize % bytes.len();
                bytes[at] = seed as u8;
            }
            std::fs::write(&file, bytes).unwrap();
            crashed += usize::from(matches!(answer(&named(&file)), Answer::Crashed));
        }
        std::fs::write(&file, &whole).unwrap();
    }
    eprintln!("{crashed} crashes of a driver, each contained");
}

fn patched(file: &Path, at: usize, bytes: &[u8]) {
    let mut all = std::fs::read(file).unwrap();
    all[at..at + bytes.len()].copy_from_slice(bytes);
    std::fs::write(file, all).unwrap();
}

/// Heads that promise what is not there: counts of records, of parts, of bytes.
#[test]
fn heads_that_lie_are_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let files = samples(folder.path());
    let restore = |file: &Path, whole: &[u8]| std::fs::write(file, whole).unwrap();
    let lies: [(&str, usize, &[u8]); 7] = [
        // A table of two thousand million records; one of none.
        ("d.dbf", 4, &2_000_000_000u32.to_le_bytes()),
        ("d.dbf", 4, &0u32.to_le_bytes()),
        // A file of eight thousand million bytes; a first record of two thousand million words.
        ("c.shp", 24, &u32::MAX.to_be_bytes()),
        ("c.shp", 104, &i32::MAX.to_be_bytes()),
        // A first record that stands beyond the end of the file.
        ("e.shx", 100, &i32::MAX.to_be_bytes()),
        // The first shape is a polygon with as many parts as a number can say.
        ("c.shp", 108, &5u32.to_le_bytes()),
        // FlatGeobuf: a head of two thousand million bytes.
        ("b.fgb", 8, &2_000_000_000u32.to_le_bytes()),
    ];
    for (name, at, bytes) in lies {
        let file = files.iter().find(|f| f.ends_with(name)).unwrap();
        let whole = std::fs::read(file).unwrap();
        patched(file, at, bytes);
        match answer(&named(file)) {
            // What the lie does not touch may be read; nothing may be made up.
            Answer::Read(read) => assert!(records(&read) <= POINTS, "{name} at {at}: {} records", records(&read)),
            Answer::Refused(why) => assert!(why.len() > 12, "{why}"),
            Answer::Crashed => eprintln!("{name} at {at}: its driver crashed, contained"),
        }
        restore(file, &whole);
    }
}

#[test]
fn coordinates_that_are_no_numbers_refuse_their_record_only() {
    let folder = tempfile::tempdir().unwrap();
    let files = samples(folder.path());
    let file = files.iter().find(|f| f.ends_with("c.shp")).unwrap();
    // Records of a point take 28 bytes from 100 on; x stands at 12 of them.
    for (record, x) in [(3, f64::NAN), (5, f64::INFINITY), (7, f64::NEG_INFINITY)] {
        patched(file, 100 + 28 * record + 12, &x.to_le_bytes());
    }
    let Answer::Read(read) = answer(file) else { panic!("the others are good") };
    let problems: Vec<_> = read.layers[0].problems.iter().map(|p| (p.record, p.reason.as_str())).collect();
    assert_eq!(records(&read), POINTS - 3);
    assert_eq!(problems.iter().map(|p| p.0).collect::<Vec<_>>(), [4, 6, 8]);
    assert!(problems.iter().all(|p| ["not_finite", "empty_geometry"].contains(&p.1)), "{problems:?}");
    let sequence = folder.path().join("nan.geojsonl");
    let feature = |x: &str| format!(r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Point","coordinates":[{x},30]}}}}"#);
    std::fs::write(&sequence, [feature("116"), feature("1e999"), feature("117")].join("\n")).unwrap();
    let Answer::Read(read) = answer(&sequence) else { panic!("the others are good") };
    assert!(records(&read) >= 2 && read.layers[0].features.iter().all(|f| f.geometry.as_ref().unwrap().points()[0].is_finite()));
}
