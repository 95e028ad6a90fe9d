//! Writing: one transaction, one revision, on disk when it returns.

use crate::error::{Refusal, Result, StoreError};
use crate::outside;
use crate::references;
use crate::row;
use crate::schema::{Table, geometry_blob};
use crate::store::{Store, Tables, begin_write};
use citytwin_model::{AttributeType, ClassNo, FeatureId, Fid, Geometry, Revision, Value};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Statement};

/// One change that a user asks for. References may be given as wire numbers or as codes.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    Create {
        class: ClassNo,
        geometry: Option<Geometry>,
        attributes: Vec<Value>,
        other: Option<String>,
    },
    /// Everything of the feature but its id and its source. `if_match`: the revision it must be at.
    Replace {
        id: FeatureId,
        if_match: Option<Revision>,
        geometry: Option<Geometry>,
        attributes: Vec<Value>,
        other: Option<String>,
    },
    Delete {
        id: FeatureId,
        if_match: Option<Revision>,
    },
}

/// What a write made.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub revision: Revision,
    /// The feature of each edit, in their order.
    pub ids: Vec<FeatureId>,
}

impl Store {
    /// Makes all edits or none, as one revision by `author`. When this returns, they are on disk.
    /// What other programs changed meanwhile becomes a revision of its own first, and `if_match` is checked after that.
    pub fn write(&self, author: &str, source: &str, edits: &[Edit]) -> Result<Written> {
        let tables = self.tables();
        let mut conn = self.writer();
        let tx = begin_write(&mut conn)?;
        outside::seal(&tx)?;
        let mut ids = Vec::with_capacity(edits.len());
        for (i, edit) in edits.iter().enumerate() {
            ids.push(make(&tx, &tables, edit).map_err(|error| error.numbered(i + 1))?);
        }
        let revision = if edits.is_empty() { sealed(&tx)? } else { note_revision(&tx, Some(author), source, None)? };
        tx.commit()?;
        Ok(Written { revision, ids })
    }
}

impl StoreError {
    fn numbered(self, number: usize) -> Self {
        match self {
            Self::Refused { refusal, .. } => Self::Refused { number, refusal },
            other => other,
        }
    }
}

fn make(conn: &Connection, tables: &Tables, edit: &Edit) -> Result<FeatureId> {
    match edit {
        Edit::Create { class, geometry, attributes, other } => {
            let table = tables.get(*class)?;
            let row = Row::new(conn, tables, table, geometry.as_ref(), attributes, other.as_deref(), None)?;
            let fid = row.insert(conn, table)?;
            row.note_new_unlinked(conn, table, fid)?;
            Ok(FeatureId::new(*class, fid))
        }
        Edit::Replace { id, if_match, geometry, attributes, other } => {
            let table = tables.get(id.class)?;
            check_revision(conn, *id, *if_match)?;
            let source: Option<i64> =
                conn.prepare_cached(&format!("SELECT source FROM {} WHERE fid=?1", table.name))?.query_row([id.fid], |row| row.get(0))?;
            let row = Row::new(conn, tables, table, geometry.as_ref(), attributes, other.as_deref(), source)?;
            row.update(conn, table, id.fid)?;
            row.note_unlinked(conn, table, id.fid)?;
            Ok(*id)
        }
        Edit::Delete { id, if_match } => {
            let table = tables.get(id.class)?;
            check_revision(conn, *id, *if_match)?;
            conn.prepare_cached(&table.delete)?.execute([id.fid])?;
            Ok(*id)
        }
    }
}

/// The feature must be there, and at the revision that the writer saw, if he says which.
fn check_revision(conn: &Connection, id: FeatureId, if_match: Option<Revision>) -> Result<()> {
    let found: Option<Revision> = conn
        .prepare_cached("SELECT rev FROM ct_row WHERE class=?1 AND fid=?2")?
        .query_row((id.class.0, id.fid), |row| row.get(0))
        .optional()?;
    match (found, if_match) {
        (None, _) => Err(StoreError::NoSuchFeature(id)),
        (Some(found), Some(expected)) if found != expected => Err(StoreError::Conflict { id, expected, found }),
        (Some(_), _) => Ok(()),
    }
}

