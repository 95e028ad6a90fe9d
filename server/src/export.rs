//! `citytwin export`: the city as files that other programs read, and that load again as the same city.
//!
//! All of it is of one revision, whatever is written meanwhile. Each class is walked twice: once for what its file has to
//! hold (`survey`), once to write it. Files are made in a folder of their own beside the target and get their names when
//! all of them are whole.

mod city;
pub(crate) mod credits;
mod csv;
mod format;
mod geojson;
mod losses;
mod references;
mod shapefile;
mod sink;
mod stage;
mod survey;
mod system;
mod table;
mod words;

use crate::cli::Outcome;
use crate::clock;
use crate::load::interrupt::Interrupt;
use crate::load::progress::{Progress, tell};
use anyhow::bail;
use city::Source;
use citytwin_assets::{Lang, say};
use citytwin_datasets::{Helper, Projector};
use citytwin_model::class::FIRST_OWN_CLASS;
use citytwin_model::{Bounds, Class, Feature, GeometryKind, Revision};
use citytwin_store::{Store, StoreError};
use credits::Credits;
use format::Format;
use losses::{Loss, Losses};
use references::References;
use sink::{Head, Sink};
use stage::Stage;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use survey::Survey;
use table::{Row, Table};

/// Rows that go through PROJ together.
const RUN: usize = 512;

/// Export classes of a city to files
///
/// The format follows the ending of FILE: .gpkg (all classes in one file), .geojson, .geojsonl (one feature a line),
/// .fgb, .csv, .shp. All but GeoPackage hold one class a file: name a FOLDER/ and a --format for several. Coordinates are
/// degrees of CGCS2000 (EPSG:4490; GeoJSON takes them as WGS 84, centimetres off), heights metres in the city's datum.
/// References are written as the code of the feature that they name, code lists as their values, attributes that the
/// catalogue does not know as columns again. gpkg, geojsonl and fgb load again as the same city: class, code, attributes,
/// references, coordinates to the last bit. What another format cannot hold is said at the end.
///
/// The credits of the sources go with it: in a GeoPackage's metadata and layer descriptions, at the top of a GeoJSON
/// collection, in FILE.credits.txt beside other files. A shapefile's ten-letter names stand in FILE.fields.csv.
/// In CSV a text that a spreadsheet would run (it begins with = + - @) gets an apostrophe in front, which a load takes off.
///
/// Exit codes: 0 done; 1 done, but some features could not be written (counted and named); 2 not done.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  citytwin export --city shifan --to shifan.gpkg
  citytwin export --city shifan --class water_pipe --class hydrant --to out/ --format fgb
  citytwin export --city shifan --class hydrant --bbox 116.0,30.0,116.1,30.1 --to hydrants.csv
  citytwin export --city shifan --to tuesday.gpkg --as-of 2026-11-17T18:00
  citytwin export --city shifan --class manhole --source survey --crs source --to manholes.shp")]
pub struct Args {
    /// The city's folder; it holds city.toml and city.gpkg
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
    /// A class or a collection of the city's own, by id, Chinese or English name (may be repeated) [default: all that hold something]
    #[arg(long = "class", value_name = "CLASS")]
    classes: Vec<String>,
    /// The file to write, or a folder (ending in /) that gets one file for each class
    #[arg(long, value_name = "FILE|FOLDER/")]
    to: PathBuf,
    /// gpkg, geojson, geojsonseq, fgb, csv or shp [default: by the file's ending]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Only what meets this box, in degrees: west, south, east, north
    #[arg(long, value_name = "W,S,E,N", value_parser = bounds, allow_hyphen_values = true)]
    bbox: Option<Bounds>,
    /// The city as it was: a revision number, or a time (2026-11-17T18:00 on the city's clock; a day alone is its beginning)
    #[arg(long, value_name = "REV|TIME")]
    as_of: Option<String>,
    /// Coordinates in this system: EPSG:N, WKT, a .prj file, or `source` for the one that the data set came in
    #[arg(long, value_name = "CRS")]
    crs: Option<String>,
    /// Accept a transformation of this stated accuracy, in metres, or a guess [default: 2 m, no guess]
    #[arg(long, value_name = "METRES", requires = "crs", value_parser = crate::load::metres)]
    accept_shift: Option<f64>,
    /// Only what came with this data set
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// A column more for each code list, with what its values mean, in Chinese (zh) or English (en). Not for loading again
    #[arg(long, value_name = "LANG", value_parser = lang)]
    labels: Option<Lang>,
    /// Write over files of these names
    #[arg(long)]
    overwrite: bool,
}

