//! What live subscribers are told, without a queue for any of them.
//!
//! The hub keeps the newest state of every datastream and alarm, ordered by when it last changed. A subscriber is only a
//! number: the change it has seen last. Whenever it can take more, it asks what is newer, and gets each thing once, as it
//! is now. So a slow reader costs nothing, skips what is past, and one that comes back after a break goes on from its
//! number.

use citytwin_live::{Alarm, AlarmPhase};
use citytwin_model::alarm::Severity;
use citytwin_model::sensor::Reading;
use citytwin_model::{Bounds, FeatureId, Revision};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use tokio::sync::watch;

/// Cleared alarms kept for subscribers that have not heard of the end yet.
const MAX_CLEARED: usize = 1_000;
/// Changed features listed; who has seen less than the oldest of them refreshes everything.
const MAX_CHANGED: usize = 4_096;

pub type Seq = u64;

/// A feature that was made, changed or removed, with its old and new box together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureChange {
    pub id: FeatureId,
    pub bounds: Option<Bounds>,
}

/// What is newer than a subscriber's number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// The subscriber's number from here on.
    pub seq: Seq,
    pub values: Vec<Reading>,
    pub alarms: Vec<Alarm>,
    /// The worst alarm that is on, by datastream; of all, not only of what is new.
    pub severities: HashMap<FeatureId, Severity>,
    pub revision: Option<Revision>,
    pub changed: Vec<FeatureChange>,
    pub changed_more: bool,
    /// The overlays' edition, when they were computed anew.
    pub overlays: Option<String>,
}

impl News {
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.alarms.is_empty() && self.revision.is_none() && self.overlays.is_none()
    }
}

pub struct Hub {
    state: Mutex<State>,
    /// Rises with every change.
    pub any: watch::Sender<Seq>,
    /// Rises with what must not wait for the next frame: alarms, edits, new results of analyses.
    pub urgent: watch::Sender<Seq>,
}

struct State {
    first: Seq,
    seq: Seq,
    values: Recent<FeatureId, Reading>,
    alarms: Recent<i64, Alarm>,
    changed: VecDeque<(Seq, FeatureChange)>,
    /// Changes up to here are no longer listed.
    changed_from: Seq,
    revision: (Seq, Revision),
    /// `None` until they have been computed.
    overlays: (Seq, Option<String>),
}

/// Things by key, and the order in which they last changed.
struct Recent<K, V> {
    things: HashMap<K, (Seq, V)>,
    order: BTreeMap<(Seq, K), ()>,
}

impl<K: Copy + Eq + Ord + std::hash::Hash, V> Recent<K, V> {
    fn new() -> Self {
        Self { things: HashMap::new(), order: BTreeMap::new() }
    }

    fn set(&mut self, seq: Seq, key: K, value: V) {
        if let Some((old, _)) = self.things.insert(key, (seq, value)) {
            self.order.remove(&(old, key));
        }
        self.order.insert((seq, key), ());
    }

    fn remove(&mut self, key: K) {
        if let Some((seq, _)) = self.things.remove(&key) {
            self.order.remove(&(seq, key));
        }
    }

    /// What changed after `seq`, oldest change first.
    fn after(&self, seq: Seq) -> impl DoubleEndedIterator<Item = &V> {
        // Every key sorts behind (seq, ·), and the next number is above all of them.
        let newer = self.order.keys().rev().take_while(move |(changed, _)| *changed > seq);
        newer.collect::<Vec<_>>().into_iter().rev().filter_map(|(_, key)| self.things.get(key).map(|(_, value)| value))
    }
}

impl Hub {
    /// `start` is above every number that an earlier run of the server gave out (a clock does it), so that a client's
    /// number from before a restart is recognised as such.
    pub fn new(start: Seq, revision: Revision) -> Self {
        let state = State {
            first: start,
            seq: start,
            values: Recent::new(),
            alarms: Recent::new(),
            changed: VecDeque::new(),
            changed_from: start,
            revision: (start, revision),
            overlays: (start, None),
        };
        Self { state: Mutex::new(state), any: watch::Sender::new(start), urgent: watch::Sender::new(start) }
    }

    /// New values and alarms, together: nobody sees a value without the alarm it raised.
    pub fn report(&self, values: impl IntoIterator<Item = Reading>, alarms: impl IntoIterator<Item = Alarm>) {
        let mut state = self.lock();
        state.seq += 1;
        let seq = state.seq;
        for value in values {
            state.values.set(seq, value.datastream, value);
        }
        let mut urgent = false;
        for alarm in alarms {
            state.alarms.set(seq, alarm.id, alarm);
            urgent = true;
        }
        state.forget_cleared();
        drop(state);
        self.wake(seq, urgent);
    }

