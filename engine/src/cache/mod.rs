//! The cache of what was decoded from segments, shared by all of a database and bounded in bytes.
//!
//! It holds decoded columns, periods, key pages and the fixed parts of segments. Nothing in it is
//! ever written back; a value that is not there is read, verified and decoded again. What was
//! evicted lives on for as long as someone holds it: the bound is on what the cache itself keeps
//! alive.

use std::any::Any;
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache as QuickCache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// What a value is of: the segment it belongs to, which part of it and which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    /// From [`Cache::register`].
    pub(crate) owner: u64,
    /// Which part; the owner's business.
    pub(crate) part: u32,
    /// Which block of the part.
    pub(crate) block: u32,
}

type Value = Arc<dyn Any + Send + Sync>;

#[derive(Clone)]
struct Entry {
    value: Value,
    byte_count: u64,
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<CacheKey, Entry> for ByBytes {
    fn weight(&self, _: &CacheKey, entry: &Entry) -> u64 {
        entry.byte_count
    }
}

/// What an entry costs beside its value: key, links and counts.
const ENTRY_BYTES: u64 = 128;
/// A guess at the mean size of an entry, a decoded column of 4,096 values of 8 bytes; sizes the
/// tables of the cache.
const MEAN_BYTES: u64 = 16 * 1024;
/// The shards, each with a lock of its own and its part of the bound.
const SHARD_COUNT: usize = 8;

/// How much one thread has read and decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheCounters {
    /// Compressed bytes that were verified and decoded.
    pub(crate) decoded_bytes: u64,
    /// Blocks of columns that were decoded.
    pub(crate) decoded_blocks: u64,
}

thread_local! {
    /// By thread, as a scan waits for what it decodes: two readings of it tell what was decoded in between for that scan alone,
    /// whatever else runs.
    static DECODED: Cell<CacheCounters> = const {
        Cell::new(CacheCounters { decoded_bytes: 0, decoded_blocks: 0 })
    };
}

/// A cache bounded in bytes; see the module.
pub(crate) struct Cache {
    entries: QuickCache<CacheKey, Entry, ByBytes>,
    next_owner: AtomicU64,
}

impl Cache {
    /// A cache that keeps at most `bytes_max` bytes alive.
    pub(crate) fn new(bytes_max: u64) -> Cache {
        let options = OptionsBuilder::new()
            .shards(SHARD_COUNT)
            .weight_capacity(bytes_max)
            .estimated_items_capacity((bytes_max / MEAN_BYTES).max(64) as usize)
            .build();
        // Both values the builder asks for were given.
        let options = options.expect("a capacity and an estimate were set");
        let entries = QuickCache::with_options(
            options,
            ByBytes,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        Cache { entries, next_owner: AtomicU64::new(0) }
    }

    /// A number for a new owner of values, never given twice.
    pub(crate) fn register(&self) -> u64 {
        self.next_owner.fetch_add(1, Ordering::Relaxed)
    }

    /// The value, if it is there and of this type.
    pub(crate) fn get<T: Send + Sync + 'static>(&self, key: CacheKey) -> Option<Arc<T>> {
        self.entries.get(&key)?.value.downcast().ok()
    }

    /// Keeps a value of so many bytes, as long as there is room.
    pub(crate) fn insert<T: Send + Sync + 'static>(
        &self,
        key: CacheKey,
        value: Arc<T>,
        byte_count: usize,
    ) {
        self.entries.insert(key, Entry { value, byte_count: byte_count as u64 + ENTRY_BYTES });
    }

    /// Forgets a value.
    pub(crate) fn remove(&self, key: CacheKey) {
        self.entries.remove(&key);
    }

    /// Forgets everything of other owners: also of those that are gone, and whose values would grow old and be evicted.
    pub(crate) fn keep_only(&self, owners: &HashSet<u64>) {
        self.entries.retain(|key, _| owners.contains(&key.owner));
    }

    /// Counts what this thread has decoded.
    pub(crate) fn count_decoded(&self, byte_count: u64, block_count: u64) {
        let CacheCounters { decoded_bytes, decoded_blocks } = DECODED.get();
        DECODED.set(CacheCounters {
            decoded_bytes: decoded_bytes + byte_count,
            decoded_blocks: decoded_blocks + block_count,
        });
    }

    /// What this thread has decoded so far.
    pub(crate) fn counters(&self) -> CacheCounters {
        DECODED.get()
    }

    /// The bytes it keeps alive now.
    pub(crate) fn byte_count(&self) -> u64 {
        self.entries.weight()
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("byte_count", &self.byte_count()).finish_non_exhaustive()
    }
}
