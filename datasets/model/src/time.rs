//! Instants in UTC, calendar days, and the text that stands for them.

use std::fmt;
use std::str::FromStr;

const MICROS_PER_SEC: i64 = 1_000_000;
const SECS_PER_DAY: i64 = 86_400;

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * MICROS_PER_SEC)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Seconds from `earlier` to here; negative when `earlier` is later.
    pub fn secs_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / MICROS_PER_SEC as f64
    }

    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0 + millis * 1000)
    }

    /// Year, month (1–12), day (1–31) in UTC.
    pub fn date(self) -> (i64, u32, u32) {
        civil_from_days(self.0.div_euclid(MICROS_PER_SEC * SECS_PER_DAY))
    }

    /// Seconds since midnight UTC.
    pub fn second_of_day(self) -> u32 {
        (self.0.div_euclid(MICROS_PER_SEC)).rem_euclid(SECS_PER_DAY) as u32
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with milliseconds, or microseconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.date();
        let s = self.second_of_day();
        let micros = self.0.rem_euclid(MICROS_PER_SEC);
        write!(f, "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)?;
        if micros % 1000 == 0 { write!(f, ".{:03}Z", micros / 1000) } else { write!(f, ".{micros:06}Z") }
    }
}

/// A calendar day, without a place in any zone: `2026-11-21`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day {
    /// Days since 1970-01-01.
    days: i32,
}

impl Day {
    /// `None` for a day that no calendar has. Years 0 to 9999.
    pub fn new(year: i64, month: u32, day: u32) -> Option<Self> {
        let is_a_day = (0..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
        let fits = is_a_day && i64::from(day) <= days_in_month(year, i64::from(month));
        fits.then(|| Self { days: days_from_civil(year, month, day) as i32 })
    }

    /// The day on which an instant falls for a clock so many minutes ahead of UTC.
    pub fn of(instant: Timestamp, zone_minutes: i32) -> Self {
        let micros = instant.0.saturating_add(i64::from(zone_minutes) * 60 * MICROS_PER_SEC);
        Self { days: micros.div_euclid(MICROS_PER_SEC * SECS_PER_DAY) as i32 }
    }

    /// Its first instant for a clock so many minutes ahead of UTC.
    pub fn start(self, zone_minutes: i32) -> Timestamp {
        Timestamp::from_secs(i64::from(self.days) * SECS_PER_DAY - i64::from(zone_minutes) * 60)
    }

    /// Year, month (1–12), day (1–31).
    pub fn date(self) -> (i64, u32, u32) {
        civil_from_days(i64::from(self.days))
    }

    /// Days from `earlier` to here; negative when `earlier` is later.
    pub fn days_since(self, earlier: Self) -> i32 {
        self.days - earlier.days
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.date();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day; write it as 2026-11-21")]
pub struct NotADay(pub String);

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let b = text.as_bytes();
        let day = (b.len() == 10 && b[4] == b'-' && b[7] == b'-')
            .then(|| Self::new(digits(&b[0..4])?, digits(&b[5..7])? as u32, digits(&b[8..10])? as u32))
            .flatten();
        day.ok_or_else(|| NotADay(text.chars().take(60).collect()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an instant; write it as 2026-11-21T08:00:00Z or with an offset such as +08:00")]
pub struct NotAnInstant(pub String);

impl FromStr for Timestamp {
    type Err = NotAnInstant;

    /// RFC 3339: date, `T` or a space, time, optional fraction, `Z` or an offset. An offset is required:
    /// a time without a zone would be a guess.
    fn from_str(text: &str) -> Result<Self, NotAnInstant> {
        parse(text).ok_or_else(|| NotAnInstant(text.chars().take(60).collect()))
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let b = text.as_bytes();
    if b.len() < 20 || b[4] != b'-' || b[7] != b'-' || !matches!(b[10], b'T' | b't' | b' ') || b[13] != b':' || b[16] != b':' {
        return None;
    }
    let (year, month, day) = (digits(&b[0..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
    let (hour, minute, second) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &b[19..];
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = fraction.iter().take_while(|c| c.is_ascii_digit()).count();
        if len == 0 {
            return None;
        }
        for i in 0..6 {
            micros = micros * 10 + if i < len { i64::from(fraction[i] - b'0') } else { 0 };
        }
        rest = &fraction[len..];
    }
    let offset_secs = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (h, m) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if h > 23 || m > 59 {
                return None;
            }
            let secs = h * 3600 + m * 60;
            if *sign == b'-' { -secs } else { secs }
        }
        _ => return None,
    };
    let days = days_from_civil(year, month as u32, day as u32);
    let secs = days * SECS_PER_DAY + hour * 3600 + minute * 60 + second - offset_secs;
    Some(Timestamp(secs * MICROS_PER_SEC + micros))
}

fn digits(b: &[u8]) -> Option<i64> {
    b.iter().try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar: years are counted from March,
/// so that the leap day is a year's last, in eras of 400 years.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_and_instant_agree() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T08:00:00+08:00", 0),
            ("2000-02-29T12:34:56.789Z", 951_827_696_789_000),
            ("2026-11-21T13:14:10.000001Z", 1_795_266_850_000_001),
            ("1969-12-31T23:59:59.5Z", -500_000),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(Timestamp::micros), Ok(micros), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T13:14:10",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T13:14:10.Z",
            "2026-11-21T13:14:10+8:00",
            "２０２６-11-21T13:14:10Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_is_ten_characters_of_the_calendar() {
        for text in ["1970-01-01", "2000-02-29", "2026-11-21", "0000-01-01", "9999-12-31"] {
            assert_eq!(text.parse::<Day>().map(|day| day.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "2026-11-2", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026/01/01", "+026-01-01", "二〇二六"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_begins_by_the_citys_clock() {
        let evening: Timestamp = "2026-11-21T17:30:00Z".parse().unwrap();
        assert_eq!((Day::of(evening, 0).to_string(), Day::of(evening, 480).to_string()), ("2026-11-21".into(), "2026-11-22".into()));
        let day: Day = "2026-11-22".parse().unwrap();
        assert_eq!(day.start(480), "2026-11-21T16:00:00Z".parse().unwrap());
        assert_eq!(day.days_since("2026-02-28".parse().unwrap()), 267);
    }

    proptest! {
        #[test]
        fn every_day_survives_its_text_and_its_first_instant(days in -719_528i32..2_932_896, zone in -720i32..=840) {
            let day = Day { days };
            prop_assert_eq!(day.to_string().parse::<Day>(), Ok(day));
            prop_assert_eq!(Day::of(day.start(zone), zone), day);
        }

        #[test]
        fn every_instant_survives_its_text(micros in -62_135_596_800_000_000i64..253_402_300_800_000_000) {
            let t = Timestamp::from_micros(micros);
            prop_assert_eq!(t.to_string().parse::<Timestamp>(), Ok(t));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
