//! Bad input never half succeeds: each kind gets a line that names the place, exit status 1, and leaves the database as it
//! was, which is compared before and after with all of its history, and verified.

mod common;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use common::Place;

const AGAIN: &str =
    "import -d db --table salaries --valid-from since --valid-to until --system-time recorded";

/// Ten thousand good lines behind a header, the last column being the system time.
fn many(count: usize) -> String {
    let mut text = String::from("name,salary,since,until,recorded\n");
    for row in 0..count {
        let (minute, second) = (row / 60 % 60, row % 60);
        let hour = row / 3600;
        writeln!(text, "p{row},{row},2024-01-01,,2024-05-01T{hour:02}:{minute:02}:{second:02}Z")
            .unwrap();
    }
    text
}

#[test]
fn an_inverted_period() {
    let place = Place::with_salaries();
    place.write("x.csv", "name,salary,since,until,recorded\nada,1,2024-02-01,2024-03-01,2024-06-01\nada,2,2024-03-01,2024-02-01,2024-06-01\n");
    place.refuses(
        &format!("{AGAIN} x.csv"),
        "x.csv: line 3: inverted period of valid time: from 2024-03-01T00:00:00Z to 2024-02-01T00:00:00Z",
    );
    place.write(
        "x.csv",
        "name,salary,since,until,recorded\nada,1,2024-02-01,2024-02-01,2024-06-01\n",
    );
    place.refuses(
        &format!("{AGAIN} x.csv"),
        "x.csv: line 2: empty period of valid time: from 2024-02-01T00:00:00Z to 2024-02-01T00:00:00Z",
    );
}

#[test]
fn an_unknown_column() {
    let place = Place::with_salaries();
    place.write("x.csv", "name,salery,since,until,recorded\nada,1,2024-02-01,,2024-06-01\n");
    place.refuses(
        &format!("{AGAIN} x.csv"),
        "x.csv: table `salaries` has no column `salery`; it has `name`, `salary`",
    );
    place.write("x.ndjson", "{\"name\":\"ada\",\"since\":\"2024-02-01\",\"recorded\":\"2024-06-01\"}\n{\"name\":\"ada\",\"salery\":1}\n");
    place.refuses(&format!("{AGAIN} x.ndjson"), "x.ndjson: line 2: there is no column `salery`");
    place.write("y.csv", "name,salary,since\n");
    place.refuses(
        &format!("{AGAIN} y.csv"),
        "y.csv: --valid-to names `until`, but the file has `name`, `salary`, `since`",
    );
}

#[test]
fn a_bad_number_on_line_7003_behind_thousands_of_good_transactions() {
    let place = Place::with_salaries();
    let text = many(10_000).replace("p7001,7001,", "p7001,7oo1,");
    place.write("x.csv", &text);
    place.refuses(
        &format!("{AGAIN} x.csv"),
        "x.csv: line 7003: column `salary`: \"7oo1\" is not a BIGINT",
    );
    // A table that this import would have made is not there either, and neither is its folder.
    let new = "import -d other --table t --key name --valid-from since --valid-to until \
               --system-time recorded x.csv";
    place.refuses(
        new,
        "x.csv: line 7003: column `salary`: \"7oo1\" is not a BIGINT; `--column salary=TEXT` would take it",
    );
    assert!(!place.path("other").exists());
}

#[test]
fn a_system_time_that_goes_back() {
    let place = Place::with_salaries();
    place.write("x.csv", "name,salary,since,until,recorded\nada,1,2024-02-01,,2024-06-02\nada,2,2024-03-01,,2024-06-01\n");
    place.refuses(
        &format!("{AGAIN} x.csv"),
        "x.csv: line 3: the system time goes back: 2024-06-01T00:00:00Z after 2024-06-02T00:00:00Z of the rows before",
    );
    place.refuses(
        &format!("{AGAIN} salaries.csv"),
        "salaries.csv: line 2: the system time 2024-01-05T10:00:00Z is not later than the table's last one, 2024-04-15T10:00:00.500000Z",
    );
    place.write("x.csv", "name,salary,since,until,recorded\nada,1,2024-02-01,,9000-01-01\n");
    let outcome = place.annals(&format!("{AGAIN} x.csv"));
    assert_eq!(outcome.status, 1);
    let expect =
        "annals: x.csv: line 2: the system time 9000-01-01T00:00:00Z is in the future; it is ";
    assert!(outcome.stderr.starts_with(expect), "{}", outcome.stderr);
}

