//! Keeps what is served in step with the store: looks every 50 ms whether anything has changed, by us or by another
//! program, and swaps in the city as it is then.

use crate::app::{App, ended};
use crate::clock;
use crate::hub::FeatureChange;
use citytwin_model::{Bounds, FeatureId};
use citytwin_store::{Changes, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Features taken over in one step, so that a large load shows as it lands.
const STEP_FEATURES: usize = 20_000;

pub async fn follow(app: App) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = app.stopping.subscribe();
    let mut complained = String::new();
    let mut rules_due = false;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = app.feed_bell.notified() => {}
            () = ended(&mut stopping) => return,
        }
        let looker = app.clone();
        let looked = tokio::task::spawn_blocking(move || look(&looker)).await;
        match looked {
            Ok(Ok(instruments_changed)) => {
                complained.clear();
                rules_due |= instruments_changed;
            }
            // Another program is writing; the next look will do.
            Ok(Err(StoreError::Busy)) => app.metrics.feed_errors.add(1),
            Ok(Err(error)) => complain(&app, &mut complained, &error.to_string()),
            Err(error) => complain(&app, &mut complained, &error.to_string()),
        }
        if rules_due {
            rules_due = !app.readings.set_rules(app.view().instruments.rules());
        }
    }
}

/// Each trouble is logged once, however often it is met.
fn complain(app: &App, complained: &mut String, error: &str) {
    app.metrics.feed_errors.add(1);
    if complained != error {
        tracing::error!(%error, "the change feed cannot be read; what is served may be behind the store");
        complained.clear();
        complained.push_str(error);
    }
}

/// One look. The answer: whether the list of datastreams has changed.
fn look(app: &App) -> Result<bool, StoreError> {
    let mut instruments_changed = false;
    app.store.poll_outside(clock::now())?;
    loop {
        let view = app.view();
        if app.store.head()? <= view.revision() {
            return Ok(instruments_changed);
        }
        let started = Instant::now();
        let delta = app.store.delta_since(view.revision(), STEP_FEATURES)?;
        let (upto, changes) = (delta.changes.upto, listed(&delta.changes));
        let next = view.after(delta, app.store.classes(), &app.catalogue);
        instruments_changed |= !Arc::ptr_eq(&next.instruments, &view.instruments);
        app.show(next);
        app.scenes.changed(changes.iter().filter_map(|change| change.bounds));
        app.hub.edited(upto, changes);
        app.metrics.snapshot_micros.set(i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX));
    }
}

/// One entry per feature, with all its old and new boxes together.
fn listed(changes: &Changes) -> Vec<FeatureChange> {
    let mut boxes: std::collections::BTreeMap<FeatureId, Option<Bounds>> = std::collections::BTreeMap::new();
    for change in &changes.changes {
        let entry = boxes.entry(FeatureId::new(change.class, change.fid)).or_default();
        for bounds in [change.old_bounds, change.new_bounds].into_iter().flatten() {
            *entry = Some(entry.map_or(bounds, |before| before.union(&bounds)));
        }
    }
    boxes.into_iter().map(|(id, bounds)| FeatureChange { id, bounds }).collect()
}
