//! Back into the system that the data came in; and the times of `--as-of`.

use super::survey::Survey;
use anyhow::bail;
use citytwin_assets::{Lang, say};
use citytwin_datasets::convert::convert;
use citytwin_model::{AttributeType, Timestamp, Value};
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

/// A time without an offset is the city's own; a day alone is its beginning.
pub fn instant(text: &str, zone_minutes: i32) -> Option<Timestamp> {
    // Seconds may be left out.
    let full = if text.len() == 16 { format!("{text}:00") } else { text.to_owned() };
    let value = convert(&Value::Text(full), &AttributeType::Time, zone_minutes).ok()?;
    value.as_text()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_citys_unless_they_say_otherwise() {
        let at = |text: &str| instant(text, 480).map(|at| at.to_string());
        assert_eq!(at("2026-11-17T18:00").as_deref(), Some("2026-11-17T10:00:00.000Z"));
        assert_eq!(at("2026-11-17T18:00:00Z").as_deref(), Some("2026-11-17T18:00:00.000Z"));
        assert_eq!(at("2026-11-17").as_deref(), Some("2026-11-16T16:00:00.000Z"));
        assert_eq!(at("last Tuesday"), None);
    }
}
