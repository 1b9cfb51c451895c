//! What the edits add up to, as plain data: no file is open here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::audit::AuditEntry;
use super::edit::{Edit, TableProgress};
use super::erasure::ErasureEntry;
use super::index::IndexEntry;
use super::retention::{HoldEntry, HoldId, RetentionEntry};
use super::sealed::{PartitionId, SealedEntry};
use crate::bitmap::{BitmapMeta, IndexId};
use crate::codec::Secret;
use crate::error::{Error, Result};
use crate::schema::{TableId, TableSchema};
use crate::segment::{SegmentId, SegmentMeta};
use crate::supersession::SupersessionMeta;

/// The state of the manifest after some edits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ManifestState {
    pub(crate) database_id: u128,
    pub(crate) tables: BTreeMap<TableId, TableState>,
    pub(crate) segments: BTreeMap<SegmentId, SegmentMeta>,
    /// Files of which at least one section concerns a segment that is part of the database.
    pub(crate) supersessions: BTreeMap<u64, SupersessionMeta>,
    pub(crate) indexes: BTreeMap<IndexId, IndexEntry>,
    /// Of segments and indexes that are part of the database.
    pub(crate) bitmaps: BTreeMap<(SegmentId, IndexId), BitmapMeta>,
    pub(crate) wal_file: u64,
    pub(crate) wal_file_newest: u64,
    pub(crate) wal_frame_count: u64,
    pub(crate) commit_number: u64,
    pub(crate) next_file_id: u64,
    pub(crate) answered_us: i64,
    pub(crate) erasure_secret: Option<Secret>,
    /// In their order. Shared, because every edit copies the state and nobody changes a record.
    pub(crate) erasures: Vec<Arc<ErasureEntry>>,
    /// Partitions that are not part of the database.
    pub(crate) sealed: BTreeMap<PartitionId, Arc<SealedEntry>>,
    /// Those of tables that are not kept for ever.
    pub(crate) retentions: BTreeMap<TableId, RetentionEntry>,
    pub(crate) holds: BTreeMap<HoldId, Arc<HoldEntry>>,
    /// In their order.
    pub(crate) audit: Vec<Arc<AuditEntry>>,
    /// Which restore made the database, if one did.
    pub(crate) branch: Option<u128>,
    /// The folders that hold backups of the database.
    pub(crate) backups: BTreeSet<String>,
}

/// A table in the manifest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableState {
    pub(crate) schema: TableSchema,
    /// The entries that it has had before, as far as stored rows may have them; oldest first. Shared, because every edit copies the
    /// state.
    pub(crate) older: Vec<Arc<TableSchema>>,
    pub(crate) last_system_us: i64,
    pub(crate) next_event_id: i64,
}

impl Default for ManifestState {
    fn default() -> ManifestState {
        ManifestState {
            database_id: 0,
            tables: BTreeMap::new(),
            segments: BTreeMap::new(),
            supersessions: BTreeMap::new(),
            indexes: BTreeMap::new(),
            bitmaps: BTreeMap::new(),
            wal_file: 1,
            wal_file_newest: 1,
            wal_frame_count: 0,
            commit_number: 0,
            next_file_id: 1,
            answered_us: i64::MIN,
            erasure_secret: None,
            erasures: Vec::new(),
            sealed: BTreeMap::new(),
            retentions: BTreeMap::new(),
            holds: BTreeMap::new(),
            audit: Vec::new(),
            branch: None,
            backups: BTreeSet::new(),
        }
    }
}

