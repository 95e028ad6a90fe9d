//! The spatial server and its command line.

mod cli;
mod demo;
mod load;
mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
