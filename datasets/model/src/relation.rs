//! Which feature names which: references read forward from a feature, and backward by an index made once.

use crate::city::City;
use crate::class::{Attribute, AttributeType, Class};
use crate::feature::Feature;
use crate::ids::FeatureId;
use crate::value::Value;

/// The references that a feature holds, each with its attribute. A code that has found no feature is none.
pub fn references<'a>(class: &'a Class, feature: &'a Feature) -> impl Iterator<Item = (&'a Attribute, FeatureId)> {
    feature.values(class).filter(|(attribute, _)| attribute.is_ref()).filter_map(|(attribute, value)| Some((attribute, target(value)?)))
}

/// The feature that a reference's value means.
pub fn target(value: &Value) -> Option<FeatureId> {
    FeatureId::from_wire(u64::try_from(value.as_int()?).ok()?)
}

/// One feature that names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Referrer {
    target: FeatureId,
    pub from: FeatureId,
    /// Place of the attribute in the referring feature's class.
    pub attribute: u16,
}

/// Who names whom, backward: the valves of a pipe, the sensors of a bridge. Made by one walk; sorted, 16 bytes a reference.
#[derive(Clone, Debug, Default)]
pub struct Referrers(Vec<Referrer>);

impl Referrers {
    /// Walks every class that has references.
    pub fn of(city: &dyn City) -> Self {
        let mut all = Vec::new();
        for class in city.classes() {
            let places: Vec<usize> = (0..class.attributes.len()).filter(|place| class.attributes[*place].is_ref()).collect();
            if places.is_empty() {
                continue;
            }
            city.each(class.no, &mut |feature| {
                for place in &places {
                    if let Some(target) = feature.attributes.get(*place).and_then(target) {
                        all.push(Referrer { target, from: feature.id, attribute: *place as u16 });
                    }
                }
            });
        }
        all.sort_unstable();
        Self(all)
    }

    /// The features that name this one, in order of their numbers.
    pub fn to(&self, id: FeatureId) -> &[Referrer] {
        let start = self.0.partition_point(|referrer| referrer.target < id);
        let len = self.0[start..].partition_point(|referrer| referrer.target == id);
        &self.0[start..start + len]
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Attribute {
    pub fn is_ref(&self) -> bool {
        matches!(self.ty, AttributeType::Ref(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Town, class, feature, reference};

    #[test]
    fn references_are_found_forward_and_backward() {
        let pipe = class(40, "water_pipe", &["code"]);
        let mut valve = class(41, "water_valve", &["code", "pipe", "node"]);
        valve.attributes[1].ty = AttributeType::Ref(vec!["water_pipe".into()]);
        valve.attributes[2].ty = AttributeType::Ref(Vec::new());
        let (p1, p2) = (FeatureId::new(pipe.no, 1), FeatureId::new(pipe.no, 2));
        let features = vec![
            feature(40, 1, vec!["P1".into()]),
            feature(40, 2, vec!["P2".into()]),
            feature(41, 1, vec!["V1".into(), reference(p1), reference(p2)]),
            feature(41, 2, vec!["V2".into(), reference(p1)]),
            // A code that has found nothing stays text and is no reference.
            feature(41, 3, vec!["V3".into(), "P9".into()]),
        ];
        let town = Town::new(vec![pipe, valve], features);
        let valve = town.class_by_id("water_valve").unwrap();
        let v1 = town.feature(FeatureId::new(valve.no, 1)).unwrap();
        let named: Vec<_> = references(valve, &v1).map(|(attribute, id)| (attribute.id.as_str(), id)).collect();
        assert_eq!(named, [("pipe", p1), ("node", p2)]);
        let referrers = Referrers::of(&town);
        assert_eq!(referrers.len(), 3);
        let of = |id| referrers.to(id).iter().map(|r| (r.from.fid, r.attribute)).collect::<Vec<_>>();
        assert_eq!((of(p1), of(p2)), (vec![(1, 1), (2, 1)], vec![(1, 2)]));
        assert!(referrers.to(FeatureId::new(valve.no, 1)).is_empty());
    }
}
