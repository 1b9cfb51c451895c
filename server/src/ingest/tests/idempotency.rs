//! A request with an idempotency key is applied once, however often and whenever it is sent, and answered alike.

use std::sync::mpsc::{Receiver, Sender, channel};

use annals_engine::disk::{Keep, MemoryDisk};
use annals_engine::{ErasureRequest, ErrorKind, ManualClock, rows};

use super::*;

const HOUR_US: i64 = 3_600_000_000;

fn replayed(ingested: Ingested) -> Ingested {
    Ingested { is_replay: true, ..ingested }
}

#[test]
fn a_retry_is_answered_as_the_first_was_and_applied_once() {
    for format in FORMATS {
        let place = Place::new();
        let request = keyed(format, "first");
        let first = place.ingest(&request, body(format)).unwrap();
        let retry = |place: &Place| {
            for encoding in ENCODINGS {
                let request = Ingest { encoding, ..request.clone() };
                let again = place.ingest(&request, encode(encoding, &body(format))).unwrap();
                assert_eq!(again, replayed(first), "{format:?} {encoding:?}");
            }
            assert_eq!(place.last_change("prices"), first.system_time);
        };
        retry(&place);
        let place = place.reopened();
        retry(&place);
        place.database.compact(&mut |_| {}).unwrap();
        retry(&place);
        // Another key is another request.
        let second = place.ingest(&keyed(format, "second"), body(format)).unwrap();
        assert!(second.system_time > first.system_time && !second.is_replay);
    }
}

#[test]
fn a_key_that_is_used_for_something_else_is_refused() {
    let place = Place::new();
    place.ingest(&keyed(Format::Csv, "k"), CSV).unwrap();
    let last = place.last_change("prices");
    let other_body = "the idempotency key was used for a request with another body";
    for body in [CSV.replace("350", "351"), CSV[..CSV.len() - 1].to_owned(), format!("{CSV}\n")] {
        let outcome = place.ingest(&keyed(Format::Csv, "k"), body);
        check_refused(outcome, Kind::KeyReused, other_body);
    }
    let others = [
        Ingest { op: Op::Delete, ..keyed(Format::Csv, "k") },
        Ingest { valid_from: Some("since".into()), ..keyed(Format::Csv, "k") },
        Ingest { valid_to: Some("since".into()), ..keyed(Format::Csv, "k") },
        Ingest { op_column: Some("since".into()), ..keyed(Format::Csv, "k") },
        Ingest { system_time: Some("since".into()), ..keyed(Format::Csv, "k") },
        keyed(Format::Ndjson, "k"),
    ];
    for other in others {
        let what = "the idempotency key was used for a request with other parameters";
        check_refused(place.ingest(&other, CSV), Kind::KeyReused, what);
    }
    assert_eq!(place.last_change("prices"), last);
    // Of another table it is another key.
    let visits = Ingest { table: "visits".into(), ..keyed(Format::Csv, "k") };
    place.ingest(&visits, "who,_valid_from\nann,2024-01-01\n").unwrap();
}

#[test]
fn a_retry_that_breaks_off_is_no_answer() {
    let place = Place::new();
    let request = Ingest { encoding: Encoding::Gzip, ..keyed(Format::Csv, "k") };
    let bytes = encode(Encoding::Gzip, CSV.as_bytes());
    place.ingest(&request, &bytes).unwrap();
    let failure = place.ingest(&request, &bytes[..bytes.len() - 1]).unwrap_err();
    assert_eq!(failure.kind(), Some(Kind::Malformed), "{failure}");
}

#[test]
fn a_request_that_failed_leaves_its_key_free() {
    let place = Place::new();
    let wrong = CSV.replace("350", "many");
    assert!(place.ingest(&keyed(Format::Csv, "k"), wrong).is_err());
    assert!(!place.ingest(&keyed(Format::Csv, "k"), CSV).unwrap().is_replay);
    place.check_prices(&VERSIONS);
}

#[test]
fn a_key_is_printable_and_not_too_long() {
    let place = Place::new();
    let invalid = Kind::Engine(ErrorKind::Invalid);
    for key in ["", "a\nb", "schlüssel", &"k".repeat(256)] {
        let what = format!(
            "an idempotency key has 1 to 255 printable ASCII characters, not {} bytes",
            key.len()
        );
        check_refused(place.ingest(&keyed(Format::Csv, key), CSV), invalid, &what);
    }
    place.ingest(&keyed(Format::Csv, &"k ~".repeat(85)), CSV).unwrap();
}

/// A body that tells when it is asked for, and goes on when it is told to.
struct Held(Sender<()>, Receiver<Vec<u8>>);

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.send(()).unwrap();
        let bytes = self.1.recv().unwrap_or_default();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[test]
