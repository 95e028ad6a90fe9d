//! Brings a geometry to what its class holds. What can be repaired without a choice is repaired and told.

use crate::skipped::{Reason, kind_name};
use citytwin_model::geometry::{Line, Rings};
use citytwin_model::{Class, Geometry, GeometryKind, Position, Shape};

/// What was done to a geometry so that it could be stored: a key under `repaired.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Repair {
    /// Arcs became chords (done by the helper).
    Stroked,
    /// Parts that continue each other became one line.
    Joined,
    /// A ring's first vertex was repeated as its last.
    Closed,
}

impl Repair {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Stroked => "stroked",
            Self::Joined => "joined",
            Self::Closed => "closed",
        }
    }
}

/// Highest ground and deepest trench: a height beyond this is no height.
const HEIGHT_LIMIT_M: f64 = 20_000.0;

pub fn to_class(geometry: Geometry, class: &Class) -> Result<(Geometry, Option<Repair>), Reason> {
    if geometry.kind() != class.geometry {
        return Err(Reason::WrongKind { wanted: class.geometry, found: shape_name(&geometry.shape).to_owned() });
    }
    let has_z = geometry.has_z;
    let mut repair = None;
    let shape = match geometry.shape {
        Shape::MultiPoint(points) if points.len() == 1 => Shape::Point(points[0]),
        // A hydrant is one hydrant.
        Shape::MultiPoint(points) => return Err(Reason::Split { parts: points.len() }),
        Shape::MultiLine(mut lines) => {
            if lines.len() == 1 {
                Shape::Line(lines.remove(0))
            } else if class.network {
                let parts = lines.len();
                repair = Some(Repair::Joined);
                Shape::Line(joined(lines).ok_or(Reason::Split { parts })?)
            } else {
                Shape::MultiLine(lines)
            }
        }
        Shape::MultiPolygon(mut parts) if parts.len() == 1 => Shape::Polygon(parts.remove(0)),
        other => other,
    };
    let mut geometry = Geometry { shape, has_z };
    if class.geometry == GeometryKind::Area {
        let mut closed = false;
        match &mut geometry.shape {
            Shape::Polygon(rings) => close(rings, &mut closed),
            Shape::MultiPolygon(parts) => parts.iter_mut().for_each(|rings| close(rings, &mut closed)),
            _ => {}
        }
        if closed {
            repair = Some(Repair::Closed);
        }
    }
    check(&geometry)?;
    Ok((geometry, repair))
}

fn check(geometry: &Geometry) -> Result<(), Reason> {
    let moves = |line: &Line| line.iter().any(|p| *p != line[0]);
    let encloses = |ring: &Line| ring.len() >= 4;
    if !geometry.lines().iter().all(moves) || !geometry.polygons().iter().flatten().all(encloses) {
        return Err(Reason::Degenerate);
    }
    let mut off: Option<Position> = None;
    geometry.for_each_vertex(|p| {
        let on_earth = p.lon.abs() <= 180.0 && p.lat.abs() <= 90.0 && p.z.abs() <= HEIGHT_LIMIT_M;
        if !on_earth && off.is_none() {
            off = Some(*p);
        }
    });
    off.map_or(Ok(()), |p| Err(Reason::OutsideWorld { lon: p.lon, lat: p.lat, z: p.z }))
}

/// One line of parts each of which begins where the one before it ended.
fn joined(lines: Vec<Line>) -> Option<Line> {
    let mut lines = lines.into_iter();
    let mut whole = lines.next()?;
    for next in lines {
        if whole.last() != next.first() {
            return None;
        }
        whole.extend(next.into_iter().skip(1));
    }
    Some(whole)
}

fn close(rings: &mut Rings, closed: &mut bool) {
    for ring in rings {
        if ring.len() >= 3 && ring.first() != ring.last() {
            ring.push(ring[0]);
            *closed = true;
        }
    }
}

fn shape_name(shape: &Shape) -> &'static str {
    match shape {
        Shape::Point(_) | Shape::MultiPoint(_) => kind_name(GeometryKind::Point),
        Shape::Line(_) | Shape::MultiLine(_) => kind_name(GeometryKind::Line),
        Shape::Polygon(_) | Shape::MultiPolygon(_) => kind_name(GeometryKind::Area),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::class;

    fn p(lon: f64, lat: f64) -> Position {
        Position::new(lon, lat, 0.0)
    }

    fn fitted(kind: GeometryKind, network: bool, shape: Shape) -> Result<(Shape, Option<Repair>), Reason> {
        let mut class = class("any", kind, &[]);
        class.network = network;
        to_class(Geometry::flat(shape), &class).map(|(geometry, repair)| (geometry.shape, repair))
    }

    #[test]
    fn a_multi_of_one_is_single() {
        assert_eq!(fitted(GeometryKind::Point, false, Shape::MultiPoint(vec![p(1.0, 2.0)])), Ok((Shape::Point(p(1.0, 2.0)), None)));
        let line = vec![p(1.0, 2.0), p(3.0, 4.0)];
        assert_eq!(fitted(GeometryKind::Line, true, Shape::MultiLine(vec![line.clone()])), Ok((Shape::Line(line), None)));
    }

    #[test]
    fn parts_of_a_pipe_are_joined_where_they_meet_and_refused_where_not() {
        let (a, b, c) = (p(1.0, 1.0), p(2.0, 1.0), p(2.0, 2.0));
        let parts = vec![vec![a, b], vec![b, c]];
        assert_eq!(
            fitted(GeometryKind::Line, true, Shape::MultiLine(parts.clone())),
            Ok((Shape::Line(vec![a, b, c]), Some(Repair::Joined)))
        );
        let apart = vec![vec![a, b], vec![c, p(3.0, 3.0)]];
        assert_eq!(fitted(GeometryKind::Line, true, Shape::MultiLine(apart.clone())), Err(Reason::Split { parts: 2 }));
        // A road may have parts.
        assert_eq!(fitted(GeometryKind::Line, false, Shape::MultiLine(apart.clone())), Ok((Shape::MultiLine(apart), None)));
        assert_eq!(fitted(GeometryKind::Point, false, Shape::MultiPoint(vec![a, b])), Err(Reason::Split { parts: 2 }));
    }

    #[test]
    fn an_open_ring_is_closed_and_told() {
        let (a, b, c) = (p(1.0, 1.0), p(2.0, 1.0), p(2.0, 2.0));
        assert_eq!(
            fitted(GeometryKind::Area, false, Shape::Polygon(vec![vec![a, b, c]])),
            Ok((Shape::Polygon(vec![vec![a, b, c, a]]), Some(Repair::Closed)))
        );
        assert_eq!(fitted(GeometryKind::Area, false, Shape::Polygon(vec![vec![a, b, a]])), Err(Reason::Degenerate));
    }

    #[test]
    fn what_cannot_be_a_place_is_refused() {
        assert_eq!(fitted(GeometryKind::Line, false, Shape::Line(vec![p(1.0, 1.0), p(1.0, 1.0)])), Err(Reason::Degenerate));
        assert_eq!(fitted(GeometryKind::Line, false, Shape::Line(vec![p(1.0, 1.0)])), Err(Reason::Degenerate));
        let metres = Shape::Point(p(500_000.0, 3_320_113.0));
        assert!(matches!(fitted(GeometryKind::Point, false, metres), Err(Reason::OutsideWorld { .. })));
        assert!(matches!(fitted(GeometryKind::Area, false, Shape::Point(p(1.0, 1.0))), Err(Reason::WrongKind { .. })));
    }
}
