//! Readings and alarms from outside: what is promised, tried from both sides.

use crate::{AlarmPhase, Live, LiveError};
use citytwin_model::alarm::{AlarmRule, Direction, Severity};
use citytwin_model::sensor::{MeasuredAt, Reading, ReceivedAt};
use citytwin_model::{ClassNo, FeatureId, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(crate) fn stream(fid: u32) -> FeatureId {
    FeatureId::new(ClassNo(101), fid)
}

pub(crate) fn time(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

pub(crate) fn reading(fid: u32, secs: i64, value: f64) -> Reading {
    let at = time(secs);
    Reading { datastream: stream(fid), measured_at: MeasuredAt(at), received_at: ReceivedAt(at.plus_millis(300)), value, simulated: false }
}

pub(crate) fn rule(fid: u32, direction: Direction, limit: f64, hysteresis: f64) -> AlarmRule {
    AlarmRule { datastream: stream(fid), direction, limit, hysteresis, severity: Severity::Serious }
}

fn whole(live: &Live, fid: u32) -> Vec<f64> {
    let series = live.series(stream(fid), time(-1_000_000), time(1_000_000), usize::MAX).unwrap();
    assert!(!series.truncated);
    series.readings.iter().map(|r| r.value).collect()
}

#[test]
fn readings_alarms_and_latest_values_are_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let rules = [rule(1, Direction::Above, 10.0, 1.0), rule(2, Direction::Below, 5.0, 1.0)];
    let mut live = Live::open(dir.path()).unwrap();
    live.sync_rules(&rules, time(0)).unwrap();
    let done = live.commit(&[reading(1, 0, 9.0), reading(1, 1, 11.0), reading(2, 1, 4.0)]).unwrap();
    assert_eq!((done.accepted, done.duplicates.len(), done.seq, done.latest.len()), (3, 0, 1, 2));
    assert_eq!(
        done.alarms.iter().map(|a| (a.id, a.value, a.phase())).collect::<Vec<_>>(),
        [(1, 11.0, AlarmPhase::Raised), (2, 4.0, AlarmPhase::Raised)]
    );
    live.acknowledge(2, "dispatcher", time(5)).unwrap();
    let (latest, alarms) = (live.latest(), live.alarms());
    drop(live);

    let mut live = Live::open(dir.path()).unwrap();
    assert_eq!((live.latest(), live.alarms(), live.seq()), (latest, alarms, 1));
    live.sync_rules(&rules, time(10)).unwrap();
    // The same batch again, as a client does that got no answer: nothing twice, no second alarm.
    let again = live.commit(&[reading(1, 0, 9.0), reading(1, 1, 11.0), reading(2, 1, 4.0)]).unwrap();
    assert_eq!((again.accepted, again.duplicates, again.alarms.len()), (0, vec![0, 1, 2], 0));
    assert_eq!((whole(&live, 1), whole(&live, 2)), (vec![9.0, 11.0], vec![4.0]));
    // It goes on from the state it had.
    assert_eq!(live.commit(&[reading(1, 2, 12.0), reading(2, 2, 4.5)]).unwrap().alarms.len(), 0);
    let cleared = live.commit(&[reading(1, 3, 8.0), reading(2, 3, 7.0)]).unwrap().alarms;
    assert_eq!(cleared.iter().map(|a| (a.id, a.phase())).collect::<Vec<_>>(), [(1, AlarmPhase::Cleared), (2, AlarmPhase::Cleared)]);
    assert!(live.alarms().is_empty());
    assert_eq!(live.past_alarms(10).unwrap().len(), 2);
}

#[test]
fn a_late_reading_is_kept_but_moves_neither_value_nor_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::open(dir.path()).unwrap();
    live.sync_rules(&[rule(1, Direction::Above, 10.0, 0.0)], time(0)).unwrap();
    live.commit(&[reading(1, 100, 5.0)]).unwrap();
    let late = live.commit(&[reading(1, 50, 99.0)]).unwrap();
    assert_eq!((late.accepted, late.latest.len(), late.alarms.len()), (1, 0, 0));
    assert_eq!((live.latest_of(stream(1)).unwrap().value, whole(&live, 1)), (5.0, vec![99.0, 5.0]));
}

