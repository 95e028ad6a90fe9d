//! What is it now, and before?
#![doc = include_str!("../README.md")]

mod config;
mod error;
mod files;
pub mod gpkg;
mod load;
mod outside;
mod own;
mod own_file;
mod read;
mod references;
mod row;
mod schema;
mod store;
mod terrain;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod write;

pub use config::{CityConfig, CityName, FILE as CONFIG_FILE, utc_offset_minutes};
pub use error::{BadName, NotOurs, OwnChange, Refusal, StoreError};
pub use load::{Counts, Load, LoadInfo, LoadState, LoadSummary, Record, Refused, Source};
pub use own::{CollectionSchema, Field, FieldType, Kind};
pub use read::{Change, Changes, Delta, Op, Version};
pub use store::{FILE as STORE_FILE, Store};
pub use terrain::{Terrain, TerrainGrid, TerrainWriter};
pub use write::{Edit, Written};
