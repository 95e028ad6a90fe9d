//! How long the city of last Tuesday takes: `cargo run --release -p citytwin-store --example as_of_million -- [ROWS] [CHANGED]`.
//!
//! A class of a million points, 100 000 of them changed since; all of it, and a box, then and now; and the undo of that load.

use citytwin_catalogue::Catalogue;
use citytwin_model::{Bounds, Geometry, LonLat, Position, Shape, Value};
use citytwin_store::{AsOf, CityConfig, LoadInfo, Record, Store};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number = |n: usize, default: u64| std::env::args().nth(n).map_or(Ok(default), |text| text.parse::<u64>());
    let (rows, changed) = (number(1, 1_000_000)?, number(2, 100_000)?);
    let dir = tempfile::tempdir()?;
    let catalogue = Catalogue::builtin();
    let store = Store::create(dir.path(), &CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 }), &catalogue.classes)?;
    let class = catalogue.class("manhole").ok_or("a class of the catalogue")?;
    let load = |count: u64, step: u64, year: i64| -> Result<f64, Box<dyn std::error::Error>> {
        let start = Instant::now();
        let mut load = store.begin_load(LoadInfo { source: "bench".into(), file: "bench".into(), ..LoadInfo::default() })?;
        for i in (0..count).map(|i| i * step) {
            let mut attributes = vec![Value::Null; class.attributes.len()];
            attributes[class.attribute_index("code").ok_or("a code")?] = format!("M-{i}").into();
            attributes[class.attribute_index("built_year").ok_or("a year")?] = year.into();
            let place = Position::new(116.0 + (i % 1000) as f64 * 1e-4, 30.0 + (i / 1000) as f64 * 1e-4, 10.0);
            let geometry = Some(Geometry::with_z(Shape::Point(place)));
            load.add(Record { number: i, class: class.no, geometry, attributes, other: None, source_id: None })?;
        }
        load.finish()?;
        Ok(start.elapsed().as_secs_f64())
    };
    println!("{rows} rows in {:.1} s", load(rows, 1, 1990)?);
    let then = store.head()?;
    println!("{changed} changed in {:.1} s", load(changed, rows / changed, 2020)?);
    let box_of = Bounds::new(116.02, 30.02, 116.03, 30.03);
    for (what, revision) in [("then", then), ("now", store.head()?)] {
        let (mut count, start) = (0u64, Instant::now());
        store.read_class_as_of(class.no, AsOf::Revision(revision), &mut |_| count += 1)?;
        println!("as of {what}: {count} features in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
        let (mut count, start) = (0u64, Instant::now());
        store.read_box_as_of(Some(class.no), &box_of, AsOf::Revision(revision), &mut |_| count += 1)?;
        println!("a box as of {what}: {count} features in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    }
    let start = Instant::now();
    let undone = store.undo_load(2, false, "bench", |_| true)?;
    println!("undo of the second load: {} changed back in {:.1} s", undone.changed, start.elapsed().as_secs_f64());
    let start = Instant::now();
    let undone = store.undo_load(1, false, "bench", |_| true)?;
    println!("undo of the first: {} removed in {:.1} s", undone.removed, start.elapsed().as_secs_f64());
    Ok(())
}
