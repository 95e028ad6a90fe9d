//! `citytwin revert`: one feature is put back to what it was.

use crate::cli::{Outcome, operator};
use crate::load::patience::patiently;
use crate::{classes, clock};
use anyhow::anyhow;
use citytwin_assets::{Lang, say};
use citytwin_model::FeatureId;
use citytwin_model::ids::parse_public_id;
use citytwin_store::{Store, StoreError};
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
  citytwin revert hydrant.12 --to 2026-11-17T08:00 --city shifan")]
pub struct Args {
    /// The feature, by its public id: class.number
    #[arg(value_name = "FEATURE")]
    feature: String,
    /// The revision whose version it is to have again, or a time (2026-11-17T08:00 on the city's clock; a day alone is its
    /// beginning)
    #[arg(long, value_name = "REVISION|TIME")]
    to: Option<String>,
    /// The city's folder; it holds city.toml and city.gpkg
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
}

pub fn run(args: Args, lang: Lang) -> anyhow::Result<Outcome> {
    let open = if args.to.is_some() { classes::open } else { classes::open_to_read };
    let store = open(&args.city, lang)?;
    let told = |key: &str| anyhow!(say(lang, key, &[("feature", &args.feature)]));
    let (name, fid) = parse_public_id(&args.feature).ok_or_else(|| told("revert.no_feature"))?;
    let Some(class) = store.classes().into_iter().find(|known| known.id == name) else {
        return Err(classes::estranged(&store, name).map_or_else(|| told("revert.no_feature"), Into::into));
    };
    let id = FeatureId::new(class.no, fid);
    if store.history(id)?.is_empty() {
        return Err(told("revert.never"));
    }
    let Some(to) = &args.to else { return list(&store, id, lang) };
    let revision = match (to.parse::<u64>(), clock::instant(to, clock::zone_of(store.config()))) {
        (Ok(revision), _) => revision,
        (_, Some(at)) => store.revision_at(at)?,
        _ => return Err(anyhow!(say(lang, "revert.not_when", &[("to", to)]))),
    };
    let before = store.head()?;
    let written = match patiently(lang, &args.city, || store.put_back(id, revision, &operator("revert"), "revert")) {
        Err(StoreError::NoSuchVersion { .. }) => {
            return Err(anyhow!(say(lang, "store.no_version", &[("feature", &args.feature), ("revision", &revision)])));
        }
        written => written?,
    };
    let key = if written.revision > before { "revert.done" } else { "revert.same" };
    println!("{}", say(lang, key, &[("feature", &args.feature), ("to", &revision), ("revision", &written.revision)]));
    Ok(Outcome::Done)
}

fn list(store: &Store, id: FeatureId, lang: Lang) -> anyhow::Result<Outcome> {
    let zone = clock::zone_of(store.config());
    for version in store.history(id)? {
        let what = match version.op {
            citytwin_store::Op::Created => "revert.created",
            citytwin_store::Op::Changed => "revert.changed",
            citytwin_store::Op::Deleted => "revert.deleted",
        };
        let at = version.at.map_or_else(|| "–".to_owned(), |at| clock::shown(at, zone));
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
