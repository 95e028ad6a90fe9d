//! One thing of the city, as it is at some revision.

use crate::class::Class;
use crate::geometry::Geometry;
use crate::ids::{FeatureId, Revision};
use crate::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    pub id: FeatureId,
    /// The revision that made it what it is: its ETag.
    pub revision: Revision,
    /// `None` only for classes without geometry.
    pub geometry: Option<Geometry>,
    /// In the order of the class's attributes, one each.
    pub attributes: Vec<Value>,
    /// What the source said that the catalogue does not know: a JSON object as text.
    pub other: Option<String>,
    /// Number of the data set it came from.
    pub source: Option<i64>,
}

impl Feature {
    /// The value of an attribute; `Null` for one that the class does not have.
    pub fn get(&self, class: &Class, attribute: &str) -> &Value {
        const NULL: &Value = &Value::Null;
        class.attribute_index(attribute).and_then(|i| self.attributes.get(i)).unwrap_or(NULL)
    }

    pub fn number(&self, class: &Class, attribute: &str) -> Option<f64> {
        self.get(class, attribute).as_number()
    }

    pub fn text(&self, class: &Class, attribute: &str) -> Option<&str> {
        self.get(class, attribute).as_text()
    }
}
