//! A table of stock, changes of it, and its rows as text.

use annals_engine::arrow::array::RecordBatch;
use annals_engine::arrow::util::display::array_value_to_string;
use annals_engine::disk::MemoryDisk;
use annals_engine::{
    Clause, Column, DataType, Database, Predicate, Snapshot, TableChange, TableSpec,
};
use annals_tests::prices::system;
use annals_tests::scratch::Scratch;

pub(super) fn scratch(disk: &MemoryDisk) -> Scratch {
    Scratch::on(disk.clone(), system("2030-01-01"))
}

/// A database with the table `stock`: `sku` is the key, `count` an INTEGER, `note` a text.
pub(super) fn stock(scratch: &Scratch) -> Database {
    let database = scratch.open();
    let spec = TableSpec::keyed("stock", ["sku"])
        .column(Column::new("note", DataType::Text))
        .column(Column::new("sku", DataType::Text))
        .column(Column::new("count", DataType::Integer));
    database.create_table(spec).unwrap();
    database
}

pub(super) fn commit(database: &Database, rows: &RecordBatch) -> annals_engine::Result<()> {
    let mut transaction = database.begin();
    transaction.put("stock", rows)?;
    transaction.commit().map(drop)
}

pub(super) fn add(column: Column) -> TableChange {
    TableChange::AddColumn(column)
}

pub(super) fn drop_column(name: &str) -> TableChange {
    TableChange::DropColumn(name.to_owned())
}

pub(super) fn rename(from: &str, to: &str) -> TableChange {
    TableChange::RenameColumn { from: from.to_owned(), to: to.to_owned() }
}

pub(super) fn widen(column: &str, data_type: DataType) -> TableChange {
    TableChange::WidenColumn { column: column.to_owned(), data_type }
}

/// The rows of a batch as text, sorted, columns apart by a bar.
pub(super) fn lines(batches: impl IntoIterator<Item = RecordBatch>) -> Vec<String> {
    let mut found = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cell = |column| match array_value_to_string(column, row).unwrap() {
                text if text.is_empty() => "-".to_owned(),
                text => text,
            };
            found.push(batch.columns().iter().map(|c| cell(c)).collect::<Vec<_>>().join("|"));
        }
    }
    found.sort();
    found
}

/// The columns of a table and every version that was ever believed.
pub(super) fn all(snapshot: &Snapshot, filter: Option<Predicate>) -> Vec<String> {
    let names: Vec<String> =
        snapshot.table_schema("stock").unwrap().columns.iter().map(|c| c.name.clone()).collect();
    let mut scan = snapshot.scan("stock").unwrap().valid(Clause::All).system(Clause::All);
    if let Some(filter) = filter {
        scan = scan.filter(filter);
    }
    let mut found = vec![names.join("|")];
    found.extend(lines(scan.run().unwrap().map(|batch| batch.unwrap())));
    found
}

pub(super) fn verify(database: &Database) {
    database.verify(&mut |damage| panic!("{damage}")).unwrap();
}
