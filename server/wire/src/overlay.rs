//! `/overlays`: analyses that colour features, one byte each.

use crate::catalogue::Label;
use serde::{Deserialize, Serialize};

/// The byte that says "no data". It is never drawn as a value.
pub const NO_DATA: u8 = 255;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlay {
    pub id: String,
    pub label: Label,
    /// The classes that it colours.
    pub classes: Vec<String>,
    pub legend: Vec<LegendEntry>,
    /// The city's revision that it was computed from; `null` while it is being computed.
    pub revision: Option<u64>,
    pub simulated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegendEntry {
    /// First and last byte of the class, both belonging to it.
    pub byte_from: u8,
    pub byte_to: u8,
    /// `#rrggbb`
    pub colour: String,
    pub label: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayValues {
    pub revision: u64,
    /// Wire number and byte.
    pub values: Vec<(u64, u8)>,
}
