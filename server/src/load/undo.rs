//! `citytwin load --undo`: a load is taken back as one.

use super::patience::Teller;
use super::progress::tell;
use crate::cli::{Outcome, operator};
use crate::ticker::Ticker;
use crate::{classes, store_words};
use citytwin_assets::{Lang, say};
use citytwin_store::StoreError;
use std::path::Path;

pub(super) fn run(city: &Path, load: i64, keep_later: bool, lang: Lang) -> anyhow::Result<Outcome> {
    let store = classes::open(city, lang)?;
    let mut teller = Teller::new(lang, city);
    let working = Ticker::start(lang);
    let undone = store.undo_load(load, keep_later, &operator("load"), move |waited| {
        teller.waited(waited);
        true
    });
    drop(working);
    match undone {
        Ok(undone) => {
            let revisions = undone.revisions.map_or_else(|| "–".to_owned(), |(first, last)| format!("{first}–{last}"));
            tell(&say(
                lang,
                "load.undone",
                &[
                    ("id", &load),
                    ("removed", &undone.removed),
                    ("changed", &undone.changed),
                    ("brought_back", &undone.brought_back),
                    ("revisions", &revisions),
                ],
            ));
            if undone.kept > 0 {
                tell(&say(lang, "load.undo_kept", &[("count", &undone.kept)]));
                store_words::later_edits(lang, &store, undone.kept, &undone.kept_first).iter().for_each(|line| tell(line));
            }
            Ok(Outcome::Done)
        }
        Err(StoreError::EditedLater { load, count, first }) => {
            tell(&say(lang, "store.edited_later", &[("id", &load), ("count", &count)]));
            store_words::later_edits(lang, &store, count, &first).iter().for_each(|line| tell(line));
            Ok(Outcome::NotDone)
        }
        Err(error) => Err(error.into()),
    }
}
