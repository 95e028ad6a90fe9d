//! What was acknowledged survives `kill -9` and a power cut.
#![doc = include_str!("../README.md")]

pub mod layer;
pub mod scene;
pub mod unsynced;
