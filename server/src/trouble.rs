//! What the store, the readings and the key say when they refuse, in the operator's language. Their errors carry a kind and
//! values; the sentences stand in messages.toml under `trouble`. Where none stands there, the program's own words are said.

use crate::classes::BadClasses;
use crate::security::key::KeyError;
use crate::store_words;
use citytwin_assets::{Lang, say};
use citytwin_live::LiveError;
use citytwin_store::{BadName, NotOurs, OwnChange, StoreError};
use std::error::Error;
use std::fmt::Display;

/// The whole of an error, from what was being done to the cause.
pub fn said(lang: Lang, error: &anyhow::Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain() {
        match sentence(lang, cause) {
            // It has said what lies below it.
            Some(sentence) => {
                parts.push(sentence);
                break;
            }
            None => parts.push(cause.to_string()),
        }
    }
    parts.join(if lang == Lang::Zh { "：" } else { ": " })
}

fn sentence(lang: Lang, error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return store(lang, error);
    }
    if let Some(error) = error.downcast_ref::<LiveError>() {
        return live(lang, error);
    }
    if let Some(BadClasses { path, detail }) = error.downcast_ref() {
        return Some(say(lang, "trouble.settings", &[("file", &path.display()), ("detail", detail)]));
    }
    key(lang, error.downcast_ref::<KeyError>()?)
}

/// What a store's error says by itself.
pub fn of_the_store(lang: Lang, error: &StoreError) -> String {
    store(lang, error).unwrap_or_else(|| error.to_string())
}

/// Why the system did not give a file, in words; what has none is said as the system says it.
fn io(lang: Lang, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let key = match error.kind() {
        ErrorKind::NotFound => "not_found",
        ErrorKind::PermissionDenied => "not_allowed",
        ErrorKind::IsADirectory => "is_a_folder",
        ErrorKind::NotADirectory => "no_folder",
        ErrorKind::ReadOnlyFilesystem => "read_only",
        _ => return error.to_string(),
    };
    say(lang, &format!("trouble.io_{key}"), &[])
}

fn store(lang: Lang, error: &StoreError) -> Option<String> {
    let say = |key: &str, values: &[(&str, &dyn Display)]| Some(say(lang, &format!("trouble.{key}"), values));
    match error {
        StoreError::NoCity { dir } => say("no_city", &[("folder", &dir.display())]),
        StoreError::AlreadyThere { dir } => say("city_there", &[("folder", &dir.display())]),
        StoreError::NotACity { path, why } => say("no_store", &[("file", &path.display()), ("why", &not_ours(lang, why))]),
        StoreError::FutureFormat { path, found, known } => say("newer", &[("file", &path.display()), ("found", found), ("known", known)]),
        StoreError::Config { path, detail } => say("settings", &[("file", &path.display()), ("detail", detail)]),
        StoreError::CollectionName(name, why) => say("name", &[("name", name), ("why", &bad_name(lang, *why))]),
        StoreError::OwnClass { class, change, rows } => {
            say("own_class", &[("class", class), ("change", &own_change(lang, change)), ("rows", rows)])
        }
        StoreError::Io { path, source } => say("io", &[("file", &path.display()), ("reason", &io(lang, source))]),
        StoreError::Sqlite(error) => say("sqlite", &[("detail", error)]),
        StoreError::Terrain(why) => say("terrain", &[("detail", &store_words::why(lang, why))]),
        StoreError::Busy => say("locked", &[]),
        StoreError::DiskFull => say("disk_full", &[]),
        other => store_words::sentence(lang, other),
    }
}

fn not_ours(lang: Lang, why: &NotOurs) -> String {
    let say = |key: &str, values: &[(&str, &dyn Display)]| say(lang, &format!("trouble.no_store_{key}"), values);
    match why {
        NotOurs::NoGeoPackage => say("geopackage", &[]),
        NotOurs::PlainGeoPackage => say("plain", &[]),
        NotOurs::DamagedHead => say("head", &[]),
        NotOurs::Journal(mode) => say("journal", &[("mode", mode)]),
        NotOurs::Unreadable(detail) => detail.clone(),
    }
}

fn bad_name(lang: Lang, why: BadName) -> String {
    let key = match why {
        BadName::Taken => "taken",
        BadName::Stranger => "stranger",
        BadName::OtherGeometry => "geometry",
        BadName::DamagedEntry => "entry",
        BadName::Letters => "letters",
        BadName::StoresOwn => "prefix",
        BadName::NumberTaken => "number",
        BadName::TooManyAttributes => "many",
        BadName::AttributeLetters => "attribute",
        BadName::StoresColumn => "column",
        BadName::AttributeTwice => "twice",
    };
    say(lang, &format!("trouble.name_{key}"), &[])
}

fn own_change(lang: Lang, change: &OwnChange) -> String {
    let say = |key: &str, values: &[(&str, &dyn Display)]| say(lang, &format!("trouble.own_class_{key}"), values);
    match change {
        OwnChange::Gone => say("gone", &[]),
        OwnChange::Number { was, now } => say("number", &[("was", was), ("now", now)]),
        OwnChange::Geometry => say("geometry", &[]),
        OwnChange::AttributeGone(attribute) => say("attribute", &[("attribute", attribute)]),
        OwnChange::AttributeType(attribute) => say("type", &[("attribute", attribute)]),
    }
}

