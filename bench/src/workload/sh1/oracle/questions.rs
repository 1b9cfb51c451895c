//! The twelve questions, asked day by day and row by row.
//!
//! "@ (A, V)" reads: on day V, as believed at epoch A.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Answer, Oracle, QUESTION_COUNT};
use crate::workload::sh1::EPOCH_COUNT;
use crate::workload::sh1::assertion::{Table, Values};

/// The day that most questions are about: 2024-06-15.
const V: i64 = 166;
/// The epoch of an early belief: 2024-06-29.
const A: i64 = 12;
/// The last epoch: 2024-12-26.
const B: i64 = 24;
/// An epoch between: 2024-09-27.
const D: i64 = 18;
/// The days from 2024-05-30 to 2024-07-28.
const WINDOW: Range<i64> = 150..210;

const COST: usize = 2;
const QTY: usize = 3;
const GRADE: usize = 4;

/// Groups in the order of their keys, with what is kept of each.
type Groups<const KEY: usize, const KEPT: usize> = BTreeMap<[i64; KEY], [i64; KEPT]>;

impl Oracle {
    /// The answers to Q1 to Q12.
    pub fn answers(&self) -> [Answer; QUESTION_COUNT] {
        [
            self.contract_one(B),
            self.contract_one(A),
            self.costs_in_window(),
            self.corrected(),
            self.contract_one_by_epoch(),
            self.grades_by_epoch(),
            self.grades(),
            self.suppliers(),
            self.regions(),
            self.margins(),
            self.grades_by_day(),
            self.gone(),
        ]
        .map(|rows| Answer { rows })
    }

    fn contract(&self, id: i64, epoch: i64, day: i64) -> Option<Values> {
        self.at(Table::Contracts, id, epoch, day)
    }

    /// All contracts @ each of some points, with epoch, day and id. Contract by contract, so that
    /// the few assertions about one stay in the processor's cache.
    fn contracts_over(
        &self,
        points: impl Iterator<Item = (i64, i64)> + Clone,
    ) -> impl Iterator<Item = (i64, i64, i64, Values)> {
        (1..=self.row_count(Table::Contracts)).flat_map(move |id| {
            points.clone().filter_map(move |(epoch, day)| {
                Some((epoch, day, id, self.contract(id, epoch, day)?))
            })
        })
    }

    /// All contracts @ (epoch, day), with their ids.
    fn contracts(&self, epoch: i64, day: i64) -> impl Iterator<Item = (i64, Values)> {
        self.contracts_over(std::iter::once((epoch, day))).map(|(_, _, id, row)| (id, row))
    }

    /// Q1, Q2: contract 1 @ (epoch, V).
    fn contract_one(&self, epoch: i64) -> Vec<Vec<i64>> {
        let row = self.contract(1, epoch, V);
        row.map(|row| vec![1, row[COST], row[QTY], row[GRADE]]).into_iter().collect()
    }

    /// Q3: least, greatest and number of different costs of contract 1 in the window, @ B.
    fn costs_in_window(&self) -> Vec<Vec<i64>> {
        let rows = WINDOW.filter_map(|day| self.contract(1, B, day));
        let costs: BTreeSet<i64> = rows.map(|row| row[COST]).collect();
        let ends = costs.first().zip(costs.last());
        ends.map(|(min, max)| vec![*min, *max, costs.len() as i64]).into_iter().collect()
    }

    /// Q4: contracts @ (A, V) that are there @ (B, V) with another cost or quantity.
    fn corrected(&self) -> Vec<Vec<i64>> {
        let pairs =
            self.contracts(A, V).filter_map(|(id, a)| Some((id, a, self.contract(id, B, V)?)));
        pairs
            .filter(|(_, a, b)| a[COST] != b[COST] || a[QTY] != b[QTY])
            .map(|(id, a, b)| vec![id, a[COST], b[COST], a[QTY], b[QTY]])
            .collect()
    }

    /// Q5: contract 1 on day V, as believed at every epoch.
    fn contract_one_by_epoch(&self) -> Vec<Vec<i64>> {
        let found = |epoch| Some((epoch, self.contract(1, epoch, V)?));
        let rows = (0..EPOCH_COUNT).filter_map(found);
        rows.map(|(epoch, row)| vec![epoch, row[COST], row[QTY]]).collect()
    }