    /// Features changed: the city is at `revision` now.
    pub fn edited(&self, revision: Revision, changes: impl IntoIterator<Item = FeatureChange>) {
        let mut state = self.lock();
        state.seq += 1;
        let seq = state.seq;
        state.revision = (seq, revision);
        for change in changes {
            state.changed.push_back((seq, change));
            if state.changed.len() > MAX_CHANGED
                && let Some((dropped, _)) = state.changed.pop_front()
            {
                state.changed_from = dropped;
            }
        }
        drop(state);
        self.wake(seq, true);
    }

    /// The overlays were computed anew: their edition from here on.
    pub fn computed(&self, edition: String) {
        let mut state = self.lock();
        state.seq += 1;
        let seq = state.seq;
        state.overlays = (seq, Some(edition));
        drop(state);
        self.wake(seq, true);
    }

    /// What is newer than `seen`; `None` when that number is not ours (another run of the server): begin with [`Self::all`].
    pub fn since(&self, seen: Seq) -> Option<News> {
        let state = self.lock();
        if seen < state.first || seen > state.seq {
            return None;
        }
        let edited = state.revision.0 > seen;
        let changed = state.changed.iter().rev().take_while(|(seq, _)| *seq > seen).map(|(_, change)| *change);
        Some(News {
            seq: state.seq,
            values: state.values.after(seen).copied().collect(),
            alarms: state.alarms.after(seen).cloned().collect(),
            severities: state.severities(),
            revision: edited.then_some(state.revision.1),
            changed: changed.collect::<Vec<_>>().into_iter().rev().collect(),
            changed_more: edited && state.changed_from > seen,
            overlays: state.overlays.1.clone().filter(|_| state.overlays.0 > seen),
        })
    }

    /// Everything, for one who has seen nothing: all values, the alarms that are on, the overlays' edition.
    pub fn all(&self) -> News {
        let state = self.lock();
        let mut alarms: Vec<Alarm> = state.alarms.things.values().map(|(_, alarm)| alarm.clone()).collect();
        alarms.retain(|alarm| alarm.phase() != AlarmPhase::Cleared);
        alarms.sort_by_key(|alarm| std::cmp::Reverse((alarm.rule.severity, alarm.since)));
        let mut values: Vec<Reading> = state.values.things.values().map(|(_, value)| *value).collect();
        values.sort_by_key(|value| value.datastream);
        let overlays = state.overlays.1.clone();
        News { seq: state.seq, values, alarms, severities: state.severities(), overlays, ..News::default() }
    }

