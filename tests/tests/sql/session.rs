//! A session and the runtime it needs, so that tests can be written without async.

use std::task::{Context, Poll};

use annals_engine::arrow::array::RecordBatch;
use annals_engine::{Database, Value};
use annals_query::{Outcome, Result, Session, Sql, SqlOptions};
use annals_tests::rows::{Row, all_rows};
use futures::{StreamExt, TryStreamExt};
use tokio::runtime::{Builder, Runtime};

/// One session of a database, on a runtime of its own.
pub(crate) struct Client {
    runtime: Runtime,
    sql: Sql,
    session: Session,
}

/// What a statement gave, gathered.
pub(crate) struct Gathered {
    pub(crate) outcome: Outcome,
    pub(crate) rows: Vec<Row>,
}

impl Client {
    pub(crate) fn new(database: Database) -> Client {
        Client::with(database, SqlOptions::default().thread_count(2))
    }

    pub(crate) fn with(database: Database, options: SqlOptions) -> Client {
        let sql = Sql::new(database, options).expect("a database that speaks SQL");
        Client::of(&sql)
    }

    /// Another session of the same database.
    pub(crate) fn of(sql: &Sql) -> Client {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        Client { runtime, sql: sql.clone(), session: sql.session() }
    }

    pub(crate) fn database(&self) -> &Database {
        self.sql.database()
    }

    pub(crate) fn sql(&self) -> &Sql {
        &self.sql
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Runs statements; the rows are those of the last.
    pub(crate) fn run(&mut self, sql: &str) -> Result<Gathered> {
        self.run_with(sql, &[])
    }

    pub(crate) fn run_with(&mut self, sql: &str, parameters: &[Value]) -> Result<Gathered> {
        let Client { runtime, session, .. } = self;
        runtime.block_on(async {
            let mut last = None;
            for prepared in session.prepare(sql)? {
                let mut outcome = session.execute(&prepared, parameters).await?;
                let batches: Vec<RecordBatch> = match outcome.rows.take() {
                    Some(stream) => stream.try_collect().await?,
                    None => Vec::new(),
                };
                let rows = batches.iter().flat_map(all_rows).collect();
                last = Some(Gathered { outcome, rows });
            }
            Ok(last.expect("a statement"))
        })
    }

    /// The rows of a query that must be answered.
    pub(crate) fn ask(&mut self, sql: &str) -> Vec<Row> {
        self.run(sql).unwrap_or_else(|error| panic!("{error}, of {sql}")).rows
    }

    /// Begins a query and hands it to the caller.
    pub(crate) fn stream(&mut self, sql: &str) -> Result<Outcome> {
        let Client { runtime, session, .. } = self;
        runtime.block_on(async { Ok(session.run(sql).await?.remove(0)) })
    }

    /// The next batch of a stream, `None` at its end.
    pub(crate) fn next(&self, outcome: &mut Outcome) -> Result<Option<RecordBatch>> {
        let stream = outcome.rows.as_mut().expect("a query");
        Ok(self.runtime.block_on(stream.try_next())?)
    }

    /// Whether others run on the one thread of the runtime, many times over, while a stream computes its first batch.
    pub(crate) fn gives_way(&self, outcome: &mut Outcome) -> bool {
        const OTHERS: usize = 20;
        let stream = outcome.rows.as_mut().expect("a query");
        let others = async {
            for _ in 0..OTHERS {
                tokio::task::yield_now().await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = others => true,
                _ = stream.next() => false,
            }
        })
    }

    /// Asks a stream for its first batch, and does not wait for it.
    pub(crate) fn begin(&self, outcome: &mut Outcome) {
        let stream = outcome.rows.as_mut().expect("a query");
        self.runtime.block_on(async {
            let poll =
                |context: &mut Context<'_>| Poll::Ready(stream.poll_next_unpin(context).is_ready());
            std::future::poll_fn(poll).await;
            tokio::task::yield_now().await;
        });
    }
}
