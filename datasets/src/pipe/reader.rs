//! The receiving side of the pipe: nothing is believed before it is checked.

use super::{
    Event, GridRows, LayerEnd, MAX_FIELDS, MAX_FRAME, MAX_GRID_SIDE, PROTOCOL, PipeError, Problem, RawFeature, Totals, VERSION, tag,
};
use citytwin_model::{Value, wkb};
use serde::Deserialize;
use std::io::{self, Read};

/// Reads events and holds the sender to the order and the counts.
pub struct PipeReader<R: Read> {
    input: R,
    pub(super) buffer: Vec<u8>,
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

    /// Length of the frame that the last event came in.
    pub fn frame_bytes(&self) -> usize {
        self.buffer.len()
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
