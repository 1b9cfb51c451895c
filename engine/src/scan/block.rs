//! The selected rows of one block of a segment.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::bitmap::retain;
use super::bounds::{Bounds, Selection, ZoneVerdict};
use crate::error::Result;
use crate::memtable::{ByKey, Mask};
use crate::segment::{BLOCK_ROWS, PeriodBlock, Segment};
use crate::supersession::{Cut, SupersessionSet, carve};
use crate::time::Rect;

/// What unflushed assertions do to the rows of segments.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// Nothing.
    None,
    /// At one instant of both times, they decide some keys.
    Mask(Mask),
    /// They cut rows.
    Cuts(ByKey),
}

/// Selected rows of a block, ascending; a row appears once for each selected version that it stands for.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    pub(crate) rows: Vec<u32>,
    /// The versions, where they were asked for; otherwise empty.
    pub(crate) rects: Vec<Rect>,
}

/// Selects rows of one segment.
pub(crate) struct BlockSelector<'a> {
    pub(crate) segment: &'a Arc<Segment>,
    pub(crate) cuts: &'a SupersessionSet,
    pub(crate) selection: &'a Selection,
    pub(crate) overlay: &'a Overlay,
    pub(crate) needs_rects: bool,
    /// The rows of the segment that indexes leave; all of them if they tell of none.
    pub(crate) candidates: Option<&'a RoaringBitmap>,
}

impl BlockSelector<'_> {
    /// `verdict` is that of the block's zone map on the selection of whole rows.
    pub(crate) fn select(&self, block: u32, verdict: ZoneVerdict) -> Result<Selected> {
        let periods = self.segment.periods(block)?;
        let whole = self.selection.of_whole();
        let mut rows = Vec::new();
        match verdict {
            ZoneVerdict::None => return Ok(Selected::default()),
            ZoneVerdict::All => rows.extend(0..periods.len() as u32),
            ZoneVerdict::Some => select_rows(&periods, &whole, &mut rows),
        }
        if let Some(candidates) = self.candidates {
            retain(&mut rows, candidates, block * BLOCK_ROWS);
        }
        match (self.selection.point, self.needs_rects) {
            (Some(point), false) => self.select_at(block, rows, point),
            _ => self.select_versions(block, &periods, rows),
        }
    }

    /// At one instant of both times, a cut or a deciding assertion hides a row, and that is all there is to know.
    fn select_at(
        &self,
        block: u32,
        mut rows: Vec<u32>,
        (system, valid): (i64, i64),
    ) -> Result<Selected> {
        let first = block * BLOCK_ROWS;
        let hides = |cut: &Cut| cut.at <= system && cut.from <= valid && valid < cut.to;
        let mut hidden = self.cuts.within(first, first + BLOCK_ROWS);
        let mut next = hidden.next();
        if next.is_some() {
            rows.retain(|row| {
                while next.is_some_and(|(other, _)| other < first + row) {
                    next = hidden.next();
                }
                !next.is_some_and(|(other, cuts)| other == first + row && cuts.iter().any(hides))
            });
        }
        if let Overlay::Mask(mask) = self.overlay {
            let keys = self.segment.keys_of(block, &rows)?;
            let mut at = 0;
            rows.retain(|_| {
                let is_decided = mask.decides(keys.hash(at), keys.get(at));
                at += 1;
                !is_decided
            });
        }
        Ok(Selected { rows, rects: Vec::new() })
    }

    fn select_versions(
        &self,
        block: u32,
        periods: &PeriodBlock,
        rows: Vec<u32>,
    ) -> Result<Selected> {
        let keys = match self.overlay {
            Overlay::Cuts(by_key) => Some((by_key, self.segment.keys_of(block, &rows)?)),
            _ => None,
        };
        let first = block * BLOCK_ROWS;
        let mut with_cuts = self.cuts.within(first, first + BLOCK_ROWS).peekable();
        let mut selected = Selected::default();
        let mut all_cuts: Vec<Cut> = Vec::new();
        for (at, row) in rows.into_iter().enumerate() {
            let rect = periods.rect(row as usize);
            all_cuts.clear();
            while with_cuts.next_if(|(other, _)| *other < first + row).is_some() {}
            if let Some((_, cuts)) = with_cuts.next_if(|(other, _)| *other == first + row) {
                all_cuts.extend_from_slice(cuts);
            }
            if let Some((by_key, keys)) = keys.as_ref().filter(|_| rect.is_open()) {
                all_cuts.extend(by_key.cuts_of(keys.hash(at), keys.get(at)));
            }
            carve(rect, all_cuts.iter().copied(), &mut |version| {
                if self.selection.selects(&version) {
                    selected.rows.push(row);
                    selected.rects.push(version);
                }
            });
        }
        Ok(selected)
    }
}

/// Appends the rows that meet the bounds. Without branches, since hits are scattered.
fn select_rows(periods: &PeriodBlock, selection: &Selection, rows: &mut Vec<u32>) {
    let len = periods.len();
    rows.resize(len, 0);
    let within = |bounds: &Bounds, from: i64, to: i64| {
        (from >= bounds.from_min)
            & (from <= bounds.from_max)
            & (to >= bounds.to_min)
            & (to <= bounds.to_max)
    };
    let valid = periods.valid_from.iter().zip(periods.valid_to.iter());
    let system = periods.system_from.iter().zip(periods.system_to.iter());
    let mut count = 0;
    for (row, ((valid_from, valid_to), (system_from, system_to))) in (0..).zip(valid.zip(system)) {
        rows[count] = row;
        let is_selected = within(&selection.valid, *valid_from, *valid_to)
            & within(&selection.system, *system_from, *system_to);
        count += usize::from(is_selected);
    }
    rows.truncate(count);
}
