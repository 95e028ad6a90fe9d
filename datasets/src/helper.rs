//! The helper program: found, started, listened to, and never left behind.
//!
//! It is found beside our own program, or where `CITYTWIN_GDAL` says. It gets an environment with nothing in it but
//! what its libraries need to find their data, so that no setting of the operator's shell opens a door in it.

use crate::pipe::{Event, Fail, Hello, PipeError, PipeReader, Wanted};
use std::ffi::OsStr;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

pub const PROGRAM: &str = "citytwin-gdal";
pub const VARIABLE: &str = "CITYTWIN_GDAL";
/// Settings that say where libraries and their tables lie; nothing else is handed on.
const HANDED_ON: [&str; 6] = ["LD_LIBRARY_PATH", "GDAL_DATA", "PROJ_DATA", "PROJ_LIB", "TMPDIR", "HOME"];

#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    #[error("{PROGRAM} is neither beside this program ({}) nor named by {VARIABLE}", looked.display())]
    NotFound { looked: PathBuf },
    #[error("{} does not start: {source}", program.display())]
    NotStarted { program: PathBuf, source: std::io::Error },
    /// Killed by the kernel for a limit, or crashed on the file.
    #[error("the reader of foreign files ended: {how}")]
    Died { how: String },
    #[error(transparent)]
    Pipe(PipeError),
    /// The file cannot be read, and the helper says why.
    #[error("{}: {}", .0.key, .0.detail)]
    Refused(Fail),
}

/// What to read, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Code or WKT of the coordinate system, where the operator names it.
    pub crs: Option<String>,
    pub accept_shift_m: Option<f64>,
    /// Walk each layer first, so that its extent is true.
    pub exact_extent: bool,
    /// Layers' heads, without their features.
    pub heads_only: bool,
}

#[derive(Clone, Debug)]
pub struct Helper {
    program: PathBuf,
}

impl Helper {
    pub fn find() -> Result<Self, HelperError> {
        if let Some(program) = std::env::var_os(VARIABLE) {
            return Ok(Self { program: program.into() });
        }
        let own = std::env::current_exe().unwrap_or_default();
        // A test's program lies one folder deeper than the helper.
        let folders = [own.parent(), own.parent().and_then(Path::parent)];
        folders
            .into_iter()
            .flatten()
            .map(|folder| folder.join(PROGRAM))
            .find(|program| program.is_file())
            .map(|program| Self { program })
            .ok_or_else(|| HelperError::NotFound { looked: own.parent().unwrap_or(Path::new(".")).to_owned() })
    }

    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// Opens a file of features. The stream waits for [`Stream::want`].
    pub fn read(&self, file: &Path, request: &Request) -> Result<Stream, HelperError> {
        let mut args: Vec<&OsStr> = vec!["--ask".as_ref()];
        if request.exact_extent {
            args.push("--exact-extent".as_ref());
        }
        if request.heads_only {
            args.push("--heads-only".as_ref());
        }
        self.start("read", file, request, &args)
    }

    /// Opens a grid of heights.
    pub fn raster(&self, file: &Path, request: &Request) -> Result<Stream, HelperError> {
        self.start("raster", file, request, &[])
    }

    fn start(&self, verb: &str, file: &Path, request: &Request, args: &[&OsStr]) -> Result<Stream, HelperError> {
        let mut command = Command::new(&self.program);
        command.arg(verb).args(args);
        if let Some(crs) = &request.crs {
            command.arg("--crs").arg(crs);
        }
        if let Some(metres) = request.accept_shift_m {
            command.arg("--accept-shift").arg(metres.to_string());
        }
        // Absolute, so that a name that begins with a dash is no option.
        command.arg(std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
        command.env_clear().envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| HelperError::NotStarted { program: self.program.clone(), source })?;
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
        let mut stream = Stream {
            stdin: child.stdin.take(),
            child,
            pipe: PipeReader::new(BufReader::with_capacity(256 << 10, stdout)),
            said: Some(said),
            hello: None,
        };
        match stream.next_event()? {
            Some(Event::Hello(hello)) => stream.hello = Some(hello),
            _ => return Err(HelperError::Pipe(PipeError::Malformed("no greeting"))),
        }
        Ok(stream)
    }
}

/// One file being read. Dropped early, it ends the helper.
pub struct Stream {
    child: Child,
    stdin: Option<ChildStdin>,
    pipe: PipeReader<BufReader<ChildStdout>>,
    said: Option<JoinHandle<String>>,
    hello: Option<Hello>,
}

impl Stream {
    /// What the file is and holds.
    pub fn hello(&self) -> &Hello {
        self.hello.as_ref().expect("a stream begins with its greeting")
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Asks for layers, by their place in [`Hello::layers`].
    pub fn want(&mut self, layers: Vec<usize>) -> Result<(), HelperError> {
        if let Some(mut stdin) = self.stdin.take() {
            let mut line = serde_json::to_vec(&Wanted { layers }).expect("numbers become JSON");
            line.push(b'\n');
            // A helper that is gone shows when it is read from.
            let _ = stdin.write_all(&line);
        }
        Ok(())
    }

    /// The next event; `None` after the last. A file that cannot be read is [`HelperError::Refused`].
    pub fn next_event(&mut self) -> Result<Option<Event>, HelperError> {
        match self.pipe.next_event() {
            Ok(Some(Event::Fail(fail))) => Err(HelperError::Refused(fail)),
            Ok(event) => Ok(event),
            Err(PipeError::BrokeOff) => Err(HelperError::Died { how: self.obituary() }),
            Err(error) => Err(HelperError::Pipe(error)),
        }
    }

    fn obituary(&mut self) -> String {
        let status = self.child.wait();
        let said = self.said.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let how = match status {
            Ok(status) => how_it_ended(status),
            Err(error) => error.to_string(),
        };
        if said.is_empty() { how } else { format!("{how}: {said}") }
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

impl Drop for Stream {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
