//! Random questions, drawn after the data and around its boundaries.

use annals_engine::{Comparison, Predicate};

use super::rng::Rng;
use super::shape::{Shape, draw_cell};
use crate::oracle::{Clause, Table};
use crate::rows::{Cell, Row};

/// A question to one table.
#[derive(Clone, Debug)]
pub struct Query {
    /// The position of the table among the shapes.
    pub table: usize,
    /// What is asked.
    pub question: Question,
}

/// What is asked of a table. An instant or clause of `None` leaves the choice to the engine.
#[derive(Clone, Debug)]
pub enum Question {
    /// One key as of two instants.
    Get {
        /// The key columns; for events the label.
        key: Row,
        /// The instant of valid time.
        valid: Option<i64>,
        /// The instant of system time.
        system: Option<i64>,
    },
    /// All that was ever believed of one key.
    History {
        /// The key columns; for events the label.
        key: Row,
    },
    /// The rows that two clauses and some predicates select.
    Scan {
        /// The clause on valid time.
        valid: Option<Clause>,
        /// The clause on system time.
        system: Option<Clause>,
        /// Names of columns, also of period columns; `None` asks for the table's columns.
        columns: Option<Vec<&'static str>>,
        /// Every one must hold.
        filters: Vec<Filter>,
        /// The most rows wanted.
        limit: Option<usize>,
    },
}

/// A predicate. Column positions are those of the shape.
#[derive(Clone, Debug)]
pub enum Filter {
    /// A comparison with a value.
    Compare(usize, Comparison, Cell),
    /// Equality with one of several values.
    In(usize, Vec<Cell>),
    /// Whether there is no value, or whether there is one.
    IsNull(usize, bool),
    /// Both.
    And(Box<[Filter; 2]>),
}

impl Filter {
    /// Whether a row passes. NULL passes no comparison.
    pub fn passes(&self, row: &Row) -> bool {
        match self {
            Filter::Compare(column, comparison, value) => {
                let cell = &row[*column];
                *cell != Cell::Null
                    && match comparison {
                        Comparison::Eq => cell == value,
                        Comparison::NotEq => cell != value,
                        Comparison::Lt => cell < value,
                        Comparison::LtEq => cell <= value,
                        Comparison::Gt => cell > value,
                        Comparison::GtEq => cell >= value,
                    }
            }
            Filter::In(column, values) => {
                row[*column] != Cell::Null && values.contains(&row[*column])
            }
            Filter::IsNull(column, expected) => (row[*column] == Cell::Null) == *expected,
            Filter::And(both) => both.iter().all(|filter| filter.passes(row)),
        }
    }

    /// The same predicate as the engine takes it.
    pub fn engine(&self, shape: &Shape) -> Predicate {
        let name = |column: &usize| shape.columns[*column].0.to_owned();
        match self {
            Filter::Compare(column, op, value) => {
                Predicate::Compare { column: name(column), op: *op, value: value.value() }
            }
            Filter::In(column, values) => {
                let values = values.iter().map(Cell::value).collect();
                Predicate::In { column: name(column), values }
            }
            Filter::IsNull(column, true) => Predicate::IsNull { column: name(column) },
            Filter::IsNull(column, false) => Predicate::IsNotNull { column: name(column) },
            Filter::And(both) => {
                Predicate::And(both.iter().map(|filter| filter.engine(shape)).collect())
            }
        }
    }
}

/// Draws a question about what is there. `now` is the latest instant of system time that may be asked for.
pub fn draw_query(rng: &mut Rng, shapes: &[Shape], tables: &[Table], now: i64) -> Query {
    let table = rng.below(shapes.len());
    let shape = &shapes[table];
    let instants = Instants::around(&tables[table], now);
    let question = match rng.weighted(&[30, 8, 62]) {
        0 => Question::Get {
            key: draw_key(rng, shape, &tables[table]),
            valid: rng.chance(85).then(|| instants.valid(rng)),
            system: rng.chance(85).then(|| instants.system(rng)),
        },
        1 => Question::History { key: draw_key(rng, shape, &tables[table]) },
        _ => Question::Scan {
            valid: draw_clause(rng, |rng| instants.valid(rng), i64::MAX - 1),
            system: draw_clause(rng, |rng| instants.system(rng), now),
            columns: rng.chance(70).then(|| draw_columns(rng, shape)),
            filters: (0..rng.weighted(&[45, 40, 15])).map(|_| draw_filter(rng, shape, 1)).collect(),
            limit: rng.chance(12).then(|| rng.below(12)),
        },
    };
    Query { table, question }
}

