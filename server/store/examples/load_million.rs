//! How long a load takes: `cargo run --release -p citytwin-store --example load_million -- [ROWS]`.
//!
//! Half points, half pipes that name two of the points; checked, indexed, linked, one revision per 40 ms. Beside the first
//! load another program writes, and says how long each of its writes waited.

use citytwin_catalogue::Catalogue;
use citytwin_model::{Geometry, LonLat, Position, Shape, Value};
use citytwin_store::{CityConfig, LoadInfo, Record, Store};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |n| n.parse())?;
    let dir = tempfile::tempdir()?;
    let catalogue = Catalogue::builtin();
    let store = Store::create(dir.path(), &CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 }), &catalogue.classes)?;
    let done = AtomicBool::new(false);
    for round in ["first load", "the same again"] {
        let (dir, done) = (dir.path(), &done);
        done.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if round == "first load" && std::env::args().any(|arg| arg == "--beside") {
            scope.spawn(move || write_beside(dir, done));
        }
        let start = Instant::now();
        let mut load =
            store.begin_load(LoadInfo { source: "bench".into(), file: "bench".into(), author: "bench".into(), ..LoadInfo::default() })?;
        for (class, offset) in [("manhole", 0), ("sewer_pipe", rows / 2)] {
            let class = catalogue.class(class).ok_or("a class of the catalogue")?;
            for i in 0..rows / 2 {
                let place = |i: u64| Position::new(116.0 + (i % 1000) as f64 * 1e-4, 30.0 + (i / 1000) as f64 * 1e-4, 10.0);
                let shape = if offset == 0 { Shape::Point(place(i)) } else { Shape::Line(vec![place(i), place(i + 1)]) };
                let mut attributes = vec![Value::Null; class.attributes.len()];
                let mut set = |id: &str, value: Value| {
                    if let Some(at) = class.attribute_index(id) {
                        attributes[at] = value;
                    }
                };
                set("code", format!("{}-{i}", class.id).into());
                set("built_year", Value::Int(1990 + (i % 30) as i64));
                set("from_node", format!("manhole-{i}").into());
                set("to_node", format!("manhole-{}", (i + 1) % (rows / 2)).into());
                load.add(Record {
                    number: offset + i,
                    class: class.no,
                    geometry: Some(Geometry::with_z(shape)),
                    attributes,
                    other: None,
                    source_id: None,
                })?;
            }
        }
        while !load.is_landed() {
            load.land()?;
        }
        let (held, links) = load.pace();
        let landed = start.elapsed().as_secs_f64();
        let counts = load.finish()?.counts;
        done.store(true, Ordering::Relaxed);
        let secs = start.elapsed().as_secs_f64();
        println!(
            "{round}: {rows} rows in {secs:.1} s ({landed:.1} s of them until landed), {:.0} rows/s; {links} links, lock held {held:?} at most; {counts:?}",
            rows as f64 / secs
        );
        Ok(())
        }).map_err(|e| e.to_string())?;
    }
    let start = Instant::now();
    let mut n = 0u64;
    store.read_all(&mut |_| n += 1)?;
    println!("read {n} features in {:.1} s", start.elapsed().as_secs_f64());
    println!("city.gpkg {} MB", std::fs::metadata(dir.path().join("city.gpkg"))?.len() / 1_000_000);
    Ok(())
}

/// Another program, with a connection of its own: a row every 20 ms.
fn write_beside(dir: &Path, done: &AtomicBool) {
    let conn = rusqlite::Connection::open(dir.join("city.gpkg")).expect("the city opens");
    conn.busy_timeout(Duration::from_secs(60)).expect("a timeout");
    conn.execute_batch("PRAGMA synchronous=FULL").expect("a pragma");
    let mut waits = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let start = Instant::now();
        conn.execute("INSERT INTO datastream(code) VALUES('beside')", []).expect("the other program writes");
        waits.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    println!("{} writes beside the load: p50 {:?}, p99 {:?}, at most {:?}", waits.len(), at(0.5), at(0.99), at(1.0));
}
