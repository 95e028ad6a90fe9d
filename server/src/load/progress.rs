//! How far a long load is: a bar on a terminal, a plain line now and then elsewhere.

use citytwin_assets::{Lang, say};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// Looked at the clock once in so many records.
const LOOK_EVERY: u64 = 512;

/// A line on standard output. A reader that has gone away (`| head`) does not break the load.
pub(super) fn tell(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub(super) struct Progress {
    lang: Lang,
    bar: Option<ProgressBar>,
    last: Instant,
    done: u64,
    total: Option<u64>,
}

impl Progress {
    pub fn new(lang: Lang) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}").expect("a fixed template");
            bar.set_style(style);
            bar
        });
        Self { lang, bar, last: Instant::now(), done: 0, total: None }
    }

    /// Another layer begins: its name, and how many records it announces.
    pub fn layer(&mut self, name: &str, records: Option<u64>) {
        self.total = records.map(|n| self.done + n);
        if let Some(bar) = &self.bar {
            bar.set_length(self.total.unwrap_or(0));
            bar.set_message(name.to_owned());
        }
    }

    /// One record more.
    pub fn step(&mut self) {
        self.done += 1;
        if self.done % LOOK_EVERY != 0 {
            return;
        }
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if self.last.elapsed() >= PLAIN_EVERY => {
                self.last = Instant::now();
                let total = self.total.map_or_else(|| "?".to_owned(), |n| n.to_string());
                eprintln!("{}", say(self.lang, "load.progress", &[("done", &self.done), ("total", &total)]));
            }
            None => {}
        }
    }

    /// A line that does not disturb the bar.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(text)),
            None => tell(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
