//! The command line of Annals.
//!
//! The binary `annals` is [`run`] and nothing else, so that whatever it does can be called from a test.
//!
//! * `cli`: one file a command; what a user types.
//! * `import`: from files to transactions.
//! * `ingest`: from the body of a request to transactions.
//! * `output`: from rows to standard output and files.
//! * `http`: the server; `config`: what it is told; `auth`: who may use it; `logging`: what it tells.
//!
//! Results go to standard output, everything else to standard error. The exit status is 0; or 1 with a line on standard error
//! that says what was wrong and where; or 2 if the command line itself makes no sense; or 130 after Ctrl-C.

mod auth;
mod cli;
mod config;
mod disk;
mod error;
mod http;
mod import;
mod ingest;
mod logging;
mod output;
mod small_file;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use error::Failure;

/// Runs a command line, the name of the program first, and returns its exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match cli::CommandLine::try_parse_from(arguments) {
        Ok(command) => command,
        Err(error) => {
            // `--help` and `--version` come this way too, and are results. A closed output is nobody's concern here.
            let _ = error.print();
            let is_answer =
                matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if is_answer { 0 } else { 2 });
        }
    };
    match command.run() {
        Ok(()) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => ExitCode::from(130),
        Err(failure) => {
            // The place of an error in a statement comes first, as from other shells.
            let who = if matches!(failure, Failure::Statement(_)) { "error" } else { "annals" };
            eprintln!("{who}: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}
