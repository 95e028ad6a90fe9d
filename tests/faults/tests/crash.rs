//! Kills a writing process in every phase and compares what is left with what it was promised.

use citytwin_faults::scene::{self, Promised};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// When the child was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Opening,
    /// Of a call that is one transaction, before its commit was synced.
    InTransaction,
    /// Synced, and not yet answered.
    BetweenCommitAndAnswer,
    InLoad,
    InCheckpoint,
    Idle,
    /// By the clock, within a call.
    Anywhere,
    /// Not killed: it ended by itself.
    EndedItself,
}

#[derive(Default)]
struct Tally {
    kills: BTreeMap<Phase, u32>,
    promises: usize,
    broken: Vec<String>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let killed: u32 = self.kills.iter().filter(|(phase, _)| **phase != Phase::EndedItself).map(|(_, n)| n).sum();
        write!(f, "{killed} kills {:?}; {} promises checked, {} broken", self.kills, self.promises, self.broken.len())
    }
}

/// How the next kill is to be found.
#[derive(Clone, Copy)]
enum Aim {
    /// At a file operation.
    Operation(u64),
    /// After a commit, before its answer.
    Commit(u64),
    /// When it is idle for the nth time.
    Idle(u32),
    /// After so many microseconds.
    Clock(u64),
}

fn run(mode: &str, sync: &str, rounds: u32, seed: u64) -> Tally {
    let mut random = seed | 1;
    let mut below = move |n: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % n
    };
    let mut tally = Tally::default();
    let mut round = 0;
    while round < rounds {
        // A fresh city now and then, so that first writes and small logs are met too.
        let dir = tempfile::tempdir().unwrap();
        scene::create(dir.path());
        drop(citytwin_live::Live::open(dir.path()).unwrap());
        let mut promised = Promised::default();
        for _ in 0..25.min(rounds - round) {
            round += 1;
            let aim = match below(10) {
                0 | 1 => Aim::Idle(below(30) as u32 + 1),
                2 => Aim::Clock(below(80_000)),
                3..=5 => Aim::Commit(below(25) + 1),
                // Small numbers often: opening, recovery and first commits are where things go wrong.
                6 | 7 => Aim::Operation(below(60) + 1),
                _ => Aim::Operation(below(1000) + 1),
            };
            let phase = one_life(dir.path(), mode, sync, below(1 << 32), aim, &mut promised);
            *tally.kills.entry(phase).or_default() += 1;
            tally.promises += promised.len();
            let broken = scene::broken_promises(dir.path(), &promised);
            if !broken.is_empty() {
                tally.broken.extend(broken.into_iter().map(|line| format!("round {round}, killed {phase:?}: {line}")));
                // What is lost stays lost: go on with another city.
                break;
            }
        }
    }
    tally
}

fn one_life(dir: &Path, mode: &str, sync: &str, seed: u64, aim: Aim, promised: &mut Promised) -> Phase {
    let trap = match aim {
        Aim::Operation(n) => format!("operation:{n}"),
        Aim::Commit(n) => format!("commit:{n}"),
        Aim::Idle(_) | Aim::Clock(_) => "none".to_owned(),
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_citytwin-faults-child"))
        .arg(dir)
        .args([mode, sync, &seed.to_string(), &trap])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    if let Aim::Clock(micros) = aim {
        std::thread::sleep(Duration::from_micros(20_000 + micros));
        kill(&mut child);
    }
    let mut doing = "opening".to_owned();
    let mut idles = 0;
    for line in lines {
        let line = line.unwrap();
        promised.note(&line);
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "trap" => {
                kill(&mut child);
                let committed = words[3] != "0";
                return match doing.as_str() {
                    "opening" => Phase::Opening,
                    "load" => Phase::InLoad,
                    "checkpoint" => Phase::InCheckpoint,
                    "ending" => Phase::Idle,
                    _ if committed => Phase::BetweenCommitAndAnswer,
                    _ => Phase::InTransaction,
                };
            }
            "begin" => doing = words[1].to_owned(),
            "idle" | "open" => {
                doing = "ending".to_owned();
                idles += u32::from(words[0] == "idle");
                if matches!(aim, Aim::Idle(n) if n == idles) {
                    kill(&mut child);
                    return Phase::Idle;
                }
            }
            "end" => doing = "ended".to_owned(),
            _ => {}
        }
    }
    let status = child.wait().unwrap();
    match doing.as_str() {
        "ended" if status.success() => Phase::EndedItself,
        _ if matches!(aim, Aim::Clock(_)) => match doing.as_str() {
            "opening" => Phase::Opening,
            "ending" | "ended" => Phase::Idle,
            _ => Phase::Anywhere,
        },
        _ => panic!("the child ended while {doing}: {status}"),
    }
}

/// `kill -9`, and gone when this returns.
fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Rounds by default, or as many as the soak asks for.
fn rounds(by_default: u32) -> u32 {
    std::env::var("CITYTWIN_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(by_default)
}

fn nothing_is_lost(mode: &str, by_default: u32, seed: u64) {
    let start = Instant::now();
    let tally = run(mode, "full", rounds(by_default), seed);
    println!("{mode}, synchronous=FULL: {tally} ({:.1} s)", start.elapsed().as_secs_f64());
    assert!(tally.broken.is_empty(), "{:#?}", tally.broken);
    for phase in [Phase::InTransaction, Phase::BetweenCommitAndAnswer, Phase::Idle] {
        assert!(tally.kills.get(&phase).is_some_and(|n| *n > 0), "no kill {phase:?}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    nothing_is_lost("plain", 60, 11);
}

#[test]
fn nothing_acknowledged_is_lost_when_unsynced_writes_are() {
    nothing_is_lost("drop", 90, 22);
}

#[test]
fn nothing_acknowledged_is_lost_when_some_unsynced_writes_are() {
    nothing_is_lost("torn", 60, 33);
}

#[test]
fn without_syncing_the_file_layer_finds_losses() {
    let tally = run("drop", "off", 15, 44);
    println!("drop, synchronous=OFF: {tally}");
    assert!(!tally.broken.is_empty(), "a power cut without syncing must cost something; the file layer does not drop");
}
