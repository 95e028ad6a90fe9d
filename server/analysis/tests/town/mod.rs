//! A town of a few classes, made by hand.
#![allow(dead_code, reason = "each test takes what it needs")]

use citytwin_index::Snapshot;
use citytwin_model::class::{Form, Label, Symbol};
use citytwin_model::{
    Attribute, AttributeType, Class, ClassNo, Domain, Feature, FeatureId, Frame, Geometry, GeometryKind, Kept, LonLat, Value,
};
use std::sync::Arc;

pub struct Town {
    pub classes: Vec<Arc<Class>>,
    pub features: Vec<Feature>,
    pub origin: LonLat,
}

impl Default for Town {
    fn default() -> Self {
        let text = |id: &'static str| (id, AttributeType::Text);
        let real = |id: &'static str| (id, AttributeType::Real);
        let int = |id: &'static str| (id, AttributeType::Int);
        let pipe = || {
            vec![
                text("code"),
                text("state"),
                text("material"),
                real("diameter_mm"),
                int("built_year"),
                real("length_m"),
                text("soil"),
                int("breaks"),
                real("pressure_kpa"),
            ]
        };
        let classes = vec![
            class(1, "building", GeometryKind::Area, false, vec![text("state")]),
            class(40, "water_pipe", GeometryKind::Line, true, pipe()),
            class(50, "gas_pipe", GeometryKind::Line, true, pipe()),
            class(80, "hydrant", GeometryKind::Point, false, vec![text("state"), real("diameter_mm")]),
        ];
        Self { classes, features: Vec::new(), origin: LonLat { lon: 116.0, lat: 30.0 } }
    }
}

impl Town {
    /// Adds a feature; values are parsed by the type of their attribute. The last of two values for one attribute counts.
    pub fn add(&mut self, class: &str, geometry: Option<Geometry>, attributes: &[(&str, &str)]) -> FeatureId {
        let class = self.classes.iter().find(|one| one.id == class).expect("a class of the town").clone();
        let fid = 1 + self.features.iter().filter(|feature| feature.id.class == class.no).count() as u32;
        let mut values = vec![Value::Null; class.attributes.len()];
        for (id, text) in attributes {
            let at = class.attribute_index(id).unwrap_or_else(|| panic!("{id} is no attribute of {}", class.id));
            values[at] = match class.attributes[at].ty {
                AttributeType::Int => Value::Int(text.parse().unwrap()),
                AttributeType::Real => Value::Real(text.parse().unwrap()),
                _ => Value::Text((*text).to_owned()),
            };
        }
        let id = FeatureId::new(class.no, fid);
        self.features.push(Feature { id, revision: 1, geometry, attributes: values, other: None, source: None });
        id
    }

    pub fn set_last(&mut self, attribute: &str, value: Value) {
        let last = self.features.last_mut().unwrap();
        let class = self.classes.iter().find(|class| class.no == last.id.class).unwrap();
        last.attributes[class.attribute_index(attribute).unwrap()] = value;
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::build(1, Frame::at(self.origin), -12.5, self.classes.clone(), self.features.clone(), None)
    }
}

fn class(no: u16, id: &str, geometry: GeometryKind, network: bool, attributes: Vec<(&str, AttributeType)>) -> Arc<Class> {
    let attribute = |(id, ty): (&str, AttributeType)| Attribute {
        id: id.to_owned(),
        label: Label::default(),
        ty,
        unit: None,
        required: false,
        range: None,
        in_tiles: false,
    };
    Arc::new(Class {
        no: ClassNo(no),
        id: id.to_owned(),
        label: Label::default(),
        domain: Domain::Base,
        geometry,
        network,
        kept: Kept::City,
        codes: Vec::new(),
        attributes: attributes.into_iter().map(attribute).collect(),
        symbol: Symbol { colour: [0, 0, 0], icon: None, min_zoom: 0 },
        form: Form::None,
        group: None,
        observed: Vec::new(),
    })
}
