//! What the helper says to us: features, grids and refusals as frames on a pipe.
//!
//! A frame is its length (`u32`, little-endian, tag included), a tag, a payload. The order is fixed: [`Event::Hello`],
//! then for each layer its [`Event::Layer`], its features and problems, its [`Event::LayerEnd`]; or one grid and its
//! rows; last [`Event::End`] with counts that must agree. A stream that stops before its end is an error, so that a
//! helper that was killed is never taken for a short file. [`Event::Fail`] may come at any time and ends the stream.
//!
//! The reader trusts nothing: lengths are checked before use, and memory grows with what has arrived, not with
//! what a length announces.

use citytwin_model::{Bounds, Geometry, GeometryKind, Value, wkb};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

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

// ---------------------------------------------------------------- writing

/// Writes events; keeps the counts that the last frames carry.
pub struct PipeWriter<W: Write> {
    out: W,
    buffer: Vec<u8>,
    totals: Totals,
    layer: LayerEnd,
}

impl<W: Write> PipeWriter<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(4096),
            totals: Totals { layers: 0, features: 0, problems: 0, rows: 0 },
            layer: LayerEnd { features: 0, problems: 0 },
        }
    }

    pub fn hello(&mut self, hello: &Hello) -> io::Result<()> {
        self.json(tag::HELLO, hello)
    }

    pub fn layer(&mut self, header: &LayerHeader) -> io::Result<()> {
        self.layer = LayerEnd { features: 0, problems: 0 };
        self.totals.layers += 1;
        self.json(tag::LAYER, header)
    }

    /// `false` when the feature is too long for a frame; nothing was written then.
    pub fn feature(&mut self, feature: &RawFeature) -> io::Result<bool> {
        self.begin(tag::FEATURE);
        let flags = u8::from(feature.geometry.is_some()) | u8::from(feature.stroked) << 1;
        self.buffer.push(flags);
        self.buffer.extend_from_slice(&feature.record.to_le_bytes());
        put_optional(&mut self.buffer, feature.source_id.as_deref());
        if let Some(geometry) = &feature.geometry {
            let at = self.buffer.len();
            self.buffer.extend_from_slice(&[0; 4]);
            wkb::write(geometry, &mut self.buffer);
            let length = (self.buffer.len() - at - 4).min(u32::MAX as usize) as u32;
            self.buffer[at..at + 4].copy_from_slice(&length.to_le_bytes());
        }
        self.buffer.extend_from_slice(&(feature.measures.len() as u32).to_le_bytes());
        for m in &feature.measures {
            self.buffer.extend_from_slice(&m.to_le_bytes());
        }
        put_values(&mut self.buffer, &feature.values);
        if self.buffer.len() - 4 > MAX_FRAME {
            return Ok(false);
        }
        self.totals.features += 1;
        self.layer.features += 1;
        self.send()?;
        Ok(true)
    }

    /// Values too long for a frame are left out: what matters is that the record is named.
    pub fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.put_problem(problem, &problem.values);
        if self.buffer.len() - 4 > MAX_FRAME {
            let empty = vec![Value::Null; problem.values.len()];
            self.put_problem(problem, &empty);
        }
        self.totals.problems += 1;
        self.layer.problems += 1;
        self.send()
    }

    fn put_problem(&mut self, problem: &Problem, values: &[Value]) {
        self.begin(tag::PROBLEM);
        self.buffer.extend_from_slice(&problem.record.to_le_bytes());
        put_optional(&mut self.buffer, problem.source_id.as_deref());
        put_text(&mut self.buffer, &problem.reason);
        put_text(&mut self.buffer, &problem.detail);
        put_values(&mut self.buffer, values);
    }

    pub fn layer_end(&mut self) -> io::Result<()> {
        let end = self.layer.clone();
        self.json(tag::LAYER_END, &end)
    }

    pub fn layer_fail(&mut self, layer: &str, fail: &Fail) -> io::Result<()> {
        self.json(tag::LAYER_FAIL, &LayerFail { layer: layer.to_owned(), fail: fail.clone() })
    }

    pub fn grid(&mut self, header: &GridHeader) -> io::Result<()> {
        self.json(tag::GRID, header)
    }

    pub fn rows(&mut self, columns: u32, rows: &GridRows) -> io::Result<()> {
        self.begin(tag::ROWS);
        self.buffer.extend_from_slice(&rows.first.to_le_bytes());
        for cell in &rows.cells {
            self.buffer.extend_from_slice(&cell.to_le_bytes());
        }
        self.totals.rows += rows.cells.len() as u64 / u64::from(columns.max(1));
        self.send()
    }

    pub fn note(&mut self, note: &Note) -> io::Result<()> {
        self.json(tag::NOTE, note)
    }

    pub fn fail(&mut self, fail: &Fail) -> io::Result<()> {
        self.json(tag::FAIL, fail)?;
        self.out.flush()
    }

    pub fn end(&mut self) -> io::Result<()> {
        let totals = self.totals.clone();
        self.json(tag::END, &totals)?;
        self.out.flush()
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn json(&mut self, tag: u8, value: &impl Serialize) -> io::Result<()> {
        self.begin(tag);
        serde_json::to_writer(&mut self.buffer, value)?;
        self.send()
    }

    fn begin(&mut self, tag: u8) {
        self.buffer.clear();
        self.buffer.extend_from_slice(&[0, 0, 0, 0, tag]);
    }

    fn send(&mut self) -> io::Result<()> {
        let length = self.buffer.len() - 4;
        if length > MAX_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
        }
        self.buffer[..4].copy_from_slice(&(length as u32).to_le_bytes());
        self.out.write_all(&self.buffer)
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len().min(u32::MAX as usize) as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            out.push(1);
            put_text(out, text);
        }
    }
}

