//! Every clause and every error, as query files: `tests/slt/*.slt`, one promise a file.
//!
//! Each file runs twice, against a fresh database: once with all that it puts in memory, and once flushed after every statement, with
//! the same answers (`skipif flushed` is for what tells where rows are). It sets the clock: `CLOCK 2024-06-01` stands for a statement. A query's values are
//! shown as text, NULL as `NULL`, an empty text as `(empty)`; an error is matched by a regular expression on its message, place included.

use std::path::Path;
use std::sync::Arc;

use annals_engine::{Database, ManualClock, Options, SystemTime};
use annals_query::{Session, Sql, SqlOptions};
use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

struct World {
    sql: Sql,
    is_flushed: bool,
    session: Session,
    clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
}

impl World {
    fn new(is_flushed: bool) -> Result<World, annals_query::Error> {
        let dir = tempfile::tempdir().expect("a folder for temporary files");
        let start = SystemTime::parse("2024-01-01")?;
        let clock = Arc::new(ManualClock::new(start));
        let options = Options::default().clock(clock.clone()).background(false);
        let sql = Sql::new(Database::open(dir.path(), options)?, SqlOptions::default())?;
        Ok(World { session: sql.session(), sql, is_flushed, clock, dir })
    }
}

#[async_trait::async_trait]
impl AsyncDB for World {
    type Error = annals_query::Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, annals_query::Error> {
        if let Some(instant) = sql.strip_prefix("CLOCK ") {
            self.clock.set(SystemTime::parse(instant.trim())?);
            return Ok(DBOutput::StatementComplete(0));
        }
        let mut last = DBOutput::StatementComplete(0);
        for outcome in self.session.run(sql).await? {
            last = match outcome.rows {
                Some(rows) => shown(&rows.try_collect::<Vec<_>>().await?),
                None => DBOutput::StatementComplete(outcome.row_count),
            };
        }
        if self.is_flushed {
            self.sql.database().flush()?;
        }
        Ok(last)
    }

    fn engine_name(&self) -> &str {
        "annals"
    }

    async fn shutdown(&mut self) {
        let _ = self.dir.path();
    }
}

fn shown(batches: &[RecordBatch]) -> DBOutput<DefaultColumnType> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = Vec::new();
    let count = batches.first().map_or(0, RecordBatch::num_columns);
    for batch in batches {
        let formatter =
            |array| ArrayFormatter::try_new(array, &options).expect("a type that can be shown");
        let formatters: Vec<_> =
            batch.columns().iter().map(|array| formatter(array.as_ref() as &dyn Array)).collect();
        for row in 0..batch.num_rows() {
            let value = |formatter: &ArrayFormatter<'_>| match formatter.value(row).to_string() {
                empty if empty.is_empty() => "(empty)".to_owned(),
                // A plan has several lines, and a row of a query file one.
                other => without_times(&other.replace('\n', " | ")),
            };
            rows.push(formatters.iter().map(value).collect());
        }
    }
    DBOutput::Rows { types: vec![DefaultColumnType::Any; count], rows }
}

/// Times that EXPLAIN ANALYZE measures differ from run to run: `elapsed_compute=...`.
fn without_times(text: &str) -> String {
    const NAME: &str = "elapsed_compute=";
    let mut parts = text.split(NAME);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([',', ']']).unwrap_or(part.len());
        shown.push_str(NAME);
        shown.push_str("...");
        shown.push_str(&part[end..]);
    }
    shown
}

#[test]
fn query_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the query files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let wanted = std::env::var("SLT").ok();
    let is_wanted =
        |file: &Path| wanted.as_ref().is_none_or(|wanted| file.to_string_lossy().contains(wanted));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut failures = Vec::new();
    for file in files.iter().filter(|file| is_wanted(file)) {
        for is_flushed in [false, true] {
            failures.extend(runtime.block_on(failures_of(file, is_flushed)));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n\n"));
}

/// Runs a file to its end, so that all that is wrong in it is seen at once.
async fn failures_of(file: &Path, is_flushed: bool) -> Vec<String> {
    let records = sqllogictest::parse_file::<DefaultColumnType>(file).expect("a query file");
    let mut runner = Runner::new(|| async { World::new(is_flushed) });
    let state = if is_flushed { "flushed" } else { "in memory" };
    runner.add_label(state);
    let mut failures = Vec::new();
    for record in records {
        if let Err(error) = runner.run_async(record).await {
            failures.push(format!("{} ({state})", error.display(false)));
        }
    }
    failures
}
