//! What can go wrong with a city's store, said so that the reader knows what to do next.

use crate::undo::LaterEdit;
use citytwin_model::{FeatureId, Revision};
use std::path::PathBuf;

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{} holds no city (no city.gpkg); load a data set into it first", dir.display())]
    NoCity { dir: PathBuf },
    #[error("{} already holds a city; choose another folder or load into this one", dir.display())]
    AlreadyThere { dir: PathBuf },
    #[error("{} is not a city's store: {why}", path.display())]
    NotACity { path: PathBuf, why: NotOurs },
    #[error("{} was written by a newer CityTwin (format {found}, this one knows {known}); use that version", path.display())]
    FutureFormat { path: PathBuf, found: i64, known: i64 },
    #[error("{}: {detail}", path.display())]
    Config { path: PathBuf, detail: String },
    #[error("the city has no class number {0}")]
    UnknownClass(u16),
    #[error("feature {} of class {} does not exist", .0.fid, .0.class)]
    NoSuchFeature(FeatureId),
    #[error("feature {} of class {} is at revision {found}, not {expected}; read it again", id.fid, id.class)]
    Conflict { id: FeatureId, expected: Revision, found: Revision },
    #[error("revision {asked} is in the future; the city is at {head}")]
    FutureRevision { asked: Revision, head: Revision },
    #[error(
        "the history of {class} before revision {whole_from} is lost: another program had replaced its table; revision {asked} cannot be seen"
    )]
    HistoryLost { class: String, asked: Revision, whole_from: Revision },
    #[error("feature {} of class {} was not there at revision {revision}; its history names the revisions that it has", id.fid, id.class)]
    NoSuchVersion { id: FeatureId, revision: Revision },
    #[error("there is no load {0}")]
    NoSuchLoad(i64),
    #[error("load {0} is still running, here or in another process")]
    LoadRunning(i64),
    #[error("load {0} has been taken back already")]
    AlreadyUndone(i64),
    #[error("{count} features of load {load} were edited later")]
    EditedLater { load: i64, count: u64, first: Vec<LaterEdit> },
    #[error("{} lies on a network share ({kind}), where SQLite cannot keep several programs apart; move the city to a local disk", dir.display())]
    NetworkShare { dir: PathBuf, kind: String },
    #[error("{} is not empty; name a folder that is empty or does not exist", dir.display())]
    NotEmpty { dir: PathBuf },
    #[error("{} holds no backup (no manifest.json)", dir.display())]
    NoBackup { dir: PathBuf },
    #[error("{} is a backup and stays as it is; restore it first with citytwin restore", dir.display())]
    IsBackup { dir: PathBuf },
    #[error("the backup {} cannot be read where it lies: its store has to be brought up to date first; restore it with citytwin restore", dir.display())]
    UnreadBackup { dir: PathBuf },
    #[error("the backup {} is damaged: {why}; use another", dir.display())]
    BadBackup { dir: PathBuf, why: Why },
    #[error("{} is damaged: {detail}; no backup was made of it: restore an earlier one", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("{0} is no table that another program has replaced; there is nothing to adopt")]
    NotEstranged(String),
    #[error("table {table} cannot be adopted: {why}")]
    NotAdoptable { table: String, why: Why },
    #[error("table {0} was replaced by another program and is not served; adopt it first (citytwin doctor --adopt {0})")]
    Estranged(String),
    #[error("edit {number}: {refusal}")]
    Refused { number: usize, refusal: Refusal },
    #[error("{0:?} cannot be the name of a collection: {1}")]
    CollectionName(String, BadName),
    #[error("the city's own class {class} {change}; put it back as it was, or take out its features first ({rows} now)")]
    OwnClass { class: String, change: OwnChange, rows: u64 },
    #[error("another program holds the store's lock; try again in a moment")]
    Busy,
    #[error("the disk is full; nothing of this write was kept")]
    DiskFull,
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the store answered: {0}")]
    Sqlite(rusqlite::Error),
    #[error("{0}")]
    Terrain(Why),
}

/// What stands behind an error: a kind and its values. Its sentence stands under `why.KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    pub key: &'static str,
    pub values: Vec<(&'static str, String)>,
}

