//! ERASE beside other sessions: what a transaction has read before it is never written again behind it.

use annals_engine::ErrorKind;
use annals_engine::disk::MemoryDisk;
use annals_tests::prices::system;
use annals_tests::rows::Cell;
use annals_tests::scratch::Scratch;

use crate::session::Client;

/// A value that no file holds by chance.
const SECRET: &str = "gQ7XkZ-3vJp-W9tR-bM2c";

fn guests(disk: &MemoryDisk) -> Client {
    let mut client = Client::new(Scratch::on(disk.clone(), system("2030-01-01")).open());
    client
        .run("CREATE TABLE guests (name TEXT, note TEXT, room BIGINT, PRIMARY KEY (name))")
        .unwrap();
    client.run("CREATE TABLE rooms (room BIGINT, PRIMARY KEY (room))").unwrap();
    let rows = format!("INSERT INTO guests VALUES ('Ann', '{SECRET}', 1), ('Ben', 'none', 2)");
    client.run(&rows).unwrap();
    client
}

fn is_found(disk: &MemoryDisk) -> bool {
    let holds = |bytes: Vec<u8>| bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes());
    disk.files().iter().any(|path| holds(disk.read_all(path).unwrap()))
}

#[test]
fn a_transaction_that_has_read_an_erased_value_cannot_commit_it() {
    let disk = MemoryDisk::new();
    let mut one = guests(&disk);
    let mut other = Client::of(one.sql());
    one.run("BEGIN; UPDATE guests SET room = 7").unwrap();
    assert!(is_found(&disk));
    let erased = other.run("ERASE FROM guests WHERE name = 'Ann'").unwrap();
    assert_eq!((erased.outcome.tag.to_string(), erased.outcome.row_count), ("ERASE".to_owned(), 1));
    let error = one.run("COMMIT").err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Erased | ErrorKind::Conflict), "{error}");
    assert!(!is_found(&disk));
    other.run("UPDATE guests SET room = 8").unwrap();
    let rows = one.run("SELECT name, room FROM guests").unwrap().rows;
    assert_eq!(rows, [vec![Cell::text("Ben"), Cell::Int(8)]]);
    one.database().flush().unwrap();
    assert!(!is_found(&disk));
}

#[test]
fn an_open_transaction_is_told_where_it_reads_the_table() {
    let disk = MemoryDisk::new();
    let mut one = guests(&disk);
    let mut other = Client::of(one.sql());
    one.run("BEGIN; SELECT * FROM guests").unwrap();
    other.run("ERASE FROM guests WHERE name = 'Ann'").unwrap();
    one.run("SELECT * FROM rooms").unwrap();
    let error = one.run("SELECT name FROM guests WHERE name = 'Ben'").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Erased, "{error}");
    one.run("ROLLBACK").unwrap();
    assert_eq!(one.run("SELECT name FROM guests").unwrap().rows, [[Cell::text("Ben")]]);
    // Blind puts read nothing: they are new facts.
    one.run("BEGIN; UPSERT INTO guests VALUES ('Ann', 'again', 3)").unwrap();
    other.run("ERASE FROM guests WHERE name = 'Ben'").unwrap();
    one.run("COMMIT").unwrap();
    assert_eq!(one.run("SELECT name FROM guests").unwrap().rows, [[Cell::text("Ann")]]);
}

#[test]
fn the_user_is_on_record() {
    let disk = MemoryDisk::new();
    let mut client = guests(&disk);
    client.session().set_user("the front desk");
    client.run("ERASE FROM guests WHERE name IN ('Ann', 'Ben')").unwrap();
    let asked = "SELECT \"by\", count(*), count(DISTINCT key_hash) FROM annals.erasures GROUP BY 1";
    let rows = client.run(asked).unwrap().rows;
    assert_eq!(rows, [[Cell::text("the front desk"), Cell::Int(2), Cell::Int(2)]]);
    assert!(!is_found(&disk));
}
