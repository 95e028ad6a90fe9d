//! The city that is exported: one revision of it, class by class.

use citytwin_index::meets;
use citytwin_model::{Bounds, Class, Feature, FeatureId, Revision};
use citytwin_store::{AsOf, Store, StoreError};

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
        let as_of = AsOf::Revision(self.revision);
        let read = match &self.bounds {
            None => self.store.read_class_as_of(class.no, as_of, &mut wanted),
            Some(bounds) => self.store.read_box_as_of(Some(class.no), bounds, as_of, &mut wanted),
        };
        read.map(drop)
    }

    pub fn feature(&self, id: FeatureId) -> Result<Option<Feature>, StoreError> {
        self.store.feature_as_of(id, self.revision)
    }
}
