//! Features out of the city, into a file of a format that only the helper writes.
//!
//! The frames are those of [`pipe`](crate::pipe), in the other direction: a greeting, one layer, its features, the end.
//! The helper greets first, and answers with remarks and its own end when the file is whole.

use crate::helper::{Helper, HelperError, from_root};
use crate::pipe::{Event, Hello, LayerHeader, PROTOCOL, PipeError, PipeReader, PipeWriter, RawFeature, VERSION};
use crate::process::Process;
use std::ffi::OsStr;
use std::io::{self, BufReader, BufWriter};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};

/// What to write, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name of the format, as the writing library calls it.
    pub format: String,
    /// Code or WKT of the coordinate system that the coordinates are in.
    pub crs: String,
    /// OGC's name of the layer's geometry type, `Unknown` where single and multi are mixed; `None`: no geometry.
    pub geometry: Option<&'static str>,
    /// Widths of the columns, and their decimals, for a format that wants them; 0: as the format does by itself.
    pub widths: Vec<(u8, u8)>,
}

/// A file being written. Dropped before [`Sink::finish`], it ends the helper and leaves half a file: the caller writes
/// under a name of its own and renames.
pub struct Sink {
    process: Process,
    to: PipeWriter<BufWriter<ChildStdin>>,
    from: PipeReader<BufReader<ChildStdout>>,
}

impl Helper {
    /// Opens a file, which must not be there yet.
    pub fn write(&self, file: &Path, target: &Target, header: &LayerHeader) -> Result<Sink, HelperError> {
        let file = from_root(file);
        let widths = target.widths.iter().map(|(width, decimals)| format!("{width}.{decimals}")).collect::<Vec<_>>().join(",");
        let mut args: Vec<&OsStr> = vec!["write".as_ref(), "--format".as_ref(), target.format.as_ref()];
        args.extend::<[&OsStr; 4]>([
            "--crs".as_ref(),
            target.crs.as_ref(),
            "--geometry".as_ref(),
            target.geometry.unwrap_or("None").as_ref(),
        ]);
        if !widths.is_empty() {
            args.extend::<[&OsStr; 2]>(["--widths".as_ref(), widths.as_ref()]);
        }
        args.push(file.as_ref());
        let (mut process, stdout) = self.process(&args)?;
        let stdin = process.stdin.take().expect("asked for");
        let mut sink = Sink {
            process,
            to: PipeWriter::new(BufWriter::with_capacity(256 << 10, stdin)),
            from: PipeReader::new(BufReader::new(stdout)),
        };
        match sink.answer()? {
            Some(Event::Hello(_)) => {}
            _ => return Err(HelperError::Pipe(PipeError::Malformed("no greeting"))),
        }
        let hello =
            Hello { protocol: PROTOCOL.into(), version: VERSION, reader: String::new(), format: target.format.clone(), layers: vec![] };
        let sent = sink.to.hello(&hello).and_then(|()| sink.to.layer(header));
        sink.sent(sent)?;
        Ok(sink)
    }
}

impl Sink {
    /// `false` when the feature is too long for a frame; nothing was written then.
    pub fn feature(&mut self, feature: &RawFeature) -> Result<bool, HelperError> {
        let sent = self.to.feature(feature);
        self.sent(sent)
    }

    /// Waits until the file is whole; what the writing library remarked.
    pub fn finish(mut self) -> Result<Vec<String>, HelperError> {
        let sent = self.to.layer_end().and_then(|()| self.to.end());
        self.sent(sent)?;
        let mut remarks = Vec::new();
        loop {
            match self.answer()? {
                Some(Event::Note(note)) => remarks.push(note.detail),
                Some(Event::End(_)) => return Ok(remarks),
                _ => return Err(HelperError::Pipe(PipeError::Malformed("an answer out of place"))),
            }
        }
    }

    fn answer(&mut self) -> Result<Option<Event>, HelperError> {
        match self.from.next_event() {
            Ok(Some(Event::Fail(fail))) => Err(HelperError::Refused(fail)),
            Ok(event) => Ok(event),
            Err(PipeError::BrokeOff) => Err(self.process.obituary()),
            Err(error) => Err(HelperError::Pipe(error)),
        }
    }

    /// A helper that no longer listens has said why, or has died.
    fn sent<T>(&mut self, result: io::Result<T>) -> Result<T, HelperError> {
        result.map_err(|error| {
            loop {
                match self.answer() {
                    Ok(Some(Event::Note(_))) => {}
                    Ok(_) => break HelperError::Pipe(PipeError::Io(error)),
                    Err(why) => break why,
                }
            }
        })
    }
}
