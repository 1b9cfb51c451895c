//! The sweep: key by key over the ends of versions, old against new; and the rows that come of it.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;

use super::gather::{Found, Side, Versions, gather};
use super::request::ChangesRequest;

/// A row of the answer: over a valid period, one version was believed and the other one is.
#[derive(Clone, Copy)]
struct Change {
    from: i64,
    to: i64,
    old: Option<Found>,
    new: Option<Found>,
}

/// The changes of a table, as batches in the order of keys and valid time.
pub(crate) struct Changes {
    request: ChangesRequest,
    versions: Versions,
    /// Where in the sorted versions the next key begins.
    next: usize,
    ready: Vec<Change>,
    batch_rows: usize,
    projection: Vec<usize>,
    output: SchemaRef,
}

impl Changes {
    /// Reads what may differ. `projection` are the columns of the answer to give; a batch has about `batch_rows` rows. It
    /// gives up with an error when `is_wanted` says that nobody waits any more.
    pub(crate) fn read(
        request: ChangesRequest,
        projection: Vec<usize>,
        batch_rows: usize,
        memory: MemoryReservation,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Changes> {
        let output = Arc::new(request.schema().project(&projection)?);
        let versions = gather(&request, memory, is_wanted)?;
        let (next, ready) = (0, Vec::new());
        Ok(Changes { request, versions, next, ready, batch_rows, projection, output })
    }

    fn advance(&mut self) -> Result<Option<RecordBatch>> {
        while self.ready.len() < self.batch_rows && self.next < self.versions.sorted.len() {
            let key = self.key_at(self.next);
            self.next = key.end;
            sweep(&self.versions, &self.versions.sorted[key], &mut self.ready);
        }
        if self.ready.is_empty() {
            return Ok(None);
        }
        let rest = self.ready.split_off(self.ready.len().min(self.batch_rows));
        let changes = std::mem::replace(&mut self.ready, rest);
        self.batch(&changes).map(Some)
    }

    /// The versions of the key that begins at `start`.
    fn key_at(&self, start: usize) -> Range<usize> {
        let sorted = &self.versions.sorted;
        let key = self.versions.key_of(&sorted[start]);
        let is_same = |found: &&Found| self.versions.key_of(found) == key;
        start..start + sorted[start..].iter().take_while(is_same).count()
    }

    fn batch(&self, changes: &[Change]) -> Result<RecordBatch> {
        let columns = self.projection.iter().map(|at| self.column(*at, changes));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(changes.len()));
        Ok(RecordBatch::try_new_with_options(self.output.clone(), columns, &options)?)
    }

    /// Column `at` of [`ChangesRequest::schema`].
    fn column(&self, at: usize, changes: &[Change]) -> Result<ArrayRef> {
        let key_count = self.request.shown_keys().len();
        if at == 0 {
            let names = changes.iter().map(Change::name);
            return Ok(Arc::new(StringArray::from_iter_values(names)));
        }
        if let Some(key) = (at - 1 < key_count).then_some(at - 1) {
            return self.taken(key, changes.iter().map(|change| change.old.or(change.new)));
        }
        match at - 1 - key_count {
            0 => Ok(instants(changes.iter().map(|change| change.from), i64::MIN)),
            1 => Ok(instants(changes.iter().map(|change| change.to), i64::MAX)),
            value => {
                let (value, is_new) = ((value - 2) / 2, value % 2 == 1);
                let side = |change: &Change| if is_new { change.new } else { change.old };
                self.taken(self.request.table.key.len() + value, changes.iter().map(side))
            }
        }
    }

    /// Column `column` of what was read, of the given versions; NULL where there is none.
    fn taken(&self, column: usize, from: impl Iterator<Item = Option<Found>>) -> Result<ArrayRef> {
        let batches = &self.versions.batches;
        let data_type = batches[0].column(column).data_type();
        let null = new_null_array(data_type, 1);
        let mut arrays: Vec<&dyn Array> = vec![null.as_ref()];
        arrays.extend(batches.iter().map(|batch| batch.column(column).as_ref()));
        let place = |found: Option<Found>| {
            found.map_or((0, 0), |found| (found.batch as usize + 1, found.row as usize))
        };
        let places: Vec<(usize, usize)> = from.map(place).collect();
        Ok(interleave(&arrays, &places)?)
    }
}

impl Iterator for Changes {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        self.advance().transpose()
    }
}

impl Change {
    fn name(&self) -> &'static str {
        match (self.old, self.new) {
            (None, _) => "added",
            (_, None) => "retracted",
            _ => "restated",
        }
    }
}

/// Sweeps the versions of one key, sorted by their beginning. On each side none overlaps another, so what holds at an instant
/// is the last that began there, if it has not ended.
fn sweep(versions: &Versions, key: &[Found], changes: &mut Vec<Change>) {
    let first = changes.len();
    let (mut old, mut new): (Option<Found>, Option<Found>) = (None, None);
    let (mut next, mut at) = (0, i64::MIN);
    loop {
        old = old.filter(|found| found.to > at);
        new = new.filter(|found| found.to > at);
        while let Some(found) = key.get(next).filter(|found| found.from <= at) {
            match found.side {
                Side::Old => old = Some(*found),
                Side::New => new = Some(*found),
            }
            next += 1;
        }
        let begins = key.get(next).map(|found| found.from);
        let ends = [old, new].into_iter().flatten().map(|found| found.to);
        let Some(to) = begins.into_iter().chain(ends).min() else { return };
        let change = Change { from: at, to, old, new };
        if differs(versions, &change) {
            push(versions, first, change, changes);
        }
        at = to;
    }
}

fn differs(versions: &Versions, change: &Change) -> bool {
    match (&change.old, &change.new) {
        (None, None) => false,
        (Some(old), Some(new)) => !versions.agree(old, new),
        _ => true,
    }
}

/// Appends a change of the key whose changes begin at `first`, or prolongs the last one if it goes on.
fn push(versions: &Versions, first: usize, change: Change, changes: &mut Vec<Change>) {
    let same = |left: &Option<Found>, right: &Option<Found>| match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => versions.agree(left, right),
        _ => false,
    };
    if let Some(last) = changes[first..].last_mut() {
        let is_alike = same(&last.old, &change.old) && same(&last.new, &change.new);
        if last.to == change.from && is_alike {
            last.to = change.to;
            return;
        }
    }
    changes.push(change);
}

fn instants(instants: impl Iterator<Item = i64>, unbounded: i64) -> ArrayRef {
    let instants = instants.map(|at| (at != unbounded).then_some(at));
    Arc::new(instants.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}
