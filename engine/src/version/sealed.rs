//! A partition that is not part of the database, as one version of the database sees it.

use std::sync::Arc;

use super::segment_entry::SegmentEntry;
use super::table_version::Files;
use crate::manifest::SealedEntry;
use crate::schema::TableSchema;
use crate::segment::{Segment, SegmentMeta};

/// A sealed partition. Nothing of it is opened before a write asks whether it concerns a version in it.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) entry: Arc<SealedEntry>,
    /// Its segments where it was moved to, if it can be attached again.
    pub(crate) segments: Vec<Arc<SegmentEntry>>,
}

impl Sealed {
    /// `schema_of` gives the entry that a segment was written with.
    pub(super) fn new<'a>(
        files: &Files,
        entry: &SealedEntry,
        schema_of: impl Fn(&SegmentMeta) -> &'a Arc<TableSchema>,
    ) -> Sealed {
        let dir = files.place(entry.location.as_deref().unwrap_or_default());
        let segment = |meta: &SegmentMeta| {
            let (disk, cache) = (files.disk.clone(), files.cache.clone());
            let schema = schema_of(meta).clone();
            let segment = Segment::new(disk, &dir, meta.clone(), schema, cache);
            Arc::new(SegmentEntry::new(Arc::new(segment), Vec::new()))
        };
        let segments = entry.segments.iter().map(segment).collect();
        Sealed { entry: Arc::new(entry.clone()), segments }
    }
}
