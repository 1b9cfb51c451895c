//! Reads every byte of a segment and holds everything it says against everything else.
//!
//! Nothing is taken from the cache and nothing is put there. Checked are: every checksum; that all
//! pages decode; that each block's zone is that of its rows; that open rows come first, both
//! sections are in their order, and each row's end lies in the partition; and that the key
//! index names each row exactly once, under the hash of its key.

use arrow::array::{ArrayRef, RecordBatch};

use super::core::Core;
use super::place::Place;
use super::{BLOCK_ROWS, PeriodBlock, ROW_GROUP_ROWS, Segment};
use crate::codec::encode_keys;
use crate::error::{Error, ErrorKind, Result};
use crate::index::ZoneMapBuilder;
use crate::partition::PartitionFinder;

impl Segment {
    /// Reports every fault found in either file; an error is returned only where the disk refused
    /// to read.
    pub(crate) fn verify(&self, report: &mut dyn FnMut(Error)) -> Result<()> {
        let mut fault_count = 0;
        let mut counted = |error| {
            fault_count += 1;
            report(error);
        };
        let core = match self.open_core() {
            Ok(core) => core,
            Err(error) => return judge(Err(error), &mut counted),
        };
        for piece in 0..core.data.piece_count() {
            judge(core.data.read_pieces(piece, piece + 1).map(drop), &mut counted)?;
        }
        for page in 0..core.fixed.pages.len() {
            judge(core.key_page(page as u32).map(drop), &mut counted)?;
        }
        if fault_count == 0 {
            // A pass over damaged files would report the same damage once more.
            let result =
                self.verify_rows(&core).and_then(|hashes| self.verify_keys(&core, &hashes));
            judge(result, report)?;
        }
        Ok(())
    }

    /// Decodes everything, a row group at a time; gives the hash of each row's key.
    fn verify_rows(&self, core: &Core) -> Result<Vec<u64>> {
        let mut hashes = Vec::with_capacity(self.meta().row_count as usize);
        let columns: Vec<usize> = (0..self.schema().columns.len() + 4).collect();
        let blocks: Vec<u32> = (0..self.meta().block_count()).collect();
        let mut last = None;
        for group in blocks.chunks((ROW_GROUP_ROWS / BLOCK_ROWS) as usize) {
            let decoded = core.decode(group, &columns)?;
            for (block, batch) in group.iter().zip(&decoded.batches) {
                let fault = self.verify_block(core, *block, batch, &mut last, &mut hashes)?;
                if let Some(what) = fault {
                    let what = format!("block {block}: {what}");
                    return Err(Error::corrupt(core.data.path(), 0, what));
                }
            }
        }
        Ok(hashes)
    }

    fn verify_block(
        &self,
        core: &Core,
        block: u32,
        batch: &RecordBatch,
        last: &mut Option<Place>,
        hashes: &mut Vec<u64>,
    ) -> Result<Option<&'static str>> {
        let (columns, instants) = batch.columns().split_at(self.schema().columns.len());
        let Some(periods) = PeriodBlock::from_arrays(instants) else {
            return Ok(Some("the instants are not of microseconds"));
        };
        let Some(zone) = periods.zone(0, periods.len()) else {
            return Ok(Some("there are no rows"));
        };
        let mut expected = ZoneMapBuilder::new(columns.len());
        expected.push(zone, columns)?;
        let expected = expected.finish();
        let zones = &core.fixed.zones;
        let same = (0..columns.len())
            .all(|column| zones.column(block, column) == expected.column(0, column));
        if zones.blocks.get(block as usize) != Some(&zone) || !same {
            return Ok(Some("the zone map differs from the rows"));
        }
        let key: Vec<ArrayRef> = self.schema().key.iter().map(|at| columns[*at].clone()).collect();
        let keys = encode_keys(&key)?;
        let open_count = self.meta().open_count;
        let mut finder = PartitionFinder::new(self.schema().partition_width);
        for row in 0..periods.len() {
            let is_closed = block * BLOCK_ROWS + row as u32 >= open_count;
            if (periods.system_to[row] == i64::MAX) == is_closed {
                return Ok(Some("the count of open rows differs from the rows"));
            }
            if !self.meta().partition.may_hold_end(periods.end(row)) {
                return Ok(Some("a row belongs to another partition"));
            }
            let place = Place::new(&periods, row, &mut finder);
            if last.is_some_and(|last| last > place) {
                return Ok(Some("rows are not in their order"));
            }
            *last = Some(place);
            hashes.push(keys.hash(row));
        }
        Ok(None)
    }

    /// Holds the key index against the hashes of all rows.
    fn verify_keys(&self, core: &Core, hashes: &[u64]) -> Result<()> {
        let [_, path] = self.file_paths();
        let mut is_named = vec![false; hashes.len()];
        for section in [&core.fixed.open, &core.fixed.closed] {
            for number in section.pages() {
                let page = core.key_page(number)?;
                for row in (0..page.row_count()).map(|at| section.row_base() + page.row(at)) {
                    let Some(is_named) = is_named.get_mut(row as usize).filter(|named| !**named)
                    else {
                        let what = format!("the key index names row {row} twice or wrongly");
                        return Err(Error::corrupt(path, 0, what));
                    };
                    *is_named = true;
                }
            }
            let from = section.row_base() as usize;
            let own = from..from + section.row_count() as usize;
            let mut sorted = hashes[own.clone()].to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            let mut is_found = vec![false; hashes.len()];
            let source = Uncached(core);
            section.for_each_match(&sorted, &source, &mut |at, row| {
                if hashes.get(row as usize) == Some(&sorted[at]) {
                    is_found[row as usize] = true;
                }
            })?;
            if let Some(row) = own.clone().find(|row| !is_found[*row]) {
                let what = format!("the key index does not find row {row} by its key");
                return Err(Error::corrupt(path, 0, what));
            }
        }
        Ok(())
    }
}

/// Reports a corruption and goes on; other errors are returned.
fn judge(result: Result<()>, report: &mut dyn FnMut(Error)) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            report(error);
            Ok(())
        }
        other => other,
    }
}

/// Key pages straight from the file.
struct Uncached<'a>(&'a Core);

impl crate::index::PageSource for Uncached<'_> {
    fn page(&self, number: u32) -> Result<std::sync::Arc<crate::index::KeyPage>> {
        self.0.key_page(number).map(std::sync::Arc::new)
    }
}