pub fn run(args: Args, lang: Lang) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let store = crate::classes::open_to_read(&args.city, lang)?;
    let mut args = args;
    args.crs = crate::load::crs_text(args.crs.as_deref(), lang)?;
    let job = Job::of(&args, lang, &store)?;
    let result = job.run(started);
    if job.interrupt.asked() && result.is_err() {
        bail!(say(lang, "export.interrupted", &[]));
    }
    result.map_err(|error| words::said(lang, error))
}

/// What was asked for, made plain.
struct Job<'a> {
    args: &'a Args,
    lang: Lang,
    store: &'a Store,
    source: Source<'a>,
    classes: Vec<Arc<Class>>,
    format: Format,
    /// One file for each class, in a folder.
    folder: bool,
    /// Told to stop, it takes away what it has begun.
    interrupt: Interrupt,
}

/// One class on its way into a file.
struct Part {
    class: Arc<Class>,
    survey: Survey,
    format: Format,
    file: String,
}

impl<'a> Job<'a> {
    fn of(args: &'a Args, lang: Lang, store: &'a Store) -> anyhow::Result<Self> {
        let there = store.classes();
        let classes = if args.classes.is_empty() { there.clone() } else { chosen(&args.classes, store, &there, lang)? };
        let folder = is_folder(&args.to);
        let format = match (args.format, Format::of_path(&args.to).filter(|_| !folder)) {
            (Some(asked), Some(named)) if asked != named => {
                bail!(say(lang, "export.ending", &[("file", &args.to.display()), ("named", &named), ("asked", &asked)]))
            }
            (Some(format), _) | (None, Some(format)) => format,
            (None, None) => {
                let formats = Format::ALL.map(Format::name).join(", ");
                bail!(say(lang, "export.no_format", &[("file", &args.to.display()), ("formats", &formats)]))
            }
        };
        if args.crs.is_some() && format == Format::GeoJsonSeq {
            bail!(say(lang, "export.no_system", &[("format", &format)]));
        }
        let data_set = match &args.source {
            None => None,
            Some(name) => {
                let all = store.sources()?;
                match all.iter().find(|source| source.name == *name) {
                    Some(source) => Some(source.no),
                    None => {
                        let names = all.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
                        bail!(say(lang, "export.no_source", &[("source", name), ("there", &names)]))
                    }
                }
            }
        };
        let revision = revision(store, args.as_of.as_deref(), lang)?;
        let source = Source { store, revision, bounds: args.bbox, data_set };
        Ok(Self { args, lang, store, source, classes, format, folder, interrupt: Interrupt::listen() })
    }

    fn say(&self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        say(self.lang, key, values)
    }

