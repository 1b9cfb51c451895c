//! What a query may take, and what it is spared: memory, an end when nobody reads on, and
//! everything that others do meanwhile.

use std::thread;

use annals_engine::disk::MemoryDisk;
use annals_engine::{DataType, Database, ErrorKind, Options};
use annals_query::{Outcome, Sql, SqlOptions, Tag};
use annals_tests::prices::system;
use annals_tests::rows::{Cell, array, batch};
use annals_tests::scratch::Scratch;

use crate::session::Client;

/// A table of so many rows, each with a text of its own, in segments.
fn wide(row_count: i64, options: impl FnOnce(Options) -> Options) -> (Database, MemoryDisk) {
    let disk = MemoryDisk::new();
    let scratch = Scratch::on(disk.clone(), system("2030-01-01")).memtable_bytes(64 << 20);
    let database = Database::open("db", options(scratch.options())).expect("a database");
    let mut client = Client::new(database.clone());
    client
        .run("CREATE TABLE wide (id BIGINT, n BIGINT NOT NULL, pad TEXT, PRIMARY KEY (id))")
        .expect("a table");
    let cells = |cell: fn(i64) -> Cell| (0..row_count).map(cell).collect::<Vec<Cell>>();
    let column = |data_type, cells: &[Cell]| array(data_type, &cells.iter().collect::<Vec<_>>());
    let ids = column(DataType::BigInt, &cells(Cell::Int));
    let ones = column(DataType::BigInt, &cells(|_| Cell::Int(1)));
    let pads =
        cells(|id| Cell::text(format!("{:060}", id.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64))));
    let pads = column(DataType::Text, &pads);
    let mut transaction = database.begin();
    transaction.put("wide", &batch(vec![("id", ids), ("n", ones), ("pad", pads)])).expect("a put");
    transaction.commit().expect("a commit");
    database.flush().expect("a flush");
    (database, disk)
}

fn row_count(client: &mut Client, outcome: &mut Outcome) -> annals_query::Result<usize> {
    let mut count = 0;
    while let Some(batch) = client.next(outcome)? {
        count += batch.num_rows();
    }
    Ok(count)
}

#[test]
fn a_query_beyond_its_memory_spills_or_is_refused_and_the_next_one_works() {
    const ROW_COUNT: i64 = 120_000;
    let (database, _) = wide(ROW_COUNT, |options| options);
    let spill = tempfile::tempdir().expect("a folder");
    let options =
        SqlOptions::default().memory_bytes_max(4 << 20).thread_count(2).spill_dir(spill.path());
    let mut client = Client::with(database, options);
    let whole = ROW_COUNT as usize;
    let queries = [
        ("SELECT id, pad FROM wide ORDER BY pad", whole),
        ("SELECT pad, count(*) FROM wide GROUP BY pad", whole),
        ("SELECT a.id, b.pad FROM wide a JOIN wide b ON a.pad = b.pad", whole),
        ("SEQUENCED VALID_TIME SELECT pad, count(*) FROM wide GROUP BY pad", whole),
    ];
    let mut refused = 0;
    for (sql, expected) in queries {
        let answer =
            client.stream(sql).and_then(|mut outcome| row_count(&mut client, &mut outcome));
        match answer {
            Ok(count) => assert_eq!(count, expected, "rows of {sql}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}, of {sql}");
                refused += 1;
            }
        }
        let next = client.ask("SELECT count(*), sum(n) FROM wide");
        assert_eq!(next, [vec![Cell::Int(ROW_COUNT); 2]], "after {sql}");
    }
    assert!(refused > 0, "the budget bounds nothing");
    drop(client);
    let folders = std::fs::read_dir(spill.path()).expect("the folder").count();
    assert_eq!(folders, 0, "what was spilled is removed");
}

