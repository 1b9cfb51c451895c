//! From the logical node to the operator.

use std::sync::Arc;

use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::call::Call;
use super::exec::SequencedAggregateExec;
use super::input::{Expressions, PhysicalCall};
use super::node::SequencedAggregate;

/// Plans sequenced aggregates; to be given to a session's `DefaultPhysicalPlanner`.
#[derive(Debug)]
pub(crate) struct SequencedPlanner;

/// What it takes to make an expression physical.
struct Physical<'a> {
    planner: &'a dyn PhysicalPlanner,
    schema: &'a DFSchemaRef,
    session: &'a dyn Session,
    context: &'a PhysicalPlanningContext,
}

impl Physical<'_> {
    fn expr(&self, expr: &Expr) -> Result<PhysicalExprRef> {
        self.planner.create_physical_expr(expr, self.schema, self.session, self.context)
    }

    fn call(&self, call: &Call) -> Result<PhysicalCall> {
        let typed = |expr: &Expr| -> Result<(PhysicalExprRef, DataType)> {
            Ok((self.expr(expr)?, expr.get_type(self.schema)?))
        };
        Ok(PhysicalCall {
            function: call.function,
            argument: call.argument.as_ref().map(typed).transpose()?,
            is_distinct: call.is_distinct,
            filter: call.filter.as_ref().map(|filter| self.expr(filter)).transpose()?,
        })
    }
}

#[async_trait]
impl ExtensionPlanner for SequencedPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let node = node.as_any().downcast_ref::<SequencedAggregate>();
        let (Some(node), [input]) = (node, physical_inputs) else { return Ok(None) };
        let physical = Physical { planner, schema: node.input.schema(), session, context };
        let groups = node.groups.iter().map(|group| physical.expr(group));
        let calls = node.calls.iter().map(|call| physical.call(call));
        let expressions = Expressions {
            groups: groups.collect::<Result<_>>()?,
            calls: calls.collect::<Result<_>>()?,
            valid_from: physical.expr(&node.valid_from)?,
            valid_to: physical.expr(&node.valid_to)?,
        };
        let schema = Arc::new(node.schema.as_arrow().clone());
        let plan =
            SequencedAggregateExec::new(input.clone(), Arc::new(expressions), node.range, schema);
        Ok(Some(Arc::new(plan)))
    }
}
