//! The 3D scene of the city: which leaves exist, kept in step with edits behind the requests.

use crate::app::{App, ended};
use crate::problem::{ApiResult, Kind};
use arc_swap::ArcSwapOption;
use citytwin_model::{Bounds, Revision};
use citytwin_tiles::tiles3d::Scene;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// How long a request waits for the first scene.
const PATIENCE: Duration = Duration::from_secs(10);
/// Boxes remembered one by one; beyond, the whole city is looked at again.
const MAX_STALE: usize = 2_000;

/// The newest scene, and what has changed since it was made.
pub struct Scenes {
    newest: ArcSwapOption<SceneAt>,
    ready: watch::Sender<bool>,
    stale: Mutex<Stale>,
    bell: Notify,
}

pub struct SceneAt {
    pub revision: Revision,
    pub scene: Scene,
}

#[derive(Default)]
struct Stale {
    boxes: Vec<Bounds>,
    everything: bool,
}

impl Default for Scenes {
    fn default() -> Self {
        let stale = Mutex::new(Stale { boxes: Vec::new(), everything: true });
        Self { newest: ArcSwapOption::empty(), ready: watch::Sender::new(false), stale, bell: Notify::new() }
    }
}

impl Scenes {
    /// The newest scene; waits a little for the first one.
    pub async fn newest(&self) -> ApiResult<Arc<SceneAt>> {
        if let Some(scene) = self.newest.load_full() {
            return Ok(scene);
        }
        let mut ready = self.ready.subscribe();
        let _ = tokio::time::timeout(PATIENCE, ready.wait_for(|ready| *ready)).await;
        self.newest.load_full().ok_or_else(|| Kind::NotReady.into())
    }

    /// Features changed within these boxes. Called after the city that shows the change is served.
    pub fn changed(&self, boxes: impl IntoIterator<Item = Bounds>) {
        let mut stale = self.lock();
        for bounds in boxes {
            if stale.boxes.len() == MAX_STALE {
                stale.everything = true;
                stale.boxes.clear();
            }
            if !stale.everything {
                stale.boxes.push(bounds);
            }
        }
        drop(stale);
        self.bell.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stale> {
        self.stale.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Follows the city: makes the scene, then looks again at the leaves that edits have touched.
pub async fn follow(app: App) {
    let mut stopping = app.stopping.subscribe();
    loop {
        let stale = std::mem::take(&mut *app.scenes.lock());
        // After the boxes were taken: the city that is served now shows all of them.
        let view = app.view();
        let before = app.scenes.newest.load_full();
        let started = Instant::now();
        let made = app.compute.run(move || {
            let scene = match before {
                Some(before) if !stale.everything => {
                    let mut scene = before.scene.clone();
                    scene.update(&view.city, &stale.boxes);
                    scene
                }
                _ => Scene::of(&view.city),
            };
            SceneAt { revision: view.revision(), scene }
        });
        match made.await {
            Ok(scene) => {
                tracing::debug!(revision = scene.revision, took_ms = started.elapsed().as_millis() as u64, "scene");
                app.scenes.newest.store(Some(Arc::new(scene)));
                app.scenes.ready.send_replace(true);
            }
            Err(error) => {
                tracing::warn!(code = error.kind.code(), "the 3D scene was not made; trying again");
                app.scenes.lock().everything = true;
                app.scenes.bell.notify_one();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        tokio::select! {
            () = app.scenes.bell.notified() => {}
            () = ended(&mut stopping) => return,
        }
    }
}
