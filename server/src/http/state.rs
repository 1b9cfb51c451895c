//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_query::Sql;

use super::audit::Audit;
use super::gate::Gate;
use super::metrics::Metrics;
use crate::auth::Tokens;
use crate::config::Config;
use crate::ingest::Ingester;

/// A server that runs.
pub(crate) struct App {
    /// The database and its language.
    pub(crate) sql: Sql,
    /// Takes rows of requests.
    pub(crate) ingester: Ingester,
    /// The settings.
    pub(crate) config: Config,
    /// Who may ask.
    pub(crate) tokens: Arc<Tokens>,
    /// How many may run at once.
    pub(crate) gate: Gate,
    /// How many may bring rows at once: those whose bodies come slowly take no place of a query.
    pub(crate) ingest_gate: Gate,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// Where statements are put on record.
    pub(crate) audit: Audit,
    is_ending: AtomicBool,
}

impl App {
    /// A server that is ready.
    pub(crate) fn new(sql: Sql, config: Config, tokens: Arc<Tokens>, audit: Audit) -> App {
        let limits = &config.limits;
        let gate = Gate::new(limits.running_count_max, limits.queue_count_max, limits.queue_ms_max);
        let ingest_gate =
            Gate::new(limits.ingest_count_max, limits.queue_count_max, limits.queue_ms_max);
        let metrics = Metrics::new();
        let ingester = Ingester::new(sql.database().clone(), config.ingest.spool_dir.clone());
        let is_ending = AtomicBool::new(false);
        App { sql, ingester, config, tokens, gate, ingest_gate, metrics, audit, is_ending }
    }

    /// From now on the server is not ready.
    pub(crate) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    /// Whether it has been told to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }
}
