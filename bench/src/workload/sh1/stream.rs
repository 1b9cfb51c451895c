//! The generator: every assertion of a tier, in order.
//!
//! Every choice is drawn from SHA-256 over the text `20260920|table|epoch|id|purpose`: the first
//! eight bytes, big-endian, as an unsigned number. So no assertion needs one before it.
//!
//! In epoch 0 every row of every table is put over all days. In each later epoch come, in this
//! order: a fixture on contract 1 (four epochs have one), then a twentieth of the other contracts,
//! and a hundredth each of products and suppliers, by ascending id. No id occurs twice in an epoch.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::assertion::{Assertion, Table, Values};
use super::digest::hexadecimal;
use super::tier::Tier;
use super::{DAY_COUNT, EPOCH_COUNT, EPOCH_DAYS};

/// All assertions of a tier.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The tier.
    pub tier: Tier,
    epochs: Vec<Vec<Assertion>>,
}

impl Stream {
    /// Draws the assertions of a tier.
    pub fn generate(tier: Tier) -> Stream {
        let later = (1..EPOCH_COUNT).map(|epoch| corrections(tier, epoch));
        let epochs = std::iter::once(beginning(tier)).chain(later).collect();
        Stream { tier, epochs }
    }

    /// The assertions of each epoch, epoch 0 first.
    pub fn epochs(&self) -> impl Iterator<Item = &[Assertion]> {
        self.epochs.iter().map(Vec::as_slice)
    }

    /// All assertions in order.
    pub fn assertions(&self) -> impl Iterator<Item = &Assertion> {
        self.epochs.iter().flatten()
    }

    /// The SHA-256 of the stream as text, to be held against [`Tier::stream_sha256`].
    pub fn sha256(&self) -> io::Result<String> {
        let mut digest = Sha256::new();
        for assertion in self.assertions() {
            writeln!(digest, "{assertion}")?;
        }
        Ok(hexadecimal(&digest.finalize()))
    }
}

/// Epoch 0: every row of every table, over all days.
fn beginning(tier: Tier) -> Vec<Assertion> {
    let rows = |table: Table| {
        (1..=tier.row_count(table)).map(move |id| {
            let values = Some(values(tier, table, 0, id));
            Assertion { epoch: 0, table, id, from_day: 0, to_day: DAY_COUNT, values }
        })
    };
    Table::ALL.into_iter().flat_map(rows).collect()
}

/// The assertions of a later epoch.
fn corrections(tier: Tier, epoch: i64) -> Vec<Assertion> {
    let mut assertions: Vec<Assertion> = fixture(tier, epoch).into_iter().collect();
    for table in Table::ALL {
        // Contract 1 is the fixture's alone.
        let (first_id, share) = match table {
            Table::Contracts => (2, 20),
            Table::Products | Table::Suppliers => (1, 100),
        };
        let row_count = tier.row_count(table);
        let count = (row_count as u64).div_ceil(share) as usize;
        let mut drawn: Vec<(u64, i64)> =
            (first_id..=row_count).map(|id| (draw(table, epoch, id, "pick"), id)).collect();
        drawn.sort_unstable();
        drawn.truncate(count);
        drawn.sort_unstable_by_key(|(_, id)| *id);
        assertions.extend(drawn.into_iter().map(|(_, id)| correction(tier, table, epoch, id)));
    }
    assertions
}

/// What happens to contract 1, so that the questions about it have something to find.
fn fixture(tier: Tier, epoch: i64) -> Option<Assertion> {
    let (from_day, to_day, raise) = match epoch {
        6 => (90, 210, Some(100)),
        12 => (150, 180, Some(200)),
        18 => (160, 170, None),
        20 => (164, 168, Some(300)),
        _ => return None,
    };
    let values = raise.map(|raise| {
        let [pid, sid, cost, qty, grade] = values(tier, Table::Contracts, 0, 1);
        [pid, sid, cost + raise, qty, grade]
    });
    Some(Assertion { epoch, table: Table::Contracts, id: 1, from_day, to_day, values })
}

/// A drawn assertion. A fifth of them concern days to come; a fifth of those on contracts are
/// deletes.
fn correction(tier: Tier, table: Table, epoch: i64, id: i64) -> Assertion {
    let draw = |purpose: &str, count: u64| (draw(table, epoch, id, purpose) % count) as i64;
    let from_day = if draw("direction", 5) == 0 {
        (epoch * EPOCH_DAYS + 1 + draw("lag", 30)).min(DAY_COUNT - 1)
    } else {
        (epoch * EPOCH_DAYS - 1 - draw("lag", 120)).max(0)
    };
    let to_day = (from_day + 1 + draw("length", 90)).min(DAY_COUNT);
    let is_delete = table == Table::Contracts && draw("op", 5) == 0;
    let values = (!is_delete).then(|| values(tier, table, epoch, id));
    Assertion { epoch, table, id, from_day, to_day, values }
}

/// What a put of an epoch puts. Product, supplier and grade of a contract never change.
fn values(tier: Tier, table: Table, epoch: i64, id: i64) -> Values {
    let draw =
        |epoch: i64, purpose: &str, count: u64| (draw(table, epoch, id, purpose) % count) as i64;
    match table {
        Table::Contracts => [
            1 + (id - 1) % tier.row_count(Table::Products),
            1 + 17 * (id - 1) % tier.row_count(Table::Suppliers),
            10_000 + draw(epoch, "cost", 90_001),
            1 + draw(epoch, "qty", 1_000),
            draw(0, "grade", 4),
        ],
        Table::Products => {
            [draw(epoch, "category", 16), 150_000 + draw(epoch, "retail", 50_001), 0, 0, 0]
        }
        Table::Suppliers => [draw(epoch, "region", 8), 1 + draw(epoch, "tier", 3), 0, 0, 0],
    }
}

/// The number for a purpose.
fn draw(table: Table, epoch: i64, id: i64, purpose: &str) -> u64 {
    let table = table.name();
    let digest = Sha256::digest(format!("20260920|{table}|{epoch}|{id}|{purpose}"));
    digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
