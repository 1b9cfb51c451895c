//! Shapes, values, instants, clauses and filters as SQL.

use annals_engine::{Comparison, DataType, PartitionWidth, ValidTime, Value};
use annals_tests::generate::{Filter, Rng, Shape};
use annals_tests::oracle::Clause;
use annals_tests::rows::Cell;

const DAY: i64 = 86_400_000_000;

/// The CREATE TABLE of a shape.
pub(super) fn create_table(shape: &Shape) -> String {
    let column = |(name, data_type, nullable): &(&str, DataType, bool)| {
        format!("{name} {data_type}{}", if *nullable { "" } else { " NOT NULL" })
    };
    let mut items: Vec<String> = shape.columns.iter().map(column).collect();
    if !shape.is_event {
        let key: Vec<&str> = shape.columns[..shape.key_count].iter().map(|c| c.0).collect();
        items.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    let event = if shape.is_event { "EVENT " } else { "" };
    let width = match shape.width {
        PartitionWidth::Hour => "HOUR",
        PartitionWidth::Day => "DAY",
        PartitionWidth::Week => "WEEK",
        PartitionWidth::Month => "MONTH",
        PartitionWidth::Quarter => "QUARTER",
        _ => "YEAR",
    };
    format!("CREATE {event}TABLE {} ({}) PARTITION BY {width}", shape.name, items.join(", "))
}

/// A value as a literal.
pub(super) fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Boolean(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::Eighths(eighths) => format!("{:.3}", *eighths as f64 / 8.0),
        Cell::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Cell::Time(micros) => format!("TIMESTAMP '{}'", ValidTime::from_micros(*micros)),
    }
}

/// A bound of a period: NULL where it is unbounded.
pub(super) fn bound(micros: i64) -> String {
    literal(&Cell::bound(micros))
}

/// Writes instants in one of the forms that SQL has for them; as parameters, if it may.
#[derive(Debug, Default)]
pub(super) struct Instants {
    pub(super) takes_parameters: bool,
    pub(super) parameters: Vec<Value>,
    /// The present of the statement, which `now()` stands for.
    pub(super) now: i64,
}

impl Instants {
    pub(super) fn text(&mut self, rng: &mut Rng, micros: i64) -> String {
        let at = ValidTime::from_micros(micros);
        if self.takes_parameters && rng.chance(50) {
            self.parameters.push(Value::Timestamp(micros));
            return format!("${}", self.parameters.len());
        }
        match rng.below(6) {
            _ if micros == self.now && rng.chance(50) => "now()".to_owned(),
            0 if micros.rem_euclid(DAY) == 0 => format!("DATE '{}'", &at.to_string()[..10]),
            1 => format!("'{at}'"),
            2 => format!("TIMESTAMP '{}' - INTERVAL '1 day'", ValidTime::from_micros(micros + DAY)),
            _ => format!("TIMESTAMP '{at}'"),
        }
    }

    /// The same, NULL where it is unbounded.
    pub(super) fn bound(&mut self, rng: &mut Rng, micros: i64) -> String {
        match Cell::bound(micros) {
            Cell::Null => "NULL".to_owned(),
            _ => self.text(rng, micros),
        }
    }

    /// The clauses of a table, in any order; nothing for those that are left out.
    pub(super) fn clauses(
        &mut self,
        rng: &mut Rng,
        valid: Option<Clause>,
        system: Option<Clause>,
    ) -> String {
        let valid = valid.map(|clause| ("VALID_TIME", clause));
        let system = system.map(|clause| ("SYSTEM_TIME", clause));
        let mut clauses = [valid, system];
        if rng.chance(50) {
            clauses.reverse();
        }
        let text =
            clauses.into_iter().flatten().map(|(axis, clause)| self.clause(rng, axis, clause));
        text.collect()
    }

    fn clause(&mut self, rng: &mut Rng, axis: &str, clause: Clause) -> String {
        let spec = match clause {
            Clause::AsOf(x) => format!("AS OF {}", self.text(rng, x)),
            Clause::FromTo(a, b) => {
                format!("FROM {} TO {}", self.bound(rng, a), self.bound(rng, b))
            }
            Clause::Between(a, b) => {
                format!("BETWEEN {} AND {}", self.bound(rng, a), self.bound(rng, b))
            }
            Clause::ContainedIn(a, b) => {
                format!("CONTAINED IN ({}, {})", self.text(rng, a), self.text(rng, b))
            }
            Clause::All if rng.chance(50) => return format!(" FOR ALL {axis}"),
            Clause::All => "ALL".to_owned(),
        };
        format!(" FOR {axis} {spec}")
    }

    /// `FROM a TO b`, NULL where it is unbounded.
    pub(super) fn range(&mut self, rng: &mut Rng, (a, b): (i64, i64)) -> String {
        format!("FROM {} TO {}", self.bound(rng, a), self.bound(rng, b))
    }
}

/// A predicate; `qualifier` stands before its columns.
pub(super) fn filter(filter: &Filter, shape: &Shape, qualifier: &str) -> String {
    let name = |column: &usize| format!("{qualifier}{}", shape.columns[*column].0);
    match filter {
        Filter::Compare(column, comparison, value) => {
            let op = match comparison {
                Comparison::Eq => "=",
                Comparison::NotEq => "<>",
                Comparison::Lt => "<",
                Comparison::LtEq => "<=",
                Comparison::Gt => ">",
                Comparison::GtEq => ">=",
            };
            format!("{} {op} {}", name(column), literal(value))
        }
        Filter::In(_, values) if values.is_empty() => "false".to_owned(),
        Filter::In(column, values) => {
            let values: Vec<String> = values.iter().map(literal).collect();
            format!("{} IN ({})", name(column), values.join(", "))
        }
        Filter::IsNull(column, true) => format!("{} IS NULL", name(column)),
        Filter::IsNull(column, false) => format!("{} IS NOT NULL", name(column)),
        Filter::And(both) => {
            let both = both.iter().map(|one| self::filter(one, shape, qualifier));
            format!("({})", both.collect::<Vec<_>>().join(" AND "))
        }
    }
}

/// ` WHERE ...`, or nothing.
pub(super) fn selection(filters: &[Filter], shape: &Shape, qualifier: &str) -> String {
    match filters {
        [] => String::new(),
        filters => {
            let all = filters.iter().map(|one| filter(one, shape, qualifier));
            format!(" WHERE {}", all.collect::<Vec<_>>().join(" AND "))
        }
    }
}
