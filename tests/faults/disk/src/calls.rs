//! The C library's file calls, as the program finds them instead of the C library's own.
//!
//! Calls with a variable number of arguments are taken with a fixed one: on the processors meant here both are passed alike.
#![allow(clippy::missing_safety_doc, reason = "each is what the C library says of it")]

use crate::disk::{Disk, Held, disk, name_of, raw, stat_path};
use libc::{c_char, c_int, c_long, c_void, off_t, size_t, ssize_t};
use std::ffi::CStr;

/// SQLite's lock for writers of a log: the first of its lock bytes in the shared memory's file (wal.c, os_unix.c).
const WRITE_LOCK: off_t = (22 + 8) * 4;

fn failed(errno: c_int) -> ssize_t {
    // SAFETY: the C library's own place for it, this thread's.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// The file, and what its next operation has to pass: watched files only.
fn watched(fd: c_int) -> Option<Held<'static>> {
    disk()?.held(fd)
}

fn write_at(mut file: Held, bytes: &[u8], at: i64, kernel: impl FnOnce() -> ssize_t) -> ssize_t {
    file.disk.passes();
    file.disk.sees(bytes);
    if !file.disk.has_room(at + bytes.len() as i64 - file.len()) {
        return failed(libc::ENOSPC);
    }
    if !file.disk.holds_back() {
        drop(file);
        return kernel();
    }
    file.write(at, bytes);
    bytes.len() as ssize_t
}

fn place_of(fd: c_int) -> i64 {
    // SAFETY: plain integers in.
    unsafe { raw(libc::SYS_lseek, [fd.into(), 0, libc::SEEK_CUR.into(), 0]) }
}

