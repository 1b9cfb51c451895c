//! The memory of one statement: its part of what all share, with a bound of its own.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::{Result as PlanResult, resources_datafusion_err};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::TryStreamExt;

use crate::error::Result;

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

/// A sort sets memory apart for merging what it has spilled. More than this part of a small bound, and none could begin.
const SORTS_APART: usize = 16;

/// The same context, in which the statement may hold no more than so many bytes.
pub(super) fn bounded(context: TaskContext, bytes_max: usize) -> TaskContext {
    let runtime = context.runtime_env();
    let pool = StatementPool {
        bytes_max,
        own: FairSpillPool::new(bytes_max),
        shared: runtime.memory_pool.clone(),
    };
    let runtime = RuntimeEnv { memory_pool: Arc::new(pool), ..(*runtime).clone() };
    let mut config = context.session_config().clone();
    let apart = &mut config.options_mut().execution.sort_spill_reservation_bytes;
    *apart = (*apart).min(bytes_max / SORTS_APART);
    context.with_runtime(Arc::new(runtime)).with_session_config(config)
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
