//! One record finds its feature: by its code, by its source's own id, else by what it says.

use super::fresh::Fresh;
use super::statements::Hands;
use super::{Columns, Filled, Record};
use crate::error::{Refusal, Result};
use crate::fids::Fids;
use crate::gpkg::blob;
use crate::references;
use crate::row::check_geometry;
use crate::schema::{Table, geometry_blob};
use crate::store::Tables;
use crate::write::{Row, check};
use citytwin_model::{ClassNo, Feature, FeatureId, Fid, Revision, Value};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Hash of what a record says.
pub(super) type Said = [u8; 16];

pub(super) enum Fate {
    Added(Fid),
    Changed(Fid),
    Unchanged(Fid),
    Refused(Refusal),
}

/// A checked record that waits for its link.
pub(super) struct Waiting {
    pub number: u64,
    pub class: ClassNo,
    row: Row,
    filled: Filled,
    source_id: Option<String>,
    said: Said,
}

impl Waiting {
    /// Everything that needs no lock.
    pub fn new(table: &Table, record: Record, filled: Filled) -> Result<Self, Refusal> {
        let Record { number, class, geometry, attributes, other, source_id } = record;
        check_geometry(&table.class, geometry.as_ref())?;
        let blob = geometry.map(|geometry| geometry_blob(table, &geometry));
        let said = said(table, blob.as_deref(), &attributes, other.as_deref());
        let row = Row::checked(table, blob, attributes, other, None)?;
        Ok(Self { number, class, row, filled, source_id, said })
    }

    /// How many columns it was made for.
    pub fn columns(&self) -> usize {
        self.row.values.len()
    }

    /// Its place in the file, and the data set that it is part of.
    pub fn belongs(&mut self, number: u64, source: i64) {
        self.number = number;
        self.row.set_source(source);
    }

    fn code(&self, table: &Table) -> Option<String> {
        match &self.row.values[usize::from(table.has_geometry) + table.code?] {
            Sql::Text(code) if !code.is_empty() => Some(code.clone()),
            Sql::Integer(n) => Some(n.to_string()),
            _ => None,
        }
    }
}

/// What a link's records have in common.
pub(super) struct Link<'l> {
    pub tables: &'l Tables,
    pub load: i64,
    pub source: i64,
    pub rev: Revision,
}

/// What the load has come by so far.
pub(super) struct Past<'l> {
    pub seen: &'l BTreeMap<ClassNo, Fids>,
    pub alike: &'l mut HashMap<(ClassNo, Said), u32>,
    pub fresh: &'l mut Fresh,
}

