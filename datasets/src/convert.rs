//! Brings a file's value to an attribute's type: without loss, or not at all.

use citytwin_model::{AttributeType, Timestamp, Value};

/// What a value was wanted as, in the words of messages: a key under `wanted.`.
pub type Wanted = &'static str;

/// `zone_minutes`: how far the city's clock is ahead of UTC, for times that come without an offset.
pub fn convert(value: &Value, ty: &AttributeType, zone_minutes: i32) -> Result<Value, Wanted> {
    // An empty or blank text holds nothing, except where the text itself is the value.
    if let Value::Text(text) = value
        && is_blank(text)
        && !matches!(ty, AttributeType::Text)
    {
        return Ok(Value::Null);
    }
    if value.is_null() {
        return Ok(Value::Null);
    }
    match ty {
        AttributeType::Bool => to_bool(value).map(Value::Bool).ok_or("bool"),
        AttributeType::Int => to_int(value).map(Value::Int).ok_or("int"),
        AttributeType::Real => to_real(value).map(Value::Real).ok_or("real"),
        AttributeType::Text => to_text(value).map(Value::Text).ok_or("text"),
        AttributeType::Date => to_date(value).map(Value::Text).ok_or("date"),
        AttributeType::Time => to_time(value, zone_minutes).map(Value::Text).ok_or("time"),
        AttributeType::Code(entries) => {
            let text = to_text(value).ok_or("text")?;
            let text = text.trim();
            let same = |a: &str| a.eq_ignore_ascii_case(text);
            let known = entries.iter().find(|e| same(&e.value)).or_else(|| entries.iter().find(|e| same(&e.label.zh) || same(&e.label.en)));
            // An unknown code is loaded as it is, and is a finding of `citytwin check`.
            Ok(Value::Text(known.map_or_else(|| text.to_owned(), |e| e.value.clone())))
        }
        // Files carry the other feature's code; the store resolves it.
        AttributeType::Ref(_) => to_text(value).map(|text| Value::Text(text.trim().to_owned())).ok_or("text"),
    }
}

/// Nothing but blanks. A text that begins with something plain is not looked at further.
fn is_blank(text: &str) -> bool {
    !text.as_bytes().first().is_some_and(u8::is_ascii_graphic) && text.trim().is_empty()
}

fn to_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Real(x) if *x == 0.0 => Some(false),
        Value::Real(x) if *x == 1.0 => Some(true),
        Value::Text(text) => match text.trim().to_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "y" | "是" | "有" => Some(true),
            "0" | "false" | "f" | "no" | "n" | "否" | "无" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn to_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Real(x) => whole(*x),
        Value::Text(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(number(text)?))
        }
        _ => None,
    }
}

/// A whole number that a float holds exactly.
fn whole(x: f64) -> Option<i64> {
    (x.fract() == 0.0 && x.abs() <= 9_007_199_254_740_992.0).then_some(x as i64)
}

fn to_real(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => (n.unsigned_abs() <= 1 << 53).then_some(*n as f64),
        Value::Real(x) => x.is_finite().then_some(*x),
        Value::Text(text) => number(text.trim()),
        _ => None,
    }
}

/// Digits, sign, point and exponent; Rust's `inf` and `nan` are no numbers.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|x| plain && x.is_finite())
}

fn to_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        // 17.0 was most likely written as 17.
        Value::Real(x) => whole(*x).map(|n| n.to_string()).or_else(|| x.is_finite().then(|| x.to_string())),
        Value::Null => None,
    }
}

/// `2026-11-21`, `2026/11/21`, `20261121`, as a text or (the last) as a number; of an instant, its day.
fn to_date(value: &Value) -> Option<String> {
    let text = to_text(value)?;
    let text = text.trim();
    let day = if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])
    } else {
        let day = text.split(['T', ' ']).next()?;
        let parts: Vec<&str> = day.split(['-', '/']).collect();
        let [y, m, d] = parts[..] else { return None };
        if y.len() != 4 || m.len() > 2 || d.len() > 2 {
            return None;
        }
        format!("{y}-{m:0>2}-{d:0>2}")
    };
    format!("{day}T00:00:00Z").parse::<Timestamp>().is_ok().then_some(day)
}

