//! From the generator's rooms to the sink: rows by attribute name, codes, positions, counts.

use crate::geodesy::{Geodesy, round_to};
use crate::ground::Ground;
use crate::plan::Plan;
use crate::{Sink, SinkError};
use citytwin_catalogue::Catalogue;
use citytwin_model::class::Class;
use citytwin_model::{Geometry, Position, Shape, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What every room writes through.
pub struct Emitter<'a> {
    pub geodesy: Geodesy,
    sink: &'a mut dyn Sink,
    counts: BTreeMap<String, u64>,
    serials: BTreeMap<&'static str, u32>,
}

/// One feature in the making. Attributes that are not set are "no data".
#[derive(Debug)]
pub struct Row {
    class: Arc<Class>,
    values: Vec<Value>,
}

impl Row {
    pub fn of(class: &str) -> Self {
        let class = Catalogue::builtin().class(class).unwrap_or_else(|| panic!("the catalogue has no class `{class}`")).clone();
        let values = vec![Value::Null; class.attributes.len()];
        Self { class, values }
    }

    pub fn set(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        let at = self.class.attribute_index(attribute).unwrap_or_else(|| panic!("`{}` has no attribute `{attribute}`", self.class.id));
        self.values[at] = value.into();
        self
    }

    /// A measure with so many decimals.
    pub fn measure(self, attribute: &str, value: f64, decimals: u32) -> Self {
        self.set(attribute, round_to(value, decimals))
    }

    pub fn name(self, name: &crate::names::Name) -> Self {
        self.set("name", name.zh.as_str()).set("name_en", name.en.as_str())
    }
}

impl<'a> Emitter<'a> {
    pub fn new(geodesy: Geodesy, sink: &'a mut dyn Sink) -> Self {
        Self { geodesy, sink, counts: BTreeMap::new(), serials: BTreeMap::new() }
    }

    /// The next number of a kind: `YS-00042`.
    pub fn code(&mut self, prefix: &'static str) -> String {
        let serial = self.serials.entry(prefix).or_insert(0);
        *serial += 1;
        format!("{prefix}-{serial:05}")
    }

    pub fn put(&mut self, row: Row, geometry: Option<Geometry>) -> Result<(), SinkError> {
        *self.counts.entry(row.class.id.clone()).or_insert(0) += 1;
        self.sink.add(&row.class, geometry, row.values)
    }

    pub fn point(&mut self, row: Row, at: Plan, height_m: f64) -> Result<(), SinkError> {
        let shape = Shape::Point(self.geodesy.position(at, height_m));
        self.put(row, Some(Geometry::with_z(shape)))
    }

    /// Each vertex with its own height.
    pub fn line(&mut self, row: Row, line: &[(Plan, f64)]) -> Result<(), SinkError> {
        let shape = Shape::Line(line.iter().map(|(p, z)| self.geodesy.position(*p, *z)).collect());
        self.put(row, Some(Geometry::with_z(shape)))
    }

    /// Outer ring and holes, not closed; heights as `height` says.
    pub fn area(&mut self, row: Row, rings: &[Vec<Plan>], height: impl Fn(Plan) -> f64) -> Result<(), SinkError> {
        let close = |ring: &Vec<Plan>| -> Vec<Position> {
            let mut out: Vec<Position> = ring.iter().map(|p| self.geodesy.position(*p, height(*p))).collect();
            out.push(out[0]);
            out
        };
        let shape = Shape::Polygon(rings.iter().map(close).collect());
        self.put(row, Some(Geometry::with_z(shape)))
    }

    /// Another quarter is done.
    pub fn made(&mut self, quarters: usize, of: usize) {
        self.sink.made(quarters, of);
    }

    pub fn counts(self) -> BTreeMap<String, u64> {
        self.counts
    }
}

/// A line laid so far below the ground.
pub fn below_ground(ground: &Ground, line: &[Plan], depth_m: f64) -> Vec<(Plan, f64)> {
    line.iter().map(|p| (*p, ground.height(*p) - depth_m)).collect()
}
