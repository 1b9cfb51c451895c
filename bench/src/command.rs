//! The command line of the harness: what `annals-bench` and `annals bench` share.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::failure::Result;
use crate::run;
use crate::workload::Size;
use crate::workload::sh1::Tier;

/// What can be run.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Import the workload "positions", ask Q1 to Q6, check every answer, and hold the figures
    /// against the floors
    Positions(PositionsArguments),
    /// Import one size into a new database and print the figures as JSON (`positions` runs this in
    /// a process of its own)
    #[command(hide = true)]
    PositionsImport(ImportArguments),
    /// Load the public workload "SH1" (Supply History 1), every transaction durable
    Sh1(Sh1Arguments),
    /// Let the oldest tenth of a table go, small and large
    Retention(RetentionArguments),
    /// Put the server under load on loopback: look-ups of one key, aggregates, ingest
    Http(HttpArguments),
}

/// The arguments of `positions`.
#[derive(Args, Clone, Debug)]
pub struct PositionsArguments {
    /// Sizes in the order to run: S, M, D1, D100, or keys x versions such as 5000x20
    #[arg(long, value_delimiter = ',', default_value = "D1,S,D100", value_parser = Size::parse)]
    pub sizes: Vec<Size>,
    /// How often each size is imported: the floors are held against medians
    #[arg(long, default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    pub imports: u32,
    /// The folder for the databases; on a real disk, or syncs cost nothing [default: a temporary
    /// folder]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Leave the databases in the folder
    #[arg(long, requires = "dir")]
    pub keep: bool,
    /// Append the figures to a file, one JSON object a line
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[arg(default_missing_value = run::POSITIONS_RECORD_FILE)]
    pub record: Option<PathBuf>,
    /// Print the figures as JSON, and what is going on to standard error
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `positions-import`.
#[derive(Args, Clone, Debug)]
pub struct ImportArguments {
    /// The size
    #[arg(long, value_parser = Size::parse)]
    pub size: Size,
    /// The folder of the database
    #[arg(long)]
    pub dir: PathBuf,
    /// Do without compaction, and print what the import took alone
    #[arg(long)]
    pub again: bool,
}

/// The arguments of `sh1`.
#[derive(Args, Clone, Debug)]
pub struct Sh1Arguments {
    /// The size
    #[arg(long, value_enum, default_value_t = Tier::T100k)]
    pub tier: Tier,
    /// The folder for the database; on a real disk, or syncs cost nothing [default: a temporary
    /// folder]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Leave the database in the folder
    #[arg(long, requires = "dir")]
    pub keep: bool,
    /// Append the figures to a file, one JSON object a line
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[arg(default_missing_value = run::SH1_RECORD_FILE)]
    pub record: Option<PathBuf>,
    /// Print the figures as JSON, and what is going on to standard error
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `retention`.
#[derive(Args, Clone, Debug)]
pub struct RetentionArguments {
    /// Versions in the table, in the order to run
    #[arg(long, value_delimiter = ',', default_value = "1000000,10000000")]
    pub sizes: Vec<u64>,
    /// The folder for the databases; on a real disk, or syncs cost nothing [default: a temporary
    /// folder]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Let other systems do the same: DuckDB's module for Python, and the PostgreSQL server that
    /// ANNALS_POSTGRES names
    #[arg(long)]
    pub rivals: bool,
    /// Append the figures to a file, one JSON object a line
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[arg(default_missing_value = run::RETENTION_RECORD_FILE)]
    pub record: Option<PathBuf>,
}

/// The arguments of `http`.
#[derive(Args, Clone, Debug)]
pub struct HttpArguments {
    /// The size of the data: S, M, D1, D100, or keys x versions such as 5000x20
    #[arg(long, default_value = "S", value_parser = Size::parse)]
    pub size: Size,
    /// How many clients ask at once, in the order to run
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    #[arg(value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub clients: Vec<usize>,
    /// How long each question is asked, in seconds
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// The server's executable [default: `annals` beside this one]
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,
    /// The folder for the databases; on a real disk, or syncs cost nothing [default: a temporary
    /// folder]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Ask the PostgreSQL server that ANNALS_POSTGRES names for the same, by pgbench
    #[arg(long)]
    pub rivals: bool,
    /// Append the figures to a file, one JSON object a line
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[arg(default_missing_value = run::HTTP_RECORD_FILE)]
    pub record: Option<PathBuf>,
}

impl Command {
    /// Runs it. `prefix` is what stands before the command on the command line of this executable,
    /// for it starts itself.
    pub fn run(&self, prefix: &[OsString]) -> Result<()> {
        match self {
            Command::Positions(arguments) => run::positions(arguments, prefix),
            Command::PositionsImport(arguments) => run::positions_import(arguments),
            Command::Sh1(arguments) => run::sh1(arguments),
            Command::Retention(arguments) => run::retention(arguments),
            Command::Http(arguments) => run::http(arguments, prefix),
        }
    }
}
