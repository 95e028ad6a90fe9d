//! Accepting connections: a bound on how many, a bound on how long a client may take to say what it wants, and an end
//! that lets running requests finish.

use crate::app::{App, ended};
use crate::patience::Patient;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// A client that has not sent its next request's head by then is let go; a kept connection may rest that long.
const HEAD_PATIENCE: Duration = Duration::from_secs(60);
/// A client that takes nothing of its answer for so long is let go too.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);
/// How long running requests may take when the server ends.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// After a failed accept (no file handles left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `app.stopping` is set.
pub async fn serve(app: App, listener: TcpListener, router: Router) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(app.config.max_connections));
    let mut stopping = app.stopping.subscribe();
    loop {
        // With no place free nothing is accepted: the system's own backlog holds the rest.
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (stream, place) = tokio::select! {
            (accepted, place) = accepted => match accepted {
                Ok((stream, _)) => (stream, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = ended(&mut stopping) => break,
        };
        let _ = stream.set_nodelay(true);
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(Patient::new(stream, WRITE_PATIENCE)), TowerToHyperService::new(router.clone()))
            .into_owned();
        let watched = graceful.watch(connection);
        let app = app.clone();
        app.metrics.connections.add(1);
        tokio::spawn(async move {
            // A client that breaks off is nobody's error.
            if let Err(error) = watched.await {
                tracing::debug!(%error, "connection ended");
            }
            app.metrics.connections.add(-1);
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(END_PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::info!("some requests did not end in time");
    }
}
