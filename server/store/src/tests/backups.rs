//! Backups of a city in use, what verifying finds, and restoring.

use super::loading::{codes, info, load};
use super::*;
use crate::{AsOf, MANIFEST_FILE, Manifest, StoreError, backup, read_manifest, restore, verify};
use citytwin_model::Timestamp;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

fn state(store: &Store) -> (u64, String) {
    let head = store.head().unwrap();
    (head, store.fingerprint(AsOf::Revision(head)).unwrap())
}

fn keys(dir: &Path) -> Vec<&'static str> {
    verify(dir).unwrap().into_iter().map(|finding| finding.key).collect()
}

/// A city with a past, and files beside its store.
fn lived_in() -> (TempDir, Store) {
    let (dir, store) = new_city();
    load(&store, info("hydrants"), codes(50));
    let seen = store.feature(id(HYDRANT, 7)).unwrap().unwrap();
    store.write("a", "api", &[replace(&seen, None, 150), Edit::Delete { id: id(HYDRANT, 8), if_match: None }]).unwrap();
    std::fs::create_dir_all(dir.path().join("terrain")).unwrap();
    std::fs::write(dir.path().join("terrain/source.json"), "{}").unwrap();
    std::fs::write(dir.path().join("terrain/heights.ctt.part"), "half").unwrap();
    std::fs::write(dir.path().join("admin.key"), "secret").unwrap();
    (dir, store)
}

#[test]
fn a_backup_holds_the_city_and_gives_it_back() {
    let (dir, store) = lived_in();
    let beside = tempfile::tempdir().unwrap();
    let target = beside.path().join("backup");
    let manifest = backup(dir.path(), &target, now()).unwrap();
    let names: Vec<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["city.gpkg", "city.toml", "terrain/source.json"], "no key, nothing half-written");
    assert_eq!((manifest.revision, manifest.city.as_str()), (store.head().unwrap(), "示范市"));
    assert_eq!(read_manifest(&target).unwrap(), manifest);
    assert_eq!(keys(&target), [""; 0]);
    let restored = beside.path().join("restored");
    restore(&target, &restored).unwrap();
    let again = Store::open(&restored, &classes()).unwrap();
    assert_eq!(state(&again), state(&store));
    assert_eq!(again.history(id(HYDRANT, 8)).unwrap(), store.history(id(HYDRANT, 8)).unwrap());
    again.write("a", "api", &[hydrant("H-99", 1)]).unwrap();
    assert_eq!(keys(&restored), [""; 0]);
    assert_eq!(keys(&target), [""; 0], "the backup is as it was");
}

/// What is missing in a backup is made at its restoring; meanwhile it stays as it is.
#[test]
fn a_backup_is_opened_to_be_read_only() {
    let (dir, store) = lived_in();
    let target = dir.path().join("backup");
    let manifest = backup(dir.path(), &target, now()).unwrap();
    assert!(matches!(Store::open(&target, &classes()), Err(StoreError::IsBackup { .. })));
    let read = Store::open_to_read(&target, &classes()).unwrap();
    assert!(read.is_backup() && state(&read) == state(&store) && read.loads().unwrap().len() == 1);
    let mut refused: Vec<bool> = Vec::new();
    refused.push(read.write("a", "api", &[hydrant("H-99", 1)]).is_err());
    refused.push(read.begin_load(info("hydrants")).is_err());
    refused.push(read.undo_load(1, true, "a", |_| false).is_err());
    refused.push(read.put_back(id(HYDRANT, 8), 1, "a", "revert").is_err());
    // Not for another reason: the city itself takes all of it.
    store.write("a", "api", &[hydrant("H-99", 1)]).unwrap();
    store.put_back(id(HYDRANT, 8), 1, "a", "revert").unwrap();
    store.undo_load(1, true, "a", |_| true).unwrap();
    assert_eq!(refused, [true; 4]);
    drop(read);
    // The catalogue has gained a class.
    let mut gained = classes();
    let new = citytwin_model::Class { no: ClassNo(9), id: "statue".into(), ..(*gained[0]).clone() };
    gained.push(std::sync::Arc::new(new));
    assert!(matches!(Store::open_to_read(&target, &gained), Err(StoreError::UnreadBackup { .. })));
    assert_eq!(keys(&target), [""; 0]);
    assert_eq!(read_manifest(&target).unwrap(), manifest);
    // A city that is none is opened as ever.
    assert!(!Store::open_to_read(dir.path(), &classes()).unwrap().is_backup());
}

