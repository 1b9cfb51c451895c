//! Bad input gets one sentence that names the place, and leaves the database as it was.
//!
//! Each request is wrong in one way. The kind of the error tells the caller what to do, the message has the values in it, and
//! afterwards every version and every table are as before, also after a crash.

use std::process::{Command, Stdio};
use std::sync::Arc;

use annals_engine::arrow::array::{Int64Array, RecordBatch, StringArray};
use annals_engine::{
    At, Clause, Column, Comparison, DataType, Database, Error, ErrorKind, Options, Predicate,
    TableSpec, Value,
};
use annals_tests::prices::{Prices, price_batch, system, valid};
use annals_tests::rows::{Cell, array, batch};

/// A database in which the tea costs 5.
fn prices() -> Prices {
    let prices = Prices::new();
    prices.at("2024-01-01").put("tea", 5, "2024-01-01", "").commit();
    prices
}

/// The error is of this kind, one line, and has all the words in it.
fn check(error: Option<Error>, kind: ErrorKind, words: &[&str]) {
    let error = error.expect("a refusal");
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    assert!(!message.contains('\n'), "one line: {message:?}");
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

/// A wrong write: refused when it is buffered or when it is committed; nothing of its transaction is applied.
fn check_put(rows: &RecordBatch, words: &[&str]) {
    let mut prices = prices();
    let story = prices.at("2024-02-01").put("milk", 1, "2024-01-01", "");
    let error = story.then(|transaction| transaction.put("prices", rows)).try_commit().err();
    check(error, ErrorKind::Invalid, words);
    check_as_it_was(&mut prices);
}

fn check_delete(rows: &RecordBatch, words: &[&str]) {
    let mut prices = prices();
    let story = prices.at("2024-02-01").put("milk", 1, "2024-01-01", "");
    let error = story.then(|transaction| transaction.delete("prices", rows)).try_commit().err();
    check(error, ErrorKind::Invalid, words);
    check_as_it_was(&mut prices);
}

fn check_as_it_was(prices: &mut Prices) {
    for _ in 0..2 {
        assert_eq!(prices.history("tea"), ["5: 2024-01-01 .. -, believed 2024-01-01 .. -"]);
        assert_eq!(prices.history("milk"), Vec::<String>::new());
        assert_eq!(prices.database().tables().len(), 1);
        prices.crash();
    }
    prices.at("2024-03-01").put("tea", 6, "2024-03-01", "").commit();
    assert_eq!(prices.price("tea", "", ""), Some(6), "writes go on");
}

fn text(values: &[Option<&str>]) -> Arc<StringArray> {
    Arc::new(values.iter().copied().collect())
}

fn numbers(values: &[i64]) -> Arc<Int64Array> {
    Arc::new(values.iter().copied().collect())
}

#[test]
fn an_inverted_or_empty_period_names_row_and_instants() {
    let (first, second) = ("2024-03-01T00:00:00Z", "2024-02-01T00:00:00Z");
    let inverted = price_batch("tea", 6, Some(("2024-03-01", "2024-02-01")));
    check_put(&inverted, &["row 0", "prices", "inverted", first, second]);
    let empty = price_batch("tea", 6, Some(("2024-03-01", "2024-03-01")));
    check_put(&empty, &["row 0", "prices", "empty", first]);
    let from = Cell::Time(valid("2024-03-01").micros());
    let to = Cell::Time(valid("2024-02-01").micros());
    let keys = batch(vec![
        ("sku", text(&[Some("tea"), Some("milk")])),
        ("_valid_from", array(DataType::Timestamp, &[&to, &from])),
        ("_valid_to", array(DataType::Timestamp, &[&from, &to])),
    ]);
    check_delete(&keys, &["row 1", "prices", "inverted", first, second]);
}

#[test]
fn a_period_that_ends_before_the_system_time_it_would_begin_at_is_refused() {
    let to = Cell::Time(valid("2020-01-01").micros());
    let rows = batch(vec![
        ("sku", text(&[Some("tea")])),
        ("_valid_to", array(DataType::Timestamp, &[&to])),
    ]);
    check_put(&rows, &["row 0", "prices", "inverted", "2020-01-01T00:00:00Z"]);
}

#[test]
fn an_instant_outside_the_years_1_to_9999_is_refused() {
    let late = Cell::Time(i64::MAX - 1);
    let rows = batch(vec![
        ("sku", text(&[Some("tea")])),
        ("_valid_from", array(DataType::Timestamp, &[&late])),
    ]);
    check_put(&rows, &["row 0", "prices", "outside the years 0001 to 9999"]);
}

#[test]
fn an_unknown_column_is_named_with_the_nearest() {
    let rows = batch(vec![("sku", text(&[Some("tea")])), ("prise", numbers(&[6]))]);
    check_put(&rows, &["prise", "did you mean `price`"]);
    let keys = batch(vec![("sku", text(&[Some("tea")])), ("colour", numbers(&[6]))]);
    check_delete(&keys, &["colour"]);
}

#[test]
fn a_column_given_twice_is_refused() {
    let rows = batch(vec![
        ("sku", text(&[Some("tea")])),
        ("price", numbers(&[6])),
        ("price", numbers(&[7])),
    ]);
    check_put(&rows, &["price", "twice"]);
}

#[test]
fn a_null_in_a_key_names_row_and_column() {
    let rows = batch(vec![
        ("sku", text(&[Some("tea"), Some("milk"), None])),
        ("price", numbers(&[1, 2, 3])),
    ]);
    check_put(&rows, &["row 2", "prices", "sku"]);
    check_delete(&batch(vec![("sku", text(&[None]))]), &["row 0", "prices", "sku"]);
}

#[test]
fn a_missing_key_column_is_named() {
    check_put(&batch(vec![("price", numbers(&[6]))]), &["sku", "prices"]);
    let from = Cell::Time(valid("2024-03-01").micros());
    let keys = batch(vec![("_valid_from", array(DataType::Timestamp, &[&from]))]);
    check_delete(&keys, &["sku", "prices"]);
}

#[test]
fn a_missing_column_that_cannot_be_null_is_named() {
    let prices = prices();
    let spec = TableSpec::keyed("costs", ["sku"])
        .column(Column::new("sku", DataType::Text))
        .column(Column::new("cost", DataType::BigInt).not_null());
    prices.database().create_table(spec).expect("a new table");
    for (rows, words) in [
        (batch(vec![("sku", text(&[Some("tea")]))]), &["cost", "costs"][..]),
        (
            batch(vec![
                ("sku", text(&[Some("tea")])),
                ("cost", array(DataType::BigInt, &[&Cell::Null])),
            ]),
            &["row 0", "cost", "costs"],
        ),
    ] {
        let story = prices.at("2024-02-01").then(|transaction| transaction.put("costs", &rows));
        check(story.try_commit().err(), ErrorKind::Invalid, words);
    }
    let snapshot = prices.snapshot();
    assert!(snapshot.get("costs", &[Value::from("tea")], At::default()).unwrap().is_none());
}

#[test]
fn a_value_of_another_type_names_the_column_and_both_types() {
    let rows = batch(vec![("sku", text(&[Some("tea")])), ("price", text(&[Some("6")]))]);
    check_put(&rows, &["price", "BIGINT", "Utf8"]);
    let keys = batch(vec![("sku", numbers(&[1]))]);
    check_delete(&keys, &["sku", "TEXT", "Int64"]);
    let rows = batch(vec![("sku", text(&[Some("tea")])), ("_valid_from", numbers(&[1]))]);
    check_put(&rows, &["_valid_from", "TIMESTAMP", "Int64"]);
}

#[test]
fn an_unknown_table_is_named() {
    let mut prices = prices();
    let rows = price_batch("tea", 6, None);
    let story = prices.now().put("milk", 1, "", "");
    let error = story.then(|transaction| transaction.put("price", &rows)).try_commit().err();
    check(error, ErrorKind::Invalid, &["price"]);
    check(prices.snapshot().scan("price").err(), ErrorKind::Invalid, &["price"]);
    check(prices.database().table("pricess").err(), ErrorKind::Invalid, &["pricess", "prices"]);
    check_as_it_was(&mut prices);
}

#[test]
fn an_own_system_time_that_is_not_later_than_the_last_names_both_instants() {
    for recorded in ["2024-01-01T00:00:00Z", "2023-12-31T23:59:59.999999Z"] {
        let mut prices = prices();
        let error = prices.at(recorded).put("milk", 1, "", "").try_commit().err();
        check(error, ErrorKind::Invalid, &[recorded, "2024-01-01T00:00:00Z", "prices"]);
        check_as_it_was(&mut prices);
    }
}

#[test]
fn an_own_system_time_in_the_future_names_both_instants() {
    let mut prices = prices();
    let recorded = "2030-01-01T00:00:00.000001Z";
    let error = prices.at(recorded).put("milk", 1, "", "").try_commit().err();
    check(error, ErrorKind::Invalid, &[recorded, "2030-01-01T00:00:00Z"]);
    check_as_it_was(&mut prices);
}

#[test]
fn a_read_as_of_a_later_system_time_names_both_instants() {
    let prices = prices();
    let snapshot = prices.snapshot();
    let later = system("2030-06-01");
    let words = ["2030-06-01T00:00:00Z".to_owned(), snapshot.system_time().to_string()];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let at = At { system: Some(later), ..At::default() };
    let key = [Value::from("tea")];
    check(snapshot.get("prices", &key, at).err(), ErrorKind::Invalid, &words);
    let scan = snapshot.scan("prices").unwrap().system(Clause::AsOf(later));
    check(scan.run().err(), ErrorKind::Invalid, &words);
}

#[test]
fn an_empty_range_names_both_bounds() {
    let prices = prices();
    let snapshot = prices.snapshot();
    let (a, b) = (valid("2024-02-01"), valid("2024-03-01"));
    let shown = ["valid time", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"];
    let scan = || snapshot.scan("prices").unwrap();
    let inverted = [Clause::FromTo(b, a), Clause::Between(b, a), Clause::ContainedIn(b, a)];
    for clause in inverted {
        check(scan().valid(clause).run().err(), ErrorKind::Invalid, &shown);
    }
    check(scan().valid(Clause::FromTo(a, a)).run().err(), ErrorKind::Invalid, &shown[..2]);
    let system_range = Clause::FromTo(system("2024-03-01"), system("2024-02-01"));
    check(scan().system(system_range).run().err(), ErrorKind::Invalid, &["system time"]);
}

#[test]
fn a_scan_of_an_unknown_column_or_with_a_value_that_does_not_fit_is_refused() {
    let prices = prices();
    let snapshot = prices.snapshot();
    let scan = || snapshot.scan("prices").unwrap();
    check(scan().columns(["sku", "prise"]).run().err(), ErrorKind::Invalid, &["prise", "price"]);
    let compare = |column: &str, value: Value| Predicate::Compare {
        column: column.to_owned(),
        op: Comparison::Eq,
        value,
    };
    let unknown = scan().filter(compare("colour", Value::from(1)));
    check(unknown.run().err(), ErrorKind::Invalid, &["colour"]);
    let wrong = scan().filter(compare("price", Value::from("six")));
    check(wrong.run().err(), ErrorKind::Invalid, &["six", "BIGINT"]);
    let wrong = Predicate::In { column: "sku".to_owned(), values: vec![Value::from(6)] };
    check(scan().filter(wrong).run().err(), ErrorKind::Invalid, &["6", "TEXT"]);
}

#[test]
fn a_key_of_another_shape_is_refused() {
    let prices = prices();
    let snapshot = prices.snapshot();
    for key in [vec![], vec![Value::from("tea"), Value::from(1)], vec![Value::from(1)]] {
        assert_eq!(
            snapshot.history("prices", &key).expect_err("refused").kind(),
            ErrorKind::Invalid
        );
        let found = snapshot.get("prices", &key, At::default());
        assert_eq!(found.expect_err("refused").kind(), ErrorKind::Invalid, "{key:?}");
    }
}

#[test]
fn a_table_name_that_is_taken_is_a_conflict() {
    let mut prices = prices();
    let error = prices.database().create_table(TableSpec::events("prices")).err();
    check(error, ErrorKind::Conflict, &["prices"]);
    check_as_it_was(&mut prices);
}

#[test]
fn a_table_without_sense_is_refused() {
    let mut prices = prices();
    let sku = || Column::new("sku", DataType::Text);
    for (spec, word) in [
        (TableSpec::keyed("t", ["sku"]), "sku"),
        (TableSpec::keyed("t", ["sku", "sku"]).column(sku()), "twice"),
        (TableSpec::keyed("t", ["sku"]).column(sku()).column(sku()), "twice"),
        (TableSpec::keyed("_t", ["sku"]).column(sku()), "_t"),
        (TableSpec::keyed("", ["sku"]).column(sku()), "name"),
        (TableSpec::keyed("t", Vec::<String>::new()).column(sku()), "key"),
        (TableSpec::events("t").column(Column::new("_id", DataType::Text)), "_id"),
    ] {
        check(prices.database().create_table(spec).err(), ErrorKind::Invalid, &[word]);
    }
    check_as_it_was(&mut prices);
}

#[test]
fn an_end_of_an_event_cannot_be_given() {
    let prices = prices();
    let spec = TableSpec::events("visits").column(Column::new("who", DataType::Text));
    prices.database().create_table(spec).expect("a new table");
    let instant = Cell::Time(valid("2024-03-01").micros());
    let rows = batch(vec![
        ("who", text(&[Some("ann")])),
        ("_valid_to", array(DataType::Timestamp, &[&instant])),
    ]);
    let story = prices.now().then(|transaction| transaction.put("visits", &rows));
    check(story.try_commit().err(), ErrorKind::Invalid, &["_valid_to"]);
}

#[test]
fn a_transaction_that_is_too_large_is_refused_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = || Options::default().transaction_bytes_max(64 << 10).background(false);
    let database = Database::open(folder.path(), options()).expect("a database");
    database.create_table(Prices::spec("prices")).expect("a new table");
    let skus: Vec<String> = (0..20_000).map(|number| format!("item {number}")).collect();
    let rows = batch(vec![("sku", Arc::new(StringArray::from(skus)))]);
    let mut transaction = database.begin();
    let error = transaction.put("prices", &rows).and_then(|()| transaction.commit()).err();
    check(error, ErrorKind::Exhausted, &["65536"]);
    let snapshot = database.snapshot().expect("a snapshot");
    let scan = snapshot.scan("prices").expect("the table").system(Clause::All).valid(Clause::All);
    assert_eq!(scan.run().expect("a scan").count(), 0);
}

#[test]
fn a_folder_that_is_not_a_database_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("letter.txt"), "dear").expect("a file");
    let error = Database::open(folder.path(), Options::default()).err();
    let shown = folder.path().display().to_string();
    check(error, ErrorKind::Unavailable, &[&shown, "database"]);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["letter.txt"]);

    let file = folder.path().join("letter.txt");
    let error = Database::open(&file, Options::default()).expect_err("a refusal");
    assert!(error.to_string().contains("letter.txt"), "{error}");
    let missing = folder.path().join("nowhere");
    let error = Database::open_existing(&missing, Options::default()).err();
    check(error, ErrorKind::Unavailable, &["nowhere"]);
    assert!(!missing.exists(), "nothing was made");
}

