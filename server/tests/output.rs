//! What is read comes out whole in every form, as of any two instants.

mod common;

use common::Place;
use expect_test::{Expect, expect};

fn check(place: &Place, arguments: &str, expect: Expect) {
    let outcome = place.annals(arguments);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    expect.assert_eq(&outcome.stdout);
}

#[test]
fn get_answers_as_of_both_times() {
    let place = Place::with_salaries();
    let as_of = "get -d db --table salaries ada --valid-time 2024-03-15 --system-time";
    check(
        &place,
        &format!("{as_of} 2024-04-01"),
        expect![[r#"
        name,salary,_valid_from,_valid_to,_system_from,_system_to
        ada,4200,2024-01-01T00:00:00Z,,2024-01-05T10:00:00Z,2024-04-15T10:00:00.500000Z
    "#]],
    );
    check(
        &place,
        &format!("{as_of} 2024-05-01"),
        expect![[r#"
        name,salary,_valid_from,_valid_to,_system_from,_system_to
        ada,4600,2024-03-01T00:00:00Z,,2024-04-15T10:00:00.500000Z,
    "#]],
    );
    // The boundary: at exactly the system time the new belief is in force, a microsecond before the old one.
    check(
        &place,
        &format!("{as_of} 2024-04-15T10:00:00.499999Z"),
        expect![[r#"
        name,salary,_valid_from,_valid_to,_system_from,_system_to
        ada,4200,2024-01-01T00:00:00Z,,2024-01-05T10:00:00Z,2024-04-15T10:00:00.500000Z
    "#]],
    );
    check(
        &place,
        &format!("{as_of} 2024-04-15T10:00:00.5Z"),
        expect![[r#"
        name,salary,_valid_from,_valid_to,_system_from,_system_to
        ada,4600,2024-03-01T00:00:00Z,,2024-04-15T10:00:00.500000Z,
    "#]],
    );
}

#[test]
fn get_shows_all_that_was_ever_believed() {
    let place = Place::with_salaries();
    check(
        &place,
        "get -d db --table salaries ada --history",
        expect![[r#"
        name,salary,_valid_from,_valid_to,_system_from,_system_to
        ada,4200,2024-01-01T00:00:00Z,,2024-01-05T10:00:00Z,2024-04-15T10:00:00.500000Z
        ada,4200,2024-01-01T00:00:00Z,2024-03-01T00:00:00Z,2024-04-15T10:00:00.500000Z,
        ada,4600,2024-03-01T00:00:00Z,,2024-04-15T10:00:00.500000Z,
    "#]],
    );
    check(
        &place,
        "get -d db --table salaries ada --history --format table",
        expect![[r#"
            name  salary  _valid_from           _valid_to             _system_from                 _system_to
            ------------------------------------------------------------------------------------------------------------------
            ada     4200  2024-01-01T00:00:00Z                        2024-01-05T10:00:00Z         2024-04-15T10:00:00.500000Z
            ada     4200  2024-01-01T00:00:00Z  2024-03-01T00:00:00Z  2024-04-15T10:00:00.500000Z
            ada     4600  2024-03-01T00:00:00Z                        2024-04-15T10:00:00.500000Z
        "#]],
    );
}

#[test]
fn get_takes_several_key_columns_one_by_one_or_by_commas() {
    let place = Place::new();
    place.write("x.csv", "a,b,v\nx,-1,10\nx,2,20\n");
    place.annals("import -d db --table t --key a,b x.csv").ok();
    let one = place.annals("get -d db --table t x -1 --format ndjson").ok();
    assert!(one.starts_with("{\"a\":\"x\",\"b\":-1,\"v\":10,"), "{one}");
    assert_eq!(place.annals("get -d db --table t x,-1 --format ndjson").ok(), one);
    let outcome = place.annals("get -d db --table t x");
    assert_eq!(outcome.stderr, "annals: the key of table `t` is a,b; 1 values are given\n");
    let outcome = place.annals("get -d db --table t x,y");
    assert_eq!(outcome.stderr, "annals: key column `b`: `y` is not a BIGINT\n");
}

#[test]
fn a_key_of_which_nothing_is_believed_is_an_empty_answer() {
    let place = Place::with_salaries();
    check(
        &place,
        "get -d db --table salaries zoe",
        expect![[r#"
            name,salary,_valid_from,_valid_to,_system_from,_system_to
        "#]],
    );
    check(
        &place,
        "get -d db --table salaries zoe --format json",
        expect![[r#"
        []
    "#]],
    );
    let outcome = place.annals("get -d db --table salaries ada --valid-time 2023-01-01");
    assert_eq!(outcome.stderr, "nothing is believed of ada at these instants\n");
    assert_eq!(outcome.stdout.lines().count(), 1);
}

#[test]
fn an_unknown_table_an_instant_of_the_future_and_no_instant_are_refused() {
    let place = Place::with_salaries();
    place.refuses(
        "get -d db --table salaries ada --valid-time soon",
        "--valid-time: `soon` is not an instant; expected such as 2024-06-01T12:00:00Z",
    );
    for (arguments, named) in [
        ("get -d db --table salarie ada", "salaries"),
        ("export -d db --table salarie", "salaries"),
        ("get -d db --table salaries ada --system-time 9000-01-01", "9000-01-01T00:00:00Z"),
        ("export -d db --table salaries --system-time 9000-01-01", "9000-01-01T00:00:00Z"),
    ] {
        let outcome = place.annals(arguments);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (1, ""), "{outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        assert!(outcome.stderr.contains(named), "{outcome:?}");
    }
}

#[test]
fn every_form_says_the_same() {
    let place = Place::with_salaries();
    let ben =
        "export -d db --table salaries --valid-time 2024-12-31 --system-time 2024-01-05T10:00:00Z";
    for form in ["table", "csv", "json", "ndjson"] {
        let text = place.annals(&format!("{ben} --format {form}")).ok();
        for value in ["ada", "4200", "ben", "3900"] {
            assert!(text.contains(value), "{form}: {text}");
        }
    }
    check(
        &place,
        "export -d db --table salaries --system-time 2024-01-05T10:00:00Z --valid-time 2025-06-01 --format json",
        expect![[r#"
        [
        {"name":"ada","salary":4200}
        ]
    "#]],
    );
    check(
        &place,
        "export -d db --table salaries --valid-time 2020-01-01 --format json",
        expect![[r#"
        []
    "#]],
    );
    let arrow = place.command(&format!("{ben} --format arrow")).output().unwrap().stdout;
    assert_eq!(arrow[..4], [0xff; 4], "an Arrow stream begins with a continuation marker");
    let parquet = place.command(&format!("{ben} --format parquet")).output().unwrap().stdout;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
}

#[test]
fn what_is_exported_can_be_imported_again() {
    let place = Place::new();
    place.write(
        "x.csv",
        "id,text,number,ratio,day,flag,at,money\n\
         1,\"a \"\"quote\"\", a comma\nand a break\",-5,0.1,0001-01-01,true,1969-12-31T23:59:59.999999Z,0.05\n\
         2,\"\",,1e300,,,,\n\
         3,,9223372036854775807,-0.5,9999-12-31,false,2024-01-01T00:00:00Z,-1234.50\n",
    );
    let types = "--key id --column money=DECIMAL(10,2)";
    place.annals(&format!("import -d db --table t {types} x.csv")).ok();
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let expect = sorted(place.annals("export -d db --table t --format ndjson").ok());
    assert!(
        expect.iter().any(|line| line.contains("\"number\":\"9223372036854775807\"")
            && line.contains("\"money\":\"-1234.50\"")),
        "{expect:?}"
    );
    for name in ["y.csv", "y.csv.gz", "y.parquet", "y.ndjson", "y.jsonl.gz"] {
        place.annals(&format!("export -d db --table t {name}")).ok();
        let db = name.replace('.', "-");
        // JSON has strings only for large integers, dates and decimals: the types must be stated.
        let more = "--column number=BIGINT";
        place.annals(&format!("import -d {db} --table t {types} {more} {name}")).ok();
        let again = sorted(place.annals(&format!("export -d {db} --table t --format ndjson")).ok());
        assert_eq!(again, expect, "through {name}");
    }
}

#[test]
fn a_closed_output_is_no_error() {
    let place = Place::new();
    let rows: String = (0..50_000).map(|row| format!("{row},a text of some length\n")).collect();
    place.write("x.csv", format!("k,v\n{rows}"));
    place.annals("import -d db --table t --key k x.csv").ok();
    let mut child = place
        .command("export -d db --table t")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let outcome = child.wait_with_output().unwrap();
    assert!(outcome.status.success());
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
}

#[test]
fn a_failed_export_leaves_the_old_file_and_no_other() {
    let place = Place::with_salaries();
    place.write("out.csv", "old");
    let outcome = place.annals("export -d db --table salaries --system-time 9000-01-01 out.csv");
    assert_eq!(outcome.status, 1);
    assert_eq!(place.read("out.csv"), "old");
    place.annals("export -d db --table salaries out.csv").ok();
    assert!(place.read("out.csv").starts_with("name,salary\n"));
    let left = std::fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with(".annals")));
}
