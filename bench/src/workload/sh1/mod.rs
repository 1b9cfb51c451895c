//! The workload "SH1" (Supply History 1): a public, deterministic bitemporal benchmark, published
//! in September 2026 with the SirixDB project (bundle `sirix-query`, folder `bench/bitemporal`).
//!
//! Contracts over products and suppliers, in three tables of whole numbers, are written down at the
//! start and then corrected, mostly about the past, in 24 further epochs; twelve questions ask what
//! was true when, as believed when. Nothing of its data is shipped: every number is drawn from
//! SHA-256. The assertions (the publication calls them events) as lines of JSON have a published
//! digest, [`Tier::stream_sha256`], and so has the text of each answer, [`Answer::sha256`]: a run
//! anywhere proves that it had the same data and gave the same answers. `docs/benchmarks.md` tells
//! the recipe.
//!
//! What it does not test: the last three epochs touch no answer, every period has an end (nothing
//! is left in the partition `current`), and no question hits a bound of system time exactly.

mod assertion;
mod batches;
mod digest;
mod oracle;
mod stream;
mod tier;

pub use assertion::{Assertion, Table, Values};
pub use batches::{EpochRows, TableRows, epoch_rows, table_spec};
pub use oracle::{Answer, Oracle, QUESTION_COUNT};
pub use stream::Stream;
pub use tier::Tier;

use annals_engine::{SystemTime, ValidTime};

/// How many epochs there are; each is one transaction.
pub const EPOCH_COUNT: i64 = 25;
/// Days of system time between two epochs.
pub const EPOCH_DAYS: i64 = 15;
/// The end of valid time, which begins with day 0.
pub const DAY_COUNT: i64 = 366;

/// 2024-01-01T00:00:00Z, day 0 on both axes, in microseconds.
const DAY_ZERO_US: i64 = 1_704_067_200_000_000;
const DAY_US: i64 = 86_400_000_000;

/// The instant at which a day begins, in valid time.
pub fn day(day: i64) -> ValidTime {
    ValidTime::from_micros(DAY_ZERO_US + day * DAY_US)
}

/// The system time of an epoch.
pub fn epoch_time(epoch: i64) -> SystemTime {
    SystemTime::from_micros(DAY_ZERO_US + epoch * EPOCH_DAYS * DAY_US)
}
