//! One statement of a transaction, checked and ready to be given its system time.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;

use super::conform::{LeftOut, period_bound, table_columns};
use crate::codec::{Keys, encode_keys};
use crate::error::{Error, Result};
use crate::memtable::{Chunk, Operation};
use crate::schema::{TableSchema, VALID_FROM, VALID_TO};
use crate::time::{Period, ValidTime};

/// Rows put into, or keys deleted from, one table.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) operation: Operation,
    /// All columns for a put (an event table's number not yet assigned), the key columns for a delete.
    pub(crate) batch: RecordBatch,
    /// `None`: from the system time on.
    pub(crate) valid_from: Option<Vec<i64>>,
    /// `None`: unbounded; for events, a microsecond after `valid_from`.
    pub(crate) valid_to: Option<Vec<i64>>,
    /// `None` for event tables.
    keys: Option<Keys>,
}

/// What the writer decides about a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assigned {
    pub(crate) system_time: i64,
    pub(crate) commit_number: u64,
    /// How the events of the statement's table are numbered.
    pub(crate) events: EventIds,
}

/// The numbers of the events that one transaction puts into one table.
///
/// Until it commits they are -1, -2 and so on, which no committed event has: so it can name an event of its own in a delete, and
/// whatever number the event gets in the end, the delete means it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventIds {
    first: i64,
    step: i64,
    /// How many have been put so far.
    count: i64,
}

impl EventIds {
    /// Numbers for ever, from the table's next one on.
    pub(crate) fn committed(first: i64) -> EventIds {
        EventIds { first, step: 1, count: 0 }
    }

    /// Numbers inside the transaction.
    pub(crate) fn provisional() -> EventIds {
        EventIds { first: -1, step: -1, count: 0 }
    }

    /// A statement's rows have been numbered.
    pub(crate) fn advance(&mut self, statement: &Staged) {
        if statement.is_event_put() {
            self.count += statement.row_count() as i64;
        }
    }

    /// The number of the transaction's event at a position.
    fn at(&self, position: i64) -> i64 {
        self.first + self.step * position
    }

    /// What a number in a delete stands for.
    fn meant(&self, id: i64) -> i64 {
        let position = (-1_i64).saturating_sub(id);
        if (0..self.count).contains(&position) { self.at(position) } else { id }
    }
}

impl Staged {
    pub(crate) fn put(schema: Arc<TableSchema>, rows: &RecordBatch) -> Result<Staged> {
        if schema.is_event && rows.column_by_name(VALID_TO).is_some() {
            let name = &schema.name;
            return Err(Error::invalid(format!("rows of event table `{name}` have no {VALID_TO}")));
        }
        let shown: Vec<usize> = (usize::from(schema.is_event)..schema.columns.len()).collect();
        let mut columns = table_columns(&schema, rows, &shown, LeftOut::Default)?;
        if schema.is_event {
            columns.insert(0, Arc::new(Int64Array::from(vec![0; rows.num_rows()])));
        }
        let batch = RecordBatch::try_new(schema.arrow(), columns)?;
        Staged::new(schema, Operation::Put, batch, rows)
    }

    pub(crate) fn delete(schema: Arc<TableSchema>, keys: &RecordBatch) -> Result<Staged> {
        let columns = table_columns(&schema, keys, &schema.key, LeftOut::Refused)?;
        let batch = RecordBatch::try_new(key_schema(&schema), columns)?;
        Staged::new(schema, Operation::Delete, batch, keys)
    }

    fn new(
        schema: Arc<TableSchema>,
        operation: Operation,
        batch: RecordBatch,
        given: &RecordBatch,
    ) -> Result<Staged> {
        let mut valid_from = period_bound(&schema, given, VALID_FROM, i64::MIN)?;
        if schema.is_event && operation == Operation::Delete && valid_from.is_none() {
            // An event that occurred lies before the system time: from then on there would be nothing to retract.
            valid_from = Some(vec![i64::MIN; given.num_rows()]);
        }
        let valid_to = period_bound(&schema, given, VALID_TO, i64::MAX)?;
        let is_event_put = schema.is_event && operation == Operation::Put;
        if let Some(row) = valid_from.iter().flatten().position(|at| *at == i64::MIN)
            && is_event_put
        {
            let name = &schema.name;
            return Err(Error::invalid(format!(
                "row {row} of event table `{name}`: an event needs an instant"
            )));
        }
        // Numbers of events are not final before the commit.
        let keys = if schema.is_event { None } else { Some(keys_of(&schema, operation, &batch)?) };
        let staged = Staged { schema, operation, batch, valid_from, valid_to, keys };
        if let (Some(from), Some(to)) = (&staged.valid_from, &staged.valid_to) {
            staged.check_periods(from, to)?;
        }
        Ok(staged)
    }

    pub(crate) fn row_count(&self) -> usize {
        self.batch.num_rows()
    }

