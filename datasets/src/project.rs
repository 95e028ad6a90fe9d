//! Coordinates from degrees into another system, by the helper's PROJ: it lives only there.

use crate::helper::{Helper, HelperError};
use crate::pipe::PipeError;
use crate::points::{self, MOST, Opening, System};
use crate::process::Process;
use citytwin_model::{Bounds, Geometry};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::process::{ChildStdin, ChildStdout};

/// Longest line that a helper says before the first run: WKT is some kilobytes.
const OPENING: u64 = 256 << 10;

const GARBLED: HelperError = HelperError::Pipe(PipeError::Malformed("an opening that is not the JSON it should be"));

/// A way from degrees of CGCS2000 into a named system. Heights are never touched.
pub struct Projector {
    process: Process,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    system: System,
}

impl Helper {
    /// `area` holds all that is to be moved, in degrees: what counts as an operation depends on it.
    pub fn project(&self, crs: &str, area: &Bounds, accept_shift_m: Option<f64>) -> Result<Projector, HelperError> {
        let area = [area.west, area.south, area.east, area.north].map(|x| x.to_string()).join(",");
        let area = format!("--area={area}");
        let accepted = accept_shift_m.map(|metres| metres.to_string());
        let mut args: Vec<&OsStr> = vec!["project".as_ref(), "--crs".as_ref(), crs.as_ref(), area.as_ref()];
        if let Some(metres) = &accepted {
            args.extend::<[&OsStr; 2]>(["--accept-shift".as_ref(), metres.as_ref()]);
        }
        let (mut process, stdout) = self.process(&args)?;
        let to = process.stdin.take().expect("asked for");
        let mut from = BufReader::with_capacity(256 << 10, stdout);
        let mut line = String::new();
        match io::Read::take(&mut from, OPENING).read_line(&mut line) {
            Ok(0) => return Err(process.obituary()),
            Ok(_) if line.ends_with('\n') => {}
            _ => return Err(GARBLED),
        }
        match serde_json::from_str(&line).map_err(|_| GARBLED)? {
            Opening::Fail(fail) => Err(HelperError::Refused(fail)),
            Opening::Ready(system) => Ok(Projector { process, to, from, system }),
        }
    }
}

impl Projector {
    /// Where it leads, by which operation, and how accurate that is.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// Moves every vertex of each geometry, many at a time because each run waits for its answer. `false` for a geometry
    /// of which a vertex has no answer, and which is of no use then.
    pub fn apply<'g>(&mut self, geometries: impl IntoIterator<Item = &'g mut Geometry>) -> Result<Vec<bool>, HelperError> {
        let mut geometries: Vec<&mut Geometry> = geometries.into_iter().collect();
        let mut moved = Vec::new();
        for geometry in &geometries {
            geometry.for_each_vertex(|p| moved.push((p.lon, p.lat)));
        }
        for run in moved.chunks_mut(MOST) {
            let answer = self.answer(run)?;
            run.copy_from_slice(&answer);
        }
        let mut next = moved.into_iter();
        let mut whole = Vec::with_capacity(geometries.len());
        for geometry in &mut geometries {
            let mut all = true;
            geometry.for_each_vertex_mut(|p| {
                (p.lon, p.lat) = next.next().expect("one for each vertex");
                all &= p.lon.is_finite() && p.lat.is_finite();
            });
            whole.push(all);
        }
        Ok(whole)
    }

    fn answer(&mut self, run: &[(f64, f64)]) -> Result<Vec<(f64, f64)>, HelperError> {
        let gone = |error: &io::Error| matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe);
        match points::send(run, &mut self.to).and_then(|()| points::receive(&mut self.from)) {
            Ok(Some(answer)) if answer.len() == run.len() => Ok(answer),
            Ok(Some(_)) => Err(HelperError::Pipe(PipeError::Counts)),
            Ok(None) => Err(self.process.obituary()),
            Err(error) if gone(&error) => Err(self.process.obituary()),
            Err(error) => Err(HelperError::Pipe(PipeError::Io(error))),
        }
    }
}
