//! `citytwin serve`: serves a city until interrupted.

use crate::cli::Outcome;
use citytwin_assets::Lang;

/// Serve a city until interrupted
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args, _lang: Lang) -> anyhow::Result<Outcome> {
    anyhow::bail!("the server is not part of this build yet")
}
