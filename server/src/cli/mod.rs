//! What a user types: the commands and the options they share.

mod backup;
mod bench;
mod compact;
mod demo;
mod export;
mod get;
mod import;
mod lifecycle;
mod partitions;
mod serve;
mod sql;
mod stats;
mod token;
mod verify;

use std::path::PathBuf;

use annals_engine::Axis;
use annals_engine::{Database, Time};
use clap::{Args, Parser, Subcommand};

use crate::disk;
use crate::error::{Failure, Result};

/// A bitemporal, append-only database: what was true when, and what was believed of it when.
#[derive(Debug, Parser)]
#[command(name = "annals", version, disable_help_subcommand = true, max_term_width = 100)]
#[command(
    after_help = "Start with `annals demo`. The folder of a database is -d DIR, or ANNALS_DIR.\n\
Instants are such as 2016-12-01T12:00:00Z; without an offset they are UTC; a date is its midnight."
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Sql(sql::Sql),
    Import(import::Import),
    Export(export::Export),
    Get(get::Get),
    Stats(stats::Stats),
    Verify(verify::Verify),
    Compact(compact::Compact),
    Partitions(partitions::Partitions),
    Detach(lifecycle::Detach),
    Attach(lifecycle::Attach),
    Drop(lifecycle::Drop),
    Archive(lifecycle::Archive),
    Retain(lifecycle::Retain),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Serve(serve::Serve),
    Token(token::Token),
    Bench(bench::Bench),
}

impl CommandLine {
    /// Does what was typed.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Demo(command) => command.run(),
            Command::Sql(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Get(command) => command.run(),
            Command::Stats(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Compact(command) => command.run(),
            Command::Partitions(command) => command.run(),
            Command::Detach(command) => command.run(),
            Command::Attach(command) => command.run(),
            Command::Drop(command) => command.run(),
            Command::Archive(command) => command.run(),
            Command::Retain(command) => command.run(),
            Command::Backup(command) => command.run(),
            Command::Restore(command) => command.run(),
            Command::Serve(command) => command.run(),
            Command::Token(command) => command.run(),
            Command::Bench(command) => command.run(),
        }
    }
}

/// Which database.
#[derive(Args, Debug)]
pub(crate) struct Dir {
    /// The folder of the database
    #[arg(short = 'd', long = "dir", value_name = "DIR", env = "ANNALS_DIR")]
    pub(crate) dir: PathBuf,
}

impl Dir {
    /// Opens the database, which must be there; what recovery had to do is told on standard error.
    pub(crate) fn open(&self) -> Result<Database> {
        let database = Database::open_existing(&self.dir, disk::options())?;
        tell_recovery(&database);
        Ok(database)
    }
}

/// Says what opening took away from the files of a database, if anything: nothing is dropped unreported.
pub(crate) fn tell_recovery(database: &Database) {
    let report = database.recovery();
    for cut in &report.cuts {
        eprintln!("recovery: cut {cut}");
    }
    for file in &report.removed_files {
        eprintln!("recovery: removed unfinished {file}");
    }
}

/// Reads the instant of an option; the error names the option.
fn instant<A: Axis>(option: &str, text: &str) -> Result<Time<A>> {
    Time::parse(text).map_err(|error| Failure::from(error).context(option))
}
