//! The versions that may differ, read and sorted by key and valid time.

use std::sync::Arc;

use annals_engine::{Clause, Comparison, Predicate, SYSTEM_FROM, SYSTEM_TO, SystemTime, Value};
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, TimestampMicrosecondType};
use arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;

use super::request::ChangesRequest;

/// At which of the two instants a version is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

/// A version: where it stands, and its valid period, clipped to what was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) batch: u32,
    pub(super) row: u32,
    pub(super) side: Side,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// All versions that may differ.
pub(super) struct Versions {
    /// As they were read: key columns, values, valid period.
    pub(super) batches: Vec<RecordBatch>,
    /// For each batch its keys, as bytes that sort and are equal as the keys are.
    keys: Vec<Rows>,
    /// For each batch its values, likewise; `None` if the table has none.
    values: Vec<Option<Rows>>,
    /// Sorted by key, then by valid time.
    pub(super) sorted: Vec<Found>,
    memory: MemoryReservation,
}

/// Makes bytes of keys and of values.
struct Encoders {
    key: RowConverter,
    key_count: usize,
    values: Option<RowConverter>,
}

/// Reads and sorts; gives up when `is_wanted` says that nobody waits for the answer any more.
pub(super) fn gather(
    request: &ChangesRequest,
    memory: MemoryReservation,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Versions> {
    let (batches, keys, values) = (Vec::new(), Vec::new(), Vec::new());
    let mut versions = Versions { batches, keys, values, sorted: Vec::new(), memory };
    if request.from == request.to {
        return Ok(versions);
    }
    let encoders = Encoders::new(request)?;
    for side in [Side::Old, Side::New] {
        let mut rows = scan(request, side).map_err(external)?;
        while let Some(batch) = rows.next_while(is_wanted) {
            versions.push(request, side, batch.map_err(external)?, &encoders)?;
        }
        if !is_wanted() {
            return exec_err!("{request}: nobody waits for the answer");
        }
    }
    let mut sorted = std::mem::take(&mut versions.sorted);
    sorted.sort_unstable_by(|left, right| {
        versions.key_of(left).cmp(&versions.key_of(right)).then(left.from.cmp(&right.from))
    });
    versions.sorted = sorted;
    Ok(versions)
}

/// Versions believed at one of the instants and not at the other.
fn scan(request: &ChangesRequest, side: Side) -> annals_engine::Result<annals_engine::Rows> {
    believed(request, side)?.columns(request.read_columns()).run()
}

/// The partitions that may hold such versions and are not part of the database.
pub(super) fn missing(
    request: &ChangesRequest,
) -> annals_engine::Result<Vec<annals_engine::MissingPartition>> {
    let mut missing = believed(request, Side::Old)?.missing()?;
    missing.extend(believed(request, Side::New)?.missing()?);
    Ok(missing)
}

fn believed(request: &ChangesRequest, side: Side) -> annals_engine::Result<annals_engine::Scan> {
    let instant = |at: SystemTime| Value::Timestamp(at.micros());
    let (at, only) = match side {
        Side::Old => {
            let ended = Predicate::compare(SYSTEM_TO, Comparison::LtEq, instant(request.to));
            (request.from, ended)
        }
        Side::New => {
            let begun = Predicate::compare(SYSTEM_FROM, Comparison::Gt, instant(request.from));
            (request.to, begun)
        }
    };
    let scan = request.snapshot.scan(&request.table.name)?;
    Ok(scan.system(Clause::AsOf(at)).valid(request.valid_clause()).filter(only))
}

fn external(error: annals_engine::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl Versions {
    pub(super) fn key_of(&self, found: &Found) -> Row<'_> {
        self.keys[found.batch as usize].row(found.row as usize)
    }

    /// Whether two versions have the same values.
    pub(super) fn agree(&self, left: &Found, right: &Found) -> bool {
        let values = |found: &Found| {
            let rows = self.values[found.batch as usize].as_ref();
            rows.map(|rows| rows.row(found.row as usize))
        };
        values(left) == values(right)
    }

    fn push(
        &mut self,
        request: &ChangesRequest,
        side: Side,
        batch: RecordBatch,
        encoders: &Encoders,
    ) -> Result<()> {
        let value_end = batch.num_columns() - 2;
        let columns: Vec<ArrayRef> = batch.columns().iter().map(canonical_floats).collect();
        let (keys, values) = columns[..value_end].split_at(encoders.key_count);
        let keys = encoders.key.convert_columns(keys)?;
        let values = encoders.values.as_ref().map(|encoder| encoder.convert_columns(values));
        let values = values.transpose()?;
        let encoded = keys.size() + values.as_ref().map_or(0, Rows::size);
        let found = batch.num_rows() * size_of::<Found>();
        self.memory.try_grow(batch.get_array_memory_size() + encoded + found)?;
        let from = columns[value_end].as_primitive::<TimestampMicrosecondType>();
        let to = columns[value_end + 1].as_primitive::<TimestampMicrosecondType>();
        let number = self.batches.len() as u32;
        let range = request.valid;
        for ((row, from), to) in (0..).zip(from).zip(to) {
            let from = from.unwrap_or(i64::MIN).max(range.from().micros());
            let to = to.unwrap_or(i64::MAX).min(range.to().micros());
            self.sorted.push(Found { batch: number, row, side, from, to });
        }
        self.batches.push(batch);
        self.keys.push(keys);
        self.values.push(values);
        Ok(())
    }
}

impl Encoders {
    fn new(request: &ChangesRequest) -> Result<Encoders> {
        let field = |at: usize| SortField::new(request.table.columns[at].data_type.arrow());
        let key = RowConverter::new(request.table.key.iter().copied().map(field).collect())?;
        let values: Vec<SortField> = request.values().map(field).collect();
        let values = match values.is_empty() {
            true => None,
            false => Some(RowConverter::new(values)?),
        };
        Ok(Encoders { key, key_count: request.table.key.len(), values })
    }
}

/// For users -0.0 is 0.0, and one NaN is as good as another; for bytes they are not.
fn canonical_floats(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => {
            let canonical = |v: f32| if v.is_nan() { f32::NAN } else { v + 0.0 };
            Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(canonical))
        }
        DataType::Float64 => {
            let canonical = |v: f64| if v.is_nan() { f64::NAN } else { v + 0.0 };
            Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(canonical))
        }
        _ => array.clone(),
    }
}
