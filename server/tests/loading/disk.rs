//! The disk below the whole command: `tests/faults/disk`, preloaded. It loses what was not synced, fills up, or kills.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the program is to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    Never,
    /// At the nth file operation.
    Operation(u64),
    /// So many file operations after the write lock was taken for the nth time; 0 at once, a very large number when it is let go.
    Turn(u64, u64),
    /// Before these bytes are written.
    Text(&'static str),
    /// When the write lock is taken for the nth time after these bytes were written.
    After(&'static str, u64),
}

#[derive(Clone, Debug)]
pub struct Disk {
    /// `plain`, `drop`, `torn` or `lies`.
    pub mode: &'static str,
    pub seed: u64,
    pub kill: Kill,
    /// Bytes by which files may grow.
    pub room: Option<u64>,
}

/// What the disk had seen when the program ended.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub operations: u64,
    /// The write lock was held.
    pub writing: bool,
    /// How often it was taken.
    pub turns: u64,
    pub full: bool,
}

impl Disk {
    pub fn plain() -> Self {
        Self { mode: "plain", seed: 0, kill: Kill::Never, room: None }
    }

    /// Puts the disk below a command that works in `city`; what it has seen will stand in `recorder`.
    pub fn below(&self, command: &mut Command, city: &Path, recorder: &Path) {
        std::fs::write(recorder, [0; 4096]).unwrap();
        // The kernel names files by their true path.
        let parent = city.parent().unwrap().canonicalize().unwrap();
        command.env("LD_PRELOAD", library()).env("CITYTWIN_DISK_UNDER", parent.join(city.file_name().unwrap()));
        command.env("CITYTWIN_DISK_MODE", self.mode).env("CITYTWIN_DISK_SEED", self.seed.to_string());
        command.env("CITYTWIN_DISK_BOX", recorder);
        match self.kill {
            Kill::Never => {}
            Kill::Text(text) => drop(command.env("CITYTWIN_DISK_KILL_TEXT", text)),
            Kill::After(text, turns) => drop(command.env("CITYTWIN_DISK_KILL_AFTER", format!("{turns}:{text}"))),
            Kill::Operation(n) => drop(command.env("CITYTWIN_DISK_KILL_AT", n.to_string())),
            Kill::Turn(turn, operation) => drop(command.env("CITYTWIN_DISK_KILL_TURN", format!("{turn}:{operation}"))),
        }
        if let Some(room) = self.room {
            command.env("CITYTWIN_DISK_ROOM", room.to_string());
        }
    }
}

pub fn seen(recorder: &Path) -> Seen {
    let bytes = std::fs::read(recorder).unwrap();
    let number = |i: usize| u64::from_le_bytes(bytes[i * 8..i * 8 + 8].try_into().unwrap());
    Seen { operations: number(0), writing: number(1) == 1, turns: number(2), full: number(3) == 1 }
}

/// The library, built if it is not there: it is another package, so cargo does not bring it along.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| super::built("citytwin-faults-disk", "libcitytwin_faults_disk.so"))
}
