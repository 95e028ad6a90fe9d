//! Another program, in a process of its own, that writes to the city while it is being loaded.

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The word on this program's own command line that makes it that other program.
pub const WORD: &str = "write-beside";
const EVERY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(60);

/// How long its writes took, in milliseconds, from the wish to the commit.
pub struct Waits(Vec<f64>);

impl Waits {
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn at(&self, share: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * share).round() as usize]
    }
}

pub struct Beside(Child);

impl Beside {
    /// Starts it; it waits for the city to come to be.
    pub fn start(store: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WORD).arg(store).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(Self(command.spawn().context("cannot start the other program")?))
    }

    /// Ends it and hears what it has to say.
    pub fn end(mut self) -> Result<Waits> {
        drop(self.0.stdin.take());
        let mut said = String::new();
        self.0.stdout.take().context("asked for")?.read_to_string(&mut said)?;
        ensure!(self.0.wait()?.success(), "a write beside the load failed");
        let mut waits = said.lines().map(|line| Ok(line.parse()?)).collect::<Result<Vec<f64>>>()?;
        ensure!(!waits.is_empty(), "nothing was written beside the load");
        waits.sort_by(f64::total_cmp);
        Ok(Waits(waits))
    }
}

/// The other program: a small transaction every 50 ms until its input ends; a line for each, with the milliseconds it took.
pub fn write_until_told(store: &Path) -> Result<()> {
    static OVER: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        OVER.store(true, Ordering::Relaxed);
    });
    let over = || OVER.load(Ordering::Relaxed);
    while !is_there(store) && !over() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let conn = Connection::open(store)?;
    conn.busy_timeout(PATIENCE)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    let mut waits = Vec::new();
    for i in 0.. {
        if over() {
            break;
        }
        let start = Instant::now();
        if i % 2 == 0 {
            conn.execute("INSERT INTO datastream(code) VALUES('beside-' || ?1)", [i / 2])?;
        } else {
            conn.execute("UPDATE datastream SET name='again' WHERE code='beside-' || ?1", [i / 2])?;
        }
        waits.push(start.elapsed());
        std::thread::sleep(EVERY.saturating_sub(start.elapsed()));
    }
    let kept: usize = conn.query_row("SELECT count(*) FROM datastream WHERE code LIKE 'beside-%'", [], |row| row.get(0))?;
    ensure!(kept == waits.len().div_ceil(2), "{} rows were written beside the load and {kept} are there", waits.len().div_ceil(2));
    waits.iter().for_each(|wait| println!("{}", wait.as_secs_f64() * 1e3));
    Ok(())
}

/// The city can be written to: its maker is done with it.
fn is_there(store: &Path) -> bool {
    let loads = |conn: Connection| conn.query_row("SELECT count(*) FROM ct_load", [], |row| row.get::<_, u64>(0));
    store.is_file() && Connection::open_with_flags(store, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(loads).is_ok_and(|n| n > 0)
}