impl ManifestState {
    /// Applies an edit; an error says what in it contradicts the edits before it.
    pub(crate) fn apply(&mut self, edit: &Edit) -> Result<(), String> {
        if let Some(text) = &edit.database_id {
            self.database_id = number_of(text, "a database's")?;
        }
        if let Some(text) = &edit.branch {
            self.branch = Some(number_of(text, "a branch's")?);
        }
        edit.tables.iter().try_for_each(|schema| self.apply_table(schema))?;
        for id in &edit.segments_removed {
            let removed = self.segments.remove(id);
            removed.ok_or_else(|| format!("it removes segment {id}, which is not there"))?;
        }
        for meta in &edit.segments_added {
            let Some(table) = self.tables.get(&meta.table) else {
                return Err(format!("segment {} belongs to no table", meta.id));
            };
            if table.schemas().all(|schema| schema.version != meta.schema_version) {
                let (id, version) = (meta.id, meta.schema_version);
                return Err(format!("segment {id} has version {version} of a table without it"));
            }
            if self.segments.insert(meta.id, meta.clone()).is_some() {
                return Err(format!("it adds segment {}, which is there already", meta.id));
            }
        }
        for meta in &edit.supersessions_added {
            self.supersessions.insert(meta.id, meta.clone());
        }
        let segments = &self.segments;
        self.supersessions.retain(|_, meta| meta.concerns(|id| segments.contains_key(&id)));
        self.apply_indexes(edit)?;
        for progress in &edit.progress {
            let table = self.tables.get_mut(&progress.table);
            let table = table.ok_or_else(|| format!("there is no table {}", progress.table))?;
            table.last_system_us = table.last_system_us.max(progress.last_system_us);
            table.next_event_id = table.next_event_id.max(progress.next_event_id);
        }
        for erasure in &edit.erasures {
            let (number, expected) = (erasure.number, self.next_erasure());
            if number != expected || !self.tables.contains_key(&erasure.table) {
                return Err(format!("erasure {number} is not erasure {expected} of a table"));
            }
            self.erasures.push(Arc::new(erasure.clone()));
        }
        self.apply_life(edit)?;
        self.backups.retain(|path| !edit.backups_removed.contains(path));
        self.backups.extend(edit.backups_added.iter().cloned());
        self.erasure_secret = edit.erasure_secret.clone().or(self.erasure_secret.take());
        self.wal_file = edit.wal_file.unwrap_or(self.wal_file);
        let newest = edit.wal_file_newest.unwrap_or(self.wal_file_newest);
        self.wal_file_newest = newest.max(self.wal_file);
        self.wal_frame_count = edit.wal_frame_count.unwrap_or(self.wal_frame_count);
        self.commit_number = edit.commit_number.unwrap_or(self.commit_number);
        // Edits are put together side by side, and one that was begun earlier may come later.
        self.next_file_id = edit.next_file_id.unwrap_or(0).max(self.next_file_id);
        self.answered_us = edit.answered_us.unwrap_or(self.answered_us).max(self.answered_us);
        Ok(())
    }

    fn apply_indexes(&mut self, edit: &Edit) -> Result<(), String> {
        for id in &edit.indexes_dropped {
            let dropped = self.indexes.remove(id);
            dropped.ok_or_else(|| format!("it drops index {id}, which is not there"))?;
        }
        for index in &edit.indexes_added {
            let table = self.tables.get(&index.table);
            if table.and_then(|table| index.position_in(&table.schema)).is_none() {
                return Err(format!("index `{}` is of no column", index.name));
            }
            let is_taken = self.indexes.values().any(|other| other.name == index.name);
            if is_taken || self.indexes.insert(index.id, index.clone()).is_some() {
                return Err(format!("it adds index `{}`, which is there already", index.name));
            }
        }
        let (segments, indexes) = (&self.segments, &self.indexes);
        let is_there = |segment: &SegmentId, index: &IndexId| {
            segments.contains_key(segment) && indexes.contains_key(index)
        };
        self.bitmaps.retain(|(segment, index), _| is_there(segment, index));
        for meta in &edit.bitmaps_added {
            let (segment, index) = (meta.segment, meta.index);
            if !is_there(&segment, &index) || meta.fixed_bytes > meta.bytes {
                return Err(format!(
                    "the bitmaps of segment {segment} for index {index} cannot be"
                ));
            }
            if self.bitmaps.insert((segment, index), meta.clone()).is_some() {
                return Err(format!("segment {segment} has bitmaps for index {index} already"));
            }
        }
        Ok(())
    }

