//! Fits a layer to a class: which field is which attribute, and each record in the class's terms.

use crate::convert::convert;
use crate::own::OwnSchema;
use crate::pipe::{Field, FieldType, LayerHeader, RawFeature};
use crate::shape::{self, Repair};
use crate::skipped::{Reason, Skipped};
use citytwin_model::{Class, Geometry, GeometryKind, Value};
use serde_json::{Map, Number};
use std::sync::Arc;

/// Columns of a file of refused records that speak about the record, and are none of its attributes.
pub const RECORD_COLUMNS: [&str; 5] = ["ct_source", "ct_id", "ct_record", "ct_reason", "ct_remedy"];
/// A JSON object of what has no column of its own: written by `citytwin export`, taken apart again here.
pub const OTHER_COLUMN: &str = "ct_other";
/// Among them the source's own id of the record.
const ID_COLUMN: &str = "ct_id";

/// How a layer's fields become a class's attributes.
#[derive(Clone, Debug)]
pub struct Fit {
    class: Arc<Class>,
    layer: String,
    columns: Vec<Column>,
    /// Attributes that a field fills.
    filled: Arc<[bool]>,
    zone_minutes: i32,
}

#[derive(Clone, Debug, PartialEq)]
struct Column {
    name: String,
    ty: FieldType,
    /// Place among the class's attributes; `None`: kept in `other`.
    attribute: Option<usize>,
}

impl Column {
    fn is_of_record(&self) -> bool {
        is_of_record(&self.name)
    }
}

/// A column that is none of the record's attributes.
pub fn is_of_record(name: &str) -> bool {
    RECORD_COLUMNS.contains(&name) || name == OTHER_COLUMN
}

/// A record in the class's terms. References are still codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    pub geometry: Option<Geometry>,
    pub attributes: Vec<Value>,
    /// A JSON object of what the class does not know.
    pub other: Option<String>,
    /// The source's own id of the record.
    pub source_id: Option<String>,
    pub repair: Option<Repair>,
}

impl Fit {
    /// Matches fields by attribute id, then by 中文 name, then by English name; letter case, blanks, `_` and `-` do not count.
    /// `zone_minutes`: the city's clock, for times without an offset.
    pub fn by_name(header: &LayerHeader, class: &Arc<Class>, zone_minutes: i32) -> Self {
        let mut taken = vec![false; class.attributes.len()];
        let mut columns: Vec<Column> = header.fields.iter().map(|f| Column { name: f.name.clone(), ty: f.ty, attribute: None }).collect();
        let names: [fn(&citytwin_model::Attribute) -> &str; 3] = [|a| &a.id, |a| &a.label.zh, |a| &a.label.en];
        for name_of in names {
            for column in columns.iter_mut().filter(|c| c.attribute.is_none()) {
                let said = plain(&column.name);
                let found = class.attributes.iter().position(|a| plain(name_of(a)) == said).filter(|i| !taken[*i]);
                if let Some(i) = found {
                    taken[i] = true;
                    column.attribute = Some(i);
                }
            }
        }
        Self::of(header, class, columns, zone_minutes)
    }

    /// For a collection that was made from this very layer.
    pub fn own(header: &LayerHeader, schema: &OwnSchema, class: &Arc<Class>, zone_minutes: i32) -> Self {
        // What is none of the record's attributes is none of the schema's either.
        let mut attributes = schema.attributes.iter();
        let mut attribute = |f: &Field| if is_of_record(&f.name) { None } else { class.attribute_index(&attributes.next()?.id) };
        let columns = header.fields.iter().map(|f| Column { name: f.name.clone(), ty: f.ty, attribute: attribute(f) }).collect();
        Self::of(header, class, columns, zone_minutes)
    }

    fn of(header: &LayerHeader, class: &Arc<Class>, columns: Vec<Column>, zone_minutes: i32) -> Self {
        let filled = (0..class.attributes.len()).map(|i| columns.iter().any(|c| c.attribute == Some(i))).collect();
        Self { class: class.clone(), layer: header.name.clone(), columns, filled, zone_minutes }
    }

    pub fn class(&self) -> &Arc<Class> {
        &self.class
    }

