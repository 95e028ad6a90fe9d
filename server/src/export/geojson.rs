//! GeoJSON (RFC 7946), as one collection or as a sequence of features, one a line (newline-delimited; with the record
//! separator of RFC 8142 where the file's ending is `geojsons`).
//!
//! Every number has all its digits. Rings stand as they are stored, whichever way they run: what is read again is the
//! same geometry, and the RFC tells readers to take both. A feature's `id` is its number within the class.

use super::table::{ColumnType, Row, Table};
use citytwin_model::geometry::{Geometry, Line, Rings, Shape};
use citytwin_model::{Position, Value};
use serde_json::Value as Json;
use std::io::{self, Write};

/// Begins a collection. `crs`: the system's OGC name where it is not CRS84; `members`: what else stands at the top.
pub fn begin(out: &mut impl Write, name: &str, crs: Option<&str>, members: &[(&str, Json)]) -> io::Result<()> {
    out.write_all(b"{\"type\":\"FeatureCollection\",\"name\":")?;
    serde_json::to_writer(&mut *out, name)?;
    if let Some(crs) = crs {
        // The form of 2008, which GDAL and QGIS write and read; RFC 7946 knows degrees only.
        write!(out, ",\"crs\":{}", serde_json::json!({ "type": "name", "properties": { "name": crs } }))?;
    }
    for (name, value) in members {
        write!(out, ",\"{name}\":{value}")?;
    }
    out.write_all(b",\"features\":[\n")
}

pub fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\n]}\n")
}

pub fn feature(out: &mut impl Write, table: &Table, row: &Row) -> io::Result<()> {
    write!(out, "{{\"type\":\"Feature\",\"id\":{},\"geometry\":", row.fid)?;
    match &row.geometry {
        None => out.write_all(b"null")?,
        Some(it) => geometry(out, it)?,
    }
    out.write_all(b",\"properties\":{")?;
    for (i, (column, value)) in table.columns.iter().zip(&row.values).enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, &column.name)?;
        out.write_all(b":")?;
        match value {
            Value::Null => out.write_all(b"null")?,
            Value::Bool(b) => write!(out, "{b}")?,
            Value::Int(n) => write!(out, "{n}")?,
            Value::Real(x) => number(out, *x)?,
            // An object as it is.
            Value::Text(text) if column.ty == ColumnType::Json => out.write_all(text.as_bytes())?,
            Value::Text(text) => serde_json::to_writer(&mut *out, text)?,
        }
    }
    out.write_all(b"}}")
}

/// With a point or an exponent, so that a whole number stays a number with a fraction for those who look.
fn number(out: &mut impl Write, x: f64) -> io::Result<()> {
    write!(out, "{x:?}")
}

fn geometry(out: &mut impl Write, geometry: &Geometry) -> io::Result<()> {
    let z = geometry.has_z;
    let kind = match geometry.shape {
        Shape::Point(_) => "Point",
        Shape::Line(_) => "LineString",
        Shape::Polygon(_) => "Polygon",
        Shape::MultiPoint(_) => "MultiPoint",
        Shape::MultiLine(_) => "MultiLineString",
        Shape::MultiPolygon(_) => "MultiPolygon",
    };
    write!(out, "{{\"type\":\"{kind}\",\"coordinates\":")?;
    match &geometry.shape {
        Shape::Point(p) => position(out, p, z)?,
        Shape::Line(line) | Shape::MultiPoint(line) => vertices(out, line, z)?,
        Shape::Polygon(rings) | Shape::MultiLine(rings) => lines(out, rings, z)?,
        Shape::MultiPolygon(parts) => list(out, parts, |out, part| lines(out, part, z))?,
    }
    out.write_all(b"}")
}

fn list<W: Write, T>(out: &mut W, items: &[T], mut each: impl FnMut(&mut W, &T) -> io::Result<()>) -> io::Result<()> {
    out.write_all(b"[")?;
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        each(out, item)?;
    }
    out.write_all(b"]")
}

fn lines(out: &mut impl Write, rings: &Rings, z: bool) -> io::Result<()> {
    list(out, rings, |out, ring| vertices(out, ring, z))
}

fn vertices(out: &mut impl Write, line: &Line, z: bool) -> io::Result<()> {
    list(out, line, |out, p| position(out, p, z))
}

fn position(out: &mut impl Write, p: &Position, z: bool) -> io::Result<()> {
    out.write_all(b"[")?;
    number(out, p.lon)?;
    out.write_all(b",")?;
    number(out, p.lat)?;
    if z {
        out.write_all(b",")?;
        number(out, p.z)?;
    }
    out.write_all(b"]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(it: &Geometry) -> String {
        let mut out = Vec::new();
        geometry(&mut out, it).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_keep_every_digit_and_their_sign() {
        let p = Position::new(116.000_000_000_000_01, -0.0, 5e-324);
        assert_eq!(written(&Geometry::with_z(Shape::Point(p))), r#"{"type":"Point","coordinates":[116.00000000000001,-0.0,5e-324]}"#);
        let line = Geometry::flat(Shape::MultiLine(vec![vec![p, p], vec![p, p]]));
        let parsed: Json = serde_json::from_str(&written(&line)).unwrap();
        assert_eq!(parsed["coordinates"][1][0], serde_json::json!([116.000_000_000_000_01, -0.0]));
    }

    #[test]
    fn a_collection_says_whom_to_credit() {
        let mut out = Vec::new();
        begin(&mut out, "a \"b\"", Some("urn:ogc:def:crs:EPSG::4547"), &[("attribution", Json::from("©"))]).unwrap();
        end(&mut out).unwrap();
        let parsed: Json = serde_json::from_slice(&out).unwrap();
        assert_eq!((parsed["name"].as_str(), parsed["attribution"].as_str()), (Some("a \"b\""), Some("©")));
        assert_eq!(parsed["crs"]["properties"]["name"], "urn:ogc:def:crs:EPSG::4547");
    }
}
