//! `annals sql` runs what it is given, from wherever it is given it, and says where a statement is wrong.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::TryRecvError;

use common::{Outcome, Place};
use expect_test::{Expect, expect};

/// Runs statements that are part of the command line; options are separated by spaces.
fn sql(place: &Place, options: &str, text: &str) -> Outcome {
    let mut command = place.command(&format!("sql -d db {options}"));
    Outcome::of(&command.arg(text).output().unwrap())
}

/// Runs what comes through standard input.
fn piped(place: &Place, options: &str, text: &str) -> Outcome {
    let mut command = place.command(&format!("sql -d db {options}"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Outcome::of(&child.wait_with_output().unwrap())
}

fn check(outcome: Outcome, expect: Expect) {
    let Outcome { status, stdout, stderr } = outcome;
    expect.assert_eq(&format!("{stdout}--- {status}\n{stderr}"));
}

const CREATE: &str = "CREATE TABLE pay (name TEXT, amount BIGINT, PRIMARY KEY (name));";
const HIRE: &str = "UPSERT INTO pay (name, amount, _valid_from) VALUES \
                    ('ada', 4200, TIMESTAMP '2024-01-01'), ('ben', 3900, TIMESTAMP '2024-01-01');";
const PAY: &str = "SELECT name, amount FROM pay ORDER BY name;";

/// A folder with a database that pays `ada` and `ben`.
fn payroll() -> Place {
    let place = Place::new();
    assert_eq!(sql(&place, "", &format!("{CREATE} {HIRE}")).ok(), "");
    place
}

#[test]
fn a_query_is_asked_as_of_both_times() {
    let place = Place::with_salaries();
    let query = "SELECT name, salary FROM salaries FOR VALID_TIME AS OF '2024-03-15' \
                 FOR SYSTEM_TIME AS OF";
    check(
        sql(&place, "", &format!("{query} '2024-04-01' WHERE name = 'ada'")),
        expect![[r#"
            name,salary
            ada,4200
            --- 0
        "#]],
    );
    check(
        sql(&place, "", &format!("{query} '2024-05-01' WHERE name = 'ada'")),
        expect![[r#"
            name,salary
            ada,4600
            --- 0
        "#]],
    );
    let setting = "SETTING DEFAULT VALID_TIME AS OF '2024-03-15', DEFAULT SYSTEM_TIME AS OF '2024-04-01' \
                   SELECT salary FROM salaries WHERE name = 'ada'";
    check(
        sql(&place, "", setting),
        expect![[r#"
        salary
        4200
        --- 0
    "#]],
    );
}

#[test]
fn several_statements_run_one_after_the_other() {
    let place = Place::new();
    let text = format!("{CREATE} {HIRE} {PAY} SELECT count(*) AS people FROM pay");
    check(
        sql(&place, "--verbose", &text),
        expect![[r#"
            name,amount
            ada,4200
            ben,3900

            people
            2
            --- 0
            CREATE TABLE
            UPSERT 2
            SELECT 2
            SELECT 1
        "#]],
    );
    let timed = sql(&place, "--timing", "SELECT 1 AS one; SELECT 2 AS two");
    assert_eq!(timed.stdout, "one\n1\n\ntwo\n2\n");
    let lines: Vec<&str> = timed.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("time: ") && line.ends_with(" ms")));
}

#[test]
fn a_file_and_standard_input_are_read_like_the_command_line() {
    let place = payroll();
    place.write("pay.sql", format!("-- who gets what; and a comment\n{PAY}\n"));
    let given = sql(&place, "", PAY).ok();
    assert_eq!(given, "name,amount\nada,4200\nben,3900\n");
    assert_eq!(place.annals("sql -d db -f pay.sql").ok(), given);
    assert_eq!(piped(&place, "", PAY).ok(), given);
    assert_eq!(piped(&place, "-f -", PAY).ok(), given);
    assert_eq!(piped(&place, "", "").ok(), "");
    assert_eq!(sql(&place, "-f pay.sql", PAY).status, 2);
    let missing = place.annals("sql -d db -f none.sql");
    assert_eq!(missing.status, 1);
    assert!(missing.stderr.starts_with("annals: none.sql: "), "{missing:?}");
}

#[test]
fn every_form_says_the_same() {
    let place = payroll();
    check(
        sql(&place, "--format table", PAY),
        expect![[r#"
            name  amount
            ------------
            ada     4200
            ben     3900
            --- 0
        "#]],
    );
    check(
        sql(&place, "--format json", PAY),
        expect![[r#"
            [
            {"name":"ada","amount":4200},
            {"name":"ben","amount":3900}
            ]
            --- 0
        "#]],
    );
    check(
        sql(&place, "--format ndjson", PAY),
        expect![[r#"
            {"name":"ada","amount":4200}
            {"name":"ben","amount":3900}
            --- 0
        "#]],
    );
    for (form, begin) in [("arrow", &[0xff_u8; 4]), ("parquet", b"PAR1")] {
        let mut command = place.command(&format!("sql -d db --format {form}"));
        let outcome = command.arg(PAY).output().unwrap();
        assert!(outcome.status.success(), "{outcome:?}");
        assert!(outcome.stdout.starts_with(begin), "{form}");
        let twice = sql(&place, &format!("--format {form}"), &format!("{PAY} {PAY}"));
        assert_eq!(twice.status, 1);
        assert!(
            twice.stderr.starts_with("error: an Arrow stream or a Parquet file is"),
            "{twice:?}"
        );
    }
}

#[test]
fn types_that_no_column_has_are_written_too() {
    let place = Place::new();
    let query = "SELECT NULL AS nothing, upper('say \"x\"') AS shouted, [1, 2] AS list, \
                 INTERVAL '1' DAY AS day, 0.1 AS exact, TIMESTAMP '2024-01-01' AS at, \
                 9007199254740993 AS large";
    check(
        sql(&place, "--format ndjson", query),
        expect![[r#"
        {"nothing":null,"shouted":"SAY \"X\"","list":"[1, 2]","day":"1 days","exact":"0.1","at":"2024-01-01T00:00:00Z","large":"9007199254740993"}
        --- 0
    "#]],
    );
    check(
        sql(&place, "--format csv", query),
        expect![[r#"
        nothing,shouted,list,day,exact,at,large
        ,"SAY ""X""","[1, 2]",1 days,0.1,2024-01-01T00:00:00Z,9007199254740993
        --- 0
    "#]],
    );
    let join = "SELECT a.x, b.x FROM (VALUES (1)) AS a(x), (VALUES (2)) AS b(x)";
    check(
        sql(&place, "--format ndjson", join),
        expect![[r#"
        {"x":1,"x_1":2}
        --- 0
    "#]],
    );
    for form in ["arrow", "parquet"] {
        let outcome = sql(&place, &format!("--format {form}"), "SELECT upper('x'), now(), NULL");
        assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{form}");
    }
}

#[test]
fn an_error_names_its_place_and_ends_the_run() {
    let place = payroll();
    check(
        sql(&place, "", "SELECT amuont FROM pay"),
        expect![[r#"
            --- 1
            error: line 1, column 8: no column `amuont`; did you mean `amount`?
        "#]],
    );
    // What was committed before the error stays; what follows it is not run.
    let text = format!(
        "UPSERT INTO pay (name, amount) VALUES ('cleo', 3600);\n{PAY}\nSELECT 1 FROM nowhere;\nDELETE FROM pay"
    );
    check(
        sql(&place, "", &text),
        expect![[r#"
            name,amount
            ada,4200
            ben,3900
            cleo,3600
            --- 1
            error: line 3, column 15: there is no table `nowhere`
        "#]],
    );
    // A text that cannot be read is not run at all.
    check(
        sql(&place, "", "DELETE FROM pay;\nSELECT )"),
        expect![[r#"
            --- 1
            error: line 2, column 8: expected an expression, found )
        "#]],
    );
    assert_eq!(sql(&place, "", "SELECT count(*) AS n FROM pay").ok(), "n\n3\n");
}

#[test]
fn a_transaction_goes_across_statements_and_is_there_wholly_or_not_at_all() {
    let place = payroll();
    let raise = "BEGIN; UPDATE pay SET amount = 5000 WHERE name = 'ada';";
    let both = format!("{raise} DELETE FROM pay WHERE name = 'ben'; COMMIT;");
    let amounts = || sql(&place, "", "SELECT amount FROM pay ORDER BY amount").ok();
    check(
        sql(&place, "", &format!("{raise} SELECT 1 FROM nowhere; COMMIT")),
        expect![[r#"
            --- 1
            error: line 1, column 71: there is no table `nowhere`
        "#]],
    );
    check(
        sql(&place, "", raise),
        expect![[r#"
            --- 1
            error: the transaction is not committed: nothing of it is kept
        "#]],
    );
    sql(&place, "", &format!("{raise} ROLLBACK")).ok();
    assert_eq!(amounts(), "amount\n3900\n4200\n");
    check(
        sql(&place, "--verbose", &both),
        expect![[r#"
            --- 0
            BEGIN
            UPDATE 1
            DELETE 1
            COMMIT
        "#]],
    );
    assert_eq!(amounts(), "amount\n5000\n");
}

#[test]
fn a_prompt_goes_on_after_errors_and_has_commands_of_its_own() {
    let place = payroll();
    let typed = "\\d\n\\d pay\n\\d pya\n\\format ndjson\nSELECT name,\n  amount FROM pay\nWHERE amount > 4000;\n\
                 SELECT amuont\n  FROM pay;\n\\nonsense\n\\format parquet\nSELECT 2 AS two;\n\\q\nSELECT 3;\n";
    check(
        piped(&place, "-i --format table", typed),
        expect![[r#"
        table  kind   key   partitions
        ------------------------------
        pay    keyed  name  month
        column  type    null  key
        -------------------------
        name    TEXT    no    1
        amount  BIGINT  yes
        A keyed table, a partition every month.
        {"name":"ada","amount":4200}
        {"two":2}
        --- 0
        error: there is no table `pya`
        SELECT 1
        error: line 1, column 8: no column `amuont`; did you mean `amount`?
        SELECT amuont
               ^
        error: `\nonsense` is no command; \? tells which there are
        error: `parquet` is no form of a prompt: table, csv, json and ndjson are
        SELECT 1
    "#]],
    );
    // The end of the input ends the last statement as well, and an open transaction.
    check(
        piped(&place, "-i --format csv", "BEGIN;\nDELETE FROM pay;\nSELECT count(*) AS n FROM pay"),
        expect![[r#"
            n
            0
            --- 0
            BEGIN
            DELETE 2
            SELECT 1
            the transaction is not committed: nothing of it is kept
        "#]],
    );
    assert_eq!(sql(&place, "", PAY).ok(), "name,amount\nada,4200\nben,3900\n");
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let place = payroll();
    for options in ["--memory-mb 0", "-i -f x.sql", "-i --format parquet", "--format xml"] {
        let outcome = place.annals(&format!("sql -d db {options}"));
        assert_eq!(outcome.status, 2, "{options}: {outcome:?}");
    }
}

#[test]
fn statements_are_run_even_if_nobody_reads_their_answers() {
    let place = payroll();
    let mut command = place.command("sql -d db");
    command.arg(format!("{}; UPSERT INTO pay (name, amount) VALUES ('cleo', 3600)", digits(5)));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    assert_eq!(sql(&place, "", "SELECT count(*) AS n FROM pay").ok(), "n\n3\n");
}

/// A query of ten to the power of `power` rows.
fn digits(power: usize) -> String {
    let digits = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))";
    let from: Vec<String> = (0..power).map(|at| format!("{digits} AS t{at}(d{at})")).collect();
    format!("SELECT * FROM {}", from.join(", "))
}

/// A statement that would take hours, though little memory.
fn endless() -> String {
    let million = digits(6);
    format!("SELECT sum(a.d0 * b.d5) FROM ({million}) AS a, ({million}) AS b")
}

fn interrupt(child: &Child) {
    let mut kill = Command::new("kill");
    assert!(kill.args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_run_and_nothing_is_half_done() {
    let place = payroll();
    let mut command = place.command("sql -d db --verbose");
    command.arg(format!("BEGIN; DELETE FROM pay; {}; COMMIT", endless()));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(told.next().unwrap().unwrap(), "BEGIN");
    assert_eq!(told.next().unwrap().unwrap(), "DELETE 2");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(told.next().is_none());
    assert_eq!(sql(&place, "", PAY).ok(), "name,amount\nada,4200\nben,3900\n");
}

#[test]
#[cfg(unix)]
fn ctrl_c_at_a_prompt_ends_the_statement_alone() {
    let place = payroll();
    let mut command = place.command("sql -d db -i");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        stderr.lines().for_each(|line| sender.send(line.unwrap()).unwrap());
    });
    writeln!(stdin, "SELECT 1 AS one;\n{};", endless()).unwrap();
    assert_eq!(told.recv().unwrap(), "SELECT 1");
    // The statement may not have begun yet, and Ctrl-C between statements is nothing.
    let interrupted = loop {
        interrupt(&child);
        match told.try_recv() {
            Ok(line) => break line,
            Err(TryRecvError::Empty) => (),
            Err(TryRecvError::Disconnected) => panic!("the prompt ended: {:?}", child.wait()),
        }
    };
    assert_eq!(interrupted, "error: interrupted");
    // More than one may have been sent, and a late one ends the next statement.
    loop {
        writeln!(stdin, "{PAY}").unwrap();
        let line = told.recv().unwrap();
        if line == "SELECT 2" {
            break;
        }
        assert_eq!(line, "error: interrupted");
    }
    drop(stdin);
    let outcome = child.wait_with_output().unwrap();
    reader.join().unwrap();
    assert_eq!(outcome.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&outcome.stdout).ends_with("ada,4200\nben,3900\n"));
}
