//! `annals get`: one key, as of two instants or through all its history.

use annals_engine::{At, Database, TableSchema, Value};
use clap::Args;

use super::{Dir, instant};
use crate::error::{Failure, Result};
use crate::output::{self, Format, Shape, Writer};

/// Show one key as of any two instants, or all that was ever believed of it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  annals get -d db --table tz Europe/Istanbul
  annals get -d db --table tz Europe/Istanbul --valid-time 2016-12-01T12:00:00Z --system-time 2016-06-01
  annals get -d db --table tz Europe/Istanbul --history")]
pub(crate) struct Get {
    #[command(flatten)]
    dir: Dir,

    /// The table
    #[arg(long, value_name = "T")]
    table: String,

    /// The values of the key columns, one by one or separated by commas
    #[arg(value_name = "KEY", required = true, allow_negative_numbers = true)]
    key: Vec<String>,

    /// As of this instant of valid time; now if left out
    #[arg(long, value_name = "X")]
    valid_time: Option<String>,

    /// As believed at this instant of system time; now if left out
    #[arg(long, value_name = "X")]
    system_time: Option<String>,

    /// Every version there ever was, in the order in which it was believed
    #[arg(long, conflicts_with_all = ["valid_time", "system_time"])]
    history: bool,

    /// The form of the rows
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Get {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let valid = self.valid_time.as_deref().map(|text| instant("--valid-time", text));
        let system = self.system_time.as_deref().map(|text| instant("--system-time", text));
        let at = At { valid: valid.transpose()?, system: system.transpose()? };
        let database: Database = self.dir.open()?;
        let table = database.table(&self.table)?;
        let key = parse_key(&table, &self.key)?;
        let snapshot = database.snapshot()?;
        if self.history {
            for missing in snapshot.missing(&self.table)? {
                eprintln!("notice: the history lacks what it had in {missing}");
            }
        }
        let rows = match self.history {
            true => Some(snapshot.history(&self.table, &key)?),
            false => snapshot.get(&self.table, &key, at)?,
        };
        let rows = match rows {
            Some(rows) => rows,
            // No row, but of the same columns, so that the answer has its form all the same.
            None => snapshot.history(&self.table, &key)?.slice(0, 0),
        };
        if rows.num_rows() == 0 {
            let key = self.key.join(",");
            let when = if self.history { "" } else { " at these instants" };
            eprintln!("nothing is believed of {key}{when}");
        }
        let shape = Shape::of_table(rows.schema(), &table);
        let mut writer = Writer::new(Format::of_stdout(self.format), shape, output::stdout())?;
        writer.write(&rows)?;
        writer.finish()
    }
}

/// One argument for each key column, or one argument for all, its values separated by commas.
fn parse_key(table: &TableSchema, arguments: &[String]) -> Result<Vec<Value>> {
    if table.is_event {
        let table = &table.name;
        return Err(Failure::new(format!("table `{table}` is an event table: it has no key")));
    }
    let split: Vec<&str> = match arguments {
        [one] if table.key.len() > 1 => one.split(',').collect(),
        several => several.iter().map(String::as_str).collect(),
    };
    let columns = table.key.iter().map(|at| &table.columns[*at]);
    if split.len() != table.key.len() {
        let names: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        return Err(Failure::new(format!(
            "the key of table `{}` is {}; {} values are given",
            table.name,
            names.join(","),
            split.len()
        )));
    }
    let values = columns.zip(split).map(|(column, text)| {
        Value::parse(column.data_type, text)
            .map_err(|error| Failure::from(error).context(format!("key column `{}`", column.name)))
    });
    values.collect()
}
