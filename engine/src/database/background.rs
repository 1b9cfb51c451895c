//! The thread that flushes and compacts.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use super::inner::{Inner, Wake};
use crate::error::{Error, Result};
use crate::wal::SyncMode;

/// After a failed step the thread waits this long, or until a writer finds no room, before it tries again.
const RETRY: Duration = Duration::from_secs(1);

/// A running background thread.
#[derive(Debug)]
pub(super) struct Background {
    wake: Arc<Wake>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Background {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts a thread")]
    pub(super) fn start(inner: Arc<Inner>) -> Result<Background> {
        let wake = inner.wake.clone();
        let thread = std::thread::Builder::new()
            .name("annals-background".to_owned())
            .spawn(move || run(&inner))
            .map_err(|error| {
                Error::exhausted(format!("cannot start the background thread: {error}"))
            })?;
        wake.work();
        Ok(Background { wake, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread after the step that it is doing.
    pub(super) fn stop(&self) {
        self.wake.state.lock().is_stopping = true;
        self.wake.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread has been printed; the database is consistent without its step.
            let _ = thread.join();
        }
    }
}

/// Tells writers that nobody flushes any more, if the thread ends by a panic: they would wait for ever.
struct Panicked<'a>(&'a Inner);

impl Drop for Panicked<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.shared.lock().is_background_dead = true;
            self.0.room.notify_all();
        }
    }
}

fn run(inner: &Inner) {
    let _panicked = Panicked(inner);
    while wait(inner) {
        let flushed = inner.flush_oldest();
        let failed = match flushed.and_then(|flushed| Ok((flushed.is_some(), inner.maintain()?))) {
            Ok((has_flushed, step)) => {
                if has_flushed || step.is_some() {
                    inner.wake.work();
                }
                None
            }
            Err(error) => Some(error),
        };
        let has_failed = failed.is_some();
        inner.shared.lock().flush_error = failed;
        inner.room.notify_all();
        if has_failed {
            let mut state = inner.wake.state.lock();
            if !state.is_stopping {
                inner.wake.changed.wait_for(&mut state, RETRY);
                state.has_work = true;
            }
        }
    }
}

/// Waits for work; `false` if the thread is to end.
fn wait(inner: &Inner) -> bool {
    let interval = match inner.options.sync {
        SyncMode::Interval(interval) => Some(interval),
        _ => None,
    };
    let mut state = inner.wake.state.lock();
    while !state.has_work && !state.is_stopping {
        match interval {
            None => inner.wake.changed.wait(&mut state),
            Some(interval) => {
                let timeout = inner.wake.changed.wait_for(&mut state, interval);
                if timeout.timed_out() {
                    drop(state);
                    // A failure halts the log, which the next commit reports.
                    let _ = inner.wal.sync_all();
                    state = inner.wake.state.lock();
                }
            }
        }
    }
    state.has_work = false;
    !state.is_stopping
}
