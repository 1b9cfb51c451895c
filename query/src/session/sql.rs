//! A database that speaks SQL: what all sessions share.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use annals_engine::Database;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::prelude::SessionConfig;

use super::folders::Folders;
use super::texts::Texts;
use super::{Prepared, Session};
use crate::catalog::{self, StatementRecord};
use crate::error::{Error, Result};
use crate::functions;
use crate::parse::parse;
use crate::plan::Uuids;

/// A database that speaks SQL. Cloning is cheap; all clones share the memory that queries may take.
#[derive(Clone)]
pub struct Sql {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    state: Arc<SessionState>,
    /// The same for queries that one thread does best.
    serial_state: Arc<SessionState>,
    /// The memory of what functions make. Operators hold and count some of it too: it is apart, so that no operator has to spill
    /// because of what it holds anyway.
    made: Arc<dyn MemoryPool>,
    texts: Texts,
    folders: Folders,
    /// Changes that read before they write follow one another; see `Session`.
    writer: tokio::sync::Mutex<()>,
}

/// What bounds queries.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    memory_bytes_max: usize,
    thread_count: usize,
    spill_dir: Option<PathBuf>,
    folders: Folders,
}

impl Default for SqlOptions {
    fn default() -> SqlOptions {
        let thread_count = std::thread::available_parallelism().map_or(1, usize::from);
        let folders = Folders::default();
        SqlOptions { memory_bytes_max: 1 << 30, thread_count, spill_dir: None, folders }
    }
}

impl SqlOptions {
    /// The most bytes that all queries together may hold for sorts, joins and aggregates; beyond that they spill to disk, or
    /// fail with the kind `Exhausted`. As much again they may hold of what functions make. 1 GiB unless told otherwise.
    pub fn memory_bytes_max(mut self, bytes: usize) -> SqlOptions {
        self.memory_bytes_max = bytes;
        self
    }

    /// How many threads one query may keep busy; the number of processors unless told otherwise.
    pub fn thread_count(mut self, count: usize) -> SqlOptions {
        self.thread_count = count.max(1);
        self
    }

    /// Where queries spill; the system's folder for temporary files unless told otherwise.
    pub fn spill_dir(mut self, dir: impl Into<PathBuf>) -> SqlOptions {
        self.spill_dir = Some(dir.into());
        self
    }

    /// The only folder below which statements may put partitions and from where they may take them; any folder that the process
    /// may write to unless told otherwise. It must be there when a statement names one.
    pub fn archive_root(mut self, dir: impl Into<PathBuf>) -> SqlOptions {
        self.folders.root = Some(dir.into());
        self
    }
}

impl Sql {
    /// Gives a database the language.
    pub fn new(database: Database, options: SqlOptions) -> Result<Sql> {
        let disk = match &options.spill_dir {
            Some(dir) => DiskManagerMode::Directories(vec![dir.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        // Who starts a server is told which folder it is; errors of queries name none.
        let of_folder = |error: Error| match &options.spill_dir {
            Some(dir) => {
                Error::new(error.kind(), format!("folder {}: {}", dir.display(), error.message()))
            }
            None => error,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes_max)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(disk))
            .build_arc()
            .map_err(|error| of_folder(error.into()))?;
        let config = SessionConfig::new()
            .with_target_partitions(options.thread_count)
            .with_information_schema(false)
            .set_bool("datafusion.sql_parser.collect_spans", true)
            .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
            .set_bool("datafusion.explain.logical_plan_only", false);
        let mut state = SessionStateBuilder::new()
            .with_default_features()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_query_planner(functions::query_planner())
            .build();
        functions::register(&mut state)?;
        state.register_expr_planner(Arc::new(Uuids))?;
        let mut serial_state = state.clone();
        serial_state.config_mut().options_mut().execution.target_partitions = 1;
        let shared = Shared {
            database,
            state: Arc::new(state),
            serial_state: Arc::new(serial_state),
            made: Arc::new(GreedyMemoryPool::new(options.memory_bytes_max)),
            texts: Texts::new(),
            folders: options.folders,
            writer: tokio::sync::Mutex::new(()),
        };
        Ok(Sql { shared: Arc::new(shared) })
    }

    /// A folder for a partition, absolute; an error (`Invalid`) if it does not lie below [`SqlOptions::archive_root`].
    pub fn archive_dir(&self, dir: &str) -> Result<PathBuf> {
        self.shared.folders.absolute(dir)
    }

    pub(super) fn folders(&self) -> &Folders {
        &self.shared.folders
    }

    /// A new session.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// The database underneath.
    pub fn database(&self) -> &Database {
        &self.shared.database
    }

    /// Makes the event table `annals.statements`, which statements are recorded in, if it is not there; durable when it returns.
    ///
    /// Who will record statements calls it first, so that the table can be asked for before there is a record in it. Errors are those of
    /// making a table, and `Conflict` if a table of this name was made with other columns by somebody else.
    pub fn prepare_statements(&self) -> Result<()> {
        catalog::prepare_statements(&self.shared.database)
    }

    /// Puts statements on record, all of them or none, for `annals.audit` to show; durable when it returns, as far as the database's
    /// sync mode says. Blocks until then.
    ///
    /// They are rows of `annals.statements`, which is made if it is not there. Errors are those of a commit, and of
    /// [`Sql::prepare_statements`].
    pub fn record_statements(&self, records: &[StatementRecord]) -> Result<()> {
        catalog::record(&self.shared.database, records)
    }

    pub(crate) fn state(&self) -> &Arc<SessionState> {
        &self.shared.state
    }

    pub(super) fn serial_state(&self) -> &Arc<SessionState> {
        &self.shared.serial_state
    }

    /// The memory of what functions make, that all statements share.
    pub(super) fn made(&self) -> &Arc<dyn MemoryPool> {
        &self.shared.made
    }

    pub(super) async fn write_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.shared.writer.lock().await
    }

    /// Lets go of the texts that were read: they have values in them, perhaps erased ones.
    pub(super) fn forget_texts(&self) {
        self.shared.texts.forget();
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<Vec<Prepared>> {
        if let Some(known) = self.shared.texts.get(sql) {
            return Ok(known);
        }
        let parsed = on_deep_stack(|| parse(sql))?;
        let prepared: Vec<Prepared> =
            parsed.into_iter().map(|parsed| Prepared { parsed: Arc::new(parsed) }).collect();
        self.shared.texts.keep(sql, &prepared);
        Ok(prepared)
    }
}

/// Runs a walk over a tree of syntax on a stack that its bounded depth cannot exhaust.
pub(crate) fn on_deep_stack<T>(walk: impl FnOnce() -> T) -> T {
    const RED_ZONE_BYTES: usize = 4 << 20;
    const STACK_BYTES: usize = 32 << 20;
    stacker::maybe_grow(RED_ZONE_BYTES, STACK_BYTES, walk)
}

/// The same for what waits in between: also planning, and the freeing of plans, walk trees.
pub(crate) async fn polled_on_deep_stack<F: Future>(work: F) -> F::Output {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| on_deep_stack(|| work.as_mut().poll(context))).await
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql").field("database", &self.shared.database).finish_non_exhaustive()
    }
}
