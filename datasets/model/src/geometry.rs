//! Points, lines and areas, flat or with heights.

use crate::class::GeometryKind;
use crate::space::{Bounds, Position};

pub type Line = Vec<Position>;
/// Outer ring first, then holes; each ring closed (first vertex repeated last).
pub type Rings = Vec<Line>;

#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Point(Position),
    Line(Line),
    Polygon(Rings),
    MultiPoint(Vec<Position>),
    MultiLine(Vec<Line>),
    MultiPolygon(Vec<Rings>),
}

/// A shape, and whether its vertices carry heights.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    pub shape: Shape,
    pub has_z: bool,
}

impl Geometry {
    pub fn flat(shape: Shape) -> Self {
        Self { shape, has_z: false }
    }

    pub fn with_z(shape: Shape) -> Self {
        Self { shape, has_z: true }
    }

    pub fn kind(&self) -> GeometryKind {
        match self.shape {
            Shape::Point(_) | Shape::MultiPoint(_) => GeometryKind::Point,
            Shape::Line(_) | Shape::MultiLine(_) => GeometryKind::Line,
            Shape::Polygon(_) | Shape::MultiPolygon(_) => GeometryKind::Area,
        }
    }

    pub fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::EMPTY;
        self.for_each_vertex(|p| bounds.include(p.lon, p.lat));
        bounds
    }

    /// Lowest and highest vertex; `None` for a flat geometry.
    pub fn z_range(&self) -> Option<(f64, f64)> {
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        self.for_each_vertex(|p| range = (range.0.min(p.z), range.1.max(p.z)));
        (self.has_z && range.0 <= range.1).then_some(range)
    }

    pub fn for_each_vertex(&self, mut f: impl FnMut(&Position)) {
        match &self.shape {
            Shape::Point(p) => f(p),
            Shape::Line(line) | Shape::MultiPoint(line) => line.iter().for_each(f),
            Shape::Polygon(rings) | Shape::MultiLine(rings) => rings.iter().flatten().for_each(f),
            Shape::MultiPolygon(parts) => parts.iter().flatten().flatten().for_each(f),
        }
    }

    pub fn for_each_vertex_mut(&mut self, mut f: impl FnMut(&mut Position)) {
        match &mut self.shape {
            Shape::Point(p) => f(p),
            Shape::Line(line) | Shape::MultiPoint(line) => line.iter_mut().for_each(f),
            Shape::Polygon(rings) | Shape::MultiLine(rings) => rings.iter_mut().flatten().for_each(f),
            Shape::MultiPolygon(parts) => parts.iter_mut().flatten().flatten().for_each(f),
        }
    }

    pub fn vertex_count(&self) -> usize {
        let mut n = 0;
        self.for_each_vertex(|_| n += 1);
        n
    }

    /// The lines of a line geometry, single or multi; nothing for other kinds.
    pub fn lines(&self) -> &[Line] {
        match &self.shape {
            Shape::Line(line) => std::slice::from_ref(line),
            Shape::MultiLine(lines) => lines,
            _ => &[],
        }
    }

    /// The polygons of an area geometry, single or multi; nothing for other kinds.
    pub fn polygons(&self) -> &[Rings] {
        match &self.shape {
            Shape::Polygon(rings) => std::slice::from_ref(rings),
            Shape::MultiPolygon(parts) => parts,
            _ => &[],
        }
    }

    /// The points of a point geometry, single or multi; nothing for other kinds.
    pub fn points(&self) -> &[Position] {
        match &self.shape {
            Shape::Point(p) => std::slice::from_ref(p),
            Shape::MultiPoint(points) => points,
            _ => &[],
        }
    }
}
