//! Statements that change something: given up only as long as nothing of them is being committed.
//!
//! They run in a task of their own, so that a client that goes away while its transaction is being committed does not leave
//! anybody, the record least of all, in doubt whether it was.

use annals_query::CancelToken;
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

use super::answer::AnswerLimits;
use super::problem::{Code, Problem};
use super::record::Cause;

/// A change that runs. Dropping it gives it up, if that can still be done.
pub(crate) struct Change<T> {
    task: JoinHandle<Result<T, Problem>>,
    cancel: CancelToken,
    cause: Cause,
}

impl<T: Send + 'static> Change<T> {
    /// Begins a change that commits with this token.
    pub(crate) fn start(
        running: impl Future<Output = Result<T, Problem>> + Send + 'static,
        cancel: CancelToken,
        cause: Cause,
    ) -> Change<T> {
        Change { task: tokio::spawn(running), cancel, cause }
    }

    /// Waits for its end; a commit that has begun at the deadline is waited for.
    pub(crate) async fn end(mut self, limits: &AnswerLimits) -> Result<T, Problem> {
        let ended = match timeout_at(limits.deadline, &mut self.task).await {
            Ok(ended) => ended,
            Err(_) => {
                // It may end of itself as soon as it is cancelled.
                self.cause.set(Code::TimeLimit);
                if self.cancel.cancel() {
                    return Err(limits.too_long());
                }
                let ended = (&mut self.task).await;
                // The commit was not the last try, but there was no other.
                if self.cancel.is_cancelled() {
                    return Err(limits.too_long());
                }
                ended
            }
        };
        ended.map_err(|_| {
            Problem::new(Code::Internal, "the server failed while it ran the statements")
        })?
    }
}

impl<T> Drop for Change<T> {
    fn drop(&mut self) {
        if self.cancel.cancel() {
            self.task.abort();
        }
    }
}
