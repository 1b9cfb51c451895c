//! Clauses on both axes as bounds on the four period instants.

use super::clause::Clause;
use crate::segment::Zone;
use crate::time::{Axis, Rect, System, Valid};

/// A conjunction of bounds, all inclusive, on the start and the end of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) from_min: i64,
    pub(crate) from_max: i64,
    pub(crate) to_min: i64,
    pub(crate) to_max: i64,
}

/// How the rows of a zone relate to a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ZoneVerdict {
    /// None of them can be selected.
    None,
    /// Some may be.
    Some,
    /// All of them are.
    All,
}

/// Why no row of a zone can be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrunedBy {
    /// None meets the bounds on valid time.
    ValidTime,
    /// None meets those on system time.
    SystemTime,
    /// None meets both.
    Both,
}

impl Bounds {
    pub(crate) const ANY: Bounds =
        Bounds { from_min: i64::MIN, from_max: i64::MAX, to_min: i64::MIN, to_max: i64::MAX };

    /// The exact meaning of a clause.
    fn of<A: Axis>(clause: &Clause<A>) -> Bounds {
        // `to > a` is `to >= a + 1`; no period ends at MIN, so that saturating loses nothing. Likewise `from < b` at MIN.
        let after = |a: i64| a.saturating_add(1);
        let before = |b: i64| b.saturating_sub(1);
        match *clause {
            Clause::AsOf(x) => {
                Bounds { from_max: x.micros(), to_min: after(x.micros()), ..Bounds::ANY }
            }
            Clause::FromTo(a, b) => {
                Bounds { from_max: before(b.micros()), to_min: after(a.micros()), ..Bounds::ANY }
            }
            Clause::Between(a, b) => {
                Bounds { from_max: b.micros(), to_min: after(a.micros()), ..Bounds::ANY }
            }
            Clause::ContainedIn(a, b) => {
                Bounds { from_min: a.micros(), to_max: b.micros(), ..Bounds::ANY }
            }
            Clause::All => Bounds::ANY,
        }
    }

    /// Bounds that a row meets if any part of it can meet `self`: a part starts no earlier and ends no later than the row.
    fn of_whole(&self) -> Bounds {
        let before = |b: i64| if b == i64::MAX { b } else { b - 1 };
        let after = |a: i64| if a == i64::MIN { a } else { a + 1 };
        Bounds {
            from_min: i64::MIN,
            from_max: self.from_max.min(before(self.to_max)),
            to_min: self.to_min.max(after(self.from_min)),
            to_max: i64::MAX,
        }
    }

    fn holds(&self, from: i64, to: i64) -> bool {
        self.from_min <= from && from <= self.from_max && self.to_min <= to && to <= self.to_max
    }

    fn judge(&self, from: (i64, i64), to: (i64, i64)) -> ZoneVerdict {
        let none = from.1 < self.from_min
            || from.0 > self.from_max
            || to.1 < self.to_min
            || to.0 > self.to_max;
        if none {
            return ZoneVerdict::None;
        }
        if self.holds(from.0, to.0) && self.holds(from.1, to.1) {
            return ZoneVerdict::All;
        }
        ZoneVerdict::Some
    }
}

/// What is selected on both axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    pub(crate) valid: Bounds,
    pub(crate) system: Bounds,
    /// The point (system, valid) if both clauses are AS OF.
    pub(crate) point: Option<(i64, i64)>,
}

impl Selection {
    pub(crate) fn new(valid: &Clause<Valid>, system: &Clause<System>) -> Selection {
        let point = match (valid, system) {
            (Clause::AsOf(valid), Clause::AsOf(system)) => Some((system.micros(), valid.micros())),
            _ => None,
        };
        Selection { valid: Bounds::of(valid), system: Bounds::of(system), point }
    }

    /// A selection of rows that holds every row of which some part, after cuts, is selected.
    pub(crate) fn of_whole(&self) -> Selection {
        Selection { valid: self.valid.of_whole(), system: self.system.of_whole(), ..*self }
    }

    pub(crate) fn selects(&self, rect: &Rect) -> bool {
        self.valid.holds(rect.valid_from, rect.valid_to)
            && self.system.holds(rect.system_from, rect.system_to)
    }

