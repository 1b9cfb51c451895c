//! A scan's request, resolved against the table: names are positions, clauses are bounds.

use std::sync::Arc;

use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};

use super::bounds::Selection;
use super::clause::Clause;
use super::predicate::{Comparison, Condition, Filter, Predicate, Test};
use crate::codec::encode_keys;
use crate::error::{Error, Result};
use crate::schema::{DataType, SYSTEM_FROM, SYSTEM_TO, TableSchema, VALID_FROM, VALID_TO, Value};
use crate::time::{System, SystemTime, Valid, ValidTime};

/// The period columns in the order in which they are numbered after the table's columns.
pub(crate) const PERIOD_COLUMNS: [&str; 4] = [VALID_FROM, VALID_TO, SYSTEM_FROM, SYSTEM_TO];

/// What a scan is to give.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) selection: Selection,
    /// Columns to give, numbered: the table's columns, then the four period columns.
    pub(crate) columns: Vec<usize>,
    pub(crate) filter: Filter,
    /// The encoded key, if the filter fixes every key column.
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) limit: Option<usize>,
    /// Whether what is left is enough where partitions are missing.
    pub(crate) is_partial: bool,
    pub(crate) output: SchemaRef,
}

/// A request as the user stated it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestSpec {
    pub(crate) valid: Option<Clause<Valid>>,
    pub(crate) system: Option<Clause<System>>,
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) limit: Option<usize>,
    pub(crate) is_partial: bool,
}

impl Request {
    /// Resolves names and defaults; `now` is the snapshot's.
    pub(crate) fn resolve(
        schema: Arc<TableSchema>,
        spec: RequestSpec,
        now: SystemTime,
    ) -> Result<Request> {
        let present = Clause::AsOf(ValidTime::from_micros(now.micros()));
        let default = if schema.is_event { Clause::All } else { present };
        let valid = spec.valid.unwrap_or(default).checked()?;
        let system = spec.system.unwrap_or(Clause::AsOf(now)).checked()?;
        system.check_not_after(now)?;
        let columns: Vec<usize> = match &spec.columns {
            Some(names) => {
                names.iter().map(|name| column_number(&schema, name)).collect::<Result<_>>()?
            }
            None => shown_columns(&schema),
        };
        let mut filter = Filter::default();
        let mut pinned: Vec<Option<Value>> = vec![None; schema.columns.len()];
        for predicate in &spec.predicates {
            resolve_predicate(&schema, predicate, &mut filter, &mut pinned)?;
        }
        let key = pinned_key(&schema, &pinned)?;
        let output = Arc::new(Schema::new(
            columns.iter().map(|number| field(&schema, *number)).collect::<Vec<Field>>(),
        ));
        let selection = Selection::new(&valid, &system);
        let RequestSpec { limit, is_partial, .. } = spec;
        Ok(Request { schema, selection, columns, filter, key, limit, is_partial, output })
    }

    /// Whether the number is that of a period column, and of which.
    pub(crate) fn period_of(&self, number: usize) -> Option<usize> {
        number.checked_sub(self.schema.columns.len())
    }

    /// Whether a period column is to be given or filtered by, so that whole versions must be known.
    pub(crate) fn needs_periods(&self) -> bool {
        let filtered = self.filter.conditions.iter().map(|condition| condition.column);
        self.columns.iter().copied().chain(filtered).any(|n| self.period_of(n).is_some())
    }

    /// The table's columns that must be read, ascending.
    pub(crate) fn table_columns(&self) -> Vec<usize> {
        let filtered = self.filter.conditions.iter().map(|condition| condition.column);
        let all = self.columns.iter().copied().chain(filtered);
        let mut numbers: Vec<usize> = all.filter(|n| self.period_of(*n).is_none()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// What `*` shows: not the hidden key of an event table, not the period columns.
pub(crate) fn shown_columns(schema: &TableSchema) -> Vec<usize> {
    (usize::from(schema.is_event)..schema.columns.len()).collect()
}

fn column_number(schema: &TableSchema, name: &str) -> Result<usize> {
    match PERIOD_COLUMNS.iter().position(|period| *period == name) {
        Some(period) => Ok(schema.columns.len() + period),
        None => schema.position(name),
    }
}

fn field(schema: &TableSchema, number: usize) -> Field {
    match number.checked_sub(schema.columns.len()) {
        None => schema.columns[number].arrow(),
        Some(period) => period_field(period),
    }
}

/// The Arrow field of a period column; NULL stands for unbounded.
pub(crate) fn period_field(period: usize) -> Field {
    let is_nullable = PERIOD_COLUMNS[period] != SYSTEM_FROM;
    let data_type = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Field::new(PERIOD_COLUMNS[period], data_type, is_nullable)
}

fn resolve_predicate(
    schema: &TableSchema,
    predicate: &Predicate,
    filter: &mut Filter,
    pinned: &mut [Option<Value>],
) -> Result<()> {
    let (column, test) = match predicate {
        Predicate::And(all) => {
            return all.iter().try_for_each(|one| resolve_predicate(schema, one, filter, pinned));
        }
        Predicate::Compare { column, op, value } => {
            let number = column_number(schema, column)?;
            let test = Test::compare(*op, value, type_of(schema, number));
            let test = test.map_err(|error| error.context(format!("column `{column}`")))?;
            if *op == Comparison::Eq && number < pinned.len() && *value != Value::Null {
                pinned[number] = Some(value.clone());
            }
            (number, test)
        }
        Predicate::In { column, values } => {
            let number = column_number(schema, column)?;
            let test = Test::is_in(values, type_of(schema, number));
            (number, test.map_err(|error| error.context(format!("column `{column}`")))?)
        }
        Predicate::IsNull { column } => (column_number(schema, column)?, Test::IsNull),
        Predicate::IsNotNull { column } => (column_number(schema, column)?, Test::IsNotNull),
    };
    filter.conditions.push(Condition { column, test });
    Ok(())
}

pub(super) fn type_of(schema: &TableSchema, number: usize) -> DataType {
    schema.columns.get(number).map_or(DataType::Timestamp, |column| column.data_type)
}

fn pinned_key(schema: &TableSchema, pinned: &[Option<Value>]) -> Result<Option<Vec<u8>>> {
    let values: Option<Vec<Value>> = schema.key.iter().map(|at| pinned[*at].clone()).collect();
    values.map(|values| encode_key(schema, &values)).transpose()
}

/// A key as it is stored in memtables and hashed in segments.
pub(crate) fn encode_key(schema: &TableSchema, values: &[Value]) -> Result<Vec<u8>> {
    if values.len() != schema.key.len() {
        return Err(Error::invalid(format!(
            "the key of table `{}` has {} columns, not {}",
            schema.name,
            schema.key.len(),
            values.len()
        )));
    }
    let array = |(at, value): (&usize, &Value)| {
        let column = &schema.columns[*at];
        let context = |error: Error| error.context(format!("key column `{}`", column.name));
        if *value == Value::Null {
            return Err(context(Error::invalid("a key is never NULL")));
        }
        value.array(column.data_type).map_err(context)
    };
    let arrays: Vec<_> = schema.key.iter().zip(values).map(array).collect::<Result<_>>()?;
    Ok(encode_keys(&arrays)?.get(0).to_vec())
}
