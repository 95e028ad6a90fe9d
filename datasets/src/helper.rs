//! The helper program: found, started, listened to.
//!
//! It is found beside our own program, or where `CITYTWIN_GDAL` says. It gets an environment with nothing in it but
//! what its libraries need to find their data, so that no setting of the operator's shell opens a door in it.

use crate::pipe::{Event, Fail, Hello, PipeError, PipeReader, Wanted};
use crate::process::Process;
use std::ffi::OsStr;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;

pub const PROGRAM: &str = "citytwin-gdal";
pub const VARIABLE: &str = "CITYTWIN_GDAL";

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
    /// Whoever waited for the helper has given up.
    #[error("no longer waited for")]
    Stopped,
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
    /// The file has north or latitude first.
    pub swap_axes: bool,
    /// Encoding of texts that are not UTF-8, where the operator names it.
    pub encoding: Option<String>,
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
        let accepted = request.accept_shift_m.map(|metres| metres.to_string());
        let file = from_root(file);
        let mut all: Vec<&OsStr> = vec![verb.as_ref()];
        all.extend(args);
        if let Some(crs) = &request.crs {
            all.extend::<[&OsStr; 2]>(["--crs".as_ref(), crs.as_ref()]);
        }
        if let Some(metres) = &accepted {
            all.extend::<[&OsStr; 2]>(["--accept-shift".as_ref(), metres.as_ref()]);
        }
        if request.swap_axes {
            all.push("--swap-axes".as_ref());
        }
        if let Some(encoding) = &request.encoding {
            all.extend::<[&OsStr; 2]>(["--encoding".as_ref(), encoding.as_ref()]);
        }
        all.push(file.as_ref());
        let (process, stdout) = self.process(&all)?;
        let mut stream = Stream { process, pipe: PipeReader::new(BufReader::with_capacity(256 << 10, stdout)), hello: None };
        match stream.next_event()? {
            Some(Event::Hello(hello)) => stream.hello = Some(hello),
            _ => return Err(HelperError::Pipe(PipeError::Malformed("no greeting"))),
        }
        Ok(stream)
    }

    pub(crate) fn process(&self, args: &[&OsStr]) -> Result<(Process, ChildStdout), HelperError> {
        Process::start(&self.program, args)
    }
}

/// Absolute, so that a name that begins with a dash is no option.
pub(crate) fn from_root(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

/// One file being read. Dropped early, it ends the helper.
pub struct Stream {
    process: Process,
    pipe: PipeReader<BufReader<ChildStdout>>,
    hello: Option<Hello>,
}

impl Stream {
    /// What the file is and holds.
    pub fn hello(&self) -> &Hello {
        self.hello.as_ref().expect("a stream begins with its greeting")
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Length of the frame that the last event came in.
    pub fn frame_bytes(&self) -> usize {
        self.pipe.frame_bytes()
    }

    /// Asks for layers, by their place in [`Hello::layers`].
    pub fn want(&mut self, layers: Vec<usize>) -> Result<(), HelperError> {
        if let Some(mut stdin) = self.process.stdin.take() {
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
            Err(PipeError::BrokeOff) => Err(self.process.obituary()),
            Err(error) => Err(HelperError::Pipe(error)),
        }
    }
}
