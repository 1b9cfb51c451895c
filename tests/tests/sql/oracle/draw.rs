//! Random changes, drawn around what is there.

use annals_engine::DataType;
use annals_tests::generate::{
    Filter, Grid, Instants, Rng, Shape, draw_cell, draw_filter, draw_period, draw_period_near,
};
use annals_tests::oracle::Table;
use annals_tests::rows::{Cell, Row};

use super::change::{Action, Change, Portion, Set};

/// What a change is drawn for.
pub(super) struct Situation<'a> {
    pub(super) shapes: &'a [Shape],
    pub(super) tables: &'a [Table],
    pub(super) grid: Grid,
    /// The latest instant of system time that may be read.
    pub(super) now: i64,
    /// The label of the next event.
    pub(super) label: i64,
}

pub(super) fn draw_change(rng: &mut Rng, at: &Situation<'_>) -> Change {
    let table = rng.below(at.shapes.len());
    let shape = &at.shapes[table];
    let instants = Instants::around(&at.tables[table], at.now);
    let action = match shape.is_event {
        true if rng.chance(75) => insert_events(rng, at, shape),
        true => Action::Delete { portion: Portion::All, filters: filters(rng, shape, 90) },
        false => match rng.weighted(&[30, 30, 7, 35, 22]) {
            0 => put(rng, at, shape, true),
            1 => put(rng, at, shape, false),
            2 => Action::Restore {
                valid: instants.valid(rng),
                system: instants.system(rng),
                filters: filters(rng, shape, 40),
                period: rng.chance(70).then(|| draw_period(rng, at.grid)).flatten(),
            },
            3 => Action::Update {
                portion: portion(rng, at, &instants),
                set: set(rng, shape, &instants),
                filters: filters(rng, shape, 85),
            },
            _ => Action::Delete {
                portion: portion(rng, at, &instants),
                filters: filters(rng, shape, 92),
            },
        },
    };
    Change { table, action }
}

/// Few rows of few keys; all with a period, or none.
fn put(rng: &mut Rng, at: &Situation<'_>, shape: &Shape, is_insert: bool) -> Action {
    let count = rng.within(1..=4);
    let rows: Vec<Row> =
        (0..count).map(|_| [shape.draw_key(rng), shape.draw_values(rng)].concat()).collect();
    let periods = rows.iter().map(|_| draw_period(rng, at.grid)).collect::<Option<Vec<_>>>();
    let mut valid = if rng.chance(80) { periods } else { None };
    if let Some([(from, to), ..]) = valid.as_deref_mut()
        && rng.chance(3)
        && !is_insert
        && *from != i64::MIN
    {
        // An empty period, which must be refused.
        *to = *from;
    }
    Action::Put { is_insert, rows, valid }
}

fn insert_events(rng: &mut Rng, at: &Situation<'_>, shape: &Shape) -> Action {
    let count = rng.within(1..=3);
    let labels = at.label..at.label + count;
    let rows: Vec<Row> =
        labels.map(|label| [vec![Cell::Int(label)], shape.draw_values(rng)].concat()).collect();
    let instant = |rng: &mut Rng| {
        let occurred_at = at.grid.draw_instant(rng);
        (occurred_at, occurred_at + 1)
    };
    let valid = rng.chance(80).then(|| rows.iter().map(|_| instant(rng)).collect());
    Action::Put { is_insert: true, rows, valid }
}

fn portion(rng: &mut Rng, at: &Situation<'_>, instants: &Instants) -> Portion {
    match rng.below(10) {
        0..3 => Portion::FromNow,
        3 => Portion::All,
        4..6 => match draw_period(rng, at.grid) {
            Some((from, to)) => Portion::Range(from, to),
            None => Portion::FromNow,
        },
        _ => {
            let (from, to) = draw_period_near(rng, instants);
            Portion::Range(from, to)
        }
    }
}

/// New values of one or two columns that are no keys.
fn set(rng: &mut Rng, shape: &Shape, instants: &Instants) -> Vec<(usize, Set)> {
    let mut columns: Vec<usize> = (shape.key_count..shape.columns.len()).collect();
    let count = rng.within(1..=2);
    let mut set = Vec::new();
    for _ in 0..count {
        let column = columns.swap_remove(rng.below(columns.len()));
        let (_, data_type, nullable) = shape.columns[column];
        let is_number = matches!(data_type, DataType::BigInt | DataType::Integer);
        let new = match rng.below(10) {
            0..3 if is_number || data_type == DataType::Double => Set::Plus(rng.within(-3..=3)),
            3 if is_number => {
                Set::Count { valid: instants.valid(rng), system: instants.system(rng) }
            }
            _ => Set::Value(draw_cell(data_type, nullable, rng)),
        };
        set.push((column, new));
    }
    set
}

fn filters(rng: &mut Rng, shape: &Shape, percent: usize) -> Vec<Filter> {
    let count = if rng.chance(percent) { rng.within(1..=2) } else { 0 };
    (0..count).map(|_| draw_filter(rng, shape, 1)).collect()
}
