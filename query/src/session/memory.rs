//! The memory of one statement: its part of what all share, with a bound of its own.

use std::fmt;
use std::sync::Arc;

use annals_engine::ErrorKind;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result as PlanResult, resources_datafusion_err};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{TryStreamExt, stream};

use crate::error::{Error, Result};

/// A pool of one statement: what it gives counts for the statement and for all. Operators that can spill share the bound fairly, as
/// they share what all have, so that none of them takes it whole and leaves another one nothing to begin with.
#[derive(Debug)]
struct StatementPool {
    bytes_max: usize,
    own: FairSpillPool,
    shared: Arc<dyn MemoryPool>,
}

impl fmt::Display for StatementPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(pool_size: {} bytes) of {}", self.name(), self.bytes_max, self.shared)
    }
}

impl MemoryPool for StatementPool {
    fn name(&self) -> &str {
        "statement"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
        self.shared.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
        self.shared.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.own.grow(reservation, additional);
        self.shared.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.shared.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> PlanResult<()> {
        self.own.try_grow(reservation, additional).map_err(|_| {
            resources_datafusion_err!(
                "the statement needs more than the {} bytes of memory that one statement may hold: {} asks for {additional} beside {}",
                self.bytes_max,
                reservation.consumer().name(),
                self.own.reserved()
            )
        })?;
        self.shared
            .try_grow(reservation, additional)
            .inspect_err(|_| self.own.shrink(reservation, additional))
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes_max)
    }
}

/// The memory of one statement out of what all share: all of it, or no more than so many bytes.
pub(super) fn of_statement(
    shared: &Arc<dyn MemoryPool>,
    bytes_max: Option<usize>,
) -> Arc<dyn MemoryPool> {
    match bytes_max {
        Some(bytes_max) => {
            let own = FairSpillPool::new(bytes_max);
            Arc::new(StatementPool { bytes_max, own, shared: shared.clone() })
        }
        None => shared.clone(),
    }
}

/// A sort sets memory apart for merging what it has spilled. More than this part of a small bound, and none could begin.
const SORTS_APART: usize = 16;

/// The same context, in which the statement may hold no more than so many bytes.
pub(super) fn bounded(context: TaskContext, bytes_max: usize) -> TaskContext {
    let runtime = context.runtime_env();
    let memory_pool = of_statement(&runtime.memory_pool, Some(bytes_max));
    let runtime = RuntimeEnv { memory_pool, ..(*runtime).clone() };
    let mut config = context.session_config().clone();
    let apart = &mut config.options_mut().execution.sort_spill_reservation_bytes;
    *apart = (*apart).min(bytes_max / SORTS_APART);
    context.with_runtime(Arc::new(runtime)).with_session_config(config)
}

/// Rows of an answer that are held until all of them are there, because nothing may fail once the first is handed on. Their memory
/// counts for what all statements share.
#[derive(Debug)]
pub struct HeldRows {
    batches: Vec<RecordBatch>,
    byte_count: usize,
    bytes_max: usize,
    memory: MemoryReservation,
}

impl HeldRows {
    pub(super) fn new(pool: &Arc<dyn MemoryPool>, bytes_max: usize) -> HeldRows {
        let memory = MemoryConsumer::new("an answer that is held").register(pool);
        HeldRows { batches: Vec::new(), byte_count: 0, bytes_max, memory }
    }

    /// Adds rows. An error of the kind `Exhausted` if they are more than one statement, or all together, may hold.
    pub fn push(&mut self, rows: RecordBatch) -> Result<()> {
        let bytes = bytes_of(&rows);
        self.byte_count = self.byte_count.saturating_add(bytes);
        if self.byte_count > self.bytes_max {
            let message = format!(
                "the answer is held until the transaction is committed, and has more than the {} bytes that one statement may hold",
                self.bytes_max
            );
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        self.memory.try_grow(bytes)?;
        self.batches.push(rows);
        Ok(())
    }

    /// The rows as they came. Each is the reader's own once it is handed on; their memory counts until the stream is dropped.
    pub fn into_stream(self, schema: SchemaRef) -> SendableRecordBatchStream {
        let HeldRows { batches, memory, .. } = self;
        let rows = stream::unfold((batches.into_iter(), memory), |(mut batches, memory)| async {
            let batch = batches.next()?;
            Some((Ok(batch), (batches, memory)))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }
}

/// Batches that are held whole, and the memory that they take for as long as they are.
pub(super) struct Held {
    pub(super) batches: Vec<RecordBatch>,
    _memory: MemoryReservation,
}

/// Gathers an answer; its batches count as memory of the statement.
pub(super) async fn gather(
    mut rows: SendableRecordBatchStream,
    pool: &Arc<dyn MemoryPool>,
) -> Result<Held> {
    let memory = MemoryConsumer::new("the rows of a change").register(pool);
    let mut batches = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        memory.try_grow(bytes_of(&batch))?;
        batches.push(batch);
    }
    Ok(Held { batches, _memory: memory })
}

/// What a batch's own rows take: several batches may be slices of the same buffers.
fn bytes_of(batch: &RecordBatch) -> usize {
    let bytes = |array: &ArrayRef| {
        let slice = array.to_data().get_slice_memory_size();
        let slice = slice.unwrap_or_else(|_| array.get_array_memory_size());
        match array.data_type() {
            DataType::Utf8View => slice + array.as_string_view().total_buffer_bytes_used(),
            DataType::BinaryView => slice + array.as_binary_view().total_buffer_bytes_used(),
            _ => slice,
        }
    };
    batch.columns().iter().map(bytes).sum()
}
