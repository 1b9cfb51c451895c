//! One small table for tests that tell a story by hand: `prices`, a price for each `sku`.
//!
//! Instants are written as text; the empty text means unbounded. A story is told as an import, so that every transaction
//! has the system time that the story gives it: `prices.at("2024-01-01").put("tea", 5, "2024-01-01", "").commit()`.

use annals_engine::{
    At, Column, Commit, DataType, Database, Result, Snapshot, SystemTime, TableSpec, Transaction,
    VALID_FROM, VALID_TO, ValidTime, Value,
};

use crate::check::PERIOD_COLUMNS;
use crate::rows::{Cell, array, batch, rows};
use crate::scratch::Scratch;

/// What the clock of the stories shows unless a test sets it.
pub const NOW: &str = "2030-01-01";

/// An instant of system time.
pub fn system(text: &str) -> SystemTime {
    SystemTime::parse(text).expect("an instant")
}

/// An instant of valid time.
pub fn valid(text: &str) -> ValidTime {
    ValidTime::parse(text).expect("an instant")
}

/// The microsecond before.
pub fn before(text: &str) -> String {
    ValidTime::from_micros(valid(text).micros() - 1).to_string()
}

/// A database with the table `prices (sku TEXT PRIMARY KEY, price BIGINT)`.
pub struct Prices {
    /// The folder and the clock.
    pub scratch: Scratch,
    database: Option<Database>,
}

impl Default for Prices {
    fn default() -> Prices {
        Prices::new()
    }
}

impl Prices {
    /// A fresh database; the clock shows [`NOW`].
    pub fn new() -> Prices {
        Prices::with(Scratch::new(system(NOW)))
    }

    /// A fresh database in the given folder.
    pub fn with(scratch: Scratch) -> Prices {
        let database = scratch.open();
        database.create_table(Prices::spec("prices")).expect("a new table");
        Prices { scratch, database: Some(database) }
    }

    /// The request that makes such a table.
    pub fn spec(name: &str) -> TableSpec {
        TableSpec::keyed(name, ["sku"])
            .column(Column::new("sku", DataType::Text))
            .column(Column::new("price", DataType::BigInt))
    }

    /// The database.
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("an open database")
    }

    /// Closes the database and opens it again.
    pub fn reopen(&mut self) {
        self.database.take().expect("an open database").close().expect("a clean close");
        self.database = Some(self.scratch.open());
    }

    /// Drops the database as it is, which is what a crash of the process leaves, and opens it again.
    pub fn crash(&mut self) {
        self.drop_without_close();
        self.database = Some(self.scratch.open());
    }

    /// Drops the database as it is.
    pub fn drop_without_close(&mut self) {
        drop(self.database.take());
    }

    /// Sets the clock.
    pub fn set_clock(&self, now: &str) {
        self.scratch.clock().set(system(now));
    }

    /// A transaction recorded at the given instant of system time.
    pub fn at(&self, recorded_at: &str) -> Story {
        let mut story = self.now();
        story.transaction.system_time(system(recorded_at));
        story
    }

    /// A transaction on the engine's own clock.
    pub fn now(&self) -> Story {
        Story { transaction: self.database().begin(), result: Ok(()) }
    }

    /// A snapshot of all that is committed.
    pub fn snapshot(&self) -> Snapshot {
        self.database().snapshot().expect("a snapshot")
    }

    /// The price believed at `recorded` for the instant `holds`, as of a fresh snapshot; an empty text is now.
    pub fn price(&self, sku: &str, holds: &str, recorded: &str) -> Option<i64> {
        price_of(&self.snapshot(), sku, holds, recorded).expect("an answer")
    }

    /// All that was ever believed of a key, a line each: price, valid period, system period.
    pub fn history(&self, sku: &str) -> Vec<String> {
        history_of(&self.snapshot(), sku)
    }

    /// Takes every step of maintenance there is, one after the other, and calls `check` before the first and after each.
    pub fn through_maintenance(&mut self, mut check: impl FnMut(&Prices, &str)) {
        check(self, "before any maintenance");
        self.crash();
        check(self, "after a crash");
        self.database().flush().expect("a flush");
        check(self, "after a flush");
        self.reopen();
        check(self, "after a restart");
        while self.database().maintain().expect("a step").is_some() {
            check(self, "after a step of background work");
        }
        self.database().compact(&mut |_| ()).expect("a compaction");
        check(self, "after a compaction");
        self.crash();
        check(self, "after a crash that follows a compaction");
    }
}

