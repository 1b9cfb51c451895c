//! The operator: gathers its input, then gives what the sweep finds, a batch at a time.

use std::fmt;
use std::sync::Arc;

use annals_engine::{Period, Valid};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, InputDistributionRequirements,
    Partitioning, PlanProperties,
};
use futures::{StreamExt, TryFutureExt, TryStreamExt, stream};

use super::input::{Expressions, Gathered, Gatherer};

/// A sequenced aggregate of one input, in one partition.
#[derive(Debug)]
pub(super) struct SequencedAggregateExec {
    input: Arc<dyn ExecutionPlan>,
    expressions: Arc<Expressions>,
    range: Period<Valid>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SequencedAggregateExec {
    /// `schema` has the columns of the groups, the answers of the calls, and the period.
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        expressions: Arc<Expressions>,
        range: Period<Valid>,
        schema: SchemaRef,
    ) -> SequencedAggregateExec {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        let metrics = ExecutionPlanMetricsSet::new();
        SequencedAggregateExec { input, expressions, range, properties, metrics }
    }
}

impl DisplayAs for SequencedAggregateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.expressions.groups.iter().map(ToString::to_string);
        let groups = groups.collect::<Vec<_>>().join(", ");
        let fields = self.properties.eq_properties.schema().fields().iter();
        let answers = fields.skip(self.expressions.groups.len());
        let answers = answers.take(self.expressions.calls.len()).map(|field| field.name().as_str());
        let answers = answers.collect::<Vec<_>>().join(", ");
        write!(f, "SequencedAggregateExec: valid={}, gby=[{groups}], aggr=[{answers}]", self.range)
    }
}

impl ExecutionPlan for SequencedAggregateExec {
    fn name(&self) -> &str {
        "SequencedAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let Expressions { groups, calls, valid_from, valid_to } = self.expressions.as_ref();
        let arguments = calls.iter().filter_map(|call| call.argument.as_ref());
        let filters = calls.iter().filter_map(|call| call.filter.as_ref());
        let all = [valid_from, valid_to].into_iter().chain(groups);
        for expr in all.chain(arguments.map(|(argument, _)| argument)).chain(filters) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = children.as_slice() else {
            return internal_err!("a sequenced aggregate has one input");
        };
        let (expressions, schema) = (self.expressions.clone(), self.schema());
        Ok(Arc::new(SequencedAggregateExec::new(input.clone(), expressions, self.range, schema)))
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context.clone())?;
        let consumer = MemoryConsumer::new("SequencedAggregateExec");
        let memory = consumer.register(context.memory_pool());
        let schema = self.schema();
        let expressions = self.expressions.clone();
        let gatherer = Gatherer::new(expressions, self.range, schema.clone(), memory)?;
        let (row_count, output) = (context.session_config().batch_size(), schema.clone());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batches = gather(input, gatherer, metrics)
            .map_ok(move |(gathered, metrics)| Batches { gathered, row_count, output, metrics })
            .map_ok(stream::iter);
        let batches = stream::once(batches).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Reads all of the input, and begins the sweep over it.
async fn gather(
    mut input: SendableRecordBatchStream,
    mut gatherer: Gatherer,
    metrics: BaselineMetrics,
) -> Result<(Gathered, BaselineMetrics)> {
    while let Some(batch) = input.next().await {
        let batch = batch?;
        let _timer = metrics.elapsed_compute().timer();
        gatherer.push(&batch)?;
    }
    let timer = metrics.elapsed_compute().timer();
    let gathered = gatherer.finish()?;
    timer.done();
    Ok((gathered, metrics))
}

/// The batches of a sweep.
struct Batches {
    gathered: Gathered,
    row_count: usize,
    output: SchemaRef,
    metrics: BaselineMetrics,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        let _timer = self.metrics.elapsed_compute().timer();
        let Gathered { sweep, group_columns, .. } = &mut self.gathered;
        let pieces = match sweep.next(self.row_count) {
            Ok(pieces) => pieces?,
            Err(error) => return Some(Err(error)),
        };
        let batch = pieces.batch(group_columns, &sweep.aggregates, &self.output);
        Some(batch.record_output(&self.metrics))
    }
}
