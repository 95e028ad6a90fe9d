//! What the watched files hold beyond the kernel's own, and when the program is to end.

use crate::unsynced::Unsynced;
use libc::{c_int, c_long};
use std::collections::HashMap;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Plain,
    Drop,
    Torn,
    Lies,
}

/// Lies in a file that is mapped, so that it is what it was at the moment of the kill.
#[repr(C)]
pub struct Recorder {
    /// File operations so far.
    pub operations: AtomicU64,
    /// 1 while the program holds SQLite's write lock.
    pub writing: AtomicU64,
    /// How often it took it.
    pub turns: AtomicU64,
    /// 1 once a write was refused for want of room.
    pub full: AtomicU64,
    /// File operations since the write lock was taken.
    pub in_turn: AtomicU64,
}

pub struct Disk {
    under: Vec<u8>,
    mode: Mode,
    kill_at: u64,
    kill_turn: Option<(u64, u64)>,
    kill_text: Option<Vec<u8>>,
    /// So many turns after this was written comes the last.
    last_text: Option<(u64, Vec<u8>)>,
    /// How many are left from there on; 0 while it was not written.
    left: AtomicU64,
    room: Option<u64>,
    used: AtomicU64,
    random: AtomicU64,
    recorder: &'static Recorder,
    held: Mutex<HashMap<(u64, u64), Unsynced>>,
}

/// A watched file, while its unsynced writes are locked.
pub struct Held<'d> {
    pub disk: &'d Disk,
    pub fd: c_int,
    pub key: (u64, u64),
    pub real_len: i64,
    files: MutexGuard<'d, HashMap<(u64, u64), Unsynced>>,
}

static DISK: OnceLock<Option<Disk>> = OnceLock::new();

/// The disk, if this program is the one to be tried: not its helper, which inherits the environment.
pub fn disk() -> Option<&'static Disk> {
    DISK.get_or_init(Disk::of_environment).as_ref()
}

impl Disk {
    fn of_environment() -> Option<Self> {
        let setting = |name: &str| std::env::var_os(format!("CITYTWIN_DISK_{name}"));
        let number = |name: &str| setting(name).and_then(|text| text.to_str()?.parse::<u64>().ok());
        let under = setting("UNDER")?.into_vec();
        if !link_of(c"/proc/self/exe").ends_with(b"/citytwin") {
            return None;
        }
        let mode = match setting("MODE")?.to_str()? {
            "drop" => Mode::Drop,
            "torn" => Mode::Torn,
            "lies" => Mode::Lies,
            _ => Mode::Plain,
        };
        Some(Self {
            under,
            mode,
            kill_at: number("KILL_AT").unwrap_or(0),
            kill_turn: setting("KILL_TURN").and_then(|text| {
                let (turn, operation) = text.to_str()?.split_once(':')?;
                Some((turn.parse().ok()?, operation.parse().ok()?))
            }),
            kill_text: setting("KILL_TEXT").map(OsStringExt::into_vec),
            last_text: setting("KILL_AFTER").and_then(|text| {
                let (turns, text) = text.to_str()?.split_once(':')?;
                Some((turns.parse().ok()?, text.as_bytes().to_vec()))
            }),
            left: AtomicU64::new(0),
            room: number("ROOM"),
            used: AtomicU64::new(0),
            random: AtomicU64::new(number("SEED").unwrap_or(0) | 1),
            recorder: map(&PathBuf::from(setting("BOX")?)),
            held: Mutex::default(),
        })
    }

    /// Whether a file stands below the folder and is kept, by its name in the kernel's table.
    fn watches(&self, name: &[u8]) -> bool {
        name.starts_with(&self.under) && !name.ends_with(b"-shm")
    }

    fn watches_fd(&self, fd: c_int) -> bool {
        fd > 2 && self.watches(&name_of(fd))
    }

    pub fn watches_path(&self, path: &[u8]) -> bool {
        self.watches(path)
    }

