//! What a sequenced aggregate reads: rows with a group, arguments and a period, gathered until all are there.

use std::sync::Arc;

use annals_engine::{Period, Valid};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, new_empty_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::call::Function;
use super::state::{Aggregate, Arguments};
use super::sweep::Sweep;

/// The most rows an aggregate takes: what keeps the digits of [`super::state`] within their words.
pub(super) const ROW_COUNT_MAX: usize = 1 << 30;

/// Bytes of a row in a sweep: its group, its period, and the two ends of it.
const ROW_BYTES: usize = 4 + 16 + 32;

/// One aggregate as it is evaluated on batches of the input.
#[derive(Clone, Debug)]
pub(super) struct PhysicalCall {
    pub(super) function: Function,
    /// The argument and its type.
    pub(super) argument: Option<(PhysicalExprRef, DataType)>,
    pub(super) is_distinct: bool,
    pub(super) filter: Option<PhysicalExprRef>,
}

impl PhysicalCall {
    /// The type of the values that are needed; `None` if it is enough to know where they are NULL.
    fn values_type(&self) -> Option<&DataType> {
        let is_needed = self.function != Function::Count || self.is_distinct;
        self.argument.as_ref().filter(|_| is_needed).map(|(_, data_type)| data_type)
    }
}

/// What is evaluated on every batch.
#[derive(Clone, Debug)]
pub(super) struct Expressions {
    pub(super) groups: Vec<PhysicalExprRef>,
    pub(super) calls: Vec<PhysicalCall>,
    pub(super) valid_from: PhysicalExprRef,
    pub(super) valid_to: PhysicalExprRef,
}

/// Rows that have been read so far.
pub(super) struct Gatherer {
    expressions: Arc<Expressions>,
    range: Period<Valid>,
    output: SchemaRef,
    group_values: Option<Box<dyn GroupValues>>,
    groups: Vec<u32>,
    periods: Vec<(i64, i64)>,
    columns: Vec<CallColumn>,
    memory: MemoryReservation,
}

/// The arguments of one call, batch by batch.
#[derive(Default)]
struct CallColumn {
    values: Vec<ArrayRef>,
    present: Option<BooleanBufferBuilder>,
}

/// A sweep over all that was gathered, and the columns of its groups.
pub(super) struct Gathered {
    pub(super) sweep: Sweep,
    pub(super) group_columns: Vec<ArrayRef>,
    /// Holds the memory of both.
    pub(super) _memory: MemoryReservation,
}

impl Gatherer {
    /// `output` begins with the columns of the groups, followed by the answers of the calls.
    pub(super) fn new(
        expressions: Arc<Expressions>,
        range: Period<Valid>,
        output: SchemaRef,
        memory: MemoryReservation,
    ) -> Result<Gatherer> {
        let group_count = expressions.groups.len();
        let fields: Vec<Arc<Field>> = output.fields().iter().take(group_count).cloned().collect();
        let group_values = match fields.is_empty() {
            true => None,
            false => Some(new_group_values(Arc::new(Schema::new(fields)), &GroupOrdering::None)?),
        };
        let columns = expressions.calls.iter().map(|_| CallColumn::default()).collect();
        let (groups, periods) = (Vec::new(), Vec::new());
        Ok(Gatherer { expressions, range, output, group_values, groups, periods, columns, memory })
    }