pub(super) fn load_one(
    link: &Link,
    hands: &mut Hands,
    table: &Table,
    record: &mut Waiting,
    past: &mut Past,
    before_update: &mut dyn FnMut() -> Result<()>,
) -> Result<Fate> {
    let (conn, said) = (hands.conn, record.said);
    let Link { tables, load, source, .. } = *link;
    let mut fresh = past.fresh.table(record.class);
    // What nobody can have is not looked for.
    let mut may_be_there = |key: &str| fresh.as_mut().is_none_or(|fresh| !fresh.meet(key));
    let met = |fid: Fid| past.seen.get(&record.class).is_some_and(|seen| seen.has(fid));
    let class = record.class.0;
    // What has no code is found again by a key of its own.
    let (key, found) = match record.code(table) {
        Some(code) => {
            let found = if may_be_there(&code) { hands.by_code(&code, source)? } else { None };
            if found.is_some_and(met) {
                return Ok(Fate::Refused(Refusal::KeyTwice { key: code }));
            }
            (None, found)
        }
        None => {
            let by_id = record.source_id.as_ref().map(|id| format!("id:{id}"));
            let by_id = match by_id {
                Some(key) => {
                    let found = if may_be_there(&key) { hands.by_key(link, table, &key)? } else { None };
                    // An id that comes twice is no id: the later record is known by what it says.
                    (!found.is_some_and(met)).then_some((key, found))
                }
                None => None,
            };
            let (key, found) = match by_id {
                Some(it) => it,
                None => {
                    let ordinal = past.alike.entry((record.class, said)).or_insert(0);
                    let key = format!("is:{}:{ordinal}", hex(&said));
                    *ordinal += 1;
                    let found = if may_be_there(&key) { hands.by_key(link, table, &key)? } else { None };
                    (key, found)
                }
            };
            (Some(key), found)
        }
    };
    if let Some(fid) = found {
        let last: Option<Vec<u8>> = conn
            .prepare_cached("SELECT said FROM ct_row WHERE class=?1 AND fid=?2")?
            .query_row((class, fid), |row| row.get(0))
            .optional()?
            .flatten();
        if last.as_deref() == Some(&said[..]) {
            return Ok(Fate::Unchanged(fid));
        }
        record.row.reset_other();
        record.row.resolve(conn, tables, table)?;
        let (stored, waits) = compare(conn, table, fid, record.filled.as_deref(), &mut record.row.values)?;
        record.row.unlinked |= waits;
        let row = &record.row;
        if stored != Stored::AsIs {
            before_update()?;
        }
        match stored {
            Stored::AsIs => {}
            Stored::HereAsIs => row.update_rest(conn, table, fid)?,
            Stored::Otherwise => row.update(conn, table, fid)?,
        }
        if stored != Stored::AsIs {
            row.note_unlinked(conn, table, fid)?;
        }
        // For the load's undo.
        conn.prepare_cached("INSERT OR IGNORE INTO ct_before(load, class, fid, was, became) VALUES(?1, ?2, ?3, ?4, ?5)")?.execute((
            load,
            class,
            fid,
            last,
            &said[..],
        ))?;
        conn.prepare_cached("UPDATE ct_row SET said=?3 WHERE class=?1 AND fid=?2")?.execute((class, fid, &said[..]))?;
        return Ok(if stored == Stored::AsIs { Fate::Unchanged(fid) } else { Fate::Changed(fid) });
    }
    record.row.resolve(conn, tables, table)?;
    let fid = hands.insert(table, &record.row, fresh.as_ref().is_some_and(|fresh| fresh.is_plain()))?;
    hands.note(link, record.class, (fid, said), fresh.is_some())?;
    if let (Some(fresh), Some(Sql::Blob(geometry))) = (fresh, record.row.values.first())
        && table.has_geometry
    {
        fresh.added(fid, geometry);
    }
    if let Some(key) = key {
        conn.prepare_cached("INSERT OR IGNORE INTO ct_key(source, class, key, fid) VALUES(?1, ?2, ?3, ?4)")?
            .execute((source, class, key, fid))?;
    }
    record.row.note_new_unlinked(conn, table, fid)?;
    Ok(Fate::Added(fid))
}

pub(super) fn by_key(conn: &Connection, table: &Table, source: i64, key: &str) -> Result<Option<Fid>> {
    let fid: Option<Fid> = conn
        .prepare_cached(
            "SELECT k.fid FROM ct_key k JOIN ct_row r ON r.class=k.class AND r.fid=k.fid WHERE k.source=?1 AND k.class=?2 AND k.key=?3
             ORDER BY k.fid LIMIT 1",
        )?
        .query_row((source, table.no().0, key), |row| row.get(0))
        .optional()?;
    Ok(fid)
}

/// How a row stands to what is to be stored in it.
#[derive(Clone, Copy, PartialEq)]
enum Stored {
    AsIs,
    /// The geometry is the same, something else is not.
    HereAsIs,
    Otherwise,
}

/// Compares after taking over what the file has no column for: it stays as the city has it. And whether a code that waits
/// for its feature was taken over.
fn compare(conn: &Connection, table: &Table, fid: Fid, filled: Option<&Columns>, values: &mut [Sql]) -> Result<(Stored, bool)> {
    let first = usize::from(table.has_geometry);
    let is_said = |i: usize| match (filled, i.checked_sub(first)) {
        (Some(filled), Some(attribute)) => filled.attributes.get(attribute).copied().unwrap_or(true),
        _ => true,
    };
    let mut statement = conn.prepare_cached(&format!("SELECT {} FROM {} t WHERE fid=?1", table.selected("t"), table.name))?;
    let mut rows = statement.query([fid])?;
    let Some(row) = rows.next()? else { return Ok((Stored::Otherwise, false)) };
    let mut differs = Vec::new();
    let mut waits = false;
    for i in 0..values.len() {
        let stored: Sql = row.get(i)?;
        if !is_said(i) {
            values[i] = stored;
            continue;
        }
        if let (Some(filled), Sql::Text(there)) = (filled, &stored)
            && i + 1 == values.len()
        {
            let still_waits = |attribute: usize| values[first + attribute] == Sql::Null;
            if let Some(kept) = kept_others(table, filled, there, still_waits) {
                waits = kept.waits;
                values[i] = Sql::Text(kept.beside(&values[i], there));
            }
        }
        // Another program may have written the same geometry with other bytes.
        let same = match (&stored, &values[i]) {
            (Sql::Blob(a), Sql::Blob(b)) => a == b || matches!((blob::read(a), blob::read(b)), (Ok(a), Ok(b)) if a == b),
            (a, b) => a == b,
        };
        if !same {
            differs.push(i);
        }
    }
    let stored = match differs.first() {
        None => Stored::AsIs,
        Some(first) if table.has_geometry && *first > 0 => Stored::HereAsIs,
        Some(_) => Stored::Otherwise,
    };
    Ok((stored, waits))
}