fn put_values(out: &mut Vec<u8>, values: &[Value]) {
    out.extend_from_slice(&(values.len() as u32).to_le_bytes());
    for value in values {
        match value {
            Value::Null => out.push(0),
            Value::Bool(false) => out.push(1),
            Value::Bool(true) => out.push(2),
            Value::Int(n) => {
                out.push(3);
                out.extend_from_slice(&n.to_le_bytes());
            }
            Value::Real(x) => {
                out.push(4);
                out.extend_from_slice(&x.to_le_bytes());
            }
            Value::Text(text) => {
                out.push(5);
                put_text(out, text);
            }
        }
    }
}

// ---------------------------------------------------------------- reading

/// Reads events and holds the sender to the order and the counts.
pub struct PipeReader<R: Read> {
    input: R,
    buffer: Vec<u8>,
    place: Place,
    totals: Totals,
    layer: LayerEnd,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Start,
    Between,
    InLayer { fields: usize },
    InGrid { columns: u32, rows: u32, next: u32 },
    Over,
}

impl<R: Read> PipeReader<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            place: Place::Start,
            totals: Totals { layers: 0, features: 0, problems: 0, rows: 0 },
            layer: LayerEnd { features: 0, problems: 0 },
        }
    }

    /// The next event; `None` once, after [`Event::End`] or [`Event::Fail`].
    pub fn next_event(&mut self) -> Result<Option<Event>, PipeError> {
        if self.place == Place::Over {
            return Ok(None);
        }
        self.fill()?;
        let (&tag, payload) = self.buffer.split_first().ok_or(PipeError::Malformed("an empty frame"))?;
        let event = decode(tag, payload)?;
        self.check(&event)?;
        Ok(Some(event))
    }

    /// Brings one frame into the buffer.
    fn fill(&mut self) -> Result<(), PipeError> {
        let mut length = [0; 4];
        self.input.read_exact(&mut length).map_err(broke_off)?;
        let length = u64::from(u32::from_le_bytes(length));
        if length > MAX_FRAME as u64 {
            return Err(PipeError::TooLong(length));
        }
        self.buffer.clear();
        self.buffer.shrink_to(1 << 20);
        // `read_to_end` grows with what comes, so a lying length costs nothing.
        let read = self.input.by_ref().take(length).read_to_end(&mut self.buffer)?;
        if (read as u64) < length { Err(PipeError::BrokeOff) } else { Ok(()) }
    }

    fn check(&mut self, event: &Event) -> Result<(), PipeError> {
        const ORDER: PipeError = PipeError::Malformed("a frame out of order");
        self.place = match (event, self.place) {
            (Event::Hello(hello), Place::Start) => {
                if hello.protocol != PROTOCOL || hello.version != VERSION {
                    return Err(PipeError::Protocol(format!("{:.40} version {}", hello.protocol, hello.version)));
                }
                Place::Between
            }
            (Event::Fail(_), _) => Place::Over,
            (Event::Note(_), place) if place != Place::Start => place,
            (Event::LayerFail(_), Place::Between) => Place::Between,
            (Event::Layer(header), Place::Between) => {
                if header.fields.len() > MAX_FIELDS {
                    return Err(PipeError::Malformed("too many fields"));
                }
                self.layer = LayerEnd { features: 0, problems: 0 };
                self.totals.layers += 1;
                Place::InLayer { fields: header.fields.len() }
            }
            (Event::Feature(feature), Place::InLayer { fields }) => {
                if feature.values.len() != fields {
                    return Err(PipeError::Malformed("a feature with other fields than its layer"));
                }
                self.layer.features += 1;
                self.totals.features += 1;
                self.place
            }
            (Event::Problem(problem), Place::InLayer { fields }) => {
                if problem.values.len() != fields {
                    return Err(PipeError::Malformed("a problem with other fields than its layer"));
                }
                self.layer.problems += 1;
                self.totals.problems += 1;
                self.place
            }
            (Event::LayerEnd(end), Place::InLayer { .. }) => {
                if *end != self.layer {
                    return Err(PipeError::Counts);
                }
                Place::Between
            }
            (Event::Grid(grid), Place::Between) => {
                let size_is_sane = (1..=MAX_GRID_SIDE).contains(&grid.columns) && (1..=MAX_GRID_SIDE).contains(&grid.rows);
                let place_is_sane = [grid.west, grid.north, grid.cell_lon, grid.cell_lat].iter().all(|x| x.is_finite());
                if !size_is_sane || !place_is_sane || grid.cell_lon <= 0.0 || grid.cell_lat <= 0.0 {
                    return Err(PipeError::Malformed("a grid of no sensible size"));
                }
                Place::InGrid { columns: grid.columns, rows: grid.rows, next: 0 }
            }
            (Event::Rows(rows), Place::InGrid { columns, rows: all, next }) => {
                let whole = rows.cells.len() % columns as usize == 0 && !rows.cells.is_empty();
                let n = (rows.cells.len() / columns as usize) as u32;
                if !whole || rows.first != next || n > all - next {
                    return Err(PipeError::Malformed("rows that do not fit their grid"));
                }
                self.totals.rows += u64::from(n);
                Place::InGrid { columns, rows: all, next: next + n }
            }
            (Event::End(totals), Place::Between) => self.over(totals)?,
            (Event::End(totals), Place::InGrid { rows, next, .. }) if rows == next => self.over(totals)?,
            _ => return Err(ORDER),
        };
        Ok(())
    }

    fn over(&self, totals: &Totals) -> Result<Place, PipeError> {
        if *totals == self.totals { Ok(Place::Over) } else { Err(PipeError::Counts) }
    }
}

