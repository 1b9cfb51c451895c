//! An archive is plain Parquet: readers that know nothing of the database answer as of (T, V) from it by a condition.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use annals_engine::{Clause, PartitionState};
use annals_tests::prices::{Prices, system, valid};
use annals_tests::rows::{Cell, Row, rows};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::stories::{BY, partition};

/// Every price is corrected twice in the month, and ends in it.
fn prices() -> Prices {
    let prices = Prices::new();
    prices.set_clock("2024-06-01");
    for sku in 0..50 {
        let story = prices.at(&format!("2024-01-01T00:{sku:02}:00Z"));
        story.put(&format!("sku {sku}"), sku, "2024-01-01", "2024-01-28").commit();
    }
    for sku in 0..50 {
        let story = prices.at(&format!("2024-01-12T00:{sku:02}:00Z"));
        story.put(&format!("sku {sku}"), 100 + sku, "2024-01-10", "2024-01-20").commit();
    }
    prices.at("2024-01-21").delete("sku 7", "2024-01-05", "2024-01-15").commit();
    prices
}

const ASKED: [(&str, &str); 5] = [
    ("2024-01-11T00:00:00Z", "2024-01-15T00:00:00Z"),
    ("2024-01-12T00:25:00Z", "2024-01-10T00:00:00Z"),
    ("2024-01-30T00:00:00Z", "2024-01-19T23:59:59.999999Z"),
    ("2024-01-30T00:00:00Z", "2024-01-20T00:00:00Z"),
    ("2024-01-30T00:00:00Z", "2024-01-12T00:00:00Z"),
];

fn of_engine(prices: &Prices, (recorded, holds): (&str, &str)) -> Vec<Row> {
    let scan = prices.snapshot().scan("prices").unwrap();
    let scan = scan.valid(Clause::AsOf(valid(holds))).system(Clause::AsOf(system(recorded)));
    let mut found: Vec<Row> =
        scan.run().unwrap().flat_map(|batch| rows(&batch.unwrap(), &["sku", "price"])).collect();
    found.sort();
    found
}

/// What a reader of Parquet finds that knows the four columns and nothing else.
fn of_parquet(dir: &Path, (recorded, holds): (&str, &str)) -> Vec<Row> {
    let (recorded, holds) = (system(recorded).micros(), valid(holds).micros());
    let names = ["sku", "price", "_valid_from", "_valid_to", "_system_from", "_system_to"];
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "parquet") {
            continue;
        }
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        for batch in reader.build().unwrap() {
            found.extend(rows(&batch.unwrap(), &names));
        }
    }
    let is_within = |from: &Cell, at: i64, to: &Cell| {
        let bound = |cell: &Cell, unbounded| match cell {
            Cell::Time(micros) => *micros,
            _ => unbounded,
        };
        bound(from, i64::MIN) <= at && at < bound(to, i64::MAX)
    };
    found.retain(|row| is_within(&row[2], holds, &row[3]) && is_within(&row[4], recorded, &row[5]));
    let mut found: Vec<Row> = found.into_iter().map(|row| row[..2].to_vec()).collect();
    found.sort();
    found
}

#[test]
fn a_plain_reader_of_an_archive_gives_the_rows_of_the_engine() {
    let prices = prices();
    let expected: Vec<Vec<Row>> = ASKED.iter().map(|at| of_engine(&prices, *at)).collect();
    assert!(expected.iter().all(|rows| rows.len() > 20));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("january");
    let january = partition("2024-01");
    let change = prices.database().archive_partition("prices", january, &dir, BY).unwrap();
    assert_eq!(change.state, PartitionState::Archived);
    for (at, expected) in ASKED.iter().zip(&expected) {
        assert_eq!(&of_parquet(&dir, *at), expected, "{at:?}");
        if let Some(found) = of_duckdb(&dir, *at) {
            assert_eq!(&found, expected, "DuckDB as of {at:?}");
        }
    }
    let twice = prices.database().archive_partition("prices", january, &dir, BY).unwrap_err();
    assert!(twice.to_string().contains("is archived to"), "{twice}");
    prices.database().attach_partition("prices", january, None, BY).unwrap();
    for (at, expected) in ASKED.iter().zip(&expected) {
        assert_eq!(&of_engine(&prices, *at), expected, "{at:?}");
    }
    assert!(dir.join("partition.json").exists(), "the archive stays");
}

#[test]
fn a_folder_that_holds_something_else_is_not_written_to() {
    let prices = prices();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let archive =
        |dir: &Path| prices.database().archive_partition("prices", partition("2024-01"), dir, BY);
    let error = archive(folder.path()).unwrap_err().to_string();
    assert!(error.contains("is not empty: it holds `notes.txt`"), "{error}");
    // Nothing has changed.
    assert!(!of_engine(&prices, ASKED[0]).is_empty());
    archive(&folder.path().join("january")).unwrap();
}

#[test]
fn a_url_needs_a_disk_that_takes_them() {
    let prices = prices();
    let (url, january) = (Path::new("s3://bucket/january"), partition("2024-01"));
    let archived = prices.database().archive_partition("prices", january, url, BY);
    let attached = prices.database().attach_partition_from("prices", url, BY);
    for error in [archived.unwrap_err(), attached.unwrap_err()] {
        let told =
            "s3://bucket/january is in object storage, which this database was opened without";
        assert!(error.to_string().contains(told), "{error}");
    }
    assert!(!of_engine(&prices, ASKED[0]).is_empty(), "nothing has left");
}

