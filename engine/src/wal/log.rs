//! The running log: appends in order, group commit, rotation.
//!
//! One lock orders the appends. A sync runs without it: whoever first needs one makes it for all
//! frames appended so far (the leader), the others wait and find theirs durable, or one of them
//! leads the next. After a sync the leader appends a promise frame, so that also the last
//! acknowledged transactions are told from a torn tail if they rot.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{FIRST_FILE, Home, Lsn, SyncMode, TRANSACTION, WalOptions};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::journal::{HEADER_BYTES, Kind, Writer, check_length};

/// The write-ahead log of a database. All calls may be made from several threads.
#[derive(Debug)]
pub(crate) struct Wal {
    home: Home,
    options: WalOptions,
    state: Mutex<State>,
    /// Told when a sync has ended.
    synced: Condvar,
}

#[derive(Debug)]
struct State {
    writer: Writer,
    /// Behind the sequence number of the last transaction that was appended.
    appended: u64,
    /// Frames with smaller sequence numbers are durable.
    durable: u64,
    /// Whether a leader syncs; the file is not changed over meanwhile.
    syncing: bool,
    last_sync: Duration,
    closed: bool,
    halted: Option<Error>,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Wal {
    /// Makes the log of a new database, with its folder; durable when this returns.
    ///
    /// Refused with kind `Unavailable` where a log already is, even a part of one; what a crash
    /// while making a log left is none, and is removed.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        database_id: u128,
        options: WalOptions,
    ) -> Result<Wal> {
        let home = Home { disk, dir: dir.to_path_buf(), database_id };
        home.disk.create_dir_all(dir)?;
        let numbers = home.numbers()?;
        for &number in &numbers {
            let path = home.path(number);
            let length = home.disk.open(&path)?.len()?;
            if length > HEADER_BYTES as u64 {
                let path = path.display();
                return Err(Error::unavailable(format!("a log is here already: {path}")));
            }
        }
        home.remove(numbers)?;
        Wal::start(home, options, FIRST_FILE, 0)
    }

    /// Begins a new file, which becomes the newest.
    pub(super) fn start(home: Home, options: WalOptions, number: u64, first: u64) -> Result<Wal> {
        let path = home.path(number);
        let writer = Writer::create(&*home.disk, &path, &home.identity(number), first)?;
        let last_sync = (options.now)();
        let (syncing, closed, halted) = (false, false, None);
        let (appended, durable) = (first, first);
        let state = State { writer, appended, durable, syncing, last_sync, closed, halted };
        Ok(Wal { home, options, state: Mutex::new(state), synced: Condvar::new() })
    }

    /// Appends one transaction, after all that were appended before. Nothing is durable when this
    /// returns.
    ///
    /// Errors: `Exhausted` for a payload of 1 GiB or more and `Io` or `Exhausted` where the next
    /// file could not be begun, both before anything was written; `Halted` after a failed write,
    /// now or before; `Unavailable` after [`Wal::close`].
    pub(crate) fn append(&self, payload: &[u8]) -> Result<Lsn> {
        check_length(payload)?;
        let mut state = self.state.lock();
        state.check_running()?;
        let begun = state.writer.length() > HEADER_BYTES as u64;
        if begun && state.writer.length_with(payload.len()) > self.options.file_bytes_max {
            state = self.rotate_locked(state)?;
        }
        match state.writer.append(TRANSACTION, payload) {
            Ok(sequence) => {
                state.appended = sequence + 1;
                Ok(Lsn(sequence))
            }
            Err(error) => Err(state.halt(error)),
        }
    }

    /// Waits until the frame at `lsn` is as durable as the sync mode promises: in
    /// [`SyncMode::Commit`], durable; in [`SyncMode::Interval`], only syncs if the last sync is
    /// older than the interval; in [`SyncMode::Off`], nothing.
    ///
    /// An error of kind `Halted` means that the transaction is not acknowledged; it may be found
    /// when the log is opened again.
    pub(crate) fn sync_to(&self, lsn: Lsn) -> Result<()> {
        let state = self.state.lock();
        match self.options.sync {
            SyncMode::Commit => {}
            SyncMode::Off => return state.check_halted(),
            SyncMode::Interval(interval) => {
                let age = (self.options.now)().saturating_sub(state.last_sync);
                if age < interval || state.syncing {
                    return state.check_halted();
                }
            }
        }
        self.sync_locked(state, lsn.0)
    }

    /// Makes everything appended so far durable, in every sync mode.
    pub(crate) fn sync_all(&self) -> Result<()> {
        let state = self.state.lock();
        match state.appended {
            0 => state.check_halted(),
            appended => self.sync_locked(state, appended - 1),
        }
    }

