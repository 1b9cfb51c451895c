//! Changes of one table, and how they are said in SQL.

use annals_tests::generate::{Filter, Rng, Shape};
use annals_tests::oracle::Clause;
use annals_tests::rows::{Cell, Row};

use super::text::{self, Instants};

/// A statement that changes one table.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The position of the table among the shapes.
    pub(super) table: usize,
    pub(super) action: Action,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// INSERT or UPSERT of given rows: each with a period, or none.
    Put {
        is_insert: bool,
        rows: Vec<Row>,
        valid: Option<Vec<(i64, i64)>>,
    },
    /// UPSERT of what was believed at system time `system` about valid time `valid`.
    Restore {
        valid: i64,
        system: i64,
        filters: Vec<Filter>,
        period: Option<(i64, i64)>,
    },
    Update {
        portion: Portion,
        set: Vec<(usize, Set)>,
        filters: Vec<Filter>,
    },
    Delete {
        portion: Portion,
        filters: Vec<Filter>,
    },
}

/// Over which part of valid time an UPDATE or DELETE acts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Portion {
    /// From the system time of the transaction on.
    FromNow,
    All,
    Range(i64, i64),
}

/// The new value of a column.
#[derive(Clone, Debug)]
pub(super) enum Set {
    Value(Cell),
    /// What it was, and a number more.
    Plus(i64),
    /// How many rows the table has at two instants, before the statement.
    Count {
        valid: i64,
        system: i64,
    },
}

impl Change {
    pub(super) fn text(&self, rng: &mut Rng, shape: &Shape, instants: &mut Instants) -> String {
        match &self.action {
            Action::Put { is_insert, rows, valid } => {
                put(*is_insert, rows, valid.as_deref(), shape)
            }
            Action::Restore { valid, system, filters, period } => {
                let names = shape.column_names().join(", ");
                let clauses = (Some(Clause::AsOf(*valid)), Some(Clause::AsOf(*system)));
                let clauses = instants.clauses(rng, clauses.0, clauses.1);
                let (columns, values) = match period {
                    Some((from, to)) => (
                        ", _valid_from, _valid_to",
                        format!(", {} AS f, {} AS u", text::bound(*from), text::bound(*to)),
                    ),
                    None => ("", String::new()),
                };
                let (table, selection) = (shape.name, text::selection(filters, shape, ""));
                format!(
                    "UPSERT INTO {table} ({names}{columns}) \
                     SELECT {names}{values} FROM {table}{clauses}{selection}"
                )
            }
            Action::Update { portion, set, filters } => {
                let set: Vec<String> =
                    set.iter().map(|(at, set)| set.text(rng, *at, shape, instants)).collect();
                let portion = portion.text(rng, instants);
                let selection = text::selection(filters, shape, "");
                format!("UPDATE {}{portion} SET {}{selection}", shape.name, set.join(", "))
            }
            Action::Delete { portion, filters } => {
                let portion = match shape.is_event {
                    true => String::new(),
                    false => portion.text(rng, instants),
                };
                format!(
                    "DELETE FROM {}{portion}{}",
                    shape.name,
                    text::selection(filters, shape, "")
                )
            }
        }
    }
}

fn put(is_insert: bool, rows: &[Row], valid: Option<&[(i64, i64)]>, shape: &Shape) -> String {
    let mut names = shape.column_names();
    if valid.is_some() {
        names.push("_valid_from");
        if !shape.is_event {
            names.push("_valid_to");
        }
    }
    let row = |(at, row): (usize, &Row)| {
        let mut values: Vec<String> = row.iter().map(text::literal).collect();
        if let Some((from, to)) = valid.map(|valid| valid[at]) {
            values.push(text::bound(from));
            if !shape.is_event {
                values.push(text::bound(to));
            }
        }
        format!("({})", values.join(", "))
    };
    let rows: Vec<String> = rows.iter().enumerate().map(row).collect();
    let verb = if is_insert { "INSERT" } else { "UPSERT" };
    format!("{verb} INTO {} ({}) VALUES {}", shape.name, names.join(", "), rows.join(", "))
}

impl Portion {
    fn text(self, rng: &mut Rng, instants: &mut Instants) -> String {
        match self {
            Portion::FromNow => String::new(),
            Portion::All => " FOR ALL VALID_TIME".to_owned(),
            Portion::Range(a, b) => {
                format!(" FOR PORTION OF VALID_TIME {}", instants.range(rng, (a, b)))
            }
        }
    }
}

impl Set {
    fn text(&self, rng: &mut Rng, at: usize, shape: &Shape, instants: &mut Instants) -> String {
        let name = shape.columns[at].0;
        match self {
            Set::Value(cell) => format!("{name} = {}", text::literal(cell)),
            Set::Plus(number) => format!("{name} = {name} + {number}"),
            Set::Count { valid, system } => {
                let clauses = (Some(Clause::AsOf(*valid)), Some(Clause::AsOf(*system)));
                let clauses = instants.clauses(rng, clauses.0, clauses.1);
                format!("{name} = (SELECT count(*) FROM {}{clauses} AS counted)", shape.name)
            }
        }
    }
}
