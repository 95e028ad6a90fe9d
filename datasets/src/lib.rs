//! Foreign files become features: what the helper streams is checked, fitted to a class, or refused with a reason.
#![doc = include_str!("../README.md")]

pub mod pipe;
pub mod skipped;
