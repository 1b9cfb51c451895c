//! A view: no table of its own, a plan that takes its place.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, TableReference, internal_err};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_plan::ExecutionPlan;

/// The schema under which a view's plan is named, so that it is told from a common table expression.
pub(crate) const VIEWS: &str = "annals views";

/// A view's plan for one statement.
#[derive(Debug)]
pub(crate) struct ViewTable {
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl ViewTable {
    pub(crate) fn new(name: &str, plan: LogicalPlan) -> Result<ViewTable> {
        let plan =
            LogicalPlanBuilder::from(plan).alias(TableReference::partial(VIEWS, name))?.build()?;
        let schema = Arc::new(plan.schema().as_arrow().clone());
        Ok(ViewTable { plan, schema })
    }
}

#[async_trait]
impl TableProvider for ViewTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn get_logical_plan(&'_ self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("a view is planned in its place")
    }
}
