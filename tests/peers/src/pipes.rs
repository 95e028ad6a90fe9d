//! Files of water pipes as a city's survey delivers them, the same for the same seed.
//!
//! They are written as lines of GeoJSON, which GDAL turns into the formats that both sides then read.

use crate::rows::{Dice, HALF_SIDE_M, MATERIALS, ORIGIN, PER_DEGREE, line, rounded};
use anyhow::{Context, Result, ensure};
use citytwin_model::Shape;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The class of the catalogue, the layer of the files, the table on either side.
pub const CLASS_ID: &str = "water_pipe";
/// Every tenth pipe says something else in the newer file.
pub const CHANGED_EVERY: usize = 10;

/// Columns of the layer beside its geometry, and whether they hold numbers with a fraction.
pub const COLUMNS: [(&str, bool); 12] = [
    ("code", false),
    ("name", false),
    ("state", false),
    ("built_year", false),
    ("material", false),
    ("diameter_mm", false),
    ("cover_m", true),
    ("breaks", false),
    ("length_m", true),
    ("pressure_kpa", true),
    ("kind", false),
    ("roughness", true),
];

/// Writes so many pipes as a GeoPackage named `name` in `dir`. A `newer` file has other pressures and years for some.
pub fn geopackage(dir: &Path, name: &str, rows: usize, seed: u64, newer: bool) -> Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let lines = dir.join(format!("{name}.geojsonl"));
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&lines)?);
    let mut dice = Dice::seeded(seed);
    for i in 1..=rows {
        write_pipe(&mut out, i, &mut dice, newer && i % CHANGED_EVERY == 0)?;
    }
    out.into_inner()?.sync_all()?;
    let file = dir.join(format!("{name}.gpkg"));
    convert(&lines, &file, "GPKG")?;
    std::fs::remove_file(lines)?;
    Ok(file)
}

/// The same layer in another format, beside the file.
pub fn converted(file: &Path, ending: &str, format: &str) -> Result<PathBuf> {
    let to = file.with_extension(ending);
    convert(file, &to, format)?;
    Ok(to)
}

fn convert(from: &Path, to: &Path, format: &str) -> Result<()> {
    let mut command = Command::new("ogr2ogr");
    command.args(["-f", format, "-nln", CLASS_ID, "-a_srs", "EPSG:4490", "--config", "OGR_SQLITE_SYNCHRONOUS", "OFF"]);
    let done = command.arg(to).arg(from).output().context("ogr2ogr is missing: apt-get install gdal-bin")?;
    ensure!(done.status.success(), "ogr2ogr: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

fn write_pipe(out: &mut impl Write, i: usize, dice: &mut Dice, other: bool) -> Result<()> {
    let (east, north) = (dice.between(-HALF_SIDE_M, HALF_SIDE_M), dice.between(-HALF_SIDE_M, HALF_SIDE_M));
    let height = dice.between(20.0, 60.0);
    let Shape::Line(vertices) = line(east, north, height, dice) else { unreachable!("a line was asked for") };
    let metres: f64 = vertices
        .windows(2)
        .map(|pair| ((pair[1].lon - pair[0].lon) * PER_DEGREE.0).hypot((pair[1].lat - pair[0].lat) * PER_DEGREE.1))
        .sum();
    let year = 1960 + dice.below(66) + usize::from(other);
    let pressure = rounded(dice.between(150.0, 600.0), 10.0) + if other { 12.5 } else { 0.0 };
    let [material, kind] =
        [MATERIALS[dice.below(MATERIALS.len())], ["distribution", "distribution", "transmission", "fire"][dice.below(4)]];
    write!(
        out,
        r#"{{"type":"Feature","properties":{{"code":"GS-{i:07}","name":"示范路{}段","state":"in_use","built_year":{year},"material":"{material}","diameter_mm":{},"cover_m":{:.2},"breaks":{},"length_m":{metres:.2},"pressure_kpa":{pressure:.1},"kind":"{kind}","roughness":{}}},"geometry":{{"type":"LineString","coordinates":["#,
        i % 4_000,
        [100, 150, 200, 300, 400, 600][dice.below(6)],
        dice.between(0.6, 4.0),
        dice.below(4),
        80 + dice.below(70),
    )?;
    for (at, vertex) in vertices.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(out, "{comma}[{:.7},{:.7},{:.2}]", vertex.lon, vertex.lat, vertex.z)?;
    }
    out.write_all(b"]}}\n")?;
    debug_assert!((vertices[0].lon - ORIGIN.lon).abs() < 1.0, "the pipes lie in the city");
    Ok(())
}
