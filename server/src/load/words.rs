//! Sentences for what the helper and the fit report.

use citytwin_assets::{Lang, say};
use citytwin_datasets::pipe::{CrsUse, CrsWay, Fail};
use citytwin_datasets::{HelperError, Reason};
use citytwin_model::class::Label;
use citytwin_store::CityName;
use std::fmt::Display;

pub(super) fn helper_error(lang: Lang, file: &str, error: HelperError) -> anyhow::Error {
    let text = match &error {
        HelperError::NotFound { looked } => say(lang, "load.helper_missing", &[("folder", &looked.display())]),
        HelperError::NotStarted { program, source } => {
            say(lang, "load.helper_not_started", &[("program", &program.display()), ("reason", source)])
        }
        HelperError::Died { how } => say(lang, "load.helper_died", &[("how", how)]),
        HelperError::Stopped => say(lang, "load.interrupted_early", &[]),
        HelperError::Pipe(error) => say(lang, "load.helper_garbled", &[("reason", error)]),
        HelperError::Refused(it) => fail(lang, file, it),
    };
    anyhow::Error::msg(text)
}

/// Why a file or a layer cannot be read, and what to do about it.
pub(super) fn fail(lang: Lang, what: &str, fail: &Fail) -> String {
    let key = format!("load.fail.{}", fail.key);
    if citytwin_assets::messages::find(&key).is_some() {
        say(lang, &key, &[("what", &what), ("detail", &fail.detail)])
    } else {
        say(lang, "load.fail.unreadable", &[("what", &what), ("detail", &format!("{}: {}", fail.key, fail.detail))])
    }
}

pub(super) fn crs(lang: Lang, used: &CrsUse) -> String {
    match &used.way {
        CrsWay::Same => say(lang, "load.crs_same", &[("source", &used.source)]),
        CrsWay::Unprojected { operation } => say(lang, "load.crs_unprojected", &[("source", &used.source), ("operation", operation)]),
        CrsWay::Transformed { operation, accuracy_m } => {
            let accuracy = accuracy_m.map_or_else(|| "?".to_owned(), |a| a.to_string());
            say(lang, "load.crs_transformed", &[("source", &used.source), ("operation", operation), ("accuracy", &accuracy)])
        }
    }
}

/// Why a record was refused.
pub(super) fn reason(lang: Lang, reason: &Reason) -> String {
    let values: Vec<(&str, String)> = reason
        .values()
        .into_iter()
        .map(|(name, value)| match name {
            "wanted" | "found" => (name, named(lang, &value)),
            _ => (name, value),
        })
        .collect();
    let values: Vec<(&str, &dyn Display)> = values.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
    say(lang, &format!("load.refused.{}", reason.key()), &values)
}

pub(super) fn remedy(lang: Lang, reason: &Reason) -> String {
    say(lang, &format!("load.remedy.{}", reason.key()), &[])
}

pub(super) fn label(lang: Lang, label: &Label) -> &String {
    match lang {
        Lang::Zh => &label.zh,
        Lang::En => &label.en,
    }
}

pub(super) fn name(lang: Lang, name: &CityName) -> &String {
    match lang {
        Lang::Zh => &name.zh,
        Lang::En => &name.en,
    }
}

/// A kind of geometry or a type, as people call it.
fn named(lang: Lang, word: &str) -> String {
    let key = format!("load.word.{word}");
    if citytwin_assets::messages::find(&key).is_some() { say(lang, &key, &[]) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_sentence_and_its_remedy() {
        for key in Reason::KEYS {
            for part in ["refused", "remedy"] {
                let key = format!("load.{part}.{key}");
                assert!(citytwin_assets::messages::find(&key).is_some(), "{key} stands nowhere in messages.toml");
            }
        }
    }

    #[test]
    fn every_way_to_fail_has_its_sentence() {
        for key in [
            "unreadable",
            "no_file",
            "broke_off",
            "mistyped",
            "crs_missing",
            "crs_missing_offer",
            "crs_swapped",
            "crs_unswapped",
            "city_store",
            "crs_other",
            "crs_later",
            "crs_unknown",
            "crs_no_operation",
            "crs_inaccurate",
            "crs_outside",
            "folder",
            "link",
            "shx_missing",
            "log_unread",
            "format_table",
            "format_drawing",
            "format_packed",
            "format_pointer",
            "format_database",
            "format_other",
            "raster_empty",
            "raster_unplaced",
            "raster_too_large",
        ] {
            let said = fail(Lang::En, "layer", &Fail { key: key.into(), detail: "the detail".into() });
            assert!((said.contains("layer") || said.contains("the detail")) && !said.contains("load.fail"), "{key}: {said}");
        }
    }

    #[test]
    fn a_reason_is_said_with_its_values() {
        let reason = Reason::Unconvertible { attribute: "diameter_mm".into(), value: "DN100".into(), wanted: "int".into() };
        let said = super::reason(Lang::En, &reason);
        assert!(said.contains("diameter_mm") && said.contains("DN100") && said.contains("whole number"), "{said}");
    }
}
