//! What a load has left on either side, asked with plain SQL: how many, sums, an index over all, a sample row by row.

use crate::pipes::{CLASS_ID, COLUMNS};
use crate::rows::Dice;
use anyhow::{Context, Result, ensure};
use postgres::Client;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

const SAMPLE: usize = 1_000;

/// The city's file, seen by any SQLite.
pub fn ours(city: &Path) -> Result<Connection> {
    Ok(Connection::open_with_flags(city.join("city.gpkg"), OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// Both sides hold the same: the same number, sums and sample, each with a spatial index that knows every row.
pub fn same(city: &Path, client: &mut Client, rows: usize, seed: u64) -> Result<()> {
    let store = ours(city)?;
    let sums = format!(
        "SELECT count(*), CAST(sum(built_year) AS bigint), CAST(sum(diameter_mm) AS bigint), CAST(sum(length(name)) AS bigint) FROM {CLASS_ID}"
    );
    let mine: Vec<i64> = store.query_row(&sums, [], |row| (0..4).map(|i| row.get(i)).collect())?;
    let row = client.query_one(&sums, &[])?;
    let theirs: Vec<i64> = (0..4).map(|i| row.get(i)).collect();
    ensure!(mine == theirs, "counts and sums differ: {mine:?} of ours, {theirs:?} of theirs");
    ensure!(mine[0] == rows as i64, "{} of {rows} pipes were loaded", mine[0]);

    let indexed: usize = store.query_row(&format!("SELECT count(*) FROM rtree_{CLASS_ID}_geom"), [], |row| row.get(0))?;
    ensure!(indexed == rows, "{indexed} of {rows} pipes are in our index");
    let gist = "SELECT count(*) FROM pg_index JOIN pg_class ON oid=indexrelid WHERE indrelid=$1::text::regclass AND indisvalid
        AND relam=(SELECT oid FROM pg_am WHERE amname='gist')";
    let valid: i64 = client.query_one(gist, &[&CLASS_ID])?.get(0);
    ensure!(valid == 1, "{valid} spatial indexes on their side");

    let mut dice = Dice::seeded(seed);
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut mine = store.prepare(&format!("SELECT {}, geom FROM {CLASS_ID} WHERE code=?1", names.join(",")))?;
    let cast: Vec<String> = COLUMNS.iter().map(|(name, real)| format!("{name}::{}", if *real { "float8" } else { "text" })).collect();
    client.batch_execute(&format!("CREATE INDEX sample ON {CLASS_ID}(code)"))?;
    let theirs = client.prepare(&format!("SELECT {}, ST_AsBinary(geom, 'NDR') FROM {CLASS_ID} WHERE code=$1", cast.join(",")))?;
    for _ in 0..SAMPLE.min(rows) {
        let code = format!("GS-{:07}", 1 + dice.below(rows));
        let (values, wkb) = mine.query_row([&code], |row| {
            let values = COLUMNS
                .iter()
                .enumerate()
                .map(|(i, (_, real))| Ok(if *real { row.get::<_, f64>(i)?.to_string() } else { text(row.get(i)?) }));
            Ok((values.collect::<rusqlite::Result<Vec<String>>>()?, wkb_of(row.get(COLUMNS.len())?)))
        })?;
        let row = client.query_one(&theirs, &[&code])?;
        for (i, (name, real)) in COLUMNS.iter().enumerate() {
            let theirs = if *real { row.get::<_, f64>(i).to_string() } else { row.get::<_, String>(i) };
            ensure!(values[i] == theirs, "{code}: {name} is {} here and {theirs} there", values[i]);
        }
        ensure!(wkb.context("no geometry")? == row.get::<_, Vec<u8>>(COLUMNS.len()), "{code}: the geometries differ");
    }
    Ok(())
}

fn text(value: rusqlite::types::Value) -> String {
    match value {
        rusqlite::types::Value::Integer(n) => n.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    }
}

/// A GeoPackage's geometry without its header: the length of the box in it stands in the flags.
fn wkb_of(blob: Vec<u8>) -> Option<Vec<u8>> {
    let sides = [0, 4, 6, 6, 8].get(usize::from(blob.get(3)? >> 1 & 7))?;
    Some(blob.get(8 + sides * 8..)?.to_vec())
}
