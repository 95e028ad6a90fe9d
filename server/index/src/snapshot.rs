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
            by_class.entry(feature.id.class).or_default().push(held(feature));
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
            edits.entry(feature.id.class).or_default().insert(feature.id.fid, Some(held(feature)));
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

/// A feature as it is kept: without the attributes at its end that nobody has filled, and there are many such.
fn held(mut feature: Feature) -> Arc<Feature> {
    feature.trim();
    Arc::new(feature)
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

    fn each(&self, class: ClassNo, show: &mut dyn FnMut(&Arc<Feature>)) {
        if let Some(index) = self.index(class) {
            index.features().for_each(show);
        }
    }

    fn each_in(&self, class: ClassNo, bounds: &Bounds, show: &mut dyn FnMut(&Arc<Feature>)) {
        if let Some(index) = self.index(class) {
            index.hits(std::slice::from_ref(bounds), false, &mut |feature| show(feature));
        }
    }

    fn count(&self, class: ClassNo) -> usize {
        Self::count(self, class)
    }

    fn ground_height(&self, at: LonLat) -> Option<f64> {
        self.0.ground.as_ref()?.height(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::{Geometry, Position, Shape};

    const CLASS: ClassNo = ClassNo(80);

    fn hydrant(fid: Fid, revision: Revision, lon: f64) -> Feature {
        let geometry = Some(Geometry::flat(Shape::Point(Position::new(lon, 30.0, 0.0))));
        Feature { id: FeatureId::new(CLASS, fid), revision, geometry, attributes: Vec::new(), other: None, source: None }
    }

    fn city(features: Vec<Feature>) -> Snapshot {
        Snapshot::build(7, Frame::at(LonLat { lon: 116.0, lat: 30.0 }), -12.5, Vec::new(), features, None)
    }

    #[test]
    fn of_a_feature_given_twice_the_last_counts() {
        let city = city(vec![hydrant(1, 2, 116.0), hydrant(2, 1, 116.2), hydrant(1, 5, 116.1)]);
        assert_eq!((city.count(CLASS), city.feature(FeatureId::new(CLASS, 1)).unwrap().revision), (2, 5));
        let edited = city.apply(8, vec![hydrant(1, 8, 116.3), hydrant(1, 9, 116.4)], Vec::new());
        assert_eq!((edited.count(CLASS), edited.feature(FeatureId::new(CLASS, 1)).unwrap().revision), (2, 9));
    }

    #[test]
    fn the_trait_walks_as_the_snapshot_does_and_empty_ends_are_not_kept() {
        let mut two = hydrant(2, 1, 116.2);
        two.attributes = vec!["H-2".into(), citytwin_model::Value::Null, citytwin_model::Value::Null];
        let snapshot = city(vec![hydrant(1, 1, 116.0), two, hydrant(3, 1, 116.4)]);
        let of: &dyn City = &snapshot;
        assert_eq!((of.count(CLASS), of.count(ClassNo(1))), (3, 0));
        let (mut all, mut boxed) = (Vec::new(), Vec::new());
        of.each(CLASS, &mut |feature| all.push(feature.id.fid));
        assert_eq!(all, of.all(CLASS).map(|feature| feature.id.fid).collect::<Vec<_>>());
        let bounds = Bounds::new(116.1, 29.0, 116.5, 31.0);
        of.each_in(CLASS, &bounds, &mut |feature| boxed.push(feature.id.fid));
        assert_eq!(boxed, of.in_box(CLASS, &bounds).iter().map(|feature| feature.id.fid).collect::<Vec<_>>());
        assert_eq!(boxed.len(), 2);
        of.each(ClassNo(1), &mut |_| panic!("nothing is there"));
        assert_eq!(snapshot.feature(FeatureId::new(CLASS, 2)).unwrap().attributes, ["H-2".into()]);
        let edited = snapshot.apply(8, vec![Feature { attributes: vec![citytwin_model::Value::Null; 9], ..hydrant(1, 8, 116.0) }], vec![]);
        assert!(edited.feature(FeatureId::new(CLASS, 1)).unwrap().attributes.is_empty());
    }

    #[test]
    fn what_is_changed_and_gone_has_come_back() {
        let id = FeatureId::new(CLASS, 1);
        let edited = city(vec![hydrant(1, 1, 116.0)]).apply(8, vec![hydrant(1, 8, 116.5)], vec![id]);
        assert_eq!((edited.revision(), edited.count(CLASS), edited.feature(id).unwrap().revision), (8, 1, 8));
        assert_eq!(edited.bounds().unwrap().west, 116.5);
    }

    #[test]
    fn what_never_was_can_go() {
        let edited = city(Vec::new()).apply(8, Vec::new(), vec![FeatureId::new(CLASS, 3)]);
        assert_eq!((edited.count(CLASS), edited.bounds()), (0, None));
        assert_eq!(edited.all(CLASS).count(), 0);
    }

    #[test]
    fn nearest_ends_when_there_are_fewer_than_asked_for() {
        let city = city(vec![hydrant(1, 1, 116.0), hydrant(2, 1, 117.0)]);
        let at = LonLat { lon: 116.001, lat: 30.0 };
        for (max_m, found) in [(1e9, 2), (f64::INFINITY, 2), (200.0, 1), (0.0, 0), (-1.0, 0), (f64::NAN, 0)] {
            assert_eq!(city.nearest(CLASS, at, max_m, 5).len(), found, "{max_m}");
        }
        assert_eq!(city.nearest(CLASS, at, 1e6, 1)[0].0.id.fid, 1);
        assert!(city.within(CLASS, LonLat { lon: f64::NAN, lat: 30.0 }, 100.0).is_empty());
    }

    #[test]
    fn the_ground_is_asked_where_there_is_one() {
        struct Slope;
        impl Ground for Slope {
            fn height(&self, at: LonLat) -> Option<f64> {
                (at.lon < 117.0).then_some(at.lon - 100.0)
            }
        }
        let at = |lon| LonLat { lon, lat: 30.0 };
        let city = city(Vec::new());
        assert_eq!(city.ground_height(at(116.0)), None);
        let sloped = city.with_ground(Some(Arc::new(Slope)));
        assert_eq!((sloped.ground_height(at(116.0)), sloped.ground_height(at(118.0))), (Some(16.0), None));
    }
}
