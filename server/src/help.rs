//! The command line's help in Chinese. The English stands with the options themselves; what belongs to each command and each
//! option in Chinese stands in `help.zh.toml`, and a test sees that none is left out.

use clap::{Arg, ArgAction, Command};
use serde::Deserialize;
use std::collections::BTreeMap;

const TEXT: &str = include_str!("help.zh.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    about: String,
    #[serde(default)]
    long: String,
    #[serde(default)]
    after: String,
    /// By the option's name.
    #[serde(default)]
    options: BTreeMap<String, String>,
}

/// The whole program with its help in Chinese.
pub fn in_chinese(program: Command) -> Command {
    let mut texts: BTreeMap<String, Texts> = toml::from_str(TEXT).expect("tested");
    let mut program = plain(program, texts.remove("citytwin").expect("tested"))
        .subcommand_help_heading("命令")
        .disable_version_flag(true)
        .arg(Arg::new("version").short('V').long("version").action(ArgAction::Version).help("显示版本").help_heading("选项"));
    for (name, texts) in texts {
        program = program.mut_subcommand(name, |command| plain(command, texts));
    }
    // Only now is there the command `help`.
    program.build();
    program.mut_subcommand("help", |command| command.about("显示一个命令的帮助"))
}

fn plain(command: Command, mut texts: Texts) -> Command {
    let template = if command.has_subcommands() { WITH_COMMANDS } else { OF_A_COMMAND };
    let mut command = command.about(texts.about.clone()).help_template(template);
    if !texts.long.is_empty() {
        command = command.long_about(format!("{}\n\n{}", texts.about, texts.long.trim_end()));
    }
    if !texts.after.is_empty() {
        command = command.after_help(texts.after.trim_end().to_owned());
    }
    command = command.mut_args(|arg| {
        let heading = if arg.is_positional() { "参数" } else { "选项" };
        let help = texts.options.remove(arg.get_id().as_str());
        let arg = arg.help_heading(heading);
        match help {
            Some(help) => arg.help(help),
            None => arg,
        }
    });
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help).help("显示帮助（-h 为简要）").help_heading("选项");
    command.disable_help_flag(true).arg(help)
}

const OF_A_COMMAND: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";
const WITH_COMMANDS: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    /// At a width of its own: what a terminal of the tester is wide must not show.
    fn helps(program: Command) -> String {
        let mut program = program.term_width(110);
        program.build();
        let mut all = program.render_long_help().to_string();
        for command in program.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let help = command.render_long_help();
            all.push_str(&format!("\n=== {}\n{help}", command.get_name()));
        }
        all
    }

    #[test]
    fn the_help_of_every_command_in_both_languages() {
        insta::assert_snapshot!("help_en", helps(Cli::command()));
        insta::assert_snapshot!("help_zh", helps(in_chinese(Cli::command())));
    }

    #[test]
    fn every_command_and_every_option_has_its_chinese() {
        let texts: BTreeMap<String, Texts> = toml::from_str(TEXT).unwrap();
        let program = Cli::command();
        let commands: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
        for name in texts.keys().filter(|name| *name != "citytwin") {
            assert!(commands.contains(&name.as_str()), "{name} is no command");
        }
        for command in program.get_subcommands() {
            let texts = texts.get(command.get_name()).unwrap_or_else(|| panic!("{} has no Chinese help", command.get_name()));
            let options: Vec<&str> = command.get_arguments().map(|arg| arg.get_id().as_str()).collect();
            for option in &options {
                assert!(texts.options.contains_key(*option), "{} {option} has no Chinese help", command.get_name());
            }
            for option in texts.options.keys() {
                assert!(options.contains(&option.as_str()), "{} has no {option}", command.get_name());
            }
            assert_eq!(command.get_after_help().is_some(), !texts.after.is_empty(), "examples of {}", command.get_name());
        }
        in_chinese(Cli::command()).debug_assert();
    }
}
