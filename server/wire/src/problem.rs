//! Errors as `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

pub const MEDIA_TYPE: &str = "application/problem+json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that names the kind of problem: `/problems/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words, in the reader's language.
    pub title: String,
    pub status: u16,
    /// What happened here, to which thing, and what to do.
    pub detail: String,
    /// Stable, for programs.
    pub code: String,
    /// The request it happened to.
    pub instance: String,
}
