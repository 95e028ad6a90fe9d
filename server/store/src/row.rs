//! A feature as a row, and a row as a feature: what can be stored, and how what was stored by others is read.

use crate::error::Refusal;
use crate::gpkg::{blob, geometry_type};
use citytwin_model::{Attribute, AttributeType, Class, FeatureId, Geometry, GeometryKind, Position, Shape, Timestamp, Value};
use rusqlite::types::{Value as Sql, ValueRef};

/// Refuses a geometry that its class cannot hold.
pub(crate) fn check_geometry(class: &Class, geometry: Option<&Geometry>) -> Result<(), Refusal> {
    let Some(geometry) = geometry else {
        return if class.geometry == GeometryKind::None { Ok(()) } else { Err(Refusal::NoGeometry) };
    };
    if class.geometry == GeometryKind::None {
        return Err(Refusal::NeedlessGeometry);
    }
    if geometry.kind() != class.geometry {
        return Err(Refusal::GeometryKind { found: kind_name(geometry.kind()), wanted: kind_name(class.geometry) });
    }
    match &geometry.shape {
        Shape::MultiPoint(_) => return Err(Refusal::SeveralParts),
        Shape::MultiLine(_) if class.network => return Err(Refusal::SeveralParts),
        Shape::Point(_) => {}
        Shape::Line(_) | Shape::MultiLine(_) => {
            let moves = |line: &[Position]| line.iter().any(|p| *p != line[0]);
            if geometry.lines().is_empty() || !geometry.lines().iter().all(|line| moves(line)) {
                return Err(Refusal::ShortLine);
            }
        }
        Shape::Polygon(_) | Shape::MultiPolygon(_) => {
            let polygons = geometry.polygons();
            let good = |ring: &Vec<Position>| ring.len() >= 4 && ring.first() == ring.last();
            if polygons.is_empty() || !polygons.iter().all(|rings| !rings.is_empty() && rings.iter().all(good)) {
                return Err(Refusal::BadRing);
            }
        }
    }
    let mut off = None;
    geometry.for_each_vertex(|p| {
        let on_earth = p.lon.abs() <= 180.0 && p.lat.abs() <= 90.0 && p.z.abs() <= 20_000.0;
        if !on_earth && off.is_none() {
            off = Some(Refusal::OffTheEarth { lon: p.lon, lat: p.lat, z: p.z });
        }
    });
    off.map_or(Ok(()), Err)
}

fn kind_name(kind: GeometryKind) -> &'static str {
    match kind {
        GeometryKind::None => "thing without place",
        GeometryKind::Point => "point",
        GeometryKind::Line => "line",
        GeometryKind::Area => "area",
    }
}

/// One attribute as its column holds it. What converts without loss is converted, anything else is refused.
pub(crate) fn sql_value(attribute: &Attribute, ty: &AttributeType, value: &Value) -> Result<Sql, Refusal> {
    let wrong = |wanted| {
        let found = match value {
            Value::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Value::Real(x) => x.to_string(),
            other => format!("{other:?}"),
        };
        Err(Refusal::AttributeType { attribute: attribute.id.clone(), found, wanted })
    };
    Ok(match (ty, value) {
        (_, Value::Null) => Sql::Null,
        (AttributeType::Bool, Value::Bool(b)) => Sql::Integer(i64::from(*b)),
        (AttributeType::Bool, Value::Int(n @ (0 | 1))) => Sql::Integer(*n),
        (AttributeType::Bool, _) => return wrong("yes or no"),
        (AttributeType::Int, Value::Int(n)) => Sql::Integer(*n),
        (AttributeType::Int, Value::Real(x)) if x.fract() == 0.0 && x.abs() <= 9e15 => Sql::Integer(*x as i64),
        (AttributeType::Int, _) => return wrong("a whole number"),
        (AttributeType::Real, Value::Real(x)) if x.is_finite() => Sql::Real(*x),
        (AttributeType::Real, Value::Int(n)) if n.abs() <= 1 << 53 => Sql::Real(*n as f64),
        (AttributeType::Real, _) => return wrong("a finite number"),
        (AttributeType::Text | AttributeType::Code(_), Value::Text(text)) => Sql::Text(text.clone()),
        (AttributeType::Text | AttributeType::Code(_), Value::Int(n)) => Sql::Text(n.to_string()),
        (AttributeType::Text | AttributeType::Code(_), _) => return wrong("a text"),
        (AttributeType::Date, Value::Text(text)) if is_date(text) => Sql::Text(text.clone()),
        (AttributeType::Date, _) => return wrong("a day such as 2026-11-21"),
        (AttributeType::Time, Value::Text(text)) => match text.parse::<Timestamp>() {
            Ok(instant) => Sql::Text(instant.to_string()),
            Err(_) => return wrong("an instant such as 2026-11-21T08:00:00Z"),
        },
        (AttributeType::Time, _) => return wrong("an instant such as 2026-11-21T08:00:00Z"),
        (AttributeType::Ref(_), Value::Int(n)) if u64::try_from(*n).ok().and_then(FeatureId::from_wire).is_some() => Sql::Integer(*n),
        // A code that resolves to nothing is kept beside the columns; see `references.rs`.
        (AttributeType::Ref(_), _) => return wrong("a feature's number"),
    })
}

