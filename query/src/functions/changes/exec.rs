//! The operator: reads and sweeps on a thread that may block.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};

use super::request::ChangesRequest;
use super::sweep::Changes;

/// Batches that may wait for their reader.
const WAITING_BATCH_COUNT: usize = 2;

/// Gives the changes that a request asks for.
#[derive(Debug)]
pub(super) struct ChangesExec {
    request: ChangesRequest,
    projection: Vec<usize>,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ChangesExec {
    pub(super) fn new(
        request: ChangesRequest,
        projection: Vec<usize>,
        limit: Option<usize>,
    ) -> Result<ChangesExec> {
        let schema = Arc::new(request.schema().project(&projection)?);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(ChangesExec { request, projection, limit, properties, metrics })
    }
}

impl DisplayAs for ChangesExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangesExec: {}", self.request)?;
        match self.limit {
            Some(limit) => write!(f, ", limit={limit}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ChangesExec {
    fn name(&self) -> &str {
        "ChangesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("ChangesExec has no input") }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut stream = RecordBatchReceiverStream::builder(self.schema(), WAITING_BATCH_COUNT);
        let memory = MemoryConsumer::new("ChangesExec").register(context.memory_pool());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (request, projection) = (self.request.clone(), self.projection.clone());
        let batch_rows = context.session_config().batch_size();
        let mut remaining = self.limit.unwrap_or(usize::MAX);
        let receiver = stream.tx();
        stream.spawn_blocking(move || {
            let is_wanted = || !receiver.is_closed();
            let changes = Changes::read(request, projection, batch_rows, memory, &is_wanted)?;
            for batch in changes {
                let batch = batch?;
                let batch = batch.slice(0, batch.num_rows().min(remaining));
                remaining -= batch.num_rows();
                let sent = receiver.blocking_send(Ok(batch.record_output(&metrics)));
                if sent.is_err() || remaining == 0 {
                    break;
                }
            }
            Ok(())
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