fn broke_off(error: io::Error) -> PipeError {
    if error.kind() == io::ErrorKind::UnexpectedEof { PipeError::BrokeOff } else { PipeError::Io(error) }
}

fn decode(tag: u8, payload: &[u8]) -> Result<Event, PipeError> {
    fn json<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, PipeError> {
        serde_json::from_slice(payload).map_err(|_| PipeError::Malformed("a header that is not the JSON it should be"))
    }
    Ok(match tag {
        tag::HELLO => Event::Hello(json(payload)?),
        tag::LAYER => Event::Layer(json(payload)?),
        tag::FEATURE => Event::Feature(Cursor(payload).feature()?),
        tag::PROBLEM => Event::Problem(Cursor(payload).problem()?),
        tag::LAYER_END => Event::LayerEnd(json(payload)?),
        tag::GRID => Event::Grid(json(payload)?),
        tag::ROWS => Event::Rows(Cursor(payload).rows()?),
        tag::NOTE => Event::Note(json(payload)?),
        tag::END => Event::End(json(payload)?),
        tag::FAIL => Event::Fail(json(payload)?),
        tag::LAYER_FAIL => Event::LayerFail(json(payload)?),
        _ => return Err(PipeError::Malformed("an unknown tag")),
    })
}

/// What is left of a payload.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, n: usize) -> Result<&'a [u8], PipeError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(PipeError::Malformed("a frame shorter than it says"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PipeError> {
        Ok(self.bytes(N)?.try_into().expect("length just checked"))
    }

    fn u32(&mut self) -> Result<u32, PipeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A count of things of at least `each` bytes; refused when they cannot be there.
    fn count(&mut self, each: usize) -> Result<usize, PipeError> {
        let n = self.u32()? as usize;
        if n > self.0.len() / each { Err(PipeError::Malformed("a count beyond its frame")) } else { Ok(n) }
    }

    fn text(&mut self) -> Result<String, PipeError> {
        let n = self.count(1)?;
        let text = std::str::from_utf8(self.bytes(n)?).map_err(|_| PipeError::Malformed("a text that is not UTF-8"))?;
        Ok(text.to_owned())
    }

    fn optional(&mut self) -> Result<Option<String>, PipeError> {
        match self.array()? {
            [0] => Ok(None),
            [1] => self.text().map(Some),
            _ => Err(PipeError::Malformed("a flag that is neither 0 nor 1")),
        }
    }

    fn values(&mut self) -> Result<Vec<Value>, PipeError> {
        let n = self.count(1)?;
        if n > MAX_FIELDS {
            return Err(PipeError::Malformed("too many values"));
        }
        (0..n)
            .map(|_| {
                Ok(match self.array()? {
                    [0] => Value::Null,
                    [1] => Value::Bool(false),
                    [2] => Value::Bool(true),
                    [3] => Value::Int(i64::from_le_bytes(self.array()?)),
                    [4] => Value::Real(f64::from_le_bytes(self.array()?)),
                    [5] => Value::Text(self.text()?),
                    _ => return Err(PipeError::Malformed("a value of unknown type")),
                })
            })
            .collect()
    }

    fn finished<T>(self, value: T) -> Result<T, PipeError> {
        if self.0.is_empty() { Ok(value) } else { Err(PipeError::Malformed("bytes left over in a frame")) }
    }

    fn feature(mut self) -> Result<RawFeature, PipeError> {
        let [flags] = self.array()?;
        if flags > 3 {
            return Err(PipeError::Malformed("unknown flags on a feature"));
        }
        let record = u64::from_le_bytes(self.array()?);
        let source_id = self.optional()?;
        let geometry = if flags & 1 == 1 {
            let n = self.count(1)?;
            Some(wkb::read(self.bytes(n)?).map_err(|_| PipeError::Malformed("a geometry that is not well-known binary"))?)
        } else {
            None
        };
        let n = self.count(8)?;
        let measures = (0..n).map(|_| Ok(f64::from_le_bytes(self.array()?))).collect::<Result<_, PipeError>>()?;
        let values = self.values()?;
        self.finished(RawFeature { record, source_id, geometry, measures, stroked: flags & 2 == 2, values })
    }

    fn problem(mut self) -> Result<Problem, PipeError> {
        let problem = Problem {
            record: u64::from_le_bytes(self.array()?),
            source_id: self.optional()?,
            reason: self.text()?,
            detail: self.text()?,
            values: self.values()?,
        };
        self.finished(problem)
    }

    fn rows(mut self) -> Result<GridRows, PipeError> {
        let first = self.u32()?;
        let (cells, rest) = self.0.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(PipeError::Malformed("a row that ends inside a cell"));
        }
        Ok(GridRows { first, cells: cells.iter().map(|b| f32::from_le_bytes(*b)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::{Position, Shape};
    use proptest::prelude::*;

    fn hello() -> Hello {
        Hello { protocol: PROTOCOL.into(), version: VERSION, reader: "test".into(), format: "GPKG".into(), layers: vec![] }
    }

    fn header(fields: usize) -> LayerHeader {
        LayerHeader {
            name: "hydrant".into(),
            fields: (0..fields).map(|i| Field { name: format!("f{i}"), ty: FieldType::Text }).collect(),
            kinds: vec![Kind::Point],
            has_z: false,
            own_ids: false,
            features: None,
            extent: None,
            crs: None,
        }
    }

    fn feature(record: u64, values: Vec<Value>) -> RawFeature {
        let geometry = Some(Geometry::flat(Shape::Point(Position::new(116.0, 30.0, 0.0))));
        RawFeature { record, source_id: Some("7".into()), geometry, measures: vec![1.5], stroked: true, values }
    }

    fn read_all(bytes: &[u8]) -> Result<Vec<Event>, PipeError> {
        let mut reader = PipeReader::new(bytes);
        let mut events = Vec::new();
        while let Some(event) = reader.next_event()? {
            events.push(event);
        }
        Ok(events)
    }

    fn stream(write: impl FnOnce(&mut PipeWriter<&mut Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = PipeWriter::new(&mut bytes);
        writer.hello(&hello()).unwrap();
        write(&mut writer).unwrap();
        bytes
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e300f64..1e300).prop_map(Value::Real),
            "\\PC{0,20}".prop_map(Value::Text),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec(value(), 3), 0..6), refused: bool) {
            let problem = Problem { record: 99, source_id: None, reason: "no_geometry".into(), detail: String::new(), values: vec![Value::Null; 3] };
            let bytes = stream(|w| {
                w.layer(&header(3))?;
                for (i, row) in rows.iter().enumerate() {
                    assert!(w.feature(&feature(i as u64 + 1, row.clone()))?);
                }
                if refused {
                    w.problem(&problem)?;
                }
                w.layer_end()?;
                w.end()
            });
            let events = read_all(&bytes).unwrap();
            let features: Vec<_> = events.iter().filter_map(|e| match e { Event::Feature(f) => Some(f.clone()), _ => None }).collect();
            prop_assert_eq!(features, rows.into_iter().enumerate().map(|(i, row)| feature(i as u64 + 1, row)).collect::<Vec<_>>());
            prop_assert_eq!(events.contains(&Event::Problem(problem)), refused);
            for cut in 0..bytes.len() {
                prop_assert!(matches!(read_all(&bytes[..cut]), Err(PipeError::BrokeOff)), "cut at {}", cut);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read_all(&bytes);
        }

        /// Arbitrary payloads behind an honest frame head: this reaches the decoders that plain noise does not.
        #[test]
        fn no_payload_makes_it_panic(frames in prop::collection::vec((1u8..13, prop::collection::vec(any::<u8>(), 0..120)), 0..6)) {
            let bytes = stream(|w| {
                w.layer(&header(1))?;
                for (tag, payload) in &frames {
                    w.begin(*tag);
                    w.buffer.extend_from_slice(payload);
                    w.send()?;
                }
                Ok(())
            });
            prop_assert!(read_all(&bytes).is_err() || frames.iter().any(|(tag, _)| *tag == tag::FAIL));
        }

        /// A byte changed anywhere in an honest stream: refused, or read as something else, never a panic.
        #[test]
        fn a_flipped_byte_does_not_panic(at in 0usize..500, to: u8) {
            let mut bytes = stream(|w| {
                w.layer(&header(2))?;
                w.feature(&feature(1, vec![Value::Int(3), "阀门".into()]))?;
                w.layer_end()?;
                w.end()
            });
            let at = at % bytes.len();
            bytes[at] = to;
            let _ = read_all(&bytes);
        }
    }

    #[test]
    fn a_lying_length_allocates_nothing() {
        // Announces 64 MiB, brings three bytes.
        let mut bytes = stream(|_| Ok(()));
        bytes.extend_from_slice(&(MAX_FRAME as u32).to_le_bytes());
        bytes.extend_from_slice(&[3, 0, 0]);
        let mut reader = PipeReader::new(&bytes[..]);
        assert!(reader.next_event().unwrap().is_some());
        assert!(matches!(reader.next_event(), Err(PipeError::BrokeOff)));
        assert!(reader.buffer.capacity() < 1 << 20, "{}", reader.buffer.capacity());
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_unread() {
        let mut bytes = stream(|_| Ok(()));
        bytes.extend_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read_all(&bytes), Err(PipeError::TooLong(n)) if n == u64::from(u32::MAX)));
    }

    #[test]
    fn another_protocol_is_named() {
        let mut bytes = Vec::new();
        PipeWriter::new(&mut bytes).hello(&Hello { version: 2, ..hello() }).unwrap();
        assert!(matches!(read_all(&bytes), Err(PipeError::Protocol(said)) if said == "citytwin.pipe version 2"));
    }

    #[test]
    fn order_and_counts_are_held() {
        let feature_outside = stream(|w| w.feature(&feature(1, vec![])).map(drop));
        assert!(matches!(read_all(&feature_outside), Err(PipeError::Malformed(_))));

        let end_inside = stream(|w| {
            w.layer(&header(0))?;
            w.end()
        });
        assert!(matches!(read_all(&end_inside), Err(PipeError::Malformed(_))));

        let other_fields = stream(|w| {
            w.layer(&header(2))?;
            w.feature(&feature(1, vec![Value::Null])).map(drop)
        });
        assert!(matches!(read_all(&other_fields), Err(PipeError::Malformed(_))));

        let miscounted = stream(|w| {
            w.layer(&header(0))?;
            w.layer.features = 1;
            w.layer_end()
        });
        assert!(matches!(read_all(&miscounted), Err(PipeError::Counts)));
    }

    #[test]
    fn a_feature_beyond_a_frame_is_not_sent() {
        let bytes = stream(|w| {
            w.layer(&header(1))?;
            assert!(!w.feature(&feature(1, vec![Value::Text("x".repeat(MAX_FRAME))]))?);
            w.layer_end()?;
            w.end()
        });
        assert!(read_all(&bytes).is_ok());
    }

    #[test]
    fn a_grid_comes_row_by_row() {
        let crs = CrsUse { source: "EPSG:4490".into(), given: false, way: CrsWay::Same };
        let grid = GridHeader { columns: 2, rows: 3, west: 116.0, north: 30.0, cell_lon: 0.1, cell_lat: 0.1, crs };
        let good = stream(|w| {
            w.grid(&grid)?;
            w.rows(2, &GridRows { first: 0, cells: vec![1.0, 2.0, 3.0, 4.0] })?;
            w.rows(2, &GridRows { first: 2, cells: vec![5.0, f32::NAN] })?;
            w.end()
        });
        assert_eq!(read_all(&good).unwrap().len(), 5);
        let short = stream(|w| {
            w.grid(&grid)?;
            w.rows(2, &GridRows { first: 0, cells: vec![1.0, 2.0] })?;
            w.end()
        });
        assert!(read_all(&short).is_err());
        let skewed = stream(|w| {
            w.grid(&grid)?;
            w.rows(2, &GridRows { first: 1, cells: vec![1.0, 2.0] })
        });
        assert!(read_all(&skewed).is_err());
    }
}
