//! `/readings`: what sensors report, in and out.

use super::csv::Csv;
use super::live_json::{self, Interest};
use super::params::Params;
use super::reply::{bytes, json};
use crate::app::App;
use crate::clock;
use crate::instruments::{Instrument, Instruments};
use crate::problem::{ApiError, ApiResult, Kind, lang_of};
use crate::readings::MAX_REQUEST_ROWS;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use citytwin_assets::{Lang, say};
use citytwin_model::Timestamp;
use citytwin_model::sensor::{MeasuredAt, Reading, ReceivedAt};
use citytwin_wire::live::Latest;
use citytwin_wire::readings::{Accepted, Point, Refused, Series};
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt::Display;

/// Refusals listed one by one; the rest is counted.
const MAX_LISTED: usize = 1_000;
/// Bodies larger than this are read on the compute pool.
const SMALL_BODY: usize = 32 << 10;
const DEFAULT_POINTS: usize = 1_000;
const MAX_POINTS: usize = 10_000;
const DEFAULT_SPAN_SECS: i64 = 24 * 3600;

/// Hand in readings; answered when they are on disk.
pub async fn post(State(app): State<App>, headers: HeaderMap, body: Bytes) -> ApiResult<Response> {
    let lines = is_ndjson(&headers)?;
    let lang = lang_of(&headers);
    let instruments = app.view().instruments.clone();
    let small = body.len() <= SMALL_BODY;
    let read = move || read(&body, lines, &instruments, clock::now(), lang);
    let Taken { readings, places, mut answer } = if small { read()? } else { app.compute.run(read).await?? };
    let receipt = app.readings.commit(readings).await?;
    app.metrics.readings_refused.add(answer.refused.len() as u64 + answer.refused_more);
    (answer.accepted, answer.duplicates) = (receipt.accepted as u64, receipt.duplicates as u64);
    for place in receipt.refused {
        let line = places.get(place).copied().unwrap_or(0);
        refuse(&mut answer, line, "clock_ahead", lang, &[("seconds", &citytwin_live::MAX_AHEAD_SECS)]);
    }
    answer.refused.sort_by_key(|refused| refused.line);
    json(&answer)
}

/// JSON lines or a JSON document, by content type.
fn is_ndjson(headers: &HeaderMap) -> ApiResult<bool> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" | "text/json" => Ok(false),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/json-seq" => Ok(true),
        _ => Err(ApiError::new(Kind::MediaTypeUnknown).with("given", given).with("wanted", "application/json, application/x-ndjson")),
    }
}

/// One reading, without copies where the text has no escapes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct In<'a> {
    #[serde(borrow)]
    datastream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Option<Cow<'a, str>>,
    value: f64,
}

/// What could be read, each with its line, and the answer so far.
struct Taken {
    readings: Vec<Reading>,
    places: Vec<u64>,
    answer: Accepted,
}

fn read(body: &[u8], lines: bool, instruments: &Instruments, now: Timestamp, lang: Lang) -> ApiResult<Taken> {
    let mut desk = Desk { instruments, now, lang, taken: Taken { readings: Vec::new(), places: Vec::new(), answer: Accepted::default() } };
    if lines {
        at_most(body.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).count())?;
        for (i, line) in body.split(|b| *b == b'\n').enumerate() {
            let line = line.trim_ascii();
            if !line.is_empty() {
                desk.read_one(i as u64 + 1, serde_json::from_slice(line));
            }
        }
        return Ok(desk.taken);
    }
    // Nearly always all is well; only when something is not, each is looked at by itself.
    if let Ok(all) = serde_json::from_slice::<Vec<In>>(body) {
        at_most(all.len())?;
        for (i, one) in all.into_iter().enumerate() {
            desk.take(i as u64 + 1, one);
        }
        return Ok(desk.taken);
    }
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(serde_json::Value::Array(all)) => {
            at_most(all.len())?;
            for (i, one) in all.iter().enumerate() {
                desk.read_one(i as u64 + 1, In::deserialize(one));
            }
        }
        Ok(one @ serde_json::Value::Object(_)) => desk.read_one(1, In::deserialize(&one)),
        Ok(_) => return Err(ApiError::new(Kind::BodyInvalid).with("reason", "[{\"datastream\":…,\"time\":…,\"value\":…}]")),
        Err(error) => return Err(ApiError::new(Kind::BodyInvalid).with("reason", error)),
    }
    Ok(desk.taken)
}

/// Before anything is queued: a batch that no queue will ever hold is refused with what it may hold.
fn at_most(rows: usize) -> ApiResult<()> {
    if rows <= MAX_REQUEST_ROWS {
        return Ok(());
    }
    Err(ApiError::new(Kind::TooLarge).case("rows").with("count", rows).with("most", MAX_REQUEST_ROWS))
}

