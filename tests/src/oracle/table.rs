//! One table of the model: its assertions and its versions, fed together.

use super::clause::Clause;
use super::rule::{Assertion, Assertions};
use super::versions::{Version, Versions};
use crate::rows::{Cell, Row};

/// One table of the model.
#[derive(Clone, Debug, Default)]
pub struct Table {
    assertions: Assertions,
    versions: Versions,
    last_system_time: Option<i64>,
}

impl Table {
    /// Applies the next assertion. System times never go back within a table.
    pub fn push(&mut self, key: Row, assertion: Assertion) {
        assert!(self.last_system_time <= Some(assertion.system_time), "system time went back");
        self.last_system_time = Some(assertion.system_time);
        self.versions.push(&key, &assertion);
        self.assertions.push(key, assertion);
    }

    /// Forgets a key; how many versions it had. Times do not go back by that.
    pub fn erase(&mut self, key: &Row) -> usize {
        self.assertions.erase(key);
        self.versions.erase(key)
    }

    /// The table as it was at a system instant.
    pub fn until(&self, system_time: i64) -> Table {
        let all = self.assertions.keys().flat_map(|(key, own)| own.iter().map(move |a| (key, a)));
        let mut then: Vec<_> = all.filter(|(_, a)| a.system_time <= system_time).collect();
        then.sort_by_key(|(_, assertion)| assertion.system_time);
        let mut table = Table::default();
        then.into_iter().for_each(|(key, assertion)| table.push(key.clone(), assertion.clone()));
        table
    }

    /// Shows every row in another way: its values, not its key.
    pub fn change_rows(&mut self, change: &dyn Fn(&mut Row)) {
        self.assertions.change_rows(change);
        self.versions.change_rows(change);
    }

    /// The system time of the last assertion.
    pub fn last_system_time(&self) -> Option<i64> {
        self.last_system_time
    }

    /// The rule's side of the model.
    pub fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// The versions' side of the model.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// The versions that both clauses select, in no particular order.
    pub fn select(&self, valid: Clause, system: Clause) -> Vec<&Version> {
        let selected = |version: &&Version| {
            valid.selects(version.valid_from, version.valid_to)
                && system.selects(version.system_from, version.system_to)
        };
        let versions: Vec<&Version> = self.versions.all().filter(selected).collect();
        if let (Clause::AsOf(v), Clause::AsOf(t)) = (valid, system) {
            let mut shown: Vec<&Row> = versions.iter().map(|version| &version.row).collect();
            shown.sort();
            assert_eq!(shown, self.assertions.snapshot(t, v), "the model contradicts itself");
        }
        versions
    }

    /// All instants of one axis at which an answer can change, sorted: starts and ends of periods, or system times.
    pub fn boundaries(&self) -> (Vec<i64>, Vec<i64>) {
        let (mut valid, mut system) = (Vec::new(), Vec::new());
        for assertion in self.assertions.keys().flat_map(|(_, assertions)| assertions) {
            valid.extend([assertion.valid_from, assertion.valid_to]);
            system.push(assertion.system_time);
        }
        for instants in [&mut valid, &mut system] {
            instants.retain(|instant| Cell::bound(*instant) != Cell::Null);
            instants.sort_unstable();
            instants.dedup();
        }
        (valid, system)
    }
}
