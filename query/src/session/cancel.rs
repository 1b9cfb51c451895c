//! Giving a statement up from outside, with certainty about what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use annals_engine::ErrorKind;

use crate::error::{Error, Result};

const RUNNING: u8 = 0;
const COMMITTING: u8 = 1;
const CANCELLED: u8 = 2;

/// Cancels what a session does, as long as nothing of it is being committed.
///
/// Dropping the future of a statement stops it too, but leaves open whether a commit that had begun went through. Whoever must know
/// gives the session a token ([`crate::Session::set_cancel_token`]): either [`CancelToken::cancel`] says that nothing was or will be
/// written, or the commit has begun and its end is near.
///
/// ```
/// let token = annals_query::CancelToken::new();
/// assert!(token.cancel());
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    state: Arc<AtomicU8>,
}

impl CancelToken {
    /// A token for one transaction, or one statement outside of any.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// Whether nothing was and nothing will be written: from now on every commit with this token is refused. `false` if one has
    /// begun.
    pub fn cancel(&self) -> bool {
        let (from, to) = (RUNNING, CANCELLED);
        let before = self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        matches!(before, Ok(_) | Err(CANCELLED))
    }

    /// Whether it was given up, and what still runs of it need not go on.
    pub fn is_cancelled(&self) -> bool {
        self.state.load(Ordering::Acquire) == CANCELLED
    }

    /// The error of what was given up.
    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::Unavailable, "the statement was cancelled")
    }

    /// A commit begins, unless there was a [`CancelToken::cancel`] before.
    pub(super) fn begin_commit(&self) -> Result<()> {
        let (from, to) = (RUNNING, COMMITTING);
        match self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire) {
            Err(CANCELLED) => Err(CancelToken::error()),
            _ => Ok(()),
        }
    }

    /// The commit did not go through, and may be tried again.
    pub(super) fn end_commit(&self) {
        self.state.store(RUNNING, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_the_commit_begins_or_the_cancelling_holds() {
        let token = CancelToken::new();
        token.begin_commit().expect("not cancelled");
        assert!(!token.cancel());
        token.end_commit();
        assert!(token.cancel() && token.cancel());
        token.begin_commit().expect_err("cancelled");
    }
}
