//! What the edits add up to, as plain data: no file is open here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::edit::{Edit, TableProgress};
use super::erasure::ErasureEntry;
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
    pub(crate) wal_file: u64,
    pub(crate) wal_file_newest: u64,
    pub(crate) wal_frame_count: u64,
    pub(crate) commit_number: u64,
    pub(crate) next_file_id: u64,
    pub(crate) answered_us: i64,
    pub(crate) erasure_secret: Option<Secret>,
    /// In their order. Shared, because every edit copies the state and nobody changes a record.
    pub(crate) erasures: Vec<Arc<ErasureEntry>>,
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
            wal_file: 1,
            wal_file_newest: 1,
            wal_frame_count: 0,
            commit_number: 0,
            next_file_id: 1,
            answered_us: i64::MIN,
            erasure_secret: None,
            erasures: Vec::new(),
        }
    }
}

impl ManifestState {
    /// Applies an edit; an error says what in it contradicts the edits before it.
    pub(crate) fn apply(&mut self, edit: &Edit) -> Result<(), String> {
        if let Some(text) = &edit.database_id {
            let id = u128::from_str_radix(text, 16);
            self.database_id = id.map_err(|_| format!("`{text}` is not a database's number"))?;
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
        self.erasure_secret = edit.erasure_secret.clone().or(self.erasure_secret.take());
        self.wal_file = edit.wal_file.unwrap_or(self.wal_file);
        let newest = edit.wal_file_newest.unwrap_or(self.wal_file_newest);
        self.wal_file_newest = newest.max(self.wal_file);
        self.wal_frame_count = edit.wal_frame_count.unwrap_or(self.wal_frame_count);
        self.commit_number = edit.commit_number.unwrap_or(self.commit_number);
        self.next_file_id = edit.next_file_id.unwrap_or(self.next_file_id);
        self.answered_us = edit.answered_us.unwrap_or(self.answered_us).max(self.answered_us);
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
            progress: progress.collect(),
            wal_file: Some(self.wal_file),
            wal_file_newest: Some(self.wal_file_newest),
            wal_frame_count: Some(self.wal_frame_count),
            commit_number: Some(self.commit_number),
            next_file_id: Some(self.next_file_id),
            answered_us: Some(self.answered_us),
            erasure_secret: self.erasure_secret.clone(),
            erasures: self.erasures.iter().map(|erasure| (**erasure).clone()).collect(),
        }
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