#[test]
fn a_missing_key() {
    let place = Place::with_salaries();
    place.write("x.csv", "salary,since,until,recorded\n1,2024-02-01,,2024-06-01\n");
    place.refuses(
        &format!("{AGAIN} x.csv"),
        "x.csv: key column `name` is missing; the file has `salary`, `since`, `until`, `recorded`",
    );
    place.write("x.csv", "name,salary,since,until,recorded\nada,1,2024-02-01,,2024-06-01\n,1,2024-02-01,,2024-06-01\n");
    place.refuses(&format!("{AGAIN} x.csv"), "x.csv: line 3: key column `name` has no value");
    place.refuses(
        "import -d db --table new x.csv",
        "x.csv: table `new` is new: name its key columns with --key, or say --event",
    );
    place.refuses(
        "import -d db --table new --key nome x.csv",
        "x.csv: there is no column `nome`; the file has `name`, `salary`, `since`, `until`, `recorded`",
    );
}

#[test]
fn a_table_with_another_key_or_kind() {
    let place = Place::with_salaries();
    place.refuses(
        &format!("{AGAIN} --key salary salaries.csv"),
        "table `salaries` exists with the key name, not salary",
    );
    place.refuses(
        "import -d db --table salaries --event salaries.csv",
        "table `salaries` exists and is not an event table",
    );
    place.refuses(
        &format!("{AGAIN} --partition day salaries.csv"),
        "table `salaries` exists partitioned by month, not by day",
    );
    place.refuses(
        &format!("{AGAIN} --column salary=TEXT salaries.csv"),
        "table `salaries` exists with column `salary` as BIGINT, not TEXT",
    );
}

#[test]
fn a_truncated_parquet_file_and_one_that_is_none() {
    let place = Place::with_salaries();
    place.annals("export -d db --table salaries --all all.parquet").ok();
    let whole = std::fs::read(place.path("all.parquet")).unwrap();
    let before = place.all_of("salaries");
    for length in [0, 3, 100, whole.len() / 2, whole.len() - 1] {
        place.write("cut.parquet", &whole[..length]);
        let outcome = place.annals("import -d db --table t --key name cut.parquet");
        let expect = "annals: cut.parquet: not a whole Parquet file: ";
        assert!(outcome.stderr.starts_with(expect), "{}", outcome.stderr);
        assert_eq!((outcome.status, outcome.stderr.lines().count()), (1, 1));
        // Rows of the table itself, were they whole.
        let own = place.annals("import -d db --table salaries --key name cut.parquet");
        assert_eq!((own.status, own.stderr), (1, outcome.stderr));
        assert_eq!(place.all_of("salaries"), before);
        assert!(place.annals("get -d db --table t ada").status != 0, "there is no table `t`");
    }
    place.write("text.parquet", "name,salary\nada,1\n");
    let outcome = place.annals("import -d db --table t --key name text.parquet");
    assert!(outcome.stderr.starts_with("annals: text.parquet: not a whole Parquet file: "));
    place.refuses(
        "import -d db --table t --key name nowhere.csv",
        "nowhere.csv: No such file or directory (os error 2)",
    );
}

#[test]
fn text_that_is_not_what_its_name_says() {
    let place = Place::with_salaries();
    for (name, text, expect) in [
        ("x.csv", "", "the file is empty; expected a header line"),
        ("x.csv", "name,salary\nada\n", "line 2: 1 fields where the header has 2"),
        ("x.csv", "name,name\nada,1\n", "column `name` is there twice"),
        ("x.csv", "name,\nada,1\n", "line 1: field 2 of the header has no name"),
        (
            "x.csv",
            "name,salary\n\"ada,1\n",
            "line 2: a quote is opened in field 1 and never closed",
        ),
        (
            "x.ndjson",
            "{\"name\":1}\n{\"name\"\n",
            "line 2: not a JSON object: EOF while parsing an object",
        ),
        ("x.csv.gz", "name,salary,since\nada,1,2024-01-01\n", "invalid gzip header"),
    ] {
        place.write(name, text);
        place.refuses(
            &format!("import -d db --table t --key name {name}"),
            &format!("{name}: {expect}"),
        );
    }
}

