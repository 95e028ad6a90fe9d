//! Waiting for a lock that another program holds: an edit session in a GIS ends some time, and the load goes on after.

use citytwin_assets::{Lang, say};
use citytwin_store::StoreError;
use std::time::{Duration, Instant};

/// How often the operator is told who waits for what.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Tries until the lock is free. Each try waits by itself for some seconds (the store's own patience).
pub(crate) fn patiently<T>(lang: Lang, mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut teller = Teller::new(lang);
    let start = Instant::now();
    loop {
        match work() {
            Err(StoreError::Busy) => teller.waited(start.elapsed()),
            other => return other,
        }
    }
}

/// Says every few seconds that a lock is waited for.
pub(super) struct Teller {
    lang: Lang,
    told: Duration,
}

impl Teller {
    pub fn new(lang: Lang) -> Self {
        Self { lang, told: Duration::ZERO }
    }

    pub fn waited(&mut self, so_long: Duration) {
        // A new wait begins at nothing again.
        if so_long < self.told {
            self.told = Duration::ZERO;
        }
        if so_long >= self.told + TELL_EVERY {
            self.told = so_long;
            eprintln!("{}", say(self.lang, "load.waiting", &[("seconds", &so_long.as_secs())]));
        }
    }
}
