//! Questions of SQL's own kinds, with the answers of the model: rows, aggregates, joins of two
//! instants, subqueries.

use std::collections::BTreeMap;

use annals_tests::check::PERIOD_COLUMNS;
use annals_tests::oracle::Version;
use annals_tests::rows::{Cell, Row};

use super::question::{Asker, Question, Source};
use super::text;

/// The rows under two clauses and some filters; sometimes the first few of them in a total order.
pub(super) fn rows(asker: &mut Asker<'_>) -> Question {
    let Source { text, versions } = asker.source();
    let filters = asker.filters();
    let mut items: Vec<String> =
        asker.shape.column_names().into_iter().map(str::to_owned).collect();
    items.extend(PERIOD_COLUMNS.map(str::to_owned));
    let selected = versions.into_iter().filter(|v| filters.iter().all(|f| f.passes(&v.row)));
    let whole = |version: &Version| version.row.iter().cloned().chain(version.periods()).collect();
    let mut answer: Vec<Row> = selected.map(whole).collect();
    let mut rest = format!("FROM {text}{}", text::selection(&filters, asker.shape, ""));
    if asker.rng.chance(25) {
        let (skip, limit) = (asker.rng.below(3), asker.rng.below(6));
        answer.sort();
        let is_descending = asker.rng.chance(50);
        let order = if is_descending { "DESC NULLS LAST" } else { "NULLS FIRST" };
        if is_descending {
            answer.reverse();
        }
        answer = answer.into_iter().skip(skip).take(limit).collect();
        let columns: Vec<String> = (0..items.len()).map(|at| format!("c{at} {order}")).collect();
        rest.push_str(&format!(" ORDER BY {} LIMIT {limit} OFFSET {skip}", columns.join(", ")));
    }
    Question { items, rest, answer }
}

/// Count, sum, least and greatest, of all or by group.
pub(super) fn aggregates(asker: &mut Asker<'_>, is_grouped: bool) -> Question {
    let Source { text, versions } = asker.source();
    let filters = asker.filters();
    let selected = versions.into_iter().filter(|v| filters.iter().all(|f| f.passes(&v.row)));
    let (group, value) = (asker.group_column(), asker.value_column());
    let mut groups: BTreeMap<Option<Cell>, Vec<&Row>> = BTreeMap::new();
    if !is_grouped {
        groups.insert(None, Vec::new());
    }
    for version in selected {
        let group = is_grouped.then(|| version.row[group].clone());
        groups.entry(group).or_default().push(&version.row);
    }
    let least = if is_grouped && asker.rng.chance(30) { 2 } else { 0 };
    groups.retain(|_, rows| rows.len() >= least);
    let answer = |(group, rows): (Option<Cell>, Vec<&Row>)| {
        group.into_iter().chain(aggregate(&rows, value)).collect()
    };
    let answer: Vec<Row> = groups.into_iter().map(answer).collect();
    let mut items = aggregate_items(asker.name(value));
    let mut rest = format!("FROM {text}{}", text::selection(&filters, asker.shape, ""));
    if is_grouped {
        items.insert(0, asker.name(group).to_owned());
        rest.push_str(&format!(" GROUP BY {}", asker.name(group)));
        if least > 0 {
            rest.push_str(&format!(" HAVING count(*) >= {least}"));
        }
    }
    Question { items, rest, answer }
}

pub(super) fn aggregate_items(value: &str) -> Vec<String> {
    let calls = ["count(*)", "count(_)", "sum(_)", "min(_)", "max(_)"];
    calls.map(|call| call.replace('_', value)).to_vec()
}

/// The values of [`aggregate_items`].
pub(super) fn aggregate(rows: &[&Row], value: usize) -> Row {
    let values: Vec<&Cell> =
        rows.iter().map(|row| &row[value]).filter(|c| **c != Cell::Null).collect();
    let number = |cell: &Cell| match cell {
        Cell::Int(number) | Cell::Eighths(number) => *number,
        other => panic!("{other:?} is not a number"),
    };
    let sum = values.iter().map(|cell| number(cell)).sum();
    let sum = match values.first() {
        None => Cell::Null,
        Some(Cell::Int(_)) => Cell::Int(sum),
        Some(_) => Cell::Eighths(sum),
    };
    let or_null = |cell: Option<&&Cell>| cell.map_or(Cell::Null, |cell| (*cell).clone());
    let counts = [rows.len(), values.len()].map(|count| Cell::Int(count as i64));
    let ends = [or_null(values.iter().min()), or_null(values.iter().max())];
    counts.into_iter().chain([sum]).chain(ends).collect()
}

