//! What rows mean: periods, defaults, deletes, system times; and what is wrong with them, by line or number.

use annals_engine::ErrorKind;

use super::*;

const INVALID: Kind = Kind::Engine(ErrorKind::Invalid);

fn check(request: &Ingest, body: &str, expect: &[&str]) {
    let place = Place::new();
    place.ingest(request, body).unwrap();
    assert_eq!(place.versions(&request.table, false), expect, "after {body}");
}

fn check_wrong(request: &Ingest, body: &str, sentence: &str) {
    let place = Place::new();
    check_refused(place.ingest(request, body), INVALID, sentence);
    assert_eq!(place.last_change(&request.table), None, "after {body}");
}

#[test]
fn periods_come_from_named_columns_or_from_those_that_are_named_as_everywhere() {
    let named = Ingest {
        valid_from: Some("since".into()),
        valid_to: Some("until".into()),
        ..puts(Format::Csv)
    };
    check(
        &named,
        "sku,since,until\ntea,2024-01-01,\ncoffee,,2025-01-01\n",
        &["coffee - EUR - 2025-01-01T00:00:00Z", "tea - EUR 2024-01-01T00:00:00Z -"],
    );
    check(
        &Ingest { valid_from: Some("since".into()), ..puts(Format::Ndjson) },
        "{\"sku\":\"tea\",\"since\":\"2024-01-01\",\"_valid_to\":\"2025-01-01T00:00:00+01:00\"}",
        &["tea - EUR 2024-01-01T00:00:00Z 2024-12-31T23:00:00Z"],
    );
    let place = Place::new();
    let ingested = place.ingest(&puts(Format::Csv), "sku\ntea\n").unwrap();
    let from = ingested.system_time.unwrap();
    place.check_prices(&[&format!("tea - EUR {from} -")]);
}

#[test]
fn a_line_that_leaves_a_period_out_where_others_have_it_is_refused() {
    check_wrong(
        &puts(Format::Ndjson),
        "{\"sku\":\"tea\",\"_valid_from\":\"2024-01-01\"}\n\n{\"sku\":\"coffee\"}\n",
        "line 3: `_valid_from` is left out, where other lines have it; `null` says that there is no bound",
    );
    check_wrong(
        &puts(Format::Ndjson),
        "{\"sku\":\"tea\"}\n{\"sku\":\"coffee\",\"_valid_from\":\"2024-01-01\"}\n",
        "line 2: there is no column `_valid_from`",
    );
}

#[test]
fn any_line_may_have_an_end_whichever_was_the_first() {
    check(
        &puts(Format::Ndjson),
        "{\"sku\":\"tea\",\"_valid_from\":\"2024-01-01\"}\n\
         {\"sku\":\"coffee\",\"_valid_from\":\"2024-01-01\",\"_valid_to\":\"2025-01-01\"}\n\
         {\"sku\":\"milk\",\"_valid_from\":\"2024-01-01\",\"_valid_to\":null}\n",
        &[
            "coffee - EUR 2024-01-01T00:00:00Z 2025-01-01T00:00:00Z",
            "milk - EUR 2024-01-01T00:00:00Z -",
            "tea - EUR 2024-01-01T00:00:00Z -",
        ],
    );
}

#[test]
fn columns_that_are_left_out_have_their_default_and_null_stays_null() {
    check(
        &Ingest { table: "visits".into(), ..puts(Format::Ndjson) },
        "{\"who\":\"ann\",\"_valid_from\":\"2024-01-01\"}\n\
         {\"who\":\"ben\",\"_valid_from\":\"2024-01-01\",\"pages\":null}\n\
         {\"who\":\"eve\",\"_valid_from\":\"2024-01-01\",\"pages\":7}\n",
        &[
            "ann 1 2024-01-01T00:00:00Z 2024-01-01T00:00:00.000001Z",
            "ben - 2024-01-01T00:00:00Z 2024-01-01T00:00:00.000001Z",
            "eve 7 2024-01-01T00:00:00Z 2024-01-01T00:00:00.000001Z",
        ],
    );
    check(
        &Ingest { table: "visits".into(), valid_from: Some("at".into()), ..puts(Format::Csv) },
        "at,who\n2024-01-01,ann\n",
        &["ann 1 2024-01-01T00:00:00Z 2024-01-01T00:00:00.000001Z"],
    );
    check_wrong(
        &puts(Format::Ndjson),
        "{\"sku\":\"tea\",\"currency\":null}",
        "line 1: column `currency` has no value",
    );
}

