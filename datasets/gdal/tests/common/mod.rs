//! Real files, the real helper, and what it says.
#![allow(dead_code, reason = "each test file uses some of it")]

use citytwin_datasets::pipe::{Event, LayerFail, LayerHeader, Note, Problem, RawFeature};
use citytwin_datasets::{Helper, HelperError, Request};
use std::path::{Path, PathBuf};

pub fn helper() -> Helper {
    Helper::at(env!("CARGO_BIN_EXE_citytwin-gdal"))
}

/// The shared real files; `None`, after saying so, on a machine that has none.
pub fn data(under: &str) -> Option<PathBuf> {
    let found =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().filter_map(Path::parent).map(|up| up.join("shared/data")).find(|d| d.is_dir());
    match found {
        None => {
            eprintln!("skipped: no shared/data beside the project");
            None
        }
        Some(data) => {
            let path = data.join(under);
            assert!(path.exists(), "{} is missing", path.display());
            Some(path)
        }
    }
}

/// One layer as it came over the pipe.
#[derive(Debug)]
pub struct Layer {
    pub header: LayerHeader,
    pub features: Vec<RawFeature>,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Default)]
pub struct Read {
    pub layers: Vec<Layer>,
    pub failed: Vec<LayerFail>,
    pub notes: Vec<Note>,
}

impl Read {
    pub fn layer(&self, name: &str) -> &Layer {
        self.layers.iter().find(|l| l.header.name == name).unwrap_or_else(|| panic!("no layer {name} in {:?}", self.failed))
    }
}

pub fn read(file: &Path) -> Result<Read, HelperError> {
    read_with(file, &Request::default())
}

pub fn read_with(file: &Path, request: &Request) -> Result<Read, HelperError> {
    let mut stream = helper().read(file, request)?;
    stream.want((0..stream.hello().layers.len()).collect())?;
    let mut read = Read::default();
    while let Some(event) = stream.next_event()? {
        match event {
            Event::Layer(header) => read.layers.push(Layer { header, features: vec![], problems: vec![] }),
            Event::Feature(feature) => read.layers.last_mut().unwrap().features.push(feature),
            Event::Problem(problem) => read.layers.last_mut().unwrap().problems.push(problem),
            Event::LayerFail(fail) => read.failed.push(fail),
            Event::Note(note) => read.notes.push(note),
            Event::LayerEnd(_) | Event::End(_) => {}
            other => panic!("{other:?} has no place here"),
        }
    }
    Ok(read)
}
