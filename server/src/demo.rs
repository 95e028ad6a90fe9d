//! `citytwin demo`: writes the demo city as a plain GeoPackage, and beside it its terrain, script, settings and truth.

use crate::cli::Outcome;
use crate::load::progress::Progress;
use crate::target;
use anyhow::Context;
use citytwin_assets::{Lang, say};
use citytwin_catalogue::Catalogue;
use citytwin_demo::{Sink, SinkError, Size, Summary, generate};
use citytwin_model::class::Class;
use citytwin_model::{ClassNo, Geometry, Value};
use citytwin_store::gpkg::{LayerNo, Writer};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Write the demo city 示范市 (Shifan) as a GeoPackage
///
/// All of it is made up and labelled so (模拟数据). The same size and seed give the same city on every machine.
/// Written are FILE.gpkg (one layer per class, EPSG:4490, heights in metres), and beside it
///   FILE.dem.tif      the terrain, a GeoTIFF of about 10 m (20 m for the metropolis)
///   FILE.city.toml    name, division code, origin and height datum, for the city that `load` makes of it
///   FILE.script.json  the incidents that `serve --simulate` plays
///   FILE.truth.json   what was planted and which analysis must find it, for tests
/// Files of these names are replaced. A large city is written as it is made: it takes disk, not memory.
#[derive(clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  citytwin demo --size town --seed 1 --out shifan.gpkg
  citytwin load shifan.gpkg --city shifan"
)]
pub struct Args {
    /// How large: village (about 10 000 features on 1.6 × 1.2 km), town (100 000 on 4.8 × 3.6 km),
    /// city (1 million on 14 × 13 km) or metropolis (10 million on 50 × 40 km)
    #[arg(long, value_name = "SIZE", default_value_t = Size::Village)]
    size: Size,
    /// Which of the cities of this size; any number
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The GeoPackage to write; its name ends in .gpkg
    #[arg(long, value_name = "FILE.gpkg", value_parser = gpkg_path)]
    out: PathBuf,
}

pub fn run(args: Args, lang: Lang) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    // Earlier demos are written over, but neither a city nor what is no plain file.
    target::is_free(&args.out, true).map_err(|unplaced| anyhow::Error::msg(unplaced.said(lang)))?;
    let progress = Progress::of(lang, "demo.progress");
    let summary = write(&args.out, args.size, args.seed, Some((progress, lang))).with_context(|| args.out.display().to_string())?;
    let seconds = format!("{:.1}", started.elapsed().as_secs_f64());
    let values: [(&str, &dyn std::fmt::Display); 4] =
        [("file", &args.out.display()), ("features", &summary.total()), ("classes", &summary.counts.len()), ("seconds", &seconds)];
    println!("{}", say(lang, "demo.done", &values));
    for (class, count) in &summary.counts {
        let label =
            Catalogue::builtin().class(class).map(|class| if lang == Lang::Zh { class.label.zh.clone() } else { class.label.en.clone() });
        println!("  {count:>8}  {class} {}", label.unwrap_or_default());
    }
    Ok(Outcome::Done)
}

/// The city's file appears under its name last: whoever sees it finds the others beside it.
fn write(out: &Path, size: Size, seed: u64, told: Option<(Progress, Lang)>) -> anyhow::Result<Summary> {
    let started = Instant::now();
    let (progress, lang) = told.unzip();
    let mut sink = Layers { writer: Writer::create(out)?, layers: BTreeMap::new(), progress, features: 0 };
    // Until the first quarter is made, nobody knows how many features there will be.
    sink.expect(None);
    // Layers stand in the order of the catalogue.
    for class in Catalogue::builtin().classes.iter().filter(|class| citytwin_demo::CLASSES.contains(&class.id.as_str())) {
        sink.layers.insert(class.no, sink.writer.layer(class, true)?);
    }
    let summary = generate(size, seed, &mut sink).map_err(|error| anyhow::anyhow!(error))?;
    if let (Some(progress), Some(lang)) = (sink.progress.take(), lang) {
        let seconds = format!("{:.1}", started.elapsed().as_secs_f64());
        progress.line(&say(lang, "demo.indexing", &[("features", &summary.total()), ("seconds", &seconds)]));
    }
    let beside = |ending: &str| out.with_extension(ending);
    put(&beside("dem.tif"), |file| summary.write_dem(file))?;
    put(&beside("city.toml"), |file| file.write_all(summary.city_toml().as_bytes()))?;
    put(&beside("script.json"), |file| file.write_all(summary.script.to_json().as_bytes()))?;
    put(&beside("truth.json"), |file| file.write_all(summary.truth.to_json().as_bytes()))?;
    sink.writer.finish()?;
    Ok(summary)
}

