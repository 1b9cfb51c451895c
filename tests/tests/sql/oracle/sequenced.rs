//! Sequenced aggregates: the answer of the model is that of every elementary period, equal
//! neighbours put together.

use std::collections::BTreeMap;

use annals_tests::generate::draw_clause;
use annals_tests::oracle::{Clause, Version};
use annals_tests::rows::{Cell, Row};

use super::answers::{aggregate, aggregate_items};
use super::question::{Asker, Question};
use super::text;

/// A step function: what the aggregates are, for every valid instant of a range.
pub(super) fn question(asker: &mut Asker<'_>, is_grouped: bool) -> Question {
    let instants = asker.instants.clone();
    let (low, high) = match draw_clause(asker.rng, |rng| instants.valid(rng), i64::MAX - 1) {
        Some(Clause::FromTo(a, b) | Clause::ContainedIn(a, b)) => (a, b),
        _ => (i64::MIN, i64::MAX),
    };
    let as_of = instants.system(asker.rng);
    let system = asker.rng.chance(70).then_some(Clause::AsOf(as_of));
    let filters = asker.filters();
    let range = match (low, high, asker.rng.chance(50)) {
        (i64::MIN, i64::MAX, true) => String::new(),
        range => format!(" {}", asker.text.range(asker.rng, (range.0, range.1))),
    };
    let table = format!("{}{}", asker.shape.name, asker.text.clauses(asker.rng, None, system));
    let believed = asker.select(Some(Clause::All), system);
    let wanted = |version: &&Version| filters.iter().all(|filter| filter.passes(&version.row));
    let versions: Vec<&Version> = believed.into_iter().filter(wanted).collect();

    let (group, value) = (asker.group_column(), asker.value_column());
    let mut groups: BTreeMap<Option<Cell>, Vec<&Version>> = BTreeMap::new();
    if !is_grouped {
        groups.insert(None, Vec::new());
    }
    for version in versions {
        let group = is_grouped.then(|| version.row[group].clone());
        groups.entry(group).or_default().push(version);
    }
    let answer = groups.into_iter().flat_map(|(group, versions)| {
        let steps = steps(&versions, (low, high), value, is_grouped).into_iter();
        steps.map(move |step| group.iter().cloned().chain(step).collect())
    });
    let answer: Vec<Row> = answer.collect();

    let mut calls = aggregate_items(asker.name(value));
    let mut group_by = String::new();
    if is_grouped {
        calls.insert(0, asker.name(group).to_owned());
        group_by = format!(" GROUP BY {}", asker.name(group));
    }
    let count = calls.len();
    let calls: Vec<String> =
        calls.iter().enumerate().map(|(at, call)| format!("{call} AS s{at}")).collect();
    let selection = text::selection(&filters, asker.shape, "");
    let calls = calls.join(", ");
    let sweep =
        format!("SEQUENCED VALID_TIME{range} SELECT {calls} FROM {table}{selection}{group_by}");
    let items = (0..count).map(|at| format!("s.s{at}"));
    let items = items.chain(["_valid_from", "_valid_to"].map(|name| format!("s.{name}"))).collect();
    Question { items, rest: format!("FROM ({sweep}) AS s"), answer }
}

/// The aggregates of every elementary period of a range, equal neighbours put together, and their
/// periods.
fn steps(
    versions: &[&Version],
    (low, high): (i64, i64),
    value: usize,
    is_grouped: bool,
) -> Vec<Row> {
    let ends = versions.iter().flat_map(|version| [version.valid_from, version.valid_to]);
    let mut bounds: Vec<i64> =
        ends.filter(|at| low < *at && *at < high).chain([low, high]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let mut steps: Vec<(Row, i64, i64)> = Vec::new();
    for period in bounds.windows(2) {
        let (from, to) = (period[0], period[1]);
        let valid = versions.iter().filter(|v| v.valid_from <= from && to <= v.valid_to);
        let rows: Vec<&Row> = valid.map(|version| &version.row).collect();
        if is_grouped && rows.is_empty() {
            continue;
        }
        let answer = aggregate(&rows, value);
        match steps.last_mut().filter(|(last, _, end)| *last == answer && *end == from) {
            Some((_, _, end)) => *end = to,
            None => steps.push((answer, from, to)),
        }
    }
    let shown = |(answer, from, to): (Row, i64, i64)| {
        answer.into_iter().chain([Cell::bound(from), Cell::bound(to)]).collect()
    };
    steps.into_iter().map(shown).collect()
}
