//! What one session is held to: the memory of a statement, and instants that only questions take.

use annals_engine::{ErrorKind, ValidTime};
use annals_query::SqlOptions;
use annals_tests::prices::system;
use annals_tests::rows::Cell;
use annals_tests::scratch::Scratch;

use crate::session::Client;

const MIB: usize = 1 << 20;

/// A session of a database whose statements share 64 MiB.
fn client() -> Client {
    let scratch = Scratch::in_memory(system("2030-01-01")).memtable_bytes(64 * MIB);
    let options = SqlOptions::default().memory_bytes_max(64 * MIB).thread_count(2);
    let mut client = Client::with(scratch.open(), options);
    client.run("CREATE TABLE t (k BIGINT, v TEXT, PRIMARY KEY (k))").expect("a table");
    client
}

const ROWS: &str = "SELECT value AS k, repeat('x', 100) AS v FROM generate_series(1, 100000)";

#[test]
fn a_statement_beyond_its_memory_is_refused_with_the_limit_and_others_have_theirs() {
    let mut bounded = client();
    let mut free = Client::of(bounded.sql());
    bounded.session().set_memory_bytes_max(MIB);
    for sql in [
        format!("SELECT count(*) FROM ({ROWS}) a JOIN ({ROWS}) b ON a.v || a.k = b.v || b.k"),
        format!("UPSERT INTO t {ROWS}"),
    ] {
        let error = bounded.run(&sql).map(|_| ()).expect_err(&sql);
        assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}, of {sql}");
        assert!(error.message().contains("1048576 bytes"), "{error}, of {sql}");
        free.run(&sql).unwrap_or_else(|error| panic!("{error}, of {sql}"));
    }
    // Each statement has the whole of it: what the ones before took is given back.
    let few = "UPSERT INTO t SELECT value, 'x' FROM generate_series(1, 1000)";
    for _ in 0..20 {
        bounded.run(few).expect("a small change");
    }
    assert_eq!(bounded.ask("SELECT count(*) FROM t"), [[Cell::Int(100_000)]]);
}

#[test]
fn what_functions_make_counts_for_their_statement_until_nothing_holds_it() {
    let mut bounded = client();
    let mut free = Client::of(bounded.sql());
    bounded.session().set_memory_bytes_max(4 * MIB);
    free.run("UPSERT INTO t SELECT value, '' || value FROM generate_series(1, 1000)")
        .expect("rows");
    for sql in [
        "SELECT repeat('x', 8000000)",
        "SELECT repeat(v, 3000) FROM t",
        "SELECT x || x FROM (SELECT repeat(v, 1000) AS x FROM t)",
        "SELECT array_repeat(k, 1000) FROM t",
        "SELECT repeat('x', 10000) FROM t",
        "UPSERT INTO t SELECT k, repeat(v, 3000) FROM t",
    ] {
        let error = bounded.run(sql).map(|_| ()).expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}, of {sql}");
        assert!(error.message().contains("4194304 bytes"), "{error}, of {sql}");
    }
    // Each batch has the whole of it: what was made for the ones before is given back.
    let many = "SELECT sum(length(repeat('x' || value, 20))) FROM generate_series(1, 200000)";
    for _ in 0..3 {
        bounded.ask(many);
    }
    free.run("SELECT repeat(v, 1000) FROM t").expect("within what all have");
    assert_eq!(free.ask("SELECT count(*) FROM t WHERE length(v) > 4"), [[Cell::Int(0)]]);
}

#[test]
fn what_can_spill_does_so_within_the_memory_of_its_statement() {
    let mut client = client();
    client.session().set_memory_bytes_max(6 * MIB);
    let found = client.ask(&format!("SELECT k FROM ({ROWS}) ORDER BY v, k DESC OFFSET 99998"));
    assert_eq!(found, [[Cell::Int(2)], [Cell::Int(1)]]);
    let groups = client.ask(&format!(
        "SELECT count(*) FROM (SELECT v || k, count(*) FROM ({ROWS}) GROUP BY v || k)"
    ));
    assert_eq!(groups, [[Cell::Int(100_000)]]);
}

#[test]
fn the_memory_that_all_share_bounds_a_statement_of_a_higher_limit() {
    let mut client = client();
    client.session().set_memory_bytes_max(usize::MAX);
    let rows = ROWS.replace("100000", "2000000");
    let sql = format!("UPSERT INTO t {rows}");
    let error = client.run(&sql).map(|_| ()).expect_err("more than all may have");
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert_eq!(client.ask("SELECT count(*) FROM t"), [[Cell::Int(0)]]);
}