#[test]
fn a_database_that_another_handle_holds_is_unavailable() {
    let mut prices = prices();
    let error = Database::open(prices.scratch.path(), prices.scratch.options()).err();
    let shown = prices.scratch.path().display().to_string();
    check(error, ErrorKind::Unavailable, &[&shown]);
    check_as_it_was(&mut prices);
}

#[test]
fn a_database_that_another_process_holds_is_unavailable() {
    use std::io::{BufRead, BufReader};
    let mut prices = prices();
    prices.drop_without_close();
    let mut child = Command::new(env!("CARGO_BIN_EXE_annals-test-child"))
        .arg("hold")
        .arg(prices.scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert_eq!(line, "held\n");
    let error = Database::open(prices.scratch.path(), prices.scratch.options()).err();
    let shown = prices.scratch.path().display().to_string();
    check(error, ErrorKind::Unavailable, &[&shown, "open"]);
    let verified = annals_engine::verify(prices.scratch.path(), &Options::default(), &mut |_| ());
    check(verified.err(), ErrorKind::Unavailable, &[&shown]);
    drop(child.stdin.take());
    child.wait().expect("the end of the child");
    prices.crash();
    check_as_it_was(&mut prices);
}

#[test]
fn a_closed_database_is_unavailable() {
    let prices = prices();
    let clone = prices.database().clone();
    prices.database().clone().close().expect("a clean close");
    check(clone.snapshot().err(), ErrorKind::Unavailable, &["closed"]);
    let error = prices.now().put("tea", 6, "", "").try_commit().err();
    check(error, ErrorKind::Unavailable, &["closed"]);
}
