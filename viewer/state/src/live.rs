//! What the sensors say now: the `/live` socket's messages, merged.
//!
//! The socket sends a hello, then a snapshot, then deltas with rising numbers; a slow reader gets the newest state
//! instead of every step. Merging is therefore by key and newest wins; a message seen twice changes nothing.

use citytwin_model::FeatureId;
use citytwin_model::alarm::Severity;
use citytwin_wire::live::{Alarm, Changed, FromServer, LiveValue, PROTOCOL, parse_severity};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Blue, yellow, orange, red: the four levels as Chinese public warnings are coloured. A word not known is taken as
/// the worst: better one red too many.
pub fn severity_colour(word: &str) -> [u8; 3] {
    match parse_severity(word).unwrap_or(Severity::Critical) {
        Severity::Notice => [0x2F, 0x7D, 0xE1],
        Severity::Warning => [0xF2, 0xC0, 0x1E],
        Severity::Serious => [0xF0, 0x7F, 0x13],
        Severity::Critical => [0xE5, 0x1C, 0x23],
    }
}

pub fn is_raised(alarm: &Alarm) -> bool {
    alarm.state == "raised"
}

pub fn host_of(alarm: &Alarm) -> Option<FeatureId> {
    alarm.id_host.and_then(FeatureId::from_wire)
}

/// What a message changed, for whoever draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Touched {
    /// Hosts whose values or alarms moved.
    pub hosts: BTreeSet<FeatureId>,
    /// Features that were edited: their tiles are stale.
    pub changed: Vec<Changed>,
    /// More changed than is listed.
    pub changed_more: bool,
    /// The overlays were computed anew: what is shown of them is to be asked for again.
    pub new_results: bool,
    /// Alarms that were not there before.
    pub raised: Vec<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Live {
    seq: Option<u64>,
    /// Edits were made while nobody was connected.
    missed: bool,
    pub revision: u64,
    pub simulated: bool,
    values: BTreeMap<String, LiveValue>,
    by_host: HashMap<FeatureId, BTreeSet<String>>,
    alarms: BTreeMap<i64, Alarm>,
    overlays: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("not a message of {PROTOCOL}: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the server speaks {0}, this viewer {PROTOCOL}; reload the page or update the viewer")]
    Protocol(String),
    #[error("the server did not take the subscription ({code}): {detail}")]
    Refused { code: String, detail: String },
}

impl Live {
    /// The number to resume from after a break.
    pub fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// Which computation the overlays' values come from; another one than before means that they are to be asked for again.
    pub fn overlays_edition(&self) -> Option<&str> {
        self.overlays.as_deref()
    }

    pub fn receive(&mut self, text: &str) -> Result<Touched, LiveError> {
        Ok(match serde_json::from_str(text)? {
            FromServer::Hello { protocol, .. } if protocol != PROTOCOL => return Err(LiveError::Protocol(protocol)),
            FromServer::Hello { revision, simulated, .. } => {
                self.missed |= self.seq.is_some() && revision > self.revision;
                self.revision = self.revision.max(revision);
                self.simulated = simulated;
                Touched::default()
            }
            // A snapshot is all there is: what it does not name is gone.
            FromServer::Snapshot { seq, values, alarms, overlays } => {
                self.seq = Some(seq);
                let mut touched = Touched {
                    hosts: self.by_host.keys().copied().collect(),
                    // The snapshot says nothing of edits, the hello before it only that there were some.
                    changed_more: std::mem::take(&mut self.missed),
                    new_results: self.compute_anew(overlays),
                    ..Touched::default()
                };
                touched.hosts.extend(self.alarms.values().filter_map(host_of));
                let known: BTreeSet<i64> = std::mem::take(&mut self.alarms).into_keys().collect();
                self.values.clear();
                self.by_host.clear();
                self.merge(values, alarms, &mut touched);
                touched.raised.retain(|id| !known.contains(id));
                touched
            }
            FromServer::Delta { seq, .. } if self.seq.is_some_and(|seen| seq <= seen) => Touched::default(),
            FromServer::Delta { seq, values, alarms, revision, changed, changed_more, overlays } => {
                self.seq = Some(seq);
                // It resumes from where the break was, and names what was edited since.
                self.missed = false;
                self.revision = self.revision.max(revision.unwrap_or(0));
                let mut touched = Touched { changed, changed_more, new_results: self.compute_anew(overlays), ..Touched::default() };
                self.merge(values, alarms, &mut touched);
                touched
            }
            FromServer::Refused { code, detail } => return Err(LiveError::Refused { code, detail }),
        })
    }

    /// Takes in which edition a message names: is it another than was shown? A server that has just started has none yet;
    /// what is shown stays until it has.
    fn compute_anew(&mut self, named: Option<String>) -> bool {
        let Some(named) = named else { return false };
        self.overlays.replace(named.clone()).is_some_and(|before| before != named)
    }

