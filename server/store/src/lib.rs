//! What is it now, and before?
#![doc = include_str!("../README.md")]

mod adopt;
mod as_of;
mod backup;
mod config;
mod error;
mod fids;
mod files;
mod fingerprint;
mod from_backup;
pub mod gpkg;
mod holder;
mod indexing;
mod load;
mod migrate;
mod mounts;
mod outside;
mod own;
mod own_file;
mod put_back;
mod read;
mod references;
mod row;
mod schema;
mod store;
mod stranger;
mod terrain;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod turns;
mod undo;
mod verify;
mod write;

pub use adopt::Adopted;
pub use as_of::AsOf;
pub use backup::{Backup, BackupFile, MANIFEST_FILE, Manifest, backup, read_manifest, restore};
pub use config::{CityConfig, CityName, FILE as CONFIG_FILE, utc_offset_minutes};
pub use error::{BadName, NotOurs, OwnChange, Refusal, StoreError, Why};
pub use holder::{Holder, write_lock_holder};
pub use load::{
    Checked, Checker, Columns, Counts, Load, LoadInfo, LoadState, LoadSummary, Record, Refused, Source, SourceSystem, Unstored, Way,
};
pub use own::{CollectionSchema, Field, FieldType, Kind};
pub use read::{Change, Changes, Delta, Op, Version};
pub use store::{FILE as STORE_FILE, Store};
pub use terrain::{Terrain, TerrainGrid, TerrainWriter};
pub use undo::{LaterEdit, LoadChange, Undone};
pub use verify::{Finding, revision_of, verify};
pub use write::{Edit, Written};
