//! Loads in adversity: two at once, a lock that lasts, a disk that fills up.

use super::loading::{codes, info, load, record};
use super::*;
use crate::{Counts, LoadState, StoreError, verify};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn two_loads_at_once_take_turns_and_both_come_in_whole() {
    let (dir, store) = new_city();
    let start = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for source in ["north", "south"] {
            let (dir, start) = (&dir, &start);
            scope.spawn(move || {
                // As another process would: with a store of its own.
                let store = reopen(dir);
                start.wait();
                assert_eq!(load(&store, info(source), codes(8000)).0, Counts { added: 8000, ..Counts::default() });
            });
        }
    });
    assert_eq!(all(&store).len(), 16_000);
    assert!(store.complete_indexes().unwrap().is_empty(), "the second to end has packed the index");
    assert_eq!(verify(dir.path()).unwrap(), []);
    let ranges: Vec<_> = store.loads().unwrap().iter().map(|l| l.revisions.unwrap()).collect();
    assert!(ranges[0].0 < ranges[1].1 && ranges[1].0 < ranges[0].1, "one after the other: {ranges:?}");
}

#[test]
fn a_lock_that_lasts_is_told_and_waited_for() {
    let (dir, store) = new_city();
    let mut waiting = store.begin_load(info("hydrants")).unwrap();
    let (told, heard) = mpsc::channel();
    waiting.on_wait(move |waited| {
        let _ = told.send(waited);
        true
    });
    for record in codes(10) {
        waiting.add(record).unwrap();
    }
    let session = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
    session.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let finish = scope.spawn(|| waiting.finish().unwrap());
        let waited = heard.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(waited >= Duration::from_secs(4), "{waited:?}");
        assert!(!finish.is_finished());
        session.execute_batch("COMMIT").unwrap();
        assert_eq!(finish.join().unwrap().counts.added, 10);
    });
    // Who has enough of waiting says so.
    let mut impatient = store.begin_load(info("more")).unwrap();
    impatient.on_wait(|_| false);
    impatient.add(record(1, HYDRANT, "X".into(), 1)).unwrap();
    session.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(impatient.land(), Err(StoreError::Busy)));
    session.execute_batch("COMMIT").unwrap();
    drop(impatient);
    assert_eq!(store.loads().unwrap()[0].state, LoadState::BrokenOff);
}

/// A small disk of its own, for as long as it lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(at: &Path, megabytes: u32) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    fn grow(&self, megabytes: u32) {
        let grown = Command::new("mount").args(["-o", &format!("remount,size={megabytes}m")]).arg(&self.0).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_fills_up_leaves_whole_revisions_and_the_load_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::new(folder.path(), 6) else {
        return println!("skipped: mounting a small disk needs root");
    };
    let dir = folder.path().join("city");
    let store = Store::create(&dir, &config(), &classes()).unwrap();
    let mut broken = store.begin_load(info("hydrants")).unwrap();
    let stopped = codes(60_000).into_iter().map(|record| broken.add(record)).find_map(Result::err);
    match stopped {
        Some(StoreError::DiskFull) => {}
        other => panic!("{other:?}"),
    }
    let landed = broken.counts().added;
    drop(broken);
    assert!(landed > 1000, "{landed}");
    assert_eq!(all(&store).len() as u64, landed, "whole links only");
    assert!(matches!(store.write("a", "api", &vec![hydrant("X", 1); 3000]), Err(StoreError::DiskFull)));
    assert_eq!(store.loads().unwrap()[0].state, LoadState::BrokenOff);
    assert!(verify(&dir).unwrap().iter().all(|finding| finding.key == "aside"), "{:?}", verify(&dir).unwrap());
    disk.grow(80);
    let counts = load(&store, info("hydrants"), codes(60_000)).0;
    assert_eq!((counts.unchanged, counts.added), (landed, 60_000 - landed));
    assert_eq!(verify(&dir).unwrap(), []);
    drop(store);
}

/// A journal beside the file, of a program that was killed while it wrote without a log: as when a city that was just made
/// changes over to its log.
#[test]
fn what_a_killed_program_left_half_written_is_no_damage() {
    const KILLED: &str = "import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
assert db.execute('PRAGMA journal_mode=DELETE').fetchone() == ('delete',)
db.execute('PRAGMA cache_size=1')
db.execute('BEGIN')
db.execute('CREATE TABLE half (x)')
for i in range(200): db.execute('INSERT INTO half VALUES (randomblob(4000))')
os.kill(os.getpid(), 9)";
    let (dir, store) = new_city();
    let revision = store.head().unwrap();
    drop(store);
    let file = dir.path().join(crate::STORE_FILE);
    let killed = Command::new("python3").args(["-c", KILLED]).arg(&file).output().expect("python3 runs");
    assert!(!killed.status.success() && killed.stderr.is_empty(), "{}", String::from_utf8_lossy(&killed.stderr));
    assert!(std::fs::metadata(dir.path().join("city.gpkg-journal")).unwrap().len() > 512, "nothing was left half written");
    assert_eq!(verify(dir.path()).unwrap(), []);
    assert_eq!(crate::revision_of(dir.path()).unwrap(), Some(revision));
    assert_eq!(reopen(&dir).head().unwrap(), revision);
}
