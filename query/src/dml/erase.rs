//! ERASE as the query for the keys that it concerns.

use std::sync::Arc;

use annals_engine::{ERASED_KEY_COUNT_MAX, TableSchema, Value};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{concat, concat_batches};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use sqlparser::ast::{Expr, ObjectName, SelectItem, Spanned, TableFactor, TableWithJoins};

use super::convert::converted;
use super::select::{qualified, schema_of};
use super::stage::of_columns;
use crate::error::{Error, Result};
use crate::parse::{Erase, Form, literal, pinned, select_query, write_version};
use crate::plan::Planner;

/// An ERASE that is planned: the query that gives its keys, each once.
pub(crate) struct Erasing {
    pub(crate) table: Arc<TableSchema>,
    pub(crate) plan: LogicalPlan,
}

impl Erasing {
    /// The keys of which any version ever believed, at any valid instant, satisfies the condition.
    pub(crate) fn plan(planner: &Planner, erase: &Erase) -> Result<Erasing> {
        let mut factor = erase.table.clone();
        let TableFactor::Table { name, alias, version, args: None, .. } = &mut factor else {
            return Err(Error::invalid("ERASE names one table").at(erase.table.span()));
        };
        let table = schema_of(planner, name)?;
        if version.is_some() {
            let message = "ERASE takes no temporal clause: it concerns all of valid time and all of system time";
            return Err(Error::invalid(message).at(name.span()));
        }
        let all = || Some((Form::All, Vec::new()));
        *version = Some(write_version(all(), all())?);
        let qualifier = match alias {
            Some(alias) => ObjectName::from(vec![alias.name.clone()]),
            None => name.clone(),
        };
        let items = key_names(&table).map(|name| qualified(&qualifier, name));
        let items = items.map(SelectItem::UnnamedExpr).collect();
        let from = vec![TableWithJoins { relation: factor, joins: Vec::new() }];
        let query = select_query(items, from, Some(erase.selection.clone()))?;
        let plan = planner.naming_periods().plan(query)?;
        // One key more than can be erased at once is enough to be told so.
        let some = LogicalPlanBuilder::from(plan).distinct()?;
        let plan = some.limit(0, Some(ERASED_KEY_COUNT_MAX + 1))?.build()?;
        Ok(Erasing { table, plan })
    }

    /// The keys that a condition names by their values, if it does nothing else: they are erased wherever they are, also where the query
    /// does not look.
    pub(crate) fn named_keys(&self, selection: &Expr) -> Result<Option<RecordBatch>> {
        let Ok(pinned) = pinned(selection.clone()) else { return Ok(None) };
        let names: Vec<String> = key_names(&self.table).map(str::to_owned).collect();
        let mut columns: Vec<Vec<ArrayRef>> = Vec::new();
        for (name, at) in names.iter().zip(&self.table.key) {
            let of_column: Vec<_> = pinned.iter().filter(|(column, _)| column == name).collect();
            let [(_, values)] = of_column[..] else { return Ok(None) };
            let data_type = self.table.columns[*at].data_type;
            let Ok(values) = values.iter().map(|expr| literal(expr, data_type)).collect() else {
                return Ok(None);
            };
            let values: Vec<Value> = values;
            let arrays = values.iter().map(|value| Ok(value.array(data_type)?));
            columns.push(arrays.collect::<Result<_>>()?);
        }
        let row_count = columns.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul);
        let row_count = row_count.filter(|count| *count <= ERASED_KEY_COUNT_MAX);
        let (Some(row_count), true) = (row_count, pinned.len() == names.len()) else {
            return Ok(None);
        };
        // Every value of a column with every one of the others.
        let mut repeat = row_count;
        let mut keys = Vec::with_capacity(columns.len());
        for values in &columns {
            repeat /= values.len().max(1);
            let rows =
                (0..row_count).map(|row| values[row / repeat.max(1) % values.len()].as_ref());
            keys.push(concat(&rows.collect::<Vec<_>>())?);
        }
        of_columns(&names, keys).map(Some)
    }

    /// What the query gave as one batch of keys.
    pub(crate) fn keys(&self, batches: &[RecordBatch]) -> Result<RecordBatch> {
        let names: Vec<String> = key_names(&self.table).map(str::to_owned).collect();
        let mut parts = Vec::with_capacity(batches.len());
        for batch in batches {
            let columns = names.iter().zip(batch.columns());
            let columns = columns.map(|(name, array)| converted(&self.table, name, array));
            parts.push(of_columns(&names, columns.collect::<Result<Vec<ArrayRef>>>()?)?);
        }
        match parts.first() {
            Some(first) => Ok(concat_batches(&first.schema(), &parts)?),
            None => {
                let types = self.table.key.iter().map(|at| self.table.columns[*at].arrow());
                let empty = types.map(|field| arrow::array::new_empty_array(field.data_type()));
                of_columns(&names, empty.collect())
            }
        }
    }
}

fn key_names(table: &TableSchema) -> impl Iterator<Item = &str> {
    table.key.iter().map(|at| table.columns[*at].name.as_str())
}
