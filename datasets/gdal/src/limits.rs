//! Limits that the helper sets for itself before it looks at a foreign file.
//!
//! A damaged or hostile file may make the reading library spin, swallow memory or try to open something else. So:
//! memory, CPU time and the size of anything written are bounded by the kernel; no socket, no other program; no
//! longer life than the parent's; and a watchdog ends a read that goes silent.

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
        Self { memory_mib: 4096, cpu_secs: 3600, silence_secs: 300, file_mib: 64 }
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
            linux::no_network_no_programs();
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

    /// A seccomp filter: `socket`, `execve` and `ptrace` answer "not permitted". Where the kernel has no seccomp the
    /// list of formats still holds; this is the second lock, not the first.
    pub fn no_network_no_programs() {
        #[cfg(target_arch = "x86_64")]
        const ARCH: u32 = 0xC000_003E;
        #[cfg(target_arch = "aarch64")]
        const ARCH: u32 = 0xC000_00B7;
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        {
            const DENIED: [libc::c_long; 5] =
                [libc::SYS_socket, libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace, libc::SYS_io_uring_setup];
            let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
            let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
            let answer = (libc::BPF_RET | libc::BPF_K) as u16;
            let op = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
            // Offsets of seccomp_data: nr at 0, arch at 4. Another architecture's calls are denied whole.
            let mut filter = vec![
                op(load, 0, 0, 4),
                op(equal, 1, 0, ARCH),
                op(answer, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
                op(load, 0, 0, 0),
            ];
            for nr in DENIED {
                filter.push(op(equal, 0, 1, nr as u32));
                filter.push(op(answer, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
            }
            filter.push(op(answer, 0, 0, libc::SECCOMP_RET_ALLOW));
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            // SAFETY: the program outlives the call, which copies it.
            unsafe {
                if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 {
                    libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program as *const _, 0, 0);
                }
            }
        }
    }
}