    /// Names of the fields that the class does not know: kept in `other`.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|c| c.attribute.is_none() && !c.is_of_record()).map(|c| c.name.as_str())
    }

    /// Ids of the attributes that no field fills.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.class.attributes.iter().zip(self.filled.iter()).filter(|(_, filled)| !**filled).map(|(a, _)| a.id.as_str())
    }

    /// Which attributes, by place, a field fills: of the others this layer says nothing.
    pub fn filled(&self) -> &Arc<[bool]> {
        &self.filled
    }

    pub fn fit(&self, raw: &RawFeature) -> Result<Fitted, Box<Skipped>> {
        self.try_fit(raw).map_err(|reason| {
            Box::new(Skipped {
                layer: self.layer.clone(),
                record: raw.record,
                source_id: self.source_id(raw.source_id.as_deref(), &raw.values),
                reason,
                values: raw.values.clone(),
            })
        })
    }

    fn try_fit(&self, raw: &RawFeature) -> Result<Fitted, Reason> {
        let (geometry, repair) = match (&raw.geometry, self.class.geometry) {
            (None, GeometryKind::None) => (None, None),
            (None, _) => return Err(Reason::NoGeometry),
            (Some(_), GeometryKind::None) => {
                return Err(Reason::WrongKind { wanted: GeometryKind::None, found: "geometry".to_owned() });
            }
            (Some(geometry), _) => {
                let (geometry, repair) = shape::to_class(geometry.clone(), &self.class)?;
                (Some(geometry), repair.or(raw.stroked.then_some(Repair::Stroked)))
            }
        };
        let mut attributes = vec![Value::Null; self.class.attributes.len()];
        let mut other = Map::new();
        for (column, value) in self.columns.iter().zip(&raw.values) {
            match column.attribute {
                Some(i) => {
                    let attribute = &self.class.attributes[i];
                    attributes[i] = convert(value, &attribute.ty, self.zone_minutes).map_err(|wanted| Reason::Unconvertible {
                        attribute: attribute.id.clone(),
                        value: shown(value),
                        wanted: wanted.to_owned(),
                    })?;
                }
                None if value.is_null() => {}
                None if column.name == OTHER_COLUMN => match value.as_text().map(serde_json::from_str::<Map<_, _>>) {
                    Some(Ok(rest)) => other.extend(rest),
                    _ => drop(other.insert(column.name.clone(), json(value, column.ty))),
                },
                None if column.is_of_record() => {}
                None => {
                    other.insert(column.name.clone(), json(value, column.ty));
                }
            }
        }
        if !raw.measures.is_empty() && !other.contains_key("m") {
            other.insert("m".to_owned(), raw.measures.iter().map(|m| number(*m)).collect());
        }
        let other = (!other.is_empty()).then(|| serde_json::Value::Object(other).to_string());
        let source_id = self.source_id(raw.source_id.as_deref(), &raw.values);
        Ok(Fitted { geometry, attributes, other, source_id, repair })
    }

    /// What a record's values say of one attribute, by its place; null where no field fills it.
    pub fn value_of(&self, attribute: usize, values: &[Value]) -> Result<Value, String> {
        let column = self.columns.iter().position(|column| column.attribute == Some(attribute));
        match column.and_then(|i| values.get(i)) {
            Some(value) => convert(value, &self.class.attributes[attribute].ty, self.zone_minutes).map_err(str::to_owned),
            None => Ok(Value::Null),
        }
    }

    /// The record's id in its source: as the reader found it, but for a record that was refused once, whose remarks say what it
    /// was; its number in the file of refused ones means nothing.
    pub fn source_id(&self, found: Option<&str>, values: &[Value]) -> Option<String> {
        match self.columns.iter().position(|column| column.name == ID_COLUMN) {
            Some(i) => values.get(i).filter(|id| !id.is_null()).map(shown),
            None => found.map(str::to_owned),
        }
    }
}

/// The class that a layer's name names: by id, 中文 or English name.
pub fn class_of_layer<'c>(layer: &str, classes: &'c [Arc<Class>]) -> Option<&'c Arc<Class>> {
    let said = plain(layer);
    classes
        .iter()
        .find(|c| c.id == layer)
        .or_else(|| classes.iter().find(|c| plain(&c.id) == said))
        .or_else(|| classes.iter().find(|c| plain(&c.label.zh) == said || plain(&c.label.en) == said))
}

/// A name without letter case, blanks, `_` and `-`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

fn json(value: &Value, ty: FieldType) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(n) => (*n).into(),
        Value::Real(x) => number(*x),
        Value::Text(text) if ty == FieldType::Json => serde_json::from_str(text).unwrap_or_else(|_| text.clone().into()),
        Value::Text(text) => text.clone().into(),
    }
}

