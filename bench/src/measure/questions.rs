//! The questions of the workload "SH1" as temporal SQL: one file each in
//! `bench/src/workload/sh1/queries`, asked of a database just opened and then again and again.

use std::path::Path;
use std::time::{Duration, Instant};

use annals_engine::{Database, Options};
use annals_query::{Session, Sql, SqlOptions};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use serde::{Deserialize, Serialize};

use super::durations::{Durations, millis};
use crate::failure::{Failure, Result};
use crate::workload::sh1::{Answer, QUESTION_COUNT, Tier};

/// How often a question is asked after the first time.
const REPEAT_COUNT: usize = 9;

macro_rules! queries {
    ($($name:literal),+) => {
        [$(include_str!(concat!("../workload/sh1/queries/", $name, ".sql"))),+]
    };
}

/// Q1 to Q12.
const SH1_QUERIES: [&str; QUESTION_COUNT] =
    queries!["q01", "q02", "q03", "q04", "q05", "q06", "q07", "q08", "q09", "q10", "q11", "q12"];

/// What a question took, from its text to the last batch of its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuestionFigures {
    /// Q1 to Q12.
    pub name: String,
    /// The rows of the answer.
    pub row_count: u64,
    /// The digest of the answer.
    pub sha256: String,
    /// The first time after opening, in milliseconds.
    pub first_ms: f64,
    /// The best of the times after that.
    pub best_ms: f64,
    /// Their median.
    pub median_ms: f64,
}

/// Asks all questions of the database in `dir`; an error if an answer is not the truth.
pub fn questions(dir: &Path, tier: Tier, truth: &[Answer]) -> Result<Vec<QuestionFigures>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let database = Database::open_existing(dir, Options::default())?;
    let sql = Sql::new(database.clone(), SqlOptions::default())?;
    let mut session = sql.session();
    let mut figures = Vec::with_capacity(QUESTION_COUNT);
    for (at, query) in SH1_QUERIES.iter().enumerate() {
        let name = format!("Q{}", at + 1);
        let mut measured: Vec<Duration> = Vec::with_capacity(REPEAT_COUNT + 1);
        let mut digest = String::new();
        for _ in 0..=REPEAT_COUNT {
            let start = Instant::now();
            let batches = runtime.block_on(ask(&mut session, query))?;
            measured.push(start.elapsed());
            let found = answer(&batches).map_err(|failure| failure.context(&name))?;
            if let Some(difference) = truth[at].difference(&found) {
                return Err(Failure::new(difference).context(&name));
            }
            digest = found.sha256();
        }
        let published = tier.answers_sha256()[at];
        if !digest.starts_with(published) {
            return Err(Failure::new(format!(
                "{name} of {tier} has the SHA-256 {digest}, known is {published}..."
            )));
        }
        let first = measured.remove(0);
        let durations = Durations::new(measured);
        figures.push(QuestionFigures {
            name,
            row_count: truth[at].rows.len() as u64,
            sha256: digest,
            first_ms: millis(first),
            best_ms: millis(durations.best()),
            median_ms: millis(durations.median()),
        });
    }
    drop(session);
    drop(sql);
    database.close()?;
    Ok(figures)
}

/// The one place where SQL is asked.
async fn ask(session: &mut Session, query: &str) -> Result<Vec<RecordBatch>> {
    Ok(session.collect(query).await?)
}

/// Batches of whole numbers as an answer.
fn answer(batches: &[RecordBatch]) -> Result<Answer> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Result<Vec<_>> =
            batch.columns().iter().map(|column| Ok(cast(column, &DataType::Int64)?)).collect();
        let columns = columns?;
        rows.extend((0..batch.num_rows()).map(|row| {
            columns.iter().map(|column| column.as_primitive::<Int64Type>().value(row)).collect()
        }));
    }
    Ok(Answer { rows })
}