fn go_to(fd: c_int, at: i64) {
    // SAFETY: plain integers in.
    unsafe { raw(libc::SYS_lseek, [fd.into(), at, libc::SEEK_SET.into(), 0]) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, buffer: *const c_void, n: size_t, at: off_t) -> ssize_t {
    let kernel = || unsafe { raw(libc::SYS_pwrite64, [fd.into(), buffer as c_long, n as c_long, at]) as ssize_t };
    match watched(fd) {
        Some(file) => write_at(file, unsafe { std::slice::from_raw_parts(buffer.cast(), n) }, at, kernel),
        None => kernel(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, buffer: *const c_void, n: size_t, at: off_t) -> ssize_t {
    unsafe { pwrite64(fd, buffer, n, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, n: size_t) -> ssize_t {
    let kernel = || unsafe { raw(libc::SYS_write, [fd.into(), buffer as c_long, n as c_long, 0]) as ssize_t };
    let Some(file) = watched(fd) else { return kernel() };
    let appends = unsafe { libc::syscall(libc::SYS_fcntl, fd, libc::F_GETFL) } & c_long::from(libc::O_APPEND) != 0;
    let at = if appends { file.len() } else { place_of(fd) };
    let held_back = file.disk.holds_back();
    let written = write_at(file, unsafe { std::slice::from_raw_parts(buffer.cast(), n) }, at, kernel);
    if held_back && written > 0 {
        go_to(fd, at + written as i64);
    }
    written
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread64(fd: c_int, buffer: *mut c_void, n: size_t, at: off_t) -> ssize_t {
    match watched(fd).filter(|file| file.disk.holds_back()) {
        Some(file) => file.read(at, unsafe { std::slice::from_raw_parts_mut(buffer.cast(), n) }) as ssize_t,
        None => unsafe { raw(libc::SYS_pread64, [fd.into(), buffer as c_long, n as c_long, at]) as ssize_t },
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(fd: c_int, buffer: *mut c_void, n: size_t, at: off_t) -> ssize_t {
    unsafe { pread64(fd, buffer, n, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: c_int, buffer: *mut c_void, n: size_t) -> ssize_t {
    let Some(file) = watched(fd).filter(|file| file.disk.holds_back()) else {
        return unsafe { raw(libc::SYS_read, [fd.into(), buffer as c_long, n as c_long, 0]) as ssize_t };
    };
    let at = place_of(fd);
    let read = file.read(at, unsafe { std::slice::from_raw_parts_mut(buffer.cast(), n) });
    go_to(fd, at + read as i64);
    read as ssize_t
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, len: off_t) -> c_int {
    if let Some(mut file) = watched(fd) {
        file.disk.passes();
        if !file.disk.has_room(len - file.len()) {
            return failed(libc::ENOSPC) as c_int;
        }
        if file.disk.holds_back() {
            file.truncate(len);
            return 0;
        }
    }
    unsafe { raw(libc::SYS_ftruncate, [fd.into(), len, 0, 0]) as c_int }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, len: off_t) -> c_int {
    unsafe { ftruncate64(fd, len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    synced(fd, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    synced(fd, libc::SYS_fdatasync)
}

fn synced(fd: c_int, call: c_long) -> c_int {
    if let Some(mut file) = watched(fd) {
        file.disk.passes();
        // The real disk is asked only where nothing stands in for it: the kernel survives the test, and syncing slows it.
        if file.disk.holds_back() {
            if file.disk.syncs() {
                file.sync();
            }
            return 0;
        }
    }
    // SAFETY: plain integers in.
    unsafe { raw(call, [fd.into(), 0, 0, 0]) as c_int }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstat64(fd: c_int, out: *mut libc::stat) -> c_int {
    let rc = unsafe { raw(libc::SYS_fstat, [fd.into(), out as c_long, 0, 0]) } as c_int;
    unsafe { as_readers_see(rc, out) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstat(fd: c_int, out: *mut libc::stat) -> c_int {
    unsafe { fstat64(fd, out) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn stat64(path: *const c_char, out: *mut libc::stat) -> c_int {
    let rc = unsafe { raw(libc::SYS_newfstatat, [libc::AT_FDCWD.into(), path as c_long, out as c_long, 0]) } as c_int;
    unsafe { as_readers_see(rc, out) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn stat(path: *const c_char, out: *mut libc::stat) -> c_int {
    unsafe { stat64(path, out) }
}

unsafe fn as_readers_see(rc: c_int, out: *mut libc::stat) -> c_int {
    if let (0, Some(disk)) = (rc, disk()) {
        let out = unsafe { &mut *out };
        out.st_size = disk.pending_len(out.st_dev, out.st_ino).unwrap_or(out.st_size);
    }
    rc
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn statx(fd: c_int, path: *const c_char, flags: c_int, mask: u32, out: *mut libc::statx) -> c_int {
    let rc = unsafe { libc::syscall(libc::SYS_statx, fd, path, flags, mask, out) } as c_int;
    if let (0, Some(disk)) = (rc, disk()) {
        let out = unsafe { &mut *out };
        let dev = libc::makedev(out.stx_dev_major, out.stx_dev_minor);
        out.stx_size = disk.pending_len(dev, out.stx_ino).map_or(out.stx_size, |len| len as u64);
    }
    rc
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unsafe { leaves(path) };
    unsafe { raw(libc::SYS_unlinkat, [libc::AT_FDCWD.into(), path as c_long, 0, 0]) as c_int }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { leaves(to) };
    let here = c_long::from(libc::AT_FDCWD);
    unsafe { libc::syscall(libc::SYS_renameat2, here, from, here, to, 0) as c_int }
}

/// The file at `path`, if there is one, is about to lose its name.
unsafe fn leaves(path: *const c_char) {
    let Some(disk) = disk() else { return };
    let watched = |disk: &Disk| disk.watches_path(unsafe { CStr::from_ptr(path) }.to_bytes());
    if !watched(disk) {
        return;
    }
    disk.passes();
    if let Some(stat) = stat_path(path) {
        disk.forget(stat.st_dev, stat.st_ino);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int {
    let rc = unsafe { libc::syscall(libc::SYS_fcntl, fd, command, argument) } as c_int;
    if rc == 0
        && command == libc::F_SETLK
        && let Some(disk) = disk()
    {
        let lock = unsafe { &*(argument as *const libc::flock) };
        let covers = lock.l_start <= WRITE_LOCK && WRITE_LOCK < lock.l_start + lock.l_len;
        if covers && name_of(fd).ends_with(b"/city.gpkg-shm") {
            disk.write_lock(c_int::from(lock.l_type) == libc::F_WRLCK);
        }
    }
    rc
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    unsafe { fcntl64(fd, command, argument) }
}
