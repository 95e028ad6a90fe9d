//! What can go wrong with readings and alarms.

use std::path::PathBuf;

pub type Result<T, E = LiveError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("{}: {detail}", path.display())]
    NotLive { path: PathBuf, detail: String },
    #[error("{} was written by a newer CityTwin (format {found}, this one knows {known}); use that version", path.display())]
    FutureFormat { path: PathBuf, found: i64, known: i64 },
    #[error("another server already runs on this city; stop it, or serve another folder")]
    InUse,
    #[error("alarm {0} does not exist")]
    NoSuchAlarm(i64),
    #[error("alarm {0} is over; there is nothing left to acknowledge")]
    Cleared(i64),
    #[error("the disk is full; nothing of this batch was kept")]
    DiskFull,
    #[error("a batch of readings is damaged ({0}); restore live.db from a backup")]
    Damaged(&'static str),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the readings' store answered: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for LiveError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull,
            _ => Self::Sqlite(error),
        }
    }
}