    fn run(&self, started: Instant) -> anyhow::Result<Outcome> {
        let (parts, lost) = self.survey()?;
        if !self.folder && !self.format.has_layers() && parts.len() > 1 {
            let names = parts.iter().map(|part| part.class.id.as_str()).collect::<Vec<_>>().join(", ");
            bail!(self.say("export.wants_folder", &[("format", &self.format), ("classes", &names)]));
        }
        let stage = Stage::at(&self.args.to, self.folder)?;
        let mut files: BTreeSet<String> = parts.iter().map(|part| part.file.clone()).collect();
        files.extend(parts.iter().filter_map(|part| credits_file(part.format, &part.file)));
        files.iter().try_for_each(|name| stage.allows(name, self.args.overwrite))?;
        let helper = self.helper(&parts)?;
        let mut projector = self.projector(helper.as_ref(), &parts)?;
        let used = parts.iter().flat_map(|part| part.survey.sources.iter().copied()).collect();
        let credits = Credits::of(self.store.config(), self.source.revision, &self.store.sources()?, &used);

        let mut losses = Losses::default();
        let mut progress = Progress::of(self.lang, "export.progress");
        let mut references = References::new(self.source);
        let mut shared: Option<Sink> = None;
        let mut remarks = BTreeSet::new();
        let mut written = 0;
        let count = parts.len();
        // A GeoPackage says of them itself what they are.
        let own = parts.iter().filter(|part| part.class.no >= FIRST_OWN_CLASS && part.format != Format::Gpkg);
        let own: Vec<String> = own.map(|part| part.class.id.clone()).collect();
        for part in parts {
            let line = credits.only(&part.survey.sources);
            let head = Head {
                name: &part.class.id,
                lang: self.lang,
                system: projector.as_ref().map(Projector::system).cloned(),
                credit: line.line(),
                members: line.members(),
            };
            let reserved: &[&str] = if part.format == Format::Csv { &csv::RESERVED } else { &[] };
            let mut table = Table::of(&part.class, part.survey, reserved, self.args.labels);
            if part.format == Format::Shp && table.columns.len() > shapefile::COLUMNS {
                bail!(self.say(
                    "export.too_many_columns",
                    &[("class", &part.class.id), ("count", &table.columns.len()), ("most", &shapefile::COLUMNS)]
                ));
            }
            for (was, is) in renamed(part.format, &table) {
                losses.note(Loss::Renamed, || format!("{}: {was} → {is}", part.class.id));
            }
            progress.layer(&part.class.id, Some(table.survey.features));
            let mut sink = match shared.take() {
                Some(sink) => sink,
                None => Sink::create(part.format, &stage.path(&part.file), helper.as_ref(), &table, &head)?,
            };
            sink.table(&table, &head)?;
            let rows = self.write(&mut table, &mut sink, projector.as_mut(), &mut references, &mut losses, &mut progress)?;
            written += rows;
            progress.line(&self.say(
                "export.class",
                &[("class", &part.class.id), ("label", words::label(self.lang, &part.class.label)), ("count", &rows), ("file", &part.file)],
            ));
            if let Some(name) = credits_file(part.format, &part.file) {
                std::fs::write(stage.path(&name), line.text())?;
            }
            if part.format == Format::Shp {
                std::fs::write(stage.path(&format!("{}.fields.csv", part.file)), shapefile::legend(&table, &shapefile::fields(&table)))?;
            }
            if self.format.has_layers() && !self.folder {
                shared = Some(sink);
            } else {
                sink.credit(&credits.only(&table.survey.sources).text())?;
                remarks.extend(sink.finish()?);
            }
        }
        if let Some(mut sink) = shared {
            sink.credit(&credits.text())?;
            remarks.extend(sink.finish()?);
        }
        if self.interrupt.asked() {
            bail!("interrupted");
        }
        stage.publish(self.args.overwrite, &self.obsolete(&files))?;
        drop(progress);
        for line in losses.sentences(self.lang) {
            tell(&line);
        }
        for detail in remarks {
            tell(&self.say("export.remark", &[("detail", &detail)]));
        }
        let estranged = if self.args.classes.is_empty() { self.store.estranged() } else { Vec::new() };
        if !estranged.is_empty() {
            tell(&self.say("export.estranged", &[("tables", &estranged.join(", "))]));
        }
        for lost in &lost {
            tell(&self.say("export.history_lost", &[("reason", &crate::trouble::of_the_store(self.lang, lost))]));
        }
        for class in own {
            tell(&self.say("export.own_collection", &[("class", &class)]));
        }
        let seconds = format!("{:.1}", started.elapsed().as_secs_f64());
        tell(&self.say(
            "export.done",
            &[
                ("file", &self.args.to.display()),
                ("features", &written),
                ("classes", &count),
                ("revision", &self.source.revision),
                ("left_out", &losses.left_out()),
                ("seconds", &seconds),
            ],
        ));
        Ok(if losses.left_out() > 0 || !estranged.is_empty() || !lost.is_empty() { Outcome::DoneWithRefusals } else { Outcome::Done })
    }

    /// The first walk: which classes hold something, and what their files have to hold.
    /// The others are classes whose history does not reach back so far: of a whole city they are left out.
    fn survey(&self) -> anyhow::Result<(Vec<Part>, Vec<StoreError>)> {
        let (mut parts, mut lost) = (Vec::new(), Vec::new());
        for class in &self.classes {
            let mut survey = Survey::of(class);
            match self.source.read(class, &mut |feature| survey.see(class, &feature)) {
                Err(error @ StoreError::HistoryLost { .. }) if self.args.classes.is_empty() => {
                    lost.push(error);
                    continue;
                }
                read => read?,
            }
            if self.interrupt.asked() {
                bail!("interrupted");
            }
            // A class that was named gets its file, empty or not.
            if survey.features + survey.placeless == 0 && self.args.classes.is_empty() {
                continue;
            }
            let mut format = self.format;
            if class.geometry == GeometryKind::None && !format.holds_placeless() {
                if !self.folder {
                    bail!(self.say("export.no_place", &[("class", &class.id), ("format", &format)]));
                }
                format = Format::GeoJsonSeq;
                tell(&self.say("export.other_format", &[("class", &class.id), ("format", &self.format), ("other", &format)]));
            }
            let file = match self.folder {
                true => format!("{}.{}", class.id, format.endings()[0]),
                false => self.args.to.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            };
            parts.push(Part { class: class.clone(), survey, format, file });
        }
        if parts.is_empty() {
            if let Some(lost) = lost.pop() {
                return Err(lost.into());
            }
            let estranged = self.store.estranged();
            if !estranged.is_empty() {
                tell(&self.say("export.estranged", &[("tables", &estranged.join(", "))]));
            }
            bail!(self.say("export.nothing", &[]));
        }
        Ok((parts, lost))
    }

