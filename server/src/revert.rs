//! `citytwin revert`: one feature is put back to what it was.

use crate::cli::Outcome;
use crate::{classes, store_words};
use anyhow::anyhow;
use citytwin_assets::{Lang, say};
use citytwin_model::ids::parse_public_id;
use citytwin_model::{FeatureId, Timestamp};
use citytwin_store::Store;
use std::path::PathBuf;

/// Put one feature back to what it was
///
/// Makes a new version of it that says what it said then; nothing of what came between is lost. A feature that was deleted
/// comes back under its own id. Without --to its versions are listed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  citytwin revert hydrant.12 --city shifan
  citytwin revert hydrant.12 --to 4711 --city shifan
  citytwin revert hydrant.12 --to 2026-11-17T08:00:00+08:00 --city shifan")]
pub struct Args {
    /// The feature, by its public id: class.number
    #[arg(value_name = "FEATURE")]
    feature: String,
    /// The revision, or the moment, whose version it is to have again
    #[arg(long, value_name = "REVISION|TIME")]
    to: Option<String>,
    /// The city's folder; it holds city.toml and city.gpkg
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
}

pub fn run(args: Args, lang: Lang) -> anyhow::Result<Outcome> {
    let store = Store::open(&args.city, &classes::catalogue_of(&args.city)?.classes)?;
    let no_feature = || anyhow!(say(lang, "revert.no_feature", &[("feature", &args.feature)]));
    let (class, fid) = parse_public_id(&args.feature).ok_or_else(no_feature)?;
    let class = store.classes().into_iter().find(|known| known.id == class).ok_or_else(no_feature)?;
    let id = FeatureId::new(class.no, fid);
    let Some(to) = &args.to else { return list(&store, id, lang) };
    let revision = match (to.parse::<u64>(), to.parse::<Timestamp>()) {
        (Ok(revision), _) => revision,
        (_, Ok(at)) => store.revision_at(at)?,
        _ => return Err(anyhow!(say(lang, "revert.not_when", &[("to", to)]))),
    };
    let before = store.head()?;
    let written = store.put_back(id, revision, &author(), "revert")?;
    let key = if written.revision > before { "revert.done" } else { "revert.same" };
    println!("{}", say(lang, key, &[("feature", &args.feature), ("to", &revision), ("revision", &written.revision)]));
    Ok(Outcome::Done)
}

fn list(store: &Store, id: FeatureId, lang: Lang) -> anyhow::Result<Outcome> {
    let name = store_words::name_of(store, id);
    let versions = store.history(id)?;
    if versions.is_empty() {
        return Err(anyhow!(say(lang, "revert.no_feature", &[("feature", &name)])));
    }
    for version in versions {
        let what = match version.op {
            citytwin_store::Op::Created => "revert.created",
            citytwin_store::Op::Changed => "revert.changed",
            citytwin_store::Op::Deleted => "revert.deleted",
        };
        let at = version.at.map_or_else(|| "–".to_owned(), |at| at.to_string());
        let author = version.author.unwrap_or_else(|| say(lang, "store.another_program", &[]));
        let values: [(&str, &dyn std::fmt::Display); 5] = [
            ("revision", &version.revision),
            ("at", &at),
            ("what", &say(lang, what, &[])),
            ("author", &author),
            ("source", &version.source),
        ];
        println!("{}", say(lang, "revert.version", &values));
    }
    Ok(Outcome::Done)
}

/// Who reverts: the operating system's name of the operator.
fn author() -> String {
    std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "revert".to_owned())
}