    fn merge(&mut self, values: Vec<LiveValue>, alarms: Vec<Alarm>, touched: &mut Touched) {
        for value in values {
            let Some(host) = value.id.and_then(FeatureId::from_wire) else { continue };
            // RFC 3339 in UTC with a Z sorts as text. A late one never replaces a newer one.
            if self.values.get(&value.datastream).is_some_and(|had| had.measured_at > value.measured_at) {
                continue;
            }
            touched.hosts.insert(host);
            self.by_host.entry(host).or_default().insert(value.datastream.clone());
            self.values.insert(value.datastream.clone(), value);
        }
        for alarm in alarms {
            touched.hosts.extend(host_of(&alarm));
            if alarm.state == "cleared" {
                self.alarms.remove(&alarm.id);
            } else {
                if !self.alarms.contains_key(&alarm.id) {
                    touched.raised.push(alarm.id);
                }
                self.alarms.insert(alarm.id, alarm);
            }
        }
    }

    pub fn values_of(&self, host: FeatureId) -> impl Iterator<Item = &LiveValue> {
        self.by_host.get(&host).into_iter().flatten().filter_map(|key| self.values.get(key))
    }

    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// Worst first, then the older one: who waits longest is handled first.
    pub fn alarms(&self) -> Vec<&Alarm> {
        let mut all: Vec<&Alarm> = self.alarms.values().collect();
        all.sort_by(|a, b| {
            let rank = |alarm: &Alarm| (!is_raised(alarm), std::cmp::Reverse(parse_severity(&alarm.severity)));
            rank(a).cmp(&rank(b)).then(a.since.cmp(&b.since)).then(a.id.cmp(&b.id))
        });
        all
    }

