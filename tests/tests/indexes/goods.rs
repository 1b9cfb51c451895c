//! A table of goods: a key, and columns of few values.

use std::sync::Arc;

use annals_engine::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use annals_engine::{
    Clause, Column, DataType, Database, Predicate, Result, ScanMetrics, Snapshot, TableSpec,
    VALID_FROM,
};
use annals_tests::prices::{system, valid};
use annals_tests::rows::{Row, all_rows};
use annals_tests::scratch::Scratch;

/// The columns of few values, each with the name of an index on it.
pub(super) const INDEXES: [(&str, &str); 3] =
    [("by_kind", "kind"), ("by_size", "size"), ("by_sold", "sold")];
/// All columns, and those of periods.
pub(super) const COLUMNS: [&str; 8] =
    ["id", "kind", "size", "sold", "_valid_from", "_valid_to", "_system_from", "_system_to"];

/// One good: its key, its kind, its size, whether it is sold, and the hour of 2024 from which this holds.
#[derive(Clone, Debug)]
pub(super) struct Good {
    pub(super) id: i64,
    pub(super) kind: Option<String>,
    pub(super) size: Option<i32>,
    pub(super) sold: Option<bool>,
    pub(super) hour: i64,
}

/// A fresh place for a database, in memory.
pub(super) fn scratch() -> Scratch {
    Scratch::in_memory(system("2030-01-01"))
}

/// Makes the table.
pub(super) fn create(database: &Database) {
    let spec = TableSpec::keyed("goods", ["id"])
        .column(Column::new("id", DataType::BigInt))
        .column(Column::new("kind", DataType::Text))
        .column(Column::new("size", DataType::Integer))
        .column(Column::new("sold", DataType::Boolean));
    database.create_table(spec).expect("a new table");
}

/// Makes the indexes.
pub(super) fn index(database: &Database) {
    for (name, column) in INDEXES {
        database.create_index(name, "goods", column).expect("a new index");
    }
}

/// Puts goods, in one transaction.
pub(super) fn put(database: &Database, goods: &[Good]) -> Result<()> {
    let start = valid("2024-01-01").micros();
    let from = goods.iter().map(|good| Some(start + good.hour * 3_600_000_000));
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(goods.iter().map(|good| Some(good.id)).collect::<Int64Array>())),
        ("kind", Arc::new(goods.iter().map(|good| good.kind.clone()).collect::<StringArray>())),
        ("size", Arc::new(goods.iter().map(|good| good.size).collect::<Int32Array>())),
        ("sold", Arc::new(goods.iter().map(|good| good.sold).collect::<BooleanArray>())),
        (VALID_FROM, Arc::new(TimestampMicrosecondArray::from_iter(from).with_timezone("UTC"))),
    ];
    let mut transaction = database.begin();
    transaction.put(
        "goods",
        &RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true)))?,
    )?;
    transaction.commit()?;
    Ok(())
}

/// Retracts goods from the present on.
pub(super) fn delete(database: &Database, ids: &[i64]) -> Result<()> {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let mut transaction = database.begin();
    transaction.delete("goods", &RecordBatch::try_from_iter([("id", ids)])?)?;
    transaction.commit()?;
    Ok(())
}

/// What is asked of the table.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) filters: Vec<Predicate>,
    /// Over all of both times, not only the present.
    pub(super) is_history: bool,
    pub(super) part_count: usize,
}

impl Query {
    /// The goods of the present that satisfy a condition.
    pub(super) fn new(filter: Predicate) -> Query {
        Query { filters: vec![filter], is_history: false, part_count: 1 }
    }

    /// The answer, sorted, and what it took.
    pub(super) fn ask(&self, snapshot: &Snapshot) -> Result<(Vec<Row>, ScanMetrics)> {
        let mut scan = snapshot.scan("goods")?.columns(COLUMNS);
        if !self.is_history {
            scan = scan.columns(COLUMNS[..4].iter().copied());
        }
        for filter in &self.filters {
            scan = scan.filter(filter.clone());
        }
        if self.is_history {
            scan = scan.valid(Clause::All).system(Clause::All);
        }
        let (mut found, mut metrics) = (Vec::new(), ScanMetrics::default());
        for mut part in scan.run_in_parts(self.part_count)? {
            for batch in &mut part {
                found.extend(all_rows(&batch?));
            }
            metrics += part.metrics();
        }
        found.sort();
        Ok((found, metrics))
    }
}
