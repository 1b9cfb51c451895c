//! The operator: gathers its input, then gives what the sweep finds, a batch at a time.

use std::fmt;
use std::sync::Arc;

use annals_engine::{Period, Valid};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, InputDistributionRequirements,
    Partitioning, PlanProperties,
};
use futures::StreamExt;
use tokio::sync::mpsc::Sender;

use super::input::{Expressions, Gathered, Gatherer};

/// Batches that may wait for their reader.
const WAITING_BATCH_COUNT: usize = 2;

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
        let row_count = context.session_config().batch_size();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let mut stream = RecordBatchReceiverStream::builder(schema.clone(), WAITING_BATCH_COUNT);
        let sender = stream.tx();
        stream.spawn(async move {
            let gatherer = gather(input, gatherer, &metrics).await?;
            // Sorting and sweeping millions of rows takes seconds: on a thread that nothing else waits for.
            let work = move || sweep(gatherer, &sender, row_count, &schema, &metrics);
            match SpawnedTask::spawn_blocking(work).join().await {
                Ok(swept) => swept,
                Err(error) => exec_err!("the sweep was interrupted: {error}"),
            }
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Reads all of the input.
async fn gather(
    mut input: SendableRecordBatchStream,
    mut gatherer: Gatherer,
    metrics: &BaselineMetrics,
) -> Result<Gatherer> {
    while let Some(batch) = input.next().await {
        let batch = batch?;
        let _timer = metrics.elapsed_compute().timer();
        gatherer.push(&batch)?;
    }
    Ok(gatherer)
}

/// Sweeps over all that was gathered, and gives the batches of it; ends soon after nobody takes them any more.
fn sweep(
    gatherer: Gatherer,
    receiver: &Sender<Result<RecordBatch>>,
    row_count: usize,
    output: &SchemaRef,
    metrics: &BaselineMetrics,
) -> Result<()> {
    let is_wanted = || !receiver.is_closed();
    let timer = metrics.elapsed_compute().timer();
    let Gathered { mut sweep, group_columns, _memory } = gatherer.finish()?;
    timer.done();
    loop {
        let timer = metrics.elapsed_compute().timer();
        let Some(pieces) = sweep.next_while(row_count, &is_wanted)? else { return Ok(()) };
        let batch = pieces.batch(&group_columns, &sweep.aggregates, output)?;
        timer.done();
        if receiver.blocking_send(Ok(batch.record_output(metrics))).is_err() {
            return Ok(());
        }
    }
}