#[test]
fn a_query_that_cannot_spill_is_no_fault_of_who_asks() {
    let (database, _) = wide(120_000, |options| options);
    let spill = tempfile::tempdir().expect("a folder");
    let options =
        SqlOptions::default().memory_bytes_max(64 << 20).thread_count(2).spill_dir(spill.path());
    let mut client = Client::with(database.clone(), options);
    // Too little for the rows, and enough to merge what is spilled.
    client.session().set_memory_bytes_max(6 << 20);
    let path = spill.path().to_owned();
    spill.close().expect("a folder that is gone");
    let sql = "SELECT id, pad FROM wide ORDER BY pad";
    let answer = client.stream(sql).and_then(|mut outcome| row_count(&mut client, &mut outcome));
    let error = answer.expect_err("nowhere to spill to");
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(error.message().starts_with("a temporary file could not be"), "{error}");
    let place = path.file_name().expect("a name").to_string_lossy();
    assert!(!error.message().contains(&*place), "{error}");
    assert_eq!(client.ask("SELECT count(*) FROM wide"), [[Cell::Int(120_000)]]);
    // At the start it is told which folder cannot be used.
    let dir = path.join("below");
    let error = Sql::new(database, SqlOptions::default().spill_dir(&dir)).expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(error.message().contains(&*dir.to_string_lossy()), "{error}");
}

#[test]
fn a_query_that_nobody_reads_on_stops_reading() {
    const ROW_COUNT: i64 = 300_000;
    // With so small a cache every block that is read is a call of the disk.
    let (database, disk) = wide(ROW_COUNT, |options| options.cache_bytes(1 << 10));
    let calls = |work: &mut dyn FnMut()| {
        let before = disk.call_count();
        work();
        disk.call_count() - before
    };
    let client = || Client::with(database.clone(), SqlOptions::default().thread_count(1));
    let read_all = calls(&mut || {
        let mut client = client();
        let mut outcome = client.stream("SELECT * FROM wide").expect("a query");
        assert_eq!(row_count(&mut client, &mut outcome).expect("rows") as i64, ROW_COUNT);
    });
    let queries = [
        "SELECT * FROM wide",
        "SELECT * FROM wide ORDER BY pad",
        "SELECT pad, count(*) FROM wide GROUP BY pad",
        "SEQUENCED VALID_TIME SELECT pad, count(*) FROM wide GROUP BY pad",
        "SELECT * FROM changes('wide', '2020-01-01', now())",
        // Nothing of it is ever given: the thread that reads has nobody to tell it that nobody listens.
        "SELECT * FROM wide WHERE n = 2 OR pad = 'x'",
        "SELECT * FROM wide WHERE pad = '00'",
    ];
    for sql in queries {
        let read = calls(&mut || {
            let mut client = client();
            let mut outcome = client.stream(sql).expect("a query");
            client.begin(&mut outcome);
            drop(outcome);
            // The runtime of the client ends with it, when the last thread that reads for it has.
            drop(client);
        });
        println!("{read} of {read_all} calls, {sql}");
        assert!(read < read_all / 2, "{read} calls of the disk, {read_all} for all of it: {sql}");
    }
}

#[test]
fn a_reader_keeps_its_snapshot_while_all_else_goes_on() {
    const ROW_COUNT: i64 = 60_000;
    let (database, _) = wide(ROW_COUNT, |options| options);
    let mut reader = Client::new(database.clone());
    let mut writer = Client::of(reader.sql());
    let mut outcome = reader.stream("SELECT id, n FROM wide").expect("a query");
    let mut sum = 0;
    let changes = [
        "UPDATE wide SET n = n + 1 WHERE id % 3 = 0",
        "DELETE FROM wide FOR ALL VALID_TIME WHERE id % 5 = 1",
        "UPDATE wide FOR ALL VALID_TIME SET n = 100",
    ];
    let mut at = 0;
    while let Some(batch) = reader.next(&mut outcome).expect("a batch") {
        let rows = annals_tests::rows::rows(&batch, &["n"]);
        sum += rows.iter().map(|row| if row[0] == Cell::Int(1) { 1 } else { 1_000 }).sum::<i64>();
        if let Some(sql) = changes.get(at) {
            assert!(writer.run(sql).expect("a change").outcome.row_count > 0);
            database.flush().expect("a flush");
            if at == 2 {
                database.compact(&mut |_| ()).expect("a compaction");
            }
            at += 1;
        }
    }
    assert_eq!(at, changes.len(), "the reader was not done before");
    assert_eq!(sum, ROW_COUNT, "what the reader began with");
    let left = ROW_COUNT / 5 * 4;
    let now = writer.ask("SELECT count(*), min(n) FROM wide");
    assert_eq!(now, [[Cell::Int(left), Cell::Int(100)]]);
}