#[test]
fn a_batch_out_of_order_is_judged_in_the_order_of_measurement() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::open(dir.path()).unwrap();
    live.sync_rules(&[rule(1, Direction::Above, 10.0, 0.0)], time(0)).unwrap();
    let done = live.commit(&[reading(1, 3, 5.0), reading(1, 1, 5.0), reading(1, 2, 20.0)]).unwrap();
    assert_eq!(done.alarms.iter().map(|a| a.phase()).collect::<Vec<_>>(), [AlarmPhase::Raised, AlarmPhase::Cleared]);
    assert!(live.alarms().is_empty());
    assert_eq!(done.latest, [reading(1, 3, 5.0)]);
}

#[test]
fn clocks_that_run_ahead_and_values_that_are_no_numbers_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::open(dir.path()).unwrap();
    let mut ahead = reading(1, 100_000, 1.0);
    ahead.received_at = ReceivedAt(time(0));
    let done = live.commit(&[reading(1, 0, f64::NAN), ahead, reading(1, 1, 1.0)]).unwrap();
    assert_eq!((done.refused, done.accepted), (vec![0, 1], 1));
    assert_eq!(live.latest().len(), 1);
}

#[test]
fn an_alarm_without_its_rule_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::open(dir.path()).unwrap();
    live.sync_rules(&[rule(1, Direction::Above, 10.0, 0.0), rule(2, Direction::Above, 10.0, 0.0)], time(0)).unwrap();
    live.commit(&[reading(1, 0, 20.0), reading(2, 0, 20.0)]).unwrap();
    let over = live.sync_rules(&[rule(2, Direction::Above, 30.0, 0.0)], time(9)).unwrap();
    assert_eq!(over.iter().map(|a| (a.rule.datastream, a.cleared_at)).collect::<Vec<_>>(), [(stream(1), Some(time(9)))]);
    assert_eq!(live.alarms().len(), 1, "a moved limit is judged by the next reading");
    assert_eq!(live.commit(&[reading(2, 1, 20.0)]).unwrap().alarms.len(), 1);
}

#[test]
fn acknowledging_is_once_and_only_while_it_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::open(dir.path()).unwrap();
    live.sync_rules(&[rule(1, Direction::Above, 10.0, 0.0)], time(0)).unwrap();
    let id = live.commit(&[reading(1, 0, 20.0)]).unwrap().alarms[0].id;
    assert_eq!(live.acknowledge(id, "first", time(1)).unwrap().phase(), AlarmPhase::Acknowledged);
    assert_eq!(live.acknowledge(id, "second", time(2)).unwrap().acknowledged.unwrap().by, "first");
    live.commit(&[reading(1, 1, 5.0)]).unwrap();
    assert!(matches!(live.acknowledge(id, "third", time(3)), Err(LiveError::Cleared(_))));
    assert!(matches!(live.acknowledge(99, "third", time(3)), Err(LiveError::NoSuchAlarm(99))));
}

#[test]
fn a_second_server_on_the_same_city_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Live::open(dir.path()).unwrap();
    assert!(matches!(Live::open(dir.path()), Err(LiveError::InUse)));
    drop(first);
    assert!(Live::open(dir.path()).is_ok());
}

#[test]
fn a_file_that_is_something_else_or_of_the_future_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.db");
    std::fs::write(&path, "this is no database, though it has some length to it, more than a header").unwrap();
    assert!(matches!(Live::open(dir.path()), Err(LiveError::NotLive { .. })));
    std::fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(a)").unwrap();
    assert!(matches!(Live::open(dir.path()), Err(LiveError::NotLive { .. })));
    std::fs::remove_file(&path).unwrap();
    drop(Live::open(dir.path()).unwrap());
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version=99").unwrap();
    assert!(matches!(Live::open(dir.path()), Err(LiveError::FutureFormat { found: 99, .. })));
}

