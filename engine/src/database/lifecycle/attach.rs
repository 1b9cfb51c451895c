//! Bringing a partition back: from where it was put, or from another folder with the same files.
//!
//! Everything is verified before anything becomes visible: that the folder is the one on record, by the checksum of its manifest, and
//! every byte of its segments. Keys that were erased meanwhile are left out. The files of the database share their bytes with those of
//! the folder where nothing had to be left out; otherwise they are written anew. Then one edit makes the partition live again.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::audit::{Auditor, check_by};
use super::change::PartitionChange;
use crate::archive::{Transfer, bring_in, read_manifest, remove_folder};
use crate::codec::KeyedHash;
use crate::compaction;
use crate::database::inner::Inner;
use crate::error::{Error, Result};
use crate::manifest::{Edit, PartitionId, SealedEntry};
use crate::partition::{Partition, PartitionState};
use crate::schema::TableSchema;
use crate::segment::{Segment, SegmentMeta};
use crate::version::{Files, Sealed, SegmentEntry};

impl Inner {
    /// Brings a partition back; from `from` if it does not lie where it was put. Without a name it is the partition in that folder.
    pub(in crate::database) fn attach(
        &self,
        table: &str,
        partition: Option<Partition>,
        from: Option<&Path>,
        by: &str,
    ) -> Result<PartitionChange> {
        check_by(by)?;
        let _life = self.life.lock();
        // No erasure runs meanwhile: it would miss what comes back, or come back itself.
        let _not_erasing = self.erasing.read();
        let schema = self.schema_of(table)?;
        let partition = match (partition, from) {
            (Some(partition), _) => partition,
            (None, Some(from)) => self.partition_in(&schema, from)?,
            (None, None) => return Err(Error::invalid("which partition is to be attached?")),
        };
        let id = PartitionId { table: schema.id, partition };
        let sealed = self.attachable(&schema, id)?;
        let entry = &sealed.entry;
        let location = entry.location.as_deref().map(PathBuf::from).unwrap_or_default();
        let dir = self.files.place(from.unwrap_or(&location));
        self.check_place(&dir)?;
        let segments = self.verified(&schema, entry, &sealed.segments, &dir)?;
        let metas = self.bring_back(&schema, entry, &segments)?;
        let mut change = PartitionChange::of(&schema.name, entry);
        change.row_count = metas.iter().map(|meta| u64::from(meta.row_count)).sum();
        self.install_attached(&schema, id, metas, (by, &change))?;
        if entry.state == PartitionState::Detached {
            let local = Files::detached_dir(schema.id, partition);
            let removed = remove_folder(self.files.disk.as_ref(), &self.files.dir.join(local));
            removed.map_err(|error| {
                error.context("it is attached, but files are left until the next opening")
            })?;
        }
        Ok(change)
    }

    /// The partition that a folder says it holds.
    fn partition_in(&self, schema: &TableSchema, from: &Path) -> Result<Partition> {
        self.check_place(from)?;
        let (manifest, _) = read_manifest(self.files.disk.as_ref(), &self.files.place(from))?;
        let database_id = format!("{:032x}", self.manifest.lock().state.database_id);
        if (&manifest.database_id, manifest.table_id) != (&database_id, schema.id) {
            let (from, table) = (from.display(), &schema.name);
            return Err(Error::invalid(format!(
                "{from} holds a partition of another table or database, none of table `{table}`"
            )));
        }
        Partition::parse(&manifest.partition)
    }

    fn attachable(&self, schema: &TableSchema, id: PartitionId) -> Result<Arc<Sealed>> {
        let state = self.shared.lock().state.clone();
        let (name, partition) = (&schema.name, id.partition);
        let sealed = state.version.table(id.table)?.sealed.get(&partition).cloned();
        let sealed = sealed.ok_or_else(|| {
            Error::invalid(format!("partition {partition} of table `{name}` is not detached"))
        })?;
        if !sealed.entry.state.is_attachable() {
            return Err(Error::invalid(format!(
                "partition {partition} of table `{name}` was dropped: writes since then did not know what it held"
            )));
        }
        Ok(sealed)
    }

