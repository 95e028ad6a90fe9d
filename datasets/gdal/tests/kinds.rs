//! Every kind of harm in every format where it makes sense (`kinds.py`), each in a helper of its own: it is refused in words, or
//! what is wrong is told, or nothing is missing; and it takes bounded time and memory. With `--nocapture` a table.

mod common;

use citytwin_datasets::pipe::{Event, PipeReader};
use common::data;
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Of the helper alone, with its libraries: far below what its limits allow.
const MOST_MIB: u64 = 512;
const MOST_CPU_SECS: f64 = 30.0;

#[derive(Debug, Default)]
struct Trial {
    records: usize,
    problems: BTreeMap<String, usize>,
    /// What was said about the file or a layer of it.
    told: Vec<String>,
    refused: bool,
    /// By a signal: the helper is a process of its own for that.
    crashed: bool,
    cpu_secs: f64,
    peak_mib: u64,
}

impl Trial {
    fn verdict(&self) -> String {
        let problems: usize = self.problems.values().sum();
        match (self.crashed, self.refused) {
            (true, _) => "crashed, contained".into(),
            (_, true) => format!("refused: {}", self.told.join("; ")),
            _ => {
                format!("read {}, refused {problems} {:?} {}", self.records, self.problems.keys().collect::<Vec<_>>(), self.told.join("; "))
            }
        }
    }
}

fn tried(file: &Path) -> Trial {
    let grid = file.extension().is_some_and(|e| ["asc", "tif", "hgt"].iter().any(|grid| e == *grid));
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin-gdal"));
    command.arg(if grid { "raster" } else { "read" }).arg(file).args(["--crs", "EPSG:4326"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut trial = Trial::default();
    let mut reader = PipeReader::new(BufReader::new(child.stdout.take().unwrap()));
    loop {
        match reader.next_event() {
            Ok(Some(Event::Feature(feature))) => {
                trial.records += 1;
                assert!(feature.geometry.iter().all(|g| g.points().iter().all(|p| p.is_finite())), "{}", file.display());
            }
            Ok(Some(Event::Problem(problem))) => *trial.problems.entry(problem.reason).or_default() += 1,
            Ok(Some(Event::Rows(rows))) => trial.records += rows.cells.len(),
            Ok(Some(Event::Note(note))) => trial.told.push(note.key),
            Ok(Some(Event::LayerFail(fail))) => {
                trial.refused = true;
                trial.told.push(format!("{}: {:.70}", fail.fail.key, fail.fail.detail));
            }
            Ok(Some(Event::Fail(fail))) => {
                trial.refused = true;
                trial.told.push(format!("{}: {:.70}", fail.key, fail.detail));
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(citytwin_datasets::pipe::PipeError::BrokeOff) => {
                trial.crashed = true;
                break;
            }
            Err(error) => panic!("{}: {error}", file.display()),
        }
    }
    let (mut status, mut usage) = (0, unsafe { std::mem::zeroed::<libc::rusage>() });
    // SAFETY: a child of ours that nobody else waits for; two places for the answer.
    let waited = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) };
    assert_eq!(waited, child.id() as i32);
    // A stream that broke off without a signal is a helper that gave up without a word.
    assert!(!trial.crashed || libc::WIFSIGNALED(status), "{}: ended with {status:#x} and no word", file.display());
    let secs = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    trial.cpu_secs = secs(usage.ru_utime) + secs(usage.ru_stime);
    trial.peak_mib = usage.ru_maxrss as u64 / 1024;
    trial
}

/// The file to be named: the first of the data set.
fn named(folder: &Path) -> PathBuf {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    let beside = ["dbf", "prj", "shx", "dat", "id", "map", "mid", "csvt", "cpg"];
    all.retain(|path| !beside.iter().any(|e| path.extension().is_some_and(|x| x == *e)));
    assert_eq!(all.len(), 1, "{}: {all:?}", folder.display());
    all.remove(0)
}

#[test]
fn every_kind_of_harm_is_refused_told_or_without_effect_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let mut make = Command::new("python3");
    make.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds.py")).arg(folder.path()).args(data("osm/monaco.osm.pbf"));
    let made = make.output().expect("python3 runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    // Each format's good file before its harmed ones.
    cases.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (format, kind) = name.split_once('.').unwrap();
        (format.to_owned(), kind != "good", kind.to_owned())
    });
    let (mut whole, mut wrong, mut crashed) = (0, Vec::new(), 0);
    for case in &cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let trial = tried(&named(case));
        println!("{name}\t{}\t{:.2} s\t{} MiB", trial.verdict(), trial.cpu_secs, trial.peak_mib);
        // A coordinate that is no number is nobody's place: what cannot be seen above is whether another was put in its stead.
        let made_up = (name.ends_with(".nan") || name.ends_with(".inf")) && trial.records >= whole && !name.starts_with("asc");
        wrong.extend(made_up.then(|| format!("{name}: all {whole} records have a place")));
        let lost = trial.records + trial.problems.values().sum::<usize>() < whole;
        if name.ends_with(".good") {
            // A real extract has records that no collection takes.
            whole = trial.records + trial.problems.values().sum::<usize>();
            assert!(trial.records > 0 && !trial.refused && !trial.crashed, "{name}: {trial:?}");
        } else if trial.refused {
            // What could not be read says why.
            wrong.extend(
                trial
                    .told
                    .iter()
                    .any(|told| told.len() < 12 || told.trim_end() == "unreadable:")
                    .then(|| format!("{name} is refused without a word")),
            );
        } else if !trial.crashed && lost && trial.told.is_empty() && trial.problems.is_empty() {
            wrong.push(format!("{name}: {} of {whole} records, and nothing is told", trial.records));
        }
        if trial.cpu_secs > MOST_CPU_SECS || trial.peak_mib > MOST_MIB {
            wrong.push(format!("{name} took {:.1} s and {} MiB", trial.cpu_secs, trial.peak_mib));
        }
        crashed += usize::from(trial.crashed);
    }
    println!("{} cases, {crashed} crashes of a driver, each contained", cases.len());
    assert!(cases.len() > 120, "{}", cases.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(crashed, 0, "contained, but the drivers of this library take all of these");
}
