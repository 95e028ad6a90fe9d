//! A small city in memory, for the tests of this crate.

use crate::city::City;
use crate::class::{Attribute, AttributeType, Class, ClassNo, Domain, Form, GeometryKind, Kept, Label, Symbol};
use crate::feature::Feature;
use crate::frame::Frame;
use crate::geometry::{Geometry, Shape};
use crate::ids::{FeatureId, Revision};
use crate::space::{Bounds, LonLat, Position};
use crate::value::Value;
use std::sync::Arc;

/// A class of points whose attributes are all texts.
pub fn class(no: u16, id: &str, attributes: &[&str]) -> Class {
    let attribute = |id: &&str| Attribute {
        id: (*id).to_owned(),
        label: Label::new(*id, *id),
        ty: AttributeType::Text,
        unit: None,
        required: false,
        range: None,
        in_tiles: false,
    };
    Class {
        no: ClassNo(no),
        id: id.to_owned(),
        label: Label::new(id, id),
        domain: Domain::Pipe,
        geometry: GeometryKind::Point,
        network: false,
        kept: Kept::City,
        codes: vec![],
        attributes: attributes.iter().map(attribute).collect(),
        symbol: Symbol { colour: [0; 3], icon: None, min_zoom: 0 },
        form: Form::None,
        group: None,
        observed: vec![],
    }
}

/// A point a thousandth of a degree east of the origin for each number.
pub fn feature(class: u16, fid: u32, attributes: Vec<Value>) -> Feature {
    let at = Position::new(116.0 + f64::from(fid) / 1000.0, 30.0, 0.0);
    Feature {
        id: FeatureId::new(ClassNo(class), fid),
        revision: 1,
        geometry: Some(Geometry::flat(Shape::Point(at))),
        attributes,
        other: None,
        source: None,
    }
}

/// A resolved reference as the store holds it.
pub fn reference(id: FeatureId) -> Value {
    Value::Int(i64::try_from(id.wire()).expect("below 2⁵³"))
}

pub struct Town {
    frame: Frame,
    classes: Vec<Arc<Class>>,
    features: Vec<Arc<Feature>>,
}

impl Town {
    pub fn new(classes: Vec<Class>, features: Vec<Feature>) -> Self {
        let mut classes: Vec<Arc<Class>> = classes.into_iter().map(Arc::new).collect();
        classes.sort_by_key(|class| class.no);
        Self { frame: Frame::at(LonLat { lon: 116.0, lat: 30.0 }), classes, features: features.into_iter().map(Arc::new).collect() }
    }
}

impl City for Town {
    fn revision(&self) -> Revision {
        1
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn geoid_offset_m(&self) -> f64 {
        0.0
    }

    fn classes(&self) -> &[Arc<Class>] {
        &self.classes
    }

    fn feature(&self, id: FeatureId) -> Option<Arc<Feature>> {
        self.features.iter().find(|feature| feature.id == id).cloned()
    }

    fn all<'a>(&'a self, class: ClassNo) -> Box<dyn Iterator<Item = Arc<Feature>> + 'a> {
        Box::new(self.features.iter().filter(move |feature| feature.id.class == class).cloned())
    }

    fn in_box(&self, class: ClassNo, bounds: &Bounds) -> Vec<Arc<Feature>> {
        self.all(class).filter(|feature| feature.geometry.as_ref().is_some_and(|g| g.bounds().intersects(bounds))).collect()
    }

    fn ground_height(&self, _: LonLat) -> Option<f64> {
        None
    }
}