    /// The segments in a folder, once every byte of it is found to be what was put there.
    fn verified(
        &self,
        schema: &TableSchema,
        entry: &SealedEntry,
        segments: &[Arc<SegmentEntry>],
        dir: &Path,
    ) -> Result<Vec<Arc<Segment>>> {
        let (_, checksum) = read_manifest(self.files.disk.as_ref(), dir)?;
        if Some(checksum) != entry.checksum {
            let (dir, partition, table) = (dir.display(), entry.partition, &schema.name);
            return Err(Error::invalid(format!(
                "{dir} is not what partition {partition} of table `{table}` was {} as: its manifest is another one, or was changed",
                entry.state
            )));
        }
        let segments = segments.iter().map(|entry| Arc::new(entry.segment().at(dir)));
        let segments: Vec<Arc<Segment>> = segments.collect();
        for segment in &segments {
            let mut damages = Vec::new();
            segment.verify(&mut |damage| damages.push(damage))?;
            damages.into_iter().next().map_or(Ok(()), Err)?;
        }
        Ok(segments)
    }

    /// Durable files in the folder of the partition, which nobody names yet.
    fn bring_back(
        &self,
        schema: &Arc<TableSchema>,
        entry: &SealedEntry,
        segments: &[Arc<Segment>],
    ) -> Result<Vec<SegmentMeta>> {
        let erased = self.erased_since(entry);
        let dir = self.files.partition_dir(entry.table, &entry.partition.name());
        if erased.is_empty() && self.are_unused(segments, &dir)? {
            // Files that others may write to are not shared.
            let own = self.files.dir.join(Files::detached_dir(entry.table, entry.partition));
            let is_own = segments.iter().all(|segment| segment.file_paths()[0].starts_with(&own));
            let transfer = if is_own { Transfer::Link } else { Transfer::Copy };
            bring_in(&self.files.disk, segments, &dir, transfer)?;
            return Ok(segments.iter().map(|segment| segment.meta().clone()).collect());
        }
        let secret = self.manifest.lock().state.erasure_secret.clone();
        let mut metas = Vec::new();
        for segment in segments {
            let left_out = match &secret {
                Some(secret) => compaction::rows_with_hashes(segment, secret, &erased)?,
                None => Vec::new(),
            };
            let entry = Arc::new(SegmentEntry::new(segment.clone(), Vec::new()));
            let (plan, next_id) = (compaction::plan_of(&entry), &mut || self.next_file_id());
            let written = compaction::compact(&self.files, schema, &plan, &[left_out], next_id)?;
            metas.extend(written.segments);
        }
        Ok(metas)
    }

    /// The keyed hashes of what was erased from the table since the partition left.
    pub(super) fn erased_since(&self, entry: &SealedEntry) -> HashSet<KeyedHash> {
        let manifest = self.manifest.lock();
        let erasures = manifest.state.erasures.iter();
        let since = erasures.filter(|e| e.table == entry.table && e.number > entry.erasure);
        since.flat_map(|erasure| &erasure.keys).map(|key| key.hash).collect()
    }

    /// Whether no segment of the database has the number of one of these, and no file in its folder is in the way.
    fn are_unused(&self, segments: &[Arc<Segment>], dir: &Path) -> Result<bool> {
        for segment in segments {
            if self.manifest.lock().state.segments.contains_key(&segment.meta().id) {
                return Ok(false);
            }
            // Bitmaps too are named by it, and may wait to be removed.
            let name = segment.meta().id.to_string();
            if self.files.disk.list(dir)?.iter().any(|other| other.starts_with(&name)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn install_attached(
        &self,
        schema: &TableSchema,
        id: PartitionId,
        metas: Vec<SegmentMeta>,
        (by, change): (&str, &PartitionChange),
    ) -> Result<()> {
        let mut manifest = self.manifest.lock();
        let at_us = self.options.clock.now().micros();
        let auditor = Auditor { at_us, by, table: &schema.name };
        let detail = format!("{} rows, {} bytes", change.row_count, change.bytes);
        let audit = auditor.entry(&manifest, &[], "attach partition", &change.partition, detail);
        let edit = Edit {
            segments_added: metas,
            partitions_attached: vec![id],
            next_file_id: Some(self.next_file_id.load(Ordering::Relaxed)),
            audit: vec![audit],
            ..Edit::default()
        };
        self.install(&mut manifest, &edit, None)
    }
}
