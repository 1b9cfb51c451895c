//! One statement on its way into the record: who ran it, what it read and wrote, how it ended.

use std::sync::Arc;
use std::time::Instant;

use annals_engine::{Clock, SystemClock, SystemTime};
use annals_query::{Access, Prepared, StatementRecord};

use super::answer::Ending;
use super::gate::Permit;
use super::observe::RequestId;
use super::problem::{Code, Problem};
use super::state::App;
use crate::auth::Identity;
use crate::config::AuditedStatements;

/// Puts the statements of one request on record.
pub(crate) struct Recorder {
    app: Arc<App>,
    by: String,
    request_id: Arc<str>,
}

/// A statement that runs. Dropping it without [`Record::end`] says that it was cancelled.
pub(crate) struct Record {
    app: Arc<App>,
    started: Instant,
    /// Nothing once it is on record, or if it is not to be.
    record: Option<StatementRecord>,
    has_ended: bool,
}

impl Recorder {
    /// Of what `identity` asks in the request.
    pub(crate) fn new(app: &Arc<App>, identity: &Identity, id: &RequestId) -> Recorder {
        Recorder { app: app.clone(), by: identity.name.to_string(), request_id: id.0.clone() }
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
        Record { app: self.app.clone(), started: Instant::now(), record, has_ended: false }
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
            self.app.metrics.cancelled.inc();
            self.put("cancelled");
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