#[test]
fn neither_way_is_anything_written_over() {
    let (dir, _store) = lived_in();
    let beside = tempfile::tempdir().unwrap();
    let target = beside.path().join("backup");
    backup(dir.path(), &target, now()).unwrap();
    assert!(matches!(backup(dir.path(), &target, now()), Err(StoreError::NotEmpty { .. })));
    assert!(matches!(restore(&target, dir.path()), Err(StoreError::NotEmpty { .. })));
    assert!(matches!(restore(dir.path(), &beside.path().join("x")), Err(StoreError::NoBackup { .. })));
    assert!(matches!(backup(beside.path(), &beside.path().join("x"), now()), Err(StoreError::NoCity { .. })));
    let empty = beside.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    restore(&target, &empty).unwrap();
    let left: Vec<_> = std::fs::read_dir(beside.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.ends_with(".part")), "{left:?}");
}

#[test]
fn a_damaged_backup_is_told_and_not_restored() {
    let (dir, _store) = lived_in();
    let beside = tempfile::tempdir().unwrap();
    let fresh = |name: &str| {
        let target = beside.path().join(name);
        backup(dir.path(), &target, now()).unwrap();
        target
    };
    let flipped = fresh("flipped");
    let path = flipped.join("city.gpkg");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(keys(&flipped).contains(&"changed"), "{:?}", keys(&flipped));
    assert!(matches!(restore(&flipped, &beside.path().join("a")), Err(StoreError::BadBackup { .. })));
    let short = fresh("short");
    std::fs::remove_file(short.join("city.toml")).unwrap();
    std::fs::write(short.join("stray"), "").unwrap();
    assert_eq!(keys(&short), ["missing", "extra"]);
    assert!(matches!(restore(&short, &beside.path().join("a")), Err(StoreError::Io { .. })));
    // A manifest that points out of its folder.
    let hostile = fresh("hostile");
    let manifest = read_manifest(&hostile).unwrap();
    for path in ["../outside", "/etc/passwd", "a/../../b"] {
        let mut files = manifest.files.clone();
        files[1].path = path.into();
        let text = serde_json::to_string(&Manifest { files, ..manifest.clone() }).unwrap();
        std::fs::write(hostile.join(MANIFEST_FILE), text).unwrap();
        assert!(matches!(restore(&hostile, &beside.path().join("a")), Err(StoreError::BadBackup { .. })), "{path}");
    }
    let future = Manifest { format: 99, ..manifest };
    std::fs::write(hostile.join(MANIFEST_FILE), serde_json::to_string(&future).unwrap()).unwrap();
    assert!(matches!(restore(&hostile, &beside.path().join("a")), Err(StoreError::FutureFormat { found: 99, .. })));
    assert!(!beside.path().join("a").exists() && !beside.path().join("a.part").exists());
}

