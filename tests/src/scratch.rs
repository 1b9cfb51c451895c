//! A database folder and a clock that a test owns.

use std::path::PathBuf;
use std::sync::Arc;

use annals_engine::disk::MemoryDisk;
use annals_engine::{Database, ManualClock, Options, SyncMode, SystemTime};
use tempfile::TempDir;

/// Where a database lives: a temporary folder of the real disk, or a disk in memory.
#[derive(Debug)]
enum Place {
    Folder(TempDir),
    Memory(MemoryDisk),
}

/// A database folder, the clock its database reads, and the options it is opened with. The folder goes with it.
#[derive(Debug)]
pub struct Scratch {
    place: Place,
    clock: Arc<ManualClock>,
    memtable_bytes: usize,
    background: bool,
    sync: SyncMode,
}

impl Scratch {
    /// A fresh folder of the real disk; the clock stands at `start`. Commits do not wait for the disk, background work is a
    /// step that the test calls.
    pub fn new(start: SystemTime) -> Scratch {
        Scratch::at(Place::Folder(tempfile::tempdir().expect("a temporary folder")), start)
    }

    /// The same on a disk in memory.
    pub fn in_memory(start: SystemTime) -> Scratch {
        Scratch::on(MemoryDisk::new(), start)
    }

    /// The same on a disk in memory that the test keeps.
    pub fn on(disk: MemoryDisk, start: SystemTime) -> Scratch {
        Scratch::at(Place::Memory(disk), start)
    }

    fn at(place: Place, start: SystemTime) -> Scratch {
        let clock = Arc::new(ManualClock::new(start));
        Scratch { place, clock, memtable_bytes: 1 << 20, background: false, sync: SyncMode::Off }
    }

    /// Sets when a memtable is full.
    pub fn memtable_bytes(mut self, bytes: usize) -> Scratch {
        self.memtable_bytes = bytes;
        self
    }

    /// Lets flush and compaction run in threads of the engine.
    pub fn background(mut self, background: bool) -> Scratch {
        self.background = background;
        self
    }

    /// Sets what a commit waits for.
    pub fn sync(mut self, sync: SyncMode) -> Scratch {
        self.sync = sync;
        self
    }

    /// The folder of the database.
    pub fn path(&self) -> PathBuf {
        match &self.place {
            Place::Folder(folder) => folder.path().join("db"),
            Place::Memory(_) => PathBuf::from("db"),
        }
    }

    /// The clock that the database reads.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// What the database is opened with.
    pub fn options(&self) -> Options {
        let options = Options::default()
            .memtable_bytes(self.memtable_bytes)
            .background(self.background)
            .sync(self.sync)
            .clock(self.clock.clone());
        match &self.place {
            Place::Folder(_) => options,
            Place::Memory(disk) => options.disk(Arc::new(disk.clone())),
        }
    }

    /// Opens the database, making it on first use.
    pub fn open(&self) -> Database {
        Database::open(self.path(), self.options()).expect("the database opens")
    }
}
