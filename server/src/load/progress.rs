//! How far a long load is: a bar on a terminal, a plain line now and then elsewhere; both with a rate and an estimate.

use citytwin_assets::{Lang, say};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// Looked at the clock once in so many records.
const LOOK_EVERY: u64 = 512;

/// A line on standard output. A reader that has gone away (`| head`) does not break the load.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub(crate) struct Progress {
    lang: Lang,
    /// The sentence of a plain line whose end is known.
    key: &'static str,
    bar: Option<ProgressBar>,
    start: Instant,
    last: Instant,
    done: u64,
    total: Option<u64>,
}

impl Progress {
    pub fn new(lang: Lang) -> Self {
        Self::of(lang, "load.progress")
    }

    /// With another sentence, of `done`, `total`, `rate` and `left`.
    pub fn of(lang: Lang, key: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        Self { lang, key, bar, start: Instant::now(), last: Instant::now(), done: 0, total: None }
    }

    /// Another layer begins: its name, and how many records it announces.
    pub fn layer(&mut self, name: &str, records: Option<u64>) {
        self.total = records.map(|n| self.done + n);
        if let Some(bar) = &self.bar {
            let template = if self.total.is_some() {
                "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}"
            } else {
                "{msg} {human_pos} {per_sec}"
            };
            bar.set_style(ProgressStyle::with_template(template).expect("a fixed template"));
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
                eprintln!("{}", plain(self.lang, self.key, self.done, self.total, self.start.elapsed()));
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

/// `read 20000 of 60000, 2000 a second, about 20 s left`.
fn plain(lang: Lang, key: &str, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(1e-3);
    let rate_text = format!("{rate:.0}");
    match total.filter(|total| *total >= done) {
        Some(total) => {
            let left = format!("{:.0}", (total - done) as f64 / rate.max(1e-3));
            say(lang, key, &[("done", &done), ("total", &total), ("rate", &rate_text), ("left", &left)])
        }
        None => say(lang, "load.progress_open", &[("done", &done), ("rate", &rate_text)]),
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "load.progress";

    #[test]
    fn a_plain_line_says_how_fast_and_how_long_still() {
        let said = plain(Lang::En, KEY, 20_000, Some(60_000), Duration::from_secs(10));
        assert!(said.contains("20000 of 60000") && said.contains("2000 a second") && said.contains("20 s left"), "{said}");
        let said = plain(Lang::En, KEY, 20_000, None, Duration::from_secs(10));
        assert!(said.contains("20000") && !said.contains("left"), "{said}");
        // A file that announced too little.
        assert!(!plain(Lang::En, KEY, 20_000, Some(3), Duration::ZERO).contains("left"));
    }
}
