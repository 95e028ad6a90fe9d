//! Hostile files through the whole command: an exit code, a sentence that names the file, soon. The shared ones, and those of
//! `datasets/gdal/tests/kinds.py`, one for each kind of harm and format. What is in them is the helper's tests' matter.

mod loading;

use loading::{Place, data, helper};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// However busy the machine: what took longer has gone astray.
const AT_MOST: Duration = Duration::from_secs(120);

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // A geodatabase is a folder that is named whole.
        if path.is_dir() && path.extension().is_none_or(|e| e != "gdb") { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// Loads one file; what is wrong with how that ended. Read and checked whole, and written where a soak is asked for.
fn trial(file: &Path, zh: bool) -> (Option<i32>, Vec<String>) {
    let place = Place::new();
    let mut load = place.command(file, &["--as", "hostile", "--crs", "EPSG:4326"]);
    if std::env::var_os("CITYTWIN_SOAK").is_none() {
        load.arg("--dry-run");
    }
    let start = Instant::now();
    let output = load.env("LANG", if zh { "zh_CN.UTF-8" } else { "en_US.UTF-8" }).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{}: {what}: {said}", file.display()));
        }
    };
    check(matches!(output.status.code(), Some(0..=2)), "it ended otherwise");
    check(start.elapsed() < AT_MOST, "it took too long");
    // What is meant for programmers, or blames the installation.
    for word in ["panicked", "Bounds {", "Error {", "RUST_BACKTRACE", "install both programs", "请从同一版本安装"] {
        check(!said.contains(word), word);
    }
    if output.status.code() == Some(2) {
        let name = file.file_name().unwrap().to_string_lossy();
        let sentence = String::from_utf8_lossy(&output.stderr).lines().any(|line| line.contains(&*name) && line.len() > name.len() + 20);
        check(sentence, "no sentence names the file");
        check(said.contains(if zh { "未完成" } else { "was not done" }), "it does not say that it was not done");
    }
    (output.status.code(), wrong)
}

/// How many ended with 0, 1 and 2. Two at a time.
fn all_tried(files: &[PathBuf]) -> [usize; 3] {
    helper();
    let (next, done) = (Mutex::new(files.iter().enumerate()), Mutex::new(([0; 3], Vec::new())));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((n, file)) = next.lock().unwrap().next() else { break };
                    let (code, wrong) = trial(file, n % 2 == 0);
                    let must_fail = file.file_name().unwrap().to_string_lossy().starts_with("n_");
                    let mut done = done.lock().unwrap();
                    done.0[code.unwrap_or(2).clamp(0, 2) as usize] += 1;
                    done.1.extend(wrong);
                    if must_fail && code == Some(0) {
                        done.1.push(format!("{} was taken for good", file.display()));
                    }
                }
            });
        }
    });
    let (codes, wrong) = done.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    codes
}

#[test]
fn the_shared_hostile_files_end_with_a_code_and_a_sentence() {
    let Some(folder) = data("hostile") else { return };
    let [done, in_part, not] = all_tried(&files_below(&folder));
    println!("shared hostile files: {done} done, {in_part} with refusals, {not} not done");
    assert!(done > 20 && not > 100, "{done} {in_part} {not}");
}

#[test]
fn every_kind_of_harm_ends_with_a_code_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/gdal/tests/kinds.py");
    let made = Command::new("python3").arg(script).arg(folder.path()).args(data("osm/monaco.osm.pbf")).output().expect("python3 runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let beside = ["dbf", "prj", "shx", "dat", "id", "map", "mid", "csvt", "cpg"];
    let mut files = files_below(folder.path());
    files.retain(|path| !beside.iter().any(|e| path.extension().is_some_and(|x| x == *e)));
    let [done, in_part, not] = all_tried(&files);
    println!("kinds of harm: {done} done, {in_part} with refusals, {not} not done");
    assert!(files.len() > 120 && not > 30 && in_part > 10, "{done} {in_part} {not}");
}
