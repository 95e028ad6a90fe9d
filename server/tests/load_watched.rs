//! A load while it runs and after: broken off by hand, looked at before and after, loaded again, bounded in memory.

mod loading;

use loading::{Place, plain_rows};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn citytwin(args: &[&str], city: &Path) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_citytwin")).args(args).arg("--city").arg(city).env("LC_ALL", "en_US.UTF-8").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

/// A sequence of hydrants, `n` of them: read as a stream, never whole.
fn sequence(place: &Place, name: &str, n: usize) -> PathBuf {
    let path = place.folder.path().join(name);
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for i in 0..n {
        let (lon, lat) = (116.0 + (i % 1000) as f64 * 1e-4, 30.0 + (i / 1000) as f64 * 1e-4);
        writeln!(
            file,
            r#"{{"type":"Feature","properties":{{"code":"H-{i}","diameter_mm":100,"owner":"模拟数据"}},"geometry":{{"type":"Point","coordinates":[{lon},{lat}]}}}}"#
        )
        .unwrap();
    }
    file.flush().unwrap();
    path
}

#[test]
fn ctrl_c_ends_a_load_without_harm_and_says_how_to_go_on() {
    const RECORDS: usize = 60_000;
    let place = Place::new();
    let file = sequence(&place, "hydrant.geojsonl", RECORDS);
    let load = place.command(&file, &["--class", "hydrant"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let store = place.city().join("city.gpkg");
    let count = || place.sql(&store, "SELECT count(*) FROM hydrant").trim_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().unwrap();
    while !store.exists() || count() == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-INT", &load.id().to_string()]).status().unwrap().success());
    let output = load.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "not done: {said}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(said.contains("is whole and stays") && said.contains("--undo 1"), "{said}");
    let landed = count();
    assert!(landed > 0 && landed < RECORDS, "{landed}");
    let leftover: Vec<_> = std::fs::read_dir(place.city()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!leftover.iter().any(|name| name.ends_with(".part")), "{leftover:?}");
    let (_, list) = citytwin(&["load", "--list"], &place.city());
    assert!(list.contains("broken off"), "{list}");
    let said = place.loaded(0, &file, &["--class", "hydrant"]);
    assert!(said.contains(&format!("added {}, changed 0, unchanged {landed},", RECORDS - landed)), "{said}");
}

#[test]
fn before_and_after_of_a_load_are_layers() {
    let place = Place::new();
    let hydrant = |code: &str, lon: f64, diameter: i64| json!({ "type": "Feature", "properties": { "code": code, "diameter_mm": diameter, "pipe": "WP-1" }, "geometry": { "type": "Point", "coordinates": [lon, 30.0] } });
    let write =
        |features: &[Json]| place.file("hydrant.geojson", &json!({ "type": "FeatureCollection", "features": features }).to_string());
    let pipe = place.file(
        "water_pipe.geojson",
        r#"{"type":"Feature","properties":{"code":"WP-1"},"geometry":{"type":"LineString","coordinates":[[116,30,1],[116.1,30,1]]}}"#,
    );
    place.loaded(0, &pipe, &[]);
    place.loaded(0, &write(&[hydrant("H-1", 116.001, 100), hydrant("H-2", 116.002, 100), hydrant("H-3", 116.003, 100)]), &[]);
    place.loaded(0, &write(&[hydrant("H-1", 116.001, 100), hydrant("H-2", 116.005, 150), hydrant("H-4", 116.004, 80)]), &["--replace"]);
    let to = place.folder.path().join("load3.gpkg");
    let (code, said) = citytwin(&["load", "--changes", "3", "--to", to.to_str().unwrap()], &place.city());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("hydrant: added 1, changed 1, deleted 1"), "{said}");
    let rows = plain_rows(&to);
    let of = |layer: &str, code: &str| rows.iter().find(|r| r["layer"] == layer && r["values"]["code"] == code).cloned();
    let (added, changed, was) = (of("hydrant", "H-4").unwrap(), of("hydrant", "H-2").unwrap(), of("hydrant_before", "H-2").unwrap());
    assert_eq!((&added["values"]["ct_op"], &added["values"]["ct_changed"]), (&json!("added"), &json!("")));
    assert_eq!((&changed["values"]["diameter_mm"], &was["values"]["diameter_mm"]), (&json!(150), &json!(100)));
    assert_eq!((&changed["values"]["ct_changed"], &changed["values"]["pipe"]), (&json!("diameter_mm, geometry"), &json!("water_pipe.1")));
    assert_eq!(loading::geometry(&was).points()[0].lon, 116.002);
    let deleted = of("hydrant_before", "H-3").unwrap();
    assert_eq!((&deleted["values"]["ct_op"], &deleted["values"]["ct_feature"]), (&json!("deleted"), &json!("hydrant.3")));
    assert_eq!(rows.len(), 4, "what did not change is not there");
    let (code, said) = citytwin(&["load", "--changes", "9", "--to", to.with_file_name("load9.gpkg").to_str().unwrap()], &place.city());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--list"), "{said}");
}

/// Highest memory of a process, in MiB, as its kernel counts it.
fn peak_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Peaks of the load and of its helper.
fn peaks(place: &Place, file: &Path) -> (u64, u64) {
    let mut load = place.command(file, &["--class", "hydrant", "--dry-run"]).stdout(Stdio::null()).spawn().unwrap();
    let (mut ours, mut helpers) = (0, 0);
    while load.try_wait().unwrap().is_none() {
        ours = ours.max(peak_mib(load.id()).unwrap_or(0));
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", load.id())).unwrap_or_default();
        for child in children.split_whitespace() {
            helpers = helpers.max(peak_mib(child.parse().unwrap()).unwrap_or(0));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(load.wait().unwrap().success());
    (ours, helpers)
}

/// Ten times the file, the same memory (to a few MiB of allocator's whims). The store's own share is its tests' matter.
#[test]
fn memory_does_not_grow_with_the_file() {
    let place = Place::new();
    let small = peaks(&place, &sequence(&place, "small.geojsonl", 20_000));
    let large = peaks(&place, &sequence(&place, "large.geojsonl", 200_000));
    eprintln!("load {} → {} MiB, helper {} → {} MiB", small.0, large.0, small.1, large.1);
    assert!(large.0 <= small.0 + 12, "the load: {small:?} {large:?}");
    assert!(large.1 <= small.1 + 24, "the helper: {small:?} {large:?}");
}
