//! `GET /catalogue`: classes, attributes, codes and symbols, and the city itself.

use citytwin_model::class;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    pub classes: Vec<Class>,
    pub properties: Vec<ObservedProperty>,
    pub city: City,
}

#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Label {
    pub zh: String,
    pub en: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct City {
    pub name: Label,
    /// Longitude and latitude in degrees of the frame's origin.
    pub origin: [f64; 2],
    /// West, south, east, north; `null` while the city is empty.
    pub bounds: Option<[f64; 4]>,
    pub height_datum: String,
    pub geoid_offset_m: f64,
    /// Made-up data, to be labelled so wherever it is shown.
    pub simulated: bool,
    pub revision: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    pub id: String,
    pub no: u16,
    pub label: Label,
    pub domain: String,
    /// `city`: a collection; `live` and `terrain`: none, for it is no feature of the store.
    #[serde(default = "city")]
    pub kept: String,
    /// `none`, `point`, `line` or `area`.
    pub geometry: String,
    pub group: Option<String>,
    pub network: bool,
    pub codes: Vec<StandardCode>,
    pub symbol: Symbol,
    pub form: Form,
    pub attributes: Vec<Attribute>,
    pub observed: Vec<String>,
    /// How many features the city has of it.
    pub count: u64,
}

fn city() -> String {
    class::Kept::City.id().to_owned()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandardCode {
    pub standard: String,
    pub code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// `#rrggbb`
    pub colour: String,
    pub icon: Option<String>,
    pub min_zoom: u8,
}

/// How a feature stands in the scene; names of attributes, or measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Form {
    None,
    Tube { diameter_mm: String },
    Ribbon { width_m: String },
    Prism { height_m: String },
    Patch,
    Shaft { depth_m: String },
    Deck { width_m: String },
    Bore { width_m: String },
    Post { height_m: f64, radius_m: f64 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    pub id: String,
    pub label: Label,
    /// `bool`, `int`, `real`, `text`, `date`, `time`, `code` or `ref`.
    #[serde(rename = "type")]
    pub ty: String,
    pub unit: Option<String>,
    pub required: bool,
    pub in_tiles: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    /// The classes that a reference may point at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    pub value: String,
    pub label: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedProperty {
    pub id: String,
    pub label: Label,
    pub unit: String,
}

impl From<&class::Label> for Label {
    fn from(label: &class::Label) -> Self {
        Self { zh: label.zh.clone(), en: label.en.clone() }
    }
}

impl Class {
    pub fn new(class: &class::Class, count: u64) -> Self {
        let [r, g, b] = class.symbol.colour;
        Self {
            id: class.id.clone(),
            no: class.no.0,
            label: (&class.label).into(),
            domain: class.domain.id().to_owned(),
            kept: class.kept.id().to_owned(),
            geometry: geometry_word(class.geometry).to_owned(),
            group: class.group.map(|group| group.id().to_owned()),
            network: class.network,
            codes: class.codes.iter().map(|(standard, code)| StandardCode { standard: standard.clone(), code: code.clone() }).collect(),
            symbol: Symbol { colour: format!("#{r:02x}{g:02x}{b:02x}"), icon: class.symbol.icon.clone(), min_zoom: class.symbol.min_zoom },
            form: (&class.form).into(),
            attributes: class.attributes.iter().map(Attribute::from).collect(),
            observed: class.observed.clone(),
            count,
        }
    }
}

impl From<&class::ObservedProperty> for ObservedProperty {
    fn from(property: &class::ObservedProperty) -> Self {
        Self { id: property.id.clone(), label: (&property.label).into(), unit: property.unit.clone() }
    }
}

impl From<&class::Form> for Form {
    fn from(form: &class::Form) -> Self {
        match form {
            class::Form::None => Self::None,
            class::Form::Tube { diameter_mm } => Self::Tube { diameter_mm: diameter_mm.clone() },
            class::Form::Ribbon { width_m } => Self::Ribbon { width_m: width_m.clone() },
            class::Form::Prism { height_m } => Self::Prism { height_m: height_m.clone() },
            class::Form::Patch => Self::Patch,
            class::Form::Shaft { depth_m } => Self::Shaft { depth_m: depth_m.clone() },
            class::Form::Deck { width_m } => Self::Deck { width_m: width_m.clone() },
            class::Form::Bore { width_m } => Self::Bore { width_m: width_m.clone() },
            class::Form::Post { height_m, radius_m } => Self::Post { height_m: *height_m, radius_m: *radius_m },
        }
    }
}

impl From<&class::Attribute> for Attribute {
    fn from(attribute: &class::Attribute) -> Self {
        let (codes, classes) = match &attribute.ty {
            class::AttributeType::Code(entries) => {
                (entries.iter().map(|entry| Code { value: entry.value.clone(), label: (&entry.label).into() }).collect(), Vec::new())
            }
            class::AttributeType::Ref(classes) => (Vec::new(), classes.clone()),
            _ => Default::default(),
        };
        Self {
            id: attribute.id.clone(),
            label: (&attribute.label).into(),
            ty: type_word(&attribute.ty).to_owned(),
            unit: attribute.unit.clone(),
            required: attribute.required,
            in_tiles: attribute.in_tiles,
            codes,
            classes,
            range: attribute.range.map(|(low, high)| [low, high]),
        }
    }
}

pub fn type_word(ty: &class::AttributeType) -> &'static str {
    match ty {
        class::AttributeType::Bool => "bool",
        class::AttributeType::Int => "int",
        class::AttributeType::Real => "real",
        class::AttributeType::Text => "text",
        class::AttributeType::Date => "date",
        class::AttributeType::Time => "time",
        class::AttributeType::Code(_) => "code",
        class::AttributeType::Ref(_) => "ref",
    }
}

pub fn geometry_word(kind: class::GeometryKind) -> &'static str {
    match kind {
        class::GeometryKind::None => "none",
        class::GeometryKind::Point => "point",
        class::GeometryKind::Line => "line",
        class::GeometryKind::Area => "area",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A viewer that was built later reads what an earlier server says.
    #[test]
    fn a_class_without_its_keeping_is_the_citys() {
        let text = r##"{"id":"hydrant","no":80,"label":{"zh":"消火栓","en":"hydrant"},"domain":"fire","geometry":"point","group":null,
            "network":false,"codes":[],"symbol":{"colour":"#e53935","icon":null,"min_zoom":15},"form":{"kind":"none"},"attributes":[],
            "observed":[],"count":3}"##;
        let class: Class = serde_json::from_str(text).unwrap();
        assert_eq!(class.kept, "city");
        let again: Class = serde_json::from_str(&serde_json::to_string(&class).unwrap()).unwrap();
        assert_eq!(again, class);
    }
}
