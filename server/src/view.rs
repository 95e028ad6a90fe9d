//! The city as it is served: one snapshot, and what was derived from it. Swapped whole; a request holds one from first
//! to last and never sees half an edit.

use crate::freshness::Freshness;
use crate::instruments::Instruments;
use citytwin_catalogue::Catalogue;
use citytwin_index::{Ground, Snapshot};
use citytwin_model::{City, Class, FeatureId, LonLat, Revision};
use citytwin_store::{Change, Delta, Store, StoreError, Terrain};
use std::sync::Arc;

#[derive(Clone)]
pub struct View {
    pub city: Snapshot,
    pub fresh: Freshness,
    pub instruments: Arc<Instruments>,
}

impl View {
    /// Reads the whole city.
    pub fn read(store: &Store, catalogue: &Catalogue) -> Result<Self, StoreError> {
        let mut features = Vec::new();
        let revision = store.read_all(&mut |feature| features.push(feature))?;
        let ground = Terrain::open(store.dir())?.map(|terrain| Arc::new(StoredGround(terrain)) as Arc<dyn Ground>);
        let config = store.config();
        let city = Snapshot::build(revision, config.frame(), config.geoid_offset_m, store.classes(), features, ground);
        let instruments = Arc::new(Instruments::of(&city, catalogue));
        Ok(Self { city, fresh: Freshness::from(revision), instruments })
    }

    /// The city after a piece of the change feed.
    pub fn after(&self, delta: Delta, classes: Vec<Arc<Class>>, catalogue: &Catalogue) -> Self {
        let mut fresh = self.fresh.clone();
        for Change { class, rev, old_bounds, new_bounds, .. } in &delta.changes.changes {
            fresh.note(*class, *rev, [*old_bounds, *new_bounds]);
        }
        let touched: Vec<FeatureId> = delta.changes.changes.iter().map(|change| FeatureId::new(change.class, change.fid)).collect();
        let city = self.city.apply(delta.changes.upto, delta.changed, delta.gone);
        // A load has added a collection of its own, or columns to one.
        let city = if city.classes() == classes { city } else { city.with_classes(classes) };
        let concerned = touched.iter().any(|id| self.instruments.concerns(&city, *id));
        let instruments = if concerned { Arc::new(Instruments::of(&city, catalogue)) } else { self.instruments.clone() };
        Self { city, fresh, instruments }
    }

    pub fn revision(&self) -> Revision {
        self.city.revision()
    }
}

/// The city's terrain as the snapshot sees it.
struct StoredGround(Terrain);

impl Ground for StoredGround {
    fn height(&self, at: LonLat) -> Option<f64> {
        self.0.height(at)
    }
}