struct Desk<'a> {
    instruments: &'a Instruments,
    now: Timestamp,
    lang: Lang,
    taken: Taken,
}

impl Desk<'_> {
    fn read_one(&mut self, line: u64, one: Result<In, serde_json::Error>) {
        match one {
            Ok(one) => self.take(line, one),
            Err(error) => refuse(&mut self.taken.answer, line, "not_a_reading", self.lang, &[("reason", &error)]),
        }
    }

    fn take(&mut self, line: u64, one: In) {
        let Some(instrument) = self.instruments.by_code(&one.datastream) else {
            return refuse(&mut self.taken.answer, line, "datastream_unknown", self.lang, &[("datastream", &clip(&one.datastream))]);
        };
        let measured_at = match one.time.as_deref().map(str::parse::<Timestamp>) {
            None => self.now,
            Some(Ok(time)) => time,
            Some(Err(error)) => {
                return refuse(&mut self.taken.answer, line, "time_invalid", self.lang, &[("time", &format!("{:?}", error.0))]);
            }
        };
        self.taken.readings.push(Reading {
            datastream: instrument.id,
            measured_at: MeasuredAt(measured_at),
            received_at: ReceivedAt(self.now),
            value: one.value,
            simulated: instrument.simulated,
        });
        self.taken.places.push(line);
    }
}

fn refuse(answer: &mut Accepted, line: u64, code: &str, lang: Lang, values: &[(&str, &dyn Display)]) {
    if answer.refused.len() < MAX_LISTED {
        answer.refused.push(Refused { line, code: code.to_owned(), detail: say(lang, &format!("reading.{code}"), values) });
    } else {
        answer.refused_more += 1;
    }
}

