//! Classes and features for this crate's tests.

use citytwin_model::class::{Form, Label, Symbol};
use citytwin_model::{Attribute, AttributeType, Class, ClassNo, Domain, Geometry, GeometryKind, Kept, Position, Shape};
use std::sync::Arc;

pub(crate) fn attribute(id: &str, ty: AttributeType) -> Attribute {
    Attribute { id: id.into(), label: Label::new(id, id), ty, unit: None, required: false, range: None, in_tiles: false }
}

/// A class with attributes `code`, `kind`, `dn`.
pub(crate) fn class(no: u16, id: &str, geometry: GeometryKind) -> Class {
    Class {
        no: ClassNo(no),
        id: id.into(),
        label: Label::new(id, id),
        domain: Domain::Pipe,
        geometry,
        network: false,
        kept: Kept::City,
        codes: vec![],
        attributes: vec![
            attribute("code", AttributeType::Text),
            attribute("kind", AttributeType::Text),
            attribute("dn", AttributeType::Int),
        ],
        symbol: Symbol { colour: [0, 0, 0], icon: None, min_zoom: 0 },
        form: Form::None,
        group: None,
        observed: vec![],
    }
}

/// Hydrants (80), water pipes (40) that name their hydrant, parks (5), datastreams (101).
pub(crate) fn classes() -> Vec<Arc<Class>> {
    let mut pipe = class(40, "water_pipe", GeometryKind::Line);
    pipe.network = true;
    pipe.attributes.push(attribute("from_node", AttributeType::Ref(vec!["hydrant".into()])));
    vec![
        Arc::new(class(5, "park", GeometryKind::Area)),
        Arc::new(pipe),
        Arc::new(class(80, "hydrant", GeometryKind::Point)),
        Arc::new(class(101, "datastream", GeometryKind::None)),
    ]
}

pub(crate) fn point(lon: f64, lat: f64) -> Option<Geometry> {
    Some(Geometry::with_z(Shape::Point(Position::new(lon, lat, 12.5))))
}
