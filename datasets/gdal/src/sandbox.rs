//! What the helper may not do, locked by the kernel before it looks at a foreign file.
//!
//! Files: only the data set that was named may be read, and what the libraries themselves need (Landlock, Linux 5.13 or
//! newer). Network, other programs: not at all (seccomp). The list of formats is the first lock, this is the second;
//! where a kernel lacks one, the load goes on and says so.

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use std::path::{Path, PathBuf};

/// Rights that are asked for; an older kernel holds those that it knows.
const KERNEL: ABI = ABI::V4;
/// Where Debian and hand-built libraries keep their code and tables. Nobody's secrets lie there.
const LIBRARIES: [&str; 5] = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime"];
/// Where settings say that libraries or their tables lie.
const SAID: [&str; 4] = ["LD_LIBRARY_PATH", "GDAL_DATA", "PROJ_DATA", "PROJ_LIB"];

/// Which of the locks do not hold, and why; empty when all do.
#[derive(Debug, Default, PartialEq)]
pub struct Unlocked(pub Vec<String>);

/// Shuts the process in: it may read `read`, and write below `write`.
pub fn shut(read: &[PathBuf], write: Option<&Path>) -> Unlocked {
    let mut unlocked = Vec::new();
    match shut_files(read, write) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {}
        Ok(RulesetStatus::NotEnforced) => unlocked.push("Landlock: not in this kernel".to_owned()),
        Err(error) => unlocked.push(format!("Landlock: {error}")),
    }
    if let Err(why) = no_network_no_programs() {
        unlocked.push(format!("seccomp: {why}"));
    }
    Unlocked(unlocked)
}

fn shut_files(read: &[PathBuf], write: Option<&Path>) -> Result<RulesetStatus, RulesetError> {
    let (reading, all) = (AccessFs::ReadFile | AccessFs::ReadDir, AccessFs::from_all(KERNEL));
    let said = SAID.iter().filter_map(std::env::var_os).flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>());
    let grids = std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share/proj"));
    let read = LIBRARIES.iter().map(PathBuf::from).chain(said).chain(grids).chain(read.iter().cloned()).map(|path| (path, reading));
    let write = write.map(|path| (path.to_owned(), all));
    let mut rules = Ruleset::default().handle_access(all)?.handle_access(AccessNet::from_all(KERNEL))?.create()?;
    for (path, access) in read.chain(write) {
        let Ok(metadata) = path.metadata() else { continue };
        let access = if metadata.is_dir() { access } else { access & AccessFs::from_file(KERNEL) };
        let Ok(handle) = PathFd::new(&path) else { continue };
        rules = rules.add_rule(PathBeneath::new(handle, access))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn no_network_no_programs() -> Result<(), String> {
    Err("no filter for this processor".to_owned())
}

/// A seccomp filter: sockets, other programs and a look into other processes answer "not permitted".
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn no_network_no_programs() -> Result<(), String> {
    #[cfg(target_arch = "x86_64")]
    const ARCH: u32 = 0xC000_003E;
    #[cfg(target_arch = "aarch64")]
    const ARCH: u32 = 0xC000_00B7;
    /// Numbers from here on are x32 calls: other names of the same doors.
    const X32: u32 = 0x4000_0000;
    const DENIED: [libc::c_long; 12] = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_open_by_handle_at,
        libc::SYS_io_uring_setup,
        libc::SYS_bpf,
    ];
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let at_least = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    let no = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let op = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // Offsets of seccomp_data: nr at 0, arch at 4. Another architecture's calls are denied whole.
    let mut filter = vec![op(load, 0, 0, 4), op(equal, 1, 0, ARCH), op(answer, 0, 0, no), op(load, 0, 0, 0)];
    filter.extend([op(at_least, 0, 1, X32), op(answer, 0, 0, no)]);
    for nr in DENIED {
        filter.extend([op(equal, 0, 1, nr as u32), op(answer, 0, 0, no)]);
    }
    filter.push(op(answer, 0, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program outlives the call, which copies it.
    let held = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program as *const _, 0, 0) == 0
    };
    if held { Ok(()) } else { Err(std::io::Error::last_os_error().to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Both locks hold for the thread that asks for them, so each trial has a thread of its own.
    fn shut_in<T: Send>(read: &[PathBuf], write: Option<&Path>, f: impl FnOnce(&Unlocked) -> T + Send) -> T {
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let unlocked = shut(read, write);
                    f(&unlocked)
                })
                .join()
                .unwrap()
        })
    }

    #[test]
    fn only_what_was_named_is_read_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (named, secret) = (folder.path().join("named.csv"), folder.path().join("secret.csv"));
        fs::write(&named, "named").unwrap();
        fs::write(&secret, "secret").unwrap();
        shut_in(std::slice::from_ref(&named), None, |unlocked| {
            assert_eq!(fs::read_to_string(&named).unwrap(), "named");
            if unlocked.0.iter().any(|why| why.starts_with("Landlock")) {
                return eprintln!("skipped: {unlocked:?}");
            }
            assert!(fs::read(&secret).is_err(), "a neighbour was read");
            assert!(fs::read("/etc/passwd").is_err());
            assert!(fs::write(&named, "changed").is_err(), "the named file was written");
            assert!(fs::write(folder.path().join("new.csv"), "new").is_err());
            assert!(fs::remove_file(&named).is_err());
            assert!(fs::read_dir("/usr/share").is_ok(), "the libraries' tables are there");
        });
        assert_eq!(fs::read_to_string(&named).unwrap(), "named");
    }

    #[test]
    fn no_socket_and_no_program() {
        shut_in(&[], None, |unlocked| {
            assert!(!unlocked.0.iter().any(|why| why.starts_with("seccomp")), "{unlocked:?}");
            assert!(std::net::TcpListener::bind("127.0.0.1:0").is_err());
            assert!(std::net::TcpStream::connect("127.0.0.1:9").is_err_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied));
            assert!(std::os::unix::net::UnixStream::pair().is_err());
            assert!(std::process::Command::new("/bin/true").status().is_err());
        });
    }

    #[test]
    fn what_may_be_written_is_one_folder() {
        let (out, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        shut_in(&[], Some(out.path()), |unlocked| {
            fs::write(out.path().join("a.fgb"), "new").unwrap();
            fs::rename(out.path().join("a.fgb"), out.path().join("b.fgb")).unwrap();
            if unlocked.0.is_empty() {
                assert!(fs::write(other.path().join("a.fgb"), "new").is_err());
            }
        });
    }
}
