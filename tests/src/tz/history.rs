//! The events: which releases there are, and how each becomes one transaction.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use annals_engine::{
    Clause, Column, Commit, DataType, Database, Result, SYSTEM_FROM, SystemTime, TableSpec,
    VALID_FROM, VALID_TO, ValidTime,
};
use flate2::read::GzDecoder;

use super::{whole_truth, workspace};
use crate::rows::{Cell, array, batch, rows};

/// One release: one transaction.
#[derive(Clone, Debug)]
pub struct Release {
    /// When it was published.
    pub recorded_at: SystemTime,
    /// Its rows, in their order.
    rows: Vec<Fact>,
}

#[derive(Clone, Debug)]
struct Fact {
    is_put: bool,
    zone: Cell,
    valid_from: Cell,
    valid_to: Cell,
    utc_offset_seconds: Cell,
    is_dst: Cell,
    abbreviation: Cell,
}

impl Release {
    /// How many puts and deletes it has.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }
}

/// The request that makes the table.
pub fn spec() -> TableSpec {
    TableSpec::keyed("zones", ["zone"])
        .column(Column::new("zone", DataType::Text))
        .column(Column::new("utc_offset_seconds", DataType::BigInt))
        .column(Column::new("is_dst", DataType::BigInt))
        .column(Column::new("abbreviation", DataType::Text))
}

fn file() -> Option<(PathBuf, Box<dyn Read>)> {
    let packed = workspace().join("data-samples/tz/tz_history.csv.gz");
    if let Ok(file) = File::open(&packed) {
        return Some((packed, Box::new(GzDecoder::new(file))));
    }
    let plain = whole_truth()?.join("tz_history.csv");
    let file = File::open(&plain).ok()?;
    Some((plain, Box::new(file)))
}

/// All releases, the oldest first; `None` where the file is missing.
pub fn releases() -> Option<Vec<Release>> {
    let (path, reader) = file()?;
    let mut releases: Vec<Release> = Vec::new();
    for record in csv::Reader::from_reader(reader).records() {
        let record = record.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let [_, recorded_at, op, zone, from, to, offset, is_dst, abbreviation] =
            std::array::from_fn(|at| &record[at]);
        let recorded_at = SystemTime::parse(recorded_at).expect("an instant");
        let fact = Fact {
            is_put: op == "put",
            zone: Cell::text(zone),
            valid_from: instant(from),
            valid_to: instant(to),
            utc_offset_seconds: number(offset),
            is_dst: number(is_dst),
            abbreviation: Cell::text(abbreviation),
        };
        match releases.last_mut().filter(|release| release.recorded_at == recorded_at) {
            Some(release) => release.rows.push(fact),
            None => releases.push(Release { recorded_at, rows: vec![fact] }),
        }
    }
    Some(releases)
}

fn instant(text: &str) -> Cell {
    match text {
        "" => Cell::Null,
        text => Cell::Time(ValidTime::parse(text).expect("an instant").micros()),
    }
}

fn number(text: &str) -> Cell {
    match text {
        "" => Cell::Null,
        text => Cell::Int(text.parse().expect("a number")),
    }
}

/// Commits a release as one transaction with its own system time.
pub fn import(database: &Database, release: &Release) -> Result<Commit> {
    let mut transaction = database.begin();
    transaction.system_time(release.recorded_at);
    for rows in release.rows.chunk_by(|left, right| left.is_put == right.is_put) {
        let column = |data_type, cell: fn(&Fact) -> &Cell| {
            array(data_type, &rows.iter().map(cell).collect::<Vec<_>>())
        };
        let mut columns = vec![
            ("zone", column(DataType::Text, |fact| &fact.zone)),
            (VALID_FROM, column(DataType::Timestamp, |fact| &fact.valid_from)),
            (VALID_TO, column(DataType::Timestamp, |fact| &fact.valid_to)),
        ];
        if rows[0].is_put {
            columns
                .push(("utc_offset_seconds", column(DataType::BigInt, |f| &f.utc_offset_seconds)));
            columns.push(("is_dst", column(DataType::BigInt, |fact| &fact.is_dst)));
            columns.push(("abbreviation", column(DataType::Text, |fact| &fact.abbreviation)));
            transaction.put("zones", &batch(columns))?;
        } else {
            transaction.delete("zones", &batch(columns))?;
        }
    }
    transaction.commit()
}

/// How many of the releases a database holds. Panics if it holds a part of one.
///
/// Every release changes something, so that it is there exactly if some version began at its instant; whether all of it is
/// there is for the truth to say.
pub fn imported(database: &Database, releases: &[Release]) -> usize {
    if database.tables().is_empty() {
        database.create_table(spec()).expect("a new table");
    }
    let snapshot = database.snapshot().expect("a snapshot");
    let scan = snapshot.scan("zones").expect("the table").columns([SYSTEM_FROM]);
    let batches = scan.valid(Clause::All).system(Clause::All).run().expect("a scan");
    let begun: BTreeSet<Cell> =
        batches.flat_map(|batch| rows(&batch.expect("a batch"), &[SYSTEM_FROM]).concat()).collect();
    let is_there = |release: &Release| begun.contains(&Cell::Time(release.recorded_at.micros()));
    let count = releases.iter().take_while(|release| is_there(release)).count();
    assert!(!releases[count..].iter().any(is_there), "the import has a hole after {count}");
    count
}
