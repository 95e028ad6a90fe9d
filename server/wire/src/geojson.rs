//! GeoJSON (RFC 7946), written byte by byte with every digit, and read with every doubt spoken out.

use citytwin_model::class::AttributeType;
use citytwin_model::geometry::{Geometry, Line, Rings, Shape};
use citytwin_model::{Class, Feature, FeatureId, Position, Value};
use serde_json::Value as Json;
use std::io::Write as _;

/// The public name of a feature's class: `water_pipe` for a class number; what refs are written with.
pub type ClassName<'a> = &'a dyn Fn(FeatureId) -> Option<String>;

/// Appends one feature. `id` is its public id; `extra` is appended as further members (`,"links":[…]`), as it is.
pub fn write_feature(out: &mut Vec<u8>, id: &str, class: &Class, feature: &Feature, class_name: ClassName, extra: &[u8]) {
    out.extend_from_slice(br#"{"type":"Feature","id":"#);
    write_text(out, id);
    out.extend_from_slice(br#","geometry":"#);
    match &feature.geometry {
        Some(geometry) => write_geometry(out, geometry),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(br#","properties":{"#);
    for (i, (attribute, value)) in feature.values(class).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_text(out, &attribute.id);
        out.push(b':');
        write_value(out, &attribute.ty, value, class_name);
    }
    if let Some(other) = &feature.other {
        if !class.attributes.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(br#""other":"#);
        // It is JSON text already; should an outside program have written something else, it goes out as a text.
        match serde_json::from_str::<serde::de::IgnoredAny>(other) {
            Ok(_) => out.extend_from_slice(other.trim().as_bytes()),
            Err(_) => write_text(out, other),
        }
    }
    out.push(b'}');
    out.extend_from_slice(extra);
    out.push(b'}');
}

fn write_value(out: &mut Vec<u8>, ty: &AttributeType, value: &Value, class_name: ClassName) {
    match (ty, value) {
        // A resolved reference is the wire number in the store and the public id at the door.
        (AttributeType::Ref(_), Value::Int(wire)) => {
            let id = u64::try_from(*wire).ok().and_then(FeatureId::from_wire);
            match id.and_then(|id| class_name(id).map(|name| (name, id.fid))) {
                Some((name, fid)) => write_text(out, &format!("{name}.{fid}")),
                None => write_display(out, wire),
            }
        }
        (_, Value::Null) => out.extend_from_slice(b"null"),
        (_, Value::Bool(b)) => write_display(out, b),
        (_, Value::Int(n)) => write_display(out, n),
        (_, Value::Real(x)) => write_number(out, *x),
        (_, Value::Text(text)) => write_text(out, text),
    }
}

pub fn write_geometry(out: &mut Vec<u8>, geometry: &Geometry) {
    let z = geometry.has_z;
    let (name, write): (&str, &dyn Fn(&mut Vec<u8>)) = match &geometry.shape {
        Shape::Point(p) => ("Point", &|out| write_position(out, p, z)),
        Shape::Line(line) => ("LineString", &|out| write_line(out, line, z)),
        Shape::Polygon(rings) => ("Polygon", &|out| write_rings(out, rings, z)),
        Shape::MultiPoint(points) => ("MultiPoint", &|out| write_line(out, points, z)),
        Shape::MultiLine(lines) => ("MultiLineString", &|out| write_rings(out, lines, z)),
        Shape::MultiPolygon(parts) => ("MultiPolygon", &|out| write_list(out, parts, |out, rings| write_rings(out, rings, z))),
    };
    write!(out, r#"{{"type":"{name}","coordinates":"#).expect("writing to a Vec");
    write(out);
    out.push(b'}');
}

fn write_list<T>(out: &mut Vec<u8>, items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

fn write_rings(out: &mut Vec<u8>, rings: &[Line], z: bool) {
    write_list(out, rings, |out, ring| write_line(out, ring, z));
}

fn write_line(out: &mut Vec<u8>, line: &[Position], z: bool) {
    write_list(out, line, |out, p| write_position(out, p, z));
}

fn write_position(out: &mut Vec<u8>, p: &Position, z: bool) {
    out.push(b'[');
    write_number(out, p.lon);
    out.push(b',');
    write_number(out, p.lat);
    if z {
        out.push(b',');
        write_number(out, p.z);
    }
    out.push(b']');
}

/// The shortest text that reads back as the same f64; `null` for what JSON has no number for.
pub fn write_number(out: &mut Vec<u8>, x: f64) {
    serde_json::to_writer(out, &x).expect("writing to a Vec");
}

pub fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing to a Vec");
}

fn write_display(out: &mut Vec<u8>, value: &dyn std::fmt::Display) {
    write!(out, "{value}").expect("writing to a Vec");
}

/// Why a geometry was not taken; says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    #[error("{at}: a geometry is an object with type and coordinates")]
    NotGeometry { at: String },
    #[error("{at}: geometry type {found} is not known; give Point, LineString, Polygon or their Multi forms")]
    Kind { at: String, found: String },
    #[error("{at}: a position is [longitude, latitude] or [longitude, latitude, height], all of them numbers")]
    Position { at: String },
    #[error("{at}: longitude must be within ±180 and latitude within ±90; first the longitude")]
    Range { at: String },
    #[error("{at}: some positions have a height and some have none; give all or none")]
    MixedHeights { at: String },
    #[error("{at}: a line needs at least 2 positions")]
    ShortLine { at: String },
    #[error("{at}: a ring needs at least 4 positions, the last equal to the first")]
    Ring { at: String },
    #[error("{at}: nothing in it")]
    Empty { at: String },
}

/// Reads a geometry object.
pub fn read_geometry(json: &Json) -> Result<Geometry, GeometryError> {
    let at = "geometry";
    let lost = || GeometryError::NotGeometry { at: at.to_owned() };
    let object = json.as_object().ok_or_else(lost)?;
    let kind = object.get("type").and_then(Json::as_str).ok_or_else(lost)?;
    let coordinates = object.get("coordinates");
    let mut reader = Reader { has_z: None };
    let at = format!("{at}.coordinates");
    let found = |reader: &mut Reader| -> Result<Shape, GeometryError> {
        let json = coordinates.ok_or_else(lost)?;
        Ok(match kind {
            "Point" => Shape::Point(reader.position(json, &at)?),
            "LineString" => Shape::Line(reader.line(json, &at)?),
            "Polygon" => Shape::Polygon(reader.rings(json, &at)?),
            "MultiPoint" => Shape::MultiPoint(reader.list(json, &at, Reader::position)?),
            "MultiLineString" => Shape::MultiLine(reader.list(json, &at, Reader::line)?),
            "MultiPolygon" => Shape::MultiPolygon(reader.list(json, &at, Reader::rings)?),
            other => return Err(GeometryError::Kind { at: "geometry.type".to_owned(), found: other.chars().take(40).collect() }),
        })
    };
    let shape = found(&mut reader)?;
    Ok(Geometry { shape, has_z: reader.has_z.unwrap_or(false) })
}

struct Reader {
    has_z: Option<bool>,
}

impl Reader {
    fn position(&mut self, json: &Json, at: &str) -> Result<Position, GeometryError> {
        let lost = || GeometryError::Position { at: at.to_owned() };
        let numbers = json.as_array().filter(|array| (2..=3).contains(&array.len())).ok_or_else(lost)?;
        let number = |i: usize| numbers[i].as_f64().filter(|x| x.is_finite()).ok_or_else(lost);
        let has_z = numbers.len() == 3;
        let position = Position::new(number(0)?, number(1)?, if has_z { number(2)? } else { 0.0 });
        if !(-180.0..=180.0).contains(&position.lon) || !(-90.0..=90.0).contains(&position.lat) {
            return Err(GeometryError::Range { at: at.to_owned() });
        }
        if *self.has_z.get_or_insert(has_z) != has_z {
            return Err(GeometryError::MixedHeights { at: at.to_owned() });
        }
        Ok(position)
    }

    fn list<T>(
        &mut self,
        json: &Json,
        at: &str,
        each: fn(&mut Self, &Json, &str) -> Result<T, GeometryError>,
    ) -> Result<Vec<T>, GeometryError> {
        let array = json.as_array().ok_or_else(|| GeometryError::Position { at: at.to_owned() })?;
        if array.is_empty() {
            return Err(GeometryError::Empty { at: at.to_owned() });
        }
        array.iter().enumerate().map(|(i, item)| each(self, item, &format!("{at}[{i}]"))).collect()
    }

    fn line(&mut self, json: &Json, at: &str) -> Result<Line, GeometryError> {
        let line = self.list(json, at, Self::position)?;
        if line.len() < 2 { Err(GeometryError::ShortLine { at: at.to_owned() }) } else { Ok(line) }
    }

    fn rings(&mut self, json: &Json, at: &str) -> Result<Rings, GeometryError> {
        self.list(json, at, |reader, json, at| {
            let ring = reader.list(json, at, Self::position)?;
            if ring.len() < 4 || ring.first() != ring.last() { Err(GeometryError::Ring { at: at.to_owned() }) } else { Ok(ring) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn text(geometry: &Geometry) -> String {
        let mut out = Vec::new();
        write_geometry(&mut out, geometry);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_digit_is_written() {
        let geometry = Geometry::with_z(Shape::Point(Position::new(116.000_000_000_000_01, 29.999_999_999_999_996, -0.1)));
        assert_eq!(text(&geometry), r#"{"type":"Point","coordinates":[116.00000000000001,29.999999999999996,-0.1]}"#);
        let back = read_geometry(&serde_json::from_str(&text(&geometry)).unwrap()).unwrap();
        assert_eq!(back, geometry);
    }

    #[test]
    fn a_flat_geometry_has_no_third_number() {
        let geometry = Geometry::flat(Shape::Line(vec![Position::new(1.0, 2.0, 9.0), Position::new(3.0, 4.5, 9.0)]));
        assert_eq!(text(&geometry), r#"{"type":"LineString","coordinates":[[1.0,2.0],[3.0,4.5]]}"#);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let refused = |json: Json| read_geometry(&json).unwrap_err().to_string();
        assert_eq!(
            refused(json!({"type": "LineString", "coordinates": [[1, 2], [3, "x"]]})),
            "geometry.coordinates[1]: a position is [longitude, latitude] or [longitude, latitude, height], all of them numbers"
        );
        assert!(
            refused(json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}))
                .starts_with("geometry.coordinates[0]: a ring")
        );
        assert!(refused(json!({"type": "LineString", "coordinates": [[0, 0], [1, 0, 5]]})).contains("all or none"));
        assert!(refused(json!({"type": "Point", "coordinates": [30, 116]})).contains("first the longitude"));
        assert!(refused(json!({"type": "Point"})).contains("type and coordinates"));
        assert!(refused(json!({"type": "Circle", "coordinates": []})).contains("Circle"));
        assert!(refused(json!({"type": "MultiPoint", "coordinates": []})).contains("nothing in it"));
        assert!(refused(json!(7)).contains("an object"));
    }

    fn position() -> impl Strategy<Value = Position> {
        (-180.0f64..=180.0, -90.0f64..=90.0, -1e4f64..1e4).prop_map(|(lon, lat, z)| Position::new(lon, lat, z))
    }

    fn ring() -> impl Strategy<Value = Line> {
        proptest::collection::vec(position(), 3..8).prop_map(|mut ring| {
            ring.push(ring[0]);
            ring
        })
    }

    proptest! {
        #[test]
        fn areas_come_back_bit_for_bit(parts in proptest::collection::vec(proptest::collection::vec(ring(), 1..3), 1..4)) {
            let geometry = Geometry::with_z(Shape::MultiPolygon(parts));
            let back = read_geometry(&serde_json::from_str(&text(&geometry)).unwrap()).unwrap();
            prop_assert_eq!(back, geometry);
        }
    }
}
