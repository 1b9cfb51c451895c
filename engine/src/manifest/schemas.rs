//! The entries that a table has had: rows that were stored with an earlier one are read with it.
//!
//! An entry with a greater version takes the place of the one before, which stays. So an edit that has all of them, oldest first, makes
//! the same history again.

use std::collections::HashSet;
use std::sync::Arc;

use super::state::{ManifestState, TableState};
use crate::schema::{TableId, TableSchema};

impl TableState {
    /// All entries, oldest first; the last is the one in force.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = &TableSchema> {
        self.older.iter().map(AsRef::as_ref).chain([&self.schema])
    }
}

impl ManifestState {
    /// Makes a table, or replaces its entry by one that is as new or newer; an error says what contradicts the entries before.
    pub(super) fn apply_table(&mut self, schema: &TableSchema) -> Result<(), String> {
        schema.judge()?;
        let Some(table) = self.tables.get_mut(&schema.id) else {
            let (older, last_system_us, next_event_id) = (Vec::new(), i64::MIN, 1);
            let state = TableState { schema: schema.clone(), older, last_system_us, next_event_id };
            self.tables.insert(schema.id, state);
            return Ok(());
        };
        let (version, before) = (schema.version, table.schema.version);
        if version < before {
            return Err(format!(
                "version {version} of table {} follows version {before}",
                schema.id
            ));
        }
        let replaced = std::mem::replace(&mut table.schema, schema.clone());
        if version > before {
            table.older.push(Arc::new(replaced));
        }
        Ok(())
    }

    /// Forgets the older entries that neither a segment has nor rows of the log, of which `logged` names the tables and versions. Only
    /// while nobody can write rows with an older entry any more.
    pub(crate) fn forget_schemas(&mut self, logged: &HashSet<(TableId, u32)>) {
        // Those of partitions that can come back, too.
        let sealed = self.sealed.values().flat_map(|sealed| &sealed.segments);
        let segments = self.segments.values().chain(sealed);
        let segments = segments.map(|meta| (meta.table, meta.schema_version));
        let used: HashSet<(TableId, u32)> = segments.chain(logged.iter().copied()).collect();
        for table in self.tables.values_mut() {
            table.older.retain(|schema| used.contains(&(schema.id, schema.version)));
        }
    }
}
