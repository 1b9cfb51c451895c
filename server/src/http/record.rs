//! One statement on its way into the record: who ran it, what it read and wrote, how it ended.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use annals_engine::{Clock, SystemClock, SystemTime};
use annals_query::{Access, Prepared, StatementRecord};

use super::answer::Ending;
use super::gate::Permit;
use super::observe::RequestId;
use super::problem::{Code, Problem};
use super::state::App;
use super::statements::Refused;
use crate::auth::Identity;
use crate::config::AuditedStatements;

/// Puts the statements of one request on record.
pub(crate) struct Recorder {
    app: Arc<App>,
    by: String,
    request_id: Arc<str>,
    cause: Cause,
}

/// Why statements of a request are dropped before they end, if not because their client went away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cause(Arc<OnceLock<Code>>);

impl Cause {
    /// From now on it is this.
    pub(crate) fn set(&self, code: Code) {
        // The first cause is the one.
        let _ = self.0.set(code);
    }
}

/// A statement that runs. Dropping it without [`Record::end`] says that it was cancelled.
pub(crate) struct Record {
    app: Arc<App>,
    started: Instant,
    /// Nothing once it is on record, or if it is not to be.
    record: Option<StatementRecord>,
    cause: Cause,
    has_ended: bool,
}

impl Recorder {
    /// Of what `identity` asks in the request.
    pub(crate) fn new(app: &Arc<App>, identity: &Identity, id: &RequestId) -> Recorder {
        let (by, request_id) = (identity.name.to_string(), id.0.clone());
        Recorder { app: app.clone(), by, request_id, cause: Cause::default() }
    }

    /// Where to say why its statements are dropped.
    pub(crate) fn cause(&self) -> Cause {
        self.cause.clone()
    }

    /// A statement begins.
    pub(crate) fn begin(&self, prepared: &Prepared) -> Record {
        self.begin_text(prepared.access(), || prepared.redacted().to_string())
    }

    /// Something begins that is not a statement, but does what one could do.
    pub(crate) fn begin_text(&self, access: Access, text: impl FnOnce() -> String) -> Record {
        let is_kept = match self.app.config.audit.statements {
            AuditedStatements::All => true,
            AuditedStatements::Changes => access != Access::Read,
            AuditedStatements::None => false,
        };
        let record = is_kept.then(|| StatementRecord {
            at: SystemClock.now(),
            by: self.by.clone(),
            request_id: self.request_id.to_string(),
            statement: text(),
            read_at: None,
            committed_at: None,
            row_count: 0,
            outcome: String::new(),
            duration_us: 0,
        });
        let (app, cause) = (self.app.clone(), self.cause.clone());
        Record { app, started: Instant::now(), record, cause, has_ended: false }
    }

    /// Statements that are not run are on record all the same: what they asked for, and why not.
    pub(crate) fn refused(&self, sql: &str, refused: Refused) -> Problem {
        let record = self.begin_text(refused.access, || annals_query::redact(sql));
        record.end(Some(refused.problem.code));
        refused.problem
    }
}

impl Record {
    /// How many rows it gave or changed so far, and the instant it reads at.
    pub(crate) fn read(&mut self, row_count: u64, read_at: Option<SystemTime>) {
        if let Some(record) = &mut self.record {
            record.row_count = row_count;
            record.read_at = read_at;
        }
    }

    /// The system time of its transaction.
    pub(crate) fn committed_at(&mut self, at: Option<SystemTime>) {
        if let Some(record) = &mut self.record {
            record.committed_at = at;
        }
    }

    /// It has ended, well or with a problem.
    pub(crate) fn end(mut self, code: Option<Code>) {
        self.put(code.map_or("ok", Code::text));
    }

    fn put(&mut self, outcome: &str) {
        self.has_ended = true;
        let Some(mut record) = self.record.take() else { return };
        outcome.clone_into(&mut record.outcome);
        record.duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.app.audit.put(record);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.has_ended {
            let is_defect = std::thread::panicking().then_some(Code::Internal);
            let cause = is_defect.or(self.cause.0.get().copied());
            if cause.is_none() {
                self.app.metrics.cancelled.inc();
            }
            self.put(cause.map_or("cancelled", Code::text));
        }
    }
}

/// A query whose rows are on their way: it holds its place until they have ended.
pub(crate) struct RunningQuery {
    /// The server.
    pub(crate) app: Arc<App>,
    /// Its record, where it is kept.
    pub(crate) record: Option<Record>,
    /// Its place among those that run.
    pub(crate) permit: Permit,
}

impl Ending for RunningQuery {
    fn end(self: Box<Self>, row_count: u64, problem: Option<&Problem>) {
        self.app.metrics.rows_sent.inc_by(row_count);
        if let Some(mut record) = self.record {
            if let Some(record) = &mut record.record {
                record.row_count = row_count;
            }
            record.end(problem.map(|problem| problem.code));
        }
        drop(self.permit);
    }
}
