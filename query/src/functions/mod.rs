//! What temporal SQL computes beyond scans: relations of periods, what was restated between two system instants, and
//! aggregates for every valid instant at once; and the bounds of what DataFusion's own functions may make.
//!
//! Each is a function of its arguments alone: none of them plans a statement or asks what time it is.

pub(crate) mod bounded;
pub(crate) mod changes;
pub(crate) mod periods;
pub(crate) mod sequenced;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use sequenced::SequencedPlanner;

/// Adds the functions to a session's own, and bounds all of them.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    for function in periods::functions() {
        state.register_udf(Arc::new(function))?;
    }
    bounded::bound(state)
}

/// A planner of operators that knows ours.
pub(crate) fn query_planner() -> Arc<dyn QueryPlanner + Send + Sync> {
    Arc::new(WithOperators)
}

#[derive(Debug)]
struct WithOperators;

#[async_trait]
impl QueryPlanner for WithOperators {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner =
            DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(SequencedPlanner)]);
        planner.create_physical_plan(plan, session).await
    }
}
