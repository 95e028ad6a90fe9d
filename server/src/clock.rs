//! What time it is, and how a time is written and read on the command line: by the city's clock. Only the server's rim asks
//! for the time; everything inside is told.

use citytwin_datasets::convert::convert;
use citytwin_model::{AttributeType, Timestamp, Value};
use citytwin_store::{CityConfig, utc_offset_minutes};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// How many minutes the city's clock is ahead of UTC.
pub fn zone_of(city: &CityConfig) -> i32 {
    utc_offset_minutes(&city.time_zone).unwrap_or(480)
}

/// `2026-11-21T16:00:00.000+08:00`: by the city's clock, and in a form that every command takes again.
pub fn shown(at: Timestamp, zone_minutes: i32) -> String {
    let local = at.plus_millis(i64::from(zone_minutes) * 60_000).to_string();
    let (sign, minutes) = (if zone_minutes < 0 { '-' } else { '+' }, zone_minutes.abs());
    format!("{}{sign}{:02}:{:02}", local.trim_end_matches('Z'), minutes / 60, minutes % 60)
}

/// The same of a text of ours, in UTC; what is none stays as it is.
pub fn shown_text(at: &str, zone_minutes: i32) -> String {
    at.parse().map_or_else(|_| at.to_owned(), |at| shown(at, zone_minutes))
}

/// A time without an offset is the city's own; a day alone is its beginning.
pub fn instant(text: &str, zone_minutes: i32) -> Option<Timestamp> {
    // Seconds may be left out.
    let full = if text.len() == 16 { format!("{text}:00") } else { text.to_owned() };
    let value = convert(&Value::Text(full), &AttributeType::Time, zone_minutes).ok()?;
    value.as_text()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_citys_unless_they_say_otherwise() {
        let at = |text: &str| instant(text, 480).map(|at| at.to_string());
        assert_eq!(at("2026-11-17T18:00").as_deref(), Some("2026-11-17T10:00:00.000Z"));
        assert_eq!(at("2026-11-17T18:00:00Z").as_deref(), Some("2026-11-17T18:00:00.000Z"));
        assert_eq!(at("2026-11-17").as_deref(), Some("2026-11-16T16:00:00.000Z"));
        assert_eq!(at("last Tuesday"), None);
    }

    #[test]
    fn what_is_shown_is_the_citys_time_and_is_taken_again() {
        let at: Timestamp = "2026-11-21T17:30:00.125Z".parse().unwrap();
        assert_eq!(shown(at, 480), "2026-11-22T01:30:00.125+08:00");
        assert_eq!(shown(at, -210), "2026-11-21T14:00:00.125-03:30");
        for zone in [480, -210, 0] {
            assert_eq!(instant(&shown(at, zone), 480), Some(at), "{zone}");
        }
        assert_eq!(shown_text("soon", 480), "soon");
    }
}
