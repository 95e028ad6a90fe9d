//! The helper as a process: started with a bare environment, its complaints drained, never left behind.

use crate::helper::HelperError;
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

/// Settings that say where libraries and their tables lie; nothing else is handed on.
const HANDED_ON: [&str; 6] = ["LD_LIBRARY_PATH", "GDAL_DATA", "PROJ_DATA", "PROJ_LIB", "TMPDIR", "HOME"];

/// A running helper. Dropped, it is ended.
pub(crate) struct Process {
    child: Child,
    pub stdin: Option<ChildStdin>,
    said: Option<JoinHandle<String>>,
}

impl Process {
    pub fn start(program: &Path, args: &[&OsStr]) -> Result<(Self, ChildStdout), HelperError> {
        let mut command = Command::new(program);
        command.args(args);
        command.env_clear().envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // A group of its own: Ctrl-C is the parent's to answer, the helper ends with it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| HelperError::NotStarted { program: program.to_owned(), source })?;
        let stdout = child.stdout.take().expect("asked for");
        let stderr = child.stderr.take().expect("asked for");
        // Drained beside, so that a talkative library cannot block; the first words are kept.
        let said = std::thread::spawn(move || {
            let mut kept = Vec::new();
            let mut all = stderr;
            let _ = all.by_ref().take(4096).read_to_end(&mut kept);
            let _ = std::io::copy(&mut all, &mut std::io::sink());
            String::from_utf8_lossy(&kept).trim().to_owned()
        });
        Ok((Self { stdin: child.stdin.take(), child, said: Some(said) }, stdout))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, when its output has.
    pub fn obituary(&mut self) -> HelperError {
        self.stdin = None;
        let status = self.child.wait();
        let said = self.said.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let how = match status {
            Ok(status) => how_it_ended(status),
            Err(error) => error.to_string(),
        };
        HelperError::Died { how: if said.is_empty() { how } else { format!("{how}: {said}") } }
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(9) => "killed (out of memory or of CPU time, or by hand)".to_owned(),
        Some(24) => "its CPU time was used up".to_owned(),
        Some(14) => "it was silent for too long".to_owned(),
        Some(6 | 11 | 7 | 8 | 4) => format!("it crashed on this file or ran out of memory ({status})"),
        _ => status.to_string(),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
