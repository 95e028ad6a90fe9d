//! The small city that the child writes and the test compares: hydrants, and three datastreams with alarm limits.

use citytwin_live::{AlarmPhase, Happening, Live, step};
use citytwin_model::alarm::{AlarmRule, AlarmState, Direction, Severity};
use citytwin_model::class::{Form, Label, Symbol};
use citytwin_model::sensor::{MeasuredAt, Reading, ReceivedAt};
use citytwin_model::{Attribute, AttributeType, Class, ClassNo, Domain, FeatureId, Fid, Geometry, GeometryKind, Kept, LonLat};
use citytwin_model::{Position, Shape, Timestamp, Value};
use citytwin_store::{CityConfig, LoadInfo, Record, Store};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

pub const HYDRANT: ClassNo = ClassNo(80);
pub const STREAMS: [u32; 3] = [1, 2, 3];
/// Records of the data set that the child loads again and again.
pub const RECORDS: u64 = 60;

pub fn classes() -> Vec<Arc<Class>> {
    let attribute = |id: &str, ty| Attribute {
        id: id.into(),
        label: Label::new(id, id),
        ty,
        unit: None,
        required: false,
        range: None,
        in_tiles: false,
    };
    vec![Arc::new(Class {
        no: HYDRANT,
        id: "hydrant".into(),
        label: Label::new("消火栓", "hydrant"),
        domain: Domain::Fire,
        geometry: GeometryKind::Point,
        network: false,
        kept: Kept::City,
        codes: vec![],
        attributes: vec![attribute("code", AttributeType::Text), attribute("dn", AttributeType::Int)],
        symbol: Symbol { colour: [200, 0, 0], icon: None, min_zoom: 12 },
        form: Form::None,
        group: None,
        observed: vec![],
    })]
}

pub fn create(dir: &Path) {
    Store::create(dir, &CityConfig::new("演练市", LonLat { lon: 116.0, lat: 30.0 }), &classes()).expect("an empty folder takes a city");
}

pub fn place(n: u64) -> Option<Geometry> {
    Some(Geometry::with_z(Shape::Point(Position::new(116.0 + n as f64 * 1e-5, 30.0, 1.0))))
}

pub fn stream(fid: Fid) -> FeatureId {
    FeatureId::new(ClassNo(101), fid)
}

pub fn rules() -> Vec<AlarmRule> {
    let rule = |fid, direction| AlarmRule { datastream: stream(fid), direction, limit: 10.0, hysteresis: 2.0, severity: Severity::Serious };
    vec![rule(1, Direction::Above), rule(2, Direction::Below), rule(3, Direction::Above), rule(3, Direction::Below)]
}

