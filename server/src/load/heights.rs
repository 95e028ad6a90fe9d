//! A grid of heights becomes the city's terrain.

use super::city::City;
use super::progress::tell;
use super::{Task, hash, words};
use crate::cli::Outcome;
use anyhow::bail;
use citytwin_datasets::pipe::{Event, GridHeader};
use citytwin_model::Bounds;
use citytwin_store::{Terrain, TerrainGrid, TerrainWriter};
use std::path::Path;
use std::time::Instant;

/// Beside the pyramid: where it came from.
const ORIGIN_FILE: &str = "terrain/source.json";

/// Whether a file is read as heights, by its name.
pub(super) fn is_grid(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    matches!(ending.as_str(), "tif" | "tiff" | "asc" | "hgt")
}

pub(super) fn load(task: &Task, city: &mut City) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let refused = |error| words::helper_error(task.lang, &task.file(), error);
    let dir = city.dir().to_owned();
    let sha256 = hash::of_file(task.path)?;
    if city.exists() && is_there(&dir, &sha256, task) {
        tell(&task.say("load.terrain_unchanged", &[("file", &task.file())]));
        return Ok(Outcome::Done);
    }
    let mut stream = task.helper.raster(task.path, task.request).map_err(refused)?;
    let mut writer: Option<(TerrainWriter, GridHeader)> = None;
    while let Some(event) = stream.next_event().map_err(refused)? {
        match event {
            Event::Grid(header) => {
                tell(&words::crs(task.lang, &header.crs));
                let grid = TerrainGrid {
                    west: header.west,
                    north: header.north,
                    lon_step: header.cell_lon,
                    lat_step: header.cell_lat,
                    columns: header.columns,
                    rows: header.rows,
                };
                if task.args.dry_run {
                    let size = format!("{} × {}", header.columns, header.rows);
                    tell(&task.say("load.terrain_dry_run", &[("file", &task.file()), ("size", &size)]));
                    return Ok(Outcome::Done);
                }
                city.store(task.path, Some(clipped(grid.bounds())))?;
                writer = Some((TerrainWriter::create(&dir, grid)?, header));
            }
            Event::Rows(_) if task.interrupt.asked() => {
                return Err(super::interrupt::Interrupted(task.say("load.interrupted_early", &[])).into());
            }
            Event::Rows(rows) => {
                let Some((writer, header)) = &mut writer else { bail!("rows before their grid") };
                for row in rows.cells.chunks(header.columns as usize) {
                    writer.row(row)?;
                }
            }
            Event::Note(note) => tell(&task.say(&format!("load.note.{}", note.key), &[("detail", &note.detail)])),
            _ => {}
        }
    }
    let Some((writer, header)) = writer else { bail!(task.say("load.nothing_read", &[])) };
    writer.finish()?;
    let origin = serde_json::json!({ "file": task.file(), "sha256": sha256, "asked": asked(task), "crs": header.crs });
    std::fs::write(dir.join(ORIGIN_FILE), origin.to_string())?;
    let (low, high) = Terrain::open(&dir)?.map_or((f64::NAN, f64::NAN), |terrain| terrain.range());
    let size = format!("{} × {}", header.columns, header.rows);
    let values: [(&str, &dyn std::fmt::Display); 5] = [
        ("file", &task.file()),
        ("size", &size),
        ("low", &format!("{low:.1}")),
        ("high", &format!("{high:.1}")),
        ("seconds", &format!("{:.1}", started.elapsed().as_secs_f64())),
    ];
    tell(&task.say("load.terrain", &values));
    Ok(Outcome::Done)
}

/// What of the command line decides how the grid is read.
fn asked(task: &Task) -> String {
    format!("{} {:?}", task.request.crs.as_deref().unwrap_or("-"), task.request.accept_shift_m)
}

/// The same file, read the same way, is the terrain already.
fn is_there(dir: &Path, sha256: &str, task: &Task) -> bool {
    let known = std::fs::read(dir.join(ORIGIN_FILE)).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let same = known.is_some_and(|known| known["sha256"] == sha256 && known["asked"] == asked(task).as_str());
    same && matches!(Terrain::open(dir), Ok(Some(_)))
}

fn clipped(b: Bounds) -> Bounds {
    Bounds::new(b.west.max(-180.0), b.south.max(-90.0), b.east.min(180.0), b.north.min(90.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_known_by_their_names() {
        for (name, grid) in [("a.tif", true), ("A.TIFF", true), ("demo.dem.tif", true), ("a.gpkg", false), ("tif", false)] {
            assert_eq!(is_grid(Path::new(name)), grid, "{name}");
        }
    }
}
