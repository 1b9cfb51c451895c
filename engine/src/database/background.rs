//! The threads that flush and compact: one each, since writers wait for the first and readers for the second. When nothing is to be
//! compacted, the second builds indexes.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use super::inner::{Inner, Wake};
use crate::error::{Error, Result};
use crate::wal::SyncMode;

/// After a failed step a thread waits this long, or until a writer finds no room, before it tries again.
const RETRY: Duration = Duration::from_secs(1);
/// So often the thread that compacts looks whether anything has passed out of its table's retention: time passes also where nobody
/// writes.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Flush,
    Compact,
}

/// The running background threads.
#[derive(Debug)]
pub(super) struct Background {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    pub(super) fn start(inner: Arc<Inner>) -> Result<Background> {
        let background = Background { inner: inner.clone(), threads: Mutex::default() };
        for task in [Task::Flush, Task::Compact] {
            let thread = spawn(inner.clone(), task).map_err(|error| {
                background.stop();
                Error::exhausted(format!("cannot start a background thread: {error}"))
            })?;
            background.threads.lock().push(thread);
            task.wake(&inner).work();
        }
        Ok(background)
    }

    /// Ends the threads after the steps that they are doing.
    pub(super) fn stop(&self) {
        for task in [Task::Flush, Task::Compact] {
            let wake = task.wake(&self.inner);
            wake.state.lock().is_stopping = true;
            wake.changed.notify_all();
        }
        for thread in self.threads.lock().drain(..) {
            // A panic of the thread has been printed; the database is consistent without its step.
            let _ = thread.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that starts threads")]
fn spawn(inner: Arc<Inner>, task: Task) -> std::io::Result<JoinHandle<()>> {
    let name = match task {
        Task::Flush => "annals-flush",
        Task::Compact => "annals-compact",
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&inner, task))
}

/// Tells writers that nobody flushes any more, if a thread ends by a panic: they would wait for ever.
struct Panicked<'a>(&'a Inner);

impl Drop for Panicked<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.shared.lock().is_background_dead = true;
            self.0.room.notify_all();
        }
    }
}

impl Task {
    fn wake(self, inner: &Inner) -> &Wake {
        match self {
            Task::Flush => &inner.flush_wake,
            Task::Compact => &inner.compact_wake,
        }
    }

    /// Does one step, if one is due. Says whether it did.
    fn step(self, inner: &Inner) -> Result<bool> {
        inner.check_open()?;
        match self {
            Task::Flush => Ok(inner.flush_oldest()?.is_some()),
            // That an index cannot be built holds nobody up, is told with the index, and is tried again when there is more to do.
            Task::Compact => Ok(inner.compact_due()?.is_some()
                || inner.build_due(None).is_ok_and(|step| step.is_some())
                || inner.retain_in_background()),
        }
    }
}

fn run(inner: &Inner, task: Task) {
    let _panicked = Panicked(inner);
    while wait(inner, task) {
        let failed = match task.step(inner) {
            Ok(has_worked) => {
                if has_worked {
                    task.wake(inner).work();
                    // What a flush adds may be due for compaction.
                    inner.compact_wake.work();
                }
                None
            }
            Err(error) => Some(error),
        };
        let has_failed = failed.is_some();
        {
            let mut shared = inner.shared.lock();
            match task {
                Task::Flush => shared.flush_error = failed,
                Task::Compact => shared.compaction_error = failed,
            }
        }
        inner.room.notify_all();
        if has_failed {
            let wake = task.wake(inner);
            let mut state = wake.state.lock();
            if !state.is_stopping {
                wake.changed.wait_for(&mut state, RETRY);
                state.has_work = true;
            }
        }
    }
}

/// Waits for work; `false` if the thread is to end.
fn wait(inner: &Inner, task: Task) -> bool {
    let interval = match inner.options.sync {
        SyncMode::Interval(interval) if task == Task::Flush => Some(interval),
        _ if task == Task::Compact => Some(RETENTION_INTERVAL),
        _ => None,
    };
    let wake = task.wake(inner);
    let mut state = wake.state.lock();
    while !state.has_work && !state.is_stopping {
        match interval {
            None => wake.changed.wait(&mut state),
            Some(interval) => {
                let timeout = wake.changed.wait_for(&mut state, interval);
                if timeout.timed_out() && task == Task::Compact {
                    break;
                }
                if timeout.timed_out() {
                    drop(state);
                    // A failure halts the log, which the next commit reports.
                    let _ = inner.wal.sync_all();
                    state = wake.state.lock();
                }
            }
        }
    }
    state.has_work = false;
    !state.is_stopping
}
