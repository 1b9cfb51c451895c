//! From flags, variables, a file and defaults to one configuration, each value with where it is from.

use std::ffi::OsString;
use std::path::Path;

use super::settings::SETTINGS;
use super::{Config, Flags, file};
use crate::error::{Failure, Result};

/// Where values come from, last the one that wins.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// The folder of the database, where defaults are.
    pub(crate) dir: &'a Path,
    /// Whether a person reads standard error.
    pub(crate) is_terminal: bool,
    /// The file of settings, if there is one.
    pub(crate) file: Option<&'a Path>,
    /// The environment. A variable that is empty is not set.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The flags.
    pub(crate) flags: &'a Flags,
}

/// Where a value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

/// A configuration, and where each value is from.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// The configuration.
    pub(crate) config: Config,
    /// In the order of the table of settings.
    pub(super) origins: Vec<Origin>,
}

impl Resolved {
    /// Puts the sources together. An error names the place of the value that makes no sense: file, line and column, variable, or flag.
    pub(crate) fn from(sources: &Sources<'_>) -> Result<Resolved> {
        let mut config = Config::of_dir(sources.dir, sources.is_terminal);
        let mut origins = vec![Origin::Default; SETTINGS.len()];
        if let Some(path) = sources.file {
            file::read(path, &mut config, &mut |place| origins[place] = Origin::File)?;
        }
        for (place, setting) in SETTINGS.iter().enumerate() {
            let name = setting.variable();
            let Some(text) = (sources.variable)(&name).filter(|text| !text.is_empty()) else {
                continue;
            };
            let read = match text.to_str() {
                Some(text) => (setting.slot)(&mut config).read(text),
                None => Err("it is not UTF-8".into()),
            };
            read.map_err(|reason| Failure::new(format!("{name}: {reason}")))?;
            origins[place] = Origin::Environment;
        }
        for (place, text) in &sources.flags.given {
            let setting = &SETTINGS[*place];
            let read = (setting.slot)(&mut config).read(text);
            read.map_err(|reason| Failure::usage(format!("--{}: {reason}", setting.flag)))?;
            origins[*place] = Origin::Flag;
        }
        check_together(&config)?;
        Ok(Resolved { config, origins })
    }
}

/// What no value is alone.
fn check_together(config: &Config) -> Result<()> {
    match (&config.server.tls_certificate, &config.server.tls_key) {
        (Some(_), None) => {
            Err(Failure::new("server.tls_certificate is set and server.tls_key is not"))
        }
        (None, Some(_)) => {
            Err(Failure::new("server.tls_key is set and server.tls_certificate is not"))
        }
        _ => Ok(()),
    }
}
