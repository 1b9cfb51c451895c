//! Durable live ingest: every transaction of the stream, committed one after the other, then
//! compaction.
//!
//! The caller runs this in a process of its own, so that the peak of its memory is that of the
//! import and nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use annals_engine::{Database, Options, SystemTime};
use serde::{Deserialize, Serialize};

use super::durations::{Durations, micros};
use super::machine::{folder_bytes, peak_memory_bytes};
use crate::failure::{Failure, Result};
use crate::workload::{Positions, TABLE, table_spec, transaction};

/// What committing the whole stream of a size took.
///
/// The rates count all time that passed, the making of the rows included (`generate_seconds` in
/// all), so they are a little below what the engine alone would reach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IngestFigures {
    /// From the first transaction to the return of the last commit.
    pub seconds: f64,
    /// How much of that went into making the rows.
    pub generate_seconds: f64,
    /// Durable puts a second over the whole import.
    pub puts_per_second: f64,
    /// The same over its first tenth.
    pub puts_per_second_first_tenth: f64,
    /// The same over its last tenth.
    pub puts_per_second_last_tenth: f64,
    /// Putting and committing one transaction: the median, in microseconds.
    pub commit_us_p50: f64,
    /// The 99th percentile of the same.
    pub commit_us_p99: f64,
    /// The longest of the same.
    pub commit_us_max: f64,
    /// The peak of resident memory when the last commit had returned (the shuffled stream, four
    /// bytes a put, included).
    pub peak_memory_bytes: Option<u64>,
}

impl IngestFigures {
    /// How fast the last tenth was, of the first.
    pub fn last_tenth_share(&self) -> f64 {
        self.puts_per_second_last_tenth / self.puts_per_second_first_tenth
    }
}

/// What the import of a size and its compaction took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportFigures {
    /// Until the last commit had returned.
    #[serde(flatten)]
    pub ingest: IngestFigures,
    /// Bytes in the folder of the database then.
    pub bytes_before_compaction: u64,
    /// How long compaction took.
    pub compact_seconds: f64,
    /// The peak of resident memory when it was done.
    pub peak_memory_bytes_after_compaction: Option<u64>,
    /// How long the clean close took.
    pub close_seconds: f64,
}

/// Imports the stream into a new database in `dir`, compacts and closes it.
pub fn import(positions: &Positions, dir: &Path) -> Result<ImportFigures> {
    let database = Database::open(dir, Options::default())?;
    database.create_table(table_spec())?;
    let ingest = ingest(positions, &database)?;
    let bytes_before_compaction = folder_bytes(dir)?;
    let start = Instant::now();
    database.compact(&mut |step| eprintln!("  compact: {step}"))?;
    let compact_seconds = start.elapsed().as_secs_f64();
    let peak_memory_after = peak_memory_bytes();
    let start = Instant::now();
    database.close()?;
    let close_seconds = start.elapsed().as_secs_f64();
    Ok(ImportFigures {
        ingest,
        bytes_before_compaction,
        compact_seconds,
        peak_memory_bytes_after_compaction: peak_memory_after,
        close_seconds,
    })
}

/// Imports the stream into a new database in `dir`, and no more.
pub fn import_again(positions: &Positions, dir: &Path) -> Result<IngestFigures> {
    let database = Database::open(dir, Options::default())?;
    database.create_table(table_spec())?;
    let figures = ingest(positions, &database)?;
    database.close()?;
    Ok(figures)
}

fn ingest(positions: &Positions, database: &Database) -> Result<IngestFigures> {
    let (commits, generate, marks) = commit_all(positions, database)?;
    let rate = |mark: &Mark| f64::from(mark.put_count) / mark.duration.as_secs_f64();
    Ok(IngestFigures {
        seconds: marks.whole.duration.as_secs_f64(),
        generate_seconds: generate.as_secs_f64(),
        puts_per_second: rate(&marks.whole),
        puts_per_second_first_tenth: rate(&marks.first_tenth),
        puts_per_second_last_tenth: rate(&marks.last_tenth),
        commit_us_p50: micros(commits.median()),
        commit_us_p99: micros(commits.quantile(0.99)),
        commit_us_max: micros(commits.quantile(1.0)),
        peak_memory_bytes: peak_memory_bytes(),
    })
}

/// A stretch of the import.
struct Mark {
    put_count: u32,
    duration: Duration,
}

struct Marks {
    whole: Mark,
    first_tenth: Mark,
    last_tenth: Mark,
}

/// Commits every transaction; returns how long each commit took, how long the making of rows took,
/// and the marks.
fn commit_all(positions: &Positions, database: &Database) -> Result<(Durations, Duration, Marks)> {
    let transaction_count = positions.size().transaction_count();
    let tenth = (transaction_count / 10).max(1);
    let mut commits = Vec::with_capacity(transaction_count as usize);
    // When each tenth began, counted in transactions: the first tenth ends at `tenth`, the last
    // begins at `last`.
    let last = transaction_count - tenth;
    let (mut first_end, mut last_start) = (Duration::ZERO, Duration::ZERO);
    let mut generate = Duration::ZERO;
    let start = Instant::now();
    for number in 0..transaction_count {
        if number == last {
            last_start = start.elapsed();
        }
        let making = Instant::now();
        let rows = transaction(positions, number)?;
        let system_time = SystemTime::from_micros(positions.system_time(number));
        generate += making.elapsed();
        let committing = Instant::now();
        let mut transaction = database.begin();
        transaction.put(TABLE, &rows)?;
        transaction.system_time(system_time);
        let commit = transaction.commit()?;
        commits.push(committing.elapsed());
        if commit.system_time != system_time {
            return Err(Failure::new(format!(
                "transaction {number} was committed at {}, not at its own {system_time}",
                commit.system_time
            )));
        }
        if number + 1 == tenth {
            first_end = start.elapsed();
        }
    }
    let whole = start.elapsed();
    let put_count = positions.size().put_count();
    let first_put_count = positions.size().positions_of(tenth - 1).end;
    let last_put_count = put_count - positions.size().positions_of(last).start;
    let marks = Marks {
        whole: Mark { put_count, duration: whole },
        first_tenth: Mark { put_count: first_put_count, duration: first_end },
        last_tenth: Mark { put_count: last_put_count, duration: whole - last_start },
    };
    Ok((Durations::new(commits), generate, marks))
}
