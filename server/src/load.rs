//! `citytwin load`: files become part of a city.

use crate::cli::Outcome;
use citytwin_assets::Lang;

/// Load files into a city
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args, _lang: Lang) -> anyhow::Result<Outcome> {
    anyhow::bail!("the loader is not part of this build yet")
}