fn a_retry_while_the_first_is_running_is_told_so() {
    let place = Place::new();
    let ((asked, is_asked), (send, receive)) = (channel(), channel());
    let ingester = place.ingester.clone();
    let request = keyed(Format::Csv, "k");
    let first =
        std::thread::spawn(move || ingester.ingest(request, Box::new(Held(asked, receive))));
    is_asked.recv().unwrap();
    let what = "a request with this idempotency key is still running";
    check_refused(place.ingest(&keyed(Format::Csv, "k"), CSV), Kind::KeyBusy, what);
    assert!(!place.ingest(&keyed(Format::Csv, "other"), CSV).unwrap().is_replay);
    send.send(CSV.into()).unwrap();
    drop(send);
    let first = first.join().unwrap().unwrap();
    assert_eq!(place.ingest(&keyed(Format::Csv, "k"), CSV).unwrap(), replayed(first));
}

fn split(key: &str) -> Ingest {
    Ingest { system_time: Some("recorded".into()), ..keyed(Format::Csv, key) }
}

/// Twelve thousand rows in as many transactions as days, which are more than a chunk.
fn history(days: usize) -> String {
    let mut body = String::from("sku,cents,_valid_from,recorded\n");
    for row in 0..12_000 {
        let day = row * days / 12_000;
        let recorded = SystemTime::from_micros(1_700_000_000_000_000 + day as i64 * 24 * HOUR_US);
        body.push_str(&format!("{row:05},{day},2020-01-01,{recorded}\n"));
    }
    body
}

/// Gives a body up to a length, then an error.
fn broken(body: &str, length: usize) -> Box<dyn Read + Send> {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    Box::new(Cursor::new(body.as_bytes()[..length].to_vec()).chain(Broken))
}

#[test]
fn a_split_request_that_was_cut_off_goes_on_where_it_stopped() {
    let body = history(24);
    let whole = Place::new();
    let expect = whole.ingest(&split("k"), &body).unwrap();
    assert_eq!((expect.row_count, expect.transaction_count), (12_000, 24));

    let place = Place::new();
    let outcome = place.ingester.ingest(split("k"), broken(&body, body.len() - 1));
    let failure = outcome.unwrap_err();
    assert!(matches!(failure, Failure::Body(..)));
    let note = "; 9500 rows in 19 transactions before it are written";
    assert!(failure.to_string().ends_with(note), "{failure}");
    assert_eq!(place.versions("prices", false).len(), 9_500);

    // Whether the process ended meanwhile makes no difference.
    let place = place.reopened();
    // Nor that it breaks off again, before anything new.
    assert!(place.ingester.ingest(split("k"), broken(&body, 5_000)).is_err());
    let resumed = place.ingest(&split("k"), &body).unwrap();
    assert_eq!(resumed, expect);
    assert_eq!(place.versions("prices", true), whole.versions("prices", true));
    assert_eq!(place.ingest(&split("k"), &body).unwrap(), replayed(expect));
    assert_eq!(place.versions("annals.ingests.1", false).len(), 24);
}

#[test]
fn a_split_request_does_not_go_on_with_another_body() {
    let body = history(24);
    let place = Place::new();
    assert!(place.ingester.ingest(split("k"), broken(&body, body.len() - 1)).is_err());
    let what =
        "the idempotency key was used for a request with another body, which was written in part";
    let refused = |body: &str| {
        let failure = place.ingest(&split("k"), body).expect_err("another body");
        assert_eq!(failure.kind(), Some(Kind::KeyReused), "{failure}");
        assert!(failure.to_string().starts_with(what), "{failure}");
        assert_eq!(place.versions("prices", false).len(), 9_500);
    };
    refused(&history(23));
    refused("sku,cents,_valid_from,recorded\n");
    // As far as it was written, and no further.
    let written: Vec<&str> = body.lines().take(9_501).collect();
    refused(&format!("{}\n", written.join("\n")));
    let one_less: Vec<&str> =
        body.lines().enumerate().filter(|(at, _)| *at != 7).map(|(_, line)| line).collect();
    refused(&format!("{}\n", one_less.join("\n")));
    place.ingest(&split("k"), &body).unwrap();
    assert_eq!(place.versions("prices", false).len(), 12_000);
}

/// A database on a disk of the test, with one table.
fn on(disk: &MemoryDisk, clock: &Arc<ManualClock>) -> (Database, Ingester) {
    let options =
        Options::default().disk(Arc::new(disk.clone())).clock(clock.clone()).background(false);
    let database = Database::open("db", options).unwrap();
    if database.tables().is_empty() {
        let spec = TableSpec::keyed("prices", ["sku"])
            .column(Column::new("sku", DataType::Text))
            .column(Column::new("cents", DataType::BigInt));
        database.create_table(spec).unwrap();
    }
    (database.clone(), Ingester::new(database, None))
}

