//! A program run as people run it: how long it took, and how much memory it and its helper held at most.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Memory is looked at this often. The kernel keeps the high-water mark, so only growth after the last look is missed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub struct Ran {
    pub took: Duration,
    /// High-water mark of resident memory in bytes, by program: the command itself and every helper it started.
    pub peaks: BTreeMap<String, u64>,
}

impl Ran {
    pub fn peak_mib(&self, program: &str) -> f64 {
        self.peaks.get(program).copied().unwrap_or(0) as f64 / f64::from(1 << 20)
    }
}

/// Runs it to its end. What it says goes to `log`, and into the error when it fails.
pub fn run(mut command: Command, log: &Path) -> Result<Ran> {
    let start = Instant::now();
    let mut child = spawn(&mut command, log)?;
    let mut peaks = BTreeMap::new();
    // The end is waited for by a thread, so that it is seen when it comes and not at the next look.
    let pid = child.id();
    let (took, status) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let status = child.wait();
            (start.elapsed(), status)
        });
        while !waiting.is_finished() {
            look(pid, &mut peaks);
            std::thread::sleep(LOOK_EVERY);
        }
        waiting.join().expect("waiting does not panic")
    });
    let status = status?;
    if !status.success() {
        bail!("{command:?} ended with {status}:\n{}", fs::read_to_string(log).unwrap_or_default());
    }
    Ok(Ran { took, peaks })
}

fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let file = File::create(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    command.spawn().with_context(|| format!("cannot start {command:?}"))
}

/// Takes note of a process and of those that it started.
fn look(pid: u32, peaks: &mut BTreeMap<String, u64>) {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return };
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if let (Some(program), Some(kib)) = (field("Name:"), field("VmHWM:")) {
        let bytes = kib.trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) << 10;
        let peak = peaks.entry(program.to_owned()).or_default();
        *peak = bytes.max(*peak);
    }
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).for_each(|pid| look(pid, peaks));
    }
}
