//! What comes after the first load: the same file again, a newer one with changes, and the city as it was before that.

use crate::load::Loads;
use crate::loaded;
use crate::pipes::{CHANGED_EVERY, CLASS_ID};
use crate::report::{row, spread, spread_json};
use anyhow::{Context, Result, ensure};
use citytwin_catalogue::Catalogue;
use citytwin_store::{AsOf, Store};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

const READS: usize = 5;

/// The city holds `file` already.
pub fn measure(loads: &Loads, file: &Path, newer: &Path) -> Result<Value> {
    let rows = loads.rows;
    let changed = rows / CHANGED_EVERY;
    let same_s = loads.load_into(file, &[])?.took.as_secs_f64();
    ensure!(counts(loads)? == [0, 0, rows], "the same file again changed something: {:?}", counts(loads)?);
    let catalogue = Catalogue::builtin();
    let class = catalogue.class(CLASS_ID).context("a class of the catalogue")?.no;
    let before = Store::open(&loads.city(), &catalogue.classes)?.head()?;
    let newer_s = loads.load_into(newer, &[])?.took.as_secs_f64();
    ensure!(counts(loads)? == [0, changed, rows - changed], "the newer file gave {:?}", counts(loads)?);
    println!("the same file again: {same_s:.1} s, nothing changed; a newer one with {changed} of {rows} changed: {newer_s:.1} s");

    let store = Store::open(&loads.city(), &catalogue.classes)?;
    let years = |revision| -> Result<(usize, i64, f64)> {
        let at = catalogue.class(CLASS_ID).and_then(|class| class.attribute_index("built_year")).context("a year")?;
        let (mut count, mut sum, start) = (0, 0, Instant::now());
        store.read_class_as_of(class, AsOf::Revision(revision), &mut |feature| {
            count += 1;
            sum += if let citytwin_model::Value::Int(year) = feature.attributes[at] { year } else { 0 };
        })?;
        Ok((count, sum, start.elapsed().as_secs_f64()))
    };
    let read = |revision| -> Result<(i64, [f64; 3])> {
        let all = (0..READS).map(|_| years(revision)).collect::<Result<Vec<_>>>()?;
        ensure!(all.iter().all(|(count, ..)| *count == rows), "not all pipes are there at revision {revision}");
        Ok((all[0].1, spread(all.iter().map(|(.., seconds)| *seconds).collect())))
    };
    let now = store.head()?;
    let ((was, then_s), (is, now_s)) = (read(before)?, read(now)?);
    ensure!(is - was == changed as i64, "each changed pipe is a year younger now: {was}, {is}");
    print!("reading the class of {rows}, {changed} of them changed since\n{}", crate::report::head(&format!("({READS} reads)")));
    print!("{}{}", row("as of the revision before the changes", then_s, "s"), row("as it is now", now_s, "s"));
    Ok(json!({
        "same_s": same_s, "changed": changed, "newer_s": newer_s, "as_of_s": spread_json(then_s), "now_s": spread_json(now_s),
    }))
}

/// Added, changed and unchanged of the last load.
fn counts(loads: &Loads) -> Result<[usize; 3]> {
    let text: String =
        loaded::ours(&loads.city())?.query_row("SELECT counts FROM ct_load ORDER BY id DESC LIMIT 1", [], |row| row.get(0))?;
    let counts: Value = serde_json::from_str(&text)?;
    let of = |key: &str| counts[key].as_u64().map(|n| n as usize).with_context(|| format!("{key} in {text}"));
    Ok([of("added")?, of("changed")?, of("unchanged")?])
}
