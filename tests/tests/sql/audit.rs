//! Statements on record: shown beside the engine's own records, read like a table, changed by nobody.

use annals_engine::{Column, DataType, ErrorKind, Retention, TableSpec, ValidTime};
use annals_query::StatementRecord;
use annals_tests::prices::system;
use annals_tests::rows::{Cell, Row};
use annals_tests::scratch::Scratch;

use crate::session::Client;

fn record(at: &str, by: &str, statement: &str) -> StatementRecord {
    StatementRecord {
        at: system(at),
        by: by.to_owned(),
        request_id: format!("request of {by}"),
        statement: statement.to_owned(),
        read_at: Some(system(at)),
        committed_at: None,
        row_count: 3,
        outcome: "ok".to_owned(),
        duration_us: 250,
    }
}

fn texts(rows: &[Row]) -> Vec<String> {
    let text = |row: &Row| match &row[0] {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?} is not a text"),
    };
    rows.iter().map(text).collect()
}

/// A database with a hold on record, then statements of January and February.
fn with_records() -> (Scratch, Client) {
    let scratch = Scratch::in_memory(system("2024-02-20"));
    let mut client = Client::new(scratch.open());
    client.run("CREATE TABLE t (k BIGINT, PRIMARY KEY (k))").expect("a table");
    client.run("ALTER TABLE t PLACE HOLD 'case 7'").expect("a hold");
    let failed = StatementRecord {
        read_at: None,
        committed_at: Some(system("2024-02-10")),
        outcome: "invalid".to_owned(),
        ..record("2024-02-10", "ben", "INSERT INTO t VALUES (?)")
    };
    let records = [
        record("2024-01-10", "ann", "SELECT ?"),
        record("2024-01-20", "ann", "SELECT k FROM t"),
        failed,
    ];
    client.sql().record_statements(&records).expect("records");
    (scratch, client)
}

#[test]
fn statements_stand_beside_the_records_of_the_engine() {
    let (_scratch, mut client) = with_records();
    for is_flushed in [false, true] {
        if is_flushed {
            client.database().flush().expect("a flush");
        }
        let found = client.ask("SELECT action, \"by\" FROM annals.audit ORDER BY at, \"by\"");
        assert_eq!(texts(&found), ["statement", "statement", "statement", "place hold"]);
        let found = client.ask(
            "SELECT number, at, \"by\", action, table_name, object, detail, request_id, statement, \
             read_at, committed_at, row_count, outcome, duration_us \
             FROM annals.audit WHERE \"by\" IN ('ben', 'a SQL session') ORDER BY at",
        );
        let (day, time) = ("2024-02-10", |at| Cell::Time(system(at).micros()));
        let ben = vec![
            Cell::Null,
            time(day),
            Cell::text("ben"),
            Cell::text("statement"),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::text("request of ben"),
            Cell::text("INSERT INTO t VALUES (?)"),
            Cell::Null,
            time(day),
            Cell::Int(3),
            Cell::text("invalid"),
            Cell::Int(250),
        ];
        assert_eq!(found[0], ben);
        let hold = &found[1];
        assert_eq!(
            (&hold[0], &hold[3], &hold[5]),
            (&Cell::Int(1), &Cell::text("place hold"), &Cell::text("case 7"))
        );
        assert!(hold[7..].iter().all(|cell| *cell == Cell::Null), "{hold:?}");
    }
    let twice = client.ask(
        "SELECT count(*) FROM annals.audit a JOIN annals.audit b ON a.at = b.at AND a.request_id = b.request_id",
    );
    assert_eq!(twice, [[Cell::Int(3)]]);
}

#[test]
fn a_question_about_some_days_of_statements_reads_their_partitions() {
    let (_scratch, mut client) = with_records();
    client.database().flush().expect("a flush");
    client.database().compact(&mut |_| ()).expect("a compaction");
    let scan = |client: &mut Client, condition: &str| {
        let sql = format!("EXPLAIN SELECT statement FROM annals.audit WHERE {condition}");
        let plan = client.ask(&sql).concat();
        let plan: String = plan.iter().map(|cell| format!("{cell:?}")).collect();
        let scan = plan.rsplit_once("TemporalScan").expect("a scan of statements").1;
        scan.to_owned()
    };
    let all = scan(&mut client, "outcome <> ''");
    assert!(all.contains("partitions 2 of 2"), "{all}");
    let some = scan(&mut client, "at >= TIMESTAMP '2024-02-01'");
    assert!(some.contains("partitions 1 of 2 (2024-02)"), "{some}");
    let found = client.ask(
        "SELECT statement FROM annals.audit WHERE at >= TIMESTAMP '2024-02-01' AND action = 'statement'",
    );
    assert_eq!(texts(&found), ["INSERT INTO t VALUES (?)"]);
}

#[test]
fn what_is_on_record_is_shown_as_of_now_whatever_the_defaults_are() {
    let (_scratch, mut client) = with_records();
    let early = (ValidTime::from_micros(system("2023-01-01").micros()), system("2023-01-01"));
    client.session().set_defaults(Some(early.0), Some(early.1));
    assert_eq!(client.ask("SELECT count(*) FROM annals.audit"), [[Cell::Int(4)]]);
    client.session().set_defaults(None, None);
    client.run("CREATE TEMPORARY VIEW who AS SELECT \"by\" FROM annals.audit").expect("a view");
    assert_eq!(client.ask("SELECT count(*) FROM who"), [[Cell::Int(4)]]);
    let error = client.run("SELECT * FROM who FOR VALID_TIME AS OF '2024-01-01'").err();
    assert_eq!(error.expect("one part of the audit has no valid time").kind(), ErrorKind::Invalid);
}

