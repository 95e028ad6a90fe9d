//! What a city is. Values only: no file, clock, socket or JSON is known here.
#![doc = include_str!("../README.md")]

pub mod alarm;
pub mod city;
pub mod class;
pub mod feature;
pub mod frame;
pub mod geometry;
pub mod ids;
pub mod network;
pub mod relation;
pub mod sensor;
pub mod space;
#[cfg(test)]
mod testing;
pub mod time;
pub mod units;
pub mod value;
pub mod wkb;

pub use city::City;
pub use class::{Attribute, AttributeType, Class, ClassNo, Domain, GeometryKind, Kept};
pub use feature::Feature;
pub use frame::{Frame, LocalPoint};
pub use geometry::{Geometry, Shape};
pub use ids::{AssetCode, FeatureId, Fid, Revision};
pub use network::Network;
pub use space::{Bounds, LonLat, Position};
pub use time::Timestamp;
pub use units::Metres;
pub use value::Value;
