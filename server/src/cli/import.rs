//! `annals import`: files into a table.

use std::path::PathBuf;
use std::time::Instant;

use annals_engine::{DataType, PartitionWidth};
use clap::Args;

use super::Dir;
use crate::error::Result;
use crate::import::{self, Request, Source};

/// Import CSV, NDJSON or Parquet files into a table
///
/// A table that does not exist is made from the columns of the first file; their types are told from its first 1,000 rows
/// (BOOLEAN, BIGINT, DOUBLE PRECISION, DATE, TIMESTAMP, JSON, else TEXT). A table that exists is matched by column names.
///
/// Every row is checked before the first is written: a row that is wrong is named with file and line, and the database is
/// as it was. (Standard input can be read but once: there, only the transaction of the wrong row is not applied.)
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  annals import -d db --table prices --key sku --valid-from since prices.csv
  annals import -d db --table tz --key zone --valid-from valid_from --valid-to valid_to \\
      --system-time recorded_at --op op tz_history.csv.gz
  annals import -d db --table logins --event --valid-from at logins.ndjson.gz")]
pub(crate) struct Import {
    #[command(flatten)]
    dir: Dir,

    /// The table
    #[arg(long, value_name = "T")]
    table: String,

    /// The key columns of the table, separated by commas
    #[arg(long, value_name = "COL,...", value_delimiter = ',')]
    key: Vec<String>,

    /// Make an event table: rows that happen at an instant (--valid-from) and have no key
    #[arg(long)]
    event: bool,

    /// The column with the start of each row's valid period; empty means without a start.
    /// Without this option a row holds from the system time of its transaction on
    #[arg(long, value_name = "COL")]
    valid_from: Option<String>,

    /// The column with the end of each row's valid period; empty means without an end
    #[arg(long, value_name = "COL")]
    valid_to: Option<String>,

    /// The column with the instant at which each row was recorded elsewhere. Consecutive rows with the same instant are one
    /// transaction. Without this option the database's own clock is used, and 10,000 rows are a transaction
    #[arg(long, value_name = "COL")]
    system_time: Option<String>,

    /// The column that says `put` or `delete`; a delete needs only the key and the period
    #[arg(long, value_name = "COL")]
    op: Option<String>,

    /// How wide the time partitions of a new table are: hour, day, week, month, quarter or year [default: month]
    #[arg(long, value_name = "WIDTH", value_parser = parse_width)]
    partition: Option<PartitionWidth>,

    /// The type of a column, instead of the one its first values suggest; may be repeated
    #[arg(long = "column", value_name = "NAME=TYPE", value_parser = parse_column)]
    columns: Vec<(String, DataType)>,

    /// .csv, .ndjson, .jsonl (each also .gz) or .parquet; `-` is CSV from standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Import {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let started = Instant::now();
        let request = Request {
            table: self.table,
            key: self.key,
            is_event: self.event,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            system_time: self.system_time,
            op: self.op,
            partition: self.partition,
            types: self.columns,
            ..Request::default()
        };
        let table = request.table.clone();
        let sources =
            self.files.iter().map(|path| Source::open(path)).collect::<Result<Vec<_>>>()?;
        let written = import::import(&self.dir.dir, request, &sources)?;
        let seconds = started.elapsed().as_secs_f64();
        let rate = written.row_count as f64 / seconds.max(1e-6);
        let last = written.system_time.map(|time| format!(", system time {time}"));
        eprintln!(
            "{table}: {} rows in {} transactions{}, {seconds:.1} s, {} rows/s",
            grouped(written.row_count),
            grouped(written.transaction_count),
            last.unwrap_or_default(),
            grouped(rate as u64)
        );
        Ok(())
    }
}

fn parse_width(text: &str) -> Result<PartitionWidth, String> {
    PartitionWidth::parse(text).map_err(|error| error.to_string())
}

fn parse_column(text: &str) -> Result<(String, DataType), String> {
    let (name, data_type) = text.split_once('=').ok_or("expected NAME=TYPE")?;
    let data_type = DataType::parse(data_type).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), data_type))
}

/// A number with its thousands apart: `44,206`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}
