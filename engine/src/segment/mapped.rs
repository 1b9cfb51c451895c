//! A segment as another entry of its table shows it, mostly a later one; see [`SchemaMapping`].
//!
//! What is kept in memory is what is stored, so that readers with different entries share it. Where the entry is that of the segment
//! nothing is mapped, and this costs nothing.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::{ColumnZone, Segment, ZoneMap};
use crate::error::Result;
use crate::schema::{SchemaMapping, StoredColumn, TableSchema};

/// Where the zones of a column are that some entry of the table has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ZoneColumn {
    /// At this position of the zone map.
    Same(usize),
    /// There, of values in other units: they tell of NULL and of nothing else.
    OtherUnits(usize),
    /// The same for every block.
    Constant(ColumnZone),
}

impl ZoneColumn {
    /// What is known of the column in a block.
    pub(crate) fn zone(&self, zones: &ZoneMap, block: u32) -> ColumnZone {
        match self {
            ZoneColumn::Same(at) => *zones.column(block, *at),
            ZoneColumn::OtherUnits(at) => {
                ColumnZone { min: 0, max: u64::MAX, ..*zones.column(block, *at) }
            }
            ZoneColumn::Constant(zone) => *zone,
        }
    }
}

impl Segment {
    /// Columns of an entry of the table by position, of blocks in strictly ascending order: `[block][column]` in the orders asked for.
    pub(crate) fn columns(
        &self,
        shown: &TableSchema,
        blocks: &[u32],
        columns: &[usize],
    ) -> Result<Vec<Vec<ArrayRef>>> {
        let Some(mapping) = self.mapping_to(shown) else {
            return self.stored_columns(blocks, columns);
        };
        let position = |column: &usize| match mapping.stored(*column) {
            StoredColumn::Same(at) | StoredColumn::Narrower(at) => Some(at),
            StoredColumn::Absent => None,
        };
        let wanted: Vec<usize> = columns.iter().filter_map(position).collect();
        let stored = self.stored_columns(blocks, &wanted)?;
        let mut found = Vec::with_capacity(blocks.len());
        for (block, stored) in blocks.iter().zip(stored) {
            let mut stored = stored.into_iter();
            let mut row = Vec::with_capacity(columns.len());
            for column in columns {
                let entry = &shown.columns[*column];
                row.extend(match mapping.stored(*column) {
                    StoredColumn::Absent => Some(entry.absent(self.block_len(*block))?),
                    StoredColumn::Same(_) => stored.next(),
                    StoredColumn::Narrower(_) => {
                        stored.next().map(|values| entry.widen(&values)).transpose()?
                    }
                });
            }
            found.push(row);
        }
        Ok(found)
    }

    /// Where the zones of a column are, by its position in an entry of the table.
    pub(crate) fn zone_column(&self, shown: &TableSchema, column: usize) -> Result<ZoneColumn> {
        let Some(mapping) = self.mapping_to(shown) else { return Ok(ZoneColumn::Same(column)) };
        let entry = &shown.columns[column];
        Ok(match mapping.stored(column) {
            StoredColumn::Same(at) => ZoneColumn::Same(at),
            StoredColumn::Narrower(at) => {
                let stored = self.schema().columns[at].data_type;
                match stored.keeps_prefixes(entry.data_type) {
                    true => ZoneColumn::Same(at),
                    false => ZoneColumn::OtherUnits(at),
                }
            }
            StoredColumn::Absent => ZoneColumn::Constant(ColumnZone::of(&entry.absent(1)?)?),
        })
    }

    /// How another entry than its own sees the columns. Nearly all readers have the same, so one mapping is kept.
    fn mapping_to(&self, shown: &TableSchema) -> Option<Arc<SchemaMapping>> {
        if shown.version == self.schema().version {
            return None;
        }
        let known = self.mapping.read().clone();
        if let Some(known) = known.filter(|known| known.version == shown.version) {
            return Some(known);
        }
        let mapping = Arc::new(SchemaMapping::new(self.schema(), shown));
        *self.mapping.write() = Some(mapping.clone());
        Some(mapping)
    }
}
