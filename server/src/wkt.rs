//! Geometry as well-known text, with every digit.

use citytwin_model::Position;
use citytwin_model::geometry::{Geometry, Line, Rings, Shape};
use std::fmt::Write;

/// `LINESTRING Z (116 30 18.5, 116.1 30 18.4)`.
pub fn well_known_text(geometry: &Geometry) -> String {
    let z = geometry.has_z;
    let (kind, body) = match &geometry.shape {
        Shape::Point(p) => ("POINT", format!("({})", position(p, z))),
        Shape::Line(line) => ("LINESTRING", vertices(line, z)),
        Shape::Polygon(polygon) => ("POLYGON", rings(polygon, z)),
        Shape::MultiPoint(points) => ("MULTIPOINT", list(points, |p| format!("({})", position(p, z)))),
        Shape::MultiLine(lines) => ("MULTILINESTRING", rings(lines, z)),
        Shape::MultiPolygon(parts) => ("MULTIPOLYGON", list(parts, |part| rings(part, z))),
    };
    format!("{kind}{} {body}", if z { " Z" } else { "" })
}

/// The shortest decimal that is this number and no other; with an exponent where it would be long, because some readers
/// stop after some dozens of digits.
pub fn number(x: f64) -> String {
    let plain = x.to_string();
    if plain.len() <= 24 { plain } else { format!("{x:e}") }
}

fn list<T>(items: &[T], each: impl Fn(&T) -> String) -> String {
    format!("({})", items.iter().map(each).collect::<Vec<_>>().join(", "))
}

fn rings(rings: &Rings, z: bool) -> String {
    list(rings, |ring| vertices(ring, z))
}

fn vertices(line: &Line, z: bool) -> String {
    list(line, |p| position(p, z))
}

fn position(p: &Position, z: bool) -> String {
    let mut text = format!("{} {}", number(p.lon), number(p.lat));
    if z {
        write!(text, " {}", number(p.z)).expect("writing to a String");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometry_is_written_with_every_digit() {
        let line = Geometry::with_z(Shape::Line(vec![Position::new(116.000_000_000_000_01, 30.0, 18.5), Position::new(116.1, 30.0, 0.1)]));
        assert_eq!(well_known_text(&line), "LINESTRING Z (116.00000000000001 30 18.5, 116.1 30 0.1)");
        let square =
            vec![Position::new(0.0, 0.0, 9.0), Position::new(1.0, 0.0, 9.0), Position::new(1.0, 1.0, 9.0), Position::new(0.0, 0.0, 9.0)];
        let area = Geometry::flat(Shape::MultiPolygon(vec![vec![square]]));
        assert_eq!(well_known_text(&area), "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))");
    }

    #[test]
    fn a_number_is_short_and_itself() {
        for x in [5e-324, -1e-300, 1e22, 0.1, -0.0, 123_456.123_456_789, f64::MAX] {
            let text = number(x);
            assert!(text.len() <= 24 && text.parse::<f64>().unwrap().to_bits() == x.to_bits(), "{text}");
        }
    }
}
