//! How fast a city is made, apart from writing it: `cargo bench -p citytwin-demo -- town`.

use citytwin_demo::{Sink, SinkError, Size, generate};
use citytwin_model::class::Class;
use citytwin_model::{Geometry, Value};
use std::sync::Arc;
use std::time::Instant;

/// Takes everything and keeps nothing.
struct Nothing;

impl Sink for Nothing {
    fn add(&mut self, class: &Arc<Class>, geometry: Option<Geometry>, attributes: Vec<Value>) -> Result<(), SinkError> {
        std::hint::black_box((class, geometry, attributes));
        Ok(())
    }
}

fn main() {
    let asked: Vec<Size> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    for size in if asked.is_empty() { vec![Size::Village] } else { asked } {
        let started = Instant::now();
        let summary = generate(size, 1, &mut Nothing).expect("this sink takes everything");
        let seconds = started.elapsed().as_secs_f64();
        let features = summary.total();
        println!("{size}: {features} features in {seconds:.3} s, {:.0} a second, peak {} kB", features as f64 / seconds, peak_kb());
    }
}

/// The most memory that this process has held so far, where the system says so.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
