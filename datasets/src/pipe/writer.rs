//! The sending side of the pipe: frames are built whole, counted, and written.

use super::{Fail, GridHeader, GridRows, Hello, LayerEnd, LayerFail, LayerHeader, MAX_FRAME, Note, Problem, RawFeature, Totals, tag};
use citytwin_model::{Value, wkb};
use serde::Serialize;
use std::io::{self, Write};

/// Writes events; keeps the counts that the last frames carry.
pub struct PipeWriter<W: Write> {
    out: W,
    pub(super) buffer: Vec<u8>,
    totals: Totals,
    pub(super) layer: LayerEnd,
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

    pub(super) fn begin(&mut self, tag: u8) {
        self.buffer.clear();
        self.buffer.extend_from_slice(&[0, 0, 0, 0, tag]);
    }

    pub(super) fn send(&mut self) -> io::Result<()> {
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
