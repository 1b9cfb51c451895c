//! Joins that let others have the thread, and that end when they are told to.
//!
//! What reads gives way by itself after some batches. A join makes many batches of one that it has read, a product of two tables a
//! batch for every row: what gathers them would go on for as long as that takes, deaf to a client that goes away and to a limit of
//! time. So what multiplies rows gives way too. A join whose condition takes hardly any of its pairs makes no batches for minutes; so
//! its condition, which is asked about some thousand pairs at a time, fails once the statement is cancelled.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;

use crate::session::CancelToken;

/// The same plan, in which every operator that multiplies rows gives way, and every join ends with the token.
pub(crate) fn yielding(
    plan: Arc<dyn ExecutionPlan>,
    token: &CancelToken,
) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|plan| match multiplies(&*plan) {
        true => {
            let plan = with_end(plan, token)?;
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _))
        }
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

/// A join that asks about many pairs at a time, with a condition that ends with the token.
fn with_end(plan: Arc<dyn ExecutionPlan>, token: &CancelToken) -> Result<Arc<dyn ExecutionPlan>> {
    let ending = |filter: &JoinFilter| {
        let condition = filter.expression().clone();
        let condition = Arc::new(Condition { condition, token: token.clone() });
        let (indices, schema) = (filter.column_indices().to_vec(), filter.schema().clone());
        Some(JoinFilter::new(condition, indices, schema))
    };
    if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>()
        && let Some(filter) = join.filter()
    {
        let join = NestedLoopJoinExecBuilder::from(join).with_filter(ending(filter));
        return Ok(Arc::new(join.build()?));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>()
        && let Some(filter) = join.filter()
    {
        return join.builder().with_filter(ending(filter)).build_exec();
    }
    Ok(plan)
}

/// A condition that cannot be asked any more once its statement is cancelled.
#[derive(Debug)]
struct Condition {
    condition: Arc<dyn PhysicalExpr>,
    token: CancelToken,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Condition {}

impl Hash for Condition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PhysicalExpr for Condition {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.condition.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.condition.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(schema)
    }

    fn evaluate(&self, pairs: &RecordBatch) -> Result<ColumnarValue> {
        if self.token.is_cancelled() {
            return Err(DataFusionError::External(Box::new(CancelToken::error())));
        }
        self.condition.evaluate(pairs)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children.pop().unwrap_or_else(|| self.condition.clone());
        Ok(Arc::new(Condition { condition, token: self.token.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
