//! Reading ahead: frames are decoded on a thread of their own, while the one that asked fits and stores what came before.

use crate::helper::{HelperError, Stream};
use crate::pipe::{Event, Hello};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Events handed over at once, …
const EVENTS: usize = 256;
/// … or fewer, when their frames are this long together.
const BYTES: usize = 256 << 10;
/// Batches that may wait: with the frames' own limit, the bound on memory.
const BATCHES: usize = 4;
/// How often the one who waits is asked whether it still wants to.
const ASK_EVERY: Duration = Duration::from_millis(100);

type Batch = Result<Vec<Event>, HelperError>;

/// A stream being read ahead. Dropped, it ends the helper with its next word.
pub struct Ahead {
    hello: Hello,
    batches: Receiver<Batch>,
    current: std::vec::IntoIter<Event>,
    over: bool,
}

impl Ahead {
    pub fn new(stream: Stream) -> Self {
        let (sender, batches) = sync_channel(BATCHES);
        let hello = stream.hello().clone();
        std::thread::Builder::new().name("read-ahead".into()).spawn(move || read(stream, &sender)).expect("a thread can be had");
        Self { hello, batches, current: Vec::new().into_iter(), over: false }
    }

    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The next event; `None` after the last. While there is none, `keep_waiting` is asked now and then, and when it says no
    /// the answer is [`HelperError::Stopped`].
    pub fn next_event(&mut self, keep_waiting: impl Fn() -> bool) -> Result<Option<Event>, HelperError> {
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
                Err(RecvTimeoutError::Disconnected) => self.over = true,
            }
        }
    }
}

/// Until the stream's end, or until nobody listens any more.
fn read(mut stream: Stream, to: &SyncSender<Batch>) {
    let (mut batch, mut bytes) = (Vec::with_capacity(EVENTS), 0);
    loop {
        match stream.next_event() {
            Ok(Some(event)) => {
                bytes += stream.frame_bytes();
                // What is said about a layer is worth telling at once: its features may take their time.
                let goes = !matches!(event, Event::Feature(_) | Event::Problem(_)) || batch.len() + 1 == EVENTS || bytes >= BYTES;
                batch.push(event);
                if goes {
                    bytes = 0;
                    if to.send(Ok(std::mem::replace(&mut batch, Vec::with_capacity(EVENTS)))).is_err() {
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