/// The number of the row that was just inserted. A table that another program has made may count beyond what ours allow.
pub(crate) fn new_fid(conn: &Connection) -> Result<Fid> {
    let number = conn.last_insert_rowid();
    Fid::try_from(number).map_err(|_| StoreError::Sqlite(rusqlite::Error::IntegralValueOutOfRange(0, number)))
}

pub(crate) fn sealed(conn: &Connection) -> Result<Revision> {
    Ok(conn.prepare_cached("SELECT sealed FROM ct_head")?.query_row([], |row| row.get(0))?)
}

/// Closes the revision that the transaction has been writing.
pub(crate) fn note_revision(conn: &Connection, author: Option<&str>, source: &str, load: Option<i64>) -> Result<Revision> {
    conn.prepare_cached(
        "INSERT INTO ct_rev(rev, at, author, source, load_id, last_seq)
         SELECT sealed+1, max(strftime('%Y-%m-%dT%H:%M:%fZ','now'), coalesce((SELECT at FROM ct_rev ORDER BY rev DESC LIMIT 1), '')),
                ?1, ?2, ?3, coalesce((SELECT max(seq) FROM ct_change), 0) FROM ct_head",
    )?
    .execute((author, source, load))?;
    conn.prepare_cached("UPDATE ct_head SET sealed=sealed+1")?.execute([])?;
    sealed(conn)
}

/// A checked row, ready for its table once its codes have been looked up.
pub(crate) struct Row {
    pub values: Vec<Sql>,
    /// Codes that it names, by attribute.
    wanted: Vec<(usize, String)>,
    /// What the catalogue does not know, without the codes that no feature has.
    other: Option<String>,
    /// It names a code that no feature has yet.
    pub unlinked: bool,
}

impl Row {
    /// Checks what can be checked and resolves references as far as they can be.
    pub fn new(
        conn: &Connection,
        tables: &Tables,
        table: &Table,
        geometry: Option<&Geometry>,
        attributes: &[Value],
        other: Option<&str>,
        source: Option<i64>,
    ) -> Result<Self> {
        let refuse = |refusal| StoreError::Refused { number: 1, refusal };
        row::check_geometry(&table.class, geometry).map_err(refuse)?;
        let blob = geometry.map(|geometry| geometry_blob(table, geometry));
        let mut row = Self::checked(table, blob, attributes.to_vec(), other.map(str::to_owned), source).map_err(refuse)?;
        row.resolve(conn, tables, table)?;
        Ok(row)
    }

    /// What can be done without the store: `geometry` is one that its class can hold.
    pub fn checked(
        table: &Table,
        geometry: Option<Vec<u8>>,
        attributes: Vec<Value>,
        other: Option<String>,
        source: Option<i64>,
    ) -> Result<Self, Refusal> {
        if attributes.len() != table.class.attributes.len() {
            return Err(Refusal::AttributeCount { found: attributes.len(), wanted: table.class.attributes.len() });
        }
        let mut values = Vec::with_capacity(table.columns.len());
        values.extend(geometry.map(Sql::Blob));
        let mut wanted = Vec::new();
        for (i, (attribute, value)) in table.class.attributes.iter().zip(attributes).enumerate() {
            let code = if matches!(attribute.ty, AttributeType::Ref(_)) { references::code_of(&value) } else { None };
            values.push(match code {
                Some(code) => {
                    wanted.push((i, code));
                    Sql::Null
                }
                None => row::into_sql(attribute, value)?,
            });
        }
        check_other(other.as_deref())?;
        values.push(source.map_or(Sql::Null, Sql::Integer));
        values.push(other.clone().map_or(Sql::Null, Sql::Text));
        Ok(Self { values, wanted, other, unlinked: false })
    }

    pub fn set_source(&mut self, source: i64) {
        let i = self.values.len() - 2;
        self.values[i] = Sql::Integer(source);
    }

    /// Takes back what was added to its further attributes. A link that has to be tried again begins with the record's own.
    pub fn reset_other(&mut self) {
        *self.values.last_mut().expect("the column `other`") = self.other.clone().map_or(Sql::Null, Sql::Text);
        self.unlinked = false;
    }

