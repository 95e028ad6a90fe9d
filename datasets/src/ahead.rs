//! Reading ahead: frames are decoded, and prepared if that is asked for, on a thread of their own, while the one that asked
//! stores what came before.

use crate::helper::{HelperError, Stream};
use crate::pipe::{Event, Hello};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Events handed over at once, …
const EVENTS: usize = 256;
/// … or fewer, when their frames are this long together.
const BYTES: usize = 256 << 10;
/// Batches that may wait, so that reading goes on while a long turn stores: with the frames' own limit, the bound on memory.
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
}

impl Ahead {
    pub fn new(stream: Stream) -> Self {
        Self::preparing(stream, |event| event)
    }
}

impl<T: Send + 'static> Ahead<T> {
    /// `prepare` makes of each event what is handed over, in the events' order. What it says of anything but a feature is
    /// handed over at once, so it may wait for an answer when the next feature comes.
    pub fn preparing(stream: Stream, prepare: impl FnMut(Event) -> T + Send + 'static) -> Self {
        let (sender, batches) = sync_channel(BATCHES);
        let hello = stream.hello().clone();
        let read = move || read(stream, prepare, &sender);
        std::thread::Builder::new().name("read-ahead".into()).spawn(read).expect("a thread can be had");
        Self { hello, batches, current: Vec::new().into_iter(), over: false }
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
                Err(RecvTimeoutError::Disconnected) => self.over = true,
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
                bytes += stream.frame_bytes();
                // What is said about a layer is worth telling at once: its features may take their time.
                let goes = !matches!(event, Event::Feature(_) | Event::Problem(_)) || batch.len() + 1 == EVENTS || bytes >= BYTES;
                batch.push(prepare(event));
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
