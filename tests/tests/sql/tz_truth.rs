//! Real history, answered right in SQL: every point, snapshot and difference of the time zone
//! truth.
//!
//! A point is asked in both ways that SQL has for it: as of two instants, one statement a point,
//! and as a join with all versions on predicates of their four period columns. Differences are
//! joins of two instants. The engine's own answers to the same questions are `tz_history.rs`'s
//! subject.

use std::collections::BTreeSet;
use std::fmt::Write;

use annals_tests::prices::{NOW, system};
use annals_tests::rows::{Cell, Row};
use annals_tests::scratch::Scratch;
use annals_tests::tz::{self, Truth};
use md5::{Digest, Md5};

use crate::session::Client;

/// Points in one join.
const JOIN_POINT_COUNT: usize = 1_000;

#[test]
fn the_time_zone_truth_is_answered_right_in_sql() {
    let Some(releases) = tz::releases() else {
        println!("skipped: data-samples/tz/tz_history.csv.gz is missing");
        return;
    };
    let mut truths = vec![Truth::read(&tz::sampled_truth())];
    match tz::whole_truth() {
        Some(folder) => truths.push(Truth::read(&folder)),
        None => println!("the whole truth is not here: asking the sample of it only"),
    }
    let scratch = Scratch::in_memory(system(NOW)).memtable_bytes(256 << 10);
    let database = scratch.open();
    database.create_table(tz::spec()).expect("a new table");
    for release in &releases {
        tz::import(&database, release).expect("a commit");
        while database.maintain().expect("a step").is_some() {}
    }
    let mut client = Client::new(database.clone());
    for when in ["after many flushes", "after a compaction"] {
        for truth in &truths {
            truth.points().iter().for_each(|point| check_point(&mut client, point, when));
            truth
                .points()
                .chunks(JOIN_POINT_COUNT)
                .for_each(|points| check_points(&mut client, points, when));
            truth
                .snapshots()
                .iter()
                .for_each(|snapshot| check_snapshot(&mut client, snapshot, when));
            truth.diff_pairs().iter().for_each(|pair| check_pair(&mut client, truth, pair, when));
            println!("{} questions answered right {when}", truth.question_count());
        }
        database.compact(&mut |_| ()).expect("a compaction");
    }
}

fn shown(row: &[Cell]) -> Vec<String> {
    let shown = |cell: &Cell| match cell {
        Cell::Null => "none".to_owned(),
        cell => cell.to_string(),
    };
    row.iter().map(shown).collect()
}

fn check_point(client: &mut Client, point: &csv::StringRecord, when: &str) {
    let [id, t, v, zone, offset, is_dst, abbreviation] = std::array::from_fn(|at| &point[at]);
    let found = client.ask(&format!(
        "SELECT utc_offset_seconds, is_dst, abbreviation FROM zones \
         FOR VALID_TIME AS OF TIMESTAMP '{v}' FOR SYSTEM_TIME AS OF TIMESTAMP '{t}' WHERE zone = '{zone}'"
    ));
    let found = shown(found.first().unwrap_or(&vec![Cell::Null; 3]));
    assert_eq!(found, [offset, is_dst, abbreviation], "{id}: {zone} at {v} as of {t}, {when}");
}

/// Many points in one statement: a join with all versions there ever were.
fn check_points(client: &mut Client, points: &[csv::StringRecord], when: &str) {
    let value = |(number, point): (usize, &csv::StringRecord)| {
        let [_, t, v, zone] = std::array::from_fn(|at| &point[at]);
        format!("({number}, '{zone}', TIMESTAMP '{t}', TIMESTAMP '{v}')")
    };
    let values: Vec<String> = points.iter().enumerate().map(value).collect();
    let mut found = client.ask(&format!(
        "SELECT p.number, z.utc_offset_seconds, z.is_dst, z.abbreviation \
         FROM (VALUES {}) AS p(number, zone, t, v) \
         LEFT JOIN zones FOR ALL VALID_TIME FOR ALL SYSTEM_TIME AS z \
         ON z.zone = p.zone AND z._system_from <= p.t AND coalesce(p.t < z._system_to, true) \
         AND coalesce(z._valid_from <= p.v, true) AND coalesce(p.v < z._valid_to, true)",
        values.join(", ")
    ));
    found.sort();
    let answer = |(number, point): (usize, &csv::StringRecord)| {
        [number.to_string(), point[4].to_owned(), point[5].to_owned(), point[6].to_owned()].to_vec()
    };
    let expected: Vec<Vec<String>> = points.iter().enumerate().map(answer).collect();
    let found: Vec<Vec<String>> = found.iter().map(|row| shown(row)).collect();
    assert_eq!(found, expected, "points from {} on, {when}", &points[0][0]);
}

fn check_snapshot(client: &mut Client, expected: &csv::StringRecord, when: &str) {
    let [id, t, v] = std::array::from_fn(|at| &expected[at]);
    let zones =
        format!("zones FOR VALID_TIME AS OF TIMESTAMP '{v}' FOR SYSTEM_TIME AS OF TIMESTAMP '{t}'");
    let counts = client.ask(&format!(
        "SELECT count(*), coalesce(sum(utc_offset_seconds), 0), count(*) FILTER (WHERE is_dst = 0), \
         count(*) FILTER (WHERE is_dst = 1), count(DISTINCT abbreviation) FROM {zones}"
    ));
    let rows = client.ask(&format!(
        "SELECT zone, utc_offset_seconds, is_dst, abbreviation FROM {zones} ORDER BY zone"
    ));
    let mut found = shown(&counts[0]);
    found.push(md5_of(&rows));
    let expected: [&str; 6] = std::array::from_fn(|at| &expected[at + 3]);
    assert_eq!(found, expected, "{id}: all zones at {v} as of {t}, {when}");
}

fn md5_of(rows: &[Row]) -> String {
    let mut lines = String::new();
    for row in rows {
        writeln!(lines, "{},{},{},{}", row[0], row[1], row[2], row[3]).expect("text");
    }
    let digest = Md5::digest(lines.as_bytes());
    digest.iter().fold(String::new(), |md5, byte| format!("{md5}{byte:02x}"))
}

fn check_pair(client: &mut Client, truth: &Truth, pair: &csv::StringRecord, when: &str) {
    let [id, t1, t2, v, changed, appeared, vanished] = std::array::from_fn(|at| &pair[at]);
    let at = |t: &str| {
        format!("zones FOR SYSTEM_TIME AS OF TIMESTAMP '{t}' FOR VALID_TIME AS OF TIMESTAMP '{v}'")
    };
    let found = client.ask(&format!(
        "SELECT coalesce(a.zone, b.zone), a.utc_offset_seconds, b.utc_offset_seconds \
         FROM {} AS a FULL JOIN {} AS b ON a.zone = b.zone \
         WHERE a.utc_offset_seconds IS DISTINCT FROM b.utc_offset_seconds",
        at(t1),
        at(t2)
    ));
    let found: BTreeSet<Vec<String>> = found.iter().map(|row| shown(row)).collect();
    let of_pair = truth.diffs().iter().filter(|record| record[0] == *id);
    let expected: BTreeSet<Vec<String>> =
        of_pair.map(|record| [4, 5, 6].map(|at| record[at].to_owned()).to_vec()).collect();
    assert_eq!(found, expected, "{id}, {when}");
    let count = |at: usize| found.iter().filter(|diff| diff[at] == "none").count().to_string();
    assert_eq!(
        [found.len().to_string(), count(1), count(2)],
        [changed, appeared, vanished],
        "{id}, {when}"
    );
}