    /// The file's own state; `None` for what is not watched.
    pub fn held(&self, fd: c_int) -> Option<Held<'_>> {
        if !self.watches_fd(fd) {
            return None;
        }
        let stat = stat_fd(fd)?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return None;
        }
        let files = self.files();
        Some(Held { disk: self, fd, key: (stat.st_dev, stat.st_ino), real_len: stat.st_size, files })
    }

    fn files(&self) -> MutexGuard<'_, HashMap<(u64, u64), Unsynced>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Length that readers see, where it is not the kernel's.
    pub fn pending_len(&self, dev: u64, ino: u64) -> Option<i64> {
        if self.mode == Mode::Plain { None } else { self.files().get(&(dev, ino))?.len }
    }

    /// The name is gone, and with it what the disk never had of the file.
    pub fn forget(&self, dev: u64, ino: u64) {
        self.files().remove(&(dev, ino));
    }

    pub fn holds_back(&self) -> bool {
        self.mode != Mode::Plain
    }

    pub fn syncs(&self) -> bool {
        self.mode != Mode::Lies
    }

    /// Counts an operation; at the one that was named, the program ends.
    pub fn passes(&self) {
        let n = self.recorder.operations.fetch_add(1, Ordering::SeqCst) + 1;
        let in_turn = self.recorder.in_turn.fetch_add(1, Ordering::SeqCst) + 1;
        let writing = self.recorder.writing.load(Ordering::SeqCst) == 1;
        if n == self.kill_at || (writing && self.kill_turn == Some((self.recorder.turns.load(Ordering::SeqCst), in_turn))) {
            end();
        }
    }

    /// What is about to be written; with the text that was named in it, the program ends.
    pub fn sees(&self, bytes: &[u8]) {
        let has = |text: &[u8]| bytes.windows(text.len()).any(|piece| piece == text);
        if self.kill_text.as_deref().is_some_and(has) {
            end();
        }
        if let Some((turns, text)) = &self.last_text
            && self.left.load(Ordering::SeqCst) == 0
            && has(text)
        {
            self.left.store(*turns, Ordering::SeqCst);
        }
    }

    /// SQLite's lock for writers was taken or let go.
    pub fn write_lock(&self, taken: bool) {
        if taken {
            self.recorder.in_turn.store(0, Ordering::SeqCst);
        }
        let turn = self.recorder.turns.fetch_add(u64::from(taken), Ordering::SeqCst) + u64::from(taken);
        self.recorder.writing.store(u64::from(taken), Ordering::SeqCst);
        // Named was the moment of taking the lock; or an operation that did not come before it was let go.
        let named = self.kill_turn.is_some_and(|(wanted, operation)| wanted == turn && (operation == 0 || !taken));
        let last = taken && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1);
        if named || last {
            end();
        }
    }

    /// Whether a file may grow by so many bytes.
    pub fn has_room(&self, growth: i64) -> bool {
        let Some(room) = self.room else { return true };
        let growth = growth.max(0) as u64;
        let fits = self.used.load(Ordering::SeqCst) + growth <= room;
        if fits {
            self.used.fetch_add(growth, Ordering::SeqCst);
        } else {
            self.recorder.full.store(1, Ordering::SeqCst);
        }
        fits
    }

    fn lets_through(&self) -> bool {
        let next = |x: u64| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let old = self.random.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |x| Some(next(x))).unwrap_or(1);
        matches!(self.mode, Mode::Torn | Mode::Lies) && (next(old) >> 40) & 1 == 1
    }
}

impl Held<'_> {
    /// Length as readers see it.
    pub fn len(&self) -> i64 {
        self.files.get(&self.key).and_then(|u| u.len).unwrap_or(self.real_len)
    }

    pub fn write(&mut self, at: i64, bytes: &[u8]) {
        let len = self.len();
        let unsynced = self.files.entry(self.key).or_default();
        unsynced.write(at, bytes, len);
        // A real disk may have taken this one already. Not beyond a cut that it has not seen: that would be another file.
        if unsynced.cut.is_none() && self.disk.lets_through() {
            raw_write(self.fd.into(), bytes, at);
        }
    }

    /// What a reader sees, up to the end of the file.
    pub fn read(&self, at: i64, bytes: &mut [u8]) -> usize {
        let n = (self.len() - at).clamp(0, bytes.len() as i64) as usize;
        let bytes = &mut bytes[..n];
        bytes.fill(0);
        let unsynced = self.files.get(&self.key);
        // What lies beyond the shortest cut is no longer the real file's.
        let real_len = self.real_len.min(unsynced.and_then(|u| u.cut).unwrap_or(i64::MAX));
        let from_real = (real_len - at).clamp(0, n as i64) as usize;
        // SAFETY: the slice is as long as it says.
        unsafe { raw(libc::SYS_pread64, [self.fd.into(), bytes.as_mut_ptr() as c_long, from_real as c_long, at]) };
        if let Some(unsynced) = unsynced {
            unsynced.overlay(at, bytes);
        }
        n
    }

    pub fn truncate(&mut self, len: i64) {
        self.files.entry(self.key).or_default().truncate(len);
    }

    /// All that was held back goes to the kernel, which outlives the program: that is what a sync means here.
    pub fn sync(&mut self) {
        let Some(unsynced) = self.files.remove(&self.key) else { return };
        let own = writable(self.fd);
        let fd = own.unwrap_or(self.fd.into());
        if let Some(cut) = unsynced.cut {
            // SAFETY: plain integers in.
            let rc = unsafe { raw(libc::SYS_ftruncate, [fd, cut, 0, 0]) };
            must(rc == 0);
        }
        for (at, piece) in &unsynced.pieces {
            raw_write(fd, piece, *at);
        }
        if let Some(own) = own {
            // SAFETY: ours, made above.
            unsafe { raw(libc::SYS_close, [own, 0, 0, 0]) };
        }
    }
}

