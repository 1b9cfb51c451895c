//! The answers: points, whole snapshots, and differences between what was believed at two instants.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use annals_engine::{At, Clause, Snapshot, SystemTime, ValidTime, Value};
use md5::{Digest, Md5};

use crate::rows::{Cell, Row, rows};

const COLUMNS: [&str; 4] = ["zone", "utc_offset_seconds", "is_dst", "abbreviation"];

/// Expected answers, as they stand in the files.
#[derive(Clone, Debug)]
pub struct Truth {
    points: Vec<csv::StringRecord>,
    snapshots: Vec<csv::StringRecord>,
    diff_pairs: Vec<csv::StringRecord>,
    diffs: Vec<csv::StringRecord>,
}

impl Truth {
    /// Reads the four files of a folder.
    pub fn read(folder: &Path) -> Truth {
        let read = |name: &str| {
            let mut reader = csv::Reader::from_path(folder.join(name)).expect("a file of truth");
            reader.records().map(|record| record.expect("a record")).collect()
        };
        Truth {
            points: read("truth_points.csv"),
            snapshots: read("truth_snapshots.csv"),
            diff_pairs: read("truth_diff_pairs.csv"),
            diffs: read("truth_diffs.csv"),
        }
    }

    /// Asks everything that was already decided at `until`, and panics at the first answer that is wrong. Returns how many
    /// questions that were.
    pub fn check(&self, snapshot: &Snapshot, until: SystemTime, when: &str) -> usize {
        let decided = |record: &&csv::StringRecord, columns: &[usize]| {
            columns.iter().all(|at| SystemTime::parse(&record[*at]).expect("an instant") <= until)
        };
        let points = self.points.iter().filter(|record| decided(record, &[1]));
        let snapshots = self.snapshots.iter().filter(|record| decided(record, &[1]));
        let pairs = self.diff_pairs.iter().filter(|record| decided(record, &[1, 2]));
        let points = points.map(|record| check_point(snapshot, record, when)).count();
        let snapshots = snapshots.map(|record| check_snapshot(snapshot, record, when)).count();
        let pairs = pairs.map(|record| self.check_pair(snapshot, record, when)).count();
        points + snapshots + pairs
    }

    /// Points: id, system time, valid time, zone, offset, is_dst, abbreviation.
    pub fn points(&self) -> &[csv::StringRecord] {
        &self.points
    }

    /// Whole snapshots: id, system time, valid time, row count, sum of offsets, rows by is_dst (two), abbreviations, MD5.
    pub fn snapshots(&self) -> &[csv::StringRecord] {
        &self.snapshots
    }

    /// What is compared: id, two system times, valid time; how many zones changed, appeared, vanished.
    pub fn diff_pairs(&self) -> &[csv::StringRecord] {
        &self.diff_pairs
    }

    /// The differences: id, two system times, valid time, zone, two offsets.
    pub fn diffs(&self) -> &[csv::StringRecord] {
        &self.diffs
    }

    /// How many questions there are in all.
    pub fn question_count(&self) -> usize {
        self.points.len() + self.snapshots.len() + self.diff_pairs.len()
    }

    fn check_pair(&self, snapshot: &Snapshot, pair: &csv::StringRecord, when: &str) {
        let [id, t1, t2, v, changed, appeared, vanished] = std::array::from_fn(|at| &pair[at]);
        let offsets = |t: &str| -> BTreeMap<String, String> {
            let rows = snapshot_rows(snapshot, t, v).into_iter();
            rows.map(|row| (row[0].to_string(), row[1].to_string())).collect()
        };
        let (first, second) = (offsets(t1), offsets(t2));
        let zones: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
        let none = "none".to_owned();
        let mut found = BTreeSet::new();
        for zone in zones {
            let offset_1 = first.get(zone).unwrap_or(&none);
            let offset_2 = second.get(zone).unwrap_or(&none);
            if offset_1 != offset_2 {
                found.insert([zone.clone(), offset_1.clone(), offset_2.clone()]);
            }
        }
        let of_pair = self.diffs.iter().filter(|record| record[0] == *id);
        let expected: BTreeSet<[String; 3]> =
            of_pair.map(|record| [4, 5, 6].map(|at| record[at].to_owned())).collect();
        assert_eq!(found, expected, "{id}, {when}");
        let count = |at: usize| found.iter().filter(|diff| diff[at] == none).count().to_string();
        let counts = [found.len().to_string(), count(1), count(2)];
        assert_eq!(counts, [changed, appeared, vanished], "{id}, {when}");
    }
}

fn check_point(snapshot: &Snapshot, point: &csv::StringRecord, when: &str) {
    let [id, t, v, zone, offset, is_dst, abbreviation] = std::array::from_fn(|at| &point[at]);
    let at = At {
        valid: Some(ValidTime::parse(v).expect("an instant")),
        system: Some(SystemTime::parse(t).expect("an instant")),
    };
    let found = snapshot.get("zones", &[Value::from(zone)], at).expect("an answer");
    let found = found.iter().flat_map(|batch| rows(batch, &COLUMNS)).next();
    let found: Vec<String> = match found {
        Some(row) => row[1..].iter().map(Cell::to_string).collect(),
        None => vec!["none".to_owned(); 3],
    };
    assert_eq!(found, [offset, is_dst, abbreviation], "{id}: {zone} at {v} as of {t}, {when}");
}

fn check_snapshot(snapshot: &Snapshot, expected: &csv::StringRecord, when: &str) {
    let [id, t, v] = std::array::from_fn(|at| &expected[at]);
    let rows = snapshot_rows(snapshot, t, v);
    let numbers = |at: usize| {
        rows.iter().map(move |row| match row[at] {
            Cell::Int(number) => number,
            ref other => panic!("{other:?} is not a number"),
        })
    };
    let abbreviations: BTreeSet<&Cell> = rows.iter().map(|row| &row[3]).collect();
    let mut lines = String::new();
    for row in &rows {
        writeln!(lines, "{},{},{},{}", row[0], row[1], row[2], row[3]).expect("text");
    }
    let mut md5 = String::new();
    for byte in Md5::digest(lines.as_bytes()) {
        write!(md5, "{byte:02x}").expect("text");
    }
    let found = [
        rows.len().to_string(),
        numbers(1).sum::<i64>().to_string(),
        numbers(2).filter(|is_dst| *is_dst == 0).count().to_string(),
        numbers(2).filter(|is_dst| *is_dst == 1).count().to_string(),
        abbreviations.len().to_string(),
        md5,
    ];
    let expected: [&str; 6] = std::array::from_fn(|at| &expected[at + 3]);
    assert_eq!(found, expected, "{id}: all zones at {v} as of {t}, {when}");
}

/// The whole table as of two instants, sorted by zone.
fn snapshot_rows(snapshot: &Snapshot, t: &str, v: &str) -> Vec<Row> {
    let scan = snapshot.scan("zones").expect("the table").columns(COLUMNS);
    let scan = scan.valid(Clause::AsOf(ValidTime::parse(v).expect("an instant")));
    let scan = scan.system(Clause::AsOf(SystemTime::parse(t).expect("an instant")));
    let batches = scan.run().expect("a scan");
    let mut found: Vec<Row> =
        batches.flat_map(|batch| rows(&batch.expect("a batch"), &COLUMNS)).collect();
    found.sort();
    found
}
