//! One question, asked of a snapshot and of the model; the two answers compared.

use std::collections::BTreeMap;

use annals_engine::arrow::array::RecordBatch;
use annals_engine::schema::EVENT_ID;
use annals_engine::{At, Clause as EngineClause, Snapshot, SystemTime, ValidTime, Value};

use super::PERIOD_COLUMNS;
use crate::generate::{Filter, Query, Question, Shape};
use crate::oracle::{Clause, Table, Version};
use crate::rows::{Cell, Row, rows};

/// Asks the snapshot and the model; `Err` tells how the answers differ.
pub fn ask(
    snapshot: &Snapshot,
    shapes: &[Shape],
    tables: &[Table],
    ids: &BTreeMap<i64, i64>,
    query: &Query,
) -> Result<(), String> {
    let shape = &shapes[query.table];
    let table = &tables[query.table];
    let told = |error: annals_engine::Error| format!("the engine refuses: {error}");
    match &query.question {
        Question::Get { key, valid, system } => {
            let now = snapshot.system_time().micros();
            let at = At {
                valid: valid.map(ValidTime::from_micros),
                system: system.map(SystemTime::from_micros),
            };
            let Some(key_values) = engine_key(shape, key, ids) else { return Ok(()) };
            let found = snapshot.get(shape.name, &key_values, at).map_err(told)?;
            let found = found.iter().flat_map(|batch| whole_rows(shape, batch)).collect();
            let (valid, system) = (valid.unwrap_or(now), system.unwrap_or(now));
            let expected = table.select(Clause::AsOf(valid), Clause::AsOf(system));
            let of_key = |version: &&Version| version.row[..shape.key_count] == key[..];
            compare(found, expected.into_iter().filter(of_key).map(whole_row).collect())
        }
        Question::History { key } => {
            let Some(key_values) = engine_key(shape, key, ids) else { return Ok(()) };
            let found = snapshot.history(shape.name, &key_values).map_err(told)?;
            let expected: Vec<Row> =
                table.versions().history(key).into_iter().map(whole_row).collect();
            let found = whole_rows(shape, &found);
            match found == expected {
                true => Ok(()),
                false => Err(format!("history: {}", difference(&found, &expected))),
            }
        }
        Question::Scan { valid, system, columns, filters, limit } => {
            let scan = Scan { valid: *valid, system: *system, columns, filters, limit: *limit };
            scan.ask(snapshot, shape, table)
        }
    }
}

struct Scan<'a> {
    valid: Option<Clause>,
    system: Option<Clause>,
    columns: &'a Option<Vec<&'static str>>,
    filters: &'a [Filter],
    limit: Option<usize>,
}

