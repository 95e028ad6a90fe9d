//! Where is it? Every feature of the city by place, by id and in paging order.
#![doc = include_str!("../README.md")]

mod cells;
mod class_index;
mod hilbert;
mod meets;
mod near;
mod packed;
mod page;
mod snapshot;

pub use hilbert::place_code;
pub use meets::meets;
pub use near::distance_m;
pub use page::{BadPageKey, Page, PageKey};
pub use snapshot::{Ground, Snapshot};