fn to_time(value: &Value, zone_minutes: i32) -> Option<String> {
    let Value::Text(text) = value else { return None };
    let text = text.trim();
    let text = if text.as_bytes().get(4) == Some(&b'/') { text.replacen('/', "-", 2) } else { text.to_owned() };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.to_string());
    }
    // No offset: the city's own clock. A day alone is its beginning.
    let full = if text.len() == 10 { format!("{text}T00:00:00") } else { text };
    let sign = if zone_minutes < 0 { '-' } else { '+' };
    let (h, m) = (zone_minutes.abs() / 60, zone_minutes.abs() % 60);
    format!("{full}{sign}{h:02}:{m:02}").parse::<Timestamp>().ok().map(|instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::class::{CodeEntry, Label};
    use proptest::prelude::*;

    fn check(ty: AttributeType, given: impl Into<Value>, wanted: Result<Value, Wanted>) {
        let given = given.into();
        assert_eq!(convert(&given, &ty, 480), wanted, "{given:?} to {ty:?}");
    }

    #[test]
    fn numbers_are_taken_from_text_and_from_each_other_without_loss() {
        check(AttributeType::Int, "150", Ok(150.into()));
        check(AttributeType::Int, " 150.0 ", Ok(150.into()));
        check(AttributeType::Int, 150.0, Ok(150.into()));
        check(AttributeType::Int, 150.5, Err("int"));
        check(AttributeType::Int, "DN150", Err("int"));
        check(AttributeType::Int, "9223372036854775807", Ok(i64::MAX.into()));
        check(AttributeType::Int, 1e300, Err("int"));
        check(AttributeType::Real, "1.5e2", Ok(150.0.into()));
        check(AttributeType::Real, 3, Ok(3.0.into()));
        check(AttributeType::Real, i64::MAX, Err("real"));
        for no_number in ["inf", "NaN", "1,5", "18'-6\"", "0x10", "１５"] {
            check(AttributeType::Real, no_number, Err("real"));
        }
        check(AttributeType::Real, f64::NAN, Err("real"));
    }

    #[test]
    fn an_empty_text_is_no_data_but_for_texts() {
        for ty in [AttributeType::Int, AttributeType::Bool, AttributeType::Date, AttributeType::Code(vec![]), AttributeType::Ref(vec![])] {
            check(ty, "  ", Ok(Value::Null));
        }
        check(AttributeType::Text, "", Ok("".into()));
    }

    #[test]
    fn texts_keep_leading_zeros_and_numbers_become_plain_texts() {
        check(AttributeType::Text, "0012", Ok("0012".into()));
        check(AttributeType::Text, 12, Ok("12".into()));
        check(AttributeType::Text, 12.0, Ok("12".into()));
        check(AttributeType::Text, 12.5, Ok("12.5".into()));
    }

    #[test]
    fn days_and_instants() {
        for day in ["2026-11-21", "2026/11/21", "20261121", "2026-11-21T08:00:00Z", "2026/11/21 08:00:00"] {
            check(AttributeType::Date, day, Ok("2026-11-21".into()));
        }
        check(AttributeType::Date, 20_261_121, Ok("2026-11-21".into()));
        check(AttributeType::Date, "2026-2-3", Ok("2026-02-03".into()));
        for no_day in ["2026-02-30", "21.11.2026", "11/21/2026", "1975"] {
            check(AttributeType::Date, no_day, Err("date"));
        }
        check(AttributeType::Time, "2026-11-21T08:00:00Z", Ok("2026-11-21T08:00:00.000Z".into()));
        check(AttributeType::Time, "2026-11-21 08:00:00", Ok("2026-11-21T00:00:00.000Z".into()));
        check(AttributeType::Time, "2026/11/21 08:00:00", Ok("2026-11-21T00:00:00.000Z".into()));
        check(AttributeType::Time, "2026-11-21", Ok("2026-11-20T16:00:00.000Z".into()));
        check(AttributeType::Time, "soon", Err("time"));
    }

    #[test]
    fn codes_are_known_by_value_and_by_either_name() {
        let codes = || AttributeType::Code(vec![CodeEntry { value: "cast_iron".into(), label: Label::new("铸铁", "cast iron") }]);
        for said in ["cast_iron", "铸铁", "Cast Iron", " CAST_IRON "] {
            check(codes(), said, Ok("cast_iron".into()));
        }
        check(codes(), "unobtainium", Ok("unobtainium".into()));
    }

    #[test]
    fn yes_and_no() {
        for yes in ["是", "TRUE", "y", "1"] {
            check(AttributeType::Bool, yes, Ok(true.into()));
        }
        check(AttributeType::Bool, 0, Ok(false.into()));
        check(AttributeType::Bool, 2, Err("bool"));
        check(AttributeType::Bool, "perhaps", Err("bool"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}", zone in -720i32..840) {
            for ty in [AttributeType::Bool, AttributeType::Int, AttributeType::Real, AttributeType::Date, AttributeType::Time] {
                let _ = convert(&Value::Text(text.clone()), &ty, zone);
            }
        }

        #[test]
        fn every_int_survives_its_text(n: i64) {
            prop_assert_eq!(convert(&Value::Text(n.to_string()), &AttributeType::Int, 0), Ok(Value::Int(n)));
        }

        #[test]
        fn every_number_survives_its_text(x in prop::num::f64::NORMAL) {
            prop_assert_eq!(convert(&Value::Text(x.to_string()), &AttributeType::Real, 0), Ok(Value::Real(x)));
        }
    }
}
