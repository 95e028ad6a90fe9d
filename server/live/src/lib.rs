//! What does it report?
#![doc = include_str!("../README.md")]

mod alarms;
mod columns;
mod error;
mod history;
mod latest;
mod live;
mod rules;
#[cfg(test)]
mod tests;

pub use alarms::{Acknowledgement, Alarm, AlarmEvent, AlarmPhase, Happening, step};
pub use error::LiveError;
pub use history::{History, Series};
pub use live::{Committed, FILE, Live, MAX_AHEAD_SECS};
pub use rules::{direction_text, rules_of, severity_of, severity_text};