/// The same of a value that is given away: a text moves into its column.
pub(crate) fn into_sql(attribute: &Attribute, value: Value) -> Result<Sql, Refusal> {
    match (&attribute.ty, value) {
        (AttributeType::Text | AttributeType::Code(_), Value::Text(text)) => Ok(Sql::Text(text)),
        (ty, value) => sql_value(attribute, ty, &value),
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok()
}

/// One column as an attribute. Other programs can write anything anywhere: what is not of the type is no data.
pub(crate) fn attribute_value(ty: &AttributeType, value: ValueRef<'_>) -> Value {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    match (ty, value) {
        (AttributeType::Bool, ValueRef::Integer(n @ (0 | 1))) => Value::Bool(n == 1),
        (AttributeType::Int, ValueRef::Integer(n)) => Value::Int(n),
        (AttributeType::Int, ValueRef::Real(x)) if x.fract() == 0.0 && x.abs() <= 9e15 => Value::Int(x as i64),
        (AttributeType::Real, ValueRef::Real(x)) if x.is_finite() => Value::Real(x),
        (AttributeType::Real, ValueRef::Integer(n)) => Value::Real(n as f64),
        (AttributeType::Text | AttributeType::Code(_), ValueRef::Text(bytes)) => text(bytes).map_or(Value::Null, Value::Text),
        (AttributeType::Text | AttributeType::Code(_), ValueRef::Integer(n)) => Value::Text(n.to_string()),
        (AttributeType::Date, ValueRef::Text(bytes)) => text(bytes).filter(|t| is_date(t)).map_or(Value::Null, Value::Text),
        (AttributeType::Time, ValueRef::Text(bytes)) => {
            text(bytes).and_then(|t| t.parse::<Timestamp>().ok()).map_or(Value::Null, |t| Value::Text(t.to_string()))
        }
        (AttributeType::Ref(_), ValueRef::Integer(n)) if u64::try_from(n).ok().and_then(FeatureId::from_wire).is_some() => Value::Int(n),
        (AttributeType::Ref(_), ValueRef::Integer(n)) => Value::Text(n.to_string()),
        (AttributeType::Ref(_), ValueRef::Text(bytes)) => text(bytes).map_or(Value::Null, Value::Text),
        _ => Value::Null,
    }
}

