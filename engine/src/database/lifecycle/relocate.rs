//! A partition that is detached goes on: into an archive, or away.

use std::sync::Arc;

use super::audit::{Auditor, text_of};
use super::change::PartitionChange;
use super::depart::{departure_entry, gone};
use super::departure::Departure;
use super::found::Found;
use crate::archive::{finish, remove_folder};
use crate::database::inner::Inner;
use crate::error::{Error, Result};
use crate::manifest::{Edit, PartitionId, SealedEntry};
use crate::partition::{Partition, PartitionState};
use crate::schema::TableSchema;
use crate::segment::Segment;
use crate::version::Files;

impl Inner {
    /// Archives or drops a partition that is detached.
    pub(super) fn depart_sealed(
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
            finish(self.files.disk.as_ref(), &self.files.place(&folder));
        }
        remove_folder(self.files.disk.as_ref(), &self.files.dir.join(local)).map_err(gone)?;
        Ok(change)
    }

    /// An error unless a partition that has left is detached, and may be archived or dropped.
    pub(super) fn check_may_go_on(
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
