//! Back into the system that the data came in.

use super::survey::Survey;
use anyhow::bail;
use citytwin_assets::{Lang, say};
use citytwin_model::ClassNo;
use citytwin_store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// `--crs source`: the one system that all data sets in this export came in, as PROJ takes it: its code, or the whole of its
/// definition where it has none.
pub fn of_sources<'s>(store: &Store, surveys: impl Iterator<Item = (ClassNo, &'s Survey)>, lang: Lang) -> anyhow::Result<String> {
    // What was drawn by hand has no source, and goes along with the rest.
    let placed = surveys.filter(|(_, survey)| survey.bounds.is_some());
    let used: BTreeSet<(i64, ClassNo)> = placed.flat_map(|(class, survey)| survey.sources.iter().map(move |no| (*no, class))).collect();
    let (sources, recorded) = (store.sources()?, store.source_systems()?);
    // By definition: the name, and the data sets that came in it.
    let mut systems: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for (no, class) in used {
        let Some(source) = sources.iter().find(|source| source.no == no) else { continue };
        let of_class: Vec<_> = recorded.iter().filter(|system| (system.source, system.class) == (no, class)).collect();
        // Loads did not always record it.
        let mut here: Vec<(String, String)> = of_class.iter().map(|system| (system.crs.clone(), system.name.clone())).collect();
        if here.is_empty() {
            let crs = source.crs.clone().unwrap_or_default();
            here.push((crs.clone(), crs));
        }
        for (crs, name) in here {
            systems.entry(crs).or_insert_with(|| (name, BTreeSet::new())).1.insert(source.name.clone());
        }
    }
    let described = || {
        let names = |of: &BTreeSet<String>| of.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let each = systems.values().map(|(name, of)| format!("{}: {}", if name.is_empty() { "?" } else { name }, names(of)));
        each.collect::<Vec<_>>().join("; ")
    };
    match systems.len() {
        1 if !systems.contains_key("") => Ok(systems.into_keys().next().expect("one")),
        _ => bail!(say(lang, "export.several_systems", &[("there", &described())])),
    }
}
