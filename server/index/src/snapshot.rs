//! The whole city at one revision. Cheap to clone, never changes; an edit makes another one that shares what it left alone.

use crate::class_index::{ClassIndex, Query};
use crate::near;
use crate::page::{Page, PageKey};
use citytwin_model::{Bounds, City, Class, ClassNo, Feature, FeatureId, Fid, Frame, LonLat, Revision};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where heights of the ground come from.
pub trait Ground: Send + Sync {
    /// Metres in the city's height datum; `None` where no terrain is known.
    fn height(&self, at: LonLat) -> Option<f64>;
}

#[derive(Clone)]
pub struct Snapshot(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    revision: Revision,
    frame: Frame,
    geoid_offset_m: f64,
    classes: Vec<Arc<Class>>,
    indexes: BTreeMap<ClassNo, Arc<ClassIndex>>,
    ground: Option<Arc<dyn Ground>>,
}

impl Snapshot {
    /// A feature given twice counts as it was given last.
    pub fn build(
        revision: Revision,
        frame: Frame,
        geoid_offset_m: f64,
        mut classes: Vec<Arc<Class>>,
        features: Vec<Feature>,
        ground: Option<Arc<dyn Ground>>,
    ) -> Self {
        classes.sort_by_key(|class| class.no);
        let mut by_class: BTreeMap<ClassNo, Vec<Arc<Feature>>> = BTreeMap::new();
        for feature in features {
            by_class.entry(feature.id.class).or_default().push(Arc::new(feature));
        }
        let indexes = by_class
            .into_iter()
            .map(|(class, mut features)| {
                // Stable, then turned: the last of a number comes first and is the one that `dedup` keeps.
                features.reverse();
                features.sort_by_key(|feature| feature.id.fid);
                features.dedup_by_key(|feature| feature.id.fid);
                (class, Arc::new(ClassIndex::build(features)))
            })
            .collect();
        Self(Arc::new(Inner { revision, frame, geoid_offset_m, classes, indexes, ground }))
    }

    /// The city after an edit. A feature that is both changed and gone has come back: it counts as changed.
    pub fn apply(&self, revision: Revision, changed: Vec<Feature>, gone: Vec<FeatureId>) -> Self {
        let mut edits: BTreeMap<ClassNo, BTreeMap<Fid, Option<Arc<Feature>>>> = BTreeMap::new();
        for id in gone {
            edits.entry(id.class).or_default().insert(id.fid, None);
        }
        for feature in changed {
            edits.entry(feature.id.class).or_default().insert(feature.id.fid, Some(Arc::new(feature)));
        }
        let mut inner = (*self.0).clone();
        inner.revision = revision;
        for (class, edits) in edits {
            let index = match inner.indexes.get(&class) {
                Some(index) => index.apply(&edits),
                None => ClassIndex::build(edits.into_values().flatten()),
            };
            inner.indexes.insert(class, Arc::new(index));
        }
        Self(Arc::new(inner))
    }

    /// The same features under another list of classes: a load has added a collection of its own.
    pub fn with_classes(&self, mut classes: Vec<Arc<Class>>) -> Self {
        classes.sort_by_key(|class| class.no);
        Self(Arc::new(Inner { classes, ..(*self.0).clone() }))
    }

    /// The same city over another terrain.
    pub fn with_ground(&self, ground: Option<Arc<dyn Ground>>) -> Self {
        Self(Arc::new(Inner { ground, ..(*self.0).clone() }))
    }

    fn index(&self, class: ClassNo) -> Option<&ClassIndex> {
        self.0.indexes.get(&class).map(|index| &**index)
    }

    /// Features of a class.
    pub fn count(&self, class: ClassNo) -> usize {
        self.index(class).map_or(0, ClassIndex::len)
    }

    /// The smallest box around a class; `None` if nothing of it has a place.
    pub fn class_bounds(&self, class: ClassNo) -> Option<Bounds> {
        self.index(class).map(ClassIndex::extent).filter(|bounds| !bounds.is_empty())
    }

