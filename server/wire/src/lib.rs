//! The JSON we speak, for both ends.
#![doc = include_str!("../README.md")]

pub mod catalogue;
pub mod geojson;
pub mod link;
pub mod live;
pub mod overlay;
pub mod place;
pub mod problem;
pub mod readings;

pub use catalogue::Label;
pub use problem::Problem;
