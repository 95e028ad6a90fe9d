//! Reading ahead: frames are decoded, and prepared if that is asked for, on a thread of their own, while the one that asked
//! stores what came before.

use crate::helper::{HelperError, Stream};
use crate::pipe::{Event, Hello};
use citytwin_model::Value;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Events handed over at once, …
const EVENTS: usize = 256;
/// … or fewer, when their frames are this long together.
const BYTES: usize = 256 << 10;
/// Batches that may wait, so that reading goes on while a long turn stores. A batch with a large frame takes the room of many:
/// with the frames' own limit, the bound on memory.
const BATCHES: usize = 64;
/// How often the one who waits is asked whether it still wants to.
const ASK_EVERY: Duration = Duration::from_millis(100);

type Batch<T> = Result<Vec<T>, HelperError>;

/// A stream being read ahead. Dropped, it ends the helper with its next word.
pub struct Ahead<T = Event> {
    hello: Hello,
    batches: Receiver<Batch<T>>,
    current: std::vec::IntoIter<T>,
    over: bool,
    reader: Option<JoinHandle<()>>,
}

impl Ahead {
    pub fn new(stream: Stream) -> Self {
        Self::preparing(stream, |event| event)
    }
}

impl<T: Send + 'static> Ahead<T> {
    /// `prepare` makes of each event what is handed over, in the events' order. All but features and problems is handed
    /// over at once, so it may wait for an answer to that when the next feature comes.
    pub fn preparing(stream: Stream, prepare: impl FnMut(Event) -> T + Send + 'static) -> Self {
        let (sender, batches) = sync_channel(BATCHES);
        let hello = stream.hello().clone();
        let read = move || read(stream, prepare, &sender);
        let reader = std::thread::Builder::new().name("read-ahead".into()).spawn(read).expect("a thread can be had");
        Self { hello, batches, current: Vec::new().into_iter(), over: false, reader: Some(reader) }
    }

    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The next event; `None` after the last. While there is none, `keep_waiting` is asked now and then, and when it says no
    /// the answer is [`HelperError::Stopped`].
    pub fn next_event(&mut self, keep_waiting: impl Fn() -> bool) -> Result<Option<T>, HelperError> {
        loop {
            if let Some(event) = self.current.next() {
                return Ok(Some(event));
            }
            if self.over {
                return Ok(None);
            }
            match self.batches.recv_timeout(ASK_EVERY) {
                Ok(Ok(events)) => self.current = events.into_iter(),
                Ok(Err(error)) => {
                    self.over = true;
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout) if keep_waiting() => {}
                Err(RecvTimeoutError::Timeout) => return Err(HelperError::Stopped),
                Err(RecvTimeoutError::Disconnected) => {
                    self.over = true;
                    // A stream that nobody reads any more has not come to its end.
                    if let Some(Err(panic)) = self.reader.take().map(JoinHandle::join) {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
    }
}

/// Until the stream's end, or until nobody listens any more.
fn read<T>(mut stream: Stream, mut prepare: impl FnMut(Event) -> T, to: &SyncSender<Batch<T>>) {
    let (mut batch, mut bytes) = (Vec::with_capacity(EVENTS), 0);
    loop {
        match stream.next_event() {
            Ok(Some(event)) => {
                bytes += stream.frame_bytes() + decoded_bytes(&event);
                // What is said about a layer is worth telling at once: its features may take their time.
                let goes = !matches!(event, Event::Feature(_) | Event::Problem(_)) || batch.len() + 1 == EVENTS || bytes >= BYTES;
                batch.push(prepare(event));
                if goes {
                    let empty = (bytes / BYTES).min(BATCHES - 1);
                    bytes = 0;
                    let sent = to.send(Ok(std::mem::replace(&mut batch, Vec::with_capacity(EVENTS))));
                    if sent.is_err() || (0..empty).any(|_| to.send(Ok(Vec::new())).is_err()) {
                        return;
                    }
                }
            }
            Ok(None) => {
                let _ = to.send(Ok(batch));
                return;
            }
            Err(error) => {
                if to.send(Ok(batch)).is_ok() {
                    let _ = to.send(Err(error));
                }
                return;
            }
        }
    }
}

/// What a record takes beside its frame: a null is one byte there.
fn decoded_bytes(event: &Event) -> usize {
    match event {
        Event::Feature(feature) => feature.values.len() * size_of::<Value>(),
        Event::Problem(problem) => problem.values.len() * size_of::<Value>(),
        _ => 0,
    }
}
