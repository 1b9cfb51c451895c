//! `annals serve`: the HTTP server, from what was typed to where it listens.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use super::Dir;
use crate::config::{Flags, Resolved, Sources};
use crate::error::{Failure, Result};

/// Serve the database over HTTP
///
/// Every option below may also be a key of the file or a variable of the environment: --query-ms-max is query_ms_max in the section [limits],
/// and ANNALS_QUERY_MS_MAX. Flags win over variables, these over the file, it over defaults.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  annals serve -d db
  annals serve -d db --config annals.toml --query-ms-max 5000
  annals serve -d db --config annals.toml --check")]
pub(crate) struct Serve {
    #[command(flatten)]
    dir: Dir,

    /// A file with settings (TOML)
    #[arg(long, value_name = "FILE", env = "ANNALS_CONFIG")]
    config: Option<PathBuf>,

    /// Print the settings as a file, each with where it is from; look for what is wrong with them, and do not start
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    flags: Flags,
}

impl Serve {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let resolved = Resolved::from(&Sources {
            dir: &self.dir.dir,
            is_terminal: std::io::stderr().is_terminal(),
            file: self.config.as_deref(),
            variable: &|name| std::env::var_os(name),
            flags: &self.flags,
        })?;
        let findings = resolved.inspect();
        if self.check {
            std::io::stdout().lock().write_all(resolved.to_toml().as_bytes())?;
            for warning in &findings.warnings {
                eprintln!("warning: {warning}");
            }
            let problem_count = findings.problems.len();
            for problem in findings.problems {
                eprintln!("problem: {}", Failure::new(problem));
            }
            return match problem_count {
                0 => Ok(()),
                1 => Err(Failure::new("the server would not start: 1 problem found")),
                _ => Err(Failure::new(format!(
                    "the server would not start: {problem_count} problems found"
                ))),
            };
        }
        if let Some(problem) = findings.problems.into_iter().next() {
            return Err(Failure::new(problem));
        }
        crate::logging::set_up(&resolved.config.log)?;
        for warning in &findings.warnings {
            tracing::warn!("{warning}");
        }
        crate::http::serve(resolved.config, &self.dir.dir)
    }
}