    /// Bytes of memory held.
    pub(crate) fn byte_count(&self) -> usize {
        self.batch.get_array_memory_size() + 40 * self.row_count()
    }

    pub(crate) fn is_event_put(&self) -> bool {
        self.schema.is_event && self.operation == Operation::Put
    }

    pub(crate) fn is_put(&self) -> bool {
        self.operation == Operation::Put
    }

    /// The period of a row; where it begins at the system time, that is `system_us`.
    pub(crate) fn period(&self, row: usize, system_us: i64) -> (i64, i64) {
        let from = self.valid_from.as_ref().map_or(system_us, |from| from[row]);
        let to = match &self.valid_to {
            Some(to) => to[row],
            None if self.is_event_put() => from.saturating_add(1),
            None => i64::MAX,
        };
        (from, to)
    }

    /// The keys of its rows; those of events that the transaction has put itself are provisional.
    pub(crate) fn encoded_keys(&self) -> Result<Keys> {
        match &self.keys {
            Some(keys) => Ok(keys.clone()),
            None => keys_of(&self.schema, self.operation, &self.batch),
        }
    }

    /// The rows as a memtable holds them; an error if a period that begins at the system time is empty.
    pub(crate) fn assign(&self, assigned: Assigned) -> Result<Chunk> {
        let row_count = self.row_count();
        let valid_from =
            self.valid_from.clone().unwrap_or_else(|| vec![assigned.system_time; row_count]);
        let valid_to = match (&self.valid_to, self.is_event_put()) {
            (Some(to), _) => to.clone(),
            (None, true) => valid_from.iter().map(|from| from + 1).collect(),
            (None, false) => vec![i64::MAX; row_count],
        };
        if self.valid_from.is_none() && self.valid_to.is_some() {
            self.check_periods(&valid_from, &valid_to)?;
        }
        let (batch, keys) = match &self.keys {
            Some(keys) => (self.batch.clone(), keys.clone()),
            None => {
                let batch = self.number_events(&assigned.events)?;
                let keys = keys_of(&self.schema, self.operation, &batch)?;
                (batch, keys)
            }
        };
        Ok(Chunk {
            operation: self.operation,
            schema: self.schema.clone(),
            hashes: (0..row_count).map(|row| keys.hash(row)).collect(),
            batch,
            keys,
            valid_from,
            valid_to,
            system_time: assigned.system_time,
            commit_number: assigned.commit_number,
        })
    }

    /// The batch with the numbers of its events: new ones for a put, those meant for a delete.
    fn number_events(&self, events: &EventIds) -> Result<RecordBatch> {
        let numbers: Int64Array = match self.operation {
            Operation::Put => {
                let first = events.count;
                (first..first + self.row_count() as i64).map(|at| Some(events.at(at))).collect()
            }
            Operation::Delete => {
                let given = self.batch.column(0).as_primitive::<Int64Type>();
                given.values().iter().map(|id| Some(events.meant(*id))).collect()
            }
        };
        let mut columns = self.batch.columns().to_vec();
        columns[0] = Arc::new(numbers);
        Ok(RecordBatch::try_new(self.batch.schema(), columns)?)
    }

    fn check_periods(&self, from: &[i64], to: &[i64]) -> Result<()> {
        let Some(row) = from.iter().zip(to).position(|(from, to)| from >= to) else {
            return Ok(());
        };
        let period =
            Period::new(ValidTime::from_micros(from[row]), ValidTime::from_micros(to[row]));
        let place = format!("row {row} of table `{}`", self.schema.name);
        period.map(|_| ()).map_err(|error| error.context(place))
    }
}

/// The key columns of a batch that has these and no others, in the order of the key.
pub(crate) fn key_columns(schema: &TableSchema, keys: &RecordBatch) -> Result<Vec<ArrayRef>> {
    if let Some(name) = [VALID_FROM, VALID_TO].iter().find(|n| keys.column_by_name(n).is_some()) {
        return Err(Error::invalid(format!("column `{name}` cannot be given here")));
    }
    table_columns(schema, keys, &schema.key, LeftOut::Refused)
}

/// The Arrow schema of a delete: the key columns in the order of the key.
pub(super) fn key_schema(schema: &TableSchema) -> arrow::datatypes::SchemaRef {
    let fields: Vec<_> = schema.key.iter().map(|at| schema.columns[*at].arrow()).collect();
    Arc::new(arrow::datatypes::Schema::new(fields))
}

/// The encoded keys of a statement's rows.
pub(super) fn keys_of(
    schema: &TableSchema,
    operation: Operation,
    batch: &RecordBatch,
) -> Result<Keys> {
    let columns: Vec<ArrayRef> = match operation {
        Operation::Put => schema.key.iter().map(|at| batch.column(*at).clone()).collect(),
        Operation::Delete => batch.columns().to_vec(),
    };
    encode_keys(&columns)
}
