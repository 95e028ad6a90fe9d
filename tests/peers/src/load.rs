//! A million pipes out of a file, by the whole command, beside `ogr2ogr` into PostGIS: time, memory, other writers, loads again.

use crate::beside::Beside;
use crate::command::{Ran, run};
use crate::pipes::{self, CLASS_ID};
use crate::report::{head, row, spread, spread_json};
use crate::{again, loaded};
use anyhow::{Context, Result, ensure};
use postgres::{Client, NoTls};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The bench's own smaller file: what memory is held against.
const FEW: usize = 10;
pub const HELPER: &str = "citytwin-gdal";
const GOAL: f64 = 2.0;

pub struct Loads<'a> {
    /// Our program.
    pub program: &'a Path,
    /// A folder beside the cluster's data: both sides write to one disk.
    pub dir: PathBuf,
    pub socket: &'a str,
    pub user: &'a str,
    pub rows: usize,
    pub rounds: usize,
    pub seed: u64,
}

impl Loads<'_> {
    pub fn compare(&self) -> Result<Value> {
        fs::create_dir_all(&self.dir)?;
        let mut client =
            Client::connect(&format!("host={} user={} dbname=postgres", self.socket, self.user), NoTls).context("the private cluster")?;
        client.batch_execute("CREATE EXTENSION IF NOT EXISTS postgis")?;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let on: String = client.query_one(&format!("SHOW {setting}"), &[])?.get(0);
            ensure!(on == "on", "{setting} is {on}: the peer would not be durable");
        }
        println!("making files of {} water pipes (seed {}) …", self.rows, self.seed);
        let file = pipes::geopackage(&self.dir, "pipes", self.rows, self.seed, false)?;
        let other = pipes::converted(&file, "fgb", "FlatGeobuf")?;
        let few = pipes::geopackage(&self.dir.join("few"), "pipes", self.rows / FEW, self.seed, false)?;
        let newer = pipes::geopackage(&self.dir.join("newer"), "pipes", self.rows, self.seed, true)?;

        let mut comparisons = Vec::new();
        let mut whole = None;
        for (format, input) in [("GeoPackage", &file), ("FlatGeobuf", &other)] {
            let rounds = self.take_turns(input, &mut client)?;
            let peak = |program: &str| rounds.iter().map(|round| round.ours.peak_mib(program)).fold(0.0, f64::max);
            if format == "GeoPackage" {
                whole = Some((peak(self.name()), peak(HELPER)));
            }
            comparisons.push(report(format, self.rows, &rounds));
        }
        client.batch_execute(&format!("DROP TABLE IF EXISTS {CLASS_ID}"))?;

        let (ours_mib, helper_mib) = whole.expect("the GeoPackage was loaded");
        let few = self.load(&few, &[])?;
        let memory = |rows: usize, ours: f64, helper: f64| {
            println!("peak of resident memory at {rows:>8} rows: citytwin load {ours:.0} MiB, its helper {helper:.0} MiB");
            json!({"rows": rows, "load_mib": ours, "helper_mib": helper})
        };
        let memory = [memory(self.rows / FEW, few.peak_mib(self.name()), few.peak_mib(HELPER)), memory(self.rows, ours_mib, helper_mib)];

        let beside = self.beside(&file)?;
        let again = again::measure(self, &file, &newer)?;
        fs::remove_dir_all(&self.dir)?;
        Ok(json!({"rows": self.rows, "comparisons": comparisons, "memory": memory, "beside": beside, "again": again}))
    }

    /// As the kernel shortens it.
    fn name(&self) -> &str {
        self.program.file_name().and_then(|name| name.to_str()).unwrap_or("citytwin")
    }

    pub fn city(&self) -> PathBuf {
        self.dir.join("city")
    }

    /// A first load into a city that is made for it.
    fn load(&self, file: &Path, more: &[&str]) -> Result<Ran> {
        let city = self.city();
        if city.exists() {
            fs::remove_dir_all(&city)?;
        }
        self.load_into(file, more)
    }

    /// A load as an operator types it.
    pub fn load_into(&self, file: &Path, more: &[&str]) -> Result<Ran> {
        calm()?;
        let mut command = Command::new(self.program);
        command.arg("load").arg(file).arg("--city").arg(self.city()).args(more);
        run(command, &self.dir.join("ours.log"))
    }

    /// All sides load the same file turn by turn; who is first changes. After each turn they are held against each other.
    fn take_turns(&self, file: &Path, client: &mut Client) -> Result<Vec<Round>> {
        let mut rounds = Vec::new();
        // Once unmeasured, so that the file lies in memory for all.
        fs::read(file)?;
        for number in 0..self.rounds {
            let (mut ours, mut first, mut after) = (None, None, None);
            for turn in 0..3 {
                match (number + turn) % 3 {
                    0 => ours = Some(self.load(file, &[])?),
                    1 => first = Some(self.ogr2ogr(file, client, true)?),
                    _ => after = Some(self.ogr2ogr(file, client, false)?),
                }
            }
            loaded::same(&self.city(), client, self.rows, self.seed + number as u64)?;
            let (first_s, after_s) = (first.context("a turn")?, after.context("a turn")?);
            rounds.push(Round { ours: ours.context("a turn")?, first_s, after_s });
        }
        Ok(rounds)
    }

    /// The peer: COPY in one transaction into a new table, as its makers advise. With `index_first` ogr2ogr makes the spatial
    /// index too, as it does by itself: before the rows. Else the index is made of all rows after them.
    fn ogr2ogr(&self, file: &Path, client: &mut Client, index_first: bool) -> Result<f64> {
        client.batch_execute(&format!("DROP TABLE IF EXISTS {CLASS_ID}"))?;
        client.batch_execute("CHECKPOINT")?;
        calm()?;
        let mut command = Command::new("ogr2ogr");
        command.args(["-f", "PostgreSQL", &format!("PG:host={} user={} dbname=postgres", self.socket, self.user)]);
        command.arg(file).args(["-nln", CLASS_ID, "-lco", "GEOMETRY_NAME=geom", "-gt", "unlimited", "--config", "PG_USE_COPY", "YES"]);
        if !index_first {
            command.args(["-lco", "SPATIAL_INDEX=NONE"]);
        }
        let ran = run(command, &self.dir.join("ogr2ogr.log"))?;
        let start = std::time::Instant::now();
        if !index_first {
            client.batch_execute(&format!("CREATE INDEX ON {CLASS_ID} USING gist (geom)"))?;
        }
        Ok((ran.took + start.elapsed()).as_secs_f64())
    }

    /// Another program writes small transactions while the whole command loads.
    fn beside(&self, file: &Path) -> Result<Value> {
        let city = self.city();
        if city.exists() {
            fs::remove_dir_all(&city)?;
        }
        let other = Beside::start(&city.join("city.gpkg"))?;
        let ran = self.load_into(file, &[])?;
        let waits = other.end()?;
        let (p50, p99, max) = (waits.at(0.5), waits.at(0.99), waits.at(1.0));
        let seconds = ran.took.as_secs_f64();
        println!(
            "another program's {} writes during the whole command ({seconds:.1} s): p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms (goal: p99 ≤ 100 ms)",
            waits.count()
        );
        let count: usize = loaded::ours(&city)?.query_row(&format!("SELECT count(*) FROM {CLASS_ID}"), [], |row| row.get(0))?;
        ensure!(count == self.rows, "{count} of {} pipes were loaded beside another writer", self.rows);
        Ok(json!({"writes": waits.count(), "p50_ms": p50, "p99_ms": p99, "max_ms": max, "load_s": seconds}))
    }
}

