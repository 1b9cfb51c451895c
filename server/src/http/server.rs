//! A server from its start to its end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use annals_engine::Database;
use annals_query::{Sql, SqlOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::audit::{self, Audit};
use super::state::App;
use super::{connection, open_files, router};
use crate::auth::Access;
use crate::config::{AuditedStatements, Config};
use crate::error::{Failure, Result};

/// What expressions may take that nest as deeply as the parser allows; with less, each statement would be given a stack of its own.
const STACK_BYTES: usize = 16 << 20;

/// Serves the database in `dir`, which is made on first use, until the process is told to end. Then everything that was acknowledged
/// is durable and the database is closed.
pub(crate) fn serve(config: Config, dir: &Path) -> Result<()> {
    let access = Access::open(&config)?;
    let database = Database::open(dir, config.engine.options())?;
    tell_recovery(&database);
    let options = SqlOptions::default().memory_bytes_max(config.limits.memory_bytes_max);
    let options = match &config.ingest.spool_dir {
        Some(dir) => options.spill_dir(dir),
        None => options,
    };
    let options = match &config.server.archive_root {
        Some(dir) => options.archive_root(dir),
        None => options,
    };
    let sql = Sql::new(database.clone(), options)?;
    // Some of what a query computes lets go of its thread late. Others must be left for those who only ask whether the server lives.
    let processor_count = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().thread_stack_size(STACK_BYTES).worker_threads(2 * processor_count + 2);
    let runtime = builder.build()?;
    let served = runtime.block_on(run(config, access, sql));
    // What still runs on threads of its own is short: a commit, a change of a partition.
    drop(runtime);
    served?;
    database.close()?;
    info!("ended");
    Ok(())
}

async fn run(config: Config, access: Access, sql: Sql) -> Result<()> {
    let end = told_to_end()?;
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::from(error).context(format!("cannot listen on {listen}")))?;
    let (audit, writer) = match config.audit.statements {
        AuditedStatements::None => (Audit::nothing(), None),
        _ => {
            let (audit, writer) = audit::start(sql.clone()).await?;
            (audit, Some(writer))
        }
    };
    open_files::check(config.limits.connection_count_max);
    tell_start(&config, &access, listener.local_addr()?);
    let app = Arc::new(App::new(sql, config, access.tokens, audit));
    let router = router::routes(app.clone());
    let tls = access.tls.map(TlsAcceptor::from);
    connection::serve(app.clone(), router, listener, tls, end).await;
    // With the last of those who put statements on record the writer ends, once it has written them.
    drop(app);
    if let Some(writer) = writer
        && let Err(error) = writer.await
    {
        warn!(%error, "the last statements may not be on record");
    }
    Ok(())
}

/// The line that scripts wait for: the address, which the system may have chosen.
fn tell_start(config: &Config, access: &Access, at: SocketAddr) {
    let scheme = if access.tls.is_some() { "https" } else { "http" };
    info!(address = %at, "listening on {scheme}://{at}");
    if !access.tokens.is_required() {
        let file = config.server.tokens_file.display();
        info!(tokens_file = %file, "no tokens: whoever reaches the server may do everything");
    } else if access.tls.is_none() && !at.ip().is_loopback() {
        warn!("tokens and answers can be read on their way: there is no TLS");
    }
}

fn told_to_end() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

fn tell_recovery(database: &Database) {
    let report = database.recovery();
    for cut in &report.cuts {
        warn!(%cut, "recovery cut the end of the log");
    }
    for file in &report.removed_files {
        warn!(%file, "recovery removed an unfinished file");
    }
}
