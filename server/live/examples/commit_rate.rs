//! How many readings become durable in a second: `cargo run --release -p citytwin-live --example commit_rate`.
//!
//! Batches of 10 000 and of 1, one rule per datastream, `synchronous=FULL`; then how long opening again takes.

use citytwin_live::Live;
use citytwin_model::alarm::{AlarmRule, Direction, Severity};
use citytwin_model::sensor::{MeasuredAt, Reading, ReceivedAt};
use citytwin_model::{ClassNo, FeatureId, Timestamp};
use std::time::Instant;

const STREAMS: u32 = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut live = Live::open(dir.path())?;
    let stream = |i: u32| FeatureId::new(ClassNo(101), i % STREAMS + 1);
    let rules: Vec<AlarmRule> = (0..STREAMS)
        .map(|i| AlarmRule {
            datastream: stream(i),
            direction: Direction::Above,
            limit: 999.0,
            hysteresis: 5.0,
            severity: Severity::Warning,
        })
        .collect();
    live.sync_rules(&rules, Timestamp::from_secs(0))?;
    let mut n = 0u32;
    for (size, batches) in [(10_000, 100), (1, 500)] {
        let start = Instant::now();
        for _ in 0..batches {
            let batch: Vec<Reading> = (0..size)
                .map(|_| {
                    n += 1;
                    let at = Timestamp::from_secs(1_795_000_000 + i64::from(n / STREAMS));
                    let value = f64::from(n.wrapping_mul(2_654_435_761) >> 20) / 4.0;
                    Reading { datastream: stream(n), measured_at: MeasuredAt(at), received_at: ReceivedAt(at), value, simulated: true }
                })
                .collect();
            assert_eq!(live.commit(&batch)?.accepted, size);
        }
        let secs = start.elapsed().as_secs_f64();
        let rows = f64::from(batches) * size as f64;
        println!("batches of {size}: {:.0} readings/s, {:.2} ms a commit", rows / secs, secs * 1000.0 / f64::from(batches));
    }
    println!("{} alarms raised or over", live.past_alarms(1 << 20)?.len());
    drop(live);
    let start = Instant::now();
    let live = Live::open(dir.path())?;
    println!("{} latest values known again after {:.1} ms", live.latest().len(), start.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}
