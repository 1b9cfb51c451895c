//! Statements on record: gathered from all requests, written by one task, some hundred at a time.
//!
//! A record is durable at most 100 ms after its statement ended, and when the server ends in good order. Who writes more statements
//! than can be kept waits. What cannot be written (writes have stopped, say) is told in the log.

use std::time::Duration;

use annals_engine::ErrorKind;
use annals_query::{Sql, StatementRecord};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::error;

use super::problem::{Code, Problem};
use crate::error::Result;

/// So many records wait to be written.
const WAITING_COUNT_MAX: usize = 8_192;
/// So many are written at once, at most.
const WRITTEN_COUNT_MAX: usize = 4_096;
/// How old the first of them may be before it is written.
const AGE_MAX: Duration = Duration::from_millis(100);

/// Where records go.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    sender: Option<Sender<StatementRecord>>,
}

/// Begins to write what is put on record; the handle ends when nobody can put anything on record any more.
///
/// An error if the table that records go to cannot be made: a server that is told to put statements on record does not run without.
pub(crate) async fn start(sql: Sql) -> Result<(Audit, JoinHandle<()>)> {
    let preparing = sql.clone();
    let prepared = tokio::task::spawn_blocking(move || preparing.prepare_statements()).await;
    prepared.map_err(std::io::Error::from)??;
    let (sender, receiver) = mpsc::channel(WAITING_COUNT_MAX);
    Ok((Audit { sender: Some(sender) }, tokio::spawn(write_all(sql, receiver))))
}

impl Audit {
    /// Keeps nothing.
    pub(crate) fn nothing() -> Audit {
        Audit { sender: None }
    }

    /// Puts a statement on record, from wherever it ended.
    pub(crate) fn put(&self, record: StatementRecord) {
        let Some(sender) = &self.sender else { return };
        if let Err(mpsc::error::TrySendError::Full(record)) = sender.try_send(record) {
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(record).await });
        }
    }

    /// Waits until there is room for another record, but not for ever.
    pub(crate) async fn room(&self, deadline: Instant) -> Result<(), Problem> {
        let Some(sender) = &self.sender else { return Ok(()) };
        match timeout_at(deadline, sender.reserve()).await {
            // A task that is gone takes none; `put` says the same.
            Ok(_) => Ok(()),
            Err(_) => {
                let detail = "statements cannot be put on record as fast as they come";
                Err(Problem::new(Code::Overloaded, detail))
            }
        }
    }
}

async fn write_all(sql: Sql, mut receiver: Receiver<StatementRecord>) {
    let mut records = Vec::new();
    while receiver.recv_many(&mut records, WRITTEN_COUNT_MAX).await > 0 {
        if records.len() < WRITTEN_COUNT_MAX {
            tokio::time::sleep(AGE_MAX).await;
            while records.len() < WRITTEN_COUNT_MAX {
                match receiver.try_recv() {
                    Ok(record) => records.push(record),
                    Err(_) => break,
                }
            }
        }
        let (sql, batch) = (sql.clone(), std::mem::take(&mut records));
        let count = batch.len();
        let written = tokio::task::spawn_blocking(move || write(&sql, &batch)).await;
        if let Err(failure) = written {
            error!(%failure, count, "statements could not be put on record");
        }
    }
}

/// Writes records, one by one if they cannot be written together: what is wrong with one must not take the others with it.
fn write(sql: &Sql, batch: &[StatementRecord]) {
    let Err(failure) = sql.record_statements(batch) else { return };
    if failure.kind() == ErrorKind::Halted || batch.len() < 2 {
        error!(%failure, count = batch.len(), "statements could not be put on record");
        return;
    }
    for record in batch {
        if let Err(failure) = sql.record_statements(std::slice::from_ref(record)) {
            error!(%failure, request_id = record.request_id, "a statement could not be put on record");
        }
    }
}
