//! What is counted and measured, for Prometheus. No label holds what a user wrote: routes, codes and table names alone.

use std::fmt::Write;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use annals_engine::Stats;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of durations, in seconds: from a look-up to a long report.
const DURATIONS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
    15.0, 60.0,
];

/// Which requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    /// The route, with its parameters unfilled.
    pub(crate) route: String,
    /// GET, POST, DELETE or `other`.
    pub(crate) method: &'static str,
    /// The status of the answer.
    pub(crate) status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabels {
    table: String,
}

/// The counters of a server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    problems: Family<CodeLabels, Counter>,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Requests that take time or memory and run.
    running: Gauge,
    waiting: Gauge,
    /// Rows of answers.
    pub(crate) rows_sent: Counter,
    /// Queries that ended because their client went away.
    pub(crate) cancelled: Counter,
    /// Rows written by bulk ingest.
    pub(crate) rows_ingested: Counter,
    transactions: Gauge<u64, AtomicU64>,
    memtable_bytes: Gauge<u64, AtomicU64>,
    cache_bytes: Gauge<u64, AtomicU64>,
    table_rows: Family<TableLabels, Gauge<u64, AtomicU64>>,
    table_bytes: Family<TableLabels, Gauge<u64, AtomicU64>>,
    table_segments: Family<TableLabels, Gauge<u64, AtomicU64>>,
}

impl Metrics {
    /// Counters at zero.
    pub(crate) fn new() -> Metrics {
        let durations = || Histogram::new(DURATIONS);
        let mut metrics = Metrics {
            registry: Registry::with_prefix("annals"),
            requests: Family::default(),
            durations: Family::new_with_constructor(durations),
            problems: Family::default(),
            connections: Gauge::default(),
            running: Gauge::default(),
            waiting: Gauge::default(),
            rows_sent: Counter::default(),
            cancelled: Counter::default(),
            rows_ingested: Counter::default(),
            transactions: Gauge::default(),
            memtable_bytes: Gauge::default(),
            cache_bytes: Gauge::default(),
            table_rows: Family::default(),
            table_bytes: Family::default(),
            table_segments: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        to.register("http_requests", "Requests that were answered", self.requests.clone());
        let help = "From the head of a request to the head of its answer";
        to.register_with_unit("http_request_duration", help, Unit::Seconds, self.durations.clone());
        to.register("problems", "Answers that were problems, by their code", self.problems.clone());
        to.register("connections", "Connections that are open", self.connections.clone());
        to.register("running", "Requests that pass the gate and run", self.running.clone());
        to.register("waiting", "Requests that wait at the gate", self.waiting.clone());
        to.register("rows_sent", "Rows of answers", self.rows_sent.clone());
        let help = "Statements that ended because their client went away";
        to.register("cancelled", help, self.cancelled.clone());
        to.register("rows_ingested", "Rows of bulk ingests", self.rows_ingested.clone());
        let help = "Transactions since the database was made";
        to.register("transactions", help, self.transactions.clone());
        let help = "Memory of assertions that are not in segments yet";
        to.register_with_unit("memtable", help, Unit::Bytes, self.memtable_bytes.clone());
        let help = "Memory of decoded columns and index pages";
        to.register_with_unit("cache", help, Unit::Bytes, self.cache_bytes.clone());
        to.register("table_rows", "Rows in segments", self.table_rows.clone());
        to.register_with_unit("table", "Files of segments", Unit::Bytes, self.table_bytes.clone());
        to.register("table_segments", "Segments", self.table_segments.clone());
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, labels: RequestLabels, took: Duration) {
        let route = RouteLabels { route: labels.route.clone() };
        self.durations.get_or_create(&route).observe(took.as_secs_f64());
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts a problem.
    pub(crate) fn problem(&self, code: &'static str) {
        self.problems.get_or_create(&CodeLabels { code }).inc();
    }

    /// The text that Prometheus reads. `stats` are the engine's, where it gives some; then come those who run and wait.
    pub(crate) fn text(&self, stats: Option<&Stats>, running: usize, waiting: usize) -> String {
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        if let Some(stats) = stats {
            self.transactions.set(stats.transaction_count);
            self.memtable_bytes.set(stats.memtable_bytes);
            self.cache_bytes.set(stats.cache_bytes);
            for table in &stats.tables {
                let labels = TableLabels { table: table.name.clone() };
                let partitions = table.partitions.iter();
                let sum = |of: fn(&annals_engine::PartitionStats) -> u64| {
                    partitions.clone().map(of).sum::<u64>()
                };
                self.table_rows.get_or_create(&labels).set(sum(|p| p.row_count));
                self.table_bytes.get_or_create(&labels).set(sum(|p| p.bytes));
                self.table_segments.get_or_create(&labels).set(sum(|p| p.segment_count));
            }
        }
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // Writing to a `String` does not fail; a reader must still see that something did.
            let _ = write!(text, "# the metrics could not be written");
        }
        text
    }
}
