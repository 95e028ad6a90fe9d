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

// A load's records come to life on the thread that reads and end on the one that stores, which the system's own
// allocator is slow at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