fn counters() -> Client {
    let scratch =
        Scratch::in_memory(system("2030-01-01")).memtable_bytes(32 << 10).background(true);
    let mut client = Client::new(scratch.open());
    for sql in [
        "CREATE TABLE counters (name TEXT, n BIGINT, PRIMARY KEY (name))",
        "CREATE TABLE others (name TEXT, n BIGINT, PRIMARY KEY (name))",
        "INSERT INTO counters (name, n) VALUES ('a', 0), ('b', 0)",
        "INSERT INTO others (name, n) VALUES ('a', 0)",
    ] {
        client.run(sql).expect("a statement");
    }
    client
}

#[test]
fn of_two_transactions_that_read_and_write_one_table_the_later_is_refused() {
    let mut one = counters();
    let mut other = Client::of(one.sql());
    // Statement of the first, statement of the second, whether the second can still commit.
    let pairs = [
        ("UPDATE counters SET n = n + 1", "UPDATE counters SET n = n + 1", false),
        (
            "UPDATE counters SET n = n + 1 WHERE name = 'a'",
            "DELETE FROM counters WHERE n > 0",
            false,
        ),
        (
            "INSERT INTO counters (name, n) VALUES ('c', 1)",
            "INSERT INTO counters (name, n) VALUES ('d', 1)",
            true,
        ),
        (
            "INSERT INTO counters (name, n) VALUES ('f', 1)",
            "INSERT INTO counters (name, n) VALUES ('f', 2)",
            false,
        ),
        (
            "UPDATE counters SET n = 5 WHERE name = 'a'",
            "UPSERT INTO others (name, n) SELECT name, n FROM counters",
            false,
        ),
        ("UPDATE counters SET n = n + 1", "UPDATE others SET n = n + 1", true),
        ("UPDATE counters SET n = n + 1", "UPSERT INTO counters (name, n) VALUES ('b', 9)", true),
    ];
    for (first, second, is_free) in pairs {
        one.run("BEGIN").expect("a transaction");
        other.run("BEGIN").expect("a transaction");
        one.run(first).expect("a change");
        other.run(second).expect("a change");
        let done = one.run("COMMIT").expect("the earlier commit").outcome;
        assert_eq!(done.tag, Tag::Commit);
        match other.run("COMMIT") {
            Ok(_) => assert!(is_free, "{second} was committed after {first}"),
            Err(error) => {
                assert_eq!(
                    (is_free, error.kind()),
                    (false, ErrorKind::Conflict),
                    "{error}: {second} after {first}"
                );
            }
        }
    }
    // An assertion reads what it asserts.
    one.run("BEGIN").expect("a transaction");
    one.run("ASSERT (SELECT count(*) FROM counters) > 0").expect("an assertion that holds");
    one.run("UPSERT INTO others (name, n) VALUES ('z', 1)").expect("a change");
    other.run("UPSERT INTO counters (name, n) VALUES ('e', 1)").expect("a change");
    let error = one.run("COMMIT").map(|_| ()).expect_err("what was asserted may not hold any more");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[test]
fn updates_outside_transactions_lose_no_increment() {
    const SESSIONS: i64 = 6;
    const INCREMENTS: i64 = 25;
    let mut client = counters();
    let sql = client.sql().clone();
    thread::scope(|scope| {
        for session in 0..SESSIONS {
            let sql = &sql;
            scope.spawn(move || {
                let mut client = Client::of(sql);
                for at in 0..INCREMENTS {
                    let portion = if (session + at) % 2 == 0 { "" } else { " FOR ALL VALID_TIME" };
                    let update = format!("UPDATE counters{portion} SET n = n + 1 WHERE name = 'a'");
                    assert!(client.run(&update).expect("an update").outcome.row_count > 0);
                }
            });
        }
    });
    let found = client.ask("SELECT n FROM counters ORDER BY name");
    assert_eq!(found, [[Cell::Int(SESSIONS * INCREMENTS)], [Cell::Int(0)]]);
}