    /// The lock is free by now, and another thread may have woken with a later number: the numbers only rise, or who has
    /// seen the later one would sleep over what comes next.
    fn wake(&self, seq: Seq, urgent: bool) {
        let rise = |known: &mut Seq| {
            let rises = seq > *known;
            *known = seq.max(*known);
            rises
        };
        self.any.send_if_modified(rise);
        if urgent {
            self.urgent.send_if_modified(rise);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn severities(&self) -> HashMap<FeatureId, Severity> {
        let mut worst: HashMap<FeatureId, Severity> = HashMap::new();
        for (_, alarm) in self.alarms.things.values().filter(|(_, alarm)| alarm.phase() != AlarmPhase::Cleared) {
            let entry = worst.entry(alarm.rule.datastream).or_insert(alarm.rule.severity);
            *entry = alarm.rule.severity.max(*entry);
        }
        worst
    }

    fn forget_cleared(&mut self) {
        let cleared = |alarm: &Alarm| alarm.phase() == AlarmPhase::Cleared;
        let count = self.alarms.things.values().filter(|(_, alarm)| cleared(alarm)).count();
        if count <= MAX_CLEARED {
            return;
        }
        let oldest: Vec<i64> =
            self.alarms.order.keys().map(|(_, id)| *id).filter(|id| cleared(&self.alarms.things[id].1)).take(count - MAX_CLEARED).collect();
        for id in oldest {
            self.alarms.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::alarm::{AlarmRule, Direction};
    use citytwin_model::sensor::{MeasuredAt, ReceivedAt};
    use citytwin_model::{ClassNo, Timestamp};

    fn id(fid: u32) -> FeatureId {
        FeatureId::new(ClassNo(101), fid)
    }

    fn value(fid: u32, value: f64) -> Reading {
        let at = Timestamp::from_secs(0);
        Reading { datastream: id(fid), measured_at: MeasuredAt(at), received_at: ReceivedAt(at), value, simulated: true }
    }

    fn raised(number: i64) -> Alarm {
        let rule = AlarmRule { datastream: id(1), direction: Direction::Above, limit: 1.0, hysteresis: 0.0, severity: Severity::Serious };
        Alarm { id: number, rule, since: Timestamp::from_secs(0), value: 2.0, simulated: true, acknowledged: None, cleared_at: None }
    }

    fn cleared(number: i64) -> Alarm {
        Alarm { cleared_at: Some(Timestamp::from_secs(1)), ..raised(number) }
    }

    #[test]
    fn a_slow_reader_gets_the_newest_state_of_each_thing_once() {
        let hub = Hub::new(100, 1);
        for i in 0..1_000 {
            hub.report([value(1, f64::from(i)), value(2, f64::from(-i))], []);
        }
        let news = hub.since(100).unwrap();
        assert_eq!(news.values, [value(1, 999.0), value(2, -999.0)]);
        assert_eq!(news.seq, 1_100);
        assert!(hub.since(1_100).unwrap().is_empty());
        hub.report([value(2, 7.0)], []);
        assert_eq!(hub.since(1_100).unwrap().values, [value(2, 7.0)]);
    }

    #[test]
    fn a_number_of_another_run_is_not_ours() {
        let hub = Hub::new(100, 1);
        assert_eq!(hub.since(99), None);
        assert_eq!(hub.since(101), None);
        assert!(hub.since(100).is_some());
    }

    #[test]
    fn an_alarm_wakes_at_once_and_its_end_is_told() {
        let hub = Hub::new(0, 1);
        let before = *hub.urgent.borrow();
        hub.report([value(1, 1.0)], []);
        assert_eq!(*hub.urgent.borrow(), before);
        hub.report([value(1, 2.0)], [raised(7)]);
        assert!(*hub.urgent.borrow() > before);
        let seen = hub.since(0).unwrap().seq;
        assert_eq!(hub.all().alarms, [raised(7)]);
        hub.report([], [cleared(7)]);
        assert_eq!(hub.since(seen).unwrap().alarms, [cleared(7)]);
        assert!(hub.all().alarms.is_empty());
    }

    #[test]
    fn two_writers_that_wake_in_the_wrong_order_leave_the_later_number() {
        let hub = Hub::new(0, 1);
        hub.wake(11, true);
        hub.wake(10, true);
        assert_eq!((*hub.any.borrow(), *hub.urgent.borrow()), (11, 11));
    }

    #[test]
    fn new_results_of_analyses_are_told_at_once_and_to_who_comes_later() {
        let hub = Hub::new(0, 1);
        assert_eq!(hub.all().overlays, None);
        let before = *hub.urgent.borrow();
        hub.computed("7-2026".into());
        assert!(*hub.urgent.borrow() > before);
        let news = hub.since(0).unwrap();
        assert!(!news.is_empty() && news.overlays.as_deref() == Some("7-2026"));
        assert_eq!(hub.since(news.seq).unwrap().overlays, None, "once is enough");
        assert_eq!(hub.all().overlays.as_deref(), Some("7-2026"));
    }

    #[test]
    fn cleared_alarms_and_changed_features_are_bounded() {
        let hub = Hub::new(0, 1);
        for i in 0..MAX_CLEARED as i64 + 50 {
            hub.report([], [cleared(i)]);
        }
        hub.report([], [raised(9_999_999)]);
        assert_eq!(hub.since(0).unwrap().alarms.len(), MAX_CLEARED + 1);
        let change = |fid| FeatureChange { id: id(fid), bounds: None };
        let seen = hub.since(0).unwrap().seq;
        hub.edited(2, (1..=10).map(change));
        let news = hub.since(seen).unwrap();
        assert_eq!((news.revision, news.changed.len(), news.changed_more), (Some(2), 10, false));
        hub.edited(3, (1..=MAX_CHANGED as u32).map(change));
        let late = hub.since(seen).unwrap();
        assert!(late.changed_more && late.changed.len() <= MAX_CHANGED && late.revision == Some(3));
        // One edit larger than the list is not listed whole either.
        hub.edited(4, (1..=MAX_CHANGED as u32 + 1).map(change));
        assert!(hub.since(news.seq).unwrap().changed_more);
    }
}