    /// The second walk: the rows of one class.
    fn write(
        &self,
        table: &mut Table,
        sink: &mut Sink,
        mut projector: Option<&mut Projector>,
        references: &mut References,
        losses: &mut Losses,
        progress: &mut Progress,
    ) -> anyhow::Result<u64> {
        let class = table.class.clone();
        let mut run: Vec<Row> = Vec::with_capacity(RUN);
        let mut rows = 0;
        let mut failed: Option<anyhow::Error> = None;
        let mut land = |run: &mut Vec<Row>, table: &Table, losses: &mut Losses| -> anyhow::Result<()> {
            if self.interrupt.asked() {
                bail!("interrupted");
            }
            let mut keep = vec![true; run.len()];
            if let Some(projector) = &mut projector {
                let placed: Vec<usize> = (0..run.len()).filter(|i| run[*i].geometry.is_some()).collect();
                let moved = projector.apply(run.iter_mut().filter_map(|row| row.geometry.as_mut())).map_err(sink::Failed)?;
                placed.into_iter().zip(moved).for_each(|(i, whole)| keep[i] = whole);
            }
            for (row, keep) in run.drain(..).zip(keep) {
                if !keep {
                    losses.note(Loss::NoTransformation, || table.id(&row));
                    continue;
                }
                rows += u64::from(sink.row(table, row, losses)?);
            }
            Ok(())
        };
        self.source.read(&class, &mut |feature: Feature| {
            // The reader cannot be stopped; what follows a failure is passed over.
            if failed.is_some() {
                return;
            }
            progress.step();
            run.extend(table.row(feature, references, losses));
            if run.len() >= RUN {
                failed = land(&mut run, table, losses).err();
            }
        })?;
        if failed.is_none() {
            failed = land(&mut run, table, losses).err();
        }
        if let Some(error) = references.failed.take() {
            return Err(error.into());
        }
        failed.map_or(Ok(rows), Err)
    }

    fn helper(&self, parts: &[Part]) -> anyhow::Result<Option<Helper>> {
        let needed = self.args.crs.is_some() || parts.iter().any(|part| matches!(part.format, Format::Fgb | Format::Shp));
        if !needed {
            return Ok(None);
        }
        Ok(Some(Helper::find().map_err(sink::Failed)?))
    }

    fn projector(&self, helper: Option<&Helper>, parts: &[Part]) -> anyhow::Result<Option<Projector>> {
        let unnamed = |crs: &str| tell(&self.say("export.system_unnamed", &[("format", &self.format), ("crs", &crs)]));
        let (Some(crs), Some(helper)) = (&self.args.crs, helper) else {
            // GeoJSON is degrees wherever it is read.
            if self.format == Format::Csv && parts.iter().any(|part| part.survey.bounds.is_some()) {
                unnamed("EPSG:4490");
            }
            return Ok(None);
        };
        let crs = match crs.as_str() {
            "source" => system::of_sources(self.store, parts.iter().map(|part| (part.class.no, &part.survey)), self.lang)?,
            named => named.to_owned(),
        };
        let whole = parts.iter().filter_map(|part| part.survey.bounds).fold(Bounds::EMPTY, |all, b| all.union(&b));
        if whole.is_empty() {
            return Ok(None);
        }
        let projector = helper.project(&crs, &whole, self.args.accept_shift).map_err(sink::Failed)?;
        tell(&words::system(self.lang, projector.system()));
        if !self.format.names_its_system() {
            unnamed(&projector.system().used.source);
        }
        Ok(Some(projector))
    }

