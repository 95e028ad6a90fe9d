//! `citytwin load`: files become part of a city.
//!
//! Each file is read by the helper (`citytwin-gdal`), fitted to classes of the catalogue or to a collection of its
//! own, and written as a chain of revisions. One bad record never costs the file: it is listed, with what to do about
//! it, and written to `refused/` in the city's folder, ready to be corrected and loaded.

mod changes;
mod city;
mod features;
mod fitting;
mod hash;
mod heights;
pub(crate) mod interrupt;
pub(crate) mod patience;
mod plan;
pub(crate) mod progress;
mod refused;
mod undo;
mod words;

use crate::cli::Outcome;
use anyhow::bail;
use city::City;
use citytwin_assets::{Lang, say};
use citytwin_datasets::{Helper, Request};
use citytwin_store::{CityConfig, LoadState, STORE_FILE, Way};
use interrupt::{Interrupt, Interrupted};
use progress::tell;
use std::path::{Path, PathBuf};

/// Load files into a city
///
/// Layers whose name is a class of the catalogue (id, Chinese or English) go there; any other needs --class or --as.
/// Fields are matched to attributes by id, Chinese or English name; what the class does not know is kept beside them.
/// Read are GeoPackage, shapefiles, file geodatabases (the .gdb folder), GeoJSON and its sequences, TopoJSON, Esri JSON,
/// FlatGeobuf, MapInfo files, KML and KMZ, GML, GPX, OpenStreetMap (PBF and XML) and CSV; GeoTIFF, ASCII grids and SRTM tiles
/// become the city's terrain. The city is made by the first load. Loading a file again changes nothing; a changed file
/// updates by its key: `code`, else the source's own id, else what the record says. Ctrl-C is safe at any time: what has landed
/// stays, the same command goes on.
///
/// Exit codes: 0 done; 1 done, with refusals (listed, and kept in DIR/refused/); 2 not done.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  citytwin load demo.gpkg --city shifan
  citytwin load hydrants.geojson --class hydrant --city shifan
  citytwin load trees.shp --as trees --crs EPSG:4547 --city shifan
  citytwin load centre.osm.pbf --as osm --city shifan       one collection per layer: osm_points, osm_lines, …
  citytwin load --changes 3 --to load3.gpkg --city shifan   before and after of load 3
  citytwin load --undo 3 --city shifan                      takes load 3 back
  citytwin load --list --city shifan")]
pub struct Args {
    /// Files to load, in this order
    #[arg(value_name = "PATH", required_unless_present_any = ["list", "changes", "undo"])]
    paths: Vec<PathBuf>,
    /// The city's folder; it holds city.toml and city.gpkg
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
    /// Only this layer of the file (may be repeated)
    #[arg(long, value_name = "NAME")]
    layer: Vec<String>,
    /// The class of the catalogue that the layer is loaded into
    #[arg(long, value_name = "CLASS", conflicts_with = "own")]
    class: Option<String>,
    /// Keep the layer as a collection of its own, with the schema that it has (a-z, 0-9, _); of several layers each gets its
    /// own, NAME_LAYER
    #[arg(long = "as", id = "own", value_name = "NAME")]
    own: Option<String>,
    /// Coordinate system of the file, where it names none or a wrong one: EPSG:N, WKT, or a .prj file
    #[arg(long, value_name = "CRS")]
    crs: Option<String>,
    /// The file has latitude or northing first
    #[arg(long)]
    swap_axes: bool,
    /// Encoding of texts that are not UTF-8, such as GBK [default: what the file says]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Accept a transformation of this stated accuracy, in metres, or a guess [default: 2 m, no guess]
    #[arg(long, value_name = "METRES", value_parser = metres)]
    accept_shift: Option<f64>,
    /// Name of the data set, the scope of its keys [default: the file's name]
    #[arg(long, value_name = "NAME", value_parser = a_name)]
    source: Option<String>,
    /// Whom the data set is to be credited to; shown on the map and handed on with exports
    #[arg(long, value_name = "TEXT")]
    credit: Option<String>,
    /// The licence that the data set comes under, such as "ODbL 1.0"; shown and handed on with the credit
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
    /// Delete what the data set had before and this file has not
    #[arg(long)]
    replace: bool,
    /// Read and check everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Show all loads of the city instead
    #[arg(long, conflicts_with_all = OF_A_FILE)]
    list: bool,
    /// Write what a load changed, before and after, as layers of a GeoPackage (--to) instead
    #[arg(long, value_name = "ID", conflicts_with = "list", conflicts_with_all = OF_A_FILE, requires = "to")]
    changes: Option<i64>,
    /// The file for --changes
    #[arg(long, value_name = "FILE.gpkg", requires = "changes", conflicts_with_all = ["paths", "list", "undo"])]
    to: Option<PathBuf>,
    /// With --changes: write over a file of that name
    #[arg(long, requires = "changes", conflicts_with_all = ["paths", "list", "undo"])]
    overwrite: bool,
    /// Take this load back as one instead: every feature is again what it was before (its number is in --list)
    #[arg(long, value_name = "ID", conflicts_with_all = ["list", "changes"], conflicts_with_all = OF_A_FILE)]
    undo: Option<i64>,
    /// With --undo: leave features that were edited later as they are, instead of refusing
    #[arg(long, requires = "undo", conflicts_with_all = ["paths", "list", "changes"])]
    keep_later: bool,
    /// Name of a new city [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Division code of a new city (GB/T 2260)
    #[arg(long, value_name = "CODE")]
    division: Option<String>,
    /// Origin of a new city's frame, degrees [default: centre of the data, rounded to 0.01°]
    #[arg(long, value_name = "LON,LAT", value_parser = lon_lat, allow_hyphen_values = true)]
    origin: Option<[f64; 2]>,
}