impl Scan<'_> {
    fn ask(&self, snapshot: &Snapshot, shape: &Shape, table: &Table) -> Result<(), String> {
        let names = self.columns.clone().unwrap_or_else(|| shape.column_names());
        let found = self.found(snapshot, shape, &names)?;
        let expected = self.expected(snapshot.system_time().micros(), shape, table, &names);
        let Some(limit) = self.limit else { return compare(found, expected) };
        if found.len() != limit.min(expected.len()) {
            return Err(format!("{} rows of {}, limit {limit}", found.len(), expected.len()));
        }
        // Which rows a limit leaves is open; each must be one of the answer, and none twice.
        let mut left = expected;
        for row in found {
            let at = left.iter().position(|other| *other == row);
            left.swap_remove(at.ok_or_else(|| format!("not of the answer: {}", show(&row)))?);
        }
        Ok(())
    }

    fn found(
        &self,
        snapshot: &Snapshot,
        shape: &Shape,
        names: &[&str],
    ) -> Result<Vec<Row>, String> {
        let told = |error: annals_engine::Error| format!("the engine refuses: {error}");
        let mut scan = snapshot.scan(shape.name).map_err(told)?;
        if let Some(clause) = self.valid {
            scan = scan.valid(clause.engine());
        }
        if let Some(clause) = self.system {
            scan = scan.system(clause.engine());
        }
        if let Some(columns) = self.columns {
            scan = scan.columns(columns.iter().copied());
        }
        if let Some(limit) = self.limit {
            scan = scan.limit(limit);
        }
        for filter in self.filters {
            scan = scan.filter(filter.engine(shape));
        }
        let mut found = Vec::new();
        for batch in scan.run().map_err(told)? {
            let batch = batch.map_err(told)?;
            if batch.num_rows() > 8_192 {
                return Err(format!("a batch of {} rows", batch.num_rows()));
            }
            if self.columns.is_some() && batch.num_columns() != names.len() {
                return Err(format!("{} columns for {names:?}", batch.num_columns()));
            }
            found.extend(rows(&batch, names));
        }
        Ok(found)
    }

    fn expected(&self, now: i64, shape: &Shape, table: &Table, names: &[&str]) -> Vec<Row> {
        let default_valid = if shape.is_event { Clause::All } else { Clause::AsOf(now) };
        let valid = self.valid.unwrap_or(default_valid);
        let system = self.system.unwrap_or(Clause::AsOf(now));
        let all_names = [shape.column_names(), PERIOD_COLUMNS.to_vec()].concat();
        let at = |name| all_names.iter().position(|other| other == name).expect("a known column");
        let positions: Vec<usize> = names.iter().map(at).collect();
        let selected = table.select(valid, system).into_iter();
        selected
            .filter(|version| self.filters.iter().all(|filter| filter.passes(&version.row)))
            .map(whole_row)
            .map(|row| positions.iter().map(|at| row[*at].clone()).collect())
            .collect()
    }
}

/// The hidden keys of all events there ever were, by label.
pub fn load_ids(snapshot: &Snapshot, shape: &Shape) -> BTreeMap<i64, i64> {
    let label = shape.columns[0].0;
    let scan = snapshot.scan(shape.name).expect("the event table");
    let scan = scan.valid(EngineClause::All).system(EngineClause::All).columns([EVENT_ID, label]);
    let mut ids = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for batch in scan.run().expect("a scan of all events") {
        for row in rows(&batch.expect("a batch"), &[EVENT_ID, label]) {
            let [Cell::Int(id), Cell::Int(label)] = row[..] else { panic!("no numbers: {row:?}") };
            assert!(seen.insert(id), "two events have the id {id}");
            assert_eq!(ids.insert(label, id), None, "event {label} is shown twice");
        }
    }
    ids
}

/// The key as the engine takes it; `None` for an event that is not there.
fn engine_key(shape: &Shape, key: &Row, ids: &BTreeMap<i64, i64>) -> Option<Vec<Value>> {
    match (shape.is_event, &key[0]) {
        (true, Cell::Int(label)) => Some(vec![Value::Int(*ids.get(label)?)]),
        _ => Some(key.iter().map(Cell::value).collect()),
    }
}

fn whole_row(version: &Version) -> Row {
    version.row.iter().cloned().chain(version.periods()).collect()
}

fn whole_rows(shape: &Shape, batch: &RecordBatch) -> Vec<Row> {
    rows(batch, &[shape.column_names(), PERIOD_COLUMNS.to_vec()].concat())
}

fn compare(mut found: Vec<Row>, mut expected: Vec<Row>) -> Result<(), String> {
    found.sort();
    expected.sort();
    if found == expected { Ok(()) } else { Err(difference(&found, &expected)) }
}

fn difference(found: &[Row], expected: &[Row]) -> String {
    let list = |title: &str, rows: &[Row], others: &[Row]| {
        let lonely: Vec<String> =
            rows.iter().filter(|row| !others.contains(row)).map(show).collect();
        let shown = lonely.iter().take(8).map(|row| format!("\n    {row}")).collect::<String>();
        format!("\n  {} {title}{shown}", lonely.len())
    };
    format!(
        "{} rows found, {} expected{}{}",
        found.len(),
        expected.len(),
        list("found but not expected:", found, expected),
        list("expected but not found:", expected, found)
    )
}

fn show(row: &Row) -> String {
    row.iter().map(Cell::to_string).collect::<Vec<_>>().join(" | ")
}
