//! What follows? Analyses of the city as pure functions.
#![doc = include_str!("../README.md")]

pub mod coverage;
pub mod likelihood;
pub mod risk;
