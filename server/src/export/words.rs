//! Sentences for what the helper reports while something is written.

use super::sink::Failed;
use crate::target::Unplaced;
use citytwin_assets::{Lang, say};
use citytwin_datasets::HelperError;
use citytwin_datasets::pipe::CrsWay;
use citytwin_datasets::points::System;
use citytwin_model::class::Label;

/// An error in the operator's words.
pub fn said(lang: Lang, error: anyhow::Error) -> anyhow::Error {
    if let Some(unplaced) = error.downcast_ref::<Unplaced>() {
        return anyhow::Error::msg(unplaced.said(lang));
    }
    let text = match error.downcast_ref::<Failed>().map(|failed| &failed.0).or_else(|| error.downcast_ref::<HelperError>()) {
        None => return error,
        Some(HelperError::NotFound { looked }) => say(lang, "load.helper_missing", &[("folder", &looked.display())]),
        Some(HelperError::NotStarted { program, source }) => {
            say(lang, "load.helper_not_started", &[("program", &program.display()), ("reason", source)])
        }
        Some(HelperError::Stopped) => say(lang, "export.interrupted", &[]),
        Some(HelperError::Died { how }) => say(lang, "export.helper_died", &[("how", how)]),
        Some(HelperError::Pipe(error)) => say(lang, "load.helper_garbled", &[("reason", error)]),
        Some(HelperError::Refused(fail)) => {
            let key = match fail.key.as_str() {
                "crs_unknown" | "crs_missing" => "export.fail.crs_unknown",
                "crs_no_operation" | "crs_outside" => "export.fail.crs_no_operation",
                "crs_inaccurate" => "export.fail.crs_inaccurate",
                _ => "export.fail.unwritable",
            };
            say(lang, key, &[("detail", &fail.detail)])
        }
    };
    anyhow::Error::msg(text)
}

/// Which way the coordinates went.
pub fn system(lang: Lang, system: &System) -> String {
    let crs = &system.used.source;
    match &system.used.way {
        CrsWay::Same => say(lang, "export.crs_same", &[("crs", crs)]),
        CrsWay::Unprojected { operation } => {
            // Its name is that of the way in; this is the way out.
            let operation = operation.strip_prefix("Inverse of ").unwrap_or(operation);
            say(lang, "export.crs_projected", &[("crs", crs), ("operation", &operation)])
        }
        CrsWay::Transformed { operation, accuracy_m } => {
            let accuracy = accuracy_m.map_or_else(|| "?".to_owned(), |a| a.to_string());
            say(lang, "export.crs_transformed", &[("crs", crs), ("operation", operation), ("accuracy", &accuracy)])
        }
    }
}

pub fn label(lang: Lang, label: &Label) -> &String {
    match lang {
        Lang::Zh => &label.zh,
        Lang::En => &label.en,
    }
}
