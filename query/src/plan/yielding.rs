//! Joins that let others have the thread.
//!
//! What reads gives way by itself after some batches. A join makes many batches of one that it has read, a product of two tables a
//! batch for every row: what gathers them would go on for as long as that takes, deaf to a client that goes away and to a limit of
//! time. So what multiplies rows gives way too.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;

/// The same plan, in which every operator that multiplies rows gives way.
pub(crate) fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|plan| match multiplies(&*plan) {
        true => Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _)),
        false => Ok(Transformed::no(plan)),
    })?;
    Ok(wrapped.data)
}

fn multiplies(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<CrossJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<HashJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<UnnestExec>()
}
