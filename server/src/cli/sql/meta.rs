//! The commands of the prompt that are not SQL; they begin with `\`.

use std::io::Write;

use annals_engine::arrow::array::RecordBatch;
use annals_engine::{Database, TableSchema, rows};
use clap::ValueEnum;

use crate::error::{Failure, Result};
use crate::output::{self, Format, Shape, Writer};

/// What `\?` tells.
pub(super) const HELP: &str = "\
Statements end with `;`. Commands:
  \\d            the tables
  \\d TABLE      the columns of a table, its key, how wide its partitions are
  \\format FORM  answers as table, csv, json or ndjson
  \\timing       says how long each statement took, or no longer
  \\?            this help
  \\q            the end";

/// A command of the prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meta {
    /// `\q`
    Quit,
    /// `\?`
    Help,
    /// `\d`
    Tables,
    /// `\d TABLE`
    Table(String),
    /// `\timing`
    Timing,
    /// `\format FORM`
    Format(Format),
}

impl Meta {
    /// Reads a command.
    pub(super) fn parse(line: &str) -> Result<Meta> {
        let line = line.trim().trim_end_matches(';');
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["\\q"] => Ok(Meta::Quit),
            ["\\?"] => Ok(Meta::Help),
            ["\\d"] => Ok(Meta::Tables),
            ["\\d", table] => Ok(Meta::Table(table.trim_matches('"').to_owned())),
            ["\\timing"] => Ok(Meta::Timing),
            ["\\format", form] => match Format::from_str(form, true) {
                Ok(format) if !format.is_one_answer() => Ok(Meta::Format(format)),
                _ => Err(Failure::new(format!(
                    "`{form}` is no form of a prompt: table, csv, json and ndjson are"
                ))),
            },
            _ => Err(Failure::new(format!("`{line}` is no command; \\? tells which there are"))),
        }
    }
}

/// Shows the tables.
pub(super) fn show_tables(database: &Database) -> Result<()> {
    let tables = database.tables();
    let kinds = tables.iter().map(|table| if table.is_event { "event" } else { "keyed" });
    let keys = tables.iter().map(|table| {
        let key = table.key.iter().map(|at| table.columns[*at].name.as_str());
        (!table.is_event).then(|| key.collect::<Vec<_>>().join(", "))
    });
    let widths = tables.iter().map(|table| width(table));
    show(&rows!(
        ("table", Utf8, tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>()),
        ("kind", Utf8, kinds.collect::<Vec<_>>()),
        ("key", Utf8, keys.collect::<Vec<_>>()),
        ("partitions", Utf8, widths.collect::<Vec<_>>()),
    )?)?;
    Ok(())
}

/// Shows one table.
pub(super) fn show_table(database: &Database, name: &str) -> Result<()> {
    let table = database.table(name)?;
    // The number of a row of an event table is nobody's business.
    let hidden_count = usize::from(table.is_event);
    let columns = &table.columns[hidden_count..];
    let keys = (hidden_count..table.columns.len()).map(|at| {
        let place = table.key.iter().position(|key| *key == at);
        place.map_or(String::new(), |place| (place + 1).to_string())
    });
    let nulls = columns.iter().map(|column| if column.nullable { "yes" } else { "no" });
    show(&rows!(
        ("column", Utf8, columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>()),
        (
            "type",
            Utf8,
            columns.iter().map(|column| column.data_type.to_string()).collect::<Vec<_>>()
        ),
        ("null", Utf8, nulls.collect::<Vec<_>>()),
        ("key", Utf8, keys.collect::<Vec<_>>()),
    )?)?;
    let kind = if table.is_event { "An event table" } else { "A keyed table" };
    let mut out = output::stdout();
    writeln!(out, "{kind}, a partition every {}.", width(&table))?;
    Ok(out.flush()?)
}

fn width(table: &TableSchema) -> String {
    format!("{:?}", table.partition_width).to_lowercase()
}

fn show(rows: &RecordBatch) -> Result<()> {
    let mut writer = Writer::new(Format::Table, Shape::plain(rows.schema()), output::stdout())?;
    writer.write(rows)?;
    writer.finish()
}
