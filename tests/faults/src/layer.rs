//! A file layer under SQLite that can lose what was not synced, and that can stop the program at any file operation.
//!
//! It wraps SQLite's own layer for this machine. In [`Mode::Drop`] a write stays in this process's memory until SQLite
//! syncs the file; every reader of this process sees it, the disk does not. When the process is killed, the disk is what
//! it was at the last sync, as after a power cut. [`Mode::Torn`] lets some of the unsynced writes through, in pages, as
//! real disks do. Shared memory (`-shm`) is passed on: SQLite rebuilds it from the log whenever the first connection
//! opens a file. Creating and deleting files takes effect at once; that the folder is synced is not tested here.

use crate::unsynced::Unsynced;
use rusqlite::ffi;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::Write;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Writes go to the kernel, as always.
    Plain,
    /// Writes not yet synced are lost with the process.
    Drop,
    /// Of the writes not yet synced some are lost, some are not.
    Torn { seed: u64 },
}

/// Where the process is to stop and wait to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    None,
    /// At the nth write or sync.
    Operation(u64),
    /// At the nth of them from the first time on that the call of this name begins.
    Within(&'static str, u64),
    /// Just after the nth commit was synced.
    Commit(u64),
}

/// What the log or database file was about to do, or had just done, when the trap sprang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Write,
    BeforeSync,
    AfterSync,
}

struct Layer {
    mode: Mode,
    real: *mut ffi::sqlite3_vfs,
    trap: Trap,
    operations: AtomicU64,
    /// Commits synced, ever and since [`mark`]; and pages written to a log since its last sync.
    commits: AtomicU64,
    commits_of_call: AtomicU64,
    pages: AtomicU64,
    random: AtomicU64,
    files: Mutex<HashMap<Vec<u8>, Arc<Mutex<Unsynced>>>>,
}

// The real layer is a static of SQLite's, never changed after its start.
unsafe impl Send for Layer {}
unsafe impl Sync for Layer {}

static LAYER: OnceLock<Layer> = OnceLock::new();

/// Puts the layer under every SQLite connection that this process opens from now on.
pub fn install(mode: Mode, trap: Trap) {
    // SAFETY: SQLite is initialised by `sqlite3_initialize`; the default layer lives as long as the process.
    unsafe {
        ffi::sqlite3_initialize();
        let real = ffi::sqlite3_vfs_find(ptr::null());
        assert!(!real.is_null());
        let seed = if let Mode::Torn { seed } = mode { seed } else { 0 };
        let count = || AtomicU64::new(0);
        let random = AtomicU64::new(seed | 1);
        let layer = Layer {
            mode,
            real,
            trap,
            operations: AtomicU64::new(if let Trap::Within(..) = trap { NOT_YET } else { 0 }),
            commits: count(),
            commits_of_call: count(),
            pages: count(),
            random,
            files: Mutex::default(),
        };
        assert!(LAYER.set(layer).is_ok(), "the layer is installed once");
        let mut vfs = *real;
        vfs.szOsFile = size_of::<Shim>() as c_int + (*real).szOsFile;
        vfs.pNext = ptr::null_mut();
        vfs.zName = c"citytwin-faults".as_ptr();
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        let rc = ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 1);
        assert_eq!(rc, ffi::SQLITE_OK);
    }
}

/// Before the call that a trap is set in, nothing counts.
const NOT_YET: u64 = 1 << 40;

/// A call begins: commits are counted from here.
pub fn mark(call: &str) {
    if let Some(layer) = LAYER.get() {
        if matches!(layer.trap, Trap::Within(within, _) if within == call) && layer.operations.load(Ordering::Relaxed) >= NOT_YET {
            layer.operations.store(0, Ordering::Relaxed);
        }
        layer.pages.store(0, Ordering::Relaxed);
        layer.commits_of_call.store(0, Ordering::Relaxed);
    }
}

/// Our part of an open file; the real layer's part follows it in memory.
#[repr(C)]
struct Shim {
    base: ffi::sqlite3_file,
    /// `None` for temporary files, which nobody expects after a crash.
    unsynced: Option<Arc<Mutex<Unsynced>>>,
    is_log: bool,
}

