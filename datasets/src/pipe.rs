//! What the helper says to us: features, grids and refusals as frames on a pipe.
//!
//! Here is what a frame may be; `writer.rs` is the helper's side, `reader.rs` ours.
//!
//! A frame is its length (`u32`, little-endian, tag included), a tag, a payload. The order is fixed: [`Event::Hello`],
//! then for each layer its [`Event::Layer`], its features and problems, its [`Event::LayerEnd`]; or one grid and its
//! rows; last [`Event::End`] with counts that must agree. A stream that stops before its end is an error, so that a
//! helper that was killed is never taken for a short file. [`Event::Fail`] may come at any time and ends the stream.
//!
//! The reader trusts nothing: lengths are checked before use, and memory grows with what has arrived, not with
//! what a length announces.

#[cfg(test)]
mod fuzz;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use citytwin_model::{Bounds, Geometry, GeometryKind, Value};
use serde::{Deserialize, Serialize};
use std::io;

pub use reader::PipeReader;
pub use writer::PipeWriter;

pub const PROTOCOL: &str = "citytwin.pipe";
pub const VERSION: u32 = 1;
/// Longest frame: a polygon of two million vertices. A feature beyond it is refused by the helper.
pub const MAX_FRAME: usize = 64 << 20;
/// More fields than any layer needs; SQLite's own limit is 2 000 columns.
pub const MAX_FIELDS: usize = 1_900;
/// Widest and highest grid; and the most cells that one frame of rows holds.
pub const MAX_GRID_SIDE: u32 = 200_000;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Hello(Hello),
    Layer(LayerHeader),
    Feature(RawFeature),
    /// A record that the helper could not hand over.
    Problem(Problem),
    LayerEnd(LayerEnd),
    /// A layer that cannot be read at all; the others go on.
    LayerFail(LayerFail),
    Grid(GridHeader),
    Rows(GridRows),
    /// Something worth telling that refuses nothing.
    Note(Note),
    End(Totals),
    /// The file, or what is left of it, cannot be read.
    Fail(Fail),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: String,
    pub version: u32,
    /// Versions of the libraries that read, for the load's record: `GDAL 3.6.2, PROJ 9.1.1`.
    pub reader: String,
    /// Name of the format, as the reading library calls it.
    pub format: String,
    /// What the file holds, in its own order. Empty for a raster.
    pub layers: Vec<LayerSummary>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerSummary {
    pub name: String,
    /// As announced; `None` when the file does not say.
    pub features: Option<u64>,
    pub has_geometry: bool,
    /// The name of the collection of a city's own that the layer was exported from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
}

/// What the parent answers to [`Hello`] as one line of JSON on the helper's input: which layers, by place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    pub layers: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerHeader {
    pub name: String,
    pub fields: Vec<Field>,
    /// Geometry kinds that occur, or may occur, in the layer. Empty: no geometry.
    pub kinds: Vec<Kind>,
    pub has_z: bool,
    /// Every feature carries an id of its own that no other feature of the layer has.
    pub own_ids: bool,
    /// As announced; `None` when the file does not say.
    pub features: Option<u64>,
    /// Degrees, after transformation. Exact when it was asked for or a transformation was chosen by it.
    pub extent: Option<[f64; 4]>,
    /// `None` for a layer without geometry.
    pub crs: Option<CrsUse>,
}

impl LayerHeader {
    pub fn bounds(&self) -> Option<Bounds> {
        self.extent.map(|[w, s, e, n]| Bounds::new(w, s, e, n)).filter(|b| !b.is_empty())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Point,
    Line,
    Area,
}

impl Kind {
    pub const fn geometry(self) -> GeometryKind {
        match self {
            Self::Point => GeometryKind::Point,
            Self::Line => GeometryKind::Line,
            Self::Area => GeometryKind::Area,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: FieldType,
}

/// Types of a file's columns. Days, times and structures travel as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    Bool,
    Int,
    Real,
    Text,
    /// `2026-11-21`
    Date,
    /// `13:14:10`
    TimeOfDay,
    /// `2026-11-21T13:14:10`, with `Z` or an offset where the file has one.
    Instant,
    /// Lists and objects, as JSON.
    Json,
    /// Bytes, in hexadecimal.
    Bytes,
}

/// Where the layer's coordinates came from and how they became degrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrsUse {
    /// `EPSG:4547`, or a name where there is no code.
    pub source: String,
    /// Its whole definition, where there is no code by which it is found again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wkt: Option<String>,
    /// The system was named by the operator, not by the file.
    pub given: bool,
    pub way: CrsWay,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum CrsWay {
    /// CGCS2000 or WGS 84 degrees: taken as they are.
    Same,
    /// A projection of CGCS2000 or WGS 84, undone. Nothing is lost.
    Unprojected { operation: String },
    /// Another datum, by a published operation whose area holds the layer.
    Transformed { operation: String, accuracy_m: Option<f64> },
}

#[derive(Clone, Debug, PartialEq)]
pub struct RawFeature {
    /// Place in the layer, from 1.
    pub record: u64,
    pub source_id: Option<String>,
    pub geometry: Option<Geometry>,
    /// Measures along the line, one per vertex, where the source has them.
    pub measures: Vec<f64>,
    /// Arcs that were replaced by short chords.
    pub stroked: bool,
    /// One for each field of the layer.
    pub values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub record: u64,
    pub source_id: Option<String>,
    /// Key of a reason, see [`Reason`](crate::skipped::Reason).
    pub reason: String,
    pub detail: String,
    /// What could be read of the record: one for each field of the layer.
    pub values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerEnd {
    pub features: u64,
    pub problems: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridHeader {
    pub columns: u32,
    pub rows: u32,
    /// West border of the first column, north border of the first row, in degrees.
    pub west: f64,
    pub north: f64,
    /// Size of a cell in degrees, both positive; rows run from north to south.
    pub cell_lon: f64,
    pub cell_lat: f64,
    pub crs: CrsUse,
}

/// Whole rows of a grid from north to south. NaN stands for no data.
#[derive(Clone, Debug, PartialEq)]
pub struct GridRows {
    pub first: u32,
    pub cells: Vec<f32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub key: String,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub layers: u64,
    pub features: u64,
    pub problems: u64,
    pub rows: u64,
}

/// Why a file cannot be read: a key of `assets/messages.toml` under `load.`, and what fills its sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fail {
    pub key: String,
    pub detail: String,
}

/// The same for one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerFail {
    pub layer: String,
    #[serde(flatten)]
    pub fail: Fail,
}

#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    #[error("the helper's stream broke off before its end")]
    BrokeOff,
    #[error("a frame of {0} bytes is longer than the {MAX_FRAME} allowed")]
    TooLong(u64),
    #[error("the helper speaks {0}; this program understands {PROTOCOL} version {VERSION}; install both from one build")]
    Protocol(String),
    #[error("a frame cannot be understood: {0}")]
    Malformed(&'static str),
    #[error("the helper's counts do not agree with what it sent")]
    Counts,
    #[error("reading from the helper failed: {0}")]
    Io(#[from] io::Error),
}

mod tag {
    pub const HELLO: u8 = 1;
    pub const LAYER: u8 = 2;
    pub const FEATURE: u8 = 3;
    pub const PROBLEM: u8 = 4;
    pub const LAYER_END: u8 = 5;
    pub const GRID: u8 = 6;
    pub const ROWS: u8 = 7;
    pub const NOTE: u8 = 8;
    pub const END: u8 = 9;
    pub const FAIL: u8 = 10;
    pub const LAYER_FAIL: u8 = 11;
}
