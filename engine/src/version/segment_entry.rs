//! A segment together with the supersessions of its rows and the bitmaps of its columns.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::bitmap::{BitmapFile, IndexId};
use crate::error::Result;
use crate::segment::Segment;
use crate::supersession::{SupersessionFile, SupersessionSet};

/// A segment as one version of the database sees it.
#[derive(Debug)]
pub(crate) struct SegmentEntry {
    segment: Arc<Segment>,
    /// Files with cuts of this segment's rows, oldest first.
    files: Vec<Arc<SupersessionFile>>,
    /// One for each index of which it was made or refused, in the order in which that was done.
    bitmaps: Vec<Arc<BitmapFile>>,
    /// The cuts of the first so many files, which are all once somebody has asked for them.
    known: Mutex<(usize, Arc<SupersessionSet>)>,
}

impl SegmentEntry {
    pub(crate) fn new(segment: Arc<Segment>, files: Vec<Arc<SupersessionFile>>) -> SegmentEntry {
        SegmentEntry { segment, files, bitmaps: Vec::new(), known: Mutex::default() }
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
        self.with(files, self.bitmaps.clone())
    }

    /// The bitmaps of the segment for an index, if they were made or refused.
    pub(crate) fn bitmap(&self, index: IndexId) -> Option<&Arc<BitmapFile>> {
        self.bitmaps.iter().find(|bitmap| bitmap.meta().index == index)
    }

    pub(crate) fn bitmaps(&self) -> &[Arc<BitmapFile>] {
        &self.bitmaps
    }

    /// The same segment with bitmaps more.
    pub(crate) fn with_bitmap(&self, bitmap: Arc<BitmapFile>) -> SegmentEntry {
        let bitmaps = self.bitmaps.iter().cloned().chain([bitmap]).collect();
        self.with(self.files.clone(), bitmaps)
    }

    /// The same segment without the bitmaps of some indexes.
    pub(crate) fn without_bitmaps(&self, dropped: &[IndexId]) -> SegmentEntry {
        let is_kept = |bitmap: &&Arc<BitmapFile>| !dropped.contains(&bitmap.meta().index);
        self.with(self.files.clone(), self.bitmaps.iter().filter(is_kept).cloned().collect())
    }

    /// The same segment with other files of cuts, of which the first are those it has, and other bitmaps.
    fn with(
        &self,
        files: Vec<Arc<SupersessionFile>>,
        bitmaps: Vec<Arc<BitmapFile>>,
    ) -> SegmentEntry {
        // Nobody waits here, where the state is exchanged, for one who is reading them: they would be read once more.
        let known = self.known.try_lock().map(|known| known.clone()).unwrap_or_default();
        let known = Mutex::new(known);
        SegmentEntry { segment: self.segment.clone(), files, bitmaps, known }
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