pub fn second(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

pub fn secs_of(at: MeasuredAt) -> i64 {
    at.0.micros() / 1_000_000 - 1_795_000_000
}

/// The reading of a datastream at a second is always the same, so that sending it again is sending it again.
pub fn reading(fid: Fid, secs: i64) -> Reading {
    let mixed = (secs as u64 ^ u64::from(fid) << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let value = (mixed >> 40) as f64 / f64::from(1 << 24) * 20.0;
    Reading {
        datastream: stream(fid),
        measured_at: MeasuredAt(second(secs)),
        received_at: ReceivedAt(second(secs)),
        value,
        simulated: true,
    }
}

/// What the child was promised before it was killed.
#[derive(Default)]
pub struct Promised {
    /// (fid, dn): a version with this number. Numbers are given once.
    pub versions: BTreeSet<(Fid, i64)>,
    pub deleted: BTreeSet<Fid>,
    /// The number that the last load promised to have given to all its records.
    pub loaded: Option<i64>,
    pub readings: BTreeSet<(Fid, i64)>,
    /// Alarm → (phase's rank, who acknowledged).
    pub alarms: BTreeMap<i64, AlarmPhase>,
}

impl Promised {
    /// Takes in a line of the child's.
    pub fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| words[i].parse::<i64>().expect("the child writes numbers");
        match words[0] {
            "version" => {
                self.versions.insert((number(1) as Fid, number(2)));
            }
            "deleted" => {
                self.deleted.insert(number(1) as Fid);
            }
            "loaded" => self.loaded = Some(number(1)),
            "reading" => {
                self.readings.insert((number(1) as Fid, number(2)));
            }
            "alarm" => {
                let phase = match words[2] {
                    "raised" => AlarmPhase::Raised,
                    "acknowledged" => AlarmPhase::Acknowledged,
                    _ => AlarmPhase::Cleared,
                };
                self.alarms.insert(number(1), phase);
            }
            _ => {}
        }
    }

    pub fn len(&self) -> usize {
        self.versions.len() + self.deleted.len() + self.readings.len() + self.alarms.len() + usize::from(self.loaded.is_some())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Opens the city again and compares it with what was promised. Each line of the answer is a promise broken.
pub fn broken_promises(dir: &Path, promised: &Promised) -> Vec<String> {
    let mut broken = Vec::new();
    for file in ["city.gpkg", "live.db"] {
        let conn = rusqlite::Connection::open(dir.join(file)).expect("the file opens");
        match conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)) {
            Ok(told) if told == "ok" => {}
            other => broken.push(format!("{file} is damaged: {other:?}")),
        }
    }
    match Store::open(dir, &classes()) {
        Ok(store) => {
            compare_features(&store, promised, &mut broken);
            match citytwin_store::verify(dir) {
                Ok(findings) => broken.extend(findings.iter().filter(|f| f.key != "aside").map(|f| format!("the books: {f}"))),
                Err(e) => broken.push(format!("the books cannot be looked at: {e}")),
            }
        }
        Err(e) => broken.push(format!("the store does not open: {e}")),
    }
    match Live::open(dir) {
        Ok(mut live) => {
            if live.sync_rules(&rules(), second(0)).is_ok_and(|over| !over.is_empty()) {
                broken.push("an alarm has no rule".into());
            }
            compare_readings(&live, promised, &mut broken);
        }
        Err(e) => broken.push(format!("the readings' store does not open: {e}")),
    }
    broken
}

fn compare_features(store: &Store, promised: &Promised, broken: &mut Vec<String>) {
    let class = &store.classes()[0];
    let mut now = Vec::new();
    store.read_all(&mut |feature| now.push(feature)).expect("the city can be read");
    let mut codes = HashSet::new();
    for feature in &now {
        if !codes.insert(feature.text(class, "code").unwrap_or_default().to_owned()) {
            broken.push(format!("{:?} is there twice", feature.get(class, "code")));
        }
    }
    let fids: BTreeSet<Fid> = promised.versions.iter().map(|(fid, _)| *fid).chain(promised.deleted.iter().copied()).collect();
    for fid in fids {
        let history = store.history(FeatureId::new(HYDRANT, fid)).expect("history can be read");
        let numbers: HashSet<i64> = history.iter().filter_map(|version| version.feature.as_ref()?.get(class, "dn").as_int()).collect();
        for (_, dn) in promised.versions.range((fid, i64::MIN)..=(fid, i64::MAX)) {
            if !numbers.contains(dn) {
                broken.push(format!("hydrant {fid} never had number {dn}"));
            }
        }
        if promised.deleted.contains(&fid) && history.last().is_none_or(|version| version.feature.is_some()) {
            broken.push(format!("hydrant {fid} is not deleted"));
        }
    }
    if let Some(dn) = promised.loaded {
        let loaded = now.iter().filter(|f| f.text(class, "code").is_some_and(|code| code.starts_with("L-")));
        let count = loaded.filter(|f| f.get(class, "dn").as_int().is_some_and(|found| found >= dn)).count() as u64;
        if count != RECORDS {
            broken.push(format!("{count} of {RECORDS} loaded records are there as promised"));
        }
    }
    // The feed from the beginning leads to the same city.
    match store.delta_since(0, usize::MAX) {
        Ok(delta) if delta.changed == now => {}
        Ok(delta) => broken.push(format!("the feed leads to {} features, the city has {}", delta.changed.len(), now.len())),
        Err(e) => broken.push(format!("the feed cannot be read: {e}")),
    }
}

fn compare_readings(live: &Live, promised: &Promised, broken: &mut Vec<String>) {
    let all = |fid| live.series(stream(fid), second(-10), second(1 << 30), usize::MAX).expect("readings can be read").readings;
    let mut expected: BTreeSet<(u64, i64, bool)> = BTreeSet::new();
    let mut raised = 0;
    for fid in STREAMS {
        let readings = all(fid);
        if readings.windows(2).any(|pair| pair[0].measured_at >= pair[1].measured_at) {
            broken.push(format!("datastream {fid} has a reading twice"));
        }
        if readings.iter().any(|r| r.value != reading(fid, secs_of(r.measured_at)).value) {
            broken.push(format!("datastream {fid} has a value that was never sent"));
        }
        let there: HashSet<i64> = readings.iter().map(|r| secs_of(r.measured_at)).collect();
        for (_, secs) in promised.readings.range((fid, i64::MIN)..=(fid, i64::MAX)) {
            if !there.contains(secs) {
                broken.push(format!("datastream {fid} has lost second {secs}"));
            }
        }
        if live.latest_of(stream(fid)) != readings.last().copied() {
            broken.push(format!("datastream {fid} has another latest value than its last reading"));
        }
        // Alarms must be those that the readings on disk make, one after the other.
        for rule in rules().iter().filter(|rule| rule.datastream == stream(fid)) {
            let mut state = AlarmState::Quiet;
            for reading in &readings {
                let (next, event) = step(rule, state, reading);
                raised += usize::from(event.is_some_and(|e| e.happening == Happening::Raised));
                state = next;
            }
            if let AlarmState::Raised { since, .. } = state {
                expected.insert((rule.datastream.wire(), since.micros(), rule.direction == Direction::Above));
            }
        }
    }
    let active: BTreeSet<_> =
        live.alarms().iter().map(|a| (a.rule.datastream.wire(), a.since.micros(), a.rule.direction == Direction::Above)).collect();
    if active != expected {
        broken.push(format!("active alarms are {active:?}, the readings make {expected:?}"));
    }
    let past = live.past_alarms(usize::MAX >> 1).expect("alarms can be read");
    if past.len() != raised {
        broken.push(format!("{} alarms are on disk, the readings raised {raised}", past.len()));
    }
    let rank = |phase: AlarmPhase| match phase {
        AlarmPhase::Raised => 0,
        AlarmPhase::Acknowledged => 1,
        AlarmPhase::Cleared => 2,
    };
    for (id, phase) in &promised.alarms {
        match past.iter().find(|alarm| alarm.id == *id) {
            None => broken.push(format!("alarm {id} is lost")),
            Some(alarm) if rank(alarm.phase()) < rank(*phase) => broken.push(format!("alarm {id} was {phase:?}, is {:?}", alarm.phase())),
            Some(_) => {}
        }
    }
}

/// A data set large enough for the spatial index to be set aside.
pub fn survey() -> LoadInfo {
    LoadInfo { source: "first".into(), file: "first.gpkg".into(), author: "child".into(), ..LoadInfo::default() }
}

pub fn survey_records() -> impl Iterator<Item = Record> {
    (1..=6000).map(|n| Record {
        number: n,
        class: HYDRANT,
        geometry: place(n),
        attributes: attributes(&format!("F-{n}"), n as i64),
        other: None,
        source_id: None,
    })
}

/// The highest number that any hydrant ever had.
pub fn highest_number(dir: &Path) -> i64 {
    let conn = rusqlite::Connection::open(dir.join("city.gpkg")).expect("the file opens");
    conn.query_row("SELECT max(coalesce((SELECT max(dn) FROM hydrant), 0), coalesce((SELECT max(dn) FROM h_hydrant), 0))", [], |row| {
        row.get(0)
    })
    .expect("the table is there")
}

pub fn attributes(code: &str, dn: i64) -> Vec<Value> {
    vec![code.into(), dn.into()]
}