/// As by `kill -9`.
fn end() {
    // SAFETY: plain integers in; it does not return.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
        loop {
            libc::pause();
        }
    }
}

/// The same file open for writing, where the one who syncs has it open for reading only. Not otherwise: closing it takes every
/// lock of this process on the file with it.
fn writable(fd: c_int) -> Option<c_long> {
    // SAFETY: plain integers in.
    let mode = unsafe { raw(libc::SYS_fcntl, [fd.into(), libc::F_GETFL.into(), 0, 0]) } & c_long::from(libc::O_ACCMODE);
    if mode != c_long::from(libc::O_RDONLY) {
        return None;
    }
    let name = std::ffi::CString::new(format!("/proc/self/fd/{fd}")).expect("no zero in it");
    let flags = libc::O_RDWR | libc::O_CLOEXEC;
    // SAFETY: a name that ends in a zero.
    let own = unsafe { raw(libc::SYS_openat, [libc::AT_FDCWD.into(), name.as_ptr() as c_long, flags.into(), 0]) };
    must(own >= 0);
    Some(own)
}

fn raw_write(fd: c_long, bytes: &[u8], at: i64) {
    // SAFETY: the slice is as long as it says.
    let written = unsafe { raw(libc::SYS_pwrite64, [fd, bytes.as_ptr() as c_long, bytes.len() as c_long, at]) };
    must(written == bytes.len() as c_long);
}

/// A disk that cannot play its part ends the program in a way that no test takes for a kill. It does not panic: a panic reads
/// files to say where, and they would be asked of this disk.
fn must(works: bool) {
    const SAID: &[u8] = b"the disk below the test: the machine's own disk fails\n";
    if !works {
        // SAFETY: the slice is as long as it says; abort does not return.
        unsafe {
            raw(libc::SYS_write, [2, SAID.as_ptr() as c_long, SAID.len() as c_long, 0]);
            libc::abort();
        }
    }
}

/// The kernel's own call, past every library.
///
/// # Safety
/// As the call itself: pointers and lengths must be what it expects.
pub unsafe fn raw(call: c_long, [a, b, c, d]: [c_long; 4]) -> c_long {
    unsafe { libc::syscall(call, a, b, c, d) }
}

pub fn stat_fd(fd: c_int) -> Option<libc::stat> {
    // SAFETY: a struct of the kernel's own layout, all of it numbers.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (raw(libc::SYS_fstat, [fd.into(), (&raw mut stat) as c_long, 0, 0]) == 0).then_some(stat)
    }
}

pub fn stat_path(path: *const libc::c_char) -> Option<libc::stat> {
    // SAFETY: the caller's text ends in a zero; a struct of the kernel's own layout.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        let found = raw(libc::SYS_newfstatat, [libc::AT_FDCWD.into(), path as c_long, (&raw mut stat) as c_long, 0]);
        (found == 0).then_some(stat)
    }
}

/// The name of an open file, as the kernel has it.
pub fn name_of(fd: c_int) -> Vec<u8> {
    let name = std::ffi::CString::new(format!("/proc/self/fd/{fd}")).expect("no zero in it");
    link_of(&name)
}

fn link_of(name: &std::ffi::CStr) -> Vec<u8> {
    let mut text = vec![0u8; 4096];
    // SAFETY: the buffer is as long as it says.
    let n = unsafe { libc::readlink(name.as_ptr(), text.as_mut_ptr().cast(), text.len()) };
    text.truncate(n.max(0) as usize);
    text
}

/// The recorder in its file, made by the test and large enough.
fn map(path: &std::path::Path) -> &'static Recorder {
    let name = std::ffi::CString::new(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())).expect("a path has no zero");
    // SAFETY: mapped for as long as the process lives; atomics of any bytes are valid.
    unsafe {
        let fd = libc::open(name.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        assert!(fd >= 0, "the recorder's file is there");
        let at = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd, 0);
        assert_ne!(at, libc::MAP_FAILED, "the recorder's file can be mapped");
        &*at.cast::<Recorder>()
    }
}
