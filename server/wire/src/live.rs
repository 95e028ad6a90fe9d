//! `/live`, `/readings/latest` and `/alarms`: what sensors report, as it changes. Protocol `citytwin.live.v1`.

use crate::catalogue::Label;
use citytwin_model::alarm;
use serde::{Deserialize, Serialize};

pub const PROTOCOL: &str = "citytwin.live.v1";

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromClient {
    /// Replaces an earlier subscription of the same connection.
    Subscribe {
        /// West, south, east, north; everything where absent.
        #[serde(default)]
        r#box: Option<[f64; 4]>,
        /// Class ids of the things watched; all where absent.
        #[serde(default)]
        classes: Option<Vec<String>>,
        /// The last sequence number that the client has seen: it gets what changed since, if the server still knows.
        #[serde(default)]
        since: Option<u64>,
    },
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromServer {
    Hello {
        protocol: String,
        revision: u64,
        simulated: bool,
    },
    /// All there is for the subscription; replaces what the client held.
    Snapshot {
        seq: u64,
        values: Vec<LiveValue>,
        alarms: Vec<Alarm>,
        /// The edition of the overlays (`/overlays`); absent until they have been computed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overlays: Option<String>,
    },
    /// What changed since the last message. A slow reader gets the newest state of each thing, not each step.
    Delta {
        seq: u64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        values: Vec<LiveValue>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alarms: Vec<Alarm>,
        /// The city's revision, when features changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<u64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changed: Vec<Changed>,
        /// More changed than is listed: refresh all that is shown.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        changed_more: bool,
        /// The overlays were computed anew: another edition than before. Ask again for what is shown of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overlays: Option<String>,
    },
    /// The client said something that is not understood; the connection stays.
    Refused {
        code: String,
        detail: String,
    },
}

/// A feature that was made, changed or removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Wire number: class · 2³² + fid.
    pub id: u64,
    pub class: String,
    /// Where it was and is: old and new box together. Absent for classes without geometry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 4]>,
}

/// The newest value of a datastream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveValue {
    /// The datastream's code.
    pub datastream: String,
    /// Wire number of the thing watched; `null` when the datastream names none.
    pub id: Option<u64>,
    /// Public id of the thing watched.
    pub host: Option<String>,
    pub sensor: Option<String>,
    pub property: String,
    pub label: Label,
    pub value: f64,
    pub unit: String,
    /// RFC 3339, UTC.
    pub measured_at: String,
    pub simulated: bool,
    /// Longitude, latitude, height in the city's datum.
    pub position: Option<[f64; 3]>,
    /// Severity of the alarm that is on for this datastream.
    pub alarm: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    pub values: Vec<LiveValue>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarms {
    pub alarms: Vec<Alarm>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub id: i64,
    pub datastream: String,
    pub host: Option<String>,
    pub id_host: Option<u64>,
    /// `notice`, `warning`, `serious` or `critical`.
    pub severity: String,
    /// `raised`, `acknowledged` or `cleared`.
    pub state: String,
    pub since: String,
    pub limit: f64,
    /// `above` or `below`.
    pub direction: String,
    pub value: f64,
    pub unit: String,
    pub position: Option<[f64; 3]>,
    pub label: Label,
    pub simulated: bool,
}

pub fn severity_word(severity: alarm::Severity) -> &'static str {
    match severity {
        alarm::Severity::Notice => "notice",
        alarm::Severity::Warning => "warning",
        alarm::Severity::Serious => "serious",
        alarm::Severity::Critical => "critical",
    }
}

pub fn parse_severity(word: &str) -> Option<alarm::Severity> {
    [alarm::Severity::Notice, alarm::Severity::Warning, alarm::Severity::Serious, alarm::Severity::Critical]
        .into_iter()
        .find(|severity| severity_word(*severity) == word)
}

pub fn direction_word(direction: alarm::Direction) -> &'static str {
    match direction {
        alarm::Direction::Above => "above",
        alarm::Direction::Below => "below",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_read_as_the_protocol_says() {
        let whole: FromClient = serde_json::from_str(r#"{"type":"subscribe","box":[1,2,3,4],"classes":["hydrant"],"since":7}"#).unwrap();
        let FromClient::Subscribe { r#box, classes, since } = whole;
        assert_eq!((r#box, classes, since), (Some([1.0, 2.0, 3.0, 4.0]), Some(vec!["hydrant".to_owned()]), Some(7)));
        assert!(serde_json::from_str::<FromClient>(r#"{"type":"subscribe","box":null,"classes":null,"since":null}"#).is_ok());
        assert!(serde_json::from_str::<FromClient>(r#"{"type":"subscribe","boxx":[1,2,3,4]}"#).is_err());
        assert!(serde_json::from_str::<FromClient>(r#"{"type":"subscribe","box":[1,2,3]}"#).is_err());
    }

    #[test]
    fn an_empty_delta_says_only_its_number() {
        let delta = FromServer::Delta {
            seq: 3,
            values: vec![],
            alarms: vec![],
            revision: None,
            changed: vec![],
            changed_more: false,
            overlays: None,
        };
        assert_eq!(serde_json::to_string(&delta).unwrap(), r#"{"type":"delta","seq":3}"#);
        assert_eq!(serde_json::from_str::<FromServer>(r#"{"type":"delta","seq":3}"#).unwrap(), delta);
    }

    #[test]
    fn the_overlays_edition_stands_in_both_messages() {
        let text = r#"{"type":"snapshot","seq":3,"values":[],"alarms":[],"overlays":"7-2026"}"#;
        let snapshot: FromServer = serde_json::from_str(text).unwrap();
        assert!(matches!(&snapshot, FromServer::Snapshot { overlays: Some(edition), .. } if edition == "7-2026"));
        assert_eq!(serde_json::to_string(&snapshot).unwrap(), text);
        let delta = serde_json::from_str(r#"{"type":"delta","seq":4,"overlays":"8-2026"}"#).unwrap();
        assert!(matches!(delta, FromServer::Delta { overlays: Some(edition), .. } if edition == "8-2026"));
    }
}
