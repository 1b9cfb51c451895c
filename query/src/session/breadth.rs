//! Whether a query is worth more than one thread.
//!
//! Dividing rows among threads and bringing them together again costs about as long as planning and answering a question about one
//! key, and waking the threads as long again.

use annals_engine::ScanEstimate;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

use crate::error::Result;
use crate::functions::changes::ChangesTable;
use crate::scan::TemporalTable;

/// All scans together may give so many rows to one thread.
const SERIAL_ROW_COUNT_MAX: u64 = 8_192;

/// Whether an optimized plan reads so little that one thread does best: look-ups of keys, few rows, nothing that reads much of itself.
/// Rows that are generated are not counted: they come from one thread anyway.
pub(super) fn is_serial(plan: &LogicalPlan) -> Result<bool> {
    let (mut row_count, mut is_serial) = (0, true);
    plan.apply_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(TreeNodeRecursion::Continue) };
        let provider = source_as_provider(&scan.source)?;
        if let Some(table) = provider.downcast_ref::<TemporalTable>() {
            row_count += rows_of(&table.estimate(&scan.filters)?);
        }
        is_serial &= row_count <= SERIAL_ROW_COUNT_MAX;
        is_serial &= provider.downcast_ref::<ChangesTable>().is_none();
        Ok(if is_serial { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(is_serial)
}

/// A bound that is of use: of one key there are few versions, and how many rows their segments have says nothing of it.
fn rows_of(estimate: &ScanEstimate) -> u64 {
    if estimate.is_look_up { 1 } else { estimate.row_count_max }
}