#[test]
fn deletes_need_the_key_and_look_at_nothing_else() {
    for format in FORMATS {
        let place = Place::new();
        place.ingest(&puts(format), body(format)).unwrap();
        let all = Ingest { op: Op::Delete, ..puts(format) };
        let ingested = place.ingest(&all, body(format)).unwrap();
        assert_eq!((ingested.row_count, ingested.transaction_count), (2, 1), "{format:?}");
        place.check_prices(&[]);
    }
    let place = Place::new();
    place.ingest(&puts(Format::Csv), CSV).unwrap();
    let delete = Ingest { op: Op::Delete, ..puts(Format::Csv) };
    place.ingest(&delete, "cents,sku,_valid_from\nmany,tea,2024-03-01\n").unwrap();
    place.check_prices(&[VERSIONS[0], "tea 350 EUR 2024-01-01T00:00:00Z 2024-03-01T00:00:00Z"]);
    check_wrong(
        &delete,
        "sku,no\ntea,1\n",
        "table `prices` has no column `no`; it has `sku`, `cents`, `currency`",
    );
    check_wrong(&delete, "cents\n1\n", "key column `sku` is missing; the body has `cents`");
    check_wrong(
        &Ingest { table: "visits".into(), ..delete },
        "who\nann\n",
        "table `visits` exists as an event table: its rows have no key to delete them by",
    );
}

#[test]
fn a_column_may_say_put_or_delete() {
    let mixed = Ingest { op_column: Some("op".into()), ..puts(Format::Csv) };
    check(
        &mixed,
        "op,sku,cents,_valid_from\n\
         put,tea,350,2024-01-01\n\
         put,coffee,410,2024-01-01\n\
         delete,tea,,2024-06-01\n\
         PUT,tea,390,2024-09-01\n",
        &[
            "coffee 410 EUR 2024-01-01T00:00:00Z -",
            "tea 350 EUR 2024-01-01T00:00:00Z 2024-06-01T00:00:00Z",
            "tea 390 EUR 2024-09-01T00:00:00Z -",
        ],
    );
    check_wrong(&mixed, "op,sku\npat,tea\n", "line 2: \"pat\" is neither put nor delete");
    check_wrong(&mixed, "sku\ntea\n", "`op_column` names `op`, but the body has `sku`");
}

#[test]
fn rows_with_their_own_system_times_are_a_transaction_for_each() {
    let place = Place::new();
    let split = Ingest { system_time: Some("recorded".into()), ..puts(Format::Csv) };
    let body = "sku,cents,_valid_from,recorded\n\
        tea,350,2024-01-01,2024-01-05\n\
        coffee,400,2024-01-01,2024-01-05\n\
        tea,390,2024-03-01,2024-04-15T10:00:00Z\n";
    let ingested = place.ingest(&split, body).unwrap();
    assert_eq!((ingested.row_count, ingested.transaction_count), (3, 2));
    assert_eq!(ingested.system_time.unwrap().to_string(), "2024-04-15T10:00:00Z");
    let (first, second) = ("2024-01-05T00:00:00Z", "2024-04-15T10:00:00Z");
    assert_eq!(
        place.versions("prices", true),
        [
            format!("coffee 400 EUR 2024-01-01T00:00:00Z - {first} -"),
            format!("tea 350 EUR 2024-01-01T00:00:00Z - {first} {second}"),
            format!("tea 350 EUR 2024-01-01T00:00:00Z 2024-03-01T00:00:00Z {second} -"),
            format!("tea 390 EUR 2024-03-01T00:00:00Z - {second} -"),
        ]
    );
    check_refused(
        place.ingest(&split, body),
        INVALID,
        "line 2: the system time 2024-01-05T00:00:00Z is not later than the table's last one, 2024-04-15T10:00:00Z",
    );
}

#[test]
fn a_wrong_row_of_a_split_request_stops_it_and_says_what_is_written() {
    let place = Place::new();
    let split = Ingest { system_time: Some("recorded".into()), ..puts(Format::Csv) };
    let body = "sku,cents,_valid_from,recorded\n\
        tea,350,2024-01-01,2024-01-05\n\
        tea,390,2024-01-01,2024-02-05\n\
        tea,much,2024-01-01,2024-02-05\n";
    // The chunk is read as a whole before its first row is written.
    let sentence = "line 4: column `cents`: \"much\" is not a BIGINT";
    check_refused(place.ingest(&split, body), INVALID, sentence);
    assert_eq!(place.last_change("prices"), None);

    let mut long = String::from("sku,cents,_valid_from,recorded\n");
    for number in 0..10_000 {
        let month = number / 1_000 + 1;
        long.push_str(&format!("{number:05},1,2024-01-01,2024-{month:02}-01\n"));
    }
    long.push_str("late,much,2024-01-01,2024-11-01\n");
    check_refused(
        place.ingest(&split, long),
        INVALID,
        "line 10002: column `cents`: \"much\" is not a BIGINT; 9000 rows in 9 transactions before it are written",
    );
    assert_eq!(place.versions("prices", false).len(), 9_000);
    let last = place.last_change("prices").unwrap();
    assert_eq!(last.to_string(), "2024-09-01T00:00:00Z");
    let future = "sku,recorded\ntea,2999-01-01\n";
    let failure = place.ingest(&split, future).unwrap_err().to_string();
    let expect = "line 2: the system time 2999-01-01T00:00:00Z is in the future; it is ";
    assert!(failure.starts_with(expect), "{failure}");
    let ended = "sku,_valid_to\ntea,\ntea,2020-01-01\n";
    let failure = place.ingest(&puts(Format::Csv), ended).unwrap_err().to_string();
    let expect = "line 3: inverted period of valid time: from 20";
    assert!(failure.starts_with(expect), "{failure}");
}

