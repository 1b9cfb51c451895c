//! Loading the workload "SH1": a transaction for each epoch, each durable before the next begins,
//! then compaction.

use std::path::Path;
use std::time::Instant;

use annals_engine::{Database, Options};
use serde::{Deserialize, Serialize};

use super::machine::folder_bytes;
use crate::failure::{Failure, Result};
use crate::workload::sh1::{Stream, Table, epoch_rows, epoch_time, table_spec};

/// What loading took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadFigures {
    /// How many transactions there were.
    pub transaction_count: u64,
    /// How many rows were put.
    pub put_count: u64,
    /// How many rows were deleted.
    pub delete_count: u64,
    /// From the first table to the return of the last commit, the making of batches included.
    pub seconds: f64,
    /// How long compaction took.
    pub compact_seconds: f64,
    /// How long the clean close took.
    pub close_seconds: f64,
    /// Bytes in the folder of the database before compaction: the log, for the most part.
    pub bytes_before_compaction: u64,
    /// Bytes in it after the close.
    pub bytes: u64,
}

/// Loads the stream into a new database in `dir`, compacts and closes it.
pub fn load(stream: &Stream, dir: &Path) -> Result<LoadFigures> {
    let mut counts = Counts::default();
    let start = Instant::now();
    let database = Database::open(dir, Options::default())?;
    for table in Table::ALL {
        database.create_table(table_spec(table))?;
    }
    for (epoch, assertions) in (0..).zip(stream.epochs()) {
        let mut transaction = database.begin();
        for rows in epoch_rows(assertions)? {
            transaction.put(rows.table.name(), &rows.puts)?;
            transaction.delete(rows.table.name(), &rows.deletes)?;
            counts.puts += rows.puts.num_rows() as u64;
            counts.deletes += rows.deletes.num_rows() as u64;
        }
        let system_time = epoch_time(epoch);
        transaction.system_time(system_time);
        let commit = transaction.commit()?;
        if commit.system_time != system_time {
            return Err(Failure::new(format!(
                "epoch {epoch} was committed at {}, not at its own {system_time}",
                commit.system_time
            )));
        }
        counts.transactions += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    let bytes_before_compaction = folder_bytes(dir)?;
    let start = Instant::now();
    database.compact(&mut |step| eprintln!("  compact: {step}"))?;
    let compact_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    database.close()?;
    Ok(LoadFigures {
        transaction_count: counts.transactions,
        put_count: counts.puts,
        delete_count: counts.deletes,
        seconds,
        compact_seconds,
        close_seconds: start.elapsed().as_secs_f64(),
        bytes_before_compaction,
        bytes: folder_bytes(dir)?,
    })
}

#[derive(Default)]
struct Counts {
    transactions: u64,
    puts: u64,
    deletes: u64,
}
