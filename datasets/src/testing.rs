//! Small classes and layers for this crate's tests.

use crate::pipe::{Kind, LayerHeader};
use citytwin_model::class::{Form, Label, Symbol};
use citytwin_model::{Attribute, AttributeType, Class, ClassNo, Domain, GeometryKind, Kept};

pub fn class(id: &str, geometry: GeometryKind, attributes: &[Attribute]) -> Class {
    Class {
        no: ClassNo(1),
        id: id.into(),
        label: Label::new(id, id),
        domain: Domain::Base,
        geometry,
        network: false,
        kept: Kept::City,
        codes: vec![],
        attributes: attributes.to_vec(),
        symbol: Symbol { colour: [0; 3], icon: None, min_zoom: 10 },
        form: Form::None,
        group: None,
        observed: vec![],
    }
}

pub fn attribute(id: &str, zh: &str, en: &str, ty: AttributeType) -> Attribute {
    Attribute { id: id.into(), label: Label::new(zh, en), ty, unit: None, required: false, range: None, in_tiles: false }
}

pub fn header(name: &str) -> LayerHeader {
    LayerHeader {
        name: name.into(),
        fields: vec![],
        kinds: vec![Kind::Point],
        has_z: false,
        own_ids: false,
        features: None,
        extent: None,
        crs: None,
    }
}
