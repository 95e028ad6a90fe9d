//! Features become bytes: vector tiles and 3D Tiles, and back again
#![doc = include_str!("../README.md")]

#[cfg(feature = "encode")]
mod clip;
pub mod glb;
pub mod grid;
#[cfg(feature = "encode")]
mod heal;
#[cfg(feature = "encode")]
pub mod mvt;
pub mod subtree;
#[cfg(feature = "encode")]
pub mod tiles3d;
pub mod tileset;
#[cfg(feature = "encode")]
mod triangles;
