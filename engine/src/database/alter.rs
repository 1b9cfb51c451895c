//! Changes of tables: an edit of the manifest, and nothing else.
//!
//! No row is read or written, in memory, log or segments: every row tells with which entry of its table it was stored, and readers map
//! it to the entry of their snapshot. The edit is durable before the entry is shown to anybody, so the log never has rows of an entry
//! that the manifest lacks, whatever power cut comes in between; no commit, flush or compaction has to wait or to be begun anew.

use std::sync::Arc;

use super::inner::Inner;
use crate::error::Result;
use crate::manifest::Edit;
use crate::schema::{TableChange, TableSchema};

impl Inner {
    pub(super) fn alter_table(
        &self,
        table: &str,
        change: &TableChange,
    ) -> Result<Arc<TableSchema>> {
        let mut manifest = self.manifest.lock();
        self.check_open()?;
        let before = self.shared.lock().state.version.table_by_name(table)?.schema.clone();
        let Some(schema) = before.changed(change)? else { return Ok(before) };
        if let TableChange::DropColumn(column) = change {
            let mut holds = manifest.state.holds.values();
            if let Some(hold) = holds.find(|hold| hold.table == before.id) {
                return Err(hold.refusal(&format!("column `{column}` of table `{table}`")));
            }
        }
        let of_table = manifest.state.indexes.values().filter(|index| index.table == before.id);
        let lost = of_table.filter(|index| index.position_in(&schema).is_none());
        let indexes_dropped = lost.map(|index| index.id).collect();
        let edit = Edit { tables: vec![schema], indexes_dropped, ..Edit::default() };
        self.install(&mut manifest, &edit, None)?;
        let state = self.shared.lock().state.clone();
        Ok(state.version.table(before.id)?.schema.clone())
    }
}
