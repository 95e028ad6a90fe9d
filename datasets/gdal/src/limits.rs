//! Limits that the helper sets for itself before it looks at a foreign file.
//!
//! A damaged or hostile file may make the reading library spin or swallow memory. So: memory, CPU time and the size of
//! anything written are bounded by the kernel; no longer life than the parent's; and a watchdog ends a read that goes
//! silent. What the process may not do at all is `sandbox.rs`.

use std::io;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub memory_mib: u64,
    pub cpu_secs: u64,
    /// Longest silence between two pieces of output, not counting the time that the parent takes to read them.
    pub silence_secs: u32,
    /// Largest file that may be written. A reader writes none.
    pub file_mib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_mib: 4096, cpu_secs: 3600, silence_secs: 300, file_mib: 0 }
    }
}

impl Limits {
    pub fn set(self) -> io::Result<()> {
        let memory = self.memory_mib << 20;
        limit(libc::RLIMIT_AS, memory)?;
        limit(libc::RLIMIT_CPU, self.cpu_secs)?;
        limit(libc::RLIMIT_CORE, 0)?;
        limit(libc::RLIMIT_NOFILE, 256)?;
        limit(libc::RLIMIT_FSIZE, self.file_mib << 20)?;
        #[cfg(target_os = "linux")]
        {
            linux::die_with_parent();
        }
        Ok(())
    }
}

fn limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: a valid struct for the call's duration.
    if unsafe { libc::setrlimit(resource, &limit) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Starts the watchdog anew: unless called again, the process ends in so many seconds; 0 lets it sleep.
pub fn watch(secs: u32) {
    // SAFETY: alarm has no preconditions; the default action of its signal ends the process, as intended.
    unsafe {
        libc::alarm(secs);
    }
}

/// A walk that writes nothing says that it is alive.
pub fn still_alive() {
    watch(Limits::default().silence_secs);
}

/// Output that is not watched while it waits for its reader.
pub struct Unwatched<W> {
    pub inner: W,
    pub silence_secs: u32,
}

impl<W: io::Write> io::Write for Unwatched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        watch(0);
        let written = self.inner.write(bytes);
        watch(self.silence_secs);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Input that is not watched while it waits for its writer.
pub struct UnwatchedInput<R> {
    pub inner: R,
    pub silence_secs: u32,
}

impl<R: io::Read> io::Read for UnwatchedInput<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        watch(0);
        let read = self.inner.read(bytes);
        watch(self.silence_secs);
        read
    }
}

#[cfg(target_os = "linux")]
mod linux {
    /// A load that was killed leaves no reader behind.
    pub fn die_with_parent() {
        // SAFETY: plain integers in.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        }
    }
}