#[test]
fn wrong_rows_are_named_in_every_format_and_nothing_is_written() {
    check_wrong(
        &puts(Format::Csv),
        "sku,cents\ntea,1\ncoffee,1.5\n",
        "line 3: column `cents`: \"1.5\" is not a BIGINT",
    );
    check_wrong(
        &puts(Format::Csv),
        "sku,cents\ntea,1\ncoffee\n",
        "line 3: 1 fields where the header has 2",
    );
    check_wrong(
        &puts(Format::Csv),
        "sku,cents\ntea,1\n,2\n",
        "line 3: key column `sku` has no value",
    );
    check_wrong(
        &puts(Format::Csv),
        "cents\n1\n",
        "key column `sku` is missing; the body has `cents`",
    );
    check_wrong(
        &puts(Format::Csv),
        "sku,_valid_from,_valid_to\ntea,2024-01-01,2024-02-01\ntea,2024-01-01,2023-01-01\n",
        "line 3: inverted period of valid time: from 2024-01-01T00:00:00Z to 2023-01-01T00:00:00Z",
    );
    check_wrong(
        &puts(Format::Ndjson),
        "{\"sku\":\"tea\"}\n{\"sku\":7,\"cents\":\"x\"}\n",
        "line 2: column `cents`: \"x\" is not a BIGINT",
    );
    check_wrong(
        &puts(Format::Ndjson),
        "{\"sku\":\"tea\"}\n{\"sku\":",
        "line 2: not a JSON object: EOF while parsing a value",
    );
    check_wrong(
        &puts(Format::Ndjson),
        "{\"sku\":\"tea\"}\n{\"nope\":1}",
        "line 2: there is no column `nope`",
    );
}

#[test]
fn wrong_rows_of_columns_are_named_by_their_number() {
    let rows = |cents: Vec<Option<&str>>| {
        let skus: Vec<Option<String>> = (0..cents.len()).map(|at| Some(at.to_string())).collect();
        RecordBatch::try_from_iter([
            ("sku", Arc::new(StringArray::from(skus)) as ArrayRef),
            ("cents", Arc::new(StringArray::from(cents)) as ArrayRef),
        ])
        .unwrap()
    };
    let batches = [rows(vec![Some("1"), None]), rows(vec![Some("2"), Some("x")])];
    let sentence = "row 4: column `cents`: \"x\" is not a BIGINT";
    for (format, bytes) in [(Format::Arrow, arrow(&batches)), (Format::Parquet, parquet(&batches))]
    {
        let place = Place::new();
        check_refused(place.ingest(&puts(format), bytes), INVALID, sentence);
        place.check_prices(&[]);
    }
}

#[test]
fn only_tables_of_users_that_are_there_are_written_to() {
    let place = Place::new();
    let into = |table: &str| Ingest { table: table.into(), ..puts(Format::Csv) };
    let none = place.ingest(&into("price"), CSV).unwrap_err();
    assert_eq!(none.kind(), Some(Kind::NoSuchTable), "{none}");
    check_refused(
        place.ingest(&into("annals.ingests.1"), CSV),
        INVALID,
        "`annals.ingests.1` cannot be written to: names with `annals.` in front are the database's own",
    );
    let twice = Ingest {
        valid_from: Some("at".into()),
        system_time: Some("at".into()),
        ..puts(Format::Csv)
    };
    check_refused(
        place.ingest(&twice, CSV),
        INVALID,
        "`valid_from` and `system_time` both name `at`",
    );
}

#[test]
fn a_request_larger_than_a_transaction_may_be_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::default().transaction_bytes_max(100_000);
    let database = Database::open(dir.path(), options).unwrap();
    let column = Column::new("sku", DataType::Text);
    database.create_table(TableSpec::keyed("prices", ["sku"]).column(column)).unwrap();
    let ingester = Ingester::new(database.clone(), None);
    let body: String = (0..20_000).map(|sku| format!("{{\"sku\":\"{sku}\"}}\n")).collect();
    let outcome = ingester.ingest(puts(Format::Ndjson), Box::new(Cursor::new(body.into_bytes())));
    assert_eq!(outcome.unwrap_err().kind(), Some(Kind::Engine(ErrorKind::Exhausted)));
    assert_eq!(database.snapshot().unwrap().last_change("prices").unwrap(), None);
}
