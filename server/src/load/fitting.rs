//! Records are fitted to their class and checked on the thread that reads ahead, while those before them are stored.

use super::plan::Fits;
use crate::beyond::Square;
use citytwin_datasets::pipe::{Event, RawFeature};
use citytwin_datasets::shape::Repair;
use citytwin_datasets::{Ahead, HelperError, Skipped, Stream};
use citytwin_model::{Class, GeometryKind, Position, Value};
use citytwin_store::{Checked, Checker, Record, StoreError};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What comes of a file.
pub(super) enum Heard {
    Feature(Box<Fitting>),
    Other(Event),
}

/// A record and what became of it.
pub(super) struct Fitting {
    pub raw: RawFeature,
    pub kind: GeometryKind,
    pub outcome: Result<Ready, Box<Skipped>>,
}

pub(super) struct Ready {
    /// The key of a re-load that it carries.
    pub code: Option<String>,
    pub repair: Option<Repair>,
    /// A place of it that the 3D scene does not reach.
    pub beyond: Option<Position>,
    /// `None` in a dry run.
    pub checked: Option<Result<Checked, StoreError>>,
}

/// What the records of a layer are held against.
#[derive(Clone)]
pub(super) struct Desk {
    pub fits: Arc<Fits>,
    /// `None` in a dry run.
    pub checker: Option<Checker>,
    /// `None` in a dry run without a city.
    pub square: Option<Arc<Square>>,
}

/// A file that is read and fitted ahead. After each [`Event::Layer`] it waits for the layer's desk.
pub(super) struct Fitter {
    ahead: Ahead<Heard>,
    desks: Sender<Desk>,
}

impl Fitter {
    pub fn new(stream: Stream) -> Self {
        let (desks, to_come) = channel();
        let mut seat = Seat { to_come, behind: 0, desk: None };
        Self { ahead: Ahead::preparing(stream, move |event| seat.take(event)), desks }
    }

    pub fn next(&mut self, keep_waiting: impl Fn() -> bool) -> Result<Option<Heard>, HelperError> {
        self.ahead.next_event(keep_waiting)
    }

    pub fn begin_layer(&self, desk: Desk) {
        // Nobody listens when the stream has come to its end: that is heard of with the next event.
        let _ = self.desks.send(desk);
    }
}

/// Where the reading thread fits.
struct Seat {
    to_come: Receiver<Desk>,
    /// Layers that have begun since the last desk was taken: one is sent for each, those without a feature too.
    behind: usize,
    desk: Option<Desk>,
}

impl Seat {
    fn take(&mut self, event: Event) -> Heard {
        match event {
            Event::Feature(raw) => {
                for _ in 0..std::mem::take(&mut self.behind) {
                    self.desk = self.to_come.recv().ok();
                }
                match &self.desk {
                    Some(desk) => Heard::Feature(Box::new(desk.fit(raw))),
                    // The load has been given up.
                    None => Heard::Other(Event::Feature(raw)),
                }
            }
            Event::Layer(_) => {
                self.behind += 1;
                Heard::Other(event)
            }
            other => Heard::Other(other),
        }
    }
}

impl Desk {
    fn fit(&self, raw: RawFeature) -> Fitting {
        let kind = raw.geometry.as_ref().map_or(GeometryKind::None, |geometry| geometry.kind());
        let fit = self.fits.by_kind(kind);
        let outcome = fit.fit(&raw).map(|fitted| {
            let class = fit.class();
            let (code, repair) = (code_of(class, &fitted.attributes), fitted.repair);
            let beyond = self.square.as_ref().zip(fitted.geometry.as_ref()).and_then(|(square, geometry)| square.beyond(geometry));
            let checked = self.checker.as_ref().map(|checker| {
                // Its place in the file is known to the one who stores it.
                let record = Record {
                    number: 0,
                    class: class.no,
                    geometry: fitted.geometry,
                    attributes: fitted.attributes,
                    other: fitted.other,
                    source_id: fitted.source_id,
                };
                checker.check(record, Some(self.fits.columns(kind).clone()))
            });
            Ready { code, repair, beyond, checked }
        });
        Fitting { raw, kind, outcome }
    }
}

/// The key of a re-load that a record carries, as the store takes it.
pub(super) fn code_of(class: &Class, attributes: &[Value]) -> Option<String> {
    text_of(&attributes[class.attribute_index("code")?])
}

pub(super) fn text_of(code: &Value) -> Option<String> {
    match code {
        Value::Text(code) if !code.is_empty() => Some(code.clone()),
        Value::Int(n) => Some(n.to_string()),
        _ => None,
    }
}