fn layer() -> &'static Layer {
    LAYER.get().expect("files are opened through the layer only after it is installed")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Layer {
    /// Counts an operation; at the trap, says so and waits for the end.
    fn passes(&self, is_log: bool, moment: Moment) {
        let n = self.operations.fetch_add(1, Ordering::Relaxed) + 1;
        if match self.trap {
            Trap::None => false,
            Trap::Operation(at) | Trap::Within(_, at) => n == at,
            Trap::Commit(at) => moment == Moment::AfterSync && self.commits.load(Ordering::Relaxed) == at,
        } {
            let file = if is_log { "log" } else { "database" };
            println!("trap {file} {moment:?} {}", self.commits_of_call.load(Ordering::Relaxed));
            std::io::stdout().flush().ok();
            loop {
                std::thread::park();
            }
        }
    }

    fn toss(&self) -> bool {
        let next = |x: u64| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let old = self.random.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |x| Some(next(x))).unwrap_or(1);
        (next(old) >> 40) & 1 == 1
    }
}

unsafe fn shim<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Shim {
    unsafe { &mut *file.cast::<Shim>() }
}

unsafe fn real_file(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    unsafe { file.cast::<u8>().add(size_of::<Shim>()).cast() }
}

unsafe fn real_methods<'a>(file: *mut ffi::sqlite3_file) -> &'a ffi::sqlite3_io_methods {
    unsafe { &*(*real_file(file)).pMethods }
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    unsafe {
        let layer = layer();
        ptr::write(file.cast::<Shim>(), Shim { base: ffi::sqlite3_file { pMethods: ptr::null() }, unsynced: None, is_log: false });
        let rc = (*layer.real).xOpen.expect("every layer opens")(layer.real, name, real_file(file), flags, out_flags);
        if !(*real_file(file)).pMethods.is_null() {
            (*file).pMethods = &METHODS;
        }
        let kept = flags & (ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL);
        if rc == ffi::SQLITE_OK && kept != 0 && !name.is_null() {
            let name = CStr::from_ptr(name).to_bytes().to_vec();
            let shim = shim(file);
            shim.is_log = flags & ffi::SQLITE_OPEN_WAL != 0;
            shim.unsynced = Some(locked(&layer.files).entry(name).or_default().clone());
        }
        rc
    }
}