fn live(lang: Lang, error: &LiveError) -> Option<String> {
    let say = |key: &str, values: &[(&str, &dyn Display)]| Some(say(lang, &format!("trouble.{key}"), values));
    match error {
        LiveError::InUse => say("in_use", &[]),
        LiveError::NotLive { path, .. } => say("no_readings", &[("file", &path.display())]),
        LiveError::FutureFormat { path, found, known } => say("newer", &[("file", &path.display()), ("found", found), ("known", known)]),
        LiveError::Damaged(_) => say("readings_damaged", &[]),
        LiveError::DiskFull => say("disk_full", &[]),
        _ => None,
    }
}

fn key(lang: Lang, error: &KeyError) -> Option<String> {
    match error {
        KeyError::Broken { path } => Some(say(lang, "trouble.key", &[("file", path)])),
        KeyError::Random(_) => Some(say(lang, "trouble.no_random", &[])),
        KeyError::File { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    fn all() -> Vec<anyhow::Error> {
        let path = || "/c/city.gpkg".into();
        let mut all: Vec<anyhow::Error> = vec![
            StoreError::NoCity { dir: path() }.into(),
            StoreError::AlreadyThere { dir: path() }.into(),
            StoreError::FutureFormat { path: path(), found: 9, known: 1 }.into(),
            StoreError::Config { path: path(), detail: "7".into() }.into(),
            BadClasses { path: "/c/classes.toml".into(), detail: "7".into() }.into(),
            StoreError::Busy.into(),
            StoreError::DiskFull.into(),
            StoreError::Io { path: "/c/city.toml".into(), source: std::io::ErrorKind::NotFound.into() }.into(),
            StoreError::Io { path: "/c/city.toml".into(), source: std::io::ErrorKind::PermissionDenied.into() }.into(),
            StoreError::Damaged { path: path(), detail: "7".into() }.into(),
            LiveError::InUse.into(),
            LiveError::NotLive { path: path(), detail: String::new() }.into(),
            LiveError::FutureFormat { path: path(), found: 9, known: 1 }.into(),
            LiveError::Damaged("").into(),
            LiveError::DiskFull.into(),
            KeyError::Broken { path: "/c/admin.key".into() }.into(),
        ];
        for why in [NotOurs::NoGeoPackage, NotOurs::PlainGeoPackage, NotOurs::DamagedHead, NotOurs::Journal("delete".into())] {
            all.push(StoreError::NotACity { path: path(), why }.into());
        }
        for why in [
            BadName::Taken,
            BadName::Stranger,
            BadName::OtherGeometry,
            BadName::DamagedEntry,
            BadName::Letters,
            BadName::StoresOwn,
            BadName::NumberTaken,
            BadName::TooManyAttributes,
            BadName::AttributeLetters,
            BadName::StoresColumn,
            BadName::AttributeTwice,
        ] {
            all.push(StoreError::CollectionName("树".into(), why).into());
        }
        for change in [
            OwnChange::Gone,
            OwnChange::Number { was: 10_001, now: 10_002 },
            OwnChange::Geometry,
            OwnChange::AttributeGone("高".into()),
            OwnChange::AttributeType("高".into()),
        ] {
            all.push(StoreError::OwnClass { class: "树".into(), change, rows: 2 }.into());
        }
        all
    }

    #[test]
    fn what_an_operator_meets_is_said_in_both_languages() {
        for error in all() {
            let (zh, en) = (said(Lang::Zh, &error), said(Lang::En, &error));
            assert!(!zh.contains("trouble.") && !en.contains("trouble.") && !zh.contains('{') && !en.contains('{'), "{zh} / {en}");
            // No English words in the Chinese sentence but names of commands and files.
            let words = zh.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 3);
            let strange: Vec<&str> = words
                .filter(|word| {
                    ![
                        "city",
                        "gpkg",
                        "citytwin",
                        "serve",
                        "load",
                        "GeoPackage",
                        "admin",
                        "live",
                        "delete",
                        "toml",
                        "classes",
                        "verify",
                        "doctor",
                        "adopt",
                    ]
                    .contains(word)
                })
                .collect();
            assert!(strange.is_empty(), "{zh}: {strange:?}");
        }
    }

    #[test]
    fn what_was_being_done_stands_before_it_and_the_cause_is_said_once() {
        let error = anyhow::Error::from(LiveError::InUse).context("opening");
        assert_eq!(said(Lang::En, &error), format!("opening: {}", say(Lang::En, "trouble.in_use", &[])));
        let io = || std::io::Error::other("no such device");
        let unknown = Err::<(), _>(io()).context("/c/file").unwrap_err();
        assert_eq!(said(Lang::En, &unknown), "/c/file: no such device");
        let missing = StoreError::Io { path: "/c/city.toml".into(), source: std::io::ErrorKind::NotFound.into() };
        assert_eq!(said(Lang::Zh, &missing.into()), "无法使用 /c/city.toml：没有这个文件");
    }
}