impl Why {
    /// Every key that there is.
    pub const KEYS: [&str; 20] = [
        "backup_changed",
        "backup_manifest",
        "backup_outside",
        "backup_no_store",
        "adopt_system",
        "adopt_numbers",
        "adopt_no_place",
        "adopt_mixed",
        "adopt_reserved",
        "adopt_type",
        "terrain_size",
        "terrain_row",
        "terrain_rows",
        "terrain_empty",
        "terrain_short",
        "terrain_foreign",
        "terrain_head",
        "terrain_newer",
        "terrain_cut",
        "terrain_index",
    ];

    pub(crate) fn of(key: &'static str, values: &[(&'static str, &dyn ToString)]) -> Self {
        debug_assert!(Self::KEYS.contains(&key), "{key}");
        Self { key, values: values.iter().map(|(name, value)| (*name, value.to_string())).collect() }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key)?;
        self.values.iter().try_for_each(|(name, value)| write!(f, ", {name}: {value}"))
    }
}

/// What a class of the city's own file may not become while it has features, or has had some.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnChange {
    #[error("is no longer in classes.toml")]
    Gone,
    #[error("has the number {now} in classes.toml; it was {was}")]
    Number { was: u16, now: u16 },
    #[error("has another kind of geometry in classes.toml")]
    Geometry,
    #[error("has no attribute {0} in classes.toml any more, and it is filled")]
    AttributeGone(String),
    #[error("has another type for its attribute {0} in classes.toml")]
    AttributeType(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            // No room for the memory that readers of the log share.
            _ if matches!(&error, rusqlite::Error::SqliteFailure(e, _) if e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => {
                Self::DiskFull
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl StoreError {
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull => Self::DiskFull,
            _ => Self::Io { path, source },
        }
    }
}

/// Why a file cannot be taken as a city's store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    #[error("it is not a GeoPackage")]
    NoGeoPackage,
    #[error("it is a plain GeoPackage; load it into a city with `citytwin load`")]
    PlainGeoPackage,
    #[error("its head row is damaged; restore it from a backup")]
    DamagedHead,
    #[error("its journal stays in mode {0}; another program holds it open")]
    Journal(String),
    #[error("{0}")]
    Unreadable(String),
}

/// Why a name cannot be that of a collection, of a class, or of one of their attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("the catalogue or the store uses it already")]
    Taken,
    #[error("another program has made a table of that name; take it into the city with citytwin doctor --adopt")]
    Stranger,
    #[error("it exists with another kind of geometry")]
    OtherGeometry,
    #[error("its entry in the store is damaged; restore it from a backup")]
    DamagedEntry,
    #[error("use a-z, 0-9 and _, a letter first, at most 60 characters")]
    Letters,
    #[error("names that begin so are the store's own")]
    StoresOwn,
    #[error("its number belongs to another class of this city")]
    NumberTaken,
    #[error("it has more than 1000 attributes")]
    TooManyAttributes,
    #[error("an attribute's name has 1 to 120 bytes, none of them control characters")]
    AttributeLetters,
    #[error("the store uses that column itself; rename it")]
    StoresColumn,
    #[error("two attributes are called so (letter case does not count)")]
    AttributeTwice,
}

/// Why one record cannot be stored or identified. What is merely implausible is stored and becomes a finding.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("it has no geometry, and its class needs one")]
    NoGeometry,
    #[error("its class has no geometry, but it brings one")]
    NeedlessGeometry,
    #[error("its geometry is a {found}, its class holds {wanted}")]
    GeometryKind { found: &'static str, wanted: &'static str },
    #[error("it has several parts; in a network each part is a feature of its own: split it")]
    SeveralParts,
    #[error("a line needs at least two different vertices")]
    ShortLine,
    #[error("a ring needs at least four vertices, the first repeated as the last")]
    BadRing,
    #[error("a coordinate lies outside the earth: longitude {lon}, latitude {lat}, height {z}; is it in degrees?")]
    OffTheEarth { lon: f64, lat: f64, z: f64 },
    #[error("it has {found} attributes, its class {wanted}")]
    AttributeCount { found: usize, wanted: usize },
    #[error("attribute {attribute}: {found} is not {wanted}")]
    AttributeType { attribute: String, found: String, wanted: &'static str },
    #[error("its further attributes are not a JSON object")]
    OtherNotAnObject,
    #[error("the key {key:?} stands twice in one file")]
    KeyTwice { key: String },
}
