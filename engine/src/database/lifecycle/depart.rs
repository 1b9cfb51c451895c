//! Taking partitions out of the database: to a folder of its own, to another place, or for good.
//!
//! The ranges are sealed and everything committed before is flushed; then segments that hold versions of the partitions beside others
//! are rewritten, until those of the partitions hold all of it. Their files get a second name in the folder of the partition, or are
//! copied to where they go. One edit of the manifest takes the segments out: before it is durable the partitions are live, from then on
//! they are not. Snapshots that were made before go on reading what they see.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::audit::{Auditor, check_by, text_of};
use super::change::PartitionChange;
use crate::archive::{PartitionManifest, Transfer, finish, remove_folder, take_out};
use crate::compaction;
use crate::database::inner::{Inner, Manifest};
use crate::error::{Error, Result};
use crate::index::Zone;
use crate::manifest::{Edit, PartitionId, SealedEntry};
use crate::partition::{Partition, PartitionState};
use crate::schema::TableSchema;
use crate::segment::{Segment, SegmentMeta};
use crate::time::SystemTime;
use crate::version::Files;

/// What becomes of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::database) enum Departure {
    Detach,
    Drop,
    /// Into this folder, which is the partition's own.
    Archive(PathBuf),
    /// Into a folder of its own below this one, `<table>/<partition>`.
    ArchiveBelow(PathBuf),
}

/// Whose wish it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::database) enum Wish {
    /// What cannot be done is an error.
    Explicit,
    /// Partitions that are empty or held are passed over.
    Policy,
}

