//! How an edit takes effect: durable first, then visible; and how files that nobody needs any more go.

use std::sync::Arc;

use super::inner::{Inner, Manifest};
use crate::bitmap::BitmapFile;
use crate::compaction;
use crate::error::{Error, Result};
use crate::manifest::Edit;
use crate::memtable::Memtable;
use crate::segment::Segment;
use crate::snapshot::State;
use crate::supersession::SupersessionFile;
use crate::time::SystemTime;
use crate::version::{LastErasure, Version};

/// A file that no version names any more, but snapshots may still read.
#[derive(Debug)]
pub(super) enum Garbage {
    Segment(Arc<Segment>),
    Supersessions(Arc<SupersessionFile>),
    Bitmap(Arc<BitmapFile>),
}

/// Makes the snapshots so far of tables in which an edit erases something unreadable, and later ones tell that there was a change.
fn end_snapshots(before: &State, version: &mut Version, edit: &Edit, commit_number: u64) {
    for erasure in &edit.erasures {
        let (old, new) = (before.version.tables.get(&erasure.table), &mut version.tables);
        if let (Some(old), Some(new)) = (old, new.get_mut(&erasure.table)) {
            old.erased.set(SystemTime::from_micros(erasure.erased_us));
            let after = before.last_system(old, commit_number);
            Arc::make_mut(new).erasure = Some(LastErasure { at: erasure.erased_us, after });
        }
    }
}

impl Inner {
    /// Makes an edit durable and shows it to snapshots; `flushed` is the memtable that it has put into segments.
    pub(super) fn install(
        &self,
        manifest: &mut Manifest,
        edit: &Edit,
        flushed: Option<&Arc<Memtable>>,
    ) -> Result<()> {
        let mut state = manifest.state.clone();
        state
            .apply(edit)
            .map_err(|what| Error::invalid(format!("an edit of the manifest: {what}")))?;
        manifest.log.append(edit, &state)?;
        manifest.state = state;
        let mut shared = self.shared.lock();
        let before = shared.state.clone();
        let mut version = before.version.apply(&self.files, edit);
        end_snapshots(&before, &mut version, edit, shared.visible_commit);
        let mut memtables = before.memtables.clone();
        if let Some(flushed) = flushed {
            memtables.retain(|memtable| !Arc::ptr_eq(memtable, flushed));
            let mut pinned = self.flushed.lock();
            pinned.retain(|memtable| memtable.strong_count() > 0);
            pinned.push(Arc::downgrade(flushed));
            // Its part of the log is durable, whether or not those who wrote it have been told so yet.
            shared.show(flushed.last_commit());
        }
        let debt = compaction::debt(&version);
        shared.compaction_debt = debt;
        shared.pace.installed(flushed.is_some(), debt > 0);
        shared.state = Arc::new(State { version, memtables });
        let after = shared.state.clone();
        drop(shared);
        self.room.notify_all();
        self.collect(&before.version, &after.version);
        if !edit.segments_added.is_empty() {
            // Indexes want bitmaps of them.
            self.compact_wake.work();
        }
        Ok(())
    }

    /// Remembers the files that only `before` names.
    fn collect(&self, before: &Version, after: &Version) {
        let kept = |version: &Version| {
            let segments: Vec<_> = version.segments().map(|e| e.segment().meta().id).collect();
            let files: Vec<_> =
                version.segments().flat_map(|e| e.files()).map(|file| file.meta().id).collect();
            (segments, files)
        };
        let (segments, files) = kept(after);
        let (segments, files): (std::collections::HashSet<_>, std::collections::HashSet<_>) =
            (segments.into_iter().collect(), files.into_iter().collect());
        let bitmaps: std::collections::HashSet<_> = after.bitmaps().map(|b| b.path()).collect();
        let mut seen = std::collections::HashSet::new();
        let mut garbage = self.garbage.lock();
        let is_forgotten = |bitmap: &&Arc<BitmapFile>| !bitmaps.contains(&bitmap.path());
        let forgotten = before.bitmaps().filter(is_forgotten).cloned();
        garbage.extend(forgotten.map(Garbage::Bitmap));
        for entry in before.segments() {
            if !segments.contains(&entry.segment().meta().id) {
                garbage.push(Garbage::Segment(entry.segment().clone()));
            }
            for file in entry.files() {
                if !files.contains(&file.meta().id) && seen.insert(file.meta().id) {
                    garbage.push(Garbage::Supersessions(file.clone()));
                }
            }
        }
    }

    /// Removes files that the manifest has forgotten and no snapshot can read.
    pub(super) fn sweep(&self) -> Result<()> {
        let mut garbage = self.garbage.lock();
        let mut first_error = None;
        garbage.retain(|garbage| {
            let removed = match garbage {
                Garbage::Segment(segment) if Arc::strong_count(segment) == 1 => {
                    segment.remove_files()
                }
                Garbage::Supersessions(file) if Arc::strong_count(file) == 1 => file.remove(),
                Garbage::Bitmap(bitmap) if Arc::strong_count(bitmap) == 1 => bitmap.remove(),
                _ => return true,
            };
            if let Err(error) = removed {
                first_error.get_or_insert(error);
            }
            false
        });
        first_error.map_or(Ok(()), Err)
    }
}
