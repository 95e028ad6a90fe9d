//! What a source had before and its newer file has not: counted, and deleted where that was asked for.
//!
//! A record that stands in the file but could not be stored is not gone from it. Its feature is found by what can be read
//! of it; where nothing can, nothing of its class is deleted.

use super::{Load, note_load_revision};
use crate::error::Result;
use crate::fids::Fids;
use citytwin_model::{ClassNo, Fid};
use rusqlite::OptionalExtension;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Refused records that are looked up together.
const RUN: usize = 1024;

/// What a record that could not be stored says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unstored {
    pub code: Option<String>,
    pub source_id: Option<String>,
    /// Something of it was lost that may have been its code.
    pub doubtful: bool,
}

/// The refused records' features, as far as they are known.
#[derive(Default)]
pub(super) struct Spared {
    waiting: Vec<(ClassNo, Unstored)>,
    kept: BTreeMap<ClassNo, Fids>,
    /// A refused record of the class could be any of its features.
    unsure: BTreeSet<ClassNo>,
}

impl Load<'_> {
    /// The file has a layer for this class. Nothing in it is a statement too: all that the source had is gone.
    pub fn meets(&mut self, class: ClassNo) {
        self.seen.entry(class).or_default();
    }

    /// The file holds only some of its data set: what it lacks is not gone, and the source is not what this file is.
    pub fn holds_some(&mut self) {
        self.origin.partial = true;
    }

    /// A record was refused before it came here.
    pub fn count_refused(&mut self) {
        self.counts.refused += 1;
    }

    /// A refused record of the file: what it means is not gone.
    pub fn spare(&mut self, class: ClassNo, record: Unstored) -> Result<()> {
        self.spared.waiting.push((class, record));
        if self.spared.waiting.len() >= RUN { self.find_spared() } else { Ok(()) }
    }

    fn find_spared(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.spared.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let (tables, spared, source) = (self.store.tables(), &mut self.spared, self.source);
        self.store.reading(|conn| {
            for (class, record) in &waiting {
                let table = tables.get(*class)?;
                let found: Option<Fid> = match (&record.code, &record.source_id) {
                    (Some(code), _) if table.code.is_some() => {
                        conn.prepare_cached(&table.by_code)?.query_row((code, source), |row| row.get(0)).optional()?
                    }
                    (_, Some(id)) => {
                        if record.doubtful && table.code.is_some() {
                            spared.unsure.insert(*class);
                        }
                        super::one::by_key(conn, table, source, &format!("id:{id}"))?
                    }
                    (_, None) => {
                        spared.unsure.insert(*class);
                        None
                    }
                };
                if let Some(fid) = found {
                    spared.kept.entry(*class).or_default().set(fid, true);
                }
            }
            Ok(())
        })
    }

    /// Counts what the source had before and this file has not; deletes it when that was asked for. The classes of which
    /// something is gone and nothing was deleted, because a refused record might be it.
    pub(super) fn settle_gone(&mut self) -> Result<Vec<ClassNo>> {
        let mut undeleted = Vec::new();
        if self.origin.partial {
            return Ok(undeleted);
        }
        self.find_spared()?;
        let tables = self.tables.clone();
        let classes: Vec<ClassNo> = self.seen.keys().copied().collect();
        let none = Fids::default();
        for class in classes {
            // Everything in it is of this load.
            if self.fresh.table(class).is_some() {
                self.by_class.entry(class).or_default();
                continue;
            }
            let table = tables.get(class)?;
            let kept = self.spared.kept.get(&class).unwrap_or(&none);
            let gone: Vec<Fid> = self.store.reading(|conn| {
                let mut statement = conn.prepare(&format!("SELECT fid FROM {} WHERE source=?1", table.name))?;
                let rows = statement.query_map([self.source], |row| row.get::<_, Fid>(0))?;
                let seen = &self.seen[&class];
                let is_gone = |fid: &Fid| !seen.has(*fid) && !kept.has(*fid);
                Ok(rows.filter(|fid| fid.as_ref().map_or(true, is_gone)).collect::<rusqlite::Result<_>>()?)
            })?;
            self.counts.gone += gone.len() as u64;
            self.by_class.entry(class).or_default().gone += gone.len() as u64;
            let unsure = self.spared.unsure.contains(&class);
            if self.info.replace && unsure && !gone.is_empty() {
                undeleted.push(class);
            }
            let mut left = if self.info.replace && !unsure { &gone[..] } else { &[] };
            while !left.is_empty() {
                let mut count = 0;
                self.turns.take(|conn, until| {
                    for fid in left {
                        conn.prepare_cached(&table.delete)?.execute([fid])?;
                        count += 1;
                        if Instant::now() >= until {
                            break;
                        }
                    }
                    note_load_revision(conn, &self.info, self.id)
                })?;
                self.counts.deleted += count as u64;
                self.by_class.entry(class).or_default().deleted += count as u64;
                left = &left[count..];
            }
        }
        Ok(undeleted)
    }
}
