//! Tables as CSV (RFC 4180), with the mark by which spreadsheets know UTF-8, so that Chinese is read as such.
//!
//! Spreadsheets run a cell that begins like a formula, and names come out of files that anybody may have written. So a
//! *text* that begins with `=`, `+`, `-`, `@`, a tab or a carriage return, also behind apostrophes, gets one apostrophe
//! more in front; numbers and the geometry are written as they are. The way back: take one apostrophe from every cell that
//! begins with one or more of them and then such a character ([`unguarded`]); every other cell is what it says.

use citytwin_model::geometry::{Geometry, Line, Rings, Shape};
use citytwin_model::{AttributeType, Class, Feature, FeatureId, Position, Value};
use std::borrow::Cow;
use std::fmt::Write;

pub const MEDIA_TYPE: &str = "text/csv; charset=utf-8";
const BYTE_ORDER_MARK: char = '\u{feff}';

#[derive(Default)]
pub struct Csv {
    text: String,
    in_row: bool,
    /// Whether each feature's row ends by saying that it is made up.
    simulated: bool,
}

/// The column that says so, where the class has none of that name itself.
const SIMULATED: &str = "simulated";

impl Csv {
    /// Begins with the names of the columns.
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut csv = Self { text: BYTE_ORDER_MARK.to_string(), in_row: false, simulated: false };
        columns.into_iter().for_each(|column| csv.text_cell(column));
        csv.end_row();
        csv
    }

    /// A text that somebody else wrote.
    pub fn text_cell(&mut self, text: &str) {
        self.cell(&guarded(text));
    }

    /// A number, an instant, a geometry: what we have put together ourselves.
    pub fn cell(&mut self, text: &str) {
        if std::mem::replace(&mut self.in_row, true) {
            self.text.push(',');
        }
        if text.contains(['"', ',', '\n', '\r']) {
            self.text.push('"');
            self.text.push_str(&text.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(text);
        }
    }

    pub fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.in_row = false;
    }

    pub fn into_text(self) -> String {
        self.text
    }

    /// The columns of a class: id, its attributes, its geometry; of a made-up city one more that says so.
    pub fn of_class(class: &Class, simulated: bool) -> Self {
        let attributes = class.attributes.iter().map(|attribute| attribute.id.as_str());
        let simulated = simulated && class.attribute(SIMULATED).is_none();
        let columns = std::iter::once("id").chain(attributes).chain(["geometry"]).chain(simulated.then_some(SIMULATED));
        Self { simulated, ..Self::new(columns) }
    }

    pub fn feature(&mut self, id: &str, class: &Class, feature: &Feature, class_name: &dyn Fn(FeatureId) -> Option<String>) {
        self.cell(id);
        for (attribute, value) in feature.values(class) {
            match value {
                Value::Text(text) => self.text_cell(text),
                _ => self.cell(&text(&attribute.ty, value, class_name)),
            }
        }
        self.cell(&feature.geometry.as_ref().map(well_known_text).unwrap_or_default());
        if self.simulated {
            self.cell("true");
        }
        self.end_row();
    }
}

/// Whether a spreadsheet would run the text, or the way back would change it.
fn is_guarded(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn guarded(text: &str) -> Cow<'_, str> {
    if is_guarded(text) { format!("'{text}").into() } else { text.into() }
}

/// The way back, for who reads our own tables.
#[cfg(test)]
fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_guarded(text) => text,
        _ => cell,
    }
}

/// No data is an empty cell, never a zero.
fn text(ty: &AttributeType, value: &Value, class_name: &dyn Fn(FeatureId) -> Option<String>) -> String {
    match (ty, value) {
        (_, Value::Null) => String::new(),
        (AttributeType::Ref(_), Value::Int(wire)) => {
            let id = u64::try_from(*wire).ok().and_then(FeatureId::from_wire);
            id.and_then(|id| class_name(id).map(|name| format!("{name}.{}", id.fid))).unwrap_or_else(|| wire.to_string())
        }
        (_, Value::Bool(b)) => b.to_string(),
        (_, Value::Int(n)) => n.to_string(),
        (_, Value::Real(x)) => x.to_string(),
        (_, Value::Text(text)) => text.clone(),
    }
}

/// WKT with every digit: `LINESTRING Z (116 30 18.5, 116.1 30 18.4)`.
fn well_known_text(geometry: &Geometry) -> String {
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
    let mut text = format!("{} {}", p.lon, p.lat);
    if z {
        write!(text, " {}", p.z).expect("writing to a String");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let mut csv = Csv::new(["编号", "a,b"]);
        csv.cell("say \"x\"");
        csv.cell("");
        csv.end_row();
        assert_eq!(csv.into_text(), "\u{feff}编号,\"a,b\"\r\n\"say \"\"x\"\"\",\r\n");
    }

    #[test]
    fn a_text_is_never_run_and_comes_back_as_it_was() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://elsewhere.example\")", "'=HYPERLINK(\"http://elsewhere.example\")"),
            ("+86 10", "'+86 10"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("'quoted'", "'quoted'"),
            ("H-1", "H-1"),
            ("", ""),
        ] {
            assert_eq!(guarded(text), cell);
            assert_eq!(unguarded(cell), text);
        }
        let mut csv = Csv::new(["=cmd"]);
        csv.text_cell("=1,2");
        csv.cell("-3.5");
        csv.end_row();
        assert_eq!(csv.into_text(), "\u{feff}'=cmd\r\n\"'=1,2\",-3.5\r\n");
    }

    #[test]
    fn geometry_is_written_with_every_digit() {
        let line = Geometry::with_z(Shape::Line(vec![Position::new(116.000_000_000_000_01, 30.0, 18.5), Position::new(116.1, 30.0, 0.1)]));
        assert_eq!(well_known_text(&line), "LINESTRING Z (116.00000000000001 30 18.5, 116.1 30 0.1)");
        let square =
            vec![Position::new(0.0, 0.0, 9.0), Position::new(1.0, 0.0, 9.0), Position::new(1.0, 1.0, 9.0), Position::new(0.0, 0.0, 9.0)];
        let area = Geometry::flat(Shape::MultiPolygon(vec![vec![square]]));
        assert_eq!(well_known_text(&area), "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))");
    }
}
