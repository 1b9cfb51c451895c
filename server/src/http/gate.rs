//! How many requests run at once, and how many wait for their turn.
//!
//! A request that cannot run at once waits, with at most so many others and for at most so long; more are refused at once, so that
//! a burst costs those who come too late an answer of a few bytes instead of everybody's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::{Code, Problem};

/// The gate in front of everything that takes time or memory.
#[derive(Debug)]
pub(crate) struct Gate {
    free: Arc<Semaphore>,
    running_count_max: usize,
    waiting_count: AtomicUsize,
    queue_count_max: usize,
    queue_ms_max: u64,
}

/// The right to run; dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Permit {
    _slot: OwnedSemaphorePermit,
}

/// Counts a request that waits, as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    /// Lets `running_count_max` run, and `queue_count_max` wait for `queue_ms_max` at most.
    pub(crate) fn new(running_count_max: usize, queue_count_max: usize, queue_ms_max: u64) -> Gate {
        Gate {
            free: Arc::new(Semaphore::new(running_count_max)),
            running_count_max,
            waiting_count: AtomicUsize::new(0),
            queue_count_max,
            queue_ms_max,
        }
    }

    /// Waits for a turn. Those who wait are let in as they came.
    pub(crate) async fn enter(&self) -> Result<Permit, Problem> {
        if let Ok(slot) = self.free.clone().try_acquire_owned() {
            return Ok(Permit { _slot: slot });
        }
        let before = self.waiting_count.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting_count);
        if before >= self.queue_count_max {
            let detail =
                format!("{} requests are running and {before} are waiting", self.running_count_max);
            return Err(Problem::new(Code::Overloaded, detail));
        }
        let limit = Duration::from_millis(self.queue_ms_max);
        match tokio::time::timeout(limit, self.free.clone().acquire_owned()).await {
            Ok(Ok(slot)) => Ok(Permit { _slot: slot }),
            Ok(Err(_)) => Err(Problem::new(Code::Unavailable, "the server is ending")),
            Err(_) => {
                let detail = format!("the request waited for {} ms", self.queue_ms_max);
                Err(Problem::new(Code::QueueTimeout, detail))
            }
        }
    }

    /// How many run now.
    pub(crate) fn running_count(&self) -> usize {
        self.running_count_max - self.free.available_permits()
    }

    /// How many wait now.
    pub(crate) fn waiting_count(&self) -> usize {
        self.waiting_count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: Code, entered: Result<Permit, Problem>) {
        assert_eq!(entered.expect_err("no turn").code, code);
    }

    #[tokio::test]
    async fn who_comes_when_as_many_wait_as_may_is_refused() {
        let gate = Gate::new(1, 1, 1_000);
        let running = gate.enter().await.expect("free");
        let mut second = Box::pin(gate.enter());
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!((gate.running_count(), gate.waiting_count()), (1, 1));
        check(Code::Overloaded, gate.enter().await);
        drop(running);
        second.await.expect("let in");
        assert_eq!((gate.running_count(), gate.waiting_count()), (0, 0));
    }

    #[tokio::test]
    async fn who_waits_too_long_is_sent_away() {
        let gate = Gate::new(1, 1, 1);
        let _running = gate.enter().await.expect("free");
        check(Code::QueueTimeout, gate.enter().await);
        assert_eq!(gate.waiting_count(), 0);
    }

    #[tokio::test]
    async fn who_goes_away_while_waiting_is_not_counted() {
        let gate = Gate::new(1, 1, 1_000);
        let _running = gate.enter().await.expect("free");
        let mut second = Box::pin(gate.enter());
        assert!(futures::poll!(&mut second).is_pending());
        drop(second);
        assert_eq!(gate.waiting_count(), 0);
    }
}