    /// Looks its codes up. May be done again.
    pub fn resolve(&mut self, conn: &Connection, tables: &Tables, table: &Table) -> Result<()> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let source = match self.values[self.values.len() - 2] {
            Sql::Integer(source) => Some(source),
            _ => None,
        };
        let mut unresolved = Vec::new();
        for (i, code) in &self.wanted {
            let AttributeType::Ref(classes) = &table.class.attributes[*i].ty else { continue };
            self.values[usize::from(table.has_geometry) + i] = match references::resolve(conn, tables, classes, code, source)? {
                Some(target) => Sql::Integer(target.wire() as i64),
                None => {
                    unresolved.push((*i, code.clone()));
                    Sql::Null
                }
            };
        }
        self.unlinked = !unresolved.is_empty();
        let other = references::with_unresolved(self.other.as_deref(), &table.class, &unresolved);
        *self.values.last_mut().expect("the column `other`") = other.map_or(Sql::Null, Sql::Text);
        Ok(())
    }

    pub fn insert(&self, conn: &Connection, table: &Table) -> Result<u32> {
        let mut insert = conn.prepare_cached(&table.insert)?;
        self.insert_by(conn, &mut insert)
    }

    /// The same by a statement that its caller keeps for many rows.
    pub fn insert_by(&self, conn: &Connection, insert: &mut Statement) -> Result<u32> {
        // Most classes have more columns than their files: what is not bound is null.
        insert.clear_bindings();
        for (i, value) in self.values.iter().enumerate().filter(|(_, value)| **value != Sql::Null) {
            insert.raw_bind_parameter(i + 1, value)?;
        }
        insert.raw_execute()?;
        new_fid(conn)
    }

    pub fn update(&self, conn: &Connection, table: &Table, fid: u32) -> Result<()> {
        let fid = Sql::Integer(i64::from(fid));
        conn.prepare_cached(&table.update)?.execute(rusqlite::params_from_iter(self.values.iter().chain([&fid])))?;
        Ok(())
    }

    /// The same where the geometry stays what it is.
    pub fn update_rest(&self, conn: &Connection, table: &Table, fid: u32) -> Result<()> {
        let fid = Sql::Integer(i64::from(fid));
        let rest = &self.values[usize::from(table.has_geometry)..];
        conn.prepare_cached(&table.update_rest)?.execute(rusqlite::params_from_iter(rest.iter().chain([&fid])))?;
        Ok(())
    }

    /// Remembers that a new feature's reference waits for its target.
    pub fn note_new_unlinked(&self, conn: &Connection, table: &Table, fid: u32) -> Result<()> {
        if self.unlinked { self.note_unlinked(conn, table, fid) } else { Ok(()) }
    }

    /// Remembers that a reference waits for its target, or no longer does.
    pub fn note_unlinked(&self, conn: &Connection, table: &Table, fid: u32) -> Result<()> {
        if table.refs.is_empty() {
            return Ok(());
        }
        let sql = if self.unlinked {
            "INSERT OR IGNORE INTO ct_unlinked(class, fid) VALUES(?1, ?2)"
        } else {
            "DELETE FROM ct_unlinked WHERE class=?1 AND fid=?2"
        };
        conn.prepare_cached(sql)?.execute((table.no().0, fid))?;
        Ok(())
    }
}

/// What can be refused without looking at the rest of the city.
pub(crate) fn check(table: &Table, geometry: Option<&Geometry>, attributes: &[Value], other: Option<&str>) -> Result<(), Refusal> {
    row::check_geometry(&table.class, geometry)?;
    if attributes.len() != table.class.attributes.len() {
        return Err(Refusal::AttributeCount { found: attributes.len(), wanted: table.class.attributes.len() });
    }
    for (attribute, value) in table.class.attributes.iter().zip(attributes) {
        let is_code = matches!(attribute.ty, AttributeType::Ref(_)) && references::code_of(value).is_some();
        if !is_code {
            row::sql_value(attribute, &attribute.ty, value)?;
        }
    }
    check_other(other)
}

fn check_other(other: Option<&str>) -> Result<(), Refusal> {
    match other.map(serde_json::from_str::<serde_json::Value>) {
        None | Some(Ok(serde_json::Value::Object(_))) => Ok(()),
        Some(_) => Err(Refusal::OtherNotAnObject),
    }
}