#[test]
fn a_series_is_its_newest_part_when_there_is_more_than_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::open(dir.path()).unwrap();
    for i in 0..50 {
        live.commit(&[reading(1, i, i as f64), reading(2, i, -1.0)]).unwrap();
    }
    let history = live.history().unwrap();
    let values = |from, to, limit| {
        let series = history.series(stream(1), time(from), time(to), limit).unwrap();
        (series.readings.iter().map(|r| r.value).collect::<Vec<_>>(), series.truncated)
    };
    assert_eq!(values(0, 100, 3), (vec![47.0, 48.0, 49.0], true));
    assert_eq!(values(10, 12, 3), (vec![10.0, 11.0, 12.0], false));
    assert_eq!(values(10, 12, 0), (vec![], true));
    assert_eq!(values(100, 200, 3), (vec![], false));
}

#[test]
fn latest_values_survive_when_batches_are_many() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::open(dir.path()).unwrap();
    // More than are replayed, so that the written-down values are used.
    for round in 0..6 {
        let batch: Vec<Reading> = (0..10_000).map(|i| reading(i % 100 + 1, i64::from(round * 10_000 + i), f64::from(i))).collect();
        assert_eq!(live.commit(&batch).unwrap().accepted, 10_000);
    }
    let latest = live.latest();
    assert_eq!(latest.len(), 100);
    drop(live);
    let live = Live::open(dir.path()).unwrap();
    assert_eq!(live.latest(), latest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Any readings in any batches, with restarts between: kept once, the first word of a time stays, alarms as if they
    /// had come one by one.
    #[test]
    fn whatever_comes_in_whatever_order_is_kept_once(batches in prop::collection::vec(prop::collection::vec((1u32..3, 0i64..40, 0.0f64..20.0), 1..12), 1..12), restart in 0usize..12) {
        let dir = tempfile::tempdir().unwrap();
        let rules = [rule(1, Direction::Above, 10.0, 2.0), rule(2, Direction::Below, 10.0, 2.0)];
        let mut live = Live::open(dir.path()).unwrap();
        live.sync_rules(&rules, time(0)).unwrap();
        let mut expected: BTreeMap<(u32, i64), f64> = BTreeMap::new();
        let mut on: BTreeMap<u32, bool> = BTreeMap::new();
        for (i, batch) in batches.iter().enumerate() {
            if i == restart {
                drop(live);
                live = Live::open(dir.path()).unwrap();
                live.sync_rules(&rules, time(0)).unwrap();
            }
            let done = live.commit(&batch.iter().map(|&(fid, secs, value)| reading(fid, secs, value)).collect::<Vec<_>>()).unwrap();
            prop_assert_eq!(done.accepted + done.duplicates.len(), batch.len());
            let newest: BTreeMap<u32, i64> = expected.keys().map(|&(fid, secs)| (fid, secs)).collect();
            let mut ordered = batch.clone();
            ordered.sort_by_key(|r| (r.0, r.1));
            for (fid, secs, value) in ordered {
                if expected.contains_key(&(fid, secs)) {
                    continue;
                }
                expected.insert((fid, secs), value);
                if newest.get(&fid).is_none_or(|last| secs > *last) {
                    let was = on.get(&fid).copied().unwrap_or(false);
                    let beyond = if fid == 1 { value - 10.0 } else { 10.0 - value };
                    on.insert(fid, if was { -beyond <= 2.0 } else { beyond > 0.0 });
                }
            }
        }
        for fid in 1..3 {
            let values: Vec<f64> = expected.iter().filter(|((f, _), _)| *f == fid).map(|(_, v)| *v).collect();
            prop_assert_eq!(whole(&live, fid), values);
            prop_assert_eq!(live.alarms().iter().any(|a| a.rule.datastream == stream(fid)), on.get(&fid).copied().unwrap_or(false));
        }
    }
}
