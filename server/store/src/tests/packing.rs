//! The spatial index of a first load: packed bottom-up, sound by SQLite's own check and against every row.

use super::loading::{codes, info, load};
use super::*;
use crate::gpkg::{register_functions, rtree};
use crate::indexing;
use citytwin_model::Bounds;
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, Ordering};

fn is_sound(dir: &TempDir, class: &str) {
    let conn = look(dir);
    assert!(rtree::is_registered(&conn, class).unwrap(), "{class} has no spatial index");
    assert_eq!(indexing::trouble(&conn, class).unwrap(), None, "{class}");
}

/// A layer of so many boxes at random places, some of them far away or large, with rows in between that have no place.
fn layer(rows: u32, seed: u64) -> (Connection, Vec<(u32, Bounds)>) {
    let conn = Connection::open_in_memory().unwrap();
    register_functions(&conn).unwrap();
    crate::gpkg::create_base(&conn).unwrap();
    conn.execute_batch("CREATE TABLE t(fid INTEGER PRIMARY KEY, geom BLOB)").unwrap();
    let mut random = seed | 1;
    let mut unit = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut boxes = Vec::new();
    for fid in 1..=rows {
        let far = if unit() < 0.01 { 100.0 } else { 0.3 };
        let (west, south) = (116.0 - far / 2.0 + unit() * far, 30.0 - far / 4.0 + unit() * far / 2.0);
        let size = if unit() < 0.02 { 0.2 } else { 0.001 };
        let b = Bounds::new(west, south, west + unit() * size, south + unit() * size);
        let corners = [(b.west, b.south), (b.east, b.north)].map(|(x, y)| citytwin_model::Position::new(x, y, 0.0));
        let mut bytes = Vec::new();
        crate::gpkg::blob::write(&Geometry::flat(citytwin_model::Shape::Line(corners.to_vec())), false, &mut bytes);
        let bytes = if fid % 97 == 5 { None } else { Some(bytes) };
        conn.execute("INSERT INTO t VALUES(?1, ?2)", (fid, &bytes)).unwrap();
        if bytes.is_some() {
            boxes.push((fid, b));
        }
    }
    (conn, boxes)
}

#[test]
fn a_packed_index_finds_what_every_row_says_at_every_size_and_takes_edits() {
    for (rows, seed) in [(0, 1), (1, 2), (46, 3), (47, 4), (500, 5), (2200, 6), (2400, 7), (20_000, 8)] {
        let (conn, mut boxes) = layer(rows, seed);
        rtree::create(&conn, "t").unwrap();
        let compare = |boxes: &[(u32, Bounds)]| {
            assert_eq!(indexing::trouble(&conn, "t").unwrap(), None, "{rows} rows");
            for (i, window) in [
                Bounds::new(115.9, 29.9, 116.1, 30.1),
                Bounds::new(116.0, 30.0, 116.003, 30.003),
                Bounds::new(80.0, 10.0, 150.0, 50.0),
                Bounds::new(0.0, 0.0, 1.0, 1.0),
            ]
            .iter()
            .enumerate()
            {
                let mut statement =
                    conn.prepare("SELECT id FROM rtree_t_geom WHERE maxx>=?1 AND maxy>=?2 AND minx<=?3 AND miny<=?4 ORDER BY id").unwrap();
                let found: Vec<u32> = statement
                    .query_map((window.west, window.south, window.east, window.north), |row| row.get(0))
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
                // The index rounds boxes outwards to f32: nothing may be missing, and what is too much is that near.
                let inside: Vec<u32> = boxes.iter().filter(|(_, b)| b.intersects(window)).map(|(fid, _)| *fid).collect();
                let near: Vec<u32> = boxes.iter().filter(|(_, b)| b.grown(2e-5, 2e-5).intersects(window)).map(|(fid, _)| *fid).collect();
                assert!(inside.iter().all(|fid| found.contains(fid)), "{rows} rows, window {i}: something is missing");
                assert!(found.iter().all(|fid| near.contains(fid)), "{rows} rows, window {i}: something is too much");
            }
        };
        compare(&boxes);
        // SQLite goes on with it as with its own: rows deleted, moved and added through the triggers.
        conn.execute_batch(
            "DELETE FROM t WHERE fid % 3 = 0;
             UPDATE t SET geom=(SELECT geom FROM t WHERE geom NOT NULL LIMIT 1) WHERE fid % 7 = 0 AND geom NOT NULL;
             INSERT INTO t(fid, geom) SELECT fid+1000000, geom FROM t WHERE fid % 2 = 0;",
        )
        .unwrap();
        let Some(&(_, moved_to)) = boxes.iter().find(|(fid, _)| fid % 3 != 0) else { continue };
        boxes.retain(|(fid, _)| fid % 3 != 0);
        boxes.iter_mut().filter(|(fid, _)| fid % 7 == 0).for_each(|(_, b)| *b = moved_to);
        let more: Vec<_> = boxes.iter().filter(|(fid, _)| fid % 2 == 0).map(|(fid, b)| (fid + 1_000_000, *b)).collect();
        boxes.extend(more);
        compare(&boxes);
    }
}