/// Sends a request to a database whose disk loses power at every call in turn, then again to what is left of it.
fn check_power_cuts(request: &Ingest, body: &str, version_count: usize) {
    let clock = Arc::new(ManualClock::new(SystemTime::parse("2024-06-01").unwrap()));
    let send = |ingester: &Ingester| {
        ingester.ingest(request.clone(), Box::new(Cursor::new(body.as_bytes().to_vec())))
    };
    let disk = MemoryDisk::new();
    let (database, ingester) = on(&disk, &clock);
    let first_call = disk.call_count() + 1;
    let expect = send(&ingester).unwrap();
    let last_call = disk.call_count();
    drop((database, ingester));
    for call in first_call..=last_call + 1 {
        for keep in [Keep::Kept, Keep::Lost] {
            let disk = MemoryDisk::new();
            let (database, ingester) = on(&disk, &clock);
            disk.power_off_at(call);
            let outcome = send(&ingester);
            let after = disk.crash_image(&mut |_| keep);
            drop((database, ingester));
            let (database, ingester) = on(&after, &clock);
            let again = send(&ingester).unwrap();
            assert_eq!(again.row_count, expect.row_count, "call {call}");
            assert_eq!(again.transaction_count, expect.transaction_count, "call {call}");
            if let Ok(first) = outcome {
                assert_eq!(again, replayed(first), "acknowledged before call {call}");
            }
            let versions = database.snapshot().unwrap().history("prices", &["tea".into()]);
            assert_eq!(versions.unwrap().num_rows(), version_count, "call {call}");
        }
    }
}

#[test]
fn power_that_goes_at_any_call_leaves_a_request_to_be_applied_once() {
    let body = "sku,cents,_valid_from,recorded\n\
        tea,1,2020-01-01,2024-01-01\n\
        tea,2,2020-01-01,2024-01-02\n\
        tea,3,2020-01-01,2024-01-03\n";
    check_power_cuts(&split("k"), body, 3);
    let whole = Ingest { valid_to: Some("recorded".into()), ..keyed(Format::Csv, "k") };
    check_power_cuts(&whole, body, 1);
}

#[test]
fn a_key_is_free_again_when_its_hours_are_over_and_its_records_leave() {
    let disk = MemoryDisk::new();
    let clock = Arc::new(ManualClock::new(SystemTime::parse("2024-06-01").unwrap()));
    let (database, ingester) = on(&disk, &clock);
    let send = |body: &str| {
        ingester.ingest(keyed(Format::Csv, "k"), Box::new(Cursor::new(body.as_bytes().to_vec())))
    };
    let first = send("sku\ntea\n").unwrap();
    clock.advance(24 * HOUR_US - 1);
    assert_eq!(send("sku\ntea\n").unwrap(), replayed(first));
    clock.advance(HOUR_US);
    let second = send("sku\ncoffee\n").unwrap();
    assert!(!second.is_replay);
    assert_eq!(send("sku\ncoffee\n").unwrap(), replayed(second));
    // A clock that goes back frees nothing, and brings nothing back.
    clock.set(SystemTime::parse("2024-05-31").unwrap());
    assert_eq!(send("sku\ncoffee\n").unwrap(), replayed(second));
    clock.set(SystemTime::parse("2024-07-01").unwrap());
    let changes = database.apply_retention().unwrap();
    assert!(changes.iter().any(|change| change.table == "annals.ingests.1"), "{changes:?}");
    let left = database.snapshot().unwrap().scan("annals.ingests.1").unwrap();
    let left = left.valid(Clause::All).run().unwrap();
    assert_eq!(left.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 0);
    assert!(!send("sku\ntea\n").unwrap().is_replay);
}

#[test]
fn records_hold_nothing_of_rows_or_keys() {
    let place = Place::new();
    let request = keyed(Format::Csv, "order of Ada Lovelace");
    place.ingest(&request, "sku\nAda Lovelace\n").unwrap();
    let record = place.versions("annals.ingests.1", true).join("\n");
    assert!(!record.contains("Ada") && !record.contains("order"), "{record}");
    let keys = rows!(("sku", Utf8, ["Ada Lovelace"])).unwrap();
    place.database.erase("prices", &keys, &ErasureRequest::by("a test")).unwrap();
    place.database.compact(&mut |_| {}).unwrap();
    let files = std::fs::read_dir(place.dir.path()).unwrap();
    let mut folders: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    while let Some(path) = folders.pop() {
        match std::fs::read_dir(&path) {
            Ok(entries) => folders.extend(entries.map(|entry| entry.unwrap().path())),
            Err(_) => {
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes.windows(12).any(|window| window == b"Ada Lovelace");
                assert!(!found, "{}", path.display());
            }
        }
    }
}
