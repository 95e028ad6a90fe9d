//! The spatial server and its command line.

mod api;
mod app;
mod backup;
mod beyond;
mod classes;
mod cli;
mod clock;
mod compute;
mod config;
mod connections;
mod demo;
mod doctor;
mod export;
mod feed;
mod freshness;
mod help;
mod hub;
mod instruments;
mod load;
mod metrics;
mod near;
mod overlays;
mod patience;
mod problem;
mod readings;
mod revert;
mod router;
mod scene;
mod security;
mod serve;
mod shelf;
mod simulator;
mod store_words;
mod target;
#[cfg(test)]
mod tests;
mod ticker;
mod trouble;
mod view;
mod wkt;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
