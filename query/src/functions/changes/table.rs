//! The answer as a table of a plan.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::exec::ChangesExec;
use super::gather::missing;
use super::request::ChangesRequest;

/// What a table function `changes` gives. DataFusion takes scans of one table name for equal, whatever they read: let the
/// name of this one be that of its request ([`ChangesRequest`] displayed), aliased to what the query calls it.
#[derive(Debug)]
pub(crate) struct ChangesTable {
    request: ChangesRequest,
    schema: SchemaRef,
}

impl ChangesTable {
    pub(crate) fn new(request: ChangesRequest) -> ChangesTable {
        let schema = request.schema();
        ChangesTable { request, schema }
    }

    /// The partitions that may hold versions that it compares and are not part of the database.
    pub(crate) fn missing(&self) -> annals_engine::Result<Vec<annals_engine::MissingPartition>> {
        missing(&self.request)
    }
}

#[async_trait]
impl TableProvider for ChangesTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        Ok(Arc::new(ChangesExec::new(self.request.clone(), projection, limit)?))
    }
}