    /// What bounds on all four instants say of a zone, and beyond them: a row is selected only if both its ends come late enough,
    /// so the earlier of them does, and likewise both its starts. That is what tells a partition of the past from one that
    /// the present can see, though each holds rows that are open on one axis.
    pub(crate) fn judge(&self, zone: &Zone) -> ZoneVerdict {
        self.prune(zone).unwrap_or(ZoneVerdict::None)
    }

    /// The same, and by what the rows of a zone are ruled out: by the first that rules them out in the order of [`PrunedBy`].
    pub(crate) fn prune(&self, zone: &Zone) -> Result<ZoneVerdict, PrunedBy> {
        let valid = self.valid.judge(zone.valid_from, zone.valid_to);
        if valid == ZoneVerdict::None {
            return Err(PrunedBy::ValidTime);
        }
        let system = self.system.judge(zone.system_from, zone.system_to);
        if system == ZoneVerdict::None {
            return Err(PrunedBy::SystemTime);
        }
        let end_min = self.valid.to_min.min(self.system.to_min);
        let start_max = self.valid.from_max.max(self.system.from_max);
        if zone.end.1 < end_min || zone.start.0 > start_max {
            return Err(PrunedBy::Both);
        }
        let is_all = (valid, system) == (ZoneVerdict::All, ZoneVerdict::All);
        Ok(if is_all { ZoneVerdict::All } else { ZoneVerdict::Some })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{SystemTime, ValidTime};

    fn check(clause: Clause<Valid>, from: i64, to: i64, expect: bool) {
        let selection = Selection::new(&clause, &Clause::All);
        let rect = Rect { valid_from: from, valid_to: to, system_from: 0, system_to: i64::MAX };
        assert_eq!(selection.selects(&rect), expect, "{clause:?} on [{from}, {to})");
        if expect {
            assert!(selection.of_whole().selects(&rect), "{clause:?} on [{from}, {to})");
        }
    }

    #[test]
    fn clauses_mean_what_the_contract_says_at_their_boundaries() {
        let at = ValidTime::from_micros;
        check(Clause::AsOf(at(5)), 5, 6, true);
        check(Clause::AsOf(at(5)), 4, 5, false);
        check(Clause::AsOf(at(5)), 6, 7, false);
        check(Clause::AsOf(at(5)), i64::MIN, i64::MAX, true);
        check(Clause::FromTo(at(5), at(9)), 9, 10, false);
        check(Clause::FromTo(at(5), at(9)), 8, 10, true);
        check(Clause::FromTo(at(5), at(9)), 4, 5, false);
        check(Clause::FromTo(at(5), at(9)), 4, 6, true);
        check(Clause::FromTo(ValidTime::MIN, ValidTime::MAX), i64::MIN, i64::MAX, true);
        check(Clause::Between(at(5), at(9)), 9, 10, true);
        check(Clause::Between(at(5), at(9)), 10, 11, false);
        check(Clause::Between(at(5), at(5)), 4, 5, false);
        check(Clause::ContainedIn(at(5), at(9)), 5, 9, true);
        check(Clause::ContainedIn(at(5), at(9)), 4, 9, false);
        check(Clause::ContainedIn(at(5), at(9)), 5, 10, false);
        check(Clause::ContainedIn(at(5), ValidTime::MAX), 5, i64::MAX, true);
        check(Clause::All, i64::MIN, i64::MAX, true);
    }

    #[test]
    fn a_part_contained_in_a_range_is_found_through_its_whole() {
        let clause = Clause::ContainedIn(ValidTime::from_micros(5), ValidTime::from_micros(9));
        let selection = Selection::new(&clause, &Clause::AsOf(SystemTime::from_micros(3)));
        let whole = selection.of_whole();
        let rect =
            |from, to| Rect { valid_from: from, valid_to: to, system_from: 0, system_to: i64::MAX };
        assert!(whole.selects(&rect(0, 20)));
        assert!(!whole.selects(&rect(0, 5)));
        assert!(!whole.selects(&rect(9, 20)));
    }
}
