//! What a change does to the model: the assertions that it stands for.

use annals_engine::ErrorKind;
use annals_tests::generate::{Filter, Shape};
use annals_tests::oracle::{Assertion, Clause, Table, Version};
use annals_tests::rows::{Cell, Row};

use super::change::{Action, Change, Portion, Set};

/// A row, or none of a retraction; its key and valid period.
type Asserted = (Option<Row>, (Row, (i64, i64)));

/// Applies a change that is believed from `system_time` on. How many rows it puts or retracts, or
/// how it must be refused.
pub(super) fn apply(
    change: &Change,
    shape: &Shape,
    table: &mut Table,
    system_time: i64,
) -> Result<u64, ErrorKind> {
    let assertions: Vec<Asserted> = match &change.action {
        Action::Put { is_insert, rows, valid } => {
            let periods = periods(shape, rows.len(), valid.as_deref(), system_time);
            if periods.iter().any(|(from, to)| from >= to) {
                return Err(ErrorKind::Invalid);
            }
            if *is_insert && !shape.is_event && !are_free(shape, table, rows, &periods) {
                return Err(ErrorKind::Conflict);
            }
            rows.iter()
                .cloned()
                .map(Some)
                .zip(rows.iter().map(|row| key(shape, row)).zip(periods))
                .collect()
        }
        Action::Restore { valid, system, filters, period } => {
            let period = period.unwrap_or((system_time, i64::MAX));
            let believed = table.select(Clause::AsOf(*valid), Clause::AsOf(*system)).into_iter();
            let wanted = believed.filter(|version| pass(filters, version));
            wanted.map(|v| (Some(v.row.clone()), (key(shape, &v.row), period))).collect()
        }
        Action::Update { portion, set, filters } => {
            let parts = parts(table, *portion, filters, system_time).into_iter();
            let updated = |row: &Row| Some(updated(row, set, table));
            parts
                .map(|(version, part)| (updated(&version.row), (key(shape, &version.row), part)))
                .collect()
        }
        Action::Delete { portion, filters } => {
            let portion = if shape.is_event { Portion::All } else { *portion };
            let parts = parts(table, portion, filters, system_time).into_iter();
            parts.map(|(version, part)| (None, (key(shape, &version.row), part))).collect()
        }
    };
    let count = assertions.len() as u64;
    for (row, (key, (valid_from, valid_to))) in assertions {
        table.push(key, Assertion { row, valid_from, valid_to, system_time });
    }
    Ok(count)
}

fn key(shape: &Shape, row: &Row) -> Row {
    row[..shape.key_count].to_vec()
}

fn pass(filters: &[Filter], version: &Version) -> bool {
    filters.iter().all(|filter| filter.passes(&version.row))
}

fn periods(
    shape: &Shape,
    count: usize,
    valid: Option<&[(i64, i64)]>,
    system_time: i64,
) -> Vec<(i64, i64)> {
    match (valid, shape.is_event) {
        (Some(periods), _) => periods.to_vec(),
        (None, true) => vec![(system_time, system_time + 1); count],
        (None, false) => vec![(system_time, i64::MAX); count],
    }
}

/// Whether no key is believed valid at an instant of its new period, nor given twice for one.
fn are_free(shape: &Shape, table: &Table, rows: &[Row], periods: &[(i64, i64)]) -> bool {
    let overlap = |left: (i64, i64), right: (i64, i64)| left.0 < right.1 && right.0 < left.1;
    rows.iter().zip(periods).enumerate().all(|(at, (row, period))| {
        let key = key(shape, row);
        let believed = table.versions().history(&key);
        let mut believed = believed.into_iter().filter(|version| version.system_to == i64::MAX);
        let mut earlier = rows[..at].iter().zip(&periods[..at]);
        !believed.any(|version| overlap((version.valid_from, version.valid_to), *period))
            && !earlier
                .any(|(other, taken)| self::key(shape, other) == key && overlap(*taken, *period))
    })
}

/// The versions believed now that a change concerns, each with its part inside the portion.
fn parts<'a>(
    table: &'a Table,
    portion: Portion,
    filters: &[Filter],
    system_time: i64,
) -> Vec<(&'a Version, (i64, i64))> {
    let (a, b) = match portion {
        Portion::FromNow => (system_time, i64::MAX),
        Portion::All => (i64::MIN, i64::MAX),
        Portion::Range(a, b) => (a, b),
    };
    let believed = table.versions().all().filter(|version| version.system_to == i64::MAX);
    let concerned = believed.filter(|v| v.valid_from < b && a < v.valid_to && pass(filters, v));
    concerned.map(|v| (v, (v.valid_from.max(a), v.valid_to.min(b)))).collect()
}

fn updated(row: &Row, set: &[(usize, Set)], table: &Table) -> Row {
    let mut updated = row.clone();
    for (at, set) in set {
        updated[*at] = match (set, &row[*at]) {
            (Set::Value(cell), _) => cell.clone(),
            (Set::Plus(number), Cell::Int(old)) => Cell::Int(old + number),
            (Set::Plus(number), Cell::Eighths(old)) => Cell::Eighths(old + number * 8),
            (Set::Plus(_), _) => Cell::Null,
            (Set::Count { valid, system }, _) => {
                let counted = table.select(Clause::AsOf(*valid), Clause::AsOf(*system));
                Cell::Int(counted.len() as i64)
            }
        };
    }
    updated
}
