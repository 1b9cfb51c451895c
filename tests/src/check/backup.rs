//! Backups of a database, and of the model beside it; restored, the one is asked about the other.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use annals_engine::{BackupOptions, BackupReport, Database, RestoreOptions, SystemTime};

use super::{World, load_ids};
use crate::generate::{Rng, Shape, draw_query};
use crate::oracle::Table;
use crate::scratch::Scratch;

/// The model as it was when a backup was taken, without what was erased since.
#[derive(Debug)]
pub(super) struct KeptBackup {
    system_time: i64,
    /// The columns that the tables had then.
    shapes: Vec<Shape>,
    pub(super) tables: Vec<Table>,
}

impl World {
    /// Adds a point to a backup folder.
    pub fn back_up(&mut self, folder: &Path, options: &BackupOptions) -> BackupReport {
        let report = self.database().backup(folder, options).expect("a backup");
        let system_time = report.system_time.micros();
        assert!(system_time > self.answered, "an instant that was answered comes after the backup");
        self.answered = system_time;
        let (shapes, tables) = (self.shapes.clone(), self.tables.clone());
        self.backups.push(KeptBackup { system_time, shapes, tables });
        report
    }

    /// Restores the database as it was at an instant, by default at the last backup, and asks it random questions about the model as
    /// it was then; once more after everything was compacted. Panics where an answer differs.
    pub fn ask_restored(
        &mut self,
        rng: &mut Rng,
        folder: &Path,
        at: Option<SystemTime>,
        count: usize,
    ) -> Database {
        let last = self.backups.last().expect("a backup").system_time;
        let until = at.map_or(last, SystemTime::micros);
        let known = self.backups.iter().find(|kept| kept.system_time >= until);
        let known = known.expect("a backup that knows the instant");
        let shapes = known.shapes.clone();
        let tables: Vec<Table> = known.tables.iter().map(|table| table.until(until)).collect();
        let request =
            at.map_or_else(RestoreOptions::default, |at| RestoreOptions::default().at(at));
        let database = self.restored(folder, &request);
        for is_compact in [false, true] {
            if is_compact {
                database.compact(&mut |_| ()).expect("a compaction");
            }
            let snapshot = database.snapshot().expect("a snapshot");
            let events = shapes.iter().find(|shape| shape.is_event);
            let ids = events.map(|shape| load_ids(&snapshot, shape)).unwrap_or_default();
            for _ in 0..count {
                let now = snapshot.system_time().micros();
                let query = draw_query(rng, &shapes, &tables, now);
                self.check((&snapshot, &shapes, &tables, &ids), &query);
            }
            let mut damages = Vec::new();
            database.verify(&mut |damage| damages.push(damage.to_string())).expect("verify");
            assert_eq!(damages, Vec::<String>::new());
        }
        self.counts.queries += 2 * count;
        database
    }

    /// The database restored beside the original.
    pub fn restored(&self, folder: &Path, request: &RestoreOptions) -> Database {
        restored(&self.scratch, folder, request)
    }
}

/// The database restored beside the original, in a folder of its own.
pub fn restored(scratch: &Scratch, folder: &Path, request: &RestoreOptions) -> Database {
    let to = free_folder(scratch);
    let options = scratch.options();
    annals_engine::restore(folder, &to, request, &options).expect("a restore");
    Database::open_existing(&to, options).expect("a database")
}

fn free_folder(scratch: &Scratch) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    scratch.path().with_file_name(format!("restored-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
}
