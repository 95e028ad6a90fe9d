//! One thing of the city, as it is at some revision.

use crate::class::{Attribute, Class};
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
    /// In the order of the class's attributes, one each; those at the end that are `Null` may be left out, so that an
    /// attribute that nobody has filled costs nothing. Read them by [`Feature::get`] or [`Feature::values`].
    pub attributes: Vec<Value>,
    /// What the source said that the catalogue does not know: a JSON object as text.
    pub other: Option<String>,
    /// Number of the data set it came from.
    pub source: Option<i64>,
}

const NULL: &Value = &Value::Null;

impl Feature {
    /// The value of an attribute; `Null` for one that the class does not have.
    pub fn get(&self, class: &Class, attribute: &str) -> &Value {
        class.attribute_index(attribute).and_then(|i| self.attributes.get(i)).unwrap_or(NULL)
    }

    /// Every attribute of the class with its value, those that were left out at the end too.
    pub fn values<'a>(&'a self, class: &'a Class) -> impl Iterator<Item = (&'a Attribute, &'a Value)> {
        class.attributes.iter().enumerate().map(|(i, attribute)| (attribute, self.attributes.get(i).unwrap_or(NULL)))
    }

    /// One value for each attribute of the class, as writing wants it.
    pub fn all_values(&self, class: &Class) -> Vec<Value> {
        self.values(class).map(|(_, value)| value.clone()).collect()
    }

    /// Leaves out what is `Null` at the end, and gives the room back.
    pub fn trim(&mut self) {
        let filled = self.attributes.iter().rposition(|value| !value.is_null()).map_or(0, |last| last + 1);
        self.attributes.truncate(filled);
        self.attributes.shrink_to_fit();
    }

    pub fn number(&self, class: &Class, attribute: &str) -> Option<f64> {
        self.get(class, attribute).as_number()
    }

    pub fn text(&self, class: &Class, attribute: &str) -> Option<&str> {
        self.get(class, attribute).as_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{class, feature};

    #[test]
    fn a_trimmed_feature_says_the_same() {
        let hydrant = class(80, "hydrant", &["code", "kind", "owner", "keeper"]);
        let whole = feature(80, 1, vec!["H-1".into(), Value::Null, "waterworks".into(), Value::Null]);
        let mut trimmed = whole.clone();
        trimmed.trim();
        assert_eq!((trimmed.attributes.len(), trimmed.attributes.capacity()), (3, 3));
        for (attribute, value) in whole.values(&hydrant) {
            assert_eq!(trimmed.get(&hydrant, &attribute.id), value);
        }
        assert_eq!(trimmed.all_values(&hydrant), whole.attributes);
        assert_eq!((trimmed.text(&hydrant, "owner"), trimmed.text(&hydrant, "colour")), (Some("waterworks"), None));
        let mut empty = feature(80, 2, vec![Value::Null; 4]);
        empty.trim();
        assert!(empty.attributes.is_empty() && empty.values(&hydrant).count() == 4);
    }
}