    /// Adds the rows of a batch, their periods clipped to the range; those outside it are left out.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let expressions = self.expressions.clone();
        let from = instants(&expressions.valid_from, batch, i64::MIN)?;
        let to = instants(&expressions.valid_to, batch, i64::MAX)?;
        let clipped = |row: usize| {
            let (from, to): (i64, i64) = (from[row], to[row]);
            (from.max(self.range.from().micros()), to.min(self.range.to().micros()))
        };
        let is_inside = |row: usize| clipped(row).0 < clipped(row).1;
        let inside = BooleanBuffer::collect_bool(batch.num_rows(), is_inside);
        let before = self.periods.len();
        self.periods.extend(inside.set_indices().map(clipped));
        if self.periods.len() > ROW_COUNT_MAX {
            return exec_err!("a sequenced aggregate takes at most {ROW_COUNT_MAX} rows");
        }
        let row_count = self.periods.len() - before;
        let kept = match row_count == batch.num_rows() {
            true => batch.clone(),
            false => filter_record_batch(batch, &BooleanArray::new(inside, None))?,
        };
        self.push_groups(&kept)?;
        let mut byte_count = row_count * (ROW_BYTES + self.columns.len() * Aggregate::ROW_BYTES);
        for (call, column) in expressions.calls.iter().zip(&mut self.columns) {
            byte_count += column.push(call, &kept, before)?;
        }
        self.memory.try_grow(byte_count)
    }

    fn push_groups(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(group_values) = &mut self.group_values else {
            self.groups.resize(self.groups.len() + batch.num_rows(), 0);
            return Ok(());
        };
        let evaluate = |group: &PhysicalExprRef| {
            group.evaluate(batch).and_then(|value| value.into_array(batch.num_rows()))
        };
        let columns: Vec<ArrayRef> =
            self.expressions.groups.iter().map(evaluate).collect::<Result<_>>()?;
        let (mut numbers, before) = (Vec::new(), group_values.size());
        group_values.intern(&columns, &mut numbers)?;
        self.groups.extend(numbers.iter().map(|number| *number as u32));
        self.memory.try_grow(group_values.size().saturating_sub(before))
    }

    /// Begins the sweep.
    pub(super) fn finish(mut self) -> Result<Gathered> {
        let group_columns = match &mut self.group_values {
            Some(group_values) if !group_values.is_empty() => group_values.emit(EmitTo::All)?,
            Some(_) => self.empty_groups(),
            None => Vec::new(),
        };
        let group_count = match &self.group_values {
            Some(_) => group_columns[0].len(),
            None => 1,
        };
        let fields = self.output.fields().iter().skip(group_columns.len());
        let calls = self.expressions.calls.iter().zip(self.columns);
        let mut aggregates = Vec::new();
        for (field, (call, column)) in fields.zip(calls) {
            let named = (field.name().as_str(), field.data_type());
            let arguments = column.finish(call)?;
            aggregates.push(Aggregate::new(call.function, call.is_distinct, named, arguments)?);
        }
        let covered = self.group_values.is_none().then_some(self.range);
        let sweep = Sweep::new(&self.periods, &self.groups, group_count, aggregates, covered)?;
        Ok(Gathered { sweep, group_columns, _memory: self.memory })
    }

    fn empty_groups(&self) -> Vec<ArrayRef> {
        let fields = self.output.fields().iter().take(self.expressions.groups.len());
        fields.map(|field| new_empty_array(field.data_type())).collect()
    }
}

impl CallColumn {
    /// Evaluates the call's argument and filter on a batch that `before` rows came before; tells the bytes that are kept of it.
    fn push(&mut self, call: &PhysicalCall, batch: &RecordBatch, before: usize) -> Result<usize> {
        let mut present: Option<BooleanBuffer> = None;
        let mut byte_count = 0;
        if let Some(filter) = &call.filter {
            let passed = filter.evaluate(batch)?.into_array(batch.num_rows())?;
            let passed = passed.as_boolean();
            present = Some(match passed.nulls() {
                Some(nulls) => passed.values() & nulls.inner(),
                None => passed.values().clone(),
            });
        }
        if let Some((argument, _)) = &call.argument {
            let values = argument.evaluate(batch)?.into_array(batch.num_rows())?;
            if let Some(nulls) = values.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
                present = Some(match present {
                    Some(present) => &present & nulls.inner(),
                    None => nulls.into_inner(),
                });
            }
            if call.values_type().is_some() {
                // Not the buffers whole: slices of one array would be counted over and over.
                byte_count = values.to_data().get_slice_memory_size()?;
                self.values.push(values);
            }
        }
        match (&mut self.present, present) {
            (None, None) => {}
            (Some(all), None) => all.append_n(batch.num_rows(), true),
            (all, Some(present)) => {
                let all = all.get_or_insert_with(|| {
                    let mut all = BooleanBufferBuilder::new(before + present.len());
                    all.append_n(before, true);
                    all
                });
                all.append_buffer(&present);
            }
        }
        Ok(byte_count)
    }

    fn finish(self, call: &PhysicalCall) -> Result<Arguments> {
        let present = self.present.map(|mut present| present.finish());
        let arrays: Vec<&dyn Array> = self.values.iter().map(AsRef::as_ref).collect();
        let values = match call.values_type() {
            None => None,
            Some(data_type) if arrays.is_empty() => Some(new_empty_array(data_type)),
            Some(_) => Some(concat(&arrays)?),
        };
        Ok(Arguments { values, present })
    }
}

/// The instants of an expression of type timestamp; NULL is `unbounded`.
fn instants(expr: &PhysicalExprRef, batch: &RecordBatch, unbounded: i64) -> Result<Vec<i64>> {
    let array = expr.evaluate(batch)?.into_array(batch.num_rows())?;
    let array = array.as_primitive::<TimestampMicrosecondType>();
    Ok(array.iter().map(|instant| instant.unwrap_or(unbounded)).collect())
}