/// What the side before has left to be written does not slow down the next.
fn calm() -> Result<()> {
    let done = Command::new("sync").status()?;
    ensure!(done.success(), "sync: {done}");
    Ok(())
}

struct Round {
    ours: Ran,
    first_s: f64,
    after_s: f64,
}

fn report(format: &str, rows: usize, rounds: &[Round]) -> Value {
    let of = |figure: fn(&Round) -> f64| spread(rounds.iter().map(figure).collect());
    let ours = |round: &Round| round.ours.took.as_secs_f64();
    let what = format!("load of {rows} water pipes from a {format}: checked, indexed, durable");
    let figures = [
        ("ours_s", "ours: citytwin load, whole command", of(ours), "s"),
        ("peer_s", "peer: ogr2ogr, COPY, its own index", of(|r| r.first_s), "s"),
        ("peer_index_after_s", "peer: ogr2ogr, COPY, index made after", of(|r| r.after_s), "s"),
        ("ratio", "ratio ogr2ogr/ours", of(|r| r.first_s / r.ours.took.as_secs_f64()), "×"),
        ("ratio_index_after", "ratio ogr2ogr with index after/ours", of(|r| r.after_s / r.ours.took.as_secs_f64()), "×"),
    ];
    print!("{what} (goal: ≥ {GOAL} ×)\n{}", head(&format!("({} rounds)", rounds.len())));
    let mut json = json!({"what": what, "format": format, "goal": GOAL, "rounds": rounds.len()});
    for (key, name, figure, unit) in figures {
        print!("{}", row(name, figure, unit));
        json[key] = spread_json(figure);
    }
    println!();
    json
}
