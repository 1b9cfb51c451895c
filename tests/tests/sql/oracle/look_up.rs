//! One key at one instant of both times, as a statement of its own: it is answered without a plan.

use annals_tests::generate::{Instants, Rng};
use annals_tests::oracle::Clause;
use annals_tests::rows::{Cell, Row};

use super::question::Side;
use super::text;

/// A look-up and its answer, of no or one row.
pub(super) fn draw(rng: &mut Rng, side: &Side<'_>) -> (String, Vec<Row>) {
    let at = rng.below(side.shapes.len());
    let (shape, table) = (&side.shapes[at], &side.tables[at]);
    let instants = Instants::around(table, side.now);
    let keys: Vec<&Row> = table.assertions().keys().map(|(key, _)| key).collect();
    let key = match keys.is_empty() || (!shape.is_event && rng.chance(5)) {
        true => [shape.draw_key(rng), vec![Cell::Int(0)]].concat()[..shape.key_count].to_vec(),
        false => (*rng.pick(&keys)).clone(),
    };
    let valid = Clause::AsOf(instants.valid(rng));
    let valid = (shape.is_event || rng.chance(85)).then_some(valid);
    let system = rng.chance(85).then(|| Clause::AsOf(instants.system(rng)));
    let mut writer = text::Instants { now: side.now, ..Default::default() };
    let clauses = writer.clauses(rng, valid, system);
    let now = Clause::AsOf(side.now);
    let versions = table.select(valid.unwrap_or(now), system.unwrap_or(now)).into_iter();
    let versions = versions.filter(|version| version.row[..shape.key_count] == key[..]);
    let shows_period = rng.chance(50);
    let shown = |row: &Row, from: i64, to: i64| match shows_period {
        true => row.iter().cloned().chain([Cell::bound(from), Cell::bound(to)]).collect(),
        false => row.clone(),
    };
    let answer = versions.map(|v| shown(&v.row, v.valid_from, v.valid_to)).collect();
    let columns = if shows_period { "*, _valid_from, _valid_to" } else { "*" };
    let names = shape.column_names();
    let equal = names[..shape.key_count].iter().zip(&key);
    let equal = equal.map(|(name, value)| format!("{name} = {}", text::literal(value)));
    let equal: Vec<String> = equal.collect();
    let sql =
        format!("SELECT {columns} FROM {}{clauses} WHERE {}", shape.name, equal.join(" AND "));
    (sql, answer)
}
