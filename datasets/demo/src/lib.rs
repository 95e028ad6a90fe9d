//! The demo city: a generator, deterministic by seed.
#![doc = include_str!("../README.md")]

pub mod script;

pub use script::Script;
