//! What is told of a run of "SH1".

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::measure::{LoadFigures, Machine};

const MB: f64 = 1e6;

/// One run: a line of `bench/records/sh1.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sh1Record {
    /// The name of the workload.
    pub workload: String,
    /// When the run began, in UTC.
    pub began_at: String,
    /// What it ran on.
    pub machine: Machine,
    /// The size.
    pub tier: String,
    /// The digest of the data, which is the published one.
    pub stream_sha256: String,
    /// How long the drawing of the data took; no part of any other figure.
    pub generate_seconds: f64,
    /// The load.
    pub load: LoadFigures,
}

/// The figures, a line for each thing measured.
pub fn sh1_lines(record: &Sh1Record) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_record(&mut text, record);
    text
}

fn write_record(text: &mut String, record: &Sh1Record) -> std::fmt::Result {
    let load = &record.load;
    writeln!(
        text,
        "  stream   {} puts, {} deletes; SHA-256 {}  ok",
        load.put_count, load.delete_count, record.stream_sha256
    )?;
    writeln!(
        text,
        "  load     {:.3} s, {} durable transactions (and {:.2} s to draw the data)",
        load.seconds, load.transaction_count, record.generate_seconds
    )?;
    writeln!(text, "  compact  {:.3} s; close {:.3} s", load.compact_seconds, load.close_seconds)?;
    writeln!(
        text,
        "  bytes    {:.1} MB ({:.1} MB before compaction)",
        load.bytes as f64 / MB,
        load.bytes_before_compaction as f64 / MB
    )
}
