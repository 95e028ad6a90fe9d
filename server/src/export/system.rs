//! Back into the system that the data came in.

use super::survey::Survey;
use anyhow::bail;
use citytwin_assets::{Lang, say};
use citytwin_store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// `--crs source`: the one system that all data sets in this export came in.
pub fn of_sources<'s>(store: &Store, surveys: impl Iterator<Item = &'s Survey>, lang: Lang) -> anyhow::Result<String> {
    let mut used = BTreeSet::new();
    // What was drawn by hand has no source, and goes along with the rest.
    for survey in surveys {
        used.extend(survey.sources.iter().copied());
    }
    let mut systems: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in store.sources()?.into_iter().filter(|source| used.contains(&source.no)) {
        systems.entry(source.crs.unwrap_or_default()).or_default().push(source.name);
    }
    let described = || {
        let each = systems.iter().map(|(crs, names)| format!("{}: {}", if crs.is_empty() { "?" } else { crs }, names.join(", ")));
        each.collect::<Vec<_>>().join("; ")
    };
    match systems.len() {
        1 if !systems.contains_key("") => Ok(systems.into_keys().next().expect("one")),
        _ => bail!(say(lang, "export.several_systems", &[("there", &described())])),
    }
}
