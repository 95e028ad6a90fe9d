//! Writes until it is killed, and prints each promise that it was given.
//!
//!     citytwin-faults-child DIR plain|drop|torn full|off SEED none|operation:N|load:N|packing:N|undo:N|commit:N [loads]
//!
//! With `loads` it does nothing but load a data set large enough to set the spatial index aside, and take it back.

use citytwin_faults::layer::{self, Mode, Trap};
use citytwin_faults::scene::{self, HYDRANT, RECORDS, STREAMS, attributes, place, reading, rules, second, secs_of, stream};
use citytwin_live::{AlarmPhase, Live, LiveError};
use citytwin_model::{Feature, Timestamp};
use citytwin_store::{Edit, LoadInfo, Record, Store, StoreError, gpkg};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Calls before it ends by itself.
const CALLS: u32 = 60;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let dir = Path::new(&args[1]);
    let seed: u64 = args[4].parse().expect("a seed");
    let trap = match args[5].split_once(':').map(|(what, n)| (what, n.parse().expect("a number"))) {
        None => Trap::None,
        Some(("operation", n)) => Trap::Operation(n),
        Some(("commit", n)) => Trap::Commit(n),
        Some(("load", n)) => Trap::Within("load", n),
        Some(("packing", n)) => Trap::Within("packing", n),
        Some(("undo", n)) => Trap::Within("undo", n),
        Some((other, _)) => panic!("{other} is no trap"),
    };
    let mode = match args[2].as_str() {
        "plain" => Mode::Plain,
        "drop" => Mode::Drop,
        "torn" => Mode::Torn { seed },
        other => panic!("{other} is no mode"),
    };
    layer::install(mode, trap);
    say("opening");
    if args.get(6).is_some_and(|what| what == "loads") {
        return load_and_undo(dir);
    }
    let store = Store::open(dir, &scene::classes()).expect("the city opens");
    let mut live = open_live(dir);
    live.sync_rules(&rules(), second(0)).expect("rules");
    let outside = rusqlite::Connection::open(dir.join("city.gpkg")).expect("another program opens it too");
    gpkg::register_functions(&outside).expect("functions");
    outside.pragma_update(None, "synchronous", "FULL").expect("pragma");
    if args[3] == "off" {
        store.without_sync_for_fault_tests().expect("pragma");
        live.without_sync_for_fault_tests().expect("pragma");
        outside.pragma_update(None, "synchronous", "OFF").expect("pragma");
    }
    let number = scene::highest_number(dir);
    say("open");
    let mut child = Child { store, live, outside, number, random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 };
    for _ in 0..CALLS {
        child.call();
        say("idle");
        std::thread::sleep(Duration::from_millis(u64::from(child.random(3) == 0)));
    }
    drop(child);
    say("end");
}

/// A first load, its packing, its undo, again and again.
fn load_and_undo(dir: &Path) {
    let store = Store::open(dir, &scene::classes()).expect("the city opens");
    say("open");
    for _ in 0..3 {
        begin("load");
        let mut load = store.begin_load(scene::survey()).expect("the load begins");
        for record in scene::survey_records() {
            load.add(record).expect("adding");
        }
        while !load.is_landed() {
            load.land().expect("landing");
        }
        begin("packing");
        let id = load.finish().expect("finishing").id;
        say("idle");
        begin("undo");
        store.undo_load(id, false, "child", |_| true).expect("undoing");
        say("idle");
    }
    say("end");
}

