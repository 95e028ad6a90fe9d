//! Taking turns with other writers: the write lock is held for 40 ms at most and then left free for 20 ms. Where no other
//! program has the store open there is nobody to make way for, and the turns are longer (`alone`).
//!
//! Loads, the packing of their spatial indexes and undos work in such turns, so that an API write or an edit session
//! waits for one turn at most. The log is written back into the file between turns, never while the lock is held.

use crate::error::{Result, StoreError};
use crate::holder;
use crate::outside;
use crate::store::{Store, begin_unchecked};
use rusqlite::Connection;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The write lock is held no longer than this …
const HELD: Duration = Duration::from_millis(40);
/// … and then left free for at least this.
const FREE: Duration = Duration::from_millis(20);
/// Alone, the lock is held so long: who comes in the middle waits for one such turn, and from then on for short ones.
const HELD_ALONE: Duration = Duration::from_millis(400);
/// Who was there so lately may come again, as programs do that open the store for every edit.
const LATELY: Duration = Duration::from_secs(60);
/// Set aside, beyond the time that commits have been taking, for what a row may still cost when time is nearly up.
const MARGIN: Duration = Duration::from_millis(6);
/// A turn has this much for its work, however slow commits are.
const LEAST: Duration = Duration::from_millis(10);
/// A lock that another program holds is waited for this long, unless [`Turns::on_wait`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// Called now and then while a lock is waited for, with the time waited; `false` gives up.
pub(crate) type OnWait = Box<dyn FnMut(Duration) -> bool + Send>;

pub(crate) struct Turns<'s> {
    store: &'s Store,
    /// How long commits have been taking.
    commit: Duration,
    free_from: Option<Instant>,
    /// Nothing else in this process uses the store, so that only other processes have to be looked for.
    own_process: bool,
    company: Option<Instant>,
    longest: Duration,
    taken: u64,
    on_wait: Option<OnWait>,
    /// Writes the log back, on a connection and a thread of its own.
    log: Arc<Mutex<Connection>>,
    writing_back: Option<JoinHandle<()>>,
}

impl<'s> Turns<'s> {
    pub fn new(store: &'s Store) -> Result<Self> {
        let log = Arc::new(Mutex::new(store.another_connection()?));
        // By itself SQLite writes the log back inside a commit.
        store.writer().pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(Self {
            store,
            commit: Duration::from_millis(5),
            free_from: None,
            own_process: false,
            company: None,
            longest: Duration::ZERO,
            taken: 0,
            on_wait: None,
            log,
            writing_back: None,
        })
    }

    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// Turns may be long while no other process has the store open. For a process in which nothing else writes.
    pub fn own_process(&mut self, own: bool) {
        self.own_process = own;
    }

    pub fn on_wait(&mut self, f: OnWait) {
        self.on_wait = Some(f);
    }

    /// Longest time that the lock was held, and the number of turns.
    pub fn pace(&self) -> (Duration, u64) {
        (self.longest, self.taken)
    }

    /// One turn: waits for it, seals what other programs changed, lets `work` write until the moment it is given, and
    /// commits. When `work` or the commit fails, nothing of the turn stays.
    pub fn take<T>(&mut self, work: impl FnOnce(&Connection, Instant) -> Result<T>) -> Result<T> {
        if let Some(thread) = self.writing_back.take() {
            let _ = thread.join();
        }
        if let Some(wait) = self.free_from.and_then(|at| at.checked_duration_since(Instant::now())) {
            std::thread::sleep(wait);
        }
        let store = self.store;
        let conn = store.writer();
        let waited = Instant::now();
        let tx = loop {
            match begin_unchecked(&conn) {
                Err(StoreError::Busy) if self.keeps_waiting(waited.elapsed()) => self.company = Some(Instant::now()),
                other => break other?,
            }
        };
        let alone = self.is_alone();
        let held = if alone { HELD_ALONE } else { HELD };
        let start = Instant::now();
        outside::seal(&tx)?;
        let reserve = (self.commit + MARGIN).min(held - LEAST);
        let result = work(&tx, start + held - reserve)?;
        let before_commit = Instant::now();
        tx.commit()?;
        let end = Instant::now();
        drop(conn);
        // Commits are slow now and then; three quarters of the worst are remembered for a while.
        self.commit = (end - before_commit).max(self.commit * 3 / 4);
        self.longest = self.longest.max(end - start);
        self.taken += 1;
        self.free_from = (!alone).then(|| end + FREE);
        let log = self.log.clone();
        self.writing_back = Some(std::thread::spawn(move || write_back(&log)));
        Ok(result)
    }

    fn is_alone(&mut self) -> bool {
        if self.own_process && holder::has_company(self.store.dir()) {
            self.company = Some(Instant::now());
        }
        self.own_process && self.company.is_none_or(|at| at.elapsed() > LATELY)
    }

    fn keeps_waiting(&mut self, waited: Duration) -> bool {
        match &mut self.on_wait {
            Some(f) => f(waited),
            None => waited < PATIENCE,
        }
    }
}

/// As far as readers allow; what is left is left for the next time.
fn write_back(log: &Mutex<Connection>) {
    let conn = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let _ = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
}

impl Drop for Turns<'_> {
    fn drop(&mut self) {
        if let Some(thread) = self.writing_back.take() {
            let _ = thread.join();
        }
        let _ = self.store.writer().pragma_update(None, "wal_autocheckpoint", 1000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    /// The store open in a process of its own, until its input ends.
    const GUEST: &str = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.execute('SELECT count(*) FROM ct_rev').fetchone()\nprint('open', flush=True)\nsys.stdin.read()";

    #[test]
    fn turns_are_long_only_while_no_other_process_has_the_store_open() {
        let (dir, store) = crate::tests::new_city();
        let mut turns = Turns::new(&store).unwrap();
        let room = |turns: &mut Turns| turns.take(|_, until| Ok(until.saturating_duration_since(Instant::now()))).unwrap();
        assert!(room(&mut turns) < HELD, "this process may write elsewhere");
        turns.own_process(true);
        assert!(room(&mut turns) > HELD * 2);
        let mut guest = Command::new("python3")
            .args(["-c", GUEST])
            .arg(dir.path().join(crate::STORE_FILE))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(guest.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "open");
        assert!(room(&mut turns) < HELD);
        guest.stdin.take().unwrap().flush().unwrap();
        assert!(guest.wait().unwrap().success());
        assert!(room(&mut turns) < HELD, "it may come again");
        turns.company = turns.company.map(|at| at.checked_sub(LATELY * 2).expect("a clock older than two minutes"));
        assert!(room(&mut turns) > HELD * 2);
    }
}
