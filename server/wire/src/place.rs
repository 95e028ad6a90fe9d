//! `/locate`: candidates for what was typed.

use crate::catalogue::Label;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidates {
    pub candidates: Vec<Candidate>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Public id.
    pub id: String,
    pub wire: u64,
    /// Name, else code, else the id.
    pub label: String,
    pub code: Option<String>,
    pub class: String,
    pub class_label: Label,
    pub position: Option<[f64; 2]>,
}
