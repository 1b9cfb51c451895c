//! A segment together with the supersessions of its rows.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Result;
use crate::segment::Segment;
use crate::supersession::{SupersessionFile, SupersessionSet};

/// A segment as one version of the database sees it.
#[derive(Debug)]
pub(crate) struct SegmentEntry {
    segment: Arc<Segment>,
    /// Files with cuts of this segment's rows, oldest first.
    files: Vec<Arc<SupersessionFile>>,
    /// The cuts of the first so many files, which are all once somebody has asked for them.
    known: Mutex<(usize, Arc<SupersessionSet>)>,
}

impl SegmentEntry {
    pub(crate) fn new(segment: Arc<Segment>, files: Vec<Arc<SupersessionFile>>) -> SegmentEntry {
        SegmentEntry { segment, files, known: Mutex::default() }
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
        // Nobody waits here, where the state is exchanged, for one who is reading them: they would be read once more.
        let known = self.known.try_lock().map(|known| known.clone()).unwrap_or_default();
        let known = Mutex::new(known);
        SegmentEntry { segment: self.segment.clone(), files, known }
    }

    /// How many cuts there are, without reading them.
    pub(crate) fn cut_count(&self) -> u64 {
        let id = self.segment.meta().id;
        self.files.iter().map(|file| file.meta().cut_count(id)).sum()
    }

    /// The cuts of the segment's rows; read from disk the first time.
    pub(crate) fn cuts(&self) -> Result<Arc<SupersessionSet>> {
        let mut known = self.known.lock();
        let (known_count, cuts) = &mut *known;
        if *known_count < self.files.len() {
            let (id, row_count) = (self.segment.meta().id, self.segment.meta().row_count);
            let mut newer = Vec::new();
            for file in &self.files[*known_count..] {
                file.read(id, row_count, &mut newer)?;
            }
            *cuts = Arc::new(cuts.with(&SupersessionSet::new(newer)));
            *known_count = self.files.len();
        }
        Ok(cuts.clone())
    }
}
