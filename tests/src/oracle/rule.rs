//! The rule: the last assertion believed at T whose period contains V decides, alone.

use std::collections::BTreeMap;

use crate::rows::Row;

/// A put or a delete, as it was committed.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// All columns of a put; `None` for a delete.
    pub row: Option<Row>,
    /// The first valid instant.
    pub valid_from: i64,
    /// The first instant after the valid period.
    pub valid_to: i64,
    /// The system time of its transaction.
    pub system_time: i64,
}

/// Every assertion about every key of one table, in the order of system time and, inside a transaction, of position.
#[derive(Clone, Debug, Default)]
pub struct Assertions {
    by_key: BTreeMap<Row, Vec<Assertion>>,
}

impl Assertions {
    /// Adds the next assertion.
    pub fn push(&mut self, key: Row, assertion: Assertion) {
        self.by_key.entry(key).or_default().push(assertion);
    }

    /// Takes every trace of a key away.
    pub fn erase(&mut self, key: &Row) {
        self.by_key.remove(key);
    }

    /// Shows every row in another way.
    pub fn change_rows(&mut self, change: &dyn Fn(&mut Row)) {
        let all = self.by_key.values_mut().flatten();
        all.filter_map(|assertion| assertion.row.as_mut()).for_each(change);
    }

    /// What was believed at `system` about `key` at `valid`.
    pub fn belief(&self, key: &Row, system: i64, valid: i64) -> Option<&Row> {
        let decides = |assertion: &&Assertion| {
            assertion.system_time <= system
                && assertion.valid_from <= valid
                && valid < assertion.valid_to
        };
        self.by_key.get(key)?.iter().rev().find(decides)?.row.as_ref()
    }

    /// What was believed at `system` about all keys at `valid`, sorted.
    pub fn snapshot(&self, system: i64, valid: i64) -> Vec<&Row> {
        let beliefs = self.by_key.keys().filter_map(|key| self.belief(key, system, valid));
        let mut rows: Vec<&Row> = beliefs.collect();
        rows.sort();
        rows
    }

    /// Every key that was ever asserted, with its assertions.
    pub fn keys(&self) -> impl Iterator<Item = (&Row, &[Assertion])> {
        self.by_key.iter().map(|(key, assertions)| (key, assertions.as_slice()))
    }
}