unsafe extern "C" fn delete(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    unsafe {
        let layer = layer();
        locked(&layer.files).remove(CStr::from_ptr(name).to_bytes());
        (*layer.real).xDelete.expect("every layer deletes")(layer.real, name, sync_dir)
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2: shared memory, but no memory-mapped pages, which would bypass what is not synced.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    unsafe {
        let rc = real_methods(file).xClose.expect("every file closes")(real_file(file));
        ptr::drop_in_place(file.cast::<Shim>());
        rc
    }
}

unsafe fn real_size(file: *mut ffi::sqlite3_file) -> Result<i64, c_int> {
    let mut size = 0;
    match unsafe { real_methods(file).xFileSize.expect("every file has a size")(real_file(file), &mut size) } {
        ffi::SQLITE_OK => Ok(size),
        rc => Err(rc),
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    unsafe {
        let pending = shim(file).unsynced.as_ref().and_then(|u| locked(u).len);
        match pending.map_or_else(|| real_size(file), Ok) {
            Ok(size) => {
                *out = size;
                ffi::SQLITE_OK
            }
            Err(rc) => rc,
        }
    }
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, buffer: *mut c_void, amount: c_int, at: i64) -> c_int {
    unsafe {
        let real = real_methods(file).xRead.expect("every file reads");
        let Some(unsynced) = &shim(file).unsynced else { return real(real_file(file), buffer, amount, at) };
        let unsynced = locked(unsynced);
        let Some(len) = unsynced.len else {
            drop(unsynced);
            return real(real_file(file), buffer, amount, at);
        };
        let bytes = std::slice::from_raw_parts_mut(buffer.cast::<u8>(), amount as usize);
        bytes.fill(0);
        // What lies beyond the shortest cut is no longer the real file's.
        let real_len = match real_size(file) {
            Ok(size) => size.min(unsynced.cut.unwrap_or(i64::MAX)),
            Err(rc) => return rc,
        };
        let from_real = (real_len - at).clamp(0, i64::from(amount)) as c_int;
        if from_real > 0 {
            let rc = real(real_file(file), buffer, from_real, at);
            if rc != ffi::SQLITE_OK {
                return rc;
            }
        }
        unsynced.overlay(at, bytes);
        if at + i64::from(amount) > len {
            bytes[(len - at).clamp(0, i64::from(amount)) as usize..].fill(0);
            return ffi::SQLITE_IOERR_SHORT_READ;
        }
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, buffer: *const c_void, amount: c_int, at: i64) -> c_int {
    unsafe {
        let real = real_methods(file).xWrite.expect("every file writes");
        let layer = layer();
        let this = shim(file);
        let Some(unsynced) = &this.unsynced else { return real(real_file(file), buffer, amount, at) };
        layer.passes(this.is_log, Moment::Write);
        // Frame and log headers are shorter than any page.
        if this.is_log && amount >= 512 {
            layer.pages.fetch_add(1, Ordering::Relaxed);
        }
        if layer.mode == Mode::Plain {
            return real(real_file(file), buffer, amount, at);
        }
        let bytes = std::slice::from_raw_parts(buffer.cast::<u8>(), amount as usize);
        let mut unsynced = locked(unsynced);
        let len = match unsynced.len.map_or_else(|| real_size(file), Ok) {
            Ok(len) => len,
            Err(rc) => return rc,
        };
        unsynced.write(at, bytes, len);
        // A disk may have taken this one already. Not beyond a cut that it has not seen: that would be another file.
        if matches!(layer.mode, Mode::Torn { .. }) && unsynced.cut.is_none() && layer.toss() {
            return real(real_file(file), buffer, amount, at);
        }
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    unsafe {
        let this = shim(file);
        match &this.unsynced {
            Some(unsynced) if layer().mode != Mode::Plain => {
                layer().passes(this.is_log, Moment::Write);
                locked(unsynced).truncate(size);
                ffi::SQLITE_OK
            }
            _ => real_methods(file).xTruncate.expect("every file is cut")(real_file(file), size),
        }
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    unsafe {
        let this = shim(file);
        let real = real_methods(file);
        let Some(unsynced) = &this.unsynced else { return real.xSync.expect("every file syncs")(real_file(file), flags) };
        layer().passes(this.is_log, Moment::BeforeSync);
        {
            let mut unsynced = locked(unsynced);
            if let Some(cut) = unsynced.cut.take() {
                let rc = real.xTruncate.expect("every file is cut")(real_file(file), cut);
                if rc != ffi::SQLITE_OK {
                    return rc;
                }
            }
            for (at, piece) in std::mem::take(&mut unsynced.pieces) {
                let rc = real.xWrite.expect("every file writes")(real_file(file), piece.as_ptr().cast(), piece.len() as c_int, at);
                if rc != ffi::SQLITE_OK {
                    return rc;
                }
            }
            unsynced.len = None;
        }
        // The real disk is asked only where nothing stands in for it: the kernel survives the test, and syncing slows it.
        let rc = if layer().mode == Mode::Plain { real.xSync.expect("every file syncs")(real_file(file), flags) } else { ffi::SQLITE_OK };
        if this.is_log && layer().pages.swap(0, Ordering::Relaxed) > 0 {
            layer().commits.fetch_add(1, Ordering::Relaxed);
            layer().commits_of_call.fetch_add(1, Ordering::Relaxed);
        }
        layer().passes(this.is_log, Moment::AfterSync);
        rc
    }
}

/// Passes a call on to the real file.
macro_rules! passed_on {
    ($name:ident, $method:ident $(, $arg:ident: $ty:ty)*) => {
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $arg: $ty)*) -> c_int {
            unsafe { real_methods(file).$method.expect("SQLite's own layer has all methods")(real_file(file) $(, $arg)*) }
        }
    };
}

passed_on!(lock, xLock, level: c_int);
passed_on!(unlock, xUnlock, level: c_int);
passed_on!(check_reserved_lock, xCheckReservedLock, out: *mut c_int);
passed_on!(file_control, xFileControl, op: c_int, arg: *mut c_void);
passed_on!(sector_size, xSectorSize);
passed_on!(device_characteristics, xDeviceCharacteristics);
passed_on!(shm_map, xShmMap, page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void);
passed_on!(shm_lock, xShmLock, offset: c_int, n: c_int, flags: c_int);
passed_on!(shm_unmap, xShmUnmap, delete: c_int);

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    unsafe { real_methods(file).xShmBarrier.expect("SQLite's own layer has all methods")(real_file(file)) }
}
