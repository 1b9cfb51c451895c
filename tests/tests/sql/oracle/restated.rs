//! `changes(...)`: the answer of the model is the difference of two beliefs at every elementary
//! period, equal neighbours put together.

use std::collections::BTreeSet;

use annals_tests::generate::draw_period_near;
use annals_tests::oracle::{Clause, Version};
use annals_tests::rows::{Cell, Row};

use super::question::{Asker, Question};

/// What was restated of a keyed table between two system instants.
pub(super) fn question(asker: &mut Asker<'_>) -> Question {
    let (x, y) = (asker.instants.system(asker.rng), asker.instants.system(asker.rng));
    let (old_at, new_at) = (x.min(y), x.max(y));
    let instants = asker.instants.clone();
    let range = asker.rng.chance(50).then(|| draw_period_near(asker.rng, &instants));
    let mut arguments = vec![format!("'{}'", asker.shape.name)];
    arguments.extend([old_at, new_at].map(|at| asker.text.text(asker.rng, at)));
    if let Some((low, high)) = range {
        arguments.extend([low, high].map(|at| asker.text.bound(asker.rng, at)));
    }
    let names = asker.shape.column_names();
    let key_count = asker.shape.key_count;
    let mut items = vec!["change".to_owned()];
    items.extend(names[..key_count].iter().map(|name| (*name).to_owned()));
    items.extend(["valid_from".to_owned(), "valid_to".to_owned()]);
    items.extend(
        names[key_count..].iter().flat_map(|name| [format!("old_{name}"), format!("new_{name}")]),
    );

    let old = asker.select(Some(Clause::All), Some(Clause::AsOf(old_at)));
    let new = asker.select(Some(Clause::All), Some(Clause::AsOf(new_at)));
    let keys: BTreeSet<&[Cell]> = old.iter().chain(&new).map(|v| &v.row[..key_count]).collect();
    let range = range.unwrap_or((i64::MIN, i64::MAX));
    let mut answer = Vec::new();
    for key in keys {
        let of_key = |side: &[&'_ Version]| {
            let of_key = side.iter().filter(|version| version.row[..key_count] == *key);
            of_key
                .map(|version| (version.valid_from, version.valid_to, version.row.clone()))
                .collect()
        };
        answer.extend(differences(key, &of_key(&old), &of_key(&new), range));
    }
    Question { items, rest: format!("FROM changes({})", arguments.join(", ")), answer }
}

/// Versions of one key at one system instant: period and row.
type Belief = Vec<(i64, i64, Row)>;

fn differences(key: &[Cell], old: &Belief, new: &Belief, (low, high): (i64, i64)) -> Vec<Row> {
    let ends = old.iter().chain(new).flat_map(|(from, to, _)| [*from, *to]);
    let mut bounds: Vec<i64> =
        ends.filter(|at| low < *at && *at < high).chain([low, high]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let at = |side: &Belief, instant: i64| {
        let valid = side.iter().find(|(from, to, _)| *from <= instant && instant < *to);
        valid.map(|(_, _, row)| row[key.len()..].to_vec())
    };
    let mut steps: Vec<(Option<Row>, Option<Row>, i64, i64)> = Vec::new();
    for period in bounds.windows(2) {
        let (was, is) = (at(old, period[0]), at(new, period[0]));
        if was == is {
            continue;
        }
        match steps.last_mut().filter(|(a, b, _, end)| (&was, &is, period[0]) == (a, b, *end)) {
            Some((_, _, _, end)) => *end = period[1],
            None => steps.push((was, is, period[0], period[1])),
        }
    }
    steps.into_iter().map(|(was, is, from, to)| told(key, was, is, [from, to])).collect()
}

fn told(key: &[Cell], was: Option<Row>, is: Option<Row>, period: [i64; 2]) -> Row {
    let change = match (&was, &is) {
        (None, _) => "added",
        (_, None) => "retracted",
        _ => "restated",
    };
    let count = was.as_ref().or(is.as_ref()).map_or(0, Vec::len);
    let [was, is] = [was, is].map(|row| row.unwrap_or_else(|| vec![Cell::Null; count]));
    let values = was.into_iter().zip(is).flat_map(|(was, is)| [was, is]);
    let head = [Cell::text(change)].into_iter().chain(key.iter().cloned());
    head.chain(period.map(Cell::bound)).chain(values).collect()
}
