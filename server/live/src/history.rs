//! The readings of one datastream over a span of time.

use crate::columns;
use crate::error::Result;
use citytwin_model::sensor::{MeasuredAt, Reading};
use citytwin_model::{FeatureId, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

/// Spans are kept in seconds since this instant, 2020-01-01, so that they fit 32 bits until 2088.
const EPOCH_SECS: i64 = 1_577_836_800;

/// Part of a series: its newest readings, rising in time.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Series {
    pub readings: Vec<Reading>,
    /// There are older ones in the span that was asked for.
    pub truncated: bool,
}

/// Reads series beside the writer, on a connection of its own.
pub struct History {
    conn: Mutex<Connection>,
}

impl History {
    pub(crate) fn open(path: &PathBuf) -> Result<Self> {
        let conn =
            Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(std::time::Duration::from_secs(5))?;
        conn.execute_batch("PRAGMA query_only=ON; PRAGMA cache_size=-8192;")?;
        Ok(Self { conn: Mutex::new(conn) })
    }

    /// The newest readings of a datastream measured from `from` to `to`, both included; no more than `limit`.
    pub fn series(&self, datastream: FeatureId, from: Timestamp, to: Timestamp, limit: usize) -> Result<Series> {
        let conn = self.conn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        series(&conn, datastream, from, to, limit)
    }
}

pub(crate) fn series(conn: &Connection, datastream: FeatureId, from: Timestamp, to: Timestamp, limit: usize) -> Result<Series> {
    let mut found: Vec<Reading> = Vec::new();
    let mut dropped = false;
    // Latest batches first: when enough was found, and no batch that is left reaches as far, that is all.
    let mut statement = conn.prepare_cached(
        "SELECT s.to_s, b.readings FROM span s JOIN batch b ON b.seq=s.seq WHERE s.to_s>=?1 AND s.from_s<=?2 ORDER BY s.to_s DESC, s.seq DESC",
    )?;
    let mut rows = statement.query((second(from), second(to)))?;
    let keep_newest = |found: &mut Vec<Reading>| {
        found.sort_by_key(|r| std::cmp::Reverse(r.measured_at));
        let more = found.len() > limit;
        found.truncate(limit);
        more
    };
    while let Some(row) = rows.next()? {
        if found.len() >= limit {
            dropped |= keep_newest(&mut found);
            let reach: i64 = row.get(0)?;
            if limit == 0 || found.last().is_some_and(|oldest| i64::from(second(oldest.measured_at.0)) > reach) {
                dropped = true;
                break;
            }
        }
        let batch = columns::decode(row.get_ref(1)?.as_blob().unwrap_or_default())?;
        found.extend(of_stream(&batch, datastream).iter().filter(|r| r.measured_at.0 >= from && r.measured_at.0 <= to));
    }
    dropped |= keep_newest(&mut found);
    found.reverse();
    Ok(Series { readings: found, truncated: dropped })
}

/// Which of these (datastream, time) are on disk. Each batch that may hold one is read once.
pub(crate) fn on_disk(conn: &Connection, asked: &[(FeatureId, MeasuredAt)]) -> Result<BTreeSet<(FeatureId, MeasuredAt)>> {
    let seconds: BTreeSet<i32> = asked.iter().map(|(_, at)| second(at.0)).collect();
    let mut batches = BTreeSet::new();
    let mut near = conn.prepare_cached("SELECT seq FROM span WHERE from_s<=?1 AND to_s>=?1")?;
    for second in seconds {
        let rows = near.query_map([second], |row| row.get::<_, i64>(0))?;
        for seq in rows {
            batches.insert(seq?);
        }
    }
    let mut found = BTreeSet::new();
    let mut read = conn.prepare_cached("SELECT readings FROM batch WHERE seq=?1")?;
    for seq in batches {
        let blob: Vec<u8> = read.query_row([seq], |row| row.get(0))?;
        let batch = columns::decode(&blob)?;
        for &(datastream, at) in asked {
            if of_stream(&batch, datastream).binary_search_by_key(&at, |r| r.measured_at).is_ok() {
                found.insert((datastream, at));
            }
        }
    }
    Ok(found)
}

/// A batch is ordered by datastream and time.
fn of_stream(batch: &[Reading], datastream: FeatureId) -> &[Reading] {
    let from = batch.partition_point(|r| r.datastream < datastream);
    let len = batch[from..].partition_point(|r| r.datastream == datastream);
    &batch[from..from + len]
}

pub(crate) fn second(at: Timestamp) -> i32 {
    (at.micros().div_euclid(1_000_000) - EPOCH_SECS).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}