/// A geometry column as others may have left it: unreadable or of the wrong kind is no geometry.
pub(crate) fn geometry_value(class: &Class, value: ValueRef<'_>) -> Option<Geometry> {
    geometry_type(class)?;
    let ValueRef::Blob(bytes) = value else { return None };
    blob::read(bytes).ok().filter(|geometry| check_geometry(class, Some(geometry)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{attribute, class};
    use citytwin_model::ClassNo;

    fn geometry(shape: Shape) -> Option<Geometry> {
        Some(Geometry::flat(shape))
    }

    #[test]
    fn geometries_that_a_class_cannot_hold_are_refused_with_the_reason() {
        let p = |x: f64, y: f64| Position::new(x, y, 0.0);
        let mut pipe = class(40, "water_pipe", GeometryKind::Line);
        let park = class(5, "park", GeometryKind::Area);
        let line = vec![p(1.0, 1.0), p(2.0, 2.0)];
        let ring = vec![p(1.0, 1.0), p(2.0, 1.0), p(2.0, 2.0), p(1.0, 1.0)];
        assert_eq!(check_geometry(&pipe, geometry(Shape::Line(line.clone())).as_ref()), Ok(()));
        assert_eq!(check_geometry(&pipe, geometry(Shape::MultiLine(vec![line.clone(), line.clone()])).as_ref()), Ok(()));
        assert_eq!(check_geometry(&park, geometry(Shape::Polygon(vec![ring.clone()])).as_ref()), Ok(()));
        pipe.network = true;
        for (class, shape, refusal) in [
            (&pipe, None, Refusal::NoGeometry),
            (&pipe, geometry(Shape::MultiLine(vec![line.clone(), line.clone()])), Refusal::SeveralParts),
            (&pipe, geometry(Shape::Line(vec![p(1.0, 1.0)])), Refusal::ShortLine),
            (&pipe, geometry(Shape::Line(vec![p(1.0, 1.0), p(1.0, 1.0)])), Refusal::ShortLine),
            (&pipe, geometry(Shape::Point(p(1.0, 1.0))), Refusal::GeometryKind { found: "point", wanted: "line" }),
            (&pipe, geometry(Shape::Line(vec![p(1.0, 1.0), p(500.0, 1.0)])), Refusal::OffTheEarth { lon: 500.0, lat: 1.0, z: 0.0 }),
            (&park, geometry(Shape::Polygon(vec![ring[..3].to_vec()])), Refusal::BadRing),
            (&park, geometry(Shape::Polygon(vec![])), Refusal::BadRing),
            (&class(101, "datastream", GeometryKind::None), geometry(Shape::Point(p(1.0, 1.0))), Refusal::NeedlessGeometry),
        ] {
            assert_eq!(check_geometry(class, shape.as_ref()), Err(refusal), "{} {shape:?}", ClassNo(class.no.0));
        }
    }

    #[test]
    fn values_convert_only_without_loss() {
        let check = |ty: AttributeType, value: Value| sql_value(&attribute("a", ty.clone()), &ty, &value).ok();
        assert_eq!(check(AttributeType::Int, Value::Real(3.0)), Some(Sql::Integer(3)));
        assert_eq!(check(AttributeType::Int, Value::Real(3.5)), None);
        assert_eq!(check(AttributeType::Real, Value::Int(3)), Some(Sql::Real(3.0)));
        assert_eq!(check(AttributeType::Real, Value::Real(f64::NAN)), None);
        assert_eq!(check(AttributeType::Real, "3".into()), None);
        assert_eq!(check(AttributeType::Text, Value::Int(7)), Some(Sql::Text("7".into())));
        assert_eq!(check(AttributeType::Date, "2026-02-30".into()), None);
        assert_eq!(check(AttributeType::Date, "2026-02-28".into()), Some(Sql::Text("2026-02-28".into())));
        assert_eq!(check(AttributeType::Time, "2026-11-21T08:00:00+08:00".into()), Some(Sql::Text("2026-11-21T00:00:00.000Z".into())));
        assert_eq!(check(AttributeType::Bool, Value::Int(2)), None);
    }

    #[test]
    fn what_others_wrote_with_the_wrong_type_is_no_data() {
        assert_eq!(attribute_value(&AttributeType::Int, ValueRef::Text(b"many")), Value::Null);
        assert_eq!(attribute_value(&AttributeType::Real, ValueRef::Integer(4)), Value::Real(4.0));
        assert_eq!(attribute_value(&AttributeType::Text, ValueRef::Text(b"\xff")), Value::Null);
        assert_eq!(attribute_value(&AttributeType::Ref(vec![]), ValueRef::Text(b"WP-1")), Value::from("WP-1"));
        assert_eq!(attribute_value(&AttributeType::Date, ValueRef::Text(b"yesterday")), Value::Null);
    }
}