#[test]
fn a_first_load_sets_the_index_aside_and_packs_it_at_its_end() {
    let (dir, store) = new_city();
    let mut first = store.begin_load(info("hydrants")).unwrap();
    for record in codes(6000) {
        first.add(record).unwrap();
    }
    land_all(&mut first);
    assert_eq!(store.unindexed().unwrap(), ["hydrant"]);
    let conn = look(&dir);
    assert!(!rtree::is_registered(&conn, "hydrant").unwrap(), "nobody may use what is not whole");
    // Others may edit meanwhile, and their edits are in the index too.
    conn.execute_batch(
        "UPDATE hydrant SET geom=(SELECT geom FROM hydrant WHERE fid=6000) WHERE fid<50; DELETE FROM hydrant WHERE fid BETWEEN 100 AND 200;",
    )
    .unwrap();
    first.finish().unwrap();
    assert!(store.unindexed().unwrap().is_empty());
    is_sound(&dir, "hydrant");
    // The class is no longer new: what comes now goes through the triggers.
    let (counts, _) = load(&store, info("more"), codes(5000));
    assert_eq!(counts.added, 5000);
    is_sound(&dir, "hydrant");
}

#[test]
fn a_small_load_keeps_the_index_as_it_is() {
    let (dir, store) = new_city();
    let mut small = store.begin_load(info("hydrants")).unwrap();
    for record in codes(900) {
        small.add(record).unwrap();
    }
    while !small.is_landed() {
        small.land().unwrap();
        is_sound(&dir, "hydrant");
    }
    small.finish().unwrap();
    is_sound(&dir, "hydrant");
}

#[test]
fn an_index_left_aside_is_completed_by_whoever_comes_next() {
    let (dir, store) = new_city();
    let mut broken = store.begin_load(info("hydrants")).unwrap();
    for record in codes(6000) {
        broken.add(record).unwrap();
    }
    drop(broken);
    assert_eq!(store.unindexed().unwrap(), ["hydrant"]);
    drop(store);
    let store = reopen(&dir);
    assert_eq!(store.complete_indexes().unwrap(), ["hydrant"]);
    is_sound(&dir, "hydrant");
    assert!(store.complete_indexes().unwrap().is_empty());

    // The same by a later load of anything.
    let (dir, store) = new_city();
    let mut broken = store.begin_load(info("hydrants")).unwrap();
    for record in codes(6000) {
        broken.add(record).unwrap();
    }
    drop(broken);
    load(&store, info("other"), codes(3));
    is_sound(&dir, "hydrant");
}

#[test]
fn the_index_of_a_load_still_running_is_left_to_it() {
    let (dir, store) = new_city();
    let mut running = store.begin_load(info("hydrants")).unwrap();
    for record in codes(6000) {
        running.add(record).unwrap();
    }
    let other = reopen(&dir);
    assert!(other.complete_indexes().unwrap().is_empty());
    load(&other, info("other"), codes(3));
    assert_eq!(other.unindexed().unwrap(), ["hydrant"]);
    running.finish().unwrap();
    is_sound(&dir, "hydrant");
}

#[test]
fn an_index_that_another_program_made_meanwhile_is_kept() {
    let (dir, store) = new_city();
    let mut first = store.begin_load(info("hydrants")).unwrap();
    for record in codes(6000) {
        first.add(record).unwrap();
    }
    land_all(&mut first);
    let conn = look(&dir);
    rtree::create(&conn, "hydrant").unwrap();
    first.finish().unwrap();
    assert!(store.unindexed().unwrap().is_empty());
    is_sound(&dir, "hydrant");
}

#[test]
fn edits_beside_the_packing_are_in_the_index() {
    let (dir, store) = new_city();
    let done = AtomicBool::new(false);
    let edits = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut load = store.begin_load(info("hydrants")).unwrap();
            for record in codes(30_000) {
                load.add(record).unwrap();
            }
            load.finish().unwrap();
            done.store(true, Ordering::Relaxed);
        });
        let conn = look(&dir);
        conn.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        let mut edits = 0;
        while !done.load(Ordering::Relaxed) {
            let fid = edits * 7 % 30_000 + 1;
            let sql = match edits % 3 {
                0 => format!("UPDATE hydrant SET geom=(SELECT geom FROM hydrant WHERE fid=1) WHERE fid={fid}"),
                1 => format!("DELETE FROM hydrant WHERE fid={fid}"),
                _ => "INSERT INTO hydrant(geom) SELECT geom FROM hydrant LIMIT 3".to_owned(),
            };
            conn.execute_batch(&sql).unwrap();
            edits += 1;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        load.join().unwrap();
        edits
    });
    println!("{edits} edits beside the load");
    assert!(edits > 20);
    is_sound(&dir, "hydrant");
}
