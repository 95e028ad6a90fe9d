//! What other programs changed: their edits become a revision of source `outside`.

use crate::error::Result;
use crate::store::{Store, begin_write};
use citytwin_model::{Revision, Timestamp};
use rusqlite::{Connection, OptionalExtension};

/// An edit session is taken as over when nothing came for this long …
const QUIET_MS: i64 = 200;
/// … and is not waited for longer than this.
const PATIENCE_MS: i64 = 2_000;

/// What the last look at the file saw.
pub(crate) struct Watch {
    conn: Connection,
    data_version: i64,
    schema_version: i64,
    /// The newest revision that was reported.
    head: Revision,
    pending: Option<Pending>,
}

struct Pending {
    since: Timestamp,
    last_change: Timestamp,
}

impl Watch {
    pub fn new(conn: Connection) -> Result<Self> {
        let (data_version, schema_version) = (data_version(&conn)?, schema_version(&conn)?);
        let head = conn.query_row("SELECT sealed FROM ct_head", [], |row| row.get(0))?;
        let pending = has_pending(&conn)?.then_some(Pending { since: Timestamp::from_micros(0), last_change: Timestamp::from_micros(0) });
        Ok(Self { conn, data_version, schema_version, head, pending })
    }
}

impl Store {
    /// Looks whether the file has changed; to be called every 50 ms or so with the current time.
    ///
    /// Rows that other programs changed are sealed as one revision once they have been quiet for 200 ms. The answer is
    /// the newest revision when it is newer than at the last call, whoever made it: this process or another.
    pub fn poll_outside(&self, now: Timestamp) -> Result<Option<Revision>> {
        let mut watch = self.watch();
        let version = data_version(&watch.conn)?;
        if version == watch.data_version && watch.pending.is_none() {
            return Ok(None);
        }
        if version != watch.data_version {
            let schema = schema_version(&watch.conn)?;
            if schema != watch.schema_version {
                self.reload_tables(&watch.conn)?;
                watch.schema_version = schema;
            }
            watch.pending = has_pending(&watch.conn)?.then(|| {
                let since = watch.pending.as_ref().map_or(now, |pending| pending.since);
                Pending { since, last_change: now }
            });
            watch.data_version = version;
        }
        if let Some(pending) = &watch.pending {
            let (quiet, waited) = (elapsed_ms(pending.last_change, now), elapsed_ms(pending.since, now));
            if quiet >= QUIET_MS || waited >= PATIENCE_MS {
                let mut conn = self.writer();
                let tx = begin_write(&mut conn)?;
                seal(&tx)?;
                tx.commit()?;
                watch.pending = None;
            }
        }
        let head: Revision = watch.conn.query_row("SELECT sealed FROM ct_head", [], |row| row.get(0))?;
        if head == watch.head {
            return Ok(None);
        }
        watch.head = head;
        Ok(Some(head))
    }
}

/// A clock that was set back counts as having waited long enough.
fn elapsed_ms(from: Timestamp, to: Timestamp) -> i64 {
    if to < from { i64::MAX } else { (to.micros() - from.micros()) / 1000 }
}

fn data_version(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("PRAGMA data_version", [], |row| row.get(0))?)
}

pub(crate) fn schema_version(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("PRAGMA schema_version", [], |row| row.get(0))?)
}

pub(crate) fn has_pending(conn: &Connection) -> Result<bool> {
    Ok(conn.query_row("SELECT EXISTS(SELECT 1 FROM ct_change WHERE rev > (SELECT sealed FROM ct_head))", [], |row| row.get(0))?)
}

/// Makes a revision of what other programs changed since the last one. Under the write lock.
/// It is dated by its last row, and never backwards, so edits made while no server ran keep their own time.
pub(crate) fn seal(conn: &Connection) -> Result<Option<Revision>> {
    let pending: Option<(Revision, i64, String)> = conn
        .prepare_cached(
            "SELECT rev, max(seq), max(at) FROM ct_change WHERE rev > (SELECT sealed FROM ct_head) GROUP BY rev ORDER BY rev DESC LIMIT 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((rev, last_seq, at)) = pending else { return Ok(None) };
    conn.prepare_cached(
        "INSERT INTO ct_rev(rev, at, author, source, last_seq)
         VALUES(?1, max(?2, coalesce((SELECT at FROM ct_rev ORDER BY rev DESC LIMIT 1), '')), NULL, 'outside', ?3)",
    )?
    .execute((rev, at, last_seq))?;
    conn.prepare_cached("UPDATE ct_head SET sealed=?1")?.execute([rev])?;
    Ok(Some(rev))
}
