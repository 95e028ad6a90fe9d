//! `citytwin demo`: writes the demo city as a plain GeoPackage.

use crate::cli::Outcome;
use citytwin_assets::Lang;

/// Write the demo city as a GeoPackage, with terrain and the simulator's script beside it
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args, _lang: Lang) -> anyhow::Result<Outcome> {
    anyhow::bail!("the demo generator is not part of this build yet")
}