    /// Files that belong to those which are overwritten, and would lie about the new ones.
    fn obsolete(&self, files: &BTreeSet<String>) -> Vec<String> {
        let mut names = Vec::new();
        for file in files {
            let companions = Format::of_path(Path::new(file)).map_or(&[][..], Format::companions);
            names.extend(companions.iter().map(|ending| Path::new(file).with_extension(ending).to_string_lossy().into_owned()));
            names.extend(["-wal", "-shm", "-journal"].map(|suffix| format!("{file}{suffix}")));
        }
        names
    }
}

/// Where the credits stand, for a format that has no place for them inside.
fn credits_file(format: Format, file: &str) -> Option<String> {
    (!matches!(format, Format::Gpkg | Format::GeoJson)).then(|| format!("{file}.credits.txt"))
}

/// Columns that are called otherwise in a file of this format, with both names.
fn renamed(format: Format, table: &Table) -> Vec<(String, String)> {
    let names: Vec<String> = match format {
        Format::Csv => csv::names(table),
        Format::Shp => shapefile::fields(table).into_iter().map(|field| field.name).collect(),
        Format::Gpkg | Format::GeoJson | Format::GeoJsonSeq | Format::Fgb => return Vec::new(),
    };
    let both = table.columns.iter().map(|column| column.name.clone()).zip(names);
    both.filter(|(was, is)| was != is).collect()
}

/// A folder is named with a slash behind it, or is there.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.to_string_lossy().ends_with(std::path::MAIN_SEPARATOR)
}

fn chosen(named: &[String], store: &Store, there: &[Arc<Class>], lang: Lang) -> anyhow::Result<Vec<Arc<Class>>> {
    let mut classes: Vec<Arc<Class>> = Vec::new();
    for name in named {
        let found = there.iter().find(|c| c.id == *name).or_else(|| there.iter().find(|c| c.label.zh == *name || c.label.en == *name));
        match found {
            Some(class) if classes.iter().any(|c| c.no == class.no) => {}
            Some(class) => classes.push(class.clone()),
            None => {
                if let Some(estranged) = crate::classes::estranged(store, name) {
                    return Err(estranged.into());
                }
                match crate::near::nearest(name, there) {
                    near if near.is_empty() => bail!(say(lang, "export.no_class_near", &[("class", name)])),
                    near => bail!(say(lang, "export.no_class", &[("class", name), ("there", &near.join(", "))])),
                }
            }
        }
    }
    classes.sort_by_key(|class| class.no);
    Ok(classes)
}

/// The revision that is read: the newest, the one named, or the newest that is not younger than a time.
fn revision(store: &Store, as_of: Option<&str>, lang: Lang) -> anyhow::Result<Revision> {
    let head = store.head()?;
    let Some(text) = as_of else { return Ok(head) };
    if let Ok(asked) = text.parse() {
        return if asked <= head { Ok(asked) } else { Err(StoreError::FutureRevision { asked, head }.into()) };
    }
    match clock::instant(text, clock::zone_of(store.config())) {
        Some(at) => Ok(store.revision_at(at)?),
        None => bail!(say(lang, "export.as_of", &[("given", &text)])),
    }
}

fn bounds(text: &str) -> Result<Bounds, String> {
    let wanted = || say(crate::cli::lang(), "cli.no_box", &[("given", &text)]);
    let sides: Vec<f64> = text.split(',').map(|side| side.trim().parse().map_err(|_| wanted())).collect::<Result<_, _>>()?;
    let [west, south, east, north] = sides[..] else { return Err(wanted()) };
    let bounds = Bounds::new(west, south, east, north);
    if !bounds.is_empty() && Bounds::WORLD.contains(&bounds) { Ok(bounds) } else { Err(wanted()) }
}

fn lang(text: &str) -> Result<Lang, String> {
    Lang::of_tag(text).ok_or_else(|| say(crate::cli::lang(), "cli.no_language", &[("given", &text)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_four_numbers_in_order() {
        assert_eq!(bounds("116.0, 30.0,116.1,30.1"), Ok(Bounds::new(116.0, 30.0, 116.1, 30.1)));
        for bad in ["", "1,2,3", "1,2,3,4,5", "3,1,2,4", "1,2,3,91", "a,b,c,d", "NaN,0,1,1"] {
            assert!(bounds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_has_a_slash_or_is_there() {
        assert!(is_folder(Path::new("out/")) && !is_folder(Path::new("out.gpkg")));
        assert!(is_folder(&std::env::temp_dir()));
    }
}
