//! What people read: every sentence of the programs, in both languages.
#![doc = include_str!("../README.md")]

pub mod messages;
pub mod scene;

pub use messages::{Lang, say};
