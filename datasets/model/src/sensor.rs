//! Datastreams and what they report.

use crate::class::Class;
use crate::feature::Feature;
use crate::ids::FeatureId;
use crate::relation::target;
use crate::time::Timestamp;
use crate::value::Value;

/// When a value was measured, by the device's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MeasuredAt(pub Timestamp);

/// When it reached us, by ours. The two differ, and alarms care which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceivedAt(pub Timestamp);

/// A device that watches something. A feature of class `sensor`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    pub id: FeatureId,
    pub code: String,
    /// As the catalogue lists it: `pressure_gauge`.
    pub kind: Option<String>,
    /// The thing that is watched: the pipe, the hydrant, the bridge.
    pub host: Option<FeatureId>,
    /// How often it is expected to report, where it says so.
    pub interval_s: Option<f64>,
    pub simulated: bool,
}

impl Sensor {
    /// `None` for one without a code: nobody can name it.
    pub fn of(class: &Class, feature: &Feature) -> Option<Self> {
        Some(Self {
            id: feature.id,
            code: code(class, feature)?,
            kind: feature.text(class, "kind").map(str::to_owned),
            host: target(feature.get(class, "host")),
            interval_s: feature.number(class, "interval_s").filter(|seconds| *seconds > 0.0),
            simulated: is_true(feature.get(class, "simulated")),
        })
    }
}

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

impl Datastream {
    /// `None` for one without a code: nobody can report to it.
    pub fn of(class: &Class, feature: &Feature) -> Option<Self> {
        Some(Self {
            id: feature.id,
            code: code(class, feature)?,
            sensor: target(feature.get(class, "sensor")),
            host: target(feature.get(class, "host")),
            property: feature.text(class, "property").unwrap_or_default().to_owned(),
            unit: feature.text(class, "unit").unwrap_or_default().to_owned(),
            simulated: is_true(feature.get(class, "simulated")),
        })
    }
}

fn code(class: &Class, feature: &Feature) -> Option<String> {
    feature.text(class, "code").filter(|code| !code.is_empty()).map(str::to_owned)
}

/// Outside programs write truth as a number.
fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true) | Value::Int(1))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{class, feature, reference};

    #[test]
    fn a_feature_becomes_a_datastream() {
        let streams = class(101, "datastream", &["code", "sensor", "host", "property", "unit", "simulated"]);
        let (sensor, host) = (FeatureId::new(crate::ClassNo(100), 7), FeatureId::new(crate::ClassNo(40), 3));
        let values = vec!["D-1".into(), reference(sensor), reference(host), "pressure".into(), "kPa".into(), true.into()];
        let stream = Datastream::of(&streams, &feature(101, 1, values)).unwrap();
        assert_eq!((stream.code.as_str(), stream.sensor, stream.host), ("D-1", Some(sensor), Some(host)));
        assert_eq!((stream.property.as_str(), stream.unit.as_str(), stream.simulated), ("pressure", "kPa", true));
        // No code, or an empty one: no datastream. A host that is still a code is none yet.
        assert!(Datastream::of(&streams, &feature(101, 2, vec![])).is_none());
        assert!(Datastream::of(&streams, &feature(101, 2, vec!["".into()])).is_none());
        let waiting = Datastream::of(&streams, &feature(101, 3, vec!["D-3".into(), Value::Null, "P-9".into()])).unwrap();
        assert_eq!((waiting.host, waiting.property.as_str(), waiting.simulated), (None, "", false));
    }

    #[test]
    fn a_feature_becomes_a_sensor() {
        let sensors = class(100, "sensor", &["code", "kind", "host", "simulated", "interval_s"]);
        let host = FeatureId::new(crate::ClassNo(40), 3);
        let made = |interval: i64| {
            let values = vec!["S-1".into(), "pressure_gauge".into(), reference(host), 1i64.into(), interval.into()];
            Sensor::of(&sensors, &feature(100, 1, values)).unwrap()
        };
        assert_eq!((made(60).interval_s, made(0).interval_s), (Some(60.0), None));
        assert!(made(60).simulated && made(60).host == Some(host) && made(60).kind.as_deref() == Some("pressure_gauge"));
    }
}
