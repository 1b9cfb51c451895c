//! The scan as an operator: the engine's batches as a stream, decoded on threads of their own.

use std::fmt;
use std::sync::Arc;

use annals_engine::{Rows, Scan, ScanEstimate, ScanMetrics};
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as PlanResult, Statistics, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use parking_lot::Mutex;

use super::dynamic::predicates_now;
use crate::error::Error;

/// Batches that wait between the engine and the operator above.
const BATCH_COUNT_AHEAD: usize = 2;
/// Fewer rows are not worth a thread of their own.
const PART_ROW_COUNT_MIN: u64 = 65_536;

/// Reads a table at its instants.
#[derive(Clone, Debug)]
pub(crate) struct TemporalScan {
    name: String,
    scan: Scan,
    schema: SchemaRef,
    /// What will be read, as far as it is known without opening a file.
    estimate: ScanEstimate,
    /// Filters that the engine decides, as text.
    filters: Vec<String>,
    limit: Option<usize>,
    /// Filters that are found while the query runs.
    dynamic: Vec<Arc<dyn PhysicalExpr>>,
    parts: Arc<Mutex<Parts>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// The parts of one execution, made when the first of them is read: only then are the dynamic filters known.
#[derive(Debug, Default)]
enum Parts {
    #[default]
    Unread,
    Dealt(Vec<Option<Rows>>),
}

impl TemporalScan {
    pub(crate) fn new(
        name: String,
        scan: Scan,
        schema: SchemaRef,
        filters: Vec<String>,
        limit: Option<usize>,
        part_count_max: usize,
    ) -> PlanResult<TemporalScan> {
        let estimate = scan.estimate().map_err(Error::from)?;
        let part_count = part_count(&estimate, part_count_max);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(part_count),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(TemporalScan {
            name,
            scan,
            schema,
            estimate,
            filters,
            limit,
            dynamic: Vec::new(),
            parts: Arc::default(),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// One part of this execution's rows; `None` if there were fewer parts to deal than partitions.
    fn part(&self, number: usize) -> Result<Option<Rows>, Error> {
        let mut parts = self.parts.lock();
        if let Parts::Unread = *parts {
            let mut scan = self.scan.clone();
            for filter in &self.dynamic {
                for predicate in predicates_now(filter, &self.schema) {
                    scan = scan.filter(predicate);
                }
            }
            let count = self.properties.partitioning.partition_count();
            let dealt = match count {
                1 => vec![scan.run()?],
                _ => scan.run_in_parts(count)?,
            };
            *parts = Parts::Dealt(dealt.into_iter().map(Some).collect());
        }
        let Parts::Dealt(dealt) = &mut *parts else {
            return Err(Error::invalid("a scan was read before it was dealt out"));
        };
        match dealt.get_mut(number) {
            None => Ok(None),
            Some(part) => match part.take() {
                None => Err(Error::invalid(format!("part {number} of a scan was read twice"))),
                some => Ok(some),
            },
        }
    }
}

impl DisplayAs for TemporalScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> =
            self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "TemporalScan: {}, columns=[{}]", self.name, columns.join(", "))?;
        if !self.filters.is_empty() {
            write!(f, ", filter=[{}]", self.filters.join(" AND "))?;
        }
        for filter in &self.dynamic {
            write!(f, ", dynamic=[{filter}]")?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        write!(f, ", {}", self.estimate)
    }
}

impl ExecutionPlan for TemporalScan {
    fn name(&self) -> &str {
        "TemporalScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        for filter in &self.dynamic {
            if f(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        match children.is_empty() {
            true => Ok(self),
            false => internal_err!("a scan has no inputs"),
        }
    }

    fn reset_state(self: Arc<Self>) -> PlanResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(TemporalScan { parts: Arc::default(), ..(*self).clone() }))
    }

    fn execute(
        &self,
        partition: usize,
        _: Arc<TaskContext>,
    ) -> PlanResult<SendableRecordBatchStream> {
        let mut stream = RecordBatchReceiverStream::builder(self.schema.clone(), BATCH_COUNT_AHEAD);
        let (sender, scan) = (stream.tx(), self.clone());
        stream.spawn_blocking(move || {
            let time = MetricBuilder::new(&scan.metrics).elapsed_compute(partition);
            let timer = time.timer();
            let part = scan.part(partition)?;
            timer.done();
            let Some(mut rows) = part else { return Ok(()) };
            let is_wanted = || !sender.is_closed();
            loop {
                let timer = time.timer();
                let next = rows.next_while(&is_wanted);
                timer.done();
                let Some(batch) = next else { break };
                let batch = batch.map_err(|error| DataFusionError::from(Error::from(error)))?;
                if sender.blocking_send(Ok(batch)).is_err() {
                    // Nobody reads on: the query was cancelled, or has enough.
                    break;
                }
            }
            record(&scan.metrics, partition, &rows.metrics());
            Ok(())
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> PlanResult<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        let row_count = usize::try_from(self.estimate.row_count_max).unwrap_or(usize::MAX);
        let row_count = row_count.min(self.limit.unwrap_or(usize::MAX));
        statistics.num_rows =
            Precision::Inexact(row_count / self.properties.partitioning.partition_count());
        Ok(Arc::new(statistics))
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        found: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> PlanResult<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters = found.parent_filters.into_iter().map(|filter| filter.filter);
        let filters: Vec<_> = filters.collect();
        let answers = vec![PushedDown::No; filters.len()];
        let mut answer = FilterPushdownPropagation::with_parent_pushdown_result(answers);
        if phase == FilterPushdownPhase::Post && !filters.is_empty() && self.limit.is_none() {
            let scan = TemporalScan { dynamic: filters, parts: Arc::default(), ..self.clone() };
            answer = answer.with_updated_node(Arc::new(scan) as Arc<dyn ExecutionPlan>);
        }
        Ok(answer)
    }
}

/// So many parts are worth a thread each.
fn part_count(estimate: &ScanEstimate, part_count_max: usize) -> usize {
    let worth = estimate.row_count_max / PART_ROW_COUNT_MIN;
    match estimate.is_look_up {
        true => 1,
        false => usize::try_from(worth).unwrap_or(usize::MAX).clamp(1, part_count_max.max(1)),
    }
}

/// Puts the engine's counts where EXPLAIN ANALYZE shows them.
fn record(metrics: &ExecutionPlanMetricsSet, partition: usize, counts: &ScanMetrics) {
    let counts = [
        ("partitions", counts.partition_count),
        ("partitions_kept", counts.partition_kept_count),
        ("segments", counts.segment_count),
        ("segments_kept", counts.segment_kept_count),
        ("pages", counts.block_count),
        ("pages_kept", counts.block_kept_count),
        ("pages_pruned_by_indexes", counts.bitmap_pruned_block_count),
        ("memtable_rows", counts.memtable_row_count),
        ("visible_rows", counts.visible_row_count),
        ("output_rows", counts.row_count),
        ("decoded_bytes", counts.decoded_bytes),
    ];
    for (name, count) in counts {
        MetricBuilder::new(metrics)
            .counter(name, partition)
            .add(usize::try_from(count).unwrap_or(usize::MAX));
    }
}
