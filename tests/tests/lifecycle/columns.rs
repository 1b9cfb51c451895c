//! Columns change while partitions are outside, and under indexes: every answer is in the columns of now.

use annals_engine::{Clause, Column, Comparison, DataType, Database, Predicate, TableChange};
use annals_tests::prices::Prices;
use annals_tests::rows::{Cell, Row, rows};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::stories::{BY, partition, prices};

fn alter(prices: &Prices, change: &TableChange) {
    prices.database().alter_table("prices", change).unwrap();
}

fn add(name: &str, default: &str) -> TableChange {
    TableChange::AddColumn(Column::new(name, DataType::Text).with_default(default))
}

fn rename(from: &str, to: &str) -> TableChange {
    TableChange::RenameColumn { from: from.to_owned(), to: to.to_owned() }
}

/// All versions, by the columns that are named.
fn all(database: &Database, columns: &[&str], filter: Option<Predicate>) -> Vec<Row> {
    let scan = database.snapshot().unwrap().scan("prices").unwrap();
    let scan = scan.valid(Clause::All).system(Clause::All).columns(columns.iter().copied());
    let scan = filter.into_iter().fold(scan, annals_engine::Scan::filter);
    let mut found: Vec<Row> =
        scan.run().unwrap().flat_map(|batch| rows(&batch.unwrap(), columns)).collect();
    found.sort();
    found
}

#[test]
fn a_partition_that_was_outside_comes_back_in_the_columns_of_now() {
    let mut prices = prices();
    let before = all(prices.database(), &["sku", "price"], None);
    let january = partition("2024-01");
    prices.database().detach_partitions("prices", &[january], BY).unwrap();
    alter(&prices, &rename("price", "cents"));
    alter(&prices, &add("currency", "EUR"));
    prices.reopen();
    alter(&prices, &TableChange::DropColumn("currency".to_owned()));
    alter(&prices, &add("currency", "CHF"));
    // The entry that its files were written with is not forgotten.
    prices.reopen();
    prices.reopen();
    // A write is held against what lies outside, whatever its columns are called.
    let error = prices.now().delete("tea", "2024-01-01", "2024-04-01").try_commit().unwrap_err();
    assert_eq!(error.kind(), annals_engine::ErrorKind::Sealed);
    prices.database().attach_partition("prices", january, None, BY).unwrap();
    for _ in 0..2 {
        let found = all(prices.database(), &["sku", "cents"], None);
        assert_eq!(found, before);
        let currencies = all(prices.database(), &["currency"], None);
        assert!(currencies.iter().all(|row| row[0] == Cell::text("CHF")), "{currencies:?}");
        prices.database().compact(&mut |_| ()).unwrap();
    }
    let mut damages = Vec::new();
    prices.database().verify(&mut |damage| damages.push(damage)).unwrap();
    assert!(damages.is_empty(), "{damages:?}");
}

#[test]
fn an_archive_has_the_columns_that_its_table_has_when_it_is_made() {
    let prices = prices();
    prices.database().compact(&mut |_| ()).unwrap();
    alter(&prices, &rename("price", "cents"));
    alter(&prices, &add("currency", "EUR"));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("january");
    let january = partition("2024-01");
    prices.database().archive_partition("prices", january, &dir, BY).unwrap();
    let mut row_count = 0;
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "parquet") {
            let file = std::fs::File::open(path).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            for batch in reader.build().unwrap() {
                let found = rows(&batch.unwrap(), &["sku", "cents", "currency"]);
                assert!(found.iter().all(|row| row[2] == Cell::text("EUR")), "{found:?}");
                row_count += found.len();
            }
        }
    }
    assert_eq!(row_count, 2);
}

#[test]
fn an_index_stays_on_its_column_whatever_it_is_called_and_goes_with_it() {
    let mut prices = prices();
    prices.database().create_index("by_price", "prices", "price").unwrap();
    prices.database().compact(&mut |_| ()).unwrap();
    while prices.database().maintain().unwrap().is_some() {}
    let six = |column: &str| Some(Predicate::compare(column, Comparison::Eq, 6));
    let expected = all(prices.database(), &["sku"], six("price"));
    assert!(!expected.is_empty());

    alter(&prices, &rename("price", "cents"));
    prices.reopen();
    let used = prices.database().indexes().unwrap()[0].use_count;
    assert_eq!(all(prices.database(), &["sku"], six("cents")), expected);
    let index = &prices.database().indexes().unwrap()[0];
    assert_eq!((index.column.as_str(), index.use_count), ("cents", used + 1));
    assert_eq!(index.indexed_segment_count, index.segment_count);

    // A new column of the old name is another one.
    alter(&prices, &add("price", "none"));
    assert_eq!(prices.database().indexes().unwrap()[0].column, "cents");
    alter(&prices, &TableChange::DropColumn("cents".to_owned()));
    assert!(prices.database().indexes().unwrap().is_empty());
    prices.reopen();
    assert!(prices.database().indexes().unwrap().is_empty());
    let mut damages = Vec::new();
    prices.database().verify(&mut |damage| damages.push(damage)).unwrap();
    assert!(damages.is_empty(), "{damages:?}");
}

#[test]
fn bitmaps_of_a_narrower_type_do_not_decide_and_later_ones_do() {
    let prices = Prices::new();
    prices.set_clock("2024-06-01");
    let database = prices.database();
    let small = TableChange::AddColumn(Column::new("size", DataType::SmallInt));
    database.alter_table("prices", &small).unwrap();
    let put = |sku: &str, size: i64| {
        let rows = annals_tests::rows::batch(vec![
            ("sku", annals_tests::rows::array(DataType::Text, &[&Cell::text(sku)])),
            ("size", annals_tests::rows::array(DataType::BigInt, &[&Cell::Int(size)])),
        ]);
        let mut transaction = database.begin();
        transaction.put("prices", &rows).unwrap();
        transaction.commit().unwrap();
    };
    (0..50).for_each(|number| put(&format!("sku {number}"), number % 5));
    database.create_index("by_size", "prices", "size").unwrap();
    database.compact(&mut |_| ()).unwrap();
    while database.maintain().unwrap().is_some() {}
    let wide = TableChange::WidenColumn { column: "size".to_owned(), data_type: DataType::BigInt };
    database.alter_table("prices", &wide).unwrap();
    put("large", 1 << 40);
    database.flush().unwrap();
    while database.maintain().unwrap().is_some() {}
    let of = |size: i64| {
        let filter = Predicate::compare("size", Comparison::Eq, size);
        all(database, &["sku"], Some(filter)).len()
    };
    assert_eq!((of(3), of(1 << 40), of(9)), (10, 1, 0));
    // Written anew, all are of the type of now.
    database.compact(&mut |_| ()).unwrap();
    while database.maintain().unwrap().is_some() {}
    assert_eq!((of(3), of(1 << 40), of(9)), (10, 1, 0));
}
