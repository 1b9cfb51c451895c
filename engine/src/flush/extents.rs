//! What cuts and rows cover in valid time, in a third of the memory.
//!
//! A flush holds the cuts of a key against every open row of the key in every segment: millions of times it reads what lies anywhere
//! in memory. So instants are kept here as numbers of 32 bits, in the order of the instants. Of two that are equal nothing is known;
//! whoever decides by them decides so that nothing is missed, and what is left is held against the instants themselves.

use std::ops::Range;

use crate::supersession::Cut;

/// So many cuts are looked at one by one; among more the place is searched.
const SCAN_COUNT_MAX: usize = 32;

/// How instants become numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// The earliest instant that has a number of its own ...
    base: i64,
    /// ... and how many bits less a number has than the difference to it.
    shift: u32,
}

/// A period, about: the numbers of its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    from: i32,
    to: i32,
}

/// The valid periods of some cuts, about.
#[derive(Debug)]
pub(super) struct Extents {
    scale: Scale,
    cuts: Vec<Extent>,
    /// What the cuts together cover, gaps included.
    whole: (i64, i64),
}

impl Scale {
    /// One that tells the bounds of these cuts apart as far as numbers can.
    fn of(cuts: &[Cut]) -> Scale {
        let bounds = || cuts.iter().flat_map(|cut| [cut.from, cut.to]);
        let is_instant = |bound: &i64| *bound != i64::MIN && *bound != i64::MAX;
        let base = bounds().filter(is_instant).min().unwrap_or(0);
        let last = bounds().filter(is_instant).max().unwrap_or(base);
        let bits = u64::BITS - last.abs_diff(base).leading_zeros();
        Scale { base, shift: bits.saturating_sub(i32::BITS - 2) }
    }

    fn number(self, instant: i64) -> i32 {
        if instant < self.base {
            return -1;
        }
        let difference = instant.abs_diff(self.base) >> self.shift;
        difference.min(i32::MAX as u64) as i32
    }

    pub(super) fn extent(self, from: i64, to: i64) -> Extent {
        Extent { from: self.number(from), to: self.number(to) }
    }
}

impl Extent {
    /// Overlaps nothing.
    pub(super) const NONE: Extent = Extent { from: i32::MAX, to: i32::MIN };

    /// Whether a period that this stands for may overlap one that the other stands for.
    fn may_overlap(self, other: Extent) -> bool {
        (self.from <= other.to) & (self.to >= other.from)
    }
}

impl Extents {
    pub(super) fn new(cuts: &[Cut]) -> Extents {
        let scale = Scale::of(cuts);
        let from = cuts.iter().map(|cut| cut.from).min().unwrap_or(i64::MAX);
        let to = cuts.iter().map(|cut| cut.to).max().unwrap_or(i64::MIN);
        let cuts = cuts.iter().map(|cut| scale.extent(cut.from, cut.to)).collect();
        Extents { scale, cuts, whole: (from, to) }
    }

    pub(super) fn scale(&self) -> Scale {
        self.scale
    }

    /// Whether a cut may overlap `[from, to)`.
    pub(super) fn may_meet(&self, from: i64, to: i64) -> bool {
        self.whole.0 < to && self.whole.1 > from
    }

    /// Those of some cuts that may overlap a row lie in the range that is returned. The cuts are named by their places, do not overlap
    /// one another and come in order. The range is empty, or begins behind its end, if there are none: mostly nothing here waits for
    /// what is read, so that a caller who does not either has many of these reads done at once.
    pub(super) fn near(&self, places: Range<u32>, row: Extent) -> Range<u32> {
        let cuts = &self.cuts[places.start as usize..places.end as usize];
        if cuts.len() > SCAN_COUNT_MAX {
            let before = cuts.partition_point(|cut| cut.to < row.from);
            let until = cuts.partition_point(|cut| cut.from <= row.to);
            return places.start + before as u32..places.start + until as u32;
        }
        let (mut first, mut end) = (u32::MAX, 0);
        for (at, cut) in (places.start..).zip(cuts) {
            let is_near = cut.may_overlap(row);
            first = first.min(if is_near { at } else { u32::MAX });
            end = if is_near { at + 1 } else { end };
        }
        first..end
    }

    /// Whether a cut may overlap a row.
    pub(super) fn is_near(&self, place: u32, row: Extent) -> bool {
        self.cuts[place as usize].may_overlap(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANTS: [i64; 9] = [i64::MIN, -7, 0, 1, 2, 1 << 40, (1 << 40) + 1, 1 << 57, i64::MAX];

    fn periods() -> impl Iterator<Item = (i64, i64)> {
        let all = INSTANTS.iter().flat_map(|from| INSTANTS.iter().map(|to| (*from, *to)));
        all.filter(|(from, to)| from < to)
    }

    /// Every cut that overlaps a period must be found, whatever lies around it.
    fn check(cuts: &[Cut], periods: impl Iterator<Item = (i64, i64)>) {
        let extents = Extents::new(cuts);
        for (from, to) in periods {
            let row = extents.scale().extent(from, to);
            let near = extents.near(0..cuts.len() as u32, row);
            for (at, cut) in (0..).zip(cuts) {
                let overlaps = cut.from < to && cut.to > from;
                let is_found = near.contains(&at) && extents.is_near(at, row);
                assert!(!overlaps || is_found, "{cut:?} and [{from}, {to})");
                assert!(!overlaps || extents.may_meet(from, to));
            }
        }
    }

    #[test]
    fn no_cut_that_overlaps_is_passed_over() {
        for (from, to) in periods() {
            check(&[Cut { at: 0, from, to }], periods());
        }
        let cuts = INSTANTS.windows(2).map(|pair| Cut { at: 0, from: pair[0], to: pair[1] });
        check(&cuts.collect::<Vec<_>>(), periods());
    }

    #[test]
    fn no_cut_of_many_is_passed_over() {
        let ends = |i: i64| [(i << 33) - 1, i << 33, (i << 33) + 1];
        let cuts = (0..100).map(|i| Cut { at: 0, from: i << 33, to: (i + 1 - i % 2) << 33 });
        let cuts: Vec<Cut> = cuts.filter(|cut| cut.from < cut.to).collect();
        let bounds = || (0..=100).step_by(7).flat_map(ends);
        let periods = bounds().flat_map(|from| bounds().map(move |to| (from, to)));
        check(&cuts, periods.filter(|(from, to)| from < to));
    }

    #[test]
    fn cuts_that_lie_elsewhere_are_passed_over() {
        let cut = |from: i64, to: i64| Cut { at: 0, from: from << 32, to: to << 32 };
        let extents = Extents::new(&[cut(1, 2), cut(5, 6), cut(6, 7), cut(8, 9)]);
        let row = |from: i64, to: i64| extents.scale().extent(from << 32, to << 32);
        assert_eq!(extents.near(0..4, row(5, 6)), 1..3);
        assert!(!extents.is_near(3, row(5, 6)));
        assert!(extents.near(2..4, row(3, 4)).is_empty());
        assert!(Extents::new(&[]).near(0..0, row(0, 1)).is_empty());
    }
}