fn clip(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The newest value of every datastream.
pub async fn latest(State(app): State<App>, params: Params) -> ApiResult<Response> {
    params.done()?;
    let (view, news) = (app.view(), app.hub.all());
    let values = app.compute.run(move || live_json::values(&view, &news, &Interest::default())).await?;
    json(&Latest { values })
}

/// What one datastream has reported: the newest of a span, oldest first. With `points`, a curve's worth of them.
pub async fn series(State(app): State<App>, Path(code): Path<String>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    let csv = params.take_csv(&headers)?;
    let now = clock::now();
    let to = params.take_as::<Timestamp>("to")?.unwrap_or(now);
    let from = params.take_as::<Timestamp>("from")?.unwrap_or_else(|| to.plus_millis(-DEFAULT_SPAN_SECS * 1000));
    let points = params.take_as::<usize>("points")?;
    // A curve is thinned from as many as are ever read at once.
    let limit = params.take_limit(if points.is_some() { MAX_POINTS } else { DEFAULT_POINTS }, MAX_POINTS)?;
    params.done()?;
    if let Some(few) = points.filter(|points| *points < 4) {
        return Err(ApiError::new(Kind::ParameterInvalid).with("name", "points").with("value", few));
    }
    let view = app.view();
    let instrument = view.instruments.by_code(&code).ok_or_else(|| ApiError::new(Kind::DatastreamUnknown).with("datastream", &code))?;
    let (history, id) = (app.readings.history(), instrument.id);
    let read = tokio::task::spawn_blocking(move || history.series(id, from, to, limit)).await;
    let mut found = read.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    if let Some(points) = points {
        thin(&mut found.readings, points);
    }
    if csv {
        return Ok(bytes(super::csv::MEDIA_TYPE, table(instrument, &found.readings)));
    }
    let point = |reading: &Reading| Point {
        time: reading.measured_at.0.to_string(),
        received: reading.received_at.0.to_string(),
        value: reading.value,
        simulated: reading.simulated,
    };
    json(&Series {
        datastream: code,
        property: instrument.property.clone(),
        unit: instrument.unit.clone(),
        simulated: instrument.simulated,
        readings: found.readings.iter().map(point).collect(),
        truncated: found.truncated,
    })
}

/// At most `most` readings that draw the same curve: first and last, and between them the lowest and highest of each part,
/// so that no peak is lost.
fn thin(readings: &mut Vec<Reading>, most: usize) {
    if readings.len() <= most.max(4) {
        return;
    }
    let last = readings.len() - 1;
    let parts = (most.max(4) - 2) / 2;
    let size = (last - 1).div_ceil(parts);
    let mut kept = vec![readings[0]];
    for part in readings[1..last].chunks(size) {
        let by_value = |&a: &usize, &b: &usize| part[a].value.total_cmp(&part[b].value);
        let (Some(low), Some(high)) = ((0..part.len()).min_by(by_value), (0..part.len()).max_by(by_value)) else { continue };
        kept.push(part[low.min(high)]);
        if low != high {
            kept.push(part[low.max(high)]);
        }
    }
    kept.push(readings[last]);
    *readings = kept;
}

fn table(instrument: &Instrument, readings: &[Reading]) -> String {
    let value = format!("{} ({})", instrument.property, instrument.unit);
    let mut csv = Csv::new(["datastream", "time", "received", &value, "simulated"]);
    for reading in readings {
        csv.text_cell(&instrument.code);
        csv.cell(&reading.measured_at.0.to_string());
        csv.cell(&reading.received_at.0.to_string());
        csv.cell(&reading.value.to_string());
        csv.cell(if reading.simulated { "true" } else { "false" });
        csv.end_row();
    }
    csv.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without instruments every datastream is unknown: enough to see what is read and what is refused, and where.
    fn refused(body: &str, lines: bool) -> String {
        match read(body.as_bytes(), lines, &Instruments::default(), Timestamp::from_secs(0), Lang::En) {
            Ok(taken) => taken.answer.refused.iter().map(|r| format!("{}:{} ", r.line, r.code)).collect(),
            Err(error) => error.kind.code().to_owned(),
        }
    }

    #[test]
    fn one_bad_reading_does_not_cost_the_others() {
        assert_eq!(
            refused(r#"[{"datastream":"a","value":1},{"datastream":"a"},{"datastream":"a","value":"x"},7]"#, false),
            "1:datastream_unknown 2:not_a_reading 3:not_a_reading 4:not_a_reading "
        );
        assert_eq!(refused("{\"datastream\":\"a\",\"value\":1}\n\n{oops\n", true), "1:datastream_unknown 3:not_a_reading ");
        assert_eq!(refused(r#"{"datastream":"a","value":1}"#, false), "1:datastream_unknown ");
    }

    #[test]
    fn more_rows_than_a_request_may_hold_are_refused_whatever_their_form() {
        let row = r#"{"datastream":"a","value":1}"#;
        for (rows, refusal) in [(MAX_REQUEST_ROWS, None), (MAX_REQUEST_ROWS + 1, Some("too_large"))] {
            for (body, lines) in [
                (format!("[{}]", vec![row; rows].join(",")), false),
                (vec![row; rows].join("\n\n"), true),
                (format!("[{}]", vec!["7"; rows].join(",")), false),
            ] {
                let taken = read(body.as_bytes(), lines, &Instruments::default(), Timestamp::from_secs(0), Lang::En);
                assert_eq!(taken.err().map(|error| error.kind.code()), refusal, "{rows}, {}", &body[..20]);
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused_as_a_whole() {
        for bad in ["", "x", "[1", "\"a\"", "[{\"datastream\":\"a\",\"value\":1e999}"] {
            assert_eq!(refused(bad, false), "body_invalid", "{bad}");
        }
        assert_eq!(refused(&"[".repeat(100_000), false), "body_invalid");
    }

    #[test]
    fn a_thinned_curve_keeps_its_span_and_its_peaks() {
        let of = |values: &[f64]| -> Vec<Reading> {
            let reading = |(i, value): (usize, &f64)| Reading {
                datastream: citytwin_model::FeatureId::new(citytwin_model::ClassNo(1), 1),
                measured_at: MeasuredAt(Timestamp::from_secs(i as i64)),
                received_at: ReceivedAt(Timestamp::from_secs(i as i64)),
                value: *value,
                simulated: true,
            };
            values.iter().enumerate().map(reading).collect()
        };
        let mut values: Vec<f64> = (0..7200).map(|i| f64::from(i % 7)).collect();
        (values[1234], values[1236], values[5000]) = (99.0, -99.0, 50.0);
        for most in [4, 5, 300, 7199] {
            let mut readings = of(&values);
            thin(&mut readings, most);
            assert!(readings.len() <= most, "{most}: {}", readings.len());
            let times: Vec<_> = readings.iter().map(|reading| reading.measured_at.0).collect();
            assert!(times.is_sorted(), "{most}");
            assert_eq!((times[0], times[times.len() - 1]), (Timestamp::from_secs(0), Timestamp::from_secs(7199)), "{most}");
            let kept: Vec<f64> = readings.iter().map(|reading| reading.value).collect();
            assert!(kept.contains(&99.0) && kept.contains(&-99.0), "{most}");
        }
        let mut few = of(&[1.0, 2.0, 3.0]);
        thin(&mut few, 4);
        assert_eq!(few.len(), 3);
    }

    #[test]
    fn a_long_list_of_refusals_is_cut_and_counted() {
        let body = "[".to_owned() + &vec!["7"; MAX_LISTED + 5].join(",") + "]";
        let taken = read(body.as_bytes(), false, &Instruments::default(), Timestamp::from_secs(0), Lang::Zh).ok().unwrap();
        assert_eq!((taken.answer.refused.len(), taken.answer.refused_more), (MAX_LISTED, 5));
    }
}