/// What is said of a file to be loaded has no meaning where none is: said all the same, it is refused instead of passed over.
const OF_A_FILE: [&str; 16] = [
    "paths",
    "layer",
    "class",
    "own",
    "crs",
    "swap_axes",
    "encoding",
    "accept_shift",
    "source",
    "credit",
    "licence",
    "replace",
    "dry_run",
    "name",
    "division",
    "origin",
];

pub fn run(args: Args, lang: Lang) -> anyhow::Result<Outcome> {
    if args.list {
        return list(&args.city, lang);
    }
    if let (Some(id), Some(to)) = (args.changes, &args.to) {
        return changes::write(&args.city, id, to, args.overwrite, lang);
    }
    if let Some(load) = args.undo {
        return undo::run(&args.city, load, args.keep_later, lang);
    }
    as_the_city_is(&args, lang)?;
    let helper = Helper::find().map_err(|e| words::helper_error(lang, "", e))?;
    let request = Request {
        crs: crs_text(args.crs.as_deref(), lang)?,
        accept_shift_m: args.accept_shift,
        swap_axes: args.swap_axes,
        encoding: args.encoding.clone(),
        ..Request::default()
    };
    let interrupt = Interrupt::listen();
    let mut city = City::at(&args.city, &args, lang)?;
    if let (Some(class), Some(store)) = (&args.class, city.opened())
        && let Some(estranged) = crate::classes::estranged(store, class)
    {
        return Err(estranged.into());
    }
    let mut outcome = Outcome::Done;
    for path in with_companions(&args.paths) {
        let task = Task { args: &args, lang, helper: &helper, request: &request, interrupt: &interrupt, path: &path };
        let result = if heights::is_grid(&path) { heights::load(&task, &mut city) } else { features::load(&task, &mut city) };
        if let Some(Interrupted(said)) = result.as_ref().err().and_then(|error| error.downcast_ref()) {
            eprintln!("{said}");
            return Ok(Outcome::NotDone);
        }
        // A wait that was given up, or whatever else came of the operator's word, ends the rest too.
        let stop = result.is_err() && interrupt.asked();
        let this = result.unwrap_or_else(|error| {
            eprintln!("{}", say(lang, "load.file_failed", &[("file", &path.display()), ("reason", &crate::trouble::said(lang, &error))]));
            Outcome::NotDone
        });
        outcome = worse(outcome, this);
        if stop {
            break;
        }
    }
    Ok(outcome)
}

/// One file and how it is to be taken.
pub(crate) struct Task<'a> {
    args: &'a Args,
    lang: Lang,
    helper: &'a Helper,
    request: &'a Request,
    interrupt: &'a Interrupt,
    path: &'a Path,
}

