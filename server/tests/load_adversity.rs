//! `citytwin load` in adversity, the whole command: a disk that fills up, two loads at once. Said in both languages, nothing
//! half done, and the same command completes it when there is room.

mod loading;

use citytwin_catalogue::Catalogue;
use citytwin_store::{AsOf, Store, verify};
use loading::Place;
use loading::disk::{Disk, seen};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A sequence of hydrants, each with so many letters beside it.
fn sequence(place: &Place, name: &str, first: usize, count: usize) -> PathBuf {
    let remark = "模拟数据 ".repeat(8);
    let feature = |i: usize| {
        let (lon, lat) = (116.0 + (i % 1000) as f64 * 1e-4, 30.0 + (i / 1000) as f64 * 1e-4);
        format!(
            r#"{{"type":"Feature","properties":{{"code":"H-{i}","diameter_mm":100,"owner":"{remark}"}},"geometry":{{"type":"Point","coordinates":[{lon},{lat}]}}}}"#
        )
    };
    place.file(name, &(first..first + count).map(feature).collect::<Vec<_>>().join("\n"))
}

fn fingerprint(city: &Path) -> String {
    let store = Store::open(city, &Catalogue::builtin().classes).unwrap();
    store.fingerprint(AsOf::Revision(store.head().unwrap())).unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).map(|all| all.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()).unwrap_or_default()
}

#[test]
fn a_disk_that_fills_up_is_said_and_the_same_command_completes_the_load() {
    const RECORDS: usize = 5000;
    let whole = Place::new();
    let file = sequence(&whole, "hydrant.geojsonl", 0, RECORDS);
    let recorder = whole.folder.path().join("recorder");
    let class = ["--class", "hydrant", "--source", "survey"];
    whole.loaded(0, &file, &class);
    let wanted = fingerprint(&whole.city());
    let size = std::fs::metadata(whole.city().join("city.gpkg")).unwrap().len();
    let (mut before_it, mut in_it) = (0, 0);
    // While the city is made; while records land, in the log or in the file; while the index is packed.
    for (n, room) in [100_000, size * 3 / 4, size, size * 5 / 4].into_iter().enumerate() {
        let place = Place::new();
        let (language, sentence) = if n % 2 == 0 { ("zh_CN.UTF-8", "磁盘已满") } else { ("en_US.UTF-8", "the disk is full") };
        let mut load = place.command(&file, &class);
        Disk { room: Some(room), ..Disk::plain() }.below(&mut load, &place.city(), &recorder);
        let output = load.env("LANG", language).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !seen(&recorder).full {
            assert_eq!(output.status.code(), Some(0), "{said}");
            continue;
        }
        assert_eq!(output.status.code(), Some(2), "with room for {room}: {said}");
        assert!(said.contains(sentence), "with room for {room}: {said}");
        assert!(!names_in(&place.city()).iter().any(|name| name.ends_with(".lock")), "{:?}", names_in(&place.city()));
        let landed = if place.city().join("city.gpkg").exists() {
            let findings = verify(&place.city()).unwrap();
            assert!(findings.iter().all(|f| f.key == "aside"), "{findings:?}");
            // Opened as any program would, log and all.
            let counted = place.sql(&place.city().join("city.gpkg"), "SELECT count(*) FROM hydrant");
            let landed: usize = counted.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
            if landed > 0 {
                let all_of_it = if n % 2 == 0 { format!("新增 {landed}") } else { format!("added {landed}") };
                assert!(said.contains(&all_of_it), "{landed} landed: {said}");
            }
            landed
        } else {
            0
        };
        if landed == 0 {
            before_it += 1
        } else {
            in_it += 1
        }
        let said = place.loaded(0, &file, &class);
        assert!(said.contains(&format!("added {}, changed 0, unchanged {landed},", RECORDS - landed)), "{said}");
        assert_eq!(fingerprint(&place.city()), wanted, "with room for {room}");
        assert_eq!(verify(&place.city()).unwrap(), []);
        assert!(!names_in(&place.city()).iter().any(|name| name.ends_with(".part")), "{:?}", names_in(&place.city()));
    }
    eprintln!("the disk was full {before_it} times before records landed, {in_it} times after some had");
    assert!(before_it > 0 && in_it > 0);
}

#[test]
fn two_loads_at_once_both_come_in_whole_even_where_there_was_no_city() {
    for round in 0..2 {
        let place = Place::new();
        let files = [sequence(&place, "north.geojsonl", 0, 1500), sequence(&place, "south.geojsonl", 1500, 1500)];
        if round % 2 == 1 {
            place.loaded(0, &sequence(&place, "before.geojsonl", 3000, 10), &["--class", "hydrant"]);
        }
        let both = files
            .each_ref()
            .map(|file| place.command(file, &["--class", "hydrant"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        for load in both {
            let output = load.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let codes: std::collections::BTreeSet<String> = place.rows("hydrant").iter().map(|row| row["values"]["code"].to_string()).collect();
        assert_eq!(codes.len(), 3000 + if round % 2 == 1 { 10 } else { 0 }, "round {round}");
        // Who ended second has packed the index; or whoever opens it next does.
        Store::open(&place.city(), &Catalogue::builtin().classes).unwrap().complete_indexes().unwrap();
        assert_eq!(verify(&place.city()).unwrap(), [], "round {round}");
        assert!(!names_in(&place.city()).iter().any(|name| name.ends_with(".part") || name.ends_with(".lock")));
    }
}
