//! The first walk over a class: what its file has to be able to hold.

use super::table::ColumnType;
use citytwin_model::{AttributeType, Bounds, Class, Feature, GeometryKind, Shape, Timestamp, Value};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// Names among the further attributes are looked at up to this number; what a class has beyond it stands together.
const NAMES: usize = 2_000;

#[derive(Default)]
pub struct Survey {
    pub features: u64,
    /// Of a class of places, without one: they cannot be written.
    pub placeless: u64,
    pub with_z: u64,
    pub flat: u64,
    pub single: u64,
    pub multi: u64,
    pub bounds: Option<Bounds>,
    /// Numbers of the sources.
    pub sources: BTreeSet<i64>,
    /// Some feature is of no source.
    pub sourceless: bool,
    /// For each attribute, what its values need.
    pub attributes: Vec<Extent>,
    /// Names of the further attributes, with one type for all their values; `None` where there is none.
    pub other: BTreeMap<String, (Option<ColumnType>, Extent)>,
}

/// What the values of a column need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extent {
    /// Longest text, in bytes.
    pub bytes: usize,
    /// Digits before and behind the point of a plain decimal.
    pub whole: usize,
    pub decimals: usize,
    /// An instant with more than milliseconds.
    pub micros: bool,
}

impl Extent {
    fn see(&mut self, ty: Option<&AttributeType>, value: &Value) {
        match value {
            Value::Text(text) => {
                self.bytes = self.bytes.max(text.len());
                if let Some(AttributeType::Time) = ty {
                    self.micros |= text.parse::<Timestamp>().is_ok_and(|at| at.micros() % 1000 != 0);
                }
            }
            Value::Int(n) => self.whole = self.whole.max(digits(n.unsigned_abs())),
            Value::Real(x) => {
                let plain = x.abs().to_string();
                let (whole, decimals) = plain.split_once('.').unwrap_or((&plain, ""));
                self.whole = self.whole.max(whole.len());
                self.decimals = self.decimals.max(decimals.len());
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

fn digits(n: u64) -> usize {
    n.checked_ilog10().unwrap_or(0) as usize + 1
}

impl Survey {
    pub fn of(class: &Class) -> Self {
        Self { attributes: vec![Extent::default(); class.attributes.len()], ..Self::default() }
    }

    pub fn see(&mut self, class: &Class, feature: &Feature) {
        match &feature.geometry {
            None if class.geometry != GeometryKind::None => {
                self.placeless += 1;
                return;
            }
            None => {}
            Some(geometry) => {
                *(if geometry.has_z { &mut self.with_z } else { &mut self.flat }) += 1;
                let single = matches!(geometry.shape, Shape::Point(_) | Shape::Line(_) | Shape::Polygon(_));
                *(if single { &mut self.single } else { &mut self.multi }) += 1;
                let bounds = self.bounds.unwrap_or(Bounds::EMPTY).union(&geometry.bounds());
                self.bounds = Some(bounds);
            }
        }
        self.features += 1;
        match feature.source {
            Some(no) => {
                self.sources.insert(no);
            }
            None => self.sourceless = true,
        }
        for ((extent, attribute), value) in self.attributes.iter_mut().zip(&class.attributes).zip(&feature.attributes) {
            extent.see(Some(&attribute.ty), value);
        }
        for (name, value) in further(feature).unwrap_or_default() {
            let found = scalar(&value);
            if !self.other.contains_key(&name) && self.other.len() >= NAMES {
                continue;
            }
            let (ty, extent) = self.other.entry(name).or_insert_with(|| (found.as_ref().map(|(ty, _)| *ty), Extent::default()));
            match found {
                Some((of, value)) => {
                    extent.see(None, &value);
                    if *ty != Some(of) {
                        *ty = None;
                    }
                }
                None => *ty = None,
            }
        }
    }

    /// The class holds features of more than one source.
    pub fn is_mixed(&self) -> bool {
        self.sources.len() + usize::from(self.sourceless) > 1
    }
}

/// The attributes that the class does not know; `None` where what is kept of them is no JSON object.
pub fn further(feature: &Feature) -> Option<Map<String, Json>> {
    match &feature.other {
        None => Some(Map::new()),
        Some(text) => serde_json::from_str(text).ok(),
    }
}

/// A JSON value that a plain column holds, and the type of that column.
pub fn scalar(value: &Json) -> Option<(ColumnType, Value)> {
    Some(match value {
        Json::Bool(b) => (ColumnType::Bool, Value::Bool(*b)),
        Json::Number(n) if n.is_f64() => (ColumnType::Real, Value::Real(n.as_f64()?)),
        Json::Number(n) => (ColumnType::Int, Value::Int(n.as_i64()?)),
        // A NUL ends a text in a column, not in JSON.
        Json::String(text) if !text.contains('\0') => (ColumnType::Text, Value::Text(text.clone())),
        Json::String(_) | Json::Null | Json::Array(_) | Json::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_plain_decimal() {
        let mut extent = Extent::default();
        for x in [-1234.5, 0.25, 0.0] {
            extent.see(None, &Value::Real(x));
        }
        assert_eq!((extent.whole, extent.decimals), (4, 2));
        extent.see(None, &Value::Int(i64::MIN));
        assert_eq!(extent.whole, 19);
        extent.see(None, &Value::Real(5e-324));
        assert!(extent.decimals > 300);
    }

    #[test]
    fn only_plain_values_have_a_column_of_their_own() {
        let column = |text: &str| scalar(&serde_json::from_str(text).unwrap()).map(|(ty, _)| ty);
        assert_eq!(column("1"), Some(ColumnType::Int));
        assert_eq!(column("1.0"), Some(ColumnType::Real));
        assert_eq!(column("\"a\""), Some(ColumnType::Text));
        assert_eq!(column("true"), Some(ColumnType::Bool));
        for other in ["null", "[1]", "{}", "18446744073709551615", "\"\\u0000\""] {
            assert_eq!(column(other), None, "{other}");
        }
    }
}