#[test]
fn nobody_changes_the_records_by_sql_and_they_are_no_table_of_users() {
    let (_scratch, mut client) = with_records();
    for name in ["annals.statements", "\"annals.statements\"", "public.\"annals.statements\""] {
        for sql in [
            format!("INSERT INTO {name} (\"by\") VALUES ('x')"),
            format!("UPSERT INTO {name} SELECT * FROM {name}"),
            format!("UPDATE {name} SET \"by\" = 'x'"),
            format!("DELETE FROM {name}"),
            format!("DELETE FROM {name} FOR ALL VALID_TIME"),
            format!("ALTER TABLE {name} ADD COLUMN c TEXT"),
            format!("ALTER TABLE {name} DROP COLUMN IF EXISTS c"),
            format!("ALTER TABLE {name} RENAME COLUMN outcome TO c"),
            format!("CREATE EVENT TABLE {name} (v BIGINT)"),
            format!("CREATE EVENT TABLE IF NOT EXISTS {name} (v BIGINT)"),
            format!("CREATE OR REPLACE TEMPORARY VIEW {name} AS SELECT 1"),
        ] {
            let error = client.run(&sql).map(|_| ()).expect_err(&sql);
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}, of {sql}");
        }
        assert_eq!(client.ask(&format!("SELECT count(*) FROM {name}")), [[Cell::Int(3)]]);
    }
    assert_eq!(texts(&client.ask("SHOW TABLES")), ["t"]);
    let columns = client.ask("SELECT DISTINCT table_name FROM annals.columns");
    assert_eq!(texts(&columns), ["t"]);
}

#[test]
fn the_operator_retains_detaches_and_erases_records() {
    let (_scratch, mut client) = with_records();
    client.database().flush().expect("a flush");
    client.database().compact(&mut |_| ()).expect("a compaction");
    let count = |client: &mut Client| {
        client.ask("SELECT count(*) FROM annals.audit WHERE action = 'statement'")
    };
    client.run("ALTER TABLE annals.statements RETAIN '90 days'").expect("a retention");
    let kept = client.ask("SELECT value FROM annals.settings WHERE name = 'statement_retention'");
    assert_eq!(texts(&kept), [Retention::keep("90 days").expect("a span").to_string()]);
    let partitions = client.ask(
        "SELECT partition FROM annals.partitions WHERE table_name = 'annals.statements' ORDER BY 1",
    );
    assert_eq!(texts(&partitions), ["2024-01", "2024-02"]);
    client
        .run("ALTER TABLE annals.statements DETACH PARTITION '2024-01'")
        .expect("a partition leaves");
    let left =
        client.run("SELECT count(*) FROM annals.audit WHERE action = 'statement'").expect("rows");
    assert_eq!(left.rows, [[Cell::Int(1)]]);
    assert!(left.outcome.notices[0].contains("annals.statements"), "{:?}", left.outcome.notices);
    client.run("ALTER TABLE annals.statements ATTACH PARTITION '2024-01'").expect("it comes back");
    assert_eq!(count(&mut client), [[Cell::Int(3)]]);
    let erased =
        client.run("ERASE FROM annals.statements WHERE \"by\" = 'ann'").expect("an erasure");
    assert_eq!(erased.outcome.row_count, 2);
    assert_eq!(count(&mut client), [[Cell::Int(1)]]);
    client.sql().record_statements(&[record("2024-02-19", "cai", "SELECT ?")]).expect("a record");
    assert_eq!(count(&mut client), [[Cell::Int(2)]]);
}

#[test]
fn a_transaction_that_asks_the_audit_commits_while_statements_are_recorded() {
    let (_scratch, mut client) = with_records();
    client.run("BEGIN").expect("a transaction");
    client
        .run("UPSERT INTO t SELECT row_count FROM annals.audit WHERE \"by\" = 'ben'")
        .expect("a change");
    client.sql().record_statements(&[record("2024-02-19", "cai", "SELECT ?")]).expect("a record");
    client.run("COMMIT").expect("nothing that the transaction depends on has changed");
    assert_eq!(client.ask("SELECT k FROM t"), [[Cell::Int(3)]]);
}

#[test]
fn records_are_there_after_a_restart_and_none_makes_no_table() {
    let (scratch, client) = with_records();
    drop(client);
    let mut client = Client::new(scratch.open());
    assert_eq!(client.ask("SELECT count(*) FROM annals.statements"), [[Cell::Int(3)]]);
    let empty = Client::new(Scratch::in_memory(system("2024-02-20")).open());
    empty.sql().record_statements(&[]).expect("nothing to do");
    assert!(empty.database().tables().is_empty());
}

#[test]
fn statements_can_be_asked_for_before_there_are_any() {
    let mut client = Client::new(Scratch::in_memory(system("2024-02-20")).open());
    client.sql().prepare_statements().expect("the table");
    client.sql().prepare_statements().expect("the table that is there");
    assert_eq!(client.ask("SELECT count(*) FROM annals.statements"), [[Cell::Int(0)]]);
    client.run("ERASE FROM annals.statements WHERE row_count < 0").expect("nothing to erase");
}

#[test]
fn another_table_of_the_name_is_left_alone() {
    let scratch = Scratch::in_memory(system("2024-02-20"));
    let mut client = Client::new(scratch.open());
    let other = TableSpec::events("annals.statements").column(Column::new("v", DataType::BigInt));
    client.database().create_table(other).expect("the engine reserves no names");
    let error = client.sql().record_statements(&[record("2024-02-19", "cai", "SELECT ?")]);
    let error = error.expect_err("it has other columns");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let error = client.sql().prepare_statements().expect_err("it has other columns");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(client.ask("SELECT count(*) FROM annals.audit"), [[Cell::Int(0)]]);
}