impl Task<'_> {
    fn say(&self, key: &str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
        say(self.lang, key, values)
    }

    /// The file's name, for people.
    fn file(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The file's name without its ending: the data set's name by habit.
    fn stem(&self) -> String {
        self.path.file_stem().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

fn worse(a: Outcome, b: Outcome) -> Outcome {
    let rank = |o: &Outcome| match o {
        Outcome::Done => 0,
        Outcome::DoneWithRefusals => 1,
        Outcome::NotDone => 2,
    };
    if rank(&b) > rank(&a) { b } else { a }
}

/// The files named, and after a demo city's file its terrain, where it lies beside and is not named.
fn with_companions(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = paths.to_vec();
    for path in paths {
        let heights = path.with_extension("dem.tif");
        if path.with_extension("city.toml").is_file() && heights.is_file() && !all.contains(&heights) {
            all.push(heights);
        }
    }
    all
}

/// What is said of a new city may be said again with each load into it, but changes nothing: another word is refused.
fn as_the_city_is(args: &Args, lang: Lang) -> anyhow::Result<()> {
    if !args.city.join(STORE_FILE).exists() {
        return Ok(());
    }
    let is = CityConfig::read(&args.city)?;
    let differs = [
        ("--name", args.name.as_ref().is_some_and(|name| *name != is.name.zh && *name != is.name.en)),
        ("--division", args.division.as_ref().is_some_and(|division| *division != is.division)),
        ("--origin", args.origin.is_some_and(|origin| origin != is.origin)),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        Some((option, _)) => {
            let file = args.city.join(citytwin_store::CONFIG_FILE);
            bail!(say(lang, "load.city_is_otherwise", &[("option", &option), ("file", &file.display())]))
        }
        None => Ok(()),
    }
}

/// `--crs` as the helper wants it: a `.prj` file is replaced by its text.
pub(crate) fn crs_text(given: Option<&str>, lang: Lang) -> anyhow::Result<Option<String>> {
    let Some(given) = given else { return Ok(None) };
    if given.to_lowercase().ends_with(".prj") {
        let text = match std::fs::read_to_string(given) {
            Ok(text) => text,
            Err(error) => bail!(say(lang, "load.crs_file", &[("file", &given), ("reason", &error)])),
        };
        if text.len() > 64 << 10 {
            bail!(say(lang, "load.crs_no_prj", &[("file", &given)]));
        }
        return Ok(Some(text.trim().to_owned()));
    }
    Ok(Some(given.to_owned()))
}

fn lon_lat(text: &str) -> Result<[f64; 2], String> {
    let wanted = || say(crate::cli::lang(), "cli.no_place", &[("given", &text)]);
    let (lon, lat) = text.split_once(',').ok_or_else(wanted)?;
    let (lon, lat): (f64, f64) = (lon.trim().parse().map_err(|_| wanted())?, lat.trim().parse().map_err(|_| wanted())?);
    let on_earth = (-180.0..=180.0).contains(&lon) && (-85.0..=85.0).contains(&lat);
    if on_earth { Ok([lon, lat]) } else { Err(wanted()) }
}

/// Metres of a shift that is to be accepted.
pub(crate) fn metres(text: &str) -> Result<f64, String> {
    let metres = text.trim().parse().ok().filter(|metres: &f64| metres.is_finite() && *metres > 0.0);
    metres.ok_or_else(|| say(crate::cli::lang(), "cli.no_metres", &[("given", &text)]))
}

fn a_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() { Err(say(crate::cli::lang(), "cli.no_name", &[])) } else { Ok(name.to_owned()) }
}

fn list(city: &Path, lang: Lang) -> anyhow::Result<Outcome> {
    let store = crate::classes::open_to_read(city, lang)?;
    let zone = crate::clock::zone_of(store.config());
    let loads = store.loads()?;
    if loads.is_empty() {
        tell(&say(lang, "load.list_empty", &[]));
    }
    for load in loads {
        let state = match load.state {
            LoadState::Running => "load.state_running",
            LoadState::BrokenOff => "load.state_broken_off",
            LoadState::Complete => "load.state_complete",
            LoadState::Undoing => "load.state_undoing",
            LoadState::Undone => "load.state_undone",
        };
        let revisions = load.revisions.map_or_else(|| "–".to_owned(), |(first, last)| format!("{first}–{last}"));
        tell(&say(
            lang,
            "load.list_line",
            &[
                ("id", &load.id),
                ("source", &load.source),
                ("file", &load.file),
                ("state", &say(lang, state, &[])),
                ("started", &crate::clock::shown_text(&load.started, zone)),
                ("revisions", &revisions),
                ("added", &load.counts.added),
                ("changed", &load.counts.changed),
                ("unchanged", &load.counts.unchanged),
                ("gone", &load.counts.gone),
                ("deleted", &load.counts.deleted),
                ("refused", &load.counts.refused),
            ],
        ));
        for line in shifts(lang, &load.ways) {
            tell(&line);
        }
    }
    Ok(Outcome::Done)
}

/// How coordinates of another datum were brought over, and what was accepted: each way once.
fn shifts(lang: Lang, ways: &[Way]) -> Vec<String> {
    let mut lines = Vec::new();
    for way in ways {
        let Some(operation) = &way.operation else { continue };
        let metres = |m: Option<f64>| m.map_or_else(|| "?".to_owned(), |m| m.to_string());
        let (accuracy, accepted) = (metres(way.accuracy_m), metres(way.accepted_m));
        let key = if way.accepted_m.is_some() { "load.list_accepted" } else { "load.list_shift" };
        let line = say(lang, key, &[("source", &way.name), ("operation", operation), ("accuracy", &accuracy), ("accepted", &accepted)]);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_longitude_and_latitude() {
        assert_eq!(lon_lat("116.00, 30.00"), Ok([116.0, 30.0]));
        assert_eq!(lon_lat("-77.03,38.9"), Ok([-77.03, 38.9]));
        for bad in ["", "116", "30,116.0", "a,b", "116,30,2"] {
            assert!(lon_lat(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_worst_of_several_files_is_the_outcome() {
        assert_eq!(worse(Outcome::DoneWithRefusals, Outcome::Done), Outcome::DoneWithRefusals);
        assert_eq!(worse(Outcome::DoneWithRefusals, Outcome::NotDone), Outcome::NotDone);
    }

    #[test]
    fn the_terrain_beside_a_demo_city_is_loaded_with_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            path
        };
        let (city, heights) = (file("demo.gpkg"), file("demo.dem.tif"));
        assert_eq!(with_companions(std::slice::from_ref(&city)), std::slice::from_ref(&city));
        file("demo.city.toml");
        assert_eq!(with_companions(std::slice::from_ref(&city)), [city.clone(), heights.clone()]);
        assert_eq!(with_companions(&[city.clone(), heights.clone()]), [city, heights]);
    }
}
