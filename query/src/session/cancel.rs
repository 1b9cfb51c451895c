//! Giving a statement up from outside, with certainty about what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use annals_engine::ErrorKind;

use crate::error::{Error, Result};

const RUNNING: u8 = 0;
const COMMITTING: u8 = 1;
const CANCELLED: u8 = 2;
/// A commit is being tried, and if it does not go through, nothing is tried again.
const LAST_TRY: u8 = 3;

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
        let given_up = |state| match state {
            RUNNING => Some(CANCELLED),
            COMMITTING => Some(LAST_TRY),
            _ => None,
        };
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, given_up);
        matches!(before, Ok(RUNNING) | Err(CANCELLED))
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

    /// The commit did not go through, and may be tried again, unless there was a [`CancelToken::cancel`] meanwhile.
    pub(super) fn end_commit(&self) {
        let next = |state| Some(if state == LAST_TRY { CANCELLED } else { RUNNING });
        // It always has a next state.
        let _ = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_the_commit_begins_or_the_cancelling_holds() {
        let token = CancelToken::new();
        token.begin_commit().expect("not cancelled");
        token.end_commit();
        token.begin_commit().expect("tried again");
        assert!(!token.cancel() && !token.is_cancelled());
        token.end_commit();
        assert!(token.is_cancelled() && token.cancel());
        token.begin_commit().expect_err("cancelled while it was tried");
    }
}
