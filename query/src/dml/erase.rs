//! ERASE as the query for the keys that it concerns.

use std::sync::Arc;

use annals_engine::{ERASED_KEY_COUNT_MAX, TableSchema};
use arrow::array::{ArrayRef, RecordBatch};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use sqlparser::ast::{ObjectName, SelectItem, Spanned, TableFactor, TableWithJoins};

use super::convert::converted;
use super::select::{qualified, schema_of};
use super::stage::of_columns;
use crate::error::{Error, Result};
use crate::parse::{Erase, Form, select_query, write_version};
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
            Some(first) => Ok(arrow::compute::concat_batches(&first.schema(), &parts)?),
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
