//! Acknowledged means on disk: the server is killed again and again while readings are handed in, and nothing that was
//! answered with 200 may be missing or there twice.

mod support;

use citytwin_model::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{ALARM_LOW, Client, Server, make_city, soon};

const STREAMS: usize = 4;
const ROUNDS: u64 = 10;
/// Longer than this and the rounds that are left are not run: the machine is slow, not the promise broken.
const AT_MOST: Duration = Duration::from_secs(30);
/// Readings are dated from here, one second apart.
const START_SECS: i64 = 1_790_000_000;

/// Per datastream: second → value, of everything that was acknowledged.
type Acknowledged = Arc<Mutex<Vec<BTreeMap<i64, f64>>>>;

#[test]
fn nothing_acknowledged_is_missing_after_kill_9() {
    let city = tempfile::tempdir().unwrap();
    make_city(city.path(), STREAMS, STREAMS);
    let acknowledged: Acknowledged = Arc::new(Mutex::new(vec![BTreeMap::new(); STREAMS]));
    let next = Arc::new(Mutex::new(vec![0i64; STREAMS]));
    // Batches that were on disk when their answer was lost, and were handed in again.
    let again = Arc::new(AtomicU64::new(0));
    let (started, mut rounds) = (Instant::now(), 0);
    while rounds < ROUNDS && started.elapsed() < AT_MOST {
        let server = Server::start(city.path(), &[]);
        look(&server.client(), &acknowledged);
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..STREAMS)
            .map(|stream| {
                let (client, acknowledged, next, stop) = (server.client(), acknowledged.clone(), next.clone(), stop.clone());
                let again = again.clone();
                std::thread::spawn(move || send(stream, &client, &acknowledged, &next, &stop, &again))
            })
            .collect();
        // Not always at the same moment of a commit: 40 ms to 400 ms, in steps that no other period divides.
        std::thread::sleep(Duration::from_millis(40 + rounds * 37 % 361));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        rounds += 1;
    }
    let server = Server::start(city.path(), &[]);
    look(&server.client(), &acknowledged);
    let count: usize = acknowledged.lock().unwrap().iter().map(BTreeMap::len).sum();
    assert!(rounds >= 3 && count > 50, "{rounds} kills, {count} acknowledged readings: too few to say anything");
    let again = again.load(Ordering::Relaxed);
    eprintln!("{rounds} kills, {count} acknowledged readings, none missing; {again} batches on disk unanswered, none there twice");
    server.assert_clean_log();
}

/// Hands in small batches, one after the other, until the server is gone.
fn send(stream: usize, client: &Client, acknowledged: &Acknowledged, next: &Mutex<Vec<i64>>, stop: &AtomicBool, again: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        // A batch that broke off is sent again as it was: what of it is on disk counts as there before.
        let first = next.lock().unwrap()[stream];
        let batch: Vec<(i64, f64)> = (first..first + 5).map(|i| (START_SECS + i, value(i))).collect();
        let body: Vec<_> = batch
            .iter()
            .map(|(at, value)| json!({"datastream": code(stream), "time": Timestamp::from_secs(*at).to_string(), "value": value}))
            .collect();
        match client.send("POST", "/readings", &[], &json!(body).to_string()) {
            Ok(answer) if answer.status == 200 => {
                let said = answer.json();
                let (new, before) = (said["accepted"].as_u64().unwrap(), said["duplicates"].as_u64().unwrap());
                // A commit is whole or not there: never a part of a batch.
                assert!([(5, 0), (0, 5)].contains(&(new, before)) && said["refused"].as_array().unwrap().is_empty(), "{said}");
                again.fetch_add(before / 5, Ordering::Relaxed);
                next.lock().unwrap()[stream] = first + 5;
                acknowledged.lock().unwrap()[stream].extend(batch);
            }
            Ok(answer) => panic!("{}", String::from_utf8_lossy(&answer.body)),
            // Killed in the middle: nobody knows whether it was kept, and nobody was told.
            Err(_) => return,
        }
    }
}

/// Every acknowledged reading is there once, with its value; the latest one decides the alarm.
fn look(client: &Client, acknowledged: &Acknowledged) {
    for (stream, expected) in acknowledged.lock().unwrap().iter().enumerate() {
        let from = Timestamp::from_secs(START_SECS).to_string();
        let path = format!("/readings/{}?from={from}&limit=10000", code(stream));
        let series = client.get(&path).json();
        assert_eq!(series["truncated"], false, "the test wrote more than it can read back");
        let mut found: BTreeMap<i64, f64> = BTreeMap::new();
        for point in series["readings"].as_array().unwrap() {
            let at: Timestamp = point["time"].as_str().unwrap().parse().unwrap();
            let twice = found.insert(at.micros() / 1_000_000, point["value"].as_f64().unwrap());
            assert_eq!(twice, None, "{} stands twice", point["time"]);
        }
        for (at, value) in expected {
            assert_eq!(found.get(at), Some(value), "{} at {at} was acknowledged", code(stream));
        }
        let Some((_, latest)) = found.last_key_value() else { continue };
        let shown = soon(Duration::from_secs(5), || {
            let values = client.get("/readings/latest").json();
            values["values"].as_array().unwrap().iter().find(|value| value["datastream"] == code(stream)).cloned()
        });
        assert_eq!(shown["value"].as_f64(), Some(*latest));
        assert_eq!(shown["alarm"].is_string(), *latest < ALARM_LOW, "{shown}");
    }
}

fn code(stream: usize) -> String {
    format!("H-{stream}.pressure")
}

/// Far below the limit or far above it, beyond the hysteresis: each reading by itself says whether an alarm is on.
fn value(i: i64) -> f64 {
    if i / 7 % 2 == 0 { 100.0 + (i % 13) as f64 } else { 260.0 + (i % 13) as f64 }
}
