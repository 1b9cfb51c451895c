//! A segment together with the supersessions of its rows.

use std::sync::{Arc, OnceLock};

use crate::error::Result;
use crate::segment::Segment;
use crate::supersession::{SupersessionFile, SupersessionSet};

/// A segment as one version of the database sees it.
#[derive(Debug)]
pub(crate) struct SegmentEntry {
    segment: Arc<Segment>,
    /// Files with cuts of this segment's rows, oldest first.
    files: Vec<Arc<SupersessionFile>>,
    /// Cuts of the first so many files that were read when the entry was made.
    known: Option<(usize, Arc<SupersessionSet>)>,
    /// The cuts, once somebody has asked for them.
    cuts: OnceLock<Arc<SupersessionSet>>,
}

impl SegmentEntry {
    pub(crate) fn new(segment: Arc<Segment>, files: Vec<Arc<SupersessionFile>>) -> SegmentEntry {
        SegmentEntry { segment, files, known: None, cuts: OnceLock::new() }
    }

    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    pub(crate) fn files(&self) -> &[Arc<SupersessionFile>] {
        &self.files
    }

    /// The same segment with one more file of cuts. What was read of the others is not read again: each flush adds a file, and
    /// looks at the cuts of all before.
    pub(crate) fn with_file(&self, file: Arc<SupersessionFile>) -> SegmentEntry {
        let files = self.files.iter().cloned().chain([file]).collect();
        let known = self.cuts.get().map(|cuts| (self.files.len(), cuts.clone()));
        let known = known.or_else(|| self.known.clone());
        SegmentEntry { known, ..SegmentEntry::new(self.segment.clone(), files) }
    }

    /// How many cuts there are, without reading them.
    pub(crate) fn cut_count(&self) -> u64 {
        let id = self.segment.meta().id;
        self.files.iter().map(|file| file.meta().cut_count(id)).sum()
    }

    /// The cuts of the segment's rows; read from disk the first time.
    pub(crate) fn cuts(&self) -> Result<Arc<SupersessionSet>> {
        if let Some(cuts) = self.cuts.get() {
            return Ok(cuts.clone());
        }
        let (known_count, known) = match &self.known {
            Some((count, cuts)) => (*count, Some(cuts)),
            None => (0, None),
        };
        let mut entries: Vec<_> = known.map(|cuts| cuts.iter().collect()).unwrap_or_default();
        for file in &self.files[known_count..] {
            file.read(self.segment.meta().id, self.segment.meta().row_count, &mut entries)?;
        }
        Ok(self.cuts.get_or_init(|| Arc::new(SupersessionSet::new(entries))).clone())
    }
}
