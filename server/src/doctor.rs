//! `citytwin doctor`: what is wrong with a city, and the remedy.

use crate::cli::{Outcome, operator};
use crate::load::patience::patiently;
use crate::ticker::Ticker;
use crate::{backup, beyond, classes};
use citytwin_assets::{Lang, say};
use citytwin_store::{LoadState, STORE_FILE, StoreError};
use std::path::PathBuf;

/// Say what is wrong with a city, and the remedy
///
/// Looks the city over as `verify` does, and names tables that another program has replaced or added, loads and undos that were
/// broken off, and spatial indexes that they left aside: these it builds. Features beyond the square of 65 km about the city's
/// origin, where the 3D scene ends, are counted too. A backup is only looked at.
///
/// Exit codes: 0 all is well; 2 something is not.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  citytwin doctor --city shifan
  citytwin doctor --adopt hydrant --city shifan")]
pub struct Args {
    /// The city's folder; it holds city.toml and city.gpkg
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
    /// Take a table back that another program has replaced (what its features said before is recorded as lost), or one in that
    /// another program has added
    #[arg(long, value_name = "TABLE")]
    adopt: Option<String>,
}

pub fn run(args: Args, lang: Lang) -> anyhow::Result<Outcome> {
    let tell = |key: &str, values: &[(&str, &dyn std::fmt::Display)]| println!("{}", say(lang, key, values));
    let working = Ticker::start(lang);
    let open = if args.adopt.is_some() { classes::open } else { classes::open_to_read };
    let store = match open(&args.city, lang) {
        Ok(store) => store,
        // There is nothing to look over: it is not the backup's fault.
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::IsBackup { .. })) => return Err(error),
        Err(error) => {
            // What keeps it from being opened is often what looking it over finds, with a remedy.
            let found = if args.city.join(STORE_FILE).exists() { backup::look_over(&args.city, lang) } else { Vec::new() };
            drop(working);
            if found.is_empty() {
                return Err(error);
            }
            found.iter().for_each(|line| println!("{line}"));
            return Ok(Outcome::NotDone);
        }
    };
    if let Some(table) = &args.adopt {
        let is_new = store.strangers()?.contains(table);
        let adopted = patiently(lang, &args.city, || store.adopt(table, &operator("doctor")))?;
        drop(working);
        let values: [(&str, &dyn std::fmt::Display); 5] = [
            ("table", table),
            ("features", &adopted.features),
            ("lost", &adopted.lost),
            ("renumbered", &adopted.renumbered),
            ("revision", &adopted.revision),
        ];
        tell(if is_new { "doctor.taken_in" } else { "doctor.adopted" }, &values);
        if !adopted.kept_in_other.is_empty() {
            tell("doctor.kept_in_other", &[("columns", &adopted.kept_in_other.join(", "))]);
        }
        if adopted.unreadable > 0 {
            tell("doctor.unreadable", &[("count", &adopted.unreadable)]);
        }
        return Ok(Outcome::Done);
    }
    let mut ill = false;
    if !store.is_backup() {
        for class in patiently(lang, &args.city, || store.complete_indexes())? {
            tell("doctor.indexed", &[("class", &class)]);
        }
    }
    for table in store.estranged() {
        ill = true;
        tell("doctor.estranged", &[("table", &table), ("folder", &args.city.display())]);
    }
    for table in store.strangers()? {
        ill = true;
        tell("doctor.stranger", &[("table", &table), ("folder", &args.city.display())]);
    }
    for load in store.loads()? {
        let key = match load.state {
            LoadState::BrokenOff => "doctor.load_broken_off",
            LoadState::Undoing => "doctor.undo_broken_off",
            _ => continue,
        };
        ill = true;
        tell(key, &[("id", &load.id), ("file", &load.file), ("folder", &args.city.display())]);
    }
    for line in backup::look_over(&args.city, lang) {
        ill = true;
        println!("{line}");
    }
    // Likely a mistake, but perhaps the city reaches so far: no illness.
    let beyond = beyond::of_city(&store)?;
    if let Some((first, place)) = &beyond.first {
        tell("doctor.beyond", &[("count", &beyond.count), ("feature", first), ("lon", &place.lon), ("lat", &place.lat)]);
    }
    drop(working);
    if ill {
        return Ok(Outcome::NotDone);
    }
    let well = if beyond.count > 0 { "doctor.well_otherwise" } else { "doctor.well" };
    tell(well, &[("revision", &store.head()?)]);
    Ok(Outcome::Done)
}
