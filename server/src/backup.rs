//! `citytwin backup`, `restore` and `verify`: a city is copied while it is in use, put back, and looked over.

use crate::cli::Outcome;
use crate::ticker::Ticker;
use crate::{clock, trouble};
use citytwin_assets::{Lang, say};
use citytwin_store::{Backup, CityConfig, Finding, STORE_FILE, StoreError};
use std::path::PathBuf;

/// Readings and alarms: another room's file, copied in the same way.
const LIVE: &str = "live.db";

/// Copy a city while it is in use
///
/// The copy is a folder with the city's files and a manifest of their lengths and SHA-256: features with their whole
/// history, readings and alarms, terrain, records that were refused and wait for their correction, the city's description
/// and own classes. The key of the city is not in it. Writers go on meanwhile. The copy is checked, so that no backup is made
/// of a damaged city. The folder appears only when it is whole. `citytwin verify` looks a backup over, `citytwin restore` puts
/// it back; the commands that only read (export, doctor, load --list) read it where it lies, and nothing changes it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  citytwin backup --city shifan --to /backup/shifan-2026-11-21
  citytwin verify --city /backup/shifan-2026-11-21
  citytwin restore /backup/shifan-2026-11-21 --city shifan-again")]
pub struct BackupArgs {
    /// The city's folder; it holds city.toml and city.gpkg
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
    /// The folder to be made; it must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Put a backup back into an empty folder
///
/// Every file is compared with the manifest on the way. A city that is there is never written over.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  citytwin restore /backup/shifan-2026-11-21 --city shifan")]
pub struct RestoreArgs {
    /// The backup's folder
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
    /// The folder to be made; it must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
}

/// Look a city over, or a backup of one
///
/// Files against their manifest (of a backup), SQLite's own checks, history without gaps and overlaps, the change feed in
/// order, every feature in the books, spatial indexes against every row, triggers in place. Nothing is changed; a city may
/// be in use meanwhile.
///
/// Exit codes: 0 all is well; 2 something is not, or it could not be looked at.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  citytwin verify --city shifan
  citytwin verify --city /backup/shifan-2026-11-21")]
pub struct VerifyArgs {
    /// The city's folder, or a backup's
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
}

pub fn back_up(args: BackupArgs, lang: Lang) -> anyhow::Result<Outcome> {
    let working = Ticker::start(lang);
    let mut backup = Backup::begin(&args.city, &args.to, clock::now())?;
    backup.database(LIVE)?;
    let manifest = backup.finish()?;
    drop(working);
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let megabytes = format!("{:.1}", bytes as f64 / 1e6);
    let values: [(&str, &dyn std::fmt::Display); 5] = [
        ("name", &manifest.city),
        ("revision", &manifest.revision),
        ("files", &manifest.files.len()),
        ("megabytes", &megabytes),
        ("folder", &args.to.display()),
    ];
    println!("{}", say(lang, "backup.done", &values));
    Ok(Outcome::Done)
}

pub fn restore(args: RestoreArgs, lang: Lang) -> anyhow::Result<Outcome> {
    let working = Ticker::start(lang);
    let manifest = citytwin_store::restore(&args.from, &args.city)?;
    drop(working);
    let made_at = clock::shown_text(&manifest.made_at, clock::zone_of(&CityConfig::read(&args.city)?));
    let values: [(&str, &dyn std::fmt::Display); 4] =
        [("name", &manifest.city), ("revision", &manifest.revision), ("made_at", &made_at), ("folder", &args.city.display())];
    println!("{}", say(lang, "backup.restored", &values));
    Ok(Outcome::Done)
}

pub fn verify(args: VerifyArgs, lang: Lang) -> anyhow::Result<Outcome> {
    if !args.city.join(STORE_FILE).exists() && !args.city.join(citytwin_store::MANIFEST_FILE).exists() {
        return Err(StoreError::NoCity { dir: args.city }.into());
    }
    let working = Ticker::start(lang);
    let findings = citytwin_store::verify(&args.city)?;
    drop(working);
    for finding in &findings {
        println!("{}", sentence(lang, finding));
    }
    if findings.is_empty() {
        let revision = citytwin_store::revision_of(&args.city)?.unwrap_or(0);
        println!("{}", say(lang, "verify.sound", &[("folder", &args.city.display()), ("revision", &revision)]));
        return Ok(Outcome::Done);
    }
    Ok(Outcome::NotDone)
}

/// What a finding says, and what to do about it.
pub fn sentence(lang: Lang, finding: &Finding) -> String {
    let values: Vec<(&str, &dyn std::fmt::Display)> =
        finding.values.iter().map(|(name, value)| (*name, value as &dyn std::fmt::Display)).collect();
    say(lang, &format!("verify.{}", finding.key), &values)
}

/// For `doctor`, which goes on after a part that fails.
pub fn look_over(city: &std::path::Path, lang: Lang) -> Vec<String> {
    match citytwin_store::verify(city) {
        Ok(findings) => findings.iter().map(|finding| sentence(lang, finding)).collect(),
        Err(error) => vec![trouble::said(lang, &error.into())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_has_its_sentence() {
        for key in Finding::KEYS {
            assert!(citytwin_assets::messages::find(&format!("verify.{key}")).is_some(), "verify.{key} stands nowhere");
        }
    }
}
