//! Datastreams and what they report.

use crate::ids::FeatureId;
use crate::time::Timestamp;

/// When a value was measured, by the device's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MeasuredAt(pub Timestamp);

/// When it reached us, by ours. The two differ, and alarms care which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceivedAt(pub Timestamp);

/// One property of one thing, as reported by one sensor. A feature of class `datastream`; its code is the key of readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Datastream {
    pub id: FeatureId,
    pub code: String,
    pub sensor: Option<FeatureId>,
    /// The thing that is watched: the pipe, the hydrant, the bridge.
    pub host: Option<FeatureId>,
    /// Id of an observed property of the catalogue.
    pub property: String,
    pub unit: String,
    /// Made up by the simulator, and labelled so wherever it is shown.
    pub simulated: bool,
}

/// One measurement. Finite by construction of the doors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The datastream's feature.
    pub datastream: FeatureId,
    pub measured_at: MeasuredAt,
    pub received_at: ReceivedAt,
    pub value: f64,
    pub simulated: bool,
}
