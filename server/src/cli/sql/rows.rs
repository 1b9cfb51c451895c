//! The rows of an answer, computed by a task of their own.
//!
//! A plan may compute for long before it next lets go of its thread: a join can make millions of rows of one batch. Whoever waits
//! for the rows here can be interrupted at once all the same; the task ends when it next could.

use annals_engine::arrow::array::RecordBatch;
use annals_query::Error;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;

use crate::error::{Failure, Result};

/// So many batches wait to be written while the next one is computed.
const WAITING_COUNT_MAX: usize = 2;

/// The rows of an answer. Dropping it ends the task.
pub(super) struct Rows {
    batches: Receiver<Result<RecordBatch, Error>>,
    task: JoinHandle<()>,
}

impl Rows {
    /// Begins to compute.
    pub(super) fn of<S, E>(mut stream: S) -> Rows
    where
        S: Stream<Item = Result<RecordBatch, E>> + Send + Unpin + 'static,
        E: Send,
        Error: From<E>,
    {
        let (sender, batches) = mpsc::channel(WAITING_COUNT_MAX);
        let task = tokio::spawn(async move {
            while let Some(batch) = stream.next().await {
                if sender.send(batch.map_err(Error::from)).await.is_err() {
                    return;
                }
            }
        });
        Rows { batches, task }
    }

    /// The next rows; nothing at the end of the answer.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self.batches.recv().await {
            Some(batch) => Ok(Some(batch?)),
            // A task that broke off must not pass for the end of the answer.
            None => match (&mut self.task).await {
                Ok(()) => Ok(None),
                Err(error) => Err(Failure::new(format!("the query broke off: {error}"))),
            },
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.task.abort();
    }
}