/// JSON has no NaN: it becomes the text.
fn number(x: f64) -> serde_json::Value {
    Number::from_f64(x).map_or_else(|| x.to_string().into(), serde_json::Value::Number)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Real(x) => x.to_string(),
        Value::Text(text) => text.chars().take(80).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{attribute, class, header};
    use citytwin_model::{AttributeType, Position, Shape};

    fn hydrant() -> Arc<Class> {
        let attributes = [
            attribute("code", "编号", "code", AttributeType::Text),
            attribute("diameter_mm", "管径", "diameter", AttributeType::Int),
            attribute("name", "名称", "name", AttributeType::Text),
        ];
        Arc::new(class("hydrant", GeometryKind::Point, &attributes))
    }

    fn fields(names: &[&str]) -> LayerHeader {
        LayerHeader { fields: names.iter().map(|n| Field { name: (*n).into(), ty: FieldType::Text }).collect(), ..header("hydrants") }
    }

    fn raw(values: &[Value]) -> RawFeature {
        let geometry = Some(Geometry::flat(Shape::Point(Position::new(116.0, 30.0, 0.0))));
        RawFeature { record: 1, source_id: None, geometry, measures: vec![], stroked: false, values: values.to_vec() }
    }

    #[test]
    fn fields_are_matched_by_id_and_by_either_name() {
        let fit = Fit::by_name(&fields(&["编号", "Diameter MM", "owner", "NAME"]), &hydrant(), 480);
        let fitted = fit.fit(&raw(&["H-1".into(), "100".into(), "水务".into(), Value::Null])).unwrap();
        assert_eq!(fitted.attributes, ["H-1".into(), 100.into(), Value::Null]);
        assert_eq!(fitted.other.as_deref(), Some(r#"{"owner":"水务"}"#));
        assert_eq!(fit.unknown().collect::<Vec<_>>(), ["owner"]);
        assert_eq!(fit.missing().count(), 0);
    }

    #[test]
    fn of_two_fields_for_one_attribute_the_id_wins_and_nothing_is_lost() {
        let fit = Fit::by_name(&fields(&["管径", "diameter_mm"]), &hydrant(), 480);
        let fitted = fit.fit(&raw(&["150".into(), "100".into()])).unwrap();
        assert_eq!(fitted.attributes[1], 100.into());
        assert_eq!(fitted.other.as_deref(), Some(r#"{"管径":"150"}"#));
        assert_eq!(fit.missing().collect::<Vec<_>>(), ["code", "name"]);
    }

    #[test]
    fn what_does_not_convert_refuses_its_record_and_names_the_place() {
        let fit = Fit::by_name(&fields(&["code", "diameter_mm"]), &hydrant(), 480);
        let skipped = fit.fit(&raw(&["H-1".into(), "DN100".into()])).unwrap_err();
        assert_eq!(skipped.reason, Reason::Unconvertible { attribute: "diameter_mm".into(), value: "DN100".into(), wanted: "int".into() });
        assert_eq!(skipped.values.len(), 2);
    }

    #[test]
    fn lists_numbers_and_measures_keep_their_form_in_other() {
        let mut header = fields(&["tags", "n", "x"]);
        header.fields[0].ty = FieldType::Json;
        let fit = Fit::by_name(&header, &hydrant(), 480);
        let mut raw = raw(&[r#"["a", {"b": 1}]"#.into(), 7.into(), f64::INFINITY.into()]);
        raw.measures = vec![0.5];
        let other: serde_json::Value = serde_json::from_str(&fit.fit(&raw).unwrap().other.unwrap()).unwrap();
        assert_eq!(other, serde_json::json!({ "tags": ["a", {"b": 1}], "n": 7, "x": "inf", "m": [0.5] }));
    }

    #[test]
    fn a_corrected_record_keeps_its_id_and_loses_the_remarks() {
        let fit = Fit::by_name(&fields(&["code", "ct_id", "ct_reason"]), &hydrant(), 480);
        let fitted = fit.fit(&raw(&["H-1".into(), "node/7".into(), "wrong".into()])).unwrap();
        assert_eq!((fitted.source_id.as_deref(), fitted.other), (Some("node/7"), None));
        assert_eq!(fit.unknown().count(), 0);
        // One whose source had no ids: the number of its row among the refused is none.
        let mut without = raw(&["H-1".into(), Value::Null, "wrong".into()]);
        without.source_id = Some("3".into());
        assert_eq!(fit.fit(&without).unwrap().source_id, None);
    }

    #[test]
    fn what_an_export_kept_together_comes_apart_again() {
        let fit = Fit::by_name(&fields(&["code", "owner", "ct_other"]), &hydrant(), 480);
        let fitted = |rest: &str| fit.fit(&raw(&["H-1".into(), "水务".into(), rest.into()])).unwrap().other.unwrap();
        assert_eq!(fitted(r#"{"n":1.0,"":[null]}"#), r#"{"":[null],"n":1.0,"owner":"水务"}"#);
        // Somebody else's column of that name is a column like others.
        assert_eq!(fitted("text"), r#"{"ct_other":"text","owner":"水务"}"#);
        assert_eq!(fit.unknown().collect::<Vec<_>>(), ["owner"]);
    }

    #[test]
    fn a_layer_names_its_class_by_id_or_name() {
        let classes = [
            hydrant(),
            Arc::new(Class {
                label: citytwin_model::class::Label::new("给水管", "water pipe"),
                ..class("water_pipe", GeometryKind::Line, &[])
            }),
        ];
        for name in ["water_pipe", "Water Pipe", "给水管", "WATER-PIPE"] {
            assert_eq!(class_of_layer(name, &classes).map(|c| c.id.as_str()), Some("water_pipe"), "{name}");
        }
        assert!(class_of_layer("pipes", &classes).is_none());
        // Two collections of a city's own may differ in that alone.
        let own = ["trees_1", "trees1"].map(|id| Arc::new(class(id, GeometryKind::Point, &[])));
        for id in ["trees_1", "trees1"] {
            assert_eq!(class_of_layer(id, &own).map(|c| c.id.as_str()), Some(id));
        }
    }
}
