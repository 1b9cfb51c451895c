//! What is told of a run of "SH1".

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::measure::{LoadFigures, Machine, QuestionFigures};

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
    /// The twelve questions, every answer the published one.
    pub questions: Vec<QuestionFigures>,
}

/// What others need for the tier t100k on two cores: load in seconds, the twelve questions in milliseconds.
const OTHERS: &[(&str, &str, &str)] = &[
    ("MariaDB 10.11, native bitemporal", "21.1 s", "8,300 ms"),
    ("DuckDB 2.0.0 over rectangles resolved beforehand", "-", "560 ms"),
    ("the same, Q6 and Q11 rewritten by an expert", "-", "240 ms"),
];

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
    )?;
    writeln!(text, "  question      rows   median ms     best ms    first ms")?;
    for question in &record.questions {
        let QuestionFigures { name, row_count, first_ms, best_ms, median_ms, .. } = question;
        writeln!(
            text,
            "  {name:<9}{row_count:>9}{median_ms:>12.3}{best_ms:>12.3}{first_ms:>12.3}  ok"
        )?;
    }
    let sum = |of: fn(&QuestionFigures) -> f64| record.questions.iter().map(of).sum::<f64>();
    let (median, best, first) = (sum(|q| q.median_ms), sum(|q| q.best_ms), sum(|q| q.first_ms));
    writeln!(text, "  twelve            {median:>12.3}{best:>12.3}{first:>12.3}")?;
    writeln!(text, "  for comparison, t100k on two cores:")?;
    OTHERS.iter().try_for_each(|(system, load, twelve)| {
        writeln!(text, "    {system}: load {load}, twelve {twelve}")
    })
}
