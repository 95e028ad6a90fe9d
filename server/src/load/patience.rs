//! Waiting for a lock that another program holds: an edit session in a GIS ends some time, and the load goes on after.

use citytwin_assets::{Lang, say};
use citytwin_store::{StoreError, write_lock_holder};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the operator is told who waits for what.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Tries until the lock of the city in `dir` is free. Each try waits by itself for some seconds (the store's own patience).
pub(crate) fn patiently<T>(lang: Lang, dir: &Path, mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut teller = Teller::new(lang, dir);
    let start = Instant::now();
    loop {
        match work() {
            Err(StoreError::Busy) => teller.waited(start.elapsed()),
            other => return other,
        }
    }
}

/// Says every few seconds that a lock is waited for, and whose it is.
pub(super) struct Teller {
    lang: Lang,
    dir: PathBuf,
    told: Duration,
}

impl Teller {
    pub fn new(lang: Lang, dir: &Path) -> Self {
        Self { lang, dir: dir.to_owned(), told: Duration::ZERO }
    }

    pub fn waited(&mut self, so_long: Duration) {
        // A new wait begins at nothing again.
        if so_long < self.told {
            self.told = Duration::ZERO;
        }
        if so_long >= self.told + TELL_EVERY {
            self.told = so_long;
            let program = match write_lock_holder(&self.dir) {
                Some(holder) => say(self.lang, "load.waiting_for", &[("program", &holder.program), ("pid", &holder.pid)]),
                None => say(self.lang, "load.waiting_unknown", &[]),
            };
            eprintln!("{}", say(self.lang, "load.waiting", &[("program", &program), ("seconds", &so_long.as_secs())]));
        }
    }
}
