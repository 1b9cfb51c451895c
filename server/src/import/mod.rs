//! Imports files into a table: everything that can be checked is checked before the first row is written.
//!
//! Files are read twice: once to convert and check every row without writing, once to write. So a bad number on the last
//! line leaves the database as it was, even if a thousand transactions stand before it. Standard input can be read but
//! once; there, what is before the bad row's transaction stays, and the message says so. Memory is bounded by a chunk of
//! rows and by the engine's own bounds, whatever the size of the files.

mod arrow_types;
pub(crate) mod batch;
mod cell;
pub(crate) mod chunk;
mod convert;
mod csv;
mod infer;
mod instant;
pub(crate) mod load;
mod ndjson;
pub(crate) mod parquet;
pub(crate) mod plan;
mod source;
pub(crate) mod text;

use std::path::Path;
use std::time::Duration;

use annals_engine::{Clock, Database, Options, SyncMode, SystemClock, SystemTime, TableSchema};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use chunk::Checks;
use load::{Extent, Loader, NoRecord};
use plan::Plan;

use crate::cli::tell_recovery;
use crate::disk;
use crate::error::{Failure, Result};
pub(crate) use load::Written;
pub(crate) use plan::Request;
pub(crate) use source::Source;

/// Imports the files into the database in the folder, which is made on first use.
///
/// What was written is durable when this returns.
pub(crate) fn import(dir: &Path, request: Request, sources: &[Source]) -> Result<Written> {
    request.check()?;
    if sources.iter().filter(|source| source.is_stdin()).count() > 1 {
        return Err(Failure::usage("standard input can be named once"));
    }
    let database = open_if_there(dir)?;
    let table = database.as_ref().and_then(|database| {
        database.tables().into_iter().find(|table| table.name == request.table)
    });
    let plan = match (&table, sources.first()) {
        (Some(table), _) => Plan::existing(request, table)?,
        (None, Some(first)) => {
            let found = first.infer()?;
            Plan::new_table(request, &found).map_err(|error| first.refuse(error))?
        }
        (None, None) => return Err(Failure::usage("name a file to import")),
    };
    let table_last = match (&database, &table) {
        (Some(database), Some(table)) => last_system_time(database, table)?,
        _ => None,
    };
    let checks = || {
        let is_event = table.as_ref().map_or(plan.request.is_event, |table| table.is_event);
        Checks::new(&plan, is_event, table_last, SystemClock.now())
    };
    let progress = progress_bar(sources)?;
    progress.set_message("checking");
    let mut first_pass = checks();
    for source in sources.iter().filter(|source| !source.is_stdin()) {
        let mut chunks = source.chunks(&plan, &progress)?;
        while let Some(chunk) = chunks.next()? {
            first_pass.check(&chunk).map_err(|error| source.refuse(error))?;
        }
    }
    let database = match database {
        Some(database) => database,
        None => Database::open(dir, options())?,
    };
    progress.set_message("writing");
    let written = write(&database, &plan, sources, checks(), &progress)?;
    progress.finish_and_clear();
    database.close()?;
    Ok(written)
}

fn write(
    database: &Database,
    plan: &Plan,
    sources: &[Source],
    mut checks: Checks,
    progress: &ProgressBar,
) -> Result<Written> {
    let mut loader = Loader::new(database, plan, Extent::Chunk, NoRecord);
    for source in sources {
        let mut chunks = source.chunks(plan, progress)?;
        while let Some(chunk) = chunks.next().map_err(|error| loader.note(error))? {
            let checked = checks.check(&chunk).map_err(|error| source.refuse(error));
            checked.map_err(|error| loader.note(error))?;
            loader.feed(Some(&source.name), &chunk)?;
        }
    }
    loader.finish()
}

/// The most bytes of segments kept in memory: an import looks up keys and reads nothing else.
const CACHE_BYTES: usize = 64 << 20;

/// The bytes of a memtable of an import, which should take little memory whatever it reads.
const MEMTABLE_BYTES: usize = 64 << 20;

/// The whole import is acknowledged at its end, when the database is closed, so single transactions need not wait for the disk.
fn options() -> Options {
    let interval = SyncMode::Interval(Duration::from_millis(200));
    disk::options().sync(interval).cache_bytes(CACHE_BYTES).memtable_bytes(MEMTABLE_BYTES)
}

/// The database, if the folder holds one; nothing if there is no folder or nothing in it. So an import that fails its
/// checks does not leave an empty database behind.
fn open_if_there(dir: &Path) -> Result<Option<Database>> {
    let is_empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(Failure::from(error).context(dir.display())),
    };
    if is_empty {
        return Ok(None);
    }
    let database = Database::open(dir, options())?;
    tell_recovery(&database);
    Ok(Some(database))
}

/// The system time of the last transaction of a table, if there is one.
pub(crate) fn last_system_time(
    database: &Database,
    table: &TableSchema,
) -> Result<Option<SystemTime>> {
    let stats = database.stats()?;
    let stats = stats.tables.into_iter().find(|stats| stats.name == table.name);
    let last = stats.and_then(|stats| stats.last_system_time);
    Ok(last.map(|last| SystemTime::parse(&last)).transpose()?)
}

/// Counts bytes, each file's twice: checked, then written.
fn progress_bar(sources: &[Source]) -> Result<ProgressBar> {
    let mut bytes = 0;
    for source in sources {
        bytes += 2 * source.byte_count()?;
    }
    let style =
        "{msg:>8} [{bar:40}] {percent:>3}%  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    let style = ProgressStyle::with_template(style)
        .map_err(|error| Failure::new(error.to_string()))?
        .progress_chars("=> ");
    // Drawn on standard error, and only if that is a terminal.
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    Ok(bar.with_style(style))
}
