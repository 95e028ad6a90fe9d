//! Records that could not be taken over: which, why, and what to do about it.
//!
//! A load refuses only what cannot be stored or identified. What is missing though required, out of range, or an
//! unknown code value is loaded as it is and found by `citytwin check`.

use citytwin_model::{GeometryKind, Value};
use std::fmt;

/// One refused record. Its sentence stands in `assets/messages.toml` under `refused.KEY`, its remedy under `remedy.KEY`.
#[derive(Clone, Debug, PartialEq)]
pub struct Skipped {
    pub layer: String,
    /// Place in the layer, from 1.
    pub record: u64,
    /// The source's own id, where it has one.
    pub source_id: Option<String>,
    pub reason: Reason,
    /// What could be read of it: one value for each field of its layer.
    pub values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    NoGeometry,
    UnreadableGeometry(String),
    EmptyGeometry,
    /// The class wants another kind.
    WrongKind {
        wanted: GeometryKind,
        found: String,
    },
    /// Several parts that do not join, where a single one is needed.
    Split {
        parts: usize,
    },
    NotFinite,
    /// A geometry of a type that no class holds: a mixed collection, a TIN.
    UnsupportedGeometry(String),
    /// Beyond ±180°, ±90°: often swapped axes, or metres read as degrees; or a height beyond 20 km.
    OutsideWorld {
        lon: f64,
        lat: f64,
        z: f64,
    },
    /// Too few vertices: a line without length, a ring of three.
    Degenerate,
    /// A value that its attribute cannot hold.
    Unconvertible {
        attribute: String,
        value: String,
        wanted: String,
    },
    /// The coordinate operation has no answer for a vertex.
    NoTransformation(String),
    TooLarge,
    /// A whole number of this column has more digits than 64 bits hold, and the reader would have made another of it.
    TooLongNumber(String),
    /// A text that is not UTF-8, and no encoding was named in which it could be read.
    Encoding,
    /// The same key stands on an earlier record of the same file.
    KeyTwice(String),
    /// The file is damaged from this record on: nothing behind it could be read.
    BrokeOff(String),
    /// A reason that the helper gave and we do not know; kept as it came.
    Other(String),
}

impl Reason {
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoGeometry => "no_geometry",
            Self::UnreadableGeometry(_) => "unreadable_geometry",
            Self::EmptyGeometry => "empty_geometry",
            Self::WrongKind { .. } => "wrong_kind",
            Self::Split { .. } => "split",
            Self::NotFinite => "not_finite",
            Self::UnsupportedGeometry(_) => "unsupported_geometry",
            Self::BrokeOff(_) => "broke_off",
            Self::OutsideWorld { .. } => "outside_world",
            Self::Degenerate => "degenerate",
            Self::Unconvertible { .. } => "unconvertible",
            Self::NoTransformation(_) => "no_transformation",
            Self::TooLarge => "too_large",
            Self::TooLongNumber(_) => "too_long_number",
            Self::Encoding => "encoding",
            Self::KeyTwice(_) => "key_twice",
            Self::Other(_) => "other",
        }
    }

    /// Every key, for the test that each has its sentences.
    pub const KEYS: [&'static str; 17] = [
        "no_geometry",
        "unreadable_geometry",
        "empty_geometry",
        "wrong_kind",
        "split",
        "not_finite",
        "outside_world",
        "unsupported_geometry",
        "broke_off",
        "degenerate",
        "unconvertible",
        "no_transformation",
        "too_large",
        "too_long_number",
        "encoding",
        "key_twice",
        "other",
    ];

    /// The reason behind a key that the helper sent.
    pub fn from_helper(key: &str, detail: String) -> Self {
        match key {
            "no_geometry" => Self::NoGeometry,
            "unreadable_geometry" => Self::UnreadableGeometry(detail),
            "empty_geometry" => Self::EmptyGeometry,
            "not_finite" => Self::NotFinite,
            "unsupported_geometry" => Self::UnsupportedGeometry(detail),
            "broke_off" => Self::BrokeOff(detail),
            "no_transformation" => Self::NoTransformation(detail),
            "too_large" => Self::TooLarge,
            "too_long_number" => Self::TooLongNumber(detail),
            "encoding" => Self::Encoding,
            _ => Self::Other(if detail.is_empty() { key.to_owned() } else { format!("{key}: {detail}") }),
        }
    }

    /// What fills the sentence: names and values, in no language.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoGeometry | Self::EmptyGeometry | Self::NotFinite | Self::Degenerate | Self::TooLarge | Self::Encoding => vec![],
            Self::UnreadableGeometry(detail)
            | Self::UnsupportedGeometry(detail)
            | Self::BrokeOff(detail)
            | Self::NoTransformation(detail)
            | Self::Other(detail) => vec![("detail", detail.clone())],
            Self::WrongKind { wanted, found } => vec![("wanted", kind_name(*wanted).to_owned()), ("found", found.clone())],
            Self::Split { parts } => vec![("parts", parts.to_string())],
            Self::OutsideWorld { lon, lat, z } => {
                vec![("lon", lon.to_string()), ("lat", lat.to_string()), ("z", z.to_string())]
            }
            Self::Unconvertible { attribute, value, wanted } => {
                vec![("attribute", attribute.clone()), ("value", value.clone()), ("wanted", wanted.clone())]
            }
            Self::TooLongNumber(attribute) => vec![("attribute", attribute.clone())],
            Self::KeyTwice(key) => vec![("key", key.clone())],
        }
    }
}

impl fmt::Display for Reason {
    /// For logs; people read the sentence of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())?;
        for (name, value) in self.values() {
            write!(f, " {name}={value:?}")?;
        }
        Ok(())
    }
}

pub fn kind_name(kind: GeometryKind) -> &'static str {
    match kind {
        GeometryKind::None => "none",
        GeometryKind::Point => "point",
        GeometryKind::Line => "line",
        GeometryKind::Area => "area",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_helper_says_keeps_its_key() {
        for key in [
            "no_geometry",
            "unreadable_geometry",
            "empty_geometry",
            "not_finite",
            "no_transformation",
            "too_large",
            "too_long_number",
            "encoding",
        ] {
            assert_eq!(Reason::from_helper(key, "x".into()).key(), key);
        }
        assert_eq!(Reason::from_helper("new_thing", "x".into()), Reason::Other("new_thing: x".into()));
    }
}
