//! "Positions": the stream of puts, each a pure function of its position in the stream.
//!
//! K keys get D puts each; a shuffle of the key numbers (four bytes a put) says whose turn it is,
//! so that the whole of the stream costs 40 MB at ten million puts and any put can be had without
//! those before it. Transactions take their puts in the order of the stream; their system times are
//! spread evenly over 40 months, and the last one is [`NOW`].
//!
//! A put that the transaction at `s` carries is one of:
//!
//! | share | kind | valid from | valid to |
//! |---|---|---|---|
//! | 70% | ordinary | up to an hour before `s` | unbounded |
//! | 10% | open correction | up to 2 years before `s` | unbounded |
//! | 10% | bounded correction | up to 2 years before `s` | 1 to 90 days later |
//! | 10% | window | from a year before `s` to half a year after | 1 to 90 days later |
//!
//! Every instant is drawn to the microsecond, and every value uniformly: quantity 1 to 10,000;
//! price 1/64 to 10,000 in steps of 1/64, so that a sum of `price x qty` over a million rows is
//! exact in any order of addition; one of eight statuses. The account is the key modulo 1,000.

use std::sync::LazyLock;

use super::random::Random;
use super::size::Size;

/// The start of the recorded history, 2020-09-01T00:00:00Z, in microseconds since 1970.
pub const START: i64 = 1_598_918_400_000_000;
/// The system time of the last transaction, 2024-01-01T00:00:00Z: the "now" of every query.
pub const NOW: i64 = 1_704_067_200_000_000;
/// An end of valid time that stands for "unbounded".
pub const UNBOUNDED: i64 = i64::MAX;
/// How many accounts the keys are spread over.
pub const ACCOUNT_COUNT: u32 = 1_000;
/// How many units a price of 1.0 has.
pub const PRICE_UNITS: i64 = 64;
/// The values of the column `status`.
pub const STATUSES: [&str; 8] =
    ["active", "pending", "matched", "settled", "failed", "cancelled", "disputed", "review"];

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
const SHUFFLE_SEED: u64 = 20_200_901;
const PUT_SEED: u64 = 20_240_101;

/// The four kinds of put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Begins about at its system time and is open.
    Ordinary,
    /// A backdated correction without an end.
    OpenCorrection,
    /// A backdated correction of a bounded period.
    BoundedCorrection,
    /// A bounded period in the near past or future.
    Window,
}

/// One put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// The key, `0..K`.
    pub key: u32,
    /// Which kind of put it is.
    pub kind: Kind,
    /// The system time of its transaction, in microseconds since 1970, as are all instants here.
    pub system_from: i64,
    /// The first valid instant.
    pub valid_from: i64,
    /// The end of the valid period, or [`UNBOUNDED`].
    pub valid_to: i64,
    /// What it asserts.
    pub values: Values,
}

/// The values of a put that are not a function of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Values {
    /// The column `qty`.
    pub qty: u32,
    /// The column `price`, in units of 1/64.
    pub price_units: u32,
    /// The position of the column `status` in [`STATUSES`].
    pub status: u8,
}

impl Values {
    /// The column `price`.
    pub fn price(&self) -> f64 {
        f64::from(self.price_units) / PRICE_UNITS as f64
    }
}

/// The account number of a key.
pub fn account_of(key: u32) -> u32 {
    key % ACCOUNT_COUNT
}

/// The column `account` of an account number, which is less than [`ACCOUNT_COUNT`]: 20 bytes.
///
/// All names are made once: a million times a second they would be a tenth of what an import is measured by.
pub fn account_name(account: u32) -> &'static str {
    static NAMES: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..ACCOUNT_COUNT).map(|account| format!("ACCT-{account:015}")).collect());
    &NAMES[account as usize]
}

/// The workload of one size.
#[derive(Debug)]
pub struct Positions {
    size: Size,
    /// The key of each put, in the order of the stream.
    keys: Vec<u32>,
}

impl Positions {
    /// Shuffles the stream.
    pub fn new(size: Size) -> Positions {
        let versions = size.version_count() as usize;
        let mut keys = Vec::with_capacity(size.put_count() as usize);
        keys.extend((0..size.key_count()).flat_map(|key| std::iter::repeat_n(key, versions)));
        Random::new(SHUFFLE_SEED).shuffle(&mut keys);
        Positions { size, keys }
    }

    /// How large it is.
    pub fn size(&self) -> &Size {
        &self.size
    }

    /// The key of each put, in the order of the stream.
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// The system time of a transaction: they are evenly spread, and the last is [`NOW`].
    pub fn system_time(&self, transaction: u32) -> i64 {
        let elapsed = i128::from(NOW - START) * i128::from(transaction + 1);
        // At most NOW - START, as there are no more transactions than that.
        START + (elapsed / i128::from(self.size.transaction_count())) as i64
    }

    /// The put at a position of the stream.
    pub fn put(&self, position: u32) -> Put {
        let mut random = Random::nth(PUT_SEED, u64::from(position));
        let system_from = self.system_time(self.size.transaction_of(position));
        let kind = match random.below(100) {
            0..70 => Kind::Ordinary,
            70..80 => Kind::OpenCorrection,
            80..90 => Kind::BoundedCorrection,
            _ => Kind::Window,
        };
        let offset = match kind {
            Kind::Ordinary => random.between(-HOUR_US, 1),
            Kind::OpenCorrection | Kind::BoundedCorrection => random.between(-730 * DAY_US, 1),
            Kind::Window => random.between(-365 * DAY_US, 182 * DAY_US),
        };
        let valid_from = system_from + offset;
        let valid_to = match kind {
            Kind::Ordinary | Kind::OpenCorrection => UNBOUNDED,
            Kind::BoundedCorrection | Kind::Window => {
                valid_from + random.between(DAY_US, 90 * DAY_US)
            }
        };
        let values = Values {
            qty: 1 + random.below(10_000) as u32,
            price_units: 1 + random.below(640_000) as u32,
            status: random.below(STATUSES.len() as u64) as u8,
        };
        Put { key: self.keys[position as usize], kind, system_from, valid_from, valid_to, values }
    }
}