    /// Q6: number and quantity by epoch and grade, on day V.
    fn grades_by_epoch(&self) -> Vec<Vec<i64>> {
        let mut groups = Groups::<2, 2>::new();
        for (epoch, _, _, row) in self.contracts_over((0..EPOCH_COUNT).map(|epoch| (epoch, V))) {
            add(groups.entry([epoch, row[GRADE]]).or_default(), [1, row[QTY]]);
        }
        flat(groups)
    }

    /// Q7: number, quantity and exposure by grade, @ (B, V).
    fn grades(&self) -> Vec<Vec<i64>> {
        let mut groups = Groups::<1, 3>::new();
        for (_, row) in self.contracts(B, V) {
            add(groups.entry([row[GRADE]]).or_default(), [1, row[QTY], exposure(&row)]);
        }
        flat(groups)
    }

    /// Q8: number, least and greatest cost by supplier and grade, @ (A, V).
    fn suppliers(&self) -> Vec<Vec<i64>> {
        let mut groups = Groups::<2, 3>::new();
        for (_, [_, sid, cost, _, grade]) in self.contracts(A, V) {
            let [count, min, max] = groups.entry([sid, grade]).or_insert([0, cost, cost]);
            (*count, *min, *max) = (*count + 1, cost.min(*min), cost.max(*max));
        }
        flat(groups)
    }

    /// Q9: number and exposure by the supplier's region and the grade, @ (B, V).
    fn regions(&self) -> Vec<Vec<i64>> {
        let mut groups = Groups::<2, 2>::new();
        for (_, row) in self.contracts(B, V) {
            let [_, sid, _, _, grade] = row;
            if let Some([region, ..]) = self.at(Table::Suppliers, sid, B, V) {
                add(groups.entry([region, grade]).or_default(), [1, exposure(&row)]);
            }
        }
        flat(groups)
    }

    /// Q10: contracts, least and greatest margin by the product's category, over the days of the
    /// window on which both are valid, @ B.
    fn margins(&self) -> Vec<Vec<i64>> {
        let mut groups = BTreeMap::<i64, (BTreeSet<i64>, i64, i64)>::new();
        for (_, day, id, [pid, _, cost, ..]) in self.contracts_over(WINDOW.map(|day| (B, day))) {
            let Some([category, retail, ..]) = self.at(Table::Products, pid, B, day) else {
                continue;
            };
            let margin = retail - cost;
            let (ids, min, max) =
                groups.entry(category).or_insert_with(|| (BTreeSet::new(), margin, margin));
            ids.insert(id);
            (*min, *max) = (margin.min(*min), margin.max(*max));
        }
        let row = |(category, (ids, min, max)): (i64, (BTreeSet<i64>, i64, i64))| {
            vec![category, ids.len() as i64, min, max]
        };
        groups.into_iter().map(row).collect()
    }

    /// Q11: number and exposure by day of the window and grade, @ B.
    fn grades_by_day(&self) -> Vec<Vec<i64>> {
        let mut groups = Groups::<2, 2>::new();
        for (_, day, _, row) in self.contracts_over(WINDOW.map(|day| (B, day))) {
            add(groups.entry([day, row[GRADE]]).or_default(), [1, exposure(&row)]);
        }
        flat(groups)
    }

    /// Q12: number and exposure by grade of the contracts @ (A, V) that are not there @ (D, V).
    fn gone(&self) -> Vec<Vec<i64>> {
        let mut groups = Groups::<1, 2>::new();
        for (id, row) in self.contracts(A, V) {
            if self.contract(id, D, V).is_none() {
                add(groups.entry([row[GRADE]]).or_default(), [1, exposure(&row)]);
            }
        }
        flat(groups)
    }
}

fn exposure(contract: &Values) -> i64 {
    contract[COST] * contract[QTY]
}

fn add<const COUNT: usize>(sums: &mut [i64; COUNT], numbers: [i64; COUNT]) {
    sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
}

fn flat<const KEY: usize, const KEPT: usize>(groups: Groups<KEY, KEPT>) -> Vec<Vec<i64>> {
    groups.into_iter().map(|(key, kept)| [&key[..], &kept[..]].concat()).collect()
}