/// Further attributes of a feature that a newer file says nothing of.
struct Kept {
    others: Map<String, Json>,
    /// Among them a code that no feature has had so far.
    waits: bool,
}

fn kept_others(table: &Table, filled: &Columns, there: &str, still_waits: impl Fn(usize) -> bool) -> Option<Kept> {
    let there: Map<String, Json> = serde_json::from_str(there).ok()?;
    let mut kept = Kept { others: Map::new(), waits: false };
    for (name, value) in there {
        match table.class.attribute_index(&name) {
            Some(i) if filled.attributes.get(i).copied().unwrap_or(true) => continue,
            Some(i) => kept.waits |= value.is_string() && table.refs.iter().any(|(at, _)| *at == i) && still_waits(i),
            None if filled.others.as_ref().is_none_or(|names| names.contains(&name)) => continue,
            None => {}
        }
        kept.others.insert(name, value);
    }
    (!kept.others.is_empty()).then_some(kept)
}

impl Kept {
    /// Together with what the record says, which goes before. What comes out as it was is left as it was written.
    fn beside(self, said: &Sql, there: &str) -> String {
        let mut all: Map<String, Json> = match said {
            Sql::Text(said) => serde_json::from_str(said).unwrap_or_default(),
            _ => Map::new(),
        };
        for (name, value) in self.others {
            all.entry(name).or_insert(value);
        }
        let is_there = serde_json::from_str::<Map<String, Json>>(there).is_ok_and(|there| there == all);
        if is_there { there.to_owned() } else { Json::Object(all).to_string() }
    }
}

/// Links one feature's references; whether it changed.
pub(super) fn link_one(conn: &Connection, tables: &Tables, id: FeatureId) -> Result<bool> {
    let forget = || -> Result<bool> {
        conn.prepare_cached("DELETE FROM ct_unlinked WHERE class=?1 AND fid=?2")?.execute((id.class.0, id.fid))?;
        Ok(false)
    };
    let Ok(table) = tables.get(id.class) else { return Ok(false) };
    let Some(feature) = crate::read::feature_now(conn, table, id.fid)? else { return forget() };
    let Feature { attributes, geometry, other, source, .. } = feature;
    let mut open = 0;
    let mut resolvable = 0;
    for (i, classes) in &table.refs {
        if let Value::Text(code) = &attributes[*i] {
            open += 1;
            resolvable += usize::from(references::resolve(conn, tables, classes, code, source)?.is_some());
        }
    }
    if open == 0 {
        return forget();
    }
    // What another program left unreadable is not rewritten.
    if resolvable == 0 || check(table, geometry.as_ref(), &attributes, other.as_deref()).is_err() {
        return Ok(false);
    }
    let row = Row::new(conn, tables, table, geometry.as_ref(), &attributes, other.as_deref(), source)?;
    row.update_rest(conn, table, id.fid)?;
    row.note_unlinked(conn, table, id.fid)?;
    Ok(true)
}

/// Hash of everything a record says: class, geometry, attributes, further attributes.
fn said(table: &Table, geometry: Option<&[u8]>, attributes: &[Value], other: Option<&str>) -> Said {
    let mut hash = Sha256::new();
    let geometry = geometry.unwrap_or_default();
    hash.update((geometry.len() as u64).to_le_bytes());
    hash.update(geometry);
    let mut bytes = Vec::with_capacity(64);
    for (attribute, value) in table.class.attributes.iter().zip(attributes) {
        bytes.clear();
        match value {
            // An attribute that the catalogue gains later is null in the records that lack it, and changes no hash.
            Value::Null => continue,
            Value::Bool(b) => bytes.extend([b'b', u8::from(*b)]),
            Value::Int(n) => {
                bytes.push(b'i');
                bytes.extend(n.to_le_bytes());
            }
            Value::Real(x) => {
                bytes.push(b'r');
                bytes.extend(x.to_le_bytes());
            }
            Value::Text(text) => {
                bytes.push(b't');
                bytes.extend(text.as_bytes());
            }
        }
        for part in [attribute.id.as_bytes(), &bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.update(other.unwrap_or_default());
    hash.finalize()[..16].try_into().expect("SHA-256 has 32 bytes")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
