//! The real programs, a place to load into, and plain sqlite3 to look at what came of it.
#![allow(dead_code, reason = "each test file uses some of it")]

pub mod disk;

use citytwin_model::{Geometry, Shape, wkb};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The helper, built if it is not there: it is another package, so cargo does not bring it along.
pub fn helper() -> &'static Path {
    static HELPER: OnceLock<PathBuf> = OnceLock::new();
    HELPER.get_or_init(|| built("citytwin-gdal", "citytwin-gdal"))
}

/// Builds another package of the workspace; the file of its that is asked for.
fn built(package: &str, file: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_citytwin")).with_file_name(file);
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "-q", "-p", package]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    // Cargo tells its tests where it builds only in this way.
    build.env("CARGO_TARGET_DIR", beside.parent().and_then(Path::parent).expect("target/debug"));
    assert!(build.status().expect("cargo runs").success(), "{package} does not build");
    beside
}

pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn city(&self) -> PathBuf {
        self.folder.path().join("city")
    }

    pub fn command(&self, file: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
        command.arg("load").arg(file).arg("--city").arg(self.city()).args(more).env("LANG", "en_US.UTF-8").env_remove("LC_ALL");
        command.env("CITYTWIN_GDAL", helper());
        command
    }

    /// Loads and demands an exit code; what was said.
    pub fn loaded(&self, code: i32, file: &Path, more: &[&str]) -> String {
        let output: Output = self.command(file, more).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    }

    /// Loads, with refusals or without; what was said.
    pub fn load(&self, file: &Path, more: &[&str]) -> String {
        let output: Output = self.command(file, more).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let refused = !said.contains("refused 0;");
        assert_eq!(output.status.code(), Some(i32::from(refused)), "{said}");
        said
    }

    /// Rows of a class's table, by Python's sqlite3.
    pub fn rows(&self, class: &str) -> Vec<Json> {
        plain_rows(&self.city().join("city.gpkg")).into_iter().filter(|row| row["layer"] == class).collect()
    }

    pub fn sql(&self, file: &Path, sql: &str) -> String {
        // A GIS brings the functions that a GeoPackage's triggers name; here they are named only, no geometry is touched.
        let script = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1])
for f in ['IsEmpty','MinX','MaxX','MinY','MaxY']: db.create_function('ST_'+f, 1, lambda g: 0)
rows=db.execute(sys.argv[2]).fetchall()
db.commit()
print(rows)";
        let output = Command::new("python3").args(["-c", script]).arg(file).arg(sql).output().expect("python3 runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

pub fn plain_rows(file: &Path) -> Vec<Json> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/gdal/tests/plain.py");
    let output = Command::new("python3").arg(script).arg(file).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The shared real files; `None`, after saying so, on a machine that has none.
pub fn data(under: &str) -> Option<PathBuf> {
    let found =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().filter_map(Path::parent).map(|up| up.join("shared/data")).find(|d| d.is_dir());
    if found.is_none() {
        eprintln!("skipped: no shared/data beside the project");
    }
    let path = found?.join(under);
    assert!(path.exists(), "{} is missing", path.display());
    Some(path)
}

pub fn geometry(row: &Json) -> Geometry {
    let hex = row["wkb"].as_str().expect("a geometry");
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    single(wkb::read(&bytes).unwrap())
}

/// A multi of one part is the same place as that part.
pub fn single(geometry: Geometry) -> Geometry {
    let shape = match geometry.shape {
        Shape::MultiLine(mut parts) if parts.len() == 1 => Shape::Line(parts.remove(0)),
        Shape::MultiPolygon(mut parts) if parts.len() == 1 => Shape::Polygon(parts.remove(0)),
        Shape::MultiPoint(parts) if parts.len() == 1 => Shape::Point(parts[0]),
        other => other,
    };
    Geometry { shape, ..geometry }
}
