//! Q1 to Q4: a question about the whole table, asked of a database just opened and then again and
//! again.

use std::path::Path;
use std::time::{Duration, Instant};

use annals_engine::{
    Clause, Comparison, Database, Options, Predicate, Snapshot, SystemTime, ValidTime, Value,
};
use serde::{Deserialize, Serialize};

use super::answer::{TALLY_COLUMNS, Tally};
use super::durations::{Durations, millis};
use crate::failure::{Failure, Result};
use crate::workload::positions::account_name;
use crate::workload::{Answer, Question, TABLE};

/// How often a question is asked after the first time.
const REPEAT_COUNT: usize = 24;

/// What a question took, from the request to the last group added up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanFigures {
    /// The name of the question.
    pub name: String,
    /// How many rows were visible and counted.
    pub row_count: u64,
    /// The first time after opening, in milliseconds: nothing of the database is in the caches of
    /// the process.
    pub first_ms: f64,
    /// The best of the times after that.
    pub best_ms: f64,
    /// Their median.
    pub median_ms: f64,
    /// The best, in nanoseconds for each visible row.
    pub best_ns_per_row: f64,
    /// What the engine says it touched, the first time.
    pub metrics: String,
}

/// Asks a question of the database in `dir`; an error if an answer is not the truth.
pub fn scan(dir: &Path, question: &Question, truth: &Answer) -> Result<ScanFigures> {
    let database = Database::open_existing(dir, Options::default())?;
    let snapshot = database.snapshot()?;
    let mut measured: Vec<Duration> = Vec::with_capacity(REPEAT_COUNT);
    let mut first = None;
    for _ in 0..=REPEAT_COUNT {
        let start = Instant::now();
        let (answer, metrics) = ask(&snapshot, question)?;
        let duration = start.elapsed();
        if let Some(difference) = truth.difference(&answer) {
            return Err(Failure::new(difference).context(question.name));
        }
        match first {
            None => first = Some((duration, metrics)),
            Some(_) => measured.push(duration),
        }
    }
    database.close()?;
    let (first, metrics) = first.unwrap_or_default();
    let durations = Durations::new(measured);
    let row_count = truth.row_count();
    Ok(ScanFigures {
        name: question.name.to_owned(),
        row_count,
        first_ms: millis(first),
        best_ms: millis(durations.best()),
        median_ms: millis(durations.median()),
        best_ns_per_row: durations.best().as_secs_f64() * 1e9 / row_count.max(1) as f64,
        metrics,
    })
}

fn ask(snapshot: &Snapshot, question: &Question) -> Result<(Answer, String)> {
    let mut scan = snapshot
        .scan(TABLE)?
        .valid(Clause::AsOf(ValidTime::from_micros(question.valid)))
        .system(Clause::AsOf(SystemTime::from_micros(question.system)))
        .columns(TALLY_COLUMNS);
    if let Some(account) = question.account {
        scan = scan.filter(Predicate::Compare {
            column: "account".into(),
            op: Comparison::Eq,
            value: Value::Text(account_name(account).to_owned()),
        });
    }
    let mut rows = scan.run()?;
    let mut tally = Tally::default();
    for batch in &mut rows {
        tally.add(&batch?)?;
    }
    Ok((tally.answer(), rows.metrics().to_string()))
}