/// The rows that DuckDB's module for Python finds; `None`, with a message, where that is missing.
fn of_duckdb(dir: &Path, (recorded, holds): (&str, &str)) -> Option<Vec<Row>> {
    let script = format!(
        "import sys\n\
         try:\n    import duckdb\n\
         except ImportError:\n    sys.exit(3)\n\
         c = duckdb.connect()\n\
         c.execute(\"SET TimeZone = 'UTC'\")\n\
         rows = c.execute(\"\"\"SELECT sku, price FROM read_parquet('{}/*.parquet')\n\
         WHERE (_valid_from IS NULL OR _valid_from <= TIMESTAMPTZ '{holds}')\n\
         AND (_valid_to IS NULL OR TIMESTAMPTZ '{holds}' < _valid_to)\n\
         AND _system_from <= TIMESTAMPTZ '{recorded}'\n\
         AND (_system_to IS NULL OR TIMESTAMPTZ '{recorded}' < _system_to)\"\"\").fetchall()\n\
         for sku, price in rows: print(sku, price, sep='\\t')\n",
        dir.display()
    );
    let python = std::env::var("ANNALS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = match Command::new(python).args(["-c", &script]).output() {
        Ok(output) if output.status.success() => output,
        Ok(output) if output.status.code() != Some(3) => {
            panic!("DuckDB: {}", String::from_utf8_lossy(&output.stderr))
        }
        _ => {
            println!("skipped: DuckDB's module for Python is missing (scripts/install-rivals)");
            return None;
        }
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| {
        let (sku, price) = line.split_once('\t').unwrap();
        vec![Cell::text(sku), Cell::Int(price.parse().unwrap())]
    };
    let mut found: Vec<Row> = text.lines().map(row).collect();
    found.sort();
    Some(found)
}

#[test]
fn what_a_partition_says_of_itself_can_be_read_by_anybody() {
    let prices = prices();
    let change =
        prices.database().detach_partitions("prices", &[partition("2024-01")], BY).unwrap();
    let dir = prices.scratch.path().join(change[0].location.as_ref().unwrap());
    let text = std::fs::read_to_string(dir.join("partition.json")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["format"], "annals partition");
    assert_eq!(told["partition"], "2024-01");
    assert_eq!(
        (&told["range_from"], &told["range_to"]),
        (&"2024-01-01T00:00:00Z".into(), &"2024-02-01T00:00:00Z".into())
    );
    assert_eq!(told["key"][0], "sku");
    assert_eq!(told["columns"][1]["type"], "BIGINT");
    assert_eq!(told["row_count"], change[0].row_count);
    for file in told["files"].as_array().unwrap() {
        let path = dir.join(file["name"].as_str().unwrap());
        assert_eq!(path.metadata().unwrap().len(), file["bytes"]);
    }
}

#[test]
fn no_folder_of_the_database_or_of_a_finished_archive_is_written_to() {
    let prices = prices();
    let january = partition("2024-01");
    prices.now().put("late", 1, "2024-02-01", "2024-02-10").commit();
    let expected = of_engine(&prices, ASKED[0]);
    let own = prices.scratch.path();
    let archive = |dir: &Path| prices.database().archive_partition("prices", january, dir, BY);
    for below in ["tables/000001/current", "tables/x", "detached/x", "wal", "x/../tables/y", "."] {
        let error = archive(&own.join(below)).unwrap_err().to_string();
        assert!(error.contains("lies in the folder of the database"), "{below}: {error}");
        assert!(archive(Path::new(below)).is_err(), "{below}");
    }
    prices.database().detach_partitions("prices", &[january], BY).unwrap();
    let place = own.join("detached/000001/2024-01");
    archive(&place).unwrap_err();
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("moved");
    std::fs::rename(&place, &moved).unwrap();
    let error = archive(&moved).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
    prices.database().attach_partition("prices", january, Some(&moved), BY).unwrap();
    assert_eq!(of_engine(&prices, ASKED[0]), expected);
    // A finished archive is not replaced by another partition, nor by the same once it has come back.
    let folder = elsewhere.path().join("archive");
    archive(&folder).unwrap();
    prices.database().attach_partition("prices", january, None, BY).unwrap();
    archive(&folder).unwrap_err();
    let february = partition("2024-02");
    prices.database().archive_partition("prices", february, &folder, BY).unwrap_err();
    assert_eq!(of_engine(&prices, ASKED[0]), expected);
}

#[test]
fn what_was_erased_since_does_not_go_into_an_archive() {
    let prices = prices();
    let january = partition("2024-01");
    prices.database().detach_partitions("prices", &[january], BY).unwrap();
    let keys = annals_engine::rows!(("sku", Utf8, ["sku 3"])).unwrap();
    prices.database().erase("prices", &keys, &annals_engine::ErasureRequest::by(BY)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("january");
    let error = prices.database().archive_partition("prices", january, &dir, BY).unwrap_err();
    assert!(error.to_string().contains("keys were erased since: attach it"), "{error}");
    prices.database().attach_partition("prices", january, None, BY).unwrap();
    prices.database().archive_partition("prices", january, &dir, BY).unwrap();
}
