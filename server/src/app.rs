//! What every request can reach: the city as it is served, the store behind it, and the tasks that keep them in step.

use crate::api::overlays::ValuesKey;
use crate::api::tiles::TileKey;
use crate::api::tiles3d::LeafKey;
use crate::compute::Compute;
use crate::config::Config;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::overlays::Overlays;
use crate::problem::{ApiResult, Kind};
use crate::readings::Readings;
use crate::scene::Scenes;
use crate::security::Security;
use crate::shelf::Shelf;
use crate::view::View;
use arc_swap::ArcSwap;
use citytwin_catalogue::Catalogue;
use citytwin_model::Revision;
use citytwin_store::Store;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const TILE_SHELF_BYTES: usize = 64 << 20;
const LEAF_SHELF_BYTES: usize = 64 << 20;
/// Two editions of both overlays of a city of a million features.
const VALUES_SHELF_BYTES: usize = 64 << 20;

/// Cheap to clone; every handler has one.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub store: Arc<Store>,
    pub catalogue: Arc<Catalogue>,
    /// Tells this city from every other in ETags: two cities served one after the other at one address.
    pub city_tag: String,
    view: ArcSwap<View>,
    /// The revision that is served; rises after the view was swapped.
    pub served: watch::Sender<Revision>,
    /// Rings the feed at once, instead of at its next look.
    pub feed_bell: tokio::sync::Notify,
    pub compute: Compute,
    pub security: Security,
    pub metrics: Arc<Metrics>,
    pub hub: Arc<Hub>,
    pub readings: Readings,
    pub overlays: Overlays,
    pub scenes: Scenes,
    /// Vector tiles and leaves of the 3D scene that were made before.
    pub tiles: Shelf<TileKey>,
    pub leaves: Shelf<LeafKey>,
    /// Answers of overlays, encoded.
    pub overlay_values: Shelf<ValuesKey>,
    /// True once the server is ending: live connections close.
    pub stopping: watch::Sender<bool>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What [`App::new`] puts together.
pub struct Foundation {
    pub config: Config,
    pub store: Arc<Store>,
    pub catalogue: Arc<Catalogue>,
    pub city_tag: String,
    pub view: View,
    pub compute: Compute,
    pub security: Security,
    pub metrics: Arc<Metrics>,
    pub hub: Arc<Hub>,
    pub readings: Readings,
}

impl App {
    pub fn new(parts: Foundation) -> Self {
        let Foundation { config, store, catalogue, city_tag, view, compute, security, metrics, hub, readings } = parts;
        metrics.revision.set(i64::try_from(view.revision()).unwrap_or(i64::MAX));
        Self(Arc::new(Parts {
            config,
            store,
            catalogue,
            city_tag,
            served: watch::Sender::new(view.revision()),
            view: ArcSwap::from_pointee(view),
            feed_bell: tokio::sync::Notify::new(),
            compute,
            security,
            metrics,
            hub,
            readings,
            overlays: Overlays::default(),
            scenes: Scenes::default(),
            tiles: Shelf::new(TILE_SHELF_BYTES),
            leaves: Shelf::new(LEAF_SHELF_BYTES),
            overlay_values: Shelf::new(VALUES_SHELF_BYTES),
            stopping: watch::Sender::new(false),
        }))
    }

    /// The city as it is now. Hold it for the whole request.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    pub fn show(&self, view: View) {
        let revision = view.revision();
        self.view.store(Arc::new(view));
        self.metrics.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        self.served.send_replace(revision);
    }

    /// Waits until a revision that was just written is served, so that who wrote it reads it.
    pub async fn await_revision(&self, revision: Revision) {
        self.feed_bell.notify_one();
        let mut served = self.served.subscribe();
        let arrived = served.wait_for(|served| *served >= revision);
        // Late is not lost: it is on disk, and the answer says so. Only a reader may not see it yet.
        let _ = tokio::time::timeout(Duration::from_secs(2), arrived).await;
    }

    /// Blocking work with the store, off the runtime's threads.
    pub async fn with_store<T: Send + 'static>(&self, work: impl FnOnce(&Store) -> T + Send + 'static) -> ApiResult<T> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(|_| Kind::Internal.into())
    }
}

/// Returns when the server is ending.
pub async fn ended(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
