//! What is asked of the data, and the exact form of an answer.

use super::positions::{NOW, PRICE_UNITS, Positions, START, STATUSES, account_of};
use super::random::Random;
use super::resolve::Rectangle;

/// How many keys and instants Q5 and Q6 ask for.
pub const PROBE_COUNT: usize = 1_000;

const PROBE_SEED: u64 = 5_006;

/// A question about the whole table as of two instants: count, sum(qty) and sum(price x qty) by
/// status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name in the tables of results.
    pub name: &'static str,
    /// The system instant, in microseconds since 1970.
    pub system: i64,
    /// The valid instant, in microseconds since 1970.
    pub valid: i64,
    /// The one account it is about, if any.
    pub account: Option<u32>,
}

impl Question {
    /// Q1 to Q4: now; the past as believed then; the past as believed now; the past of one account.
    pub const ALL: [Question; 4] = {
        let half = START + (NOW - START) / 2;
        let quarter = START + (NOW - START) / 4;
        [
            Question { name: "Q1", system: NOW, valid: NOW, account: None },
            Question { name: "Q2", system: half, valid: half, account: None },
            Question { name: "Q3", system: NOW, valid: quarter, account: None },
            Question { name: "Q4", system: half, valid: half, account: Some(417) },
        ]
    };

    /// Whether a rectangle counts in the answer.
    pub fn selects(&self, rectangle: &Rectangle) -> bool {
        rectangle.is_visible(self.system, self.valid)
            && self.account.is_none_or(|account| account == account_of(rectangle.key))
    }
}

/// The rows of one status in an [`Answer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// count(*)
    pub count: u64,
    /// sum(qty)
    pub qty: i64,
    /// sum(price x qty), in units of 1/64
    pub amount_units: i64,
}

/// The answer to a [`Question`]: a group for each of [`STATUSES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The groups, in the order of [`STATUSES`].
    pub groups: [Group; STATUSES.len()],
}

impl Answer {
    /// Counts a rectangle.
    pub fn add(&mut self, rectangle: &Rectangle) {
        let values = rectangle.values;
        let group = &mut self.groups[values.status as usize];
        group.count += 1;
        group.qty += i64::from(values.qty);
        group.amount_units += i64::from(values.price_units) * i64::from(values.qty);
    }

    /// How many rows were visible.
    pub fn row_count(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// Where another answer differs from this one, the truth: a sentence with the first such group.
    pub fn difference(&self, other: &Answer) -> Option<String> {
        let amount = |group: &Group| group.amount_units as f64 / PRICE_UNITS as f64;
        let mut pairs = STATUSES.iter().zip(self.groups.iter().zip(&other.groups));
        pairs.find(|(_, (truth, found))| truth != found).map(|(status, (truth, found))| {
            format!(
                "status `{status}`: expected {} rows, qty {}, amount {}; \
                 found {} rows, qty {}, amount {}",
                truth.count,
                truth.qty,
                amount(truth),
                found.count,
                found.qty,
                amount(found),
            )
        })
    }
}

/// A key and two instants, for Q5; Q6 asks for the whole history of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The key.
    pub key: u32,
    /// The system instant, in microseconds since 1970.
    pub system: i64,
    /// The valid instant, in microseconds since 1970.
    pub valid: i64,
}

impl Probe {
    /// The probes of a workload: keys and both instants drawn evenly, the same for every run.
    pub fn all(positions: &Positions) -> Vec<Probe> {
        let mut random = Random::new(PROBE_SEED);
        let keys = u64::from(positions.size().key_count());
        (0..PROBE_COUNT)
            .map(|_| Probe {
                key: random.below(keys) as u32,
                system: random.between(START, NOW),
                valid: random.between(START, NOW),
            })
            .collect()
    }
}
