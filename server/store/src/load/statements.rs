//! The statements by which a load's records go in.

use super::one::{Link, Said, by_key};
use crate::error::Result;
use crate::schema::Table;
use crate::write::{Row, new_fid};
use citytwin_model::{ClassNo, Fid};
use rusqlite::types::Value as Sql;
use rusqlite::{CachedStatement, Connection, OptionalExtension};

/// The statements that nearly every record needs, kept for a whole link.
pub(super) struct Hands<'c> {
    pub conn: &'c Connection,
    by_code: Option<CachedStatement<'c>>,
    insert: CachedStatement<'c>,
    note_row: CachedStatement<'c>,
    note_rows: CachedStatement<'c>,
    /// Rows of a fresh table whose revisions are still to be noted, a run at a time.
    notes: Vec<(Fid, Said)>,
    /// Inserts of those columns only that have something in them, by which these are.
    narrow: Vec<(Filling, CachedStatement<'c>)>,
}

/// Which columns have something in them, as bits.
type Filling = u128;
/// Notes written by one statement.
const RUN: usize = 32;
/// More kinds of filling than this are not worth a statement each.
const NARROW: usize = 24;

impl<'c> Hands<'c> {
    pub fn new(conn: &'c Connection, table: &Table) -> Result<Self> {
        Ok(Self {
            conn,
            by_code: table.code.map(|_| conn.prepare_cached(&table.by_code)).transpose()?,
            insert: conn.prepare_cached(&table.insert)?,
            note_row: conn.prepare_cached("INSERT INTO ct_row(class, fid, rev, said) VALUES(?1, ?2, ?3, ?4)")?,
            note_rows: conn.prepare_cached(&format!("INSERT INTO ct_row(class, fid, rev, said) VALUES{}", ["(?,?,?,?)"; RUN].join(",")))?,
            notes: Vec::with_capacity(RUN),
            narrow: Vec::new(),
        })
    }

    pub fn by_key(&mut self, link: &Link, table: &Table, key: &str) -> Result<Option<Fid>> {
        self.write_notes(link, table.no())?;
        by_key(self.conn, table, link.source, key)
    }

    /// The feature of this source that has the code. Only of a class that has codes.
    pub fn by_code(&mut self, code: &str, source: i64) -> Result<Option<Fid>> {
        let Some(by_code) = &mut self.by_code else { return Ok(None) };
        Ok(by_code.query_row((code, source), |row| row.get(0)).optional()?)
    }

    /// Notes the revision and the hash of a new row; `later`: with others of its run.
    pub fn note(&mut self, link: &Link, class: ClassNo, row: (Fid, Said), later: bool) -> Result<()> {
        self.notes.push(row);
        if later && self.notes.len() < RUN { Ok(()) } else { self.write_notes(link, class) }
    }

    /// Before anyone looks them up, and at the end.
    pub fn write_notes(&mut self, link: &Link, class: ClassNo) -> Result<()> {
        if self.notes.len() == RUN {
            for (i, (fid, said)) in self.notes.iter().enumerate() {
                self.note_rows.raw_bind_parameter(i * 4 + 1, class.0)?;
                self.note_rows.raw_bind_parameter(i * 4 + 2, fid)?;
                self.note_rows.raw_bind_parameter(i * 4 + 3, link.rev)?;
                self.note_rows.raw_bind_parameter(i * 4 + 4, &said[..])?;
            }
            self.note_rows.raw_execute()?;
        } else {
            for (fid, said) in &self.notes {
                self.note_row.execute((class.0, fid, link.rev, &said[..]))?;
            }
        }
        self.notes.clear();
        Ok(())
    }

    /// Most classes have many more columns than their files. Columns that are left out are null, unless the table says
    /// otherwise: `is_plain`, it does not.
    pub fn insert(&mut self, table: &Table, row: &Row, is_plain: bool) -> Result<Fid> {
        let filling = if is_plain && row.values.len() <= 128 { filling(&row.values) } else { 0 };
        let known = self.narrow.iter().position(|(it, _)| *it == filling);
        let place = match known {
            Some(place) => place,
            None if filling == 0 || self.narrow.len() == NARROW => return row.insert_by(self.conn, &mut self.insert),
            None => {
                let there: Vec<&str> = (0..row.values.len()).filter(|i| filling >> i & 1 == 1).map(|i| table.columns[i].as_str()).collect();
                let sql = format!("INSERT INTO {}({}) VALUES({})", table.name, there.join(","), vec!["?"; there.len()].join(","));
                self.narrow.push((filling, self.conn.prepare_cached(&sql)?));
                self.narrow.len() - 1
            }
        };
        let statement = &mut self.narrow[place].1;
        for (i, value) in row.values.iter().filter(|value| **value != Sql::Null).enumerate() {
            statement.raw_bind_parameter(i + 1, value)?;
        }
        statement.raw_execute()?;
        new_fid(self.conn)
    }
}

fn filling(values: &[Sql]) -> Filling {
    values.iter().enumerate().fold(0, |bits, (i, value)| bits | Filling::from(*value != Sql::Null) << i)
}