    /// The smallest box around the city.
    pub fn bounds(&self) -> Option<Bounds> {
        let all = self.0.indexes.values().fold(Bounds::EMPTY, |all, index| all.union(&index.extent()));
        (!all.is_empty()).then_some(all)
    }

    /// A page of the features that meet `bounds` (borders count), or of all. `after` is the last page's `next`.
    pub fn page(&self, class: ClassNo, bounds: Option<&Bounds>, after: Option<PageKey>, limit: usize) -> Page {
        self.page_where(class, bounds.map(std::slice::from_ref), None, after, limit)
    }

    /// As [`Self::page`], with several boxes (one that crosses the antimeridian is two) and a further condition, which is
    /// asked of every feature that the boxes leave.
    pub fn page_where(
        &self,
        class: ClassNo,
        window: Option<&[Bounds]>,
        filter: Option<&dyn Fn(&Feature) -> bool>,
        after: Option<PageKey>,
        limit: usize,
    ) -> Page {
        match self.index(class) {
            Some(index) => index.page(Query { window, filter }, after, limit),
            None => Page { features: Vec::new(), matched: 0, next: None },
        }
    }

    /// Features that meet the box exactly (borders count), in paging order.
    pub fn visit<'a>(&'a self, class: ClassNo, bounds: &Bounds, mut hit: impl FnMut(&'a Arc<Feature>)) {
        if let Some(index) = self.index(class) {
            index.hits(std::slice::from_ref(bounds), true, &mut hit);
        }
    }

    /// Numbers of the features that meet the box exactly, in paging order: the cheapest way to ask.
    pub fn fids(&self, class: ClassNo, bounds: &Bounds) -> Vec<Fid> {
        let mut fids = Vec::new();
        if let Some(index) = self.index(class) {
            index.hit_fids(std::slice::from_ref(bounds), &mut |fid| fids.push(fid));
        }
        fids
    }

    /// Features within `radius_m` of a place, with their distances in metres, nearest first.
    pub fn within(&self, class: ClassNo, at: LonLat, radius_m: f64) -> Vec<(Arc<Feature>, f64)> {
        self.index(class).map_or_else(Vec::new, |index| near::within(index, at, radius_m))
    }

    /// The `count` nearest features no farther than `max_m`, with their distances in metres, nearest first.
    pub fn nearest(&self, class: ClassNo, at: LonLat, max_m: f64, count: usize) -> Vec<(Arc<Feature>, f64)> {
        self.index(class).map_or_else(Vec::new, |index| near::nearest(index, at, max_m, count))
    }
}

impl City for Snapshot {
    fn revision(&self) -> Revision {
        self.0.revision
    }

    fn frame(&self) -> &Frame {
        &self.0.frame
    }

    fn geoid_offset_m(&self) -> f64 {
        self.0.geoid_offset_m
    }

    fn classes(&self) -> &[Arc<Class>] {
        &self.0.classes
    }

    fn feature(&self, id: FeatureId) -> Option<Arc<Feature>> {
        self.index(id.class)?.get(id.fid).cloned()
    }

    fn all<'a>(&'a self, class: ClassNo) -> Box<dyn Iterator<Item = Arc<Feature>> + 'a> {
        match self.index(class) {
            Some(index) => Box::new(index.features().cloned()),
            None => Box::new(std::iter::empty()),
        }
    }

    fn in_box(&self, class: ClassNo, bounds: &Bounds) -> Vec<Arc<Feature>> {
        let mut found = Vec::new();
        if let Some(index) = self.index(class) {
            index.hits(std::slice::from_ref(bounds), false, &mut |feature| found.push(feature.clone()));
        }
        found
    }

    fn ground_height(&self, at: LonLat) -> Option<f64> {
        self.0.ground.as_ref()?.height(at)
    }
}
