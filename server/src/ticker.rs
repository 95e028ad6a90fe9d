//! A sign of life from a command that works long on one thing: a spinner on a terminal, a line now and then elsewhere.

use citytwin_assets::{Lang, say};
use indicatif::ProgressBar;
use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(10);
const TURN: Duration = Duration::from_millis(120);

/// Ticks until it is dropped.
pub struct Ticker {
    bar: Option<ProgressBar>,
    /// Its end ends the thread that says the lines.
    _end: Option<Sender<()>>,
}

impl Ticker {
    pub fn start(lang: Lang) -> Self {
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(TURN);
            return Self { bar: Some(bar), _end: None };
        }
        Self::telling(EVERY, move |seconds| eprintln!("{}", say(lang, "cli.working", &[("seconds", &seconds)])))
    }

    fn telling(every: Duration, tell: impl Fn(u64) + Send + 'static) -> Self {
        let (end, ended) = channel();
        let begun = Instant::now();
        let work = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                tell(begun.elapsed().as_secs());
            }
        };
        // Without a thread it is silent; the work itself goes on.
        let _ = std::thread::Builder::new().name("ticker".into()).spawn(work);
        Self { bar: None, _end: Some(end) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn it_ticks_while_it_lives_and_not_after() {
        let told = Arc::new(AtomicU64::new(0));
        let count = told.clone();
        let ticker = Ticker::telling(Duration::from_millis(5), move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let begun = Instant::now();
        while told.load(Ordering::Relaxed) < 3 {
            assert!(begun.elapsed() < Duration::from_secs(30), "it never ticked");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(ticker);
        // One may be on its way still.
        std::thread::sleep(Duration::from_millis(200));
        let after = told.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(told.load(Ordering::Relaxed), after);
    }
}
