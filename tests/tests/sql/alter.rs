//! ALTER TABLE beside other sessions, their transactions, streams and prepared statements.

use annals_engine::disk::MemoryDisk;
use annals_tests::prices::system;
use annals_tests::rows::Cell;
use annals_tests::scratch::Scratch;

use crate::session::Client;

fn stock() -> (Client, Client) {
    let scratch = Scratch::on(MemoryDisk::new(), system("2030-01-01"));
    let mut one = Client::new(scratch.open());
    one.run("CREATE TABLE stock (sku TEXT, note TEXT, count INTEGER, PRIMARY KEY (sku))").unwrap();
    one.run("INSERT INTO stock VALUES ('tea', 'green', 1), ('rum', NULL, 2)").unwrap();
    let other = Client::of(one.sql());
    (one, other)
}

#[test]
fn a_transaction_keeps_the_columns_that_it_began_with_and_commits_behind_a_change() {
    let (mut one, mut other) = stock();
    one.run("BEGIN; UPDATE stock SET count = 5 WHERE sku = 'tea'").unwrap();
    other.run("ALTER TABLE stock RENAME COLUMN count TO pieces").unwrap();
    other.run("ALTER TABLE stock DROP COLUMN note").unwrap();
    other.run("ALTER TABLE stock ADD COLUMN note TEXT DEFAULT 'new'").unwrap();
    other.run("ALTER TABLE stock ALTER COLUMN pieces TYPE BIGINT").unwrap();
    one.run("UPSERT INTO stock VALUES ('gin', 'dry', 3)").unwrap();
    let row =
        |sku: &str, note: &str, count| vec![Cell::text(sku), Cell::text(note), Cell::Int(count)];
    let own = one.ask("SELECT sku, note, count FROM stock WHERE note IS NOT NULL ORDER BY sku");
    assert_eq!(own, [row("gin", "dry", 3), row("tea", "green", 5)]);
    one.run("COMMIT").unwrap();
    let now = one.ask("SELECT sku, note, pieces FROM stock ORDER BY sku");
    assert_eq!(now, [row("gin", "new", 3), row("rum", "new", 2), row("tea", "new", 5)]);
    assert!(one.run("SELECT count FROM stock").is_err());
}

#[test]
fn a_prepared_statement_sees_the_table_as_it_is_when_it_is_run() {
    let (mut one, mut other) = stock();
    let text = "SELECT * FROM stock WHERE sku = 'tea'";
    assert_eq!(one.ask(text)[0].len(), 3);
    other.run("ALTER TABLE stock ADD COLUMN price BIGINT DEFAULT 7").unwrap();
    let expect = vec![Cell::text("tea"), Cell::text("green"), Cell::Int(1), Cell::Int(7)];
    assert_eq!(one.ask(text), std::slice::from_ref(&expect));
    other.run("ALTER TABLE stock DROP COLUMN note").unwrap();
    assert_eq!(one.ask(text), [[&expect[..1], &expect[2..]].concat()]);
}

#[test]
fn an_answer_that_is_read_while_the_table_changes_has_the_columns_it_began_with() {
    let (mut one, mut other) = stock();
    let mut outcome = one.stream("SELECT sku, note, count FROM stock").unwrap();
    other.run("ALTER TABLE stock DROP COLUMN note").unwrap();
    other.run("ALTER TABLE stock RENAME COLUMN count TO note").unwrap();
    let mut row_count = 0;
    while let Some(batch) = one.next(&mut outcome).unwrap() {
        let schema = batch.schema();
        assert!(schema.fields().iter().map(|field| field.name()).eq(["sku", "note", "count"]));
        row_count += batch.num_rows();
    }
    assert_eq!(row_count, 2);
}
