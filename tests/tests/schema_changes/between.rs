//! Readers and transactions that a change of their table comes between.

use annals_engine::arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use annals_engine::disk::MemoryDisk;
use annals_engine::{At, Clause, Column, DataType, ErrorKind, rows};
use std::sync::Arc;

use super::world::*;

/// So many rows that a scan gives several batches.
fn many(from: i64) -> RecordBatch {
    let skus = StringArray::from_iter_values((from..from + 20_000).map(|i| format!("sku-{i:06}")));
    let counts = Int64Array::from_iter_values(from..from + 20_000);
    RecordBatch::try_from_iter([("sku", Arc::new(skus) as _), ("count", Arc::new(counts) as _)])
        .unwrap()
}

#[test]
fn a_scan_that_runs_and_a_snapshot_that_is_kept_show_the_columns_they_began_with() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk);
    let database = stock(&scratch);
    commit(&database, &many(0)).unwrap();
    database.flush().unwrap();
    commit(&database, &many(20_000)).unwrap();
    let snapshot = database.snapshot().unwrap();
    let before = all(&snapshot, None);
    let scan = snapshot.scan("stock").unwrap();
    let mut parts = scan.run_in_parts(4).unwrap();
    let mut half: Vec<RecordBatch> =
        parts.iter_mut().filter_map(|part| part.next()).map(|batch| batch.unwrap()).collect();
    database.alter_table("stock", &drop_column("count")).unwrap();
    database.alter_table("stock", &rename("note", "count")).unwrap();
    database
        .alter_table("stock", &add(Column::new("note", DataType::BigInt).with_default(1)))
        .unwrap();
    commit(&database, &many_now()).unwrap();
    database.compact(&mut |_| ()).unwrap();
    half.extend(parts.into_iter().flatten().map(|batch| batch.unwrap()));
    let names: Vec<&str> = vec!["note", "sku", "count"];
    for batch in &half {
        let schema = batch.schema();
        assert!(schema.fields().iter().map(|field| field.name().as_str()).eq(names.clone()));
        assert_eq!(batch.column(2).null_count(), 0, "a value that was dropped meanwhile");
    }
    assert_eq!(half.iter().map(RecordBatch::num_rows).sum::<usize>(), 40_000);
    assert_eq!(all(&snapshot, None), before);
    let now = all(&database.snapshot().unwrap(), None);
    assert_eq!(now[0], "count|sku|note");
    assert_eq!(
        (now.len(), now[1].as_str(), now[2].as_str()),
        (40_002, "-|late|9", "-|sku-000000|1")
    );
}

fn many_now() -> RecordBatch {
    rows!(("sku", Utf8, ["late"]), ("note", Int64, [9])).unwrap()
}

#[test]
fn a_transaction_that_stated_rows_before_a_change_commits_behind_it() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk);
    let database = stock(&scratch);
    let mut early = database.begin();
    early
        .put(
            "stock",
            &rows!(("sku", Utf8, ["tea"]), ("count", Int32, [5]), ("note", Utf8, ["old"])).unwrap(),
        )
        .unwrap();
    database.alter_table("stock", &widen("count", DataType::BigInt)).unwrap();
    database.alter_table("stock", &drop_column("note")).unwrap();
    database
        .alter_table("stock", &add(Column::new("note", DataType::Text).with_default("new")))
        .unwrap();
    // One transaction with rows of two entries of the table.
    early
        .put("stock", &rows!(("sku", Utf8, ["rum"]), ("count", Int64, [1_i64 << 40])).unwrap())
        .unwrap();
    early.commit().unwrap();
    let expect = ["sku|count|note", "rum|1099511627776|new", "tea|5|new"];
    assert_eq!(all(&database.snapshot().unwrap(), None), expect);
    drop(database);
    let database = scratch.open();
    assert_eq!(all(&database.snapshot().unwrap(), None), expect, "from the log");
    let tea = database.snapshot().unwrap().get("stock", &["tea".into()], At::default()).unwrap();
    assert_eq!(tea.unwrap().column_by_name("note").unwrap().as_string::<i32>().value(0), "new");
    database.compact(&mut |_| ()).unwrap();
    assert_eq!(all(&database.snapshot().unwrap(), None), expect, "from segments");
    verify(&database);
}

