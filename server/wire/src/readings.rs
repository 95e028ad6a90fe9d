//! `POST /readings` and the series of one datastream.

use serde::{Deserialize, Serialize};

/// One reading as a client sends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingIn {
    /// The datastream's code.
    pub datastream: String,
    /// When it was measured, RFC 3339 with a zone; the time of receipt where absent.
    #[serde(default)]
    pub time: Option<String>,
    pub value: f64,
}

/// The answer: what is on disk, what was there before, what was not taken and why.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accepted {
    pub accepted: u64,
    pub duplicates: u64,
    pub refused: Vec<Refused>,
    /// More were refused than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused_more: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// From 1: the line of NDJSON, the place in an array.
    pub line: u64,
    pub code: String,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    pub datastream: String,
    pub property: String,
    pub unit: String,
    pub simulated: bool,
    /// Oldest first.
    pub readings: Vec<Point>,
    /// There are older ones in the span that was asked for.
    pub truncated: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub time: String,
    pub received: String,
    pub value: f64,
    pub simulated: bool,
}
