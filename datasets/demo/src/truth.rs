//! `FILE.truth.json`: what was planted, for tests only. A finding is right when it names one of these.

use crate::script::Label;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const FORMAT: &str = "citytwin.truth.v1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    pub format: String,
    pub size: String,
    pub seed: u64,
    /// Features per class.
    pub counts: BTreeMap<String, u64>,
    pub planted: Vec<Planted>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    pub kind: String,
    pub label: Label,
    /// Degrees.
    pub at: [f64; 2],
    /// The things concerned, by class and code.
    pub features: Vec<[String; 2]>,
    /// Which analysis must find it.
    pub found_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_m: Option<f64>,
}

impl Truth {
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("the truth has only what JSON can hold");
        text.push('\n');
        text
    }
}
