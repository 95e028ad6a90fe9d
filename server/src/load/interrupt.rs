//! Ctrl-C: the load ends between two records. What has landed is whole and stays; a second Ctrl-C ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a program that was told to stop, as shells expect it.
const STOPPED: i32 = 130;

#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on. Where no listener can be had, Ctrl-C ends the program as it always did: the store bears that too.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let asked = interrupt.0.clone();
        let listen = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let on = |kind| signal(kind);
                let (Ok(mut interrupted), Ok(mut terminated), Ok(mut hung_up)) =
                    (on(SignalKind::interrupt()), on(SignalKind::terminate()), on(SignalKind::hangup()))
                else {
                    return;
                };
                loop {
                    tokio::select! {
                        _ = interrupted.recv() => {}
                        _ = terminated.recv() => {}
                        _ = hung_up.recv() => {}
                    }
                    if asked.swap(true, Ordering::Relaxed) {
                        std::process::exit(STOPPED);
                    }
                }
            });
        };
        let _ = std::thread::Builder::new().name("ctrl-c".into()).spawn(listen);
        interrupt
    }

    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The operator broke the load off; what is to be said about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Interrupted(pub String);
