//! The memory of what functions make: counted from before it is made until nothing holds it any more.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, make_array};
use arrow::buffer::Buffer;
use bytes::Bytes;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

/// The memory that a running statement has for what its functions make. Calls find it among the options that they are given.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pool: Arc<dyn MemoryPool>,
}

impl Made {
    pub(super) fn new(pool: Arc<dyn MemoryPool>) -> Made {
        Made { pool }
    }

    /// That of the statement which calls; none while a statement is planned.
    pub(super) fn of(options: &ConfigOptions) -> Option<&Made> {
        options.extensions.get::<Made>()
    }

    /// So many bytes for what `function` makes. An error (`ResourcesExhausted`) if there are not as many.
    pub(super) fn reserve(&self, function: &str, byte_count: u64) -> Result<MemoryReservation> {
        let memory = MemoryConsumer::new(format!("`{function}`")).register(&self.pool);
        memory.try_grow(usize::try_from(byte_count).unwrap_or(usize::MAX))?;
        Ok(memory)
    }
}

impl ConfigExtension for Made {
    const PREFIX: &'static str = "annals_made";
}

impl ExtensionOptions for Made {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        Err(DataFusionError::Configuration(format!("`{key}` cannot be set")))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

/// Bytes that give back their memory when the last that reads them has let go of them.
struct Held {
    bytes: Buffer,
    _memory: Arc<MemoryReservation>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

/// The same array, which holds its memory until it and all slices of it are gone. Nothing is copied; texts are read once, to see that
/// they are texts.
pub(super) fn holding(array: &ArrayRef, memory: MemoryReservation) -> Result<ArrayRef> {
    Ok(make_array(held(array.to_data(), &Arc::new(memory))?))
}

fn held(data: ArrayData, memory: &Arc<MemoryReservation>) -> Result<ArrayData> {
    let hold = |bytes: &Buffer| match bytes.is_empty() {
        true => bytes.clone(),
        false => {
            let held = Held { bytes: bytes.clone(), _memory: memory.clone() };
            Buffer::from(Bytes::from_owner(held))
        }
    };
    let buffers = data.buffers().iter().map(hold).collect();
    let children = data.child_data().iter().map(|child| held(child.clone(), memory));
    let children = children.collect::<Result<Vec<ArrayData>>>()?;
    Ok(data.into_builder().buffers(buffers).child_data(children).build()?)
}
