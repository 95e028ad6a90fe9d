//! What can be typed. One module per command, each with its `Args` and its `run`.

use crate::{backup, demo, doctor, export, help, load, revert, serve};
use citytwin_assets::{Lang, say};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

/// A city's municipal facilities, indexed, served and watched (城市市政设施数字孪生)
#[derive(Parser)]
#[command(name = "citytwin", version, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Load(load::Args),
    Export(export::Args),
    Serve(serve::Args),
    Revert(revert::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Verify(backup::VerifyArgs),
    Doctor(doctor::Args),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Done, but some records were refused; they were listed.
    DoneWithRefusals,
    NotDone,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::DoneWithRefusals => 1,
            Outcome::NotDone => 2,
        })
    }
}

/// The language of the command line: LC_ALL, LC_MESSAGES, LANG, in this order; Chinese where none decides.
pub fn lang() -> Lang {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).and_then(|locale| Lang::of_locale(&locale)).unwrap_or_default()
}

/// Who gives the command: the operating system's name of the operator, else the command's own.
pub fn operator(command: &str) -> String {
    std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| command.to_owned())
}

pub fn main() -> ExitCode {
    let lang = lang();
    let program = if lang == Lang::Zh { help::in_chinese(Cli::command()) } else { Cli::command() };
    let typed = Cli::from_arg_matches(&program.get_matches()).unwrap_or_else(|error| error.exit());
    let outcome = match typed.command {
        Command::Demo(args) => demo::run(args, lang),
        Command::Load(args) => load::run(args, lang),
        Command::Export(args) => export::run(args, lang),
        Command::Serve(args) => serve::run(args, lang),
        Command::Revert(args) => revert::run(args, lang),
        Command::Backup(args) => backup::back_up(args, lang),
        Command::Restore(args) => backup::restore(args, lang),
        Command::Verify(args) => backup::verify(args, lang),
        Command::Doctor(args) => doctor::run(args, lang),
    };
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("{}", say(lang, "cli.failed", &[("reason", &crate::trouble::said(lang, &error))]));
            Outcome::NotDone.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