    /// What an edit says of partitions that leave and come back, of retention and of holds.
    fn apply_life(&mut self, edit: &Edit) -> Result<(), String> {
        for id in &edit.partitions_attached {
            let sealed = self.sealed.remove(id).filter(|sealed| sealed.state.is_attachable());
            sealed.ok_or_else(|| format!("partition {} is not detached", id.partition))?;
        }
        for sealed in &edit.partitions_sealed {
            let id = sealed.id();
            let is_there =
                |meta: &SegmentMeta| (meta.table, meta.partition) == (id.table, id.partition);
            if !self.tables.contains_key(&id.table) || self.segments.values().any(is_there) {
                return Err(format!("partition {} leaves and has segments", id.partition));
            }
            self.sealed.insert(id, Arc::new(sealed.clone()));
        }
        let in_sealed = |meta: &SegmentMeta| {
            let id = PartitionId { table: meta.table, partition: meta.partition };
            self.sealed.contains_key(&id)
        };
        if let Some(meta) = edit.segments_added.iter().find(|meta| in_sealed(meta)) {
            return Err(format!(
                "segment {} is in partition {}, which is sealed",
                meta.id, meta.partition
            ));
        }
        for retention in &edit.retentions {
            self.retentions.insert(retention.table, retention.clone());
        }
        self.retentions.retain(|_, retention| retention.policy.is_some());
        for id in &edit.holds_released {
            self.holds.remove(id).ok_or_else(|| format!("there is no hold `{}`", id.name))?;
        }
        for hold in &edit.holds_placed {
            let id = HoldId { table: hold.table, name: hold.name.clone() };
            self.holds.insert(id, Arc::new(hold.clone()));
        }
        for entry in &edit.audit {
            if entry.number != self.next_audit() {
                return Err(format!("entry {} of the audit is out of order", entry.number));
            }
            self.audit.push(Arc::new(entry.clone()));
        }
        Ok(())
    }

    /// The one edit that makes this state from nothing.
    pub(crate) fn as_edit(&self) -> Edit {
        let progress = self.tables.iter().map(|(id, table)| TableProgress {
            table: *id,
            last_system_us: table.last_system_us,
            next_event_id: table.next_event_id,
        });
        Edit {
            database_id: Some(format!("{:032x}", self.database_id)),
            tables: self.tables.values().flat_map(TableState::schemas).cloned().collect(),
            segments_added: self.segments.values().cloned().collect(),
            segments_removed: Vec::new(),
            supersessions_added: self.supersessions.values().cloned().collect(),
            indexes_dropped: Vec::new(),
            indexes_added: self.indexes.values().cloned().collect(),
            bitmaps_added: self.bitmaps.values().cloned().collect(),
            progress: progress.collect(),
            wal_file: Some(self.wal_file),
            wal_file_newest: Some(self.wal_file_newest),
            wal_frame_count: Some(self.wal_frame_count),
            commit_number: Some(self.commit_number),
            next_file_id: Some(self.next_file_id),
            answered_us: Some(self.answered_us),
            erasure_secret: self.erasure_secret.clone(),
            erasures: self.erasures.iter().map(|erasure| (**erasure).clone()).collect(),
            partitions_sealed: self.sealed.values().map(|sealed| (**sealed).clone()).collect(),
            partitions_attached: Vec::new(),
            retentions: self.retentions.values().cloned().collect(),
            holds_placed: self.holds.values().map(|hold| (**hold).clone()).collect(),
            holds_released: Vec::new(),
            audit: self.audit.iter().map(|entry| (**entry).clone()).collect(),
            branch: self.branch.map(|branch| format!("{branch:032x}")),
            backups_added: self.backups.iter().cloned().collect(),
            backups_removed: Vec::new(),
        }
    }

    /// The number that the next entry of the audit gets.
    pub(crate) fn next_audit(&self) -> u64 {
        self.audit.len() as u64 + 1
    }

    /// The number that the next erasure gets.
    pub(crate) fn next_erasure(&self) -> u64 {
        self.erasures.len() as u64 + 1
    }

    /// The number that the next table gets.
    pub(crate) fn next_table_id(&self) -> Result<TableId> {
        let last = self.tables.keys().next_back().copied().unwrap_or(0);
        last.checked_add(1).ok_or_else(|| Error::exhausted("there are no table numbers left"))
    }
}

fn number_of(text: &str, whose: &str) -> Result<u128, String> {
    u128::from_str_radix(text, 16).map_err(|_| format!("`{text}` is not {whose} number"))
}
