//! The helper: reads one foreign file and streams what it holds over standard output, or writes one.
//!
//! It is a process of its own because libgdal and our SQLite must not share one, and because a foreign file may
//! crash its reader: then this process ends, and the load says so. What it writes is `citytwin_datasets::pipe`.

mod clamped;
mod complaints;
mod crs;
mod formats;
mod geometry;
mod gml;
mod layer;
mod limits;
mod mistyped;
mod named;
mod offer;
mod osm;
mod proj;
mod project;
mod raster;
mod read;
mod sandbox;
mod sequence;
mod survey;
mod values;
mod write;

use crate::limits::{Limits, Unwatched, UnwatchedInput};
use anyhow::{Context, bail};
use citytwin_datasets::pipe::{Note, PipeWriter};
use std::io::{BufWriter, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: citytwin-gdal read FILE [--layer NAME]… [--crs EPSG:N|WKT] [--accept-shift METRES] [--swap-axes]
                                 [--encoding NAME] [--exact-extent] [--heads-only] [--ask]
       citytwin-gdal raster FILE [--crs EPSG:N|WKT] [--accept-shift METRES]
       citytwin-gdal write FILE --format NAME --crs EPSG:N|WKT --geometry TYPE [--widths W.D,…]
       citytwin-gdal project --crs EPSG:N|WKT --area=W,S,E,N [--accept-shift METRES]
       citytwin-gdal formats
Reads a foreign file and writes frames to standard output; `citytwin load` is its reader. `write` takes frames from
standard input into a new file, `project` moves points from degrees; `citytwin export` is their parent.
Limits: --memory-mib N (4096), --cpu-secs N (3600), --silence-secs N (300)";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("citytwin-gdal: {error:#}");
            ExitCode::from(2)
        }
    }
}

struct Args {
    verb: String,
    file: Option<PathBuf>,
    read: read::ReadOptions,
    write: write::WriteOptions,
    area: citytwin_model::Bounds,
    limits: Limits,
}

fn run() -> anyhow::Result<bool> {
    let args = parse(std::env::args_os().skip(1))?;
    if args.verb == "formats" {
        formats::prepare()?;
        println!("{}\n{}", formats::VECTOR.join(", "), formats::RASTER.join(", "));
        return Ok(true);
    }
    if args.verb == "project" {
        args.limits.set().context("limits")?;
        sandbox::shut(&[], None);
        return project::project(&args.read.said, &args.area, stdin().lock(), stdout().lock());
    }
    let file = args.file.context(USAGE)?;
    if args.verb == "write" {
        return write(&file, args.write, args.read.said.crs.context(USAGE)?, args.limits);
    }
    args.limits.set().context("limits")?;
    complaints::catch();
    let out = Unwatched { inner: stdout().lock(), silence_secs: args.limits.silence_secs };
    let mut pipe = PipeWriter::new(BufWriter::with_capacity(64 << 10, out));
    let named = match named::find(&file) {
        Ok(named) => named,
        Err(fail) => {
            pipe.hello(&read::hello(String::new(), Vec::new()))?;
            pipe.fail(&fail)?;
            return Ok(false);
        }
    };
    let unlocked = sandbox::shut(&named.belongs, None);
    formats::prepare()?;
    limits::watch(args.limits.silence_secs);
    let remarks: Vec<Note> = unlocked.0.into_iter().map(|detail| Note { key: "not_locked".into(), detail }).collect();
    match args.verb.as_str() {
        "read" => read::read(&named, &args.read, &remarks, &mut pipe),
        "raster" => raster::raster(&named.path, &args.read.said, &remarks, &mut pipe),
        other => bail!("{other} is no verb\n{USAGE}"),
    }
}

fn write(file: &Path, options: write::WriteOptions, crs: String, limits: Limits) -> anyhow::Result<bool> {
    let folder = file.parent().context(USAGE)?;
    let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
    let file = folder.join(file.file_name().context(USAGE)?);
    // It is there to write; the disk is the bound.
    let limits = Limits { file_mib: 16 << 20, ..limits };
    limits.set().context("limits")?;
    complaints::catch();
    sandbox::shut(&[], Some(&folder));
    formats::prepare()?;
    limits::watch(limits.silence_secs);
    let out = Unwatched { inner: stdout().lock(), silence_secs: limits.silence_secs };
    let input = UnwatchedInput { inner: stdin().lock(), silence_secs: limits.silence_secs };
    write::write(&file, &write::WriteOptions { crs, ..options }, input, &mut PipeWriter::new(out))
}

fn area(text: &str) -> anyhow::Result<citytwin_model::Bounds> {
    let sides: Vec<f64> = text.split(',').map(|x| x.parse().context("--area wants W,S,E,N")).collect::<Result<_, _>>()?;
    match sides[..] {
        [west, south, east, north] => Ok(citytwin_model::Bounds::new(west, south, east, north)),
        _ => bail!("--area wants W,S,E,N"),
    }
}

fn parse(args: impl Iterator<Item = std::ffi::OsString>) -> anyhow::Result<Args> {
    let mut args = args.peekable();
    let verb = args.next().and_then(|v| v.into_string().ok()).context(USAGE)?;
    let mut parsed = Args {
        verb,
        file: None,
        read: read::ReadOptions::default(),
        write: write::WriteOptions::default(),
        area: citytwin_model::Bounds::WORLD,
        limits: Limits::default(),
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().and_then(|v| v.into_string().ok()).with_context(|| format!("{arg:?} wants a value"));
        match arg.to_str() {
            Some("--layer") => parsed.read.layers.push(value()?),
            Some("--crs") => parsed.read.said.crs = Some(value()?),
            Some("--accept-shift") => parsed.read.said.accept_shift_m = Some(value()?.parse().context("--accept-shift wants metres")?),
            Some("--swap-axes") => parsed.read.said.swap_axes = true,
            Some("--encoding") => parsed.read.encoding = Some(value()?),
            Some("--exact-extent") => parsed.read.exact_extent = true,
            Some("--heads-only") => parsed.read.heads_only = true,
            Some("--format") => parsed.write.format = value()?,
            Some("--geometry") => parsed.write.geometry = value()?,
            Some("--widths") => parsed.write.widths = write::widths(&value()?)?,
            Some(option) if option.starts_with("--area=") => parsed.area = area(&option["--area=".len()..])?,
            Some("--ask") => parsed.read.ask = true,
            Some("--memory-mib") => parsed.limits.memory_mib = value()?.parse()?,
            Some("--cpu-secs") => parsed.limits.cpu_secs = value()?.parse()?,
            Some("--silence-secs") => parsed.limits.silence_secs = value()?.parse()?,
            Some(option) if option.starts_with("--") => bail!("{option} is no option\n{USAGE}"),
            _ if parsed.file.is_none() => parsed.file = Some(arg.into()),
            _ => bail!("one file at a time\n{USAGE}"),
        }
    }
    Ok(parsed)
}