fn by_key<'a>(source: &Source<'a>, key_count: usize) -> BTreeMap<&'a [Cell], &'a Row> {
    source.versions.iter().map(|version| (&version.row[..key_count], &version.row)).collect()
}

/// What is there at two instants, side by side; `is_changed` asks only for what differs.
pub(super) fn joins(asker: &mut Asker<'_>, is_changed: bool) -> Question {
    let (left, right) = (asker.point(), asker.point());
    let key_count = asker.shape.key_count;
    let value = asker.value_column();
    let kind = *asker.rng.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    let (a, b) = (by_key(&left, key_count), by_key(&right, key_count));
    let mut keys: Vec<&[Cell]> = a.keys().chain(b.keys()).copied().collect();
    keys.sort();
    keys.dedup();
    let side = |row: Option<&&Row>| match row {
        Some(row) => [&row[..key_count], &row[value..=value]].concat(),
        None => vec![Cell::Null; key_count + 1],
    };
    let mut answer = Vec::new();
    for key in keys {
        let (one, other) = (a.get(key), b.get(key));
        let is_kept = match kind {
            "JOIN" => one.is_some() && other.is_some(),
            "LEFT JOIN" => one.is_some(),
            "RIGHT JOIN" => other.is_some(),
            _ => true,
        };
        let (one, other) = (side(one), side(other));
        if is_kept && (!is_changed || one[key_count] != other[key_count]) {
            answer.push([one, other].concat());
        }
    }
    let names = asker.shape.column_names();
    let columns: Vec<&str> = names[..key_count].iter().copied().chain([names[value]]).collect();
    let of = |alias: &str| columns.iter().map(|name| format!("{alias}.{name}")).collect::<Vec<_>>();
    let on: Vec<String> =
        names[..key_count].iter().map(|name| format!("a.{name} = b.{name}")).collect();
    let selection = match is_changed {
        true => format!(" WHERE a.{0} IS DISTINCT FROM b.{0}", names[value]),
        false => String::new(),
    };
    let (left, right, on) = (left.text, right.text, on.join(" AND "));
    let rest = format!("FROM {left} AS a {kind} {right} AS b ON {on}{selection}");
    Question { items: [of("a"), of("b")].concat(), rest, answer }
}

/// A row for each key at one instant, with what subqueries at two others say of it.
pub(super) fn scalars(asker: &mut Asker<'_>) -> Question {
    let sources = [asker.point(), asker.point(), asker.point()];
    let (key_count, value) = (asker.shape.key_count, asker.value_column());
    let names = asker.shape.column_names();
    let [outer, inner, other] = &sources;
    let (at_inner, at_other) = (by_key(inner, key_count), by_key(other, key_count));
    let is_wanted = asker.rng.chance(50);
    let mut answer = Vec::new();
    let all: Vec<&Row> = other.versions.iter().map(|version| &version.row).collect();
    for version in &outer.versions {
        let key = &version.row[..key_count];
        if at_other.contains_key(key) != is_wanted {
            continue;
        }
        let value_then = at_inner.get(key).map_or(Cell::Null, |row| row[value].clone());
        let counts = [Cell::Int(inner.versions.len() as i64), aggregate(&all, value)[2].clone()];
        answer.push(key.iter().cloned().chain([value_then]).chain(counts).collect());
    }
    let on = |alias: &str| {
        let on = names[..key_count].iter().map(|name| format!("{alias}.{name} = a.{name}"));
        on.collect::<Vec<_>>().join(" AND ")
    };
    let mut items: Vec<String> =
        names[..key_count].iter().map(|name| format!("a.{name}")).collect();
    let (v, inner, other) = (names[value], &inner.text, &other.text);
    items.push(format!("(SELECT max(b.{v}) FROM {inner} AS b WHERE {})", on("b")));
    items.push(format!("(SELECT count(*) FROM {inner} AS b)"));
    items.push(format!("(SELECT sum({v}) FROM {other} AS d)"));
    let not = if is_wanted { "" } else { "NOT " };
    let exists = format!("{not}EXISTS (SELECT 1 FROM {other} AS e WHERE {})", on("e"));
    let rest = format!("FROM {} AS a WHERE {exists}", outer.text);
    Question { items, rest, answer }
}
