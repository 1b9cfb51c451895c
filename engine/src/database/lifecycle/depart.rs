//! Taking partitions out of the database: to a folder of its own, to another place, or for good.
//!
//! The ranges are sealed and everything committed before is flushed; then segments that hold versions of the partitions beside others
//! are rewritten, until those of the partitions hold all of it. Their files get a second name in the folder of the partition, or are
//! copied to where they go. One edit of the manifest takes the segments out: before it is durable the partitions are live, from then on
//! they are not. Snapshots that were made before go on reading what they see.

use std::path::PathBuf;
use std::sync::Arc;

use super::audit::{Auditor, check_by, text_of};
use super::change::PartitionChange;
use super::departure::{Departure, Wish};
use super::found::Found;
use crate::archive::{PartitionManifest, Transfer, finish, take_out};
use crate::database::inner::{Inner, Manifest};
use crate::error::{Error, Result};
use crate::manifest::{Edit, PartitionId, SealedEntry};
use crate::partition::Partition;
use crate::schema::TableSchema;
use crate::segment::SegmentMeta;

impl Inner {
    /// Takes partitions out, all by one edit; those that were taken out before go on from where they are.
    pub(in crate::database) fn depart(
        &self,
        table: &str,
        partitions: &[Partition],
        departure: &Departure,
        (by, wish): (&str, Wish),
    ) -> Result<Vec<PartitionChange>> {
        check_by(by)?;
        let _life = self.life.lock();
        let schema = self.schema_of(table)?;
        self.check_target(departure)?;
        let mut partitions = partitions.to_vec();
        partitions.sort_unstable();
        partitions.dedup();
        let (mut sealed, live): (Vec<Partition>, Vec<Partition>) = {
            let state = self.shared.lock().state.clone();
            let sealed = &state.version.table(schema.id)?.sealed;
            partitions.into_iter().partition(|partition| sealed.contains_key(partition))
        };
        // By a policy they have left already, while it was looked what is due.
        sealed.retain(|_| wish == Wish::Explicit);
        for partition in &sealed {
            self.check_may_go_on(&schema, *partition, departure)?;
        }
        let mut changes = Vec::new();
        if !live.is_empty() {
            changes = self.depart_live(&schema, &live, departure, (by, wish))?;
        }
        for partition in sealed {
            let id = PartitionId { table: schema.id, partition };
            changes.push(self.depart_sealed(&schema, id, departure, by)?);
        }
        self.sweep().map_err(gone)?;
        Ok(changes)
    }

    pub(super) fn schema_of(&self, table: &str) -> Result<Arc<TableSchema>> {
        self.check_open()?;
        let state = self.shared.lock().state.clone();
        Ok(state.version.table_by_name(table)?.schema.clone())
    }

    fn depart_live(
        &self,
        schema: &Arc<TableSchema>,
        partitions: &[Partition],
        departure: &Departure,
        (by, wish): (&str, Wish),
    ) -> Result<Vec<PartitionChange>> {
        partitions.iter().try_for_each(|partition| self.check_may_leave(schema, *partition))?;
        let id = |partition: &Partition| PartitionId { table: schema.id, partition: *partition };
        let ids: Vec<PartitionId> = partitions.iter().map(id).collect();
        let _sealing = self.begin_sealing(&ids)?;
        self.settle(schema, partitions, departure.is_archive())?;
        let mut found = self.found(schema, partitions)?;
        let mut written = Vec::new();
        if departure.is_archive() {
            // What takes long is done while compactions go on; they may replace what was copied, which is seen below.
            found = self.leaving(schema, found, departure, wish)?;
            written = self.take_out_all(schema, &found, departure)?;
        }
        let _compacting = self.compacting.lock();
        let copied: Vec<Vec<SegmentMeta>> = found.iter().map(Found::metas).collect();
        let found = self.leaving(schema, self.found(schema, partitions)?, departure, wish)?;
        let is_copied = found.iter().map(Found::metas).eq(copied);
        let checksums = match departure {
            Departure::Drop => vec![None; found.len()],
            Departure::Detach => self.take_out_all(schema, &found, departure)?,
            _ if is_copied => {
                self.check_still_there(schema, &found, (departure, &written))?;
                written
            }
            _ => self.take_out_all(schema, &found, departure)?,
        };
        let folders: Vec<PathBuf> = found
            .iter()
            .filter(|_| *departure != Departure::Drop)
            .map(|found| self.files.place(self.folder_of(schema, found.id, departure)))
            .collect();
        let changes = self.install_departure(schema, found, departure, checksums, by)?;
        folders.iter().for_each(|dir| finish(self.files.disk.as_ref(), dir));
        drop(_compacting);
        self.sweep().map_err(gone)?;
        for id in ids {
            let dir = self.files.partition_dir(id.table, &id.partition.name());
            // Snapshots may still read files there; then it stays until it is used again or the database is opened.
            let _ = self.files.disk.remove_dir(&dir);
        }
        Ok(changes)
    }

