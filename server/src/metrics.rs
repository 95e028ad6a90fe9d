//! What the program counts about itself, in Prometheus' text form. Labels come from our routes and codes, never from a
//! client, so their number is bounded.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Upper borders of the duration buckets, seconds.
const BUCKETS_S: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];

#[derive(Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    durations: Mutex<BTreeMap<String, Histogram>>,
    problems: Mutex<BTreeMap<&'static str, u64>>,
    pub readings_accepted: Counter,
    pub readings_duplicate: Counter,
    pub readings_refused: Counter,
    /// Batches turned away because the queue was full.
    pub readings_shed: Counter,
    /// Rows waiting to become durable.
    pub readings_waiting: Gauge,
    pub commits: Counter,
    pub commit_micros: Counter,
    pub live_subscribers: Gauge,
    pub live_messages: Counter,
    /// Messages that a client took longer than a frame to take: it gets newest states only.
    pub live_slow: Counter,
    pub revision: Gauge,
    pub snapshot_micros: Gauge,
    pub feed_errors: Counter,
    pub connections: Gauge,
    pub simulated_readings: Counter,
}

#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn set(&self, n: i64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// One more, unless that were more than `most`; looked at and raised in one step, so that two at once cannot both be
    /// the last one.
    pub fn add_below(&self, most: i64) -> bool {
        self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| (n < most).then_some(n + 1)).is_ok()
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default, Clone)]
struct Histogram {
    buckets: [u64; BUCKETS_S.len()],
    sum_s: f64,
    count: u64,
}

impl Metrics {
    /// `route` is the pattern that matched, such as `/collections/{collection}/items`.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        *lock(&self.requests).entry((route.to_owned(), status)).or_default() += 1;
        let seconds = took.as_secs_f64();
        let mut durations = lock(&self.durations);
        let histogram = durations.entry(route.to_owned()).or_default();
        histogram.count += 1;
        histogram.sum_s += seconds;
        for (bucket, border) in histogram.buckets.iter_mut().zip(BUCKETS_S) {
            *bucket += u64::from(seconds <= border);
        }
    }

    pub fn problem(&self, code: &'static str) {
        *lock(&self.problems).entry(code).or_default() += 1;
    }

    /// Everything, in the text form that Prometheus reads. `compute_jobs` is looked up elsewhere.
    pub fn text(&self, compute_jobs: usize) -> String {
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &dyn Fn(&mut String)| {
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("writing to a String");
            lines(&mut out);
        };
        family("citytwin_http_requests_total", "counter", "Requests answered, by route and status", &|out| {
            for ((route, status), n) in lock(&self.requests).iter() {
                line(out, &format!("citytwin_http_requests_total{{route=\"{route}\",status=\"{status}\"}}"), n);
            }
        });
        family("citytwin_http_request_duration_seconds", "histogram", "Time to the answer's head, by route", &|out| {
            for (route, histogram) in lock(&self.durations).iter() {
                let name = "citytwin_http_request_duration_seconds";
                for (border, n) in BUCKETS_S.iter().zip(histogram.buckets) {
                    line(out, &format!("{name}_bucket{{route=\"{route}\",le=\"{border}\"}}"), &n);
                }
                line(out, &format!("{name}_bucket{{route=\"{route}\",le=\"+Inf\"}}"), &histogram.count);
                line(out, &format!("{name}_sum{{route=\"{route}\"}}"), &histogram.sum_s);
                line(out, &format!("{name}_count{{route=\"{route}\"}}"), &histogram.count);
            }
        });
        family("citytwin_problems_total", "counter", "Requests refused or failed, by problem code", &|out| {
            for (code, n) in lock(&self.problems).iter() {
                line(out, &format!("citytwin_problems_total{{code=\"{code}\"}}"), n);
            }
        });
        let counters: [(&str, &str, &Counter); 10] = [
            ("citytwin_readings_accepted_total", "Readings on disk", &self.readings_accepted),
            ("citytwin_readings_duplicate_total", "Readings that were there before", &self.readings_duplicate),
            ("citytwin_readings_refused_total", "Readings not taken", &self.readings_refused),
            ("citytwin_readings_shed_total", "Batches turned away because the queue was full", &self.readings_shed),
            ("citytwin_readings_simulated_total", "Readings made by the simulator", &self.simulated_readings),
            ("citytwin_commits_total", "Durable commits of readings", &self.commits),
            ("citytwin_commit_microseconds_total", "Time spent in durable commits", &self.commit_micros),
            ("citytwin_live_messages_total", "Messages sent to live subscribers", &self.live_messages),
            ("citytwin_live_slow_total", "Messages to clients that fell behind and get newest states only", &self.live_slow),
            ("citytwin_feed_errors_total", "Looks at the change feed that failed", &self.feed_errors),
        ];
        for (name, help, counter) in counters {
            family(name, "counter", help, &|out| line(out, name, &counter.get()));
        }
        let gauges: [(&str, &str, i64); 6] = [
            ("citytwin_readings_waiting", "Readings waiting to become durable", self.readings_waiting.get()),
            ("citytwin_live_subscribers", "Open live connections", self.live_subscribers.get()),
            ("citytwin_revision", "Revision that is served", self.revision.get()),
            ("citytwin_snapshot_microseconds", "Time that the last change took to become a snapshot", self.snapshot_micros.get()),
            ("citytwin_connections", "Open connections", self.connections.get()),
            ("citytwin_compute_jobs", "Computations waiting or running", i64::try_from(compute_jobs).unwrap_or(i64::MAX)),
        ];
        for (name, help, n) in gauges {
            family(name, "gauge", help, &|out| line(out, name, &n));
        }
        out
    }
}

fn line(out: &mut String, name: &str, value: &dyn std::fmt::Display) {
    writeln!(out, "{name} {value}").expect("writing to a String");
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_do_not_pass_a_gauges_most() {
        let gauge = Gauge::default();
        std::thread::scope(|threads| {
            let taken: Vec<_> = (0..8).map(|_| threads.spawn(|| (0..1_000).filter(|_| gauge.add_below(100)).count())).collect();
            assert_eq!(taken.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 100);
        });
        assert_eq!(gauge.get(), 100);
    }

    #[test]
    fn a_request_is_counted_in_every_bucket_above_it() {
        let metrics = Metrics::default();
        metrics.request("/x", 200, Duration::from_millis(3));
        metrics.request("/x", 200, Duration::from_millis(30));
        let text = metrics.text(0);
        assert!(text.contains("citytwin_http_requests_total{route=\"/x\",status=\"200\"} 2\n"), "{text}");
        assert!(text.contains("le=\"0.0025\"} 0\n") && text.contains("le=\"0.005\"} 1\n") && text.contains("le=\"+Inf\"} 2\n"), "{text}");
    }
}
