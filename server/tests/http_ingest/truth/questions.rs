//! The questions that the files of truth answer, as requests for SQL, each at fixed instants.
//!
//! Some of the files' system instants may lie in the future; nothing is recorded between the last release and them, so they are asked
//! as of now, once and for all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::NONE;

/// Points in one join.
const JOIN_POINT_COUNT: usize = 1_000;
/// So many points are asked together for each that is asked alone too.
const POINTS_FOR_ONE_ALONE: usize = 10;

/// What the rows of an answer must be.
pub(super) enum Expected {
    /// These, in this order.
    Rows(Vec<Vec<String>>),
    /// Of all zones: rows, sum of offsets, rows by is_dst (two), abbreviations.
    Snapshot([String; 5]),
}

/// A question with its answer.
pub(super) struct Question {
    pub(super) id: String,
    /// The body of the request.
    pub(super) request: Value,
    pub(super) columns: &'static [&'static str],
    pub(super) expected: Expected,
    /// Whether it is asked in one form only.
    pub(super) is_small: bool,
}

impl Question {
    /// Panics unless the rows are the right ones.
    pub(super) fn check(&self, rows: &[Vec<String>], how: &str) {
        match &self.expected {
            Expected::Rows(expected) => assert_eq!(rows, expected, "{}, {how}", self.id),
            Expected::Snapshot(expected) => {
                let offsets = rows.iter().map(|row| row[1].parse::<i64>().unwrap());
                let of_dst = |is_dst: &str| rows.iter().filter(|row| row[2] == is_dst).count();
                let abbreviations: BTreeSet<&String> = rows.iter().map(|row| &row[3]).collect();
                let found = [
                    rows.len().to_string(),
                    offsets.sum::<i64>().to_string(),
                    of_dst("0").to_string(),
                    of_dst("1").to_string(),
                    abbreviations.len().to_string(),
                ];
                assert_eq!(&found, expected, "{}, {how}", self.id);
            }
        }
    }
}

/// The records of a file of truth, none of which has a quote, with no column of system times after `now`.
fn records(folder: &Path, name: &str, now: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let is_later = |at: &str| at.parse::<Timestamp>().unwrap() > now.parse().unwrap();
    let cell = |(column, cell): (&&str, &str)| match column.starts_with("system_time") {
        true if is_later(cell) => now.to_owned(),
        _ => cell.to_owned(),
    };
    lines.map(|line| columns.iter().zip(line.split(',')).map(cell).collect()).collect()
}

/// All questions of a folder. What names its system instants itself is asked as of `now`, so that its answer is fixed too.
pub(super) fn questions(folder: &Path, now: &str) -> Vec<Question> {
    let points = records(folder, "truth_points.csv", now);
    let snapshots = records(folder, "truth_snapshots.csv", now);
    let pairs = records(folder, "truth_diff_pairs.csv", now);
    let diffs = records(folder, "truth_diffs.csv", now);
    let mut questions: Vec<Question> = snapshots.iter().map(|of| snapshot(of)).collect();
    questions.extend(pairs.iter().map(|pair| diff(pair, &diffs, now)));
    questions.extend(points.chunks(JOIN_POINT_COUNT).map(|points| join(points, now)));
    questions.extend(points.iter().step_by(POINTS_FOR_ONE_ALONE).map(|of| point(of)));
    questions
}

/// One zone as of two instants.
fn point(point: &[String]) -> Question {
    let [id, t, v, zone, offset, is_dst, abbreviation] = std::array::from_fn(|at| &point[at]);
    let row = vec![offset.clone(), is_dst.clone(), abbreviation.clone()];
    let is_believed = offset != NONE;
    Question {
        id: id.clone(),
        request: json!({
            "sql": "SELECT utc_offset_seconds, is_dst, abbreviation FROM zones WHERE zone = $1",
            "params": [zone], "valid_time": v, "system_time": t,
        }),
        columns: &["utc_offset_seconds", "is_dst", "abbreviation"],
        expected: Expected::Rows(is_believed.then_some(row).into_iter().collect()),
        is_small: true,
    }
}

/// Many points in one statement: a join with all versions there ever were.
fn join(points: &[Vec<String>], now: &str) -> Question {
    let value = |(number, point): (usize, &Vec<String>)| {
        let [_, t, v, zone] = std::array::from_fn(|at| &point[at]);
        format!("({number}, '{zone}', TIMESTAMP '{t}', TIMESTAMP '{v}')")
    };
    let values: Vec<String> = points.iter().enumerate().map(value).collect();
    let sql = format!(
        "SELECT p.number, z.utc_offset_seconds, z.is_dst, z.abbreviation \
         FROM (VALUES {}) AS p(number, zone, t, v) \
         LEFT JOIN zones FOR ALL VALID_TIME FOR ALL SYSTEM_TIME AS z \
         ON z.zone = p.zone AND z._system_from <= p.t AND coalesce(p.t < z._system_to, true) \
         AND coalesce(z._valid_from <= p.v, true) AND coalesce(p.v < z._valid_to, true) \
         ORDER BY p.number",
        values.join(", ")
    );
    let row =
        |(number, point): (usize, &Vec<String>)| [&[number.to_string()], &point[4..7]].concat();
    Question {
        id: format!("points from {} on", points[0][0]),
        request: json!({"sql": sql, "system_time": now}),
        columns: &["number", "utc_offset_seconds", "is_dst", "abbreviation"],
        expected: Expected::Rows(points.iter().enumerate().map(row).collect()),
        is_small: false,
    }
}

/// All zones as of two instants.
fn snapshot(snapshot: &[String]) -> Question {
    let [id, t, v] = std::array::from_fn(|at| &snapshot[at]);
    let sql = "SELECT zone, utc_offset_seconds, is_dst, abbreviation FROM zones ORDER BY zone";
    Question {
        id: id.clone(),
        request: json!({"sql": sql, "valid_time": v, "system_time": t}),
        columns: &["zone", "utc_offset_seconds", "is_dst", "abbreviation"],
        expected: Expected::Snapshot(std::array::from_fn(|at| snapshot[at + 3].clone())),
        is_small: false,
    }
}

/// The zones whose offset differs between two beliefs.
fn diff(pair: &[String], diffs: &[Vec<String>], now: &str) -> Question {
    let [id, t1, t2, v] = std::array::from_fn(|at| &pair[at]);
    let at = |t: &str| {
        format!("zones FOR SYSTEM_TIME AS OF TIMESTAMP '{t}' FOR VALID_TIME AS OF TIMESTAMP '{v}'")
    };
    let sql = format!(
        "SELECT coalesce(a.zone, b.zone) AS zone, a.utc_offset_seconds AS before, b.utc_offset_seconds AS after \
         FROM {} AS a FULL JOIN {} AS b ON a.zone = b.zone \
         WHERE a.utc_offset_seconds IS DISTINCT FROM b.utc_offset_seconds ORDER BY 1",
        at(t1),
        at(t2)
    );
    let mut expected: Vec<Vec<String>> =
        diffs.iter().filter(|diff| diff[0] == *id).map(|diff| diff[4..7].to_vec()).collect();
    expected.sort();
    let count = |at: usize| expected.iter().filter(|diff| diff[at] == NONE).count().to_string();
    let counts = [expected.len().to_string(), count(1), count(2)];
    assert_eq!(counts, pair[4..7], "the files of truth agree about {id}");
    Question {
        id: id.clone(),
        request: json!({"sql": sql, "system_time": now}),
        columns: &["zone", "before", "after"],
        expected: Expected::Rows(expected),
        is_small: false,
    }
}