/// A file under another name until it is whole.
fn put(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> anyhow::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let written = (|| {
        let mut file = BufWriter::new(File::create(&part)?);
        fill(&mut file)?;
        file.into_inner()?.sync_all()?;
        std::fs::rename(&part, path)
    })();
    written.with_context(|| path.display().to_string())
}

fn gpkg_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_gpkg = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gpkg"));
    if is_gpkg { Ok(path) } else { Err("the name of a GeoPackage ends in .gpkg".to_owned()) }
}

/// The generator's features, each into its class's layer.
struct Layers {
    writer: Writer,
    layers: BTreeMap<ClassNo, LayerNo>,
    progress: Option<Progress>,
    features: u64,
}

impl Layers {
    /// So many features are still to come.
    fn expect(&mut self, features: Option<u64>) {
        if let Some(progress) = &mut self.progress {
            progress.layer("demo", features);
        }
    }
}

impl Sink for Layers {
    fn add(&mut self, class: &Arc<Class>, geometry: Option<Geometry>, attributes: Vec<Value>) -> Result<(), SinkError> {
        let layer = match self.layers.get(&class.no) {
            Some(layer) => *layer,
            None => {
                let layer = self.writer.layer(class, true)?;
                self.layers.insert(class.no, layer);
                layer
            }
        };
        self.writer.add(layer, geometry.as_ref(), &attributes)?;
        self.features += 1;
        if let Some(progress) = &mut self.progress {
            progress.step();
        }
        Ok(())
    }

    /// Quarters are about alike.
    fn made(&mut self, quarters: usize, of: usize) {
        let each = self.features / quarters.max(1) as u64;
        self.expect(Some(each * (of - quarters) as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_store::CityConfig;

    #[test]
    fn a_city_is_written_with_its_companions_and_nothing_half_done_stays() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("shifan.gpkg");
        let summary = write(&out, Size::Village, 1, None).unwrap();
        let mut names: Vec<String> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["shifan.city.toml", "shifan.dem.tif", "shifan.gpkg", "shifan.script.json", "shifan.truth.json"]);
        assert!(std::fs::metadata(&out).unwrap().len() > 1_000_000);
        let config = CityConfig::from_toml(&std::fs::read_to_string(dir.path().join("shifan.city.toml")).unwrap()).unwrap();
        assert_eq!((config.name.zh.as_str(), config.division.as_str(), config.simulated), ("示范市", "990100", true));
        assert_eq!((config.origin, config.geoid_offset_m), ([116.0, 30.0], citytwin_demo::GEOID_OFFSET_M));
        let script = std::fs::read_to_string(dir.path().join("shifan.script.json")).unwrap();
        assert_eq!(citytwin_demo::Script::from_json(&script).unwrap(), summary.script);
        // Again, over itself.
        let first = std::fs::read(dir.path().join("shifan.dem.tif")).unwrap();
        write(&out, Size::Village, 1, None).unwrap();
        assert_eq!(std::fs::read(dir.path().join("shifan.dem.tif")).unwrap(), first);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write(Path::new("/nowhere/at/all/a.gpkg"), Size::Village, 1, None).unwrap_err();
        assert!(format!("{error:#}").contains("a.gpkg"), "{error:#}");
    }

    #[test]
    fn what_is_typed_is_checked() {
        assert!(gpkg_path("a/b.gpkg").is_ok() && gpkg_path("A.GPKG").is_ok());
        assert!(gpkg_path("a.geojson").is_err() && gpkg_path("gpkg").is_err());
        assert!("village".parse::<Size>().is_ok());
        assert!("hamlet".parse::<Size>().unwrap_err().contains("village"));
    }
}