#[test]
fn an_operation_that_is_neither_put_nor_delete() {
    let place = Place::with_salaries();
    place.write("x.csv", "name,op\nada,Put\nben,DELETE\ncleo,upsert\n");
    place.refuses(
        "import -d db --table salaries --op op x.csv",
        "x.csv: line 4: \"upsert\" is neither put nor delete",
    );
}

#[test]
fn a_folder_that_is_no_database() {
    let place = Place::with_salaries();
    std::fs::create_dir(place.path("photos")).unwrap();
    std::fs::write(place.path("photos/cat.jpg"), "meow").unwrap();
    for command in [
        "export --table t",
        "get --table t k",
        "stats",
        "verify",
        "compact",
        "import --table t --key name salaries.csv",
    ] {
        let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
        for folder in ["photos", "nowhere"] {
            if name == "import" && folder == "nowhere" {
                continue;
            }
            let outcome = place.annals(&format!("{name} -d {folder} {rest}"));
            assert_eq!(outcome.status, 1, "{outcome:?}");
            assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
            assert!(
                outcome.stderr.starts_with("annals: ") && outcome.stderr.contains(folder),
                "{outcome:?}"
            );
            assert_eq!(outcome.stdout, "");
        }
    }
    assert!(!place.path("nowhere").exists());
    assert_eq!(std::fs::read_dir(place.path("photos")).unwrap().count(), 1);
}

#[test]
fn a_database_that_another_process_holds() {
    let place = Place::with_salaries();
    let before = place.all_of("salaries");
    let mut holder = place
        .command("import -d db --table salaries --valid-from since --valid-to until --system-time recorded -")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Standard input is read ahead by a mebibyte before the database is opened; when three are written the holder has it.
    let mut input = holder.stdin.take().unwrap();
    let line = format!("ada,1,2024-02-01,,2024-06-01{}\n", " ".repeat(200));
    input.write_all(b"name,salary,since,until,recorded\n").unwrap();
    for _ in 0..(3 << 20) / line.len() {
        input.write_all(line.as_bytes()).unwrap();
    }
    for command in [
        "export --table salaries",
        "get --table salaries ada",
        "stats",
        "verify",
        "compact",
        "import --table salaries --key name salaries.csv",
    ] {
        let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
        let outcome = place.annals(&format!("{name} -d db {rest}"));
        assert_eq!(outcome.status, 1, "{outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        assert!(outcome.stderr.contains("already open"), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
    }
    // The last line of the holder is wrong: its one transaction is not applied.
    input.write_all(b"ada,x,2024-02-01,,2024-06-01\n").unwrap();
    drop(input);
    let outcome = holder.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(message.starts_with("annals: standard input: line "), "{message}");
    assert!(message.ends_with("column `salary`: \"x\" is not a BIGINT\n"), "{message}");
    assert_eq!(place.all_of("salaries"), before);
    assert!(place.annals("verify -d db").ok().starts_with("ok: "));
}

#[test]
fn a_command_line_that_makes_no_sense_exits_with_2() {
    let place = Place::with_salaries();
    for arguments in [
        "",
        "fly",
        "import -d db salaries.csv",
        "import -d db --table t --event --key name salaries.csv",
        "import -d db --table t --event --valid-to until salaries.csv",
        "import -d db --table t --key name --valid-from since --valid-to since salaries.csv",
        "import -d db --table t --key name --column name=NUMBER salaries.csv",
        "import -d db --table t --key name --partition fortnight salaries.csv",
        "export -d db --table salaries --all --valid-time 2024-01-01",
        "export -d db --table salaries out.xml",
        "get -d db --table salaries",
        "stats",
    ] {
        let outcome = place.annals(arguments);
        assert_eq!(outcome.status, 2, "for `annals {arguments}`: {outcome:?}");
        assert!(!outcome.stderr.is_empty() && outcome.stdout.is_empty(), "{outcome:?}");
    }
}
