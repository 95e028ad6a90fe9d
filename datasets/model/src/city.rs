//! The read-only city that store, tiles and analysis share: one revision, unchanging while it is held.
//!
//! Ask by class, by box, by id; attributes are read from the feature ([`Feature::get`]), relations by [`references`] forward
//! and [`Referrers`] backward. Where millions are walked, use [`City::each`] and [`City::each_in`]: they hand out borrowed
//! features and allocate nothing.
//!
//! [`references`]: crate::relation::references
//! [`Referrers`]: crate::relation::Referrers

use crate::class::{Class, ClassNo};
use crate::feature::Feature;
use crate::frame::Frame;
use crate::ids::{FeatureId, Revision};
use crate::space::{Bounds, LonLat};
use std::sync::Arc;

pub trait City: Send + Sync {
    fn revision(&self) -> Revision;

    fn frame(&self) -> &Frame;

    /// Metres from the city's height datum up to the ellipsoid's zero: ellipsoid height = height + this.
    fn geoid_offset_m(&self) -> f64;

    /// Every class that the city has, in order of their numbers.
    fn classes(&self) -> &[Arc<Class>];

    fn class(&self, no: ClassNo) -> Option<&Arc<Class>> {
        self.classes().iter().find(|class| class.no == no)
    }

    fn class_by_id(&self, id: &str) -> Option<&Arc<Class>> {
        self.classes().iter().find(|class| class.id == id)
    }

    fn feature(&self, id: FeatureId) -> Option<Arc<Feature>>;

    /// Features of a class in paging order.
    fn all<'a>(&'a self, class: ClassNo) -> Box<dyn Iterator<Item = Arc<Feature>> + 'a>;

    /// Features of a class whose own box meets `bounds`, in paging order. A candidate list: the exact geometry may miss.
    fn in_box(&self, class: ClassNo, bounds: &Bounds) -> Vec<Arc<Feature>>;

    /// Shows every feature of a class, in paging order.
    fn each(&self, class: ClassNo, show: &mut dyn FnMut(&Arc<Feature>)) {
        for feature in self.all(class) {
            show(&feature);
        }
    }

    /// Shows the features that [`City::in_box`] would list.
    fn each_in(&self, class: ClassNo, bounds: &Bounds, show: &mut dyn FnMut(&Arc<Feature>)) {
        for feature in self.in_box(class, bounds) {
            show(&feature);
        }
    }

    /// How many features there are of a class.
    fn count(&self, class: ClassNo) -> usize {
        let mut count = 0;
        self.each(class, &mut |_| count += 1);
        count
    }

    /// Height of the ground in the city's datum; `None` where no terrain is known.
    fn ground_height(&self, at: LonLat) -> Option<f64>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Town, class, feature};

    #[test]
    fn walking_counting_and_listing_agree() {
        let town = Town::new(vec![class(80, "hydrant", &["code"])], (1..=9).map(|fid| feature(80, fid, vec![])).collect());
        let (hydrant, tree) = (ClassNo(80), ClassNo(81));
        assert_eq!((town.count(hydrant), town.count(tree)), (9, 0));
        let mut fids = Vec::new();
        town.each(hydrant, &mut |feature| fids.push(feature.id.fid));
        assert_eq!(fids, (1..=9).collect::<Vec<_>>());
        // Both borders count.
        let bounds = Bounds::new(116.003, 29.0, 116.005, 31.0);
        fids.clear();
        town.each_in(hydrant, &bounds, &mut |feature| fids.push(feature.id.fid));
        assert_eq!(fids, [3, 4, 5]);
        assert_eq!(town.in_box(hydrant, &bounds).len(), 3);
        assert_eq!(town.class(hydrant).map(|class| class.id.as_str()), Some("hydrant"));
        assert!(town.class_by_id("tree").is_none());
    }
}