/// Where answers change, and the instants just beside.
#[derive(Clone, Debug)]
pub struct Instants {
    valid: Vec<i64>,
    system: Vec<i64>,
    now: i64,
}

impl Instants {
    /// Of a table; `now` is the latest instant of system time that may be asked for.
    pub fn around(table: &Table, now: i64) -> Instants {
        let (valid, system) = table.boundaries();
        Instants { valid, system, now }
    }

    /// An instant of valid time.
    pub fn valid(&self, rng: &mut Rng) -> i64 {
        near(rng, &self.valid, self.now)
    }

    /// An instant of system time.
    pub fn system(&self, rng: &mut Rng) -> i64 {
        near(rng, &self.system, self.now).min(self.now)
    }
}

fn near(rng: &mut Rng, instants: &[i64], now: i64) -> i64 {
    if instants.is_empty() || rng.chance(8) {
        return now;
    }
    let first = instants[0];
    let last = instants[instants.len() - 1];
    match rng.below(20) {
        0 => rng.within(first - 5..=last + 5),
        1 => *rng.pick(&[first - 86_400_000_000, last + 86_400_000_000]),
        _ => rng.pick(instants) + rng.pick(&[0, 0, -1, 1]),
    }
}

/// A period of valid time around the data, sometimes unbounded.
pub fn draw_period_near(rng: &mut Rng, instants: &Instants) -> (i64, i64) {
    let (x, y) = (instants.valid(rng), instants.valid(rng));
    let from = if rng.chance(10) { i64::MIN } else { x.min(y) };
    let to = if rng.chance(10) { i64::MAX } else { x.max(y + i64::from(x == y)) };
    (from, to)
}

/// A clause, or none. Bounds of `FROM .. TO` and `BETWEEN` may be unbounded.
pub fn draw_clause(rng: &mut Rng, instant: impl Fn(&mut Rng) -> i64, last: i64) -> Option<Clause> {
    let (x, y) = (instant(rng), instant(rng));
    let (a, b) = (x.min(y), x.max(y));
    let (open_a, open_b) =
        (if rng.chance(8) { i64::MIN } else { a }, if rng.chance(8) { i64::MAX } else { b });
    match rng.weighted(&[15, 30, 15, 15, 10, 15]) {
        0 => None,
        1 => Some(Clause::AsOf(x)),
        2 if open_a < open_b => Some(Clause::FromTo(open_a, open_b)),
        2 | 3 => Some(Clause::Between(open_a, open_b)),
        4 if a < b && b <= last => Some(Clause::ContainedIn(a, b)),
        _ => Some(Clause::All),
    }
}

fn draw_key(rng: &mut Rng, shape: &Shape, table: &Table) -> Row {
    let keys: Vec<&Row> = table.assertions().keys().map(|(key, _)| key).collect();
    if keys.is_empty() || (!shape.is_event && rng.chance(5)) {
        return shape.draw_key(rng);
    }
    (*rng.pick(&keys)).clone()
}

fn draw_columns(rng: &mut Rng, shape: &Shape) -> Vec<&'static str> {
    let mut names = shape.column_names();
    names.extend(crate::check::PERIOD_COLUMNS);
    let mut wanted: Vec<&'static str> = Vec::new();
    for _ in 0..rng.within(1..=names.len() as i64) {
        wanted.push(names.swap_remove(rng.below(names.len())));
    }
    wanted
}

/// A predicate on a column of the shape, or on two.
pub fn draw_filter(rng: &mut Rng, shape: &Shape, depth: usize) -> Filter {
    if depth > 0 && rng.chance(15) {
        let both = [draw_filter(rng, shape, depth - 1), draw_filter(rng, shape, depth - 1)];
        return Filter::And(Box::new(both));
    }
    let column = rng.below(shape.columns.len());
    let value = |rng: &mut Rng| match column < shape.key_count && !shape.is_event {
        true => shape.draw_key(rng)[column].clone(),
        false => draw_cell(shape.columns[column].1, false, rng),
    };
    match rng.below(10) {
        0 => Filter::IsNull(column, true),
        1 => Filter::IsNull(column, false),
        2 | 3 => Filter::In(column, (0..rng.below(5)).map(|_| value(rng)).collect()),
        _ => {
            let comparisons = [
                Comparison::Eq,
                Comparison::NotEq,
                Comparison::Lt,
                Comparison::LtEq,
                Comparison::Gt,
                Comparison::GtEq,
            ];
            Filter::Compare(column, *rng.pick(&comparisons), value(rng))
        }
    }
}
