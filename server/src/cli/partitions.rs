//! `annals partitions`: what there is of each table, and what has left.

use std::sync::Arc;

use annals_engine::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use annals_engine::{PartitionInfo, ValidTime};
use clap::Args;

use super::Dir;
use crate::error::Result;
use crate::output::{self, Format, Shape, Writer};

/// List the time partitions of every table, with those that were detached, archived or dropped
#[derive(Args, Debug)]
pub(crate) struct Partitions {
    #[command(flatten)]
    dir: Dir,

    /// Of this table alone
    #[arg(long, value_name = "T")]
    table: Option<String>,

    /// The form of the rows
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Partitions {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let database = self.dir.open()?;
        if let Some(table) = &self.table {
            database.table(table)?;
        }
        let mut found = database.partitions()?;
        found.retain(|info| self.table.as_ref().is_none_or(|table| *table == info.table));
        let rows = rows(&found)?;
        let format = Format::of_stdout(self.format);
        let mut writer = Writer::new(format, Shape::plain(rows.schema()), output::stdout())?;
        writer.write(&rows)?;
        writer.finish()
    }
}

fn rows(found: &[PartitionInfo]) -> Result<RecordBatch> {
    let texts = |text: &dyn Fn(&PartitionInfo) -> Option<String>| -> ArrayRef {
        Arc::new(found.iter().map(text).collect::<StringArray>())
    };
    let counts = |count: fn(&PartitionInfo) -> u64| -> ArrayRef {
        Arc::new(found.iter().map(|info| Some(count(info))).collect::<UInt64Array>())
    };
    let bound = |at: ValidTime| (!at.is_unbounded()).then(|| at.to_string());
    Ok(RecordBatch::try_from_iter([
        ("table_name", texts(&|info| Some(info.table.clone()))),
        ("partition", texts(&|info| Some(info.partition.clone()))),
        ("range_from", texts(&|info| bound(info.range.0))),
        ("range_to", texts(&|info| bound(info.range.1))),
        ("state", texts(&|info| Some(info.state.to_string()))),
        ("row_count", counts(|info| info.row_count)),
        ("bytes", counts(|info| info.bytes)),
        ("location", texts(&|info| info.location.clone())),
    ])?)
}
