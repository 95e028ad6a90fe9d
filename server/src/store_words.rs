//! Sentences for what the store reports, in the reader's language.

use crate::clock;
use citytwin_assets::{Lang, say};
use citytwin_catalogue::Catalogue;
use citytwin_model::FeatureId;
use citytwin_store::{LaterEdit, Store, StoreError, Why};
use std::fmt::Display;

/// What `trouble` says of the rarer errors: of loads, versions, backups, tables that others replaced.
pub fn sentence(lang: Lang, error: &StoreError) -> Option<String> {
    let say = |key: &str, values: &[(&str, &dyn Display)]| Some(say(lang, &format!("store.{key}"), values));
    match error {
        StoreError::NoSuchFeature(id) => say("no_feature", &[("feature", &number(*id))]),
        StoreError::FutureRevision { asked, head } => say("future_revision", &[("asked", asked), ("head", head)]),
        StoreError::HistoryLost { class, asked, whole_from } => {
            say("history_lost", &[("class", class), ("asked", asked), ("whole_from", whole_from)])
        }
        StoreError::NoSuchVersion { id, revision } => say("no_version", &[("feature", &number(*id)), ("revision", revision)]),
        StoreError::NoSuchLoad(load) => say("no_load", &[("id", load)]),
        StoreError::LoadRunning(load) => say("load_running", &[("id", load)]),
        StoreError::AlreadyUndone(load) => say("already_undone", &[("id", load)]),
        StoreError::EditedLater { load, count, .. } => say("edited_later", &[("id", load), ("count", count)]),
        StoreError::NetworkShare { dir, kind } => say("network_share", &[("folder", &dir.display()), ("kind", kind)]),
        StoreError::NotEmpty { dir } => say("not_empty", &[("folder", &dir.display())]),
        StoreError::NoBackup { dir } => say("no_backup", &[("folder", &dir.display())]),
        StoreError::IsBackup { dir } => say("is_backup", &[("folder", &dir.display())]),
        StoreError::UnreadBackup { dir } => say("unread_backup", &[("folder", &dir.display())]),
        StoreError::BadBackup { dir, why } => say("bad_backup", &[("folder", &dir.display()), ("detail", &self::why(lang, why))]),
        StoreError::Damaged { path, detail } => say("damaged", &[("file", &path.display()), ("detail", detail)]),
        StoreError::NotEstranged(table) => say("not_estranged", &[("table", table)]),
        StoreError::NotAdoptable { table, why } => say("not_adoptable", &[("table", table), ("why", &self::why(lang, why))]),
        StoreError::Estranged(table) => say("estranged", &[("table", table)]),
        _ => None,
    }
}

/// What stands behind an error of the store.
pub fn why(lang: Lang, why: &Why) -> String {
    let values: Vec<(&str, &dyn Display)> = why.values.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
    say(lang, &format!("why.{}", why.key), &values)
}

/// The public id as far as the catalogue knows the class; where there is a store at hand, [`name_of`] knows them all.
fn number(id: FeatureId) -> String {
    let class = Catalogue::builtin().classes.iter().find(|class| class.no == id.class);
    class.map_or_else(|| format!("{}.{}", id.class, id.fid), |class| format!("{}.{}", class.id, id.fid))
}

/// The public id: `hydrant.12`.
pub fn name_of(store: &Store, id: FeatureId) -> String {
    let class = store.classes().into_iter().find(|class| class.no == id.class);
    class.map_or_else(|| number(id), |class| format!("{}.{}", class.id, id.fid))
}

/// Who edited what after a load, line by line; the count of those not named at the end.
pub fn later_edits(lang: Lang, store: &Store, count: u64, first: &[LaterEdit]) -> Vec<String> {
    let zone = clock::zone_of(store.config());
    let mut lines: Vec<String> = first
        .iter()
        .map(|edit| {
            let at = edit.at.map_or_else(|| "–".to_owned(), |at| clock::shown(at, zone));
            let author = edit.author.clone().unwrap_or_else(|| say(lang, "store.another_program", &[]));
            let values: [(&str, &dyn Display); 5] = [
                ("feature", &name_of(store, edit.id)),
                ("revision", &edit.revision),
                ("at", &at),
                ("author", &author),
                ("source", &edit.source),
            ];
            say(lang, "store.later_edit", &values)
        })
        .collect();
    let more = count - first.len() as u64;
    if more > 0 {
        lines.push(say(lang, "store.later_edits_more", &[("count", &more)]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::ClassNo;

    #[test]
    fn every_reason_behind_an_error_has_its_sentence() {
        for key in Why::KEYS {
            assert!(citytwin_assets::messages::find(&format!("why.{key}")).is_some(), "why.{key} stands nowhere in messages.toml");
        }
    }

    /// A revision has one word in Chinese; 版本 is a version of one feature, or of a program.
    #[test]
    fn a_revision_is_called_one_thing() {
        for (key, message) in citytwin_assets::messages::all() {
            let zh = message.text(Lang::Zh);
            assert!(!zh.contains("版本 {rev") && !zh.contains("版本号"), "{key}: {zh}");
        }
    }

    #[test]
    fn every_error_with_a_sentence_has_it_in_both_languages() {
        let id = FeatureId::new(ClassNo(80), 7);
        let (dir, text) = (std::path::PathBuf::from("shifan"), || "hydrant".to_owned());
        let why = || Why { key: "adopt_system", values: vec![("system", "4326".into())] };
        for error in [
            StoreError::NoSuchFeature(id),
            StoreError::FutureRevision { asked: 9, head: 2 },
            StoreError::HistoryLost { class: text(), asked: 1, whole_from: 2 },
            StoreError::NoSuchVersion { id, revision: 1 },
            StoreError::NoSuchLoad(3),
            StoreError::LoadRunning(3),
            StoreError::AlreadyUndone(3),
            StoreError::EditedLater { load: 3, count: 1, first: vec![] },
            StoreError::NetworkShare { dir: dir.clone(), kind: "nfs4".into() },
            StoreError::NotEmpty { dir: dir.clone() },
            StoreError::NoBackup { dir: dir.clone() },
            StoreError::BadBackup { dir, why: why() },
            StoreError::NotEstranged(text()),
            StoreError::NotAdoptable { table: text(), why: why() },
            StoreError::Estranged(text()),
        ] {
            for lang in [Lang::Zh, Lang::En] {
                let said = sentence(lang, &error).unwrap();
                assert!(!said.contains('{') && !said.starts_with("store."), "{error:?}: {said}");
            }
        }
    }
}