/// The test checked the readings' store a moment ago in its own process. A child that another of its threads was just
/// starting may hold a copy of that lock until it has become its own program.
fn open_live(dir: &Path) -> Live {
    let begin = Instant::now();
    loop {
        match Live::open(dir) {
            Err(LiveError::InUse) if begin.elapsed() < Duration::from_secs(10) => std::thread::sleep(Duration::from_millis(5)),
            opened => return opened.expect("the readings' store opens"),
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("the test listens");
}

fn begin(what: &str) {
    layer::mark(what);
    say(&format!("begin {what}"));
}

struct Child {
    store: Store,
    live: Live,
    outside: rusqlite::Connection,
    number: i64,
    random: u64,
}

impl Child {
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn next_number(&mut self) -> i64 {
        self.number += 1;
        self.number
    }

    fn some_hydrant(&mut self) -> Option<Feature> {
        let mut all = Vec::new();
        self.store.read_class(HYDRANT, &mut |feature| all.push(feature)).expect("reading");
        all.retain(|f| f.attributes[0].as_text().is_some_and(|code| code.starts_with("H-")));
        if all.is_empty() { None } else { Some(all.swap_remove(self.random(all.len() as u64) as usize)) }
    }

    fn call(&mut self) {
        match self.random(16) {
            0..=3 => self.create(),
            4 | 5 => self.replace(),
            6 => self.delete(),
            7 | 8 => self.edit_from_outside(),
            9 if self.random(2) == 0 => self.load(),
            10 if self.random(2) == 0 => self.checkpoint(),
            14 => self.acknowledge(),
            _ => self.report(),
        }
    }

    fn create(&mut self) {
        let numbers: Vec<i64> = (0..=self.random(40)).map(|_| self.next_number()).collect();
        let edits: Vec<Edit> = numbers
            .iter()
            .map(|&n| Edit::Create { class: HYDRANT, geometry: place(n as u64), attributes: attributes(&format!("H-{n}"), n), other: None })
            .collect();
        begin("write");
        let written = self.store.write("child", "test", &edits).expect("writing");
        for (id, n) in written.ids.iter().zip(numbers) {
            say(&format!("version {} {n}", id.fid));
        }
    }

    fn replace(&mut self) {
        let (Some(feature), n) = (self.some_hydrant(), self.next_number()) else { return };
        let mut attributes = feature.attributes.clone();
        attributes[1] = n.into();
        let edit = Edit::Replace { id: feature.id, if_match: Some(feature.revision), geometry: place(n as u64), attributes, other: None };
        begin("write");
        match self.store.write("child", "test", &[edit]) {
            Ok(_) => say(&format!("version {} {n}", feature.id.fid)),
            // An edit from outside was waiting to be sealed, and was sealed first.
            Err(StoreError::Conflict { .. }) => {}
            Err(e) => panic!("writing: {e}"),
        }
    }

    fn delete(&mut self) {
        let Some(feature) = self.some_hydrant() else { return };
        begin("write");
        self.store.write("child", "test", &[Edit::Delete { id: feature.id, if_match: None }]).expect("writing");
        say(&format!("deleted {}", feature.id.fid));
    }

    /// What QGIS does: a row changed past the server, which makes a revision of it later.
    fn edit_from_outside(&mut self) {
        let (Some(feature), n) = (self.some_hydrant(), self.next_number()) else { return };
        begin("outside");
        self.outside.execute("UPDATE hydrant SET dn=?1 WHERE fid=?2", (n, feature.id.fid)).expect("the other program writes");
        say(&format!("version {} {n}", feature.id.fid));
        if self.random(2) == 0 {
            begin("seal");
            // Two looks a second apart: the second finds it quiet.
            for secs in 0..2 {
                self.store.poll_outside(Timestamp::from_secs(secs)).expect("polling");
            }
        }
        // Otherwise the next write, or the next opening, seals it.
    }

    fn load(&mut self) {
        let n = self.next_number();
        begin("load");
        let info = LoadInfo { source: "survey".into(), file: "survey.gpkg".into(), author: "child".into(), ..LoadInfo::default() };
        let mut load = self.store.begin_load(info).expect("the load begins");
        for i in 1..=RECORDS {
            let attributes = attributes(&format!("L-{i}"), n);
            let record = Record { number: i, class: HYDRANT, geometry: place(i), attributes, other: None, source_id: None };
            load.add(record).expect("adding");
            if i % 20 == 0 {
                load.land().expect("landing");
            }
        }
        let summary = load.finish().expect("finishing");
        assert_eq!(summary.counts.added + summary.counts.changed, RECORDS, "{summary:?}");
        say(&format!("loaded {n}"));
    }

    /// New readings, and some that were sent before: a client that got no answer sends again.
    fn report(&mut self) {
        let mut batch = Vec::new();
        let mut new = 0;
        for fid in STREAMS {
            let last = self.live.latest_of(stream(fid)).map_or(0, |r| secs_of(r.measured_at));
            let count = self.random(5) as i64;
            batch.extend((last - 3..=last + count).filter(|secs| *secs > 0).map(|secs| reading(fid, secs)));
            new += count;
        }
        begin("readings");
        let done = self.live.commit(&batch).expect("committing");
        assert_eq!(done.accepted as i64, new, "only what is new is taken");
        for r in &batch {
            say(&format!("reading {} {}", r.datastream.fid, secs_of(r.measured_at)));
        }
        for alarm in &done.alarms {
            say(&format!("alarm {} {}", alarm.id, phase(alarm.phase())));
        }
    }

    /// SQLite does so by itself when a log is long; backup does it too.
    fn checkpoint(&mut self) {
        begin("checkpoint");
        let kind = if self.random(2) == 0 { "PASSIVE" } else { "TRUNCATE" };
        self.outside.query_row(&format!("PRAGMA wal_checkpoint({kind})"), [], |_| Ok(())).expect("a checkpoint");
    }

    fn acknowledge(&mut self) {
        let Some(alarm) = self.live.alarms().into_iter().find(|alarm| alarm.acknowledged.is_none()) else { return };
        begin("acknowledge");
        self.live.acknowledge(alarm.id, "dispatcher", second(0)).expect("acknowledging");
        say(&format!("alarm {} acknowledged", alarm.id));
    }
}

fn phase(phase: AlarmPhase) -> &'static str {
    match phase {
        AlarmPhase::Raised => "raised",
        AlarmPhase::Acknowledged => "acknowledged",
        AlarmPhase::Cleared => "cleared",
    }
}
