//! The flags of `annals serve` that are settings, made from the table of settings.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Config;
use super::settings::{SETTINGS, Setting};
use super::value::FileType;

/// Settings that were given as flags: the place of each in the table, and its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(super) given: Vec<(usize, String)>,
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let text = |setting: &Setting| matches.get_one::<String>(setting.flag).cloned();
        let texts = SETTINGS.iter().enumerate();
        Ok(Flags { given: texts.filter_map(|(place, of)| Some((place, text(of)?))).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(SETTINGS.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

fn argument(setting: &'static Setting) -> Arg {
    let mut config = Config::of_dir("DIR".as_ref(), false);
    let slot = (setting.slot)(&mut config);
    let argument = Arg::new(setting.flag).long(setting.flag).action(ArgAction::Set);
    let argument = match slot.file_type() {
        FileType::Switch => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("true|false"),
        FileType::Integer => argument.value_name("N"),
        FileType::TextOrInteger => argument.value_name("SIZE"),
        FileType::Text => argument.value_name("VALUE"),
    };
    argument.help_heading(heading(setting.section)).help(help(setting))
}

fn heading(section: &str) -> &'static str {
    match section {
        "server" => "Server",
        "limits" => "Limits",
        "engine" => "Engine",
        "log" => "Log",
        "audit" => "Audit",
        _ => "Ingest",
    }
}

fn help(setting: &Setting) -> String {
    match setting.default_shown() {
        Some(default) => format!("{} [default: {default}]", setting.meaning),
        None => setting.meaning.to_owned(),
    }
}
