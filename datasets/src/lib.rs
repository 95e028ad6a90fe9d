//! Foreign files become features: what the helper streams is checked, fitted to a class, or refused with a reason.
#![doc = include_str!("../README.md")]

pub mod ahead;
pub mod convert;
pub mod fit;
pub mod formula;
pub mod helper;
pub mod own;
pub mod pipe;
pub mod points;
mod process;
pub mod project;
pub mod shape;
pub mod skipped;
#[cfg(test)]
mod testing;
pub mod write;

pub use ahead::Ahead;
pub use fit::{Fit, Fitted, class_of_layer};
pub use helper::{Helper, HelperError, Request, Stream};
pub use project::Projector;
pub use skipped::{Reason, Skipped};