/// The segments of a partition that is whole and by itself.
struct Found {
    id: PartitionId,
    segments: Vec<Arc<Segment>>,
}

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

    /// Nobody's files are replaced by an archive, least of all those of the database.
    fn check_target(&self, departure: &Departure) -> Result<()> {
        let (Departure::Archive(dir) | Departure::ArchiveBelow(dir)) = departure else {
            return Ok(());
        };
        let (own, target) = (normal(&self.files.dir)?, normal(&self.files.dir.join(dir))?);
        match target.starts_with(&own) {
            true => Err(Error::invalid(format!(
                "{} lies in the folder of the database, {}: an archive lies elsewhere",
                target.display(),
                own.display()
            ))),
            false => Ok(()),
        }
    }

    /// What taking partitions out would take out, and what could no longer be answered. Versions of them are brought together for it,
    /// which changes no answer.
    pub(in crate::database) fn preview(
        &self,
        table: &str,
        partitions: &[Partition],
    ) -> Result<Vec<PartitionChange>> {
        let _life = self.life.lock();
        let schema = self.schema_of(table)?;
        let mut partitions = partitions.to_vec();
        partitions.sort_unstable();
        partitions.dedup();
        let mut changes = Vec::new();
        let state = self.shared.lock().state.clone();
        for (partition, sealed) in &state.version.table(schema.id)?.sealed {
            if partitions.contains(partition) && sealed.entry.state.is_attachable() {
                partitions.retain(|other| other != partition);
                changes.push(PartitionChange::of(&schema.name, &sealed.entry));
            }
        }
        drop(state);
        for partition in &partitions {
            self.check_may_leave(&schema, *partition)?;
        }
        self.settle(&schema, &partitions, false)?;
        for found in self.found(&schema, &partitions)? {
            let zone = found.zone(&schema)?;
            changes.push(found.change(&schema, &zone));
        }
        Ok(changes)
    }

    pub(super) fn schema_of(&self, table: &str) -> Result<Arc<TableSchema>> {
        self.check_open()?;
        let state = self.shared.lock().state.clone();
        Ok(state.version.table_by_name(table)?.schema.clone())
    }

    fn check_may_leave(&self, schema: &TableSchema, partition: Partition) -> Result<()> {
        let (table, width) = (&schema.name, schema.partition_width);
        if partition.is_current() || Partition::of_end(partition.to_us(), width) != partition {
            return Err(Error::invalid(format!(
                "`{partition}` is no partition of table `{table}` that could be taken out: those have ended, and have the width of a {}",
                width.name()
            )));
        }
        let now = self.options.clock.now();
        if partition.to_us() > now.micros() {
            let end = SystemTime::from_micros(partition.to_us());
            return Err(Error::invalid(format!(
                "partition {partition} of table `{table}` ends at {end}, after now, {now}: what it holds is still believed of the present or \
                 the future"
            )));
        }
        Ok(())
    }

    /// Brings the versions of the partitions together in segments of their own.
    fn settle(
        &self,
        schema: &TableSchema,
        partitions: &[Partition],
        is_for_others: bool,
    ) -> Result<()> {
        self.flush()?;
        let plan = |table: &crate::version::TableVersion| match table.schema.id == schema.id {
            true => compaction::settling_plan(table, partitions, is_for_others),
            false => Ok(None),
        };
        while self.compact_step(&plan)?.is_some() {}
        Ok(())
    }

    fn found(&self, schema: &TableSchema, partitions: &[Partition]) -> Result<Vec<Found>> {
        let state = self.shared.lock().state.clone();
        let table = state.version.table(schema.id)?;
        let found = partitions.iter().map(|partition| {
            let own = |segment: &&Arc<Segment>| segment.meta().partition == *partition;
            let segments = table.segments.iter().map(|entry| entry.segment()).filter(own);
            let id = PartitionId { table: schema.id, partition: *partition };
            Found { id, segments: segments.cloned().collect() }
        });
        Ok(found.collect())
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
        if departure.is_archive() {
            // What takes long is done while compactions go on; they may replace what was copied, which is seen below.
            found = self.leaving(schema, found, departure, wish)?;
            self.take_out_all(schema, &found, departure)?;
        }
        let _compacting = self.compacting.lock();
        let copied: Vec<Vec<SegmentMeta>> = found.iter().map(Found::metas).collect();
        let found = self.leaving(schema, self.found(schema, partitions)?, departure, wish)?;
        let is_copied = found.iter().map(Found::metas).eq(copied);
        let checksums = match departure {
            Departure::Drop => vec![None; found.len()],
            Departure::Detach => self.take_out_all(schema, &found, departure)?,
            _ if is_copied => self.checksums_of(schema, &found, departure)?,
            _ => self.take_out_all(schema, &found, departure)?,
        };
        let folders: Vec<PathBuf> = found
            .iter()
            .filter(|_| *departure != Departure::Drop)
            .map(|found| self.files.dir.join(self.folder_of(schema, found.id, departure)))
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

    /// The folder that a partition goes to.
    fn folder_of(&self, schema: &TableSchema, id: PartitionId, departure: &Departure) -> PathBuf {
        match departure {
            Departure::Detach | Departure::Drop => Files::detached_dir(id.table, id.partition),
            Departure::Archive(dir) => dir.clone(),
            Departure::ArchiveBelow(dir) => {
                // A name may hold what is none of a folder's name.
                let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
                let table = &schema.name;
                let table = match table.chars().all(is_plain) {
                    true => table.clone(),
                    false => format!("{:06}", id.table),
                };
                dir.join(table).join(id.partition.name())
            }
        }
    }

    fn manifest_of(&self, schema: &TableSchema, found: &Found) -> PartitionManifest {
        let database_id = self.manifest.lock().state.database_id;
        PartitionManifest::new(database_id, schema, found.id, &found.metas())
    }

    fn take_out_all(
        &self,
        schema: &TableSchema,
        found: &[Found],
        departure: &Departure,
    ) -> Result<Vec<Option<u32>>> {
        let transfer =
            if *departure == Departure::Detach { Transfer::Link } else { Transfer::Copy };
        let take_out = |found: &Found| {
            let dir = self.files.dir.join(self.folder_of(schema, found.id, departure));
            let manifest = self.manifest_of(schema, found);
            take_out(&self.files.disk, &dir, &manifest, &found.segments, transfer).map(Some)
        };
        found.iter().map(take_out).collect()
    }

    /// The checksums of the manifests that were written with the copies.
    fn checksums_of(
        &self,
        schema: &TableSchema,
        found: &[Found],
        departure: &Departure,
    ) -> Result<Vec<Option<u32>>> {
        let checksum = |found: &Found| {
            let dir = self.files.dir.join(self.folder_of(schema, found.id, departure));
            let (_, checksum) = crate::archive::read_manifest(self.files.disk.as_ref(), &dir)?;
            Ok(Some(checksum))
        };
        found.iter().map(checksum).collect()
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

    /// Archives or drops a partition that is detached.
    fn depart_sealed(
        &self,
        schema: &Arc<TableSchema>,
        id: PartitionId,
        departure: &Departure,
        by: &str,
    ) -> Result<PartitionChange> {
        let sealed = {
            let state = self.shared.lock().state.clone();
            state.version.table(id.table)?.sealed.get(&id.partition).cloned()
        };
        let sealed = sealed.ok_or_else(|| Error::invalid("the partition is not detached"))?;
        let entry = &sealed.entry;
        let local = Files::detached_dir(id.table, id.partition);
        // An erasure looks through the folders of partitions that are not there, too.
        let _not_erasing = self.erasing.read();
        let segments: Vec<Arc<Segment>> =
            sealed.segments.iter().map(|entry| entry.segment().clone()).collect();
        let found = Found { id, segments };
        let mut change = found.change(schema, &entry.zone);
        let checksum = match departure {
            Departure::Drop => None,
            _ => self.take_out_all(schema, std::slice::from_ref(&found), departure)?[0],
        };
        let folder = self.folder_of(schema, id, departure);
        change.state = departure.state();
        change.location = checksum.map(|_| text_of(&folder)).transpose()?;
        let mut next = SealedEntry { state: change.state, checksum, ..(**entry).clone() };
        next.location = change.location.clone();
        if checksum.is_none() {
            next.segments.clear();
        }
        let mut manifest = self.manifest.lock();
        let at_us = self.options.clock.now().micros();
        let auditor = Auditor { at_us, by, table: &schema.name };
        let mut edit = Edit { partitions_sealed: vec![next], ..Edit::default() };
        edit.audit.push(departure_entry(&auditor, &manifest, &edit, departure, &change));
        self.install(&mut manifest, &edit, None)?;
        drop(manifest);
        if checksum.is_some() {
            finish(self.files.disk.as_ref(), &self.files.dir.join(&folder));
        }
        remove_folder(self.files.disk.as_ref(), &self.files.dir.join(local)).map_err(gone)?;
        Ok(change)
    }

    /// An error unless a partition that has left is detached, and may be archived or dropped.
    fn check_may_go_on(
        &self,
        schema: &Arc<TableSchema>,
        partition: Partition,
        departure: &Departure,
    ) -> Result<()> {
        let state = self.shared.lock().state.clone();
        let sealed = state.version.table(schema.id)?.sealed.get(&partition).cloned();
        let Some(sealed) = sealed else { return Ok(()) };
        let (entry, table) = (&sealed.entry, &schema.name);
        if entry.state != PartitionState::Detached || *departure == Departure::Detach {
            let place = entry.location.as_ref().map_or(String::new(), |at| format!(" to {at}"));
            let what =
                format!("partition {partition} of table `{table}` is {}{place}", entry.state);
            return Err(Error::invalid(what));
        }
        if *departure != Departure::Drop && !self.erased_since(entry).is_empty() {
            return Err(Error::invalid(format!(
                "partition {partition} of table `{table}` is detached, and keys were erased since: attach it, which erases them there, and archive it then"
            )));
        }
        let segments: Vec<Arc<Segment>> =
            sealed.segments.iter().map(|entry| entry.segment().clone()).collect();
        match self.held(schema, &segments)? {
            Some(hold) if *departure == Departure::Drop => {
                Err(hold.refusal(&format!("partition {partition} of table `{table}`")))
            }
            _ => Ok(()),
        }
    }
}

/// The error of files that could not be removed once the partition had left for good.
fn gone(error: Error) -> Error {
    error.context("it is done and on record, but files are left until the next opening")
}

/// An absolute path without `.` and `..`.
fn normal(dir: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(dir)
        .map_err(|error| Error::invalid(format!("folder {}: {error}", dir.display())))?;
    let mut normal = PathBuf::new();
    for component in absolute.components() {
        match component {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    Ok(normal)
}

fn departure_entry(
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

impl Departure {
    fn is_archive(&self) -> bool {
        matches!(self, Departure::Archive(_) | Departure::ArchiveBelow(_))
    }

    fn state(&self) -> PartitionState {
        match self {
            Departure::Detach => PartitionState::Detached,
            Departure::Drop => PartitionState::Dropped,
            Departure::Archive(_) | Departure::ArchiveBelow(_) => PartitionState::Archived,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Departure::Detach => "detach partition",
            Departure::Drop => "drop partition",
            Departure::Archive(_) | Departure::ArchiveBelow(_) => "archive partition",
        }
    }

    /// To a folder that the caller names; relative to that of the database.
    pub(in crate::database) fn archive(dir: &Path) -> Departure {
        Departure::Archive(dir.to_path_buf())
    }
}

impl Found {
    fn metas(&self) -> Vec<SegmentMeta> {
        self.segments.iter().map(|segment| segment.meta().clone()).collect()
    }

    fn zone(&self, schema: &TableSchema) -> Result<Zone> {
        let zones = self.segments.iter().map(|segment| segment.meta().zone);
        zones.reduce(|all, zone| all.union(&zone)).ok_or_else(|| {
            let (table, partition) = (&schema.name, self.id.partition);
            Error::invalid(format!("there is nothing in partition {partition} of table `{table}`"))
        })
    }

    fn change(&self, schema: &TableSchema, zone: &Zone) -> PartitionChange {
        let metas = || self.segments.iter().map(|segment| segment.meta());
        let row_count = metas().map(|meta| u64::from(meta.row_count)).sum();
        let bytes = metas().map(|meta| meta.data_bytes + meta.index_bytes).sum();
        PartitionChange::new((&schema.name, self.id.partition), (row_count, bytes), zone)
    }
}