    /// Returns when the frame of this sequence number is durable; leads a sync if nobody else does.
    fn sync_locked(&self, mut state: Guard<'_>, sequence: u64) -> Result<()> {
        loop {
            if state.durable > sequence {
                return Ok(());
            }
            state.check_halted()?;
            if !state.syncing {
                break;
            }
            self.synced.wait(&mut state);
        }
        let (end, length) = (state.writer.next_sequence(), state.writer.length());
        let file = state.writer.file();
        state.syncing = true;
        let synced = MutexGuard::unlocked(&mut state, || file.sync());
        state.syncing = false;
        let outcome = match synced {
            Ok(()) => {
                state.durable = end;
                state.last_sync = (self.options.now)();
                state.writer.promise(length);
                // What was synced is acknowledged also if the promise can't be written; the next
                // write tells.
                if let Err(error) = state.writer.append(Kind::PROMISE, &[]) {
                    state.halt(error);
                }
                Ok(())
            }
            Err(error) => Err(state.halt(error)),
        };
        self.synced.notify_all();
        outcome
    }

    /// Seals the running file and begins the next: when this returns, all frames so far are
    /// durable, and those appended from now on are in files of the returned number or greater.
    ///
    /// If the next file can't be made, the running one goes on and the error is that of the disk;
    /// any other failure halts.
    pub(crate) fn rotate(&self) -> Result<u64> {
        let state = self.state.lock();
        state.check_running()?;
        let state = self.rotate_locked(state)?;
        Ok(state.writer.number())
    }

    fn rotate_locked<'a>(&self, mut state: Guard<'a>) -> Result<Guard<'a>> {
        while state.syncing {
            self.synced.wait(&mut state);
        }
        state.check_running()?;
        self.settle(&mut state)?;
        // The next file is made while the running one has no seal but is durable to its last byte;
        // only then is the seal written, which says that the next file is there.
        let number = state.writer.number() + 1;
        let (path, identity) = (self.home.path(number), self.home.identity(number));
        let first = state.writer.next_sequence();
        let next = match Writer::create(&*self.home.disk, &path, &identity, first) {
            Ok(next) => next,
            Err(error) => return Err(self.give_up_file(&mut state, number, error)),
        };
        if let Err(error) = state.writer.seal(number) {
            return Err(state.halt(error));
        }
        state.writer = next;
        Ok(state)
    }

    /// Removes what is left of a file that could not be made: no file but the newest may be written
    /// to.
    fn give_up_file(&self, state: &mut State, number: u64, error: Error) -> Error {
        let path = self.home.path(number);
        let disk = &self.home.disk;
        let removed = disk.exists(&path).and_then(|there| {
            if there {
                disk.remove(&path)?;
            }
            disk.sync_dir(&self.home.dir)
        });
        match removed {
            Ok(()) => error,
            Err(_) => state.halt(error),
        }
    }

    /// Syncs the running file under the lock.
    fn settle(&self, state: &mut State) -> Result<()> {
        if let Err(error) = state.writer.sync() {
            return Err(state.halt(error));
        }
        state.durable = state.writer.next_sequence();
        state.last_sync = (self.options.now)();
        self.synced.notify_all();
        Ok(())
    }

    /// Removes the files with smaller numbers, durably. The running file stays whatever the number.
    pub(crate) fn remove_before(&self, file: u64) -> Result<()> {
        let running = self.file();
        let numbers = self.home.numbers()?;
        self.home.remove(numbers.into_iter().filter(|&number| number < file.min(running)))
    }

    /// Makes everything durable and seals the running file. Later appends fail with kind
    /// `Unavailable`.
    pub(crate) fn close(&self) -> Result<()> {
        let mut state = self.state.lock();
        while state.syncing {
            self.synced.wait(&mut state);
        }
        if state.closed {
            return Ok(());
        }
        state.check_halted()?;
        self.settle(&mut state)?;
        if let Err(error) = state.writer.seal(0) {
            return Err(state.halt(error));
        }
        state.closed = true;
        Ok(())
    }

    /// Why the log accepts nothing more, if a write or sync has failed.
    pub(crate) fn halted(&self) -> Option<Error> {
        self.state.lock().halted.clone()
    }

    /// The number of the running file.
    pub(crate) fn file(&self) -> u64 {
        self.state.lock().writer.number()
    }

    /// The position of the next frame; everything before it was appended.
    pub(crate) fn next_lsn(&self) -> Lsn {
        Lsn(self.state.lock().writer.next_sequence())
    }
}

impl State {
    fn check_halted(&self) -> Result<()> {
        self.halted.clone().map_or(Ok(()), Err)
    }

    fn check_running(&self) -> Result<()> {
        self.check_halted()?;
        if self.closed {
            return Err(Error::unavailable("the log is closed"));
        }
        Ok(())
    }

    /// Stops the log for good, and returns why; the first reason stays.
    fn halt(&mut self, error: Error) -> Error {
        let halted = self.halted.get_or_insert_with(|| {
            Error::halted(format!("no more is written until the database is reopened: {error}"))
        });
        halted.clone()
    }
}
