//! The read-only city that store, tiles and analysis share: one revision, unchanging while it is held.

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

    /// Height of the ground in the city's datum; `None` where no terrain is known.
    fn ground_height(&self, at: LonLat) -> Option<f64>;
}
