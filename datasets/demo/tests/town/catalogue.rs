//! Every feature is what the catalogue says it is.

use crate::town::towns;
use citytwin_catalogue::Catalogue;
use citytwin_model::class::{AttributeType, Kept};
use citytwin_model::{GeometryKind, Value};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn geometry_types_ranges_and_codes_are_the_catalogues() {
    for (seed, town, _) in towns() {
        for thing in &town.things {
            let kind = thing.geometry.as_ref().map_or(GeometryKind::None, citytwin_model::Geometry::kind);
            assert_eq!(kind, thing.class.geometry, "seed {seed}: {}", thing.class.id);
            if let Some(geometry) = &thing.geometry {
                assert!(geometry.has_z, "{}", thing.class.id);
                geometry.for_each_vertex(|p| assert!(p.is_finite()));
            }
            for (attribute, value) in thing.class.attributes.iter().zip(&thing.attributes) {
                let place = || format!("seed {seed}: {}.{} = {value:?}", thing.class.id, attribute.id);
                if value.is_null() {
                    assert!(!attribute.required, "{}", place());
                    continue;
                }
                let right = match &attribute.ty {
                    AttributeType::Bool => matches!(value, Value::Bool(_)),
                    AttributeType::Int => matches!(value, Value::Int(_)),
                    AttributeType::Real => matches!(value, Value::Real(x) if x.is_finite()),
                    AttributeType::Code(entries) => entries.iter().any(|entry| Some(entry.value.as_str()) == value.as_text()),
                    _ => matches!(value, Value::Text(text) if !text.is_empty()),
                };
                assert!(right, "{}", place());
                if let (Some((low, high)), Some(x)) = (attribute.range, value.as_number()) {
                    assert!((low..=high).contains(&x), "{}", place());
                }
            }
        }
    }
}

#[test]
fn codes_are_unique_and_references_name_what_they_may() {
    for (seed, town, _) in towns() {
        let mut owner: BTreeMap<&str, &str> = BTreeMap::new();
        for thing in &town.things {
            assert!(owner.insert(thing.code(), &thing.class.id).is_none(), "seed {seed}: code {} stands twice", thing.code());
        }
        for thing in &town.things {
            for (attribute, value) in thing.class.attributes.iter().zip(&thing.attributes) {
                let (AttributeType::Ref(allowed), Some(code)) = (&attribute.ty, value.as_text()) else { continue };
                let class = owner
                    .get(code)
                    .unwrap_or_else(|| panic!("seed {seed}: {} {} refers to {code}, which is nothing", thing.class.id, thing.code()));
                assert!(
                    allowed.is_empty() || allowed.iter().any(|id| id == class),
                    "{}.{} refers to a {class}",
                    thing.class.id,
                    attribute.id
                );
            }
        }
    }
}

#[test]
fn it_makes_the_classes_that_it_names() {
    for (seed, town, _) in towns() {
        let made: BTreeSet<&str> = town.by_class.keys().map(String::as_str).collect();
        assert_eq!(made, citytwin_demo::CLASSES.into(), "seed {seed}");
    }
    assert!(citytwin_demo::CLASSES.iter().all(|id| Catalogue::builtin().class(id).is_some_and(|class| class.kept == Kept::City)));
}
