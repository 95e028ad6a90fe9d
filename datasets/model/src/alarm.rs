//! Limits on readings, and what a breach becomes.

use crate::ids::FeatureId;
use crate::time::Timestamp;

/// Too high or too low, with a band in which nothing changes, so that a value at the limit does not flap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmRule {
    pub datastream: FeatureId,
    pub direction: Direction,
    /// Raised when the value passes this.
    pub limit: f64,
    /// Cleared when the value is back by more than this beyond the limit. Never negative.
    pub hysteresis: f64,
    pub severity: Severity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Above,
    Below,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Notice,
    Warning,
    Serious,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum AlarmState {
    #[default]
    Quiet,
    Raised {
        since: Timestamp,
        value: f64,
    },
    Acknowledged {
        since: Timestamp,
        at: Timestamp,
        value: f64,
    },
}

impl AlarmState {
    pub fn is_active(&self) -> bool {
        !matches!(self, Self::Quiet)
    }
}
