//! `annals stats`: what a database consists of.

use std::path::Path;
use std::sync::Arc;

use annals_engine::Stats as EngineStats;
use annals_engine::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use clap::Args;

use super::Dir;
use crate::error::Result;
use crate::output::{self, Format, Shape, Writer};

/// Show segments, rows and bytes of every table and partition, and what the log and memory hold
///
/// `part` is `segments` (a partition on disk), `memtable` (rows of a table not yet in segments), `log`, or `cache`.
#[derive(Args, Debug)]
pub(crate) struct Stats {
    #[command(flatten)]
    dir: Dir,

    /// The form of the rows
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// One line of the answer.
struct Line {
    part: &'static str,
    table: Option<String>,
    partition: Option<String>,
    segment_count: Option<u64>,
    row_count: Option<u64>,
    bytes: Option<u64>,
}

impl Stats {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let stats = self.dir.open()?.stats()?;
        let rows = rows(&lines(&stats, log_bytes(&self.dir.dir)?))?;
        let format = Format::of_stdout(self.format);
        let mut writer = Writer::new(format, Shape::plain(rows.schema()), output::stdout())?;
        writer.write(&rows)?;
        writer.finish()
    }
}

/// How many bytes all segments have.
pub(super) fn byte_count(stats: &EngineStats) -> u64 {
    stats.tables.iter().flat_map(|table| &table.partitions).map(|partition| partition.bytes).sum()
}

/// How many bytes the files of the write-ahead log have.
fn log_bytes(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir.join("wal"))? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn lines(stats: &EngineStats, log_bytes: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    for table in &stats.tables {
        lines.extend(table.partitions.iter().map(|partition| Line {
            part: "segments",
            table: Some(table.name.clone()),
            partition: Some(partition.partition.clone()),
            segment_count: Some(partition.segment_count),
            row_count: Some(partition.row_count),
            bytes: Some(partition.bytes),
        }));
        lines.push(Line {
            part: "memtable",
            table: Some(table.name.clone()),
            partition: None,
            segment_count: None,
            row_count: Some(table.memtable_row_count),
            bytes: None,
        });
    }
    let whole =
        [("memtable", stats.memtable_bytes), ("log", log_bytes), ("cache", stats.cache_bytes)];
    lines.extend(whole.map(|(part, bytes)| Line {
        part,
        table: None,
        partition: None,
        segment_count: None,
        row_count: None,
        bytes: Some(bytes),
    }));
    lines
}

fn rows(lines: &[Line]) -> Result<RecordBatch> {
    let texts = |text: fn(&Line) -> Option<&str>| -> ArrayRef {
        Arc::new(lines.iter().map(text).collect::<StringArray>())
    };
    let counts = |count: fn(&Line) -> Option<u64>| -> ArrayRef {
        Arc::new(lines.iter().map(count).collect::<UInt64Array>())
    };
    Ok(RecordBatch::try_from_iter([
        ("part", texts(|line| Some(line.part))),
        ("table_name", texts(|line| line.table.as_deref())),
        ("partition", texts(|line| line.partition.as_deref())),
        ("segment_count", counts(|line| line.segment_count)),
        ("row_count", counts(|line| line.row_count)),
        ("bytes", counts(|line| line.bytes)),
    ])?)
}