#[test]
fn while_default_instants_are_set_nothing_is_changed() {
    let mut client = client();
    client.run("INSERT INTO t VALUES (1, 'one')").expect("a row");
    let past = (ValidTime::from_micros(0), system("2000-01-01"));
    for defaults in [(Some(past.0), None), (None, Some(past.1)), (Some(past.0), Some(past.1))] {
        client.session().set_defaults(defaults.0, defaults.1);
        let axis = if defaults.1.is_some() { "system" } else { "valid" };
        for sql in [
            "INSERT INTO t VALUES (2, 'two')",
            "UPSERT INTO t SELECT k + 1, v FROM t",
            "UPDATE t SET v = 'other'",
            "UPDATE t FOR ALL VALID_TIME SET v = 'other'",
            "DELETE FROM t",
            "ERASE FROM t WHERE k = 1",
            "BEGIN",
            "COMMIT",
            "ASSERT EXISTS (SELECT 1 FROM t)",
            "CREATE TABLE u (k BIGINT, PRIMARY KEY (k))",
            "ALTER TABLE t ADD COLUMN c TEXT",
            "CREATE INDEX i ON t (v)",
        ] {
            let error = client.run(sql).map(|_| ()).expect_err(sql);
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}, of {sql}");
            let place = format!("a default {axis} time is set");
            assert!(error.message().contains(&place), "{error}, of {sql}");
        }
        assert_eq!(client.ask("SELECT count(*) FROM t"), [[Cell::Int(0)]]);
        client.run("EXPLAIN SELECT * FROM t").expect("a plan");
        client.run("CREATE OR REPLACE TEMPORARY VIEW w AS SELECT * FROM t").expect("a view");
    }
    client.session().set_defaults(None, None);
    client.run("BEGIN").expect("a transaction");
    client.session().set_defaults(None, Some(past.1));
    client.run("ROLLBACK").expect("a transaction can always be given up");
    client.session().set_defaults(None, None);
    let found = client.ask("SELECT k, v FROM t");
    assert_eq!(found, [[Cell::Int(1), Cell::text("one")]]);
}

#[test]
fn a_look_up_of_one_key_is_read_at_the_default_instants() {
    let mut client = client();
    for (day, value, from) in [(1, "one", 2020), (2, "two", 2022), (3, "three", 2021)] {
        client
            .run(&format!("BEGIN WITH (SYSTEM_TIME = TIMESTAMP '2024-01-0{day}')"))
            .expect("a day");
        let put =
            format!("UPSERT INTO t (k, v, _valid_from) VALUES (1, '{value}', '{from}-01-01')");
        client.run(&put).expect("a put");
        client.run("COMMIT").expect("a commit");
    }
    let valids = ["2019-06-01", "2020-06-01", "2021-06-01", "2022-06-01"];
    let systems = ["2024-01-01", "2024-01-02", "2024-01-03"];
    let mut answers = Vec::new();
    for valid in
        valids.iter().map(|at| Some(ValidTime::from_micros(system(at).micros()))).chain([None])
    {
        for at in systems.iter().map(|at| Some(system(at))).chain([None]) {
            client.session().set_defaults(valid, at);
            for clause in
                ["", "FOR VALID_TIME AS OF '2021-06-01'", "FOR SYSTEM_TIME AS OF '2024-01-02'"]
            {
                let ask = |condition| format!("SELECT v FROM t {clause} WHERE k = 1 {condition}");
                let found = client.ask(&ask(""));
                assert_eq!(found, client.ask(&ask("AND v <> ''")), "{valid:?} {at:?} {clause}");
                answers.push(found);
            }
        }
    }
    answers.sort_unstable_by_key(|answer| format!("{answer:?}"));
    answers.dedup();
    assert_eq!(answers.len(), 4, "each of the three, and none: {answers:?}");
}

#[test]
fn what_a_transaction_has_read_is_held_if_the_session_says_so() {
    let mut client = client();
    client.run("CREATE TABLE u (k BIGINT, PRIMARY KEY (k))").expect("a table");
    let mut other = Client::of(client.sql());
    for (holds_reads, ask) in [
        (true, "SELECT count(*) FROM u"),
        (true, "SELECT k FROM u WHERE k = 1"),
        (false, "SELECT count(*) FROM u"),
    ] {
        client.session().set_holds_reads(holds_reads);
        client.run("BEGIN").expect("a transaction");
        client.run("UPSERT INTO t VALUES (1, 'one')").expect("a change");
        client.ask(ask);
        other.run("UPSERT INTO u VALUES (1)").expect("a change between");
        let committed = client.run("COMMIT").map(|_| ()).map_err(|error| error.kind());
        let expect = if holds_reads { Err(ErrorKind::Conflict) } else { Ok(()) };
        assert_eq!(committed, expect, "{ask}");
    }
}

#[test]
fn a_query_gives_way_to_others_while_it_computes() {
    let mut client = client();
    let (many, few) = ("generate_series(1, 4000000000)", "generate_series(1, 1000)");
    for sql in [
        format!("SELECT count(*) FROM {many}"),
        format!("SELECT * FROM {many} WHERE value < 0"),
        format!("SELECT sum(a.value * 2) FROM {many} a"),
        format!("SELECT value % 7, count(*) FROM {many} GROUP BY 1"),
        format!("SELECT max(value) OVER (PARTITION BY value % 3) FROM {many} LIMIT 1"),
        format!("SELECT value FROM {many} ORDER BY value DESC LIMIT 1"),
        format!("SELECT count(*) FROM {few} a JOIN {many} b ON a.value = -b.value"),
        format!("SELECT count(*) FROM {many} a, (VALUES (1), (2)) b (v) WHERE a.value + v < 0"),
        format!("SELECT DISTINCT value % 5 FROM {many}"),
    ] {
        let mut outcome = client.stream(&sql).expect("a query");
        assert!(client.gives_way(&mut outcome), "{sql}");
    }
}
