//! Alarm rules as a datastream's attributes say them, and the words that stand for them on disk.

use citytwin_model::alarm::{AlarmRule, Direction, Severity};
use citytwin_model::{Class, Feature};

/// The rules of a datastream: `alarm_high`, `alarm_low`, `hysteresis`, `severity`. No limit, no rule.
pub fn rules_of(class: &Class, datastream: &Feature) -> Vec<AlarmRule> {
    let hysteresis = datastream.number(class, "hysteresis").filter(|h| h.is_finite() && *h >= 0.0).unwrap_or(0.0);
    let severity = datastream.text(class, "severity").and_then(severity_of).unwrap_or(Severity::Warning);
    [("alarm_high", Direction::Above), ("alarm_low", Direction::Below)]
        .into_iter()
        .filter_map(|(attribute, direction)| {
            let limit = datastream.number(class, attribute).filter(|limit| limit.is_finite())?;
            Some(AlarmRule { datastream: datastream.id, direction, limit, hysteresis, severity })
        })
        .collect()
}

pub fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Serious => "serious",
        Severity::Critical => "critical",
    }
}

pub fn severity_of(text: &str) -> Option<Severity> {
    [Severity::Notice, Severity::Warning, Severity::Serious, Severity::Critical].into_iter().find(|s| severity_text(*s) == text)
}

pub fn direction_text(direction: Direction) -> &'static str {
    match direction {
        Direction::Above => "above",
        Direction::Below => "below",
    }
}

pub(crate) fn direction_of(text: &str) -> Option<Direction> {
    [Direction::Above, Direction::Below].into_iter().find(|d| direction_text(*d) == text)
}