/// The price of a key in a snapshot; an empty text is the snapshot's now.
pub fn price_of(
    snapshot: &Snapshot,
    sku: &str,
    holds: &str,
    recorded: &str,
) -> Result<Option<i64>> {
    let at = At {
        valid: (!holds.is_empty()).then(|| valid(holds)),
        system: (!recorded.is_empty()).then(|| system(recorded)),
    };
    let found = snapshot.get("prices", &[Value::from(sku)], at)?;
    let mut prices = found.iter().flat_map(|batch| rows(batch, &["price"]));
    let price = prices.next();
    assert!(prices.next().is_none(), "one key, one row");
    Ok(price.map(|row| match row[0] {
        Cell::Int(price) => price,
        ref other => panic!("the price is {other:?}"),
    }))
}

/// All that a snapshot knows was ever believed of a key.
pub fn history_of(snapshot: &Snapshot, sku: &str) -> Vec<String> {
    let batch = snapshot.history("prices", &[Value::from(sku)]).expect("a history");
    let columns = [&["price"][..], &PERIOD_COLUMNS].concat();
    rows(&batch, &columns).iter().map(|row| line(row)).collect()
}

/// `price: valid_from .. valid_to, believed system_from .. system_to`, midnights as dates, `-` for unbounded.
fn line(row: &[Cell]) -> String {
    let short = |cell: &Cell| cell.to_string().replace("T00:00:00Z", "");
    let [price, from, to, since, until] = row else { panic!("five columns") };
    let (from, to) = (short(from), short(to));
    format!("{price}: {from} .. {to}, believed {} .. {}", short(since), short(until))
}

/// A transaction that is being told.
pub struct Story {
    transaction: Transaction,
    result: Result<()>,
}

impl Story {
    /// A price over `[from, to)`.
    pub fn put(self, sku: &str, price: i64, from: &str, to: &str) -> Story {
        self.then(|transaction| {
            transaction.put("prices", &price_batch(sku, price, Some((from, to))))
        })
    }

    /// A price from the transaction's system time on.
    pub fn put_now(self, sku: &str, price: i64) -> Story {
        self.then(|transaction| transaction.put("prices", &price_batch(sku, price, None)))
    }

    /// No price over `[from, to)`.
    pub fn delete(self, sku: &str, from: &str, to: &str) -> Story {
        let mut columns = vec![("sku", array(DataType::Text, &[&Cell::text(sku)]))];
        columns.extend(period(Some((from, to))));
        self.then(|transaction| transaction.delete("prices", &batch(columns)))
    }

    /// No price from the transaction's system time on.
    pub fn delete_now(self, sku: &str) -> Story {
        let columns = vec![("sku", array(DataType::Text, &[&Cell::text(sku)]))];
        self.then(|transaction| transaction.delete("prices", &batch(columns)))
    }

    /// Anything else, unless something before it was refused.
    pub fn then(mut self, act: impl FnOnce(&mut Transaction) -> Result<()>) -> Story {
        if self.result.is_ok() {
            self.result = act(&mut self.transaction);
        }
        self
    }

    /// Commits; the error is that of the first call that was refused.
    pub fn try_commit(self) -> Result<Commit> {
        self.result?;
        self.transaction.commit()
    }

    /// Commits.
    pub fn commit(self) -> Commit {
        self.try_commit().expect("a commit")
    }
}

/// A batch of one price.
pub fn price_batch(
    sku: &str,
    price: i64,
    holds: Option<(&str, &str)>,
) -> annals_engine::arrow::array::RecordBatch {
    let mut columns = vec![
        ("sku", array(DataType::Text, &[&Cell::text(sku)])),
        ("price", array(DataType::BigInt, &[&Cell::Int(price)])),
    ];
    columns.extend(period(holds));
    batch(columns)
}

fn period(
    holds: Option<(&str, &str)>,
) -> Vec<(&'static str, annals_engine::arrow::array::ArrayRef)> {
    let Some((from, to)) = holds else { return Vec::new() };
    let bound = |text: &str| match text {
        "" => Cell::Null,
        text => Cell::Time(valid(text).micros()),
    };
    let column = |text| array(DataType::Timestamp, &[&bound(text)]);
    vec![(VALID_FROM, column(from)), (VALID_TO, column(to))]
}
