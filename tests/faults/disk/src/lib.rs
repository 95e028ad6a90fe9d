//! A disk that loses what was not synced, fills up, or ends the program, preloaded under the whole command.
#![doc = include_str!("../README.md")]
//!
//! Set by the environment; without `CITYTWIN_DISK_UNDER` every call goes to the kernel untouched:
//! - `CITYTWIN_DISK_UNDER`: the folder whose files are watched; `-shm` files, which SQLite rebuilds, are not.
//! - `CITYTWIN_DISK_MODE`: `plain`, `drop` (what was not synced is lost), `torn` (some of it is), `lies` (as torn, and a
//!   sync does nothing, as `synchronous=OFF` has it).
//! - `CITYTWIN_DISK_SEED`: which writes a torn disk lets through.
//! - `CITYTWIN_DISK_KILL_AT`: the file operation (write, cut, sync, delete, rename) at which the program is killed.
//! - `CITYTWIN_DISK_KILL_TURN`: `TURN:OPERATION`, so many file operations after SQLite's write lock was taken for the nth
//!   time, 0 at once; when the lock is let go before, then.
//! - `CITYTWIN_DISK_KILL_TEXT`: killed before these bytes are written.
//! - `CITYTWIN_DISK_KILL_AFTER`: `TURNS:BYTES`, once these bytes were written, killed when the write lock is taken for the nth
//!   time from there on.
//! - `CITYTWIN_DISK_ROOM`: bytes by which files may grow before the disk is full.
//! - `CITYTWIN_DISK_BOX`: the file that outlives the program, see [`disk::Recorder`].

mod calls;
mod disk;
#[path = "../../src/unsynced.rs"]
mod unsynced;