#[test]
fn no_backup_is_made_of_a_damaged_store_and_refused_records_go_along() {
    let (dir, store) = lived_in();
    std::fs::create_dir(dir.path().join("refused")).unwrap();
    std::fs::write(dir.path().join("refused/survey.gpkg"), "records to correct").unwrap();
    let beside = tempfile::tempdir().unwrap();
    backup(dir.path(), &beside.path().join("whole"), now()).unwrap();
    restore(&beside.path().join("whole"), &beside.path().join("again")).unwrap();
    assert_eq!(std::fs::read_to_string(beside.path().join("again/refused/survey.gpkg")).unwrap(), "records to correct");
    drop(store);
    // A page of the features' table is overwritten on disk.
    let path = dir.path().join("city.gpkg");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA journal_mode=DELETE").unwrap();
    let page: u64 = conn.query_row("SELECT rootpage FROM sqlite_master WHERE name='hydrant'", [], |row| row.get(0)).unwrap();
    let size: u64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    drop(conn);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = ((page - 1) * size) as usize;
    bytes[at + 1..at + 64].fill(0xAA);
    std::fs::write(&path, bytes).unwrap();
    match backup(dir.path(), &beside.path().join("damaged"), now()) {
        Err(StoreError::Damaged { path: named, .. }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    }
    assert!(!beside.path().join("damaged").exists() && !beside.path().join("damaged.part").exists());
}

#[test]
fn a_store_of_a_newer_program_is_not_called_damaged() {
    let (dir, store) = lived_in();
    drop(store);
    let conn = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
    conn.execute_batch("UPDATE ct_head SET format=99").unwrap();
    drop(conn);
    assert!(matches!(verify(dir.path()), Err(StoreError::FutureFormat { found: 99, .. })));
    // A plain GeoPackage in its place is no damage either; what is no database at all is.
    let conn = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
    conn.execute_batch("DROP TABLE ct_head").unwrap();
    drop(conn);
    assert!(matches!(verify(dir.path()), Err(StoreError::NotACity { .. })));
    std::fs::write(dir.path().join("city.gpkg"), "no database".repeat(100)).unwrap();
    assert_eq!(keys(dir.path()), ["damaged"]);
}

#[test]
fn a_backup_beside_writers_is_one_state_of_the_city_and_holds_nobody_up() {
    let (dir, store) = lived_in();
    load(&store, info("many"), codes(20_000));
    let beside = tempfile::tempdir().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // As another process would: with a connection of its own.
            let other = reopen(&dir);
            let mut longest = std::time::Duration::ZERO;
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                let start = std::time::Instant::now();
                other.write("b", "api", &[hydrant("X", n)]).unwrap();
                longest = longest.max(start.elapsed());
                n += 1;
            }
            (n, longest)
        });
        let mut revisions = Vec::new();
        for i in 0..3 {
            let target = beside.path().join(format!("backup-{i}"));
            revisions.push(backup(dir.path(), &target, now()).unwrap().revision);
            assert_eq!(keys(&target), [""; 0]);
            let conn = rusqlite::Connection::open(target.join("city.gpkg")).unwrap();
            let of_it: u64 = conn.query_row("SELECT max(rev) FROM ct_rev", [], |row| row.get(0)).unwrap();
            assert_eq!(of_it, revisions[i]);
        }
        done.store(true, Ordering::Relaxed);
        let (writes, longest) = writer.join().unwrap();
        println!("{writes} writes beside three backups, {longest:?} at most; revisions {revisions:?}");
        assert!(revisions.windows(2).all(|pair| pair[0] < pair[1]), "{revisions:?}: nobody wrote");
    });
}

#[test]
fn what_is_wrong_in_the_books_is_found() {
    for (key, sql) in [
        ("unnoted", "DELETE FROM ct_row WHERE class=80 AND fid=3"),
        ("ghosts", "INSERT INTO ct_row(class, fid, rev) VALUES(80, 999, 1)"),
        ("backwards", "UPDATE h_hydrant SET ct_to=ct_from"),
        ("overlap", "INSERT INTO h_hydrant(fid, ct_from, ct_to) VALUES(7, 0, 2)"),
        ("future", "UPDATE h_hydrant SET ct_to=ct_to+100 WHERE fid=8"),
        ("numbers", "UPDATE sqlite_sequence SET seq=5 WHERE name='hydrant'"),
        ("revisions", "DELETE FROM ct_rev WHERE rev=1"),
        ("revisions", "UPDATE ct_rev SET at='2000-01-01T00:00:00.000Z' WHERE rev=2"),
        ("feed", "UPDATE ct_change SET rev=9 WHERE seq=1"),
        ("triggers", "DROP TRIGGER ct_hydrant_u1"),
        ("table_gone", "DROP TABLE h_hydrant"),
        ("index", "DELETE FROM rtree_hydrant_geom WHERE id=5"),
        ("index", "UPDATE rtree_hydrant_geom SET minx=1, maxx=2 WHERE id=5"),
        ("index", "INSERT INTO rtree_hydrant_geom VALUES(5000, 1, 1, 1, 1)"),
        ("index", "UPDATE rtree_hydrant_geom_rowid SET nodeno=77 WHERE rowid=5"),
    ] {
        let (dir, store) = lived_in();
        drop(store);
        assert_eq!(keys(dir.path()), [""; 0]);
        let conn = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
        conn.execute_batch(sql).unwrap();
        drop(conn);
        assert!(keys(dir.path()).contains(&key), "{sql}: {:?}", verify(dir.path()).unwrap());
    }
}
