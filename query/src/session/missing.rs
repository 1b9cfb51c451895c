//! What an answer leaves out: partitions that have left the database.

use annals_engine::{ErrorKind, MissingPartition};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

use crate::error::{Error, Result};
use crate::functions::changes::ChangesTable;
use crate::scan::TemporalTable;

/// The missing partitions that the tables of a plan may need, each once.
fn missing_of(plan: &LogicalPlan) -> Result<Vec<MissingPartition>> {
    let mut found: Vec<MissingPartition> = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
        {
            if let Some(table) = provider.downcast_ref::<TemporalTable>() {
                found.extend(table.missing()?);
            } else if let Some(table) = provider.downcast_ref::<ChangesTable>() {
                found.extend(table.missing().map_err(Error::from)?);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let mut once: Vec<MissingPartition> = Vec::new();
    for missing in found {
        if !once.contains(&missing) {
            once.push(missing);
        }
    }
    Ok(once)
}

/// A notice for each table that may lack something.
pub(super) fn notices_of(plan: &LogicalPlan) -> Result<Vec<String>> {
    let missing = missing_of(plan)?;
    let mut notices: Vec<String> = Vec::new();
    for of_table in missing.chunk_by(|a, b| a.table == b.table) {
        let named: Vec<String> = of_table.iter().map(ToString::to_string).collect();
        let table = &of_table[0].table;
        notices.push(format!("the answer lacks what table `{table}` held in {}", named.join("; ")));
    }
    Ok(notices)
}

/// An error if a change of a table may concern versions in a partition that can come back: they would come back unchanged.
pub(super) fn check_changeable(plan: &LogicalPlan, table: &str) -> Result<()> {
    let missing = missing_of(plan)?;
    let concerns =
        |missing: &&MissingPartition| missing.table == table && missing.state.is_attachable();
    match missing.iter().find(concerns) {
        None => Ok(()),
        Some(missing) => {
            let message = format!(
                "the change may concern versions of table `{table}` in {missing}: attach it first, or change a portion that it does not hold"
            );
            Err(Error::new(ErrorKind::Sealed, message))
        }
    }
}
