//! The classic decomposition of a history into versions: rectangles in the two times.
//!
//! An assertion at `s` over `[a, b)` closes every version believed then that overlaps `[a, b)`; what is left of it before
//! `a` and from `b` on continues as versions that begin at `s`. A version that began at `s` itself is taken back without a
//! trace: it was never believed.

use std::collections::BTreeMap;

use super::rule::Assertion;
use crate::rows::{Cell, Row};

/// One row of history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// When the database began to believe it.
    pub system_from: i64,
    /// The first valid instant.
    pub valid_from: i64,
    /// The first instant after the valid period.
    pub valid_to: i64,
    /// When the database ceased to believe it; `i64::MAX` if it still does.
    pub system_to: i64,
    /// All columns.
    pub row: Row,
}

impl Version {
    /// The four period columns in the order `_valid_from`, `_valid_to`, `_system_from`, `_system_to`.
    pub fn periods(&self) -> [Cell; 4] {
        [self.valid_from, self.valid_to, self.system_from, self.system_to].map(Cell::bound)
    }
}

#[derive(Clone, Debug, Default)]
struct OfKey {
    believed: Vec<Version>,
    closed: Vec<Version>,
}

/// All versions of one table.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    by_key: BTreeMap<Row, OfKey>,
}

impl Versions {
    /// Applies the next assertion.
    pub fn push(&mut self, key: &Row, assertion: &Assertion) {
        let Assertion { row, valid_from: a, valid_to: b, system_time: s } = assertion;
        let of_key = self.by_key.entry(key.clone()).or_default();
        let overlaps = |version: &Version| version.valid_from < *b && *a < version.valid_to;
        let (superseded, mut believed) =
            std::mem::take(&mut of_key.believed).into_iter().partition::<Vec<_>, _>(overlaps);
        for version in superseded {
            let before = (version.valid_from, *a);
            let after = (*b, version.valid_to);
            for (valid_from, valid_to) in [before, after].into_iter().filter(|(from, to)| from < to)
            {
                believed.push(Version { valid_from, valid_to, system_from: *s, ..version.clone() });
            }
            if version.system_from < *s {
                of_key.closed.push(Version { system_to: *s, ..version });
            }
        }
        if let Some(row) = row {
            let (valid_from, valid_to, row) = (*a, *b, row.clone());
            believed.push(Version {
                system_from: *s,
                valid_from,
                valid_to,
                system_to: i64::MAX,
                row,
            });
        }
        of_key.believed = believed;
    }

    /// Takes every version of a key away; how many there were.
    pub fn erase(&mut self, key: &Row) -> usize {
        self.by_key.remove(key).map_or(0, |of_key| of_key.believed.len() + of_key.closed.len())
    }

    /// Shows every row in another way.
    pub fn change_rows(&mut self, change: &dyn Fn(&mut Row)) {
        for of_key in self.by_key.values_mut() {
            let all = of_key.believed.iter_mut().chain(&mut of_key.closed);
            all.for_each(|version| change(&mut version.row));
        }
    }

    /// Every version of every key, in no particular order.
    pub fn all(&self) -> impl Iterator<Item = &Version> {
        self.by_key.values().flat_map(|of_key| of_key.believed.iter().chain(&of_key.closed))
    }

    /// Every version of one key, by system time and then valid time.
    pub fn history(&self, key: &Row) -> Vec<&Version> {
        let of_key = self.by_key.get(key);
        let mut versions: Vec<&Version> =
            of_key.into_iter().flat_map(|k| k.believed.iter().chain(&k.closed)).collect();
        versions.sort();
        versions
    }
}
