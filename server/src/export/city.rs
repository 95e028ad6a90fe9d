//! The city that is exported: one revision of it, class by class.

use citytwin_index::meets;
use citytwin_model::{Bounds, Class, Feature, FeatureId, Fid, Revision};
use citytwin_store::{Store, StoreError};

/// A state of the city, and which of its features are wanted.
#[derive(Clone, Copy)]
pub struct Source<'s> {
    pub store: &'s Store,
    /// Every class is read as it was then, whatever is written meanwhile.
    pub revision: Revision,
    pub bounds: Option<Bounds>,
    /// Number of the one data set that is wanted.
    pub data_set: Option<i64>,
}

/// Changes asked for at a time.
const CHANGES: usize = 10_000;

impl Source<'_> {
    /// The wanted features of a class.
    pub fn read(&self, class: &Class, f: &mut dyn FnMut(Feature)) -> Result<(), StoreError> {
        let mut wanted = |feature: Feature| {
            let of_it = self.data_set.is_none_or(|no| feature.source == Some(no));
            let here = self.bounds.is_none_or(|bounds| feature.geometry.as_ref().is_some_and(|g| meets(g, &bounds)));
            if of_it && here {
                f(feature);
            }
        };
        // What is now as it was then, is that; what has changed or gone since is asked for by itself.
        let mut seen = Seen::default();
        self.store.read_class(class.no, &mut |feature| {
            if feature.revision <= self.revision {
                seen.add(feature.id.fid);
                wanted(feature);
            }
        })?;
        let mut since = self.revision;
        while since < self.store.head()? {
            let changes = self.store.changes_since(since, CHANGES)?;
            for change in changes.changes.iter().filter(|change| change.class == class.no) {
                if seen.add(change.fid)
                    && let Some(feature) = self.feature(FeatureId::new(class.no, change.fid))?
                {
                    wanted(feature);
                }
            }
            since = changes.upto;
        }
        Ok(())
    }

    pub fn feature(&self, id: FeatureId) -> Result<Option<Feature>, StoreError> {
        self.store.feature_as_of(id, self.revision)
    }
}

/// Fids that were met, as bits.
#[derive(Default)]
struct Seen(Vec<u64>);

impl Seen {
    /// Whether it is new.
    fn add(&mut self, fid: Fid) -> bool {
        let (word, bit) = (fid as usize / 64, 1 << (fid % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }
}
