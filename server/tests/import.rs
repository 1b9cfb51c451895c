//! What is imported is what the files say: types, periods, operations and transactions, from every kind of file.

mod common;

use std::io::Write;
use std::sync::Arc;

use annals_engine::{Database, ManualClock, Options, SystemTime};
use annals_tests::prices::{NOW, system};
use annals_tests::tz::{self, Truth};
use common::{IMPORT_SALARIES, Place, SALARIES};
use expect_test::{Expect, expect};
use flate2::Compression;
use flate2::write::GzEncoder;

fn check(lines: &[String], expect: Expect) {
    expect.assert_eq(&(lines.join("\n") + "\n"));
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Everything that the table ever believed.
const SALARIES_ALL: [&str; 5] = [
    "name,salary,_valid_from,_valid_to,_system_from,_system_to",
    "ada,4200,2024-01-01T00:00:00Z,,2024-01-05T10:00:00Z,2024-04-15T10:00:00.500000Z",
    "ada,4200,2024-01-01T00:00:00Z,2024-03-01T00:00:00Z,2024-04-15T10:00:00.500000Z,",
    "ada,4600,2024-03-01T00:00:00Z,,2024-04-15T10:00:00.500000Z,",
    "ben,3900,2024-01-01T00:00:00Z,2025-01-01T00:00:00Z,2024-01-05T10:00:00Z,",
];

#[test]
fn csv_becomes_versions() {
    let place = Place::with_salaries();
    assert_eq!(place.all_of("salaries"), SALARIES_ALL);
}

#[test]
fn the_same_rows_from_every_kind_of_file_are_the_same_table() {
    let text = Place::with_salaries();
    let expect = text.all_of("salaries");

    let place = Place::new();
    place.write("salaries.csv.gz", gzip(SALARIES));
    place.annals(&IMPORT_SALARIES.replace(".csv", ".csv.gz")).ok();
    assert_eq!(place.all_of("salaries"), expect, "from .csv.gz");

    let lines = SALARIES.lines().skip(1).map(|line| {
        let [name, salary, since, until, recorded] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let until = if until.is_empty() { "null".into() } else { format!("\"{until}\"") };
        format!("{{\"name\":\"{name}\",\"salary\":{salary},\"since\":\"{since}\",\"until\":{until},\"recorded\":\"{recorded}\"}}\n")
    });
    let ndjson: String = lines.collect();
    for (name, bytes) in
        [("salaries.ndjson", ndjson.clone().into_bytes()), ("salaries.jsonl.gz", gzip(&ndjson))]
    {
        let place = Place::new();
        place.write(name, bytes);
        place.annals(&IMPORT_SALARIES.replace("salaries.csv", name)).ok();
        assert_eq!(place.all_of("salaries"), expect, "from {name}");
    }
}

#[test]
fn parquet_brings_its_types() {
    let place = Place::new();
    place.write(
        "x.csv",
        "name,price,born,since,until\n\
         ada,1.10,1990-02-28,2024-01-01,2024-06-01T12:00:00Z\n\
         ben,,,2024-01-01,\n",
    );
    place.annals("import -d raw --table raw --key name --column price=DECIMAL(8,2) x.csv").ok();
    place.annals("export -d raw --table raw x.parquet").ok();
    let periods = "--valid-from since --valid-to until";
    place.annals(&format!("import -d db --table t --key name {periods} x.parquet")).ok();
    let text = place.annals("export -d db --table t --valid-time all --format ndjson").ok();
    let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
    rows.sort();
    check(
        &rows,
        expect![[r#"
        {"name":"ada","price":"1.10","born":"1990-02-28","_valid_from":"2024-01-01T00:00:00Z","_valid_to":"2024-06-01T12:00:00Z"}
        {"name":"ben","price":null,"born":null,"_valid_from":"2024-01-01T00:00:00Z","_valid_to":null}
    "#]],
    );
    // A value that a column would have to round is refused by its row.
    place.write("y.csv", "name,price,born,since,until\nzoe,1,,2024-01-01,\n");
    place
        .annals(&format!(
            "import -d db --table whole --key name --column born=DATE {periods} y.csv"
        ))
        .ok();
    let outcome = place.annals(&format!("import -d db --table whole {periods} x.parquet"));
    assert!(outcome.stderr.ends_with("column `price`: \"1.10\" is not a BIGINT\n"), "{outcome:?}");
    assert_eq!((outcome.status, outcome.stderr.lines().count()), (1, 1), "{outcome:?}");
}

#[test]
fn standard_input_is_csv() {
    let place = Place::new();
    let mut child = place
        .command(&IMPORT_SALARIES.replace("salaries.csv", "-"))
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(SALARIES.as_bytes()).unwrap();
    let outcome = child.wait_with_output().unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    assert_eq!(place.all_of("salaries"), SALARIES_ALL);
}

#[test]
fn types_are_told_from_the_first_rows_or_stated() {
    let place = Place::new();
    place.write(
        "x.csv",
        "id,flag,count,ratio,day,at,code,empty,price\n\
         1,true,7,0.5,2024-02-29,2024-02-29T12:00:00+02:00,007,,1.10\n\
         2,,,1,,,8,,\n",
    );
    place.annals("import -d db --table t --key id --column price=DECIMAL(8,2) x.csv").ok();
    let rows = place.annals("export -d db --table t --format ndjson").ok();
    let mut rows: Vec<String> = rows.lines().map(str::to_owned).collect();
    rows.sort();
    check(
        &rows,
        expect![[r#"
        {"id":1,"flag":true,"count":7,"ratio":0.5,"day":"2024-02-29","at":"2024-02-29T10:00:00Z","code":"007","empty":null,"price":"1.10"}
        {"id":2,"flag":null,"count":null,"ratio":1.0,"day":null,"at":null,"code":"8","empty":null,"price":null}
    "#]],
    );
}

#[test]
fn json_keeps_nested_values_large_numbers_and_strings() {
    let place = Place::new();
    place.write(
        "x.ndjson",
        "{\"id\":9007199254740993,\"tags\":[\"a\", {\"b\": 1}],\"name\":\"line\\nbreak\",\"n\":1}\n\
         {\"id\":2,\"tags\":null,\"name\":\"quote \\\" comma ,\",\"n\":2.5}\n",
    );
    place.annals("import -d db --table t --key id x.ndjson").ok();
    let mut rows: Vec<String> = place
        .annals("export -d db --table t --format ndjson")
        .ok()
        .lines()
        .map(str::to_owned)
        .collect();
    rows.sort();
    check(
        &rows,
        expect![[r#"
        {"id":"9007199254740993","tags":["a", {"b": 1}],"name":"line\nbreak","n":1.0}
        {"id":2,"tags":null,"name":"quote \" comma ,","n":2.5}
    "#]],
    );
}

#[test]
fn deletes_need_only_the_key_and_keep_their_place_among_the_puts() {
    let place = Place::new();
    place.write(
        "x.csv",
        "k,v,op,since,until,at\n\
         a,1,put,2024-01-01,,2024-02-01\n\
         a,,delete,2024-03-01,,2024-02-01\n\
         a,2,PUT,2024-05-01,2024-06-01,2024-02-01\n\
         a,,Delete,2024-01-01,2024-01-10,2024-02-02\n",
    );
    let outcome = place.annals("import -d db --table t --key k --op op --valid-from since --valid-to until --system-time at x.csv");
    assert!(
        outcome.stderr.contains("4 rows in 2 transactions, system time 2024-02-02T00:00:00Z"),
        "{outcome:?}"
    );
    check(
        &place.all_of("t"),
        expect![[r#"
        k,v,_valid_from,_valid_to,_system_from,_system_to
        a,1,2024-01-01T00:00:00Z,2024-03-01T00:00:00Z,2024-02-01T00:00:00Z,2024-02-02T00:00:00Z
        a,1,2024-01-10T00:00:00Z,2024-03-01T00:00:00Z,2024-02-02T00:00:00Z,
        a,2,2024-05-01T00:00:00Z,2024-06-01T00:00:00Z,2024-02-01T00:00:00Z,
    "#]],
    );
}

#[test]
fn a_transaction_goes_on_in_the_next_file() {
    let place = Place::new();
    place.write("1.csv", "k,v,at\na,1,2024-01-01\nb,1,2024-01-02\n");
    place.write("2.csv", "at,v,k\n2024-01-02,1,c\n2024-01-03,1,d\n");
    let outcome = place.annals("import -d db --table t --key k --system-time at 1.csv 2.csv");
    assert!(outcome.stderr.contains("4 rows in 3 transactions"), "{outcome:?}");
}

#[test]
fn without_a_system_time_ten_thousand_rows_are_a_transaction() {
    let place = Place::new();
    let rows: String = (0..25_000).map(|row| format!("{row},{row}\n")).collect();
    place.write("x.csv", format!("k,v\n{rows}"));
    let outcome = place.annals("import -d db --table t --key k x.csv");
    assert!(outcome.stderr.starts_with("t: 25,000 rows in 3 transactions, "), "{outcome:?}");
    assert_eq!(place.annals("export -d db --table t").ok().lines().count(), 25_001);
}

#[test]
fn a_second_import_matches_columns_by_name() {
    let place = Place::with_salaries();
    place.write("x.csv", "salary,name,recorded\n0042,cleo,2024-06-01\n");
    place.annals("import -d db --table salaries --key name --system-time recorded x.csv").ok();
    let row = place.annals("get -d db --table salaries cleo").ok();
    assert!(row.contains("cleo,42,2024-06-01T00:00:00Z,,2024-06-01T00:00:00Z,"), "{row}");
}

#[test]
fn events_keep_their_instant_and_never_supersede_one_another() {
    let place = Place::new();
    place.write(
        "x.csv",
        "at,what\n2024-01-01T10:00:00.000001Z,in\n2024-01-01T10:00:00.000001Z,in\n",
    );
    place.annals("import -d db --table logins --event --valid-from at --partition day x.csv").ok();
    expect![[r#"
        what,_valid_from
        in,2024-01-01T10:00:00.000001Z
        in,2024-01-01T10:00:00.000001Z
    "#]]
    .assert_eq(&place.annals("export -d db --table logins").ok());
}

#[test]
fn the_whole_time_zone_history_is_imported() {
    let place = Place::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../data-samples/tz/tz_history.csv.gz");
    let outcome = place.annals(&format!(
        "import -d db --table zones --key zone --valid-from valid_from --valid-to valid_to \
         --system-time recorded_at --op op {file}"
    ));
    let expect = "zones: 44,206 rows in 60 transactions, system time 2026-10-28T06:16:49Z, ";
    assert!(outcome.stderr.starts_with(expect), "{outcome:?}");
    let folders = std::iter::once(tz::sampled_truth()).chain(tz::whole_truth());
    let truths: Vec<Truth> = folders.map(|folder| Truth::read(&folder)).collect();
    for when in ["after the import", "after a compaction"] {
        let options = Options::default().clock(Arc::new(ManualClock::new(system(NOW))));
        let database = Database::open_existing(place.path("db"), options).unwrap();
        let snapshot = database.snapshot().unwrap();
        for truth in &truths {
            let asked = truth.check(&snapshot, SystemTime::MAX, when);
            assert_eq!(asked, truth.question_count(), "every question is asked");
        }
        database.close().unwrap();
        place.annals("compact -d db").ok();
    }
}
