//! Plays the sensors of a simulated city: a daily pattern, a little noise, and the incidents of its script. Everything it
//! makes is marked as simulated (模拟数据) and goes the same way as real readings.

use crate::app::{App, ended};
use crate::clock;
use crate::instruments::Instrument;
use citytwin_demo::script::Script;
use citytwin_model::Timestamp;
use citytwin_model::sensor::{MeasuredAt, Reading, ReceivedAt};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

/// The script's file in the city's folder.
pub const SCRIPT_FILE: &str = "script.json";

/// Each datastream reports this often …
const EVERY: Duration = Duration::from_secs(2);
/// … unless that were more than so many readings a second.
const MOST_PER_SEC: usize = 5_000;
/// Noise, as a share of the daily swing.
const NOISE: f64 = 0.04;

/// The city's script; a city without one has ordinary days only.
pub fn read_script(city: &Path) -> Result<Option<Script>, String> {
    let path = city.join(SCRIPT_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Script::from_json(&text).map(Some).map_err(|reason| format!("{}: {reason}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

pub async fn play(app: App, script: Option<Script>) {
    let started = Instant::now();
    let mut stopping = app.stopping.subscribe();
    let mut complained = false;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = ended(&mut stopping) => return,
        }
        let instruments = app.view().instruments.clone();
        let now = clock::now();
        let elapsed_s = started.elapsed().as_secs_f64();
        let played: Vec<Reading> =
            instruments.all().iter().filter_map(|instrument| reading(instrument, script.as_ref(), now, elapsed_s)).collect();
        let count = played.len();
        match app.readings.commit(played).await {
            Ok(receipt) => {
                app.metrics.simulated_readings.add(receipt.accepted as u64);
                complained = false;
            }
            Err(error) if !complained => {
                tracing::warn!(code = error.kind.code(), "simulated readings were not taken");
                complained = true;
            }
            Err(_) => {}
        }
        let rest = Duration::from_secs_f64(count as f64 / MOST_PER_SEC as f64);
        if rest > EVERY {
            tokio::time::sleep(rest - EVERY).await;
        }
    }
}

/// What a datastream reports now; `None` for one that is real or has no pattern.
fn reading(instrument: &Instrument, script: Option<&Script>, now: Timestamp, elapsed_s: f64) -> Option<Reading> {
    let baseline = instrument.baseline.filter(|_| instrument.simulated)?;
    let amplitude = instrument.amplitude.unwrap_or(0.0);
    let normal = baseline + amplitude * (daily(now) + NOISE * noise(instrument.id.wire(), now));
    let value = script.map_or(normal, |script| script.value(&instrument.code, elapsed_s, normal));
    // What never falls below zero on an ordinary day does not in an incident either.
    let value = if baseline >= amplitude.abs() { value.max(0.0) } else { value };
    let value = (value * 1000.0).round() / 1000.0;
    let (measured_at, received_at) = (MeasuredAt(now), ReceivedAt(now));
    Some(Reading { datastream: instrument.id, measured_at, received_at, value, simulated: true })
}

/// −1 to 1 over a day in Beijing: low at night, a peak in the morning and a higher one in the evening.
fn daily(now: Timestamp) -> f64 {
    let hour = f64::from((now.second_of_day() + 8 * 3600) % 86_400) / 3600.0;
    let hill = |at: f64, width: f64| (-((hour - at) / width).powi(2)).exp();
    (1.2 * hill(7.5, 1.8) + 1.5 * hill(19.0, 2.4) + 0.6 * hill(13.0, 3.0)) / 0.8 - 0.9
}

/// −1 to 1, different at each instant and datastream.
fn noise(id: u64, now: Timestamp) -> f64 {
    // Steele's SplitMix64, whose output is well mixed for neighbouring inputs.
    let mut x = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (now.micros() as u64);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_demo::script::{Course, FORMAT, Incident, Label};
    use citytwin_model::{ClassNo, FeatureId};

    fn instrument(simulated: bool) -> Instrument {
        Instrument {
            id: FeatureId::new(ClassNo(101), 1),
            code: "H1.pressure".into(),
            sensor: None,
            host: None,
            property: "pressure".into(),
            label: Default::default(),
            unit: "kPa".into(),
            simulated,
            position: None,
            rules: Vec::new(),
            baseline: Some(260.0),
            amplitude: Some(20.0),
        }
    }

    #[test]
    fn a_day_stays_within_its_swing_and_moves() {
        let values: Vec<f64> =
            (0..24 * 60).map(|minute| reading(&instrument(true), None, Timestamp::from_secs(minute * 60), 0.0).unwrap().value).collect();
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        assert!((235.0..250.0).contains(&low) && (270.0..285.0).contains(&high), "{low} {high}");
    }

    #[test]
    fn a_real_datastream_is_never_played() {
        assert!(reading(&instrument(false), None, Timestamp::from_secs(0), 0.0).is_none());
    }

    #[test]
    fn an_incident_of_the_script_is_played_and_never_below_zero() {
        let course = Course { datastream: "H1.pressure".into(), start_s: 10.0, rise_s: 0.0, hold_s: 10.0, fall_s: 0.0, target: -50.0 };
        let label = Label { zh: "消火栓压力骤降".into(), en: "hydrant loses pressure".into() };
        let incident = Incident { id: "one".into(), label, at: [116.0, 30.0], courses: vec![course] };
        let script = Script { format: FORMAT.into(), simulated: true, repeat_s: 60.0, incidents: vec![incident] };
        let at = |elapsed_s| reading(&instrument(true), Some(&script), Timestamp::from_secs(0), elapsed_s).unwrap().value;
        assert!(at(5.0) > 200.0);
        assert_eq!(at(15.0), 0.0);
        assert!(at(25.0) > 200.0);
    }
}