    /// Those of the partitions that may leave.
    fn leaving(
        &self,
        schema: &Arc<TableSchema>,
        found: Vec<Found>,
        departure: &Departure,
        wish: Wish,
    ) -> Result<Vec<Found>> {
        let mut leaving = Vec::new();
        for found in found {
            if found.segments.is_empty() {
                if wish == Wish::Policy {
                    continue;
                }
                let (table, partition) = (&schema.name, found.id.partition);
                let what = format!("there is nothing in partition {partition} of table `{table}`");
                return Err(Error::invalid(what));
            }
            let held = match (departure, wish) {
                (Departure::Drop, _) | (_, Wish::Policy) => self.held(schema, &found.segments)?,
                _ => None,
            };
            match held {
                None => leaving.push(found),
                Some(_) if wish == Wish::Policy => {}
                Some(hold) => {
                    let what =
                        format!("partition {} of table `{}`", found.id.partition, schema.name);
                    return Err(hold.refusal(&what));
                }
            }
        }
        Ok(leaving)
    }

    fn manifest_of(&self, schema: &TableSchema, found: &Found) -> PartitionManifest {
        let origin = {
            let state = &self.manifest.lock().state;
            (state.database_id, state.branch)
        };
        PartitionManifest::new(origin, schema, found.id, &found.metas())
    }

    pub(super) fn take_out_all(
        &self,
        schema: &TableSchema,
        found: &[Found],
        departure: &Departure,
    ) -> Result<Vec<Option<u32>>> {
        let transfer =
            if *departure == Departure::Detach { Transfer::Link } else { Transfer::Copy };
        let take_out = |found: &Found| {
            let dir = self.files.place(self.folder_of(schema, found.id, departure));
            let manifest = self.manifest_of(schema, found);
            take_out(&self.files.disk, &dir, &manifest, &found.segments, transfer).map(Some)
        };
        found.iter().map(take_out).collect()
    }

    /// An error unless the folders hold the manifests that were written with the copies: nobody else has used them meanwhile.
    fn check_still_there(
        &self,
        schema: &TableSchema,
        found: &[Found],
        (departure, written): (&Departure, &[Option<u32>]),
    ) -> Result<()> {
        for (found, written) in found.iter().zip(written) {
            let dir = self.files.place(self.folder_of(schema, found.id, departure));
            let (_, checksum) = crate::archive::read_manifest(self.files.disk.as_ref(), &dir)?;
            if Some(checksum) != *written {
                let dir = dir.display();
                return Err(Error::invalid(format!(
                    "somebody else has written to {dir} meanwhile"
                )));
            }
        }
        Ok(())
    }

    /// The one edit.
    fn install_departure(
        &self,
        schema: &TableSchema,
        found: Vec<Found>,
        departure: &Departure,
        checksums: Vec<Option<u32>>,
        by: &str,
    ) -> Result<Vec<PartitionChange>> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let answered = self.shared.lock().answered;
        let sealed_us = self.options.clock.now().micros().max(answered);
        let mut manifest = self.manifest.lock();
        let auditor = Auditor { at_us: sealed_us, by, table: &schema.name };
        let mut edit = Edit { answered_us: Some(answered), ..Edit::default() };
        let mut changes = Vec::new();
        for (found, checksum) in found.iter().zip(checksums) {
            let zone = found.zone(schema)?;
            let mut change = found.change(schema, &zone);
            let folder = self.folder_of(schema, found.id, departure);
            change.state = departure.state();
            change.location = checksum.map(|_| text_of(&folder)).transpose()?;
            let metas = found.metas();
            edit.segments_removed.extend(metas.iter().map(|meta| meta.id));
            edit.partitions_sealed.push(SealedEntry {
                table: schema.id,
                partition: found.id.partition,
                state: change.state,
                sealed_us,
                row_count: change.row_count,
                bytes: change.bytes,
                zone,
                location: change.location.clone(),
                checksum,
                segments: if checksum.is_some() { metas } else { Vec::new() },
                erasure: manifest.state.erasures.len() as u64,
            });
            let entry = departure_entry(&auditor, &manifest, &edit, departure, &change);
            edit.audit.push(entry);
            changes.push(change);
        }
        self.install(&mut manifest, &edit, None)?;
        Ok(changes)
    }
}

pub(super) fn departure_entry(
    auditor: &Auditor<'_>,
    manifest: &Manifest,
    edit: &Edit,
    departure: &Departure,
    change: &PartitionChange,
) -> crate::manifest::AuditEntry {
    let PartitionChange { row_count, bytes, location, .. } = change;
    let place = location.as_ref().map_or(String::new(), |location| format!(", to {location}"));
    let detail = format!("{row_count} rows, {bytes} bytes{place}");
    auditor.entry(manifest, &edit.audit, departure.action(), &change.partition, detail)
}

/// The error of files that could not be removed once the partition had left for good.
pub(super) fn gone(error: Error) -> Error {
    error.context("it is done and on record, but files are left until the next opening")
}
