//! The 3D scene of the city: which leaves exist, kept in step with edits behind the requests.

use crate::app::{App, ended};
use crate::problem::{ApiResult, Kind};
use arc_swap::ArcSwapOption;
use citytwin_model::{Bounds, Revision};
use citytwin_tiles::tiles3d::Scene;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// How long a request waits for the first scene …
const PATIENCE: Duration = Duration::from_secs(10);
/// … and for one that shows the edit that its client was just told of.
const PATIENCE_BEHIND: Duration = Duration::from_secs(2);
/// Boxes remembered one by one; beyond, the whole city is looked at again.
const MAX_STALE: usize = 2_000;

/// The newest scene, and what has changed since it was made.
pub struct Scenes {
    newest: ArcSwapOption<SceneAt>,
    /// The revision of the newest one; rises after it can be asked for.
    made: watch::Sender<Option<Revision>>,
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
        Self { newest: ArcSwapOption::empty(), made: watch::Sender::new(None), stale, bell: Notify::new() }
    }
}

impl Scenes {
    /// The scene at this revision or a later one. Subscribers hear of an edit before the scene has followed it, and they
    /// ask once: so the answer waits for it. When that takes too long, the newest there is, under its own revision.
    pub async fn at(&self, revision: Revision) -> ApiResult<Arc<SceneAt>> {
        let mut made = self.made.subscribe();
        let there = *made.borrow();
        if there.is_none_or(|there| there < revision) {
            let patience = if there.is_none() { PATIENCE } else { PATIENCE_BEHIND };
            let _ = tokio::time::timeout(patience, made.wait_for(|made| made.is_some_and(|made| made >= revision))).await;
        }
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
                let revision = scene.revision;
                app.scenes.newest.store(Some(Arc::new(scene)));
                app.scenes.made.send_replace(Some(revision));
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
