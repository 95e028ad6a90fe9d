//! Which other programs have the store open, and which holds its write lock, so that who waits can be told for whom.
//!
//! The kernel lists who has locked which bytes of which file; SQLite locks one known byte for writing, and another for as
//! long as a program has the log open.

use crate::store::FILE;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// In the file beside the log that all writers share.
const LOG_WRITE_BYTE: u64 = 120;
/// In the same file: every program that has the log open shares a lock on it.
const LOG_OPEN_BYTE: u64 = 128;
/// In the database itself, without a log: PENDING and RESERVED, then the SHARED range.
const PLAIN_BYTES: std::ops::Range<u64> = 0x4000_0000..0x4000_0200;
const LOOKS: u32 = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A program that writes to a city.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// As the system knows it, such as `qgis.bin`; cut to 15 bytes there.
    pub program: String,
    pub pid: u32,
}

/// Another process that holds the write lock of the city in `dir` now. `None` when there is none, or the system does not say.
pub fn write_lock_holder(dir: &Path) -> Option<Holder> {
    let inode = |name: &str| std::fs::metadata(dir.join(name)).ok().map(|there| there.ino());
    let (shared, plain) = (inode(&format!("{FILE}-shm")), inode(FILE));
    let pid = (0..LOOKS).find_map(|look| {
        if look > 0 {
            std::thread::sleep(LOOK_AGAIN);
        }
        holder_among(&list_of_locks()?, shared, plain, std::process::id())
    })?;
    let program = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(Holder { program: program.trim().to_owned(), pid })
}

/// Whether another process has the city's store open. Where the system does not say, it counts as so.
pub(crate) fn has_company(dir: &Path) -> bool {
    let Ok(shared) = std::fs::metadata(dir.join(format!("{FILE}-shm"))) else { return true };
    list_of_locks().is_none_or(|locks| {
        let mut own = false;
        let mut others = false;
        for pid in locks_on(&locks, shared.ino(), LOG_OPEN_BYTE) {
            if pid == std::process::id() { own = true } else { others = true }
        }
        // Our own connection must be in the list, else it is not the list we take it for.
        others || !own
    })
}

/// The kernel hands the list out by the page, and counts lines from page to page: where programs lock and unlock meanwhile,
/// as all that wait do, one may be passed over. So it is read in large pieces, and looked at again.
fn list_of_locks() -> Option<String> {
    let mut file = std::fs::File::open("/proc/locks").ok()?;
    let (mut list, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut piece).ok()? {
            0 => return Some(String::from_utf8_lossy(&list).into_owned()),
            n => list.extend_from_slice(&piece[..n]),
        }
    }
}

/// A lock that a process holds.
struct Lock {
    is_for_writing: bool,
    pid: u32,
    inode: u64,
    from: u64,
    to: u64,
}

impl Lock {
    /// From a line such as `1: POSIX  ADVISORY  WRITE 4711 fe:00:131842 120 120`.
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        // One that waits for a lock has an arrow before its kind; it holds nothing.
        let [_, "POSIX" | "OFDLCK", _, mode, pid, file, from, to] = words[..] else { return None };
        let to = if to == "EOF" { u64::MAX } else { to.parse().ok()? };
        let inode = file.rsplit(':').next()?.parse().ok()?;
        Some(Self { is_for_writing: mode == "WRITE", pid: pid.parse().ok()?, inode, from: from.parse().ok()?, to })
    }
}

/// Who holds a lock on a byte of a file.
fn locks_on(locks: &str, inode: u64, byte: u64) -> impl Iterator<Item = u32> {
    let held = locks.lines().filter_map(Lock::parse);
    held.filter(move |lock| lock.inode == inode && (lock.from..=lock.to).contains(&byte)).map(|lock| lock.pid)
}

fn holder_among(locks: &str, shared: Option<u64>, plain: Option<u64>, own: u32) -> Option<u32> {
    locks.lines().filter_map(Lock::parse).find_map(|lock| {
        let in_log = shared == Some(lock.inode) && (lock.from..=lock.to).contains(&LOG_WRITE_BYTE);
        let in_file = plain == Some(lock.inode) && PLAIN_BYTES.contains(&lock.from);
        (lock.is_for_writing && (in_log || in_file) && lock.pid != own).then_some(lock.pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKS: &str = "\
1: POSIX  ADVISORY  READ 300 fe:00:77 123 123
2: -> POSIX  ADVISORY  WRITE 301 fe:00:77 120 120
3: FLOCK  ADVISORY  WRITE 302 fe:00:77 0 EOF
4: POSIX  ADVISORY  WRITE 303 fe:00:77 120 120
5: POSIX  ADVISORY  WRITE 304 fe:00:78 1073741825 1073741825
6: POSIX  ADVISORY  WRITE -1 fe:00:79 120 120
";

    #[test]
    fn all_that_have_the_log_open_are_seen() {
        let locks = "1: POSIX  ADVISORY  READ 300 fe:00:77 128 128\n2: POSIX  ADVISORY  READ 301 fe:00:77 124 EOF\n3: POSIX  ADVISORY  READ 302 fe:00:78 128 128";
        assert_eq!(locks_on(locks, 77, LOG_OPEN_BYTE).collect::<Vec<_>>(), [300, 301]);
        assert_eq!(locks_on(locks, 79, LOG_OPEN_BYTE).count(), 0);
    }

    #[test]
    fn who_writes_is_told_from_who_reads_or_waits() {
        assert_eq!(holder_among(LOCKS, Some(77), Some(76), 1), Some(303));
        assert_eq!(holder_among(LOCKS, Some(76), Some(78), 1), Some(304));
        assert_eq!(holder_among(LOCKS, Some(77), Some(76), 303), None, "not ourselves");
        assert_eq!(holder_among(LOCKS, Some(79), Some(76), 1), None, "the system does not say who");
        assert_eq!(holder_among("", Some(77), Some(78), 1), None);
    }
}
