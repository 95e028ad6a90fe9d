//! Features become bytes: vector tiles and 3D Tiles, and back again.
#![doc = include_str!("../README.md")]

pub mod glb;
pub mod grid;
pub mod subtree;
pub mod tileset;