    /// The worst alarm of a host.
    pub fn alarm_of(&self, host: FeatureId) -> Option<&Alarm> {
        self.alarms().into_iter().find(|alarm| host_of(alarm) == Some(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::ClassNo;

    const HYDRANT: FeatureId = FeatureId { class: ClassNo(80), fid: 12 };

    fn value(stream: &str, value: f64, at: &str) -> String {
        format!(
            r#"{{"datastream":"{stream}","id":{},"host":null,"sensor":null,"property":"pressure","label":{{"zh":"压力","en":"Pressure"}},"value":{value},"unit":"kPa","measured_at":"{at}","simulated":true,"position":null,"alarm":null}}"#,
            HYDRANT.wire()
        )
    }

    fn alarm(id: u64, severity: &str, state: &str, since: &str) -> String {
        format!(
            r#"{{"id":{id},"datastream":"P-1","id_host":{},"host":null,"severity":"{severity}","state":"{state}","since":"{since}","limit":100,"direction":"below","value":90,"unit":"kPa","position":null,"simulated":true,"label":{{"zh":"压力过低","en":"Low pressure"}}}}"#,
            HYDRANT.wire()
        )
    }

    fn delta(seq: u64, values: &[String], alarms: &[String]) -> String {
        format!(r#"{{"type":"delta","seq":{seq},"values":[{}],"alarms":[{}]}}"#, values.join(","), alarms.join(","))
    }

    fn live() -> Live {
        let mut live = Live::default();
        live.receive(r#"{"type":"hello","protocol":"citytwin.live.v1","revision":9,"simulated":true}"#).unwrap();
        live.receive(&format!(r#"{{"type":"snapshot","seq":5,"values":[{}],"alarms":[]}}"#, value("P-1", 250.0, "2026-11-21T08:00:00Z")))
            .unwrap();
        live
    }

    fn read(live: &Live) -> Vec<f64> {
        live.values_of(HYDRANT).map(|v| v.value).collect()
    }

    #[test]
    fn a_delta_moves_its_host_and_a_repeated_one_does_not() {
        let mut live = live();
        assert!(live.simulated && live.revision == 9);
        let text = delta(6, &[value("P-1", 90.0, "2026-11-21T08:00:05Z")], &[]);
        assert_eq!(live.receive(&text).unwrap().hosts, BTreeSet::from([HYDRANT]));
        assert_eq!(live.receive(&text).unwrap(), Touched::default());
        assert_eq!(read(&live), [90.0]);
    }

    #[test]
    fn a_late_value_never_replaces_a_newer_one() {
        let mut live = live();
        live.receive(&delta(6, &[value("P-1", 1.0, "2026-11-21T07:00:00Z")], &[])).unwrap();
        assert_eq!(read(&live), [250.0]);
    }

    #[test]
    fn an_alarm_is_raised_once_acknowledged_and_cleared() {
        let mut live = live();
        let raised = live.receive(&delta(6, &[], &[alarm(7, "critical", "raised", "t")])).unwrap();
        assert_eq!(raised.raised, [7]);
        let acknowledged = live.receive(&delta(7, &[], &[alarm(7, "critical", "acknowledged", "t")])).unwrap();
        assert!(acknowledged.raised.is_empty() && acknowledged.hosts.contains(&HYDRANT));
        assert_eq!(live.alarm_of(HYDRANT).map(|a| a.state.clone()), Some("acknowledged".to_owned()));
        live.receive(&delta(8, &[], &[alarm(7, "critical", "cleared", "t")])).unwrap();
        assert!(live.alarms().is_empty());
    }

    #[test]
    fn a_snapshot_after_a_break_forgets_what_it_does_not_name() {
        let mut live = live();
        live.receive(&delta(6, &[value("P-2", 3.0, "2026-11-21T08:00:00Z")], &[alarm(7, "warning", "raised", "t")])).unwrap();
        let touched = live
            .receive(&format!(r#"{{"type":"snapshot","seq":2,"values":[],"alarms":[{}]}}"#, alarm(8, "notice", "raised", "t")))
            .unwrap();
        assert!(touched.hosts.contains(&HYDRANT), "what vanished is to be redrawn");
        assert_eq!(touched.raised, [8]);
        assert_eq!((live.value_count(), live.alarms().len(), live.seq()), (0, 1, Some(2)));
    }

    #[test]
    fn the_overlays_edition_is_that_of_the_newest_message_that_names_one() {
        let mut live = live();
        assert_eq!(live.overlays_edition(), None);
        live.receive(r#"{"type":"delta","seq":6,"overlays":"9-2026"}"#).unwrap();
        live.receive(&delta(7, &[value("P-1", 90.0, "2026-11-21T08:00:05Z")], &[])).unwrap();
        assert_eq!(live.overlays_edition(), Some("9-2026"));
        live.receive(r#"{"type":"delta","seq":7,"overlays":"10-2026"}"#).unwrap();
        assert_eq!(live.overlays_edition(), Some("9-2026"), "a repeated message says nothing new");
        live.receive(r#"{"type":"snapshot","seq":2,"values":[],"alarms":[],"overlays":"11-2026"}"#).unwrap();
        assert_eq!(live.overlays_edition(), Some("11-2026"));
    }

    #[test]
    fn results_are_asked_for_again_only_when_they_are_others() {
        let mut live = live();
        let mut says = |text: &str| live.receive(text).unwrap().new_results;
        assert!(!says(r#"{"type":"delta","seq":6,"overlays":"9-2026"}"#), "the first are asked for anyway");
        assert!(!says(r#"{"type":"delta","seq":7,"overlays":"9-2026"}"#));
        assert!(says(r#"{"type":"delta","seq":8,"overlays":"10-2026"}"#));
        assert!(!says(r#"{"type":"snapshot","seq":2,"values":[],"alarms":[]}"#));
        assert!(says(r#"{"type":"snapshot","seq":2,"values":[],"alarms":[],"overlays":"11-2026"}"#));
    }

    #[test]
    fn edits_made_while_the_server_was_away_make_every_tile_stale_once() {
        let mut live = live();
        let hello = |revision| format!(r#"{{"type":"hello","protocol":"{PROTOCOL}","revision":{revision},"simulated":false}}"#);
        const SNAPSHOT: &str = r#"{"type":"snapshot","seq":2,"values":[],"alarms":[]}"#;
        let known = live.revision;
        live.receive(&hello(known)).unwrap();
        assert!(!live.receive(SNAPSHOT).unwrap().changed_more, "nothing was edited");
        live.receive(&hello(known + 1)).unwrap();
        assert!(live.receive(SNAPSHOT).unwrap().changed_more);
        assert!(!live.receive(SNAPSHOT).unwrap().changed_more);
    }

    #[test]
    fn the_worst_open_alarm_comes_first() {
        let mut live = live();
        let all = [
            alarm(1, "notice", "raised", "a"),
            alarm(2, "critical", "acknowledged", "a"),
            alarm(3, "serious", "raised", "b"),
            alarm(4, "serious", "raised", "a"),
        ];
        live.receive(&delta(6, &[], &all)).unwrap();
        assert_eq!(live.alarms().iter().map(|a| a.id).collect::<Vec<_>>(), [4, 3, 1, 2]);
    }

    #[test]
    fn strange_messages_are_refused_and_change_nothing() {
        let mut live = live();
        for bad in ["", "[]", "{}", r#"{"type":"delta"}"#, r#"{"type":"hello","protocol":"citytwin.live.v9"}"#] {
            assert!(live.receive(bad).is_err(), "{bad}");
        }
        assert!(live.receive(r#"{"type":"refused","code":"box","detail":"no box"}"#).unwrap_err().to_string().contains("no box"));
        assert_eq!(live.receive(&delta(6, &[value("P", 1.0, "t").replace(&HYDRANT.wire().to_string(), "7")], &[])).unwrap().hosts.len(), 0);
        assert_eq!(read(&live), [250.0]);
    }
}