#[test]
fn a_transaction_reads_its_own_rows_through_the_snapshot_it_began_with() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk);
    let database = stock(&scratch);
    commit(&database, &rows!(("sku", Utf8, ["tea"]), ("count", Int32, [1])).unwrap()).unwrap();
    let base = database.snapshot().unwrap();
    let mut fixed = database.begin();
    fixed.tables_of(&base);
    let mut free = database.begin();
    database.alter_table("stock", &widen("count", DataType::BigInt)).unwrap();
    database.alter_table("stock", &rename("note", "remark")).unwrap();
    let rum =
        rows!(("sku", Utf8, ["rum"]), ("note", Utf8, ["dark"]), ("count", Int32, [2])).unwrap();
    fixed.put("stock", &rum).unwrap();
    let own = fixed.snapshot(&base).unwrap();
    assert_eq!(all(&own, None), ["note|sku|count", "-|tea|1", "dark|rum|2"]);
    fixed.commit().unwrap();
    let expect = ["remark|sku|count", "-|tea|1", "dark|rum|2"];
    assert_eq!(all(&database.snapshot().unwrap(), None), expect);

    // Without it a statement takes the table as it is, which the older snapshot has no columns for.
    assert!(free.put("stock", &rum).unwrap_err().to_string().contains("no column `note`"));
    free.put("stock", &rows!(("sku", Utf8, ["gin"]), ("count", Int64, [1_i64 << 40])).unwrap())
        .unwrap();
    let refused = free.snapshot(&base).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    free.snapshot(&database.snapshot().unwrap()).unwrap();
    free.commit().unwrap();
    assert_eq!(all(&database.snapshot().unwrap(), None).len(), 4);
}

#[test]
fn writers_flushes_and_compactions_go_on_while_columns_come_and_go() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk).background(true).memtable_bytes(16 << 10);
    let database = stock(&scratch);
    let keys: i64 = 300;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..60 {
                let skus = StringArray::from_iter_values((0..keys).map(|key| format!("{key}")));
                let counts = Int64Array::from_iter_values((0..keys).map(|key| key * 1_000 + round));
                let columns = [("sku", Arc::new(skus) as _), ("count", Arc::new(counts) as _)];
                commit(&database, &RecordBatch::try_from_iter(columns).unwrap()).unwrap();
            }
        });
        let mut number = 0;
        while !writer.is_finished() || number < 40 {
            let name = format!("c{}", number % 3);
            let column = Column::new(&name, DataType::BigInt).not_null().with_default(number);
            database.alter_table("stock", &add(column)).unwrap();
            let snapshot = database.snapshot().unwrap();
            let scan = snapshot.scan("stock").unwrap().columns(["sku", "count", &name]);
            for batch in scan.run().unwrap().map(|batch| batch.unwrap()) {
                let sku = batch.column(0).as_string::<i32>();
                let count =
                    batch.column(1).as_primitive::<annals_engine::arrow::datatypes::Int32Type>();
                let added =
                    batch.column(2).as_primitive::<annals_engine::arrow::datatypes::Int64Type>();
                for row in 0..batch.num_rows() {
                    let key: i32 = sku.value(row).parse().unwrap();
                    assert_eq!(count.value(row) / 1_000, key);
                    assert_eq!(added.value(row), number, "a column of the same name as one before");
                }
            }
            database.alter_table("stock", &drop_column(&name)).unwrap();
            number += 1;
        }
        writer.join().unwrap();
    });
    let before = all(&database.snapshot().unwrap(), None);
    database.compact(&mut |_| ()).unwrap();
    verify(&database);
    assert_eq!(all(&database.snapshot().unwrap(), None), before);
    database.close().unwrap();
    let database = scratch.open();
    assert_eq!(all(&database.snapshot().unwrap(), None), before);
    let scan = database.snapshot().unwrap().scan("stock").unwrap().valid(Clause::All);
    let count: usize = scan.run().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert!(count >= keys as usize);
}
