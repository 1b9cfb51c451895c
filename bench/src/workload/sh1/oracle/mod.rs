//! The truth about the workload, without the engine: the rule of the contract, word for word.

mod answer;
mod questions;

pub use answer::Answer;

use super::assertion::{Assertion, Table, Values};
use super::stream::Stream;

/// How many questions there are: Q1 to Q12.
pub const QUESTION_COUNT: usize = 12;

/// Every assertion, by table and id, in the order of the stream.
#[derive(Clone, Debug)]
pub struct Oracle {
    /// The assertions about the row with an id are at `id - 1`.
    rows: [Vec<Vec<Assertion>>; 3],
}

impl Oracle {
    /// Sorts the assertions by table and id.
    pub fn new(stream: &Stream) -> Oracle {
        let mut rows =
            Table::ALL.map(|table| vec![Vec::new(); stream.tier.row_count(table) as usize]);
        for assertion in stream.assertions() {
            rows[assertion.table as usize][assertion.id as usize - 1].push(*assertion);
        }
        Oracle { rows }
    }

    /// How many ids a table ever had.
    pub fn row_count(&self, table: Table) -> i64 {
        self.rows[table as usize].len() as i64
    }

    /// The values of a row on a day, as believed at an epoch: those of the last assertion up to
    /// then whose period has the day.
    pub fn at(&self, table: Table, id: i64, epoch: i64, day: i64) -> Option<Values> {
        let speaks = |assertion: &&Assertion| {
            assertion.epoch <= epoch && assertion.from_day <= day && day < assertion.to_day
        };
        self.rows[table as usize][id as usize - 1].iter().rfind(speaks)?.values
    }
}
