//! What is asked, judged: which table, between which instants; and what the answer looks like.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use annals_engine::schema::EVENT_ID;
use annals_engine::{
    Clause, Error, Period, Result, Snapshot, SystemTime, TableSchema, VALID_FROM, VALID_TO, Valid,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// A question for what changed in a table.
#[derive(Clone, Debug)]
pub(crate) struct ChangesRequest {
    pub(super) snapshot: Snapshot,
    pub(super) table: Arc<TableSchema>,
    pub(super) from: SystemTime,
    pub(super) to: SystemTime,
    pub(super) valid: Period<Valid>,
}

impl ChangesRequest {
    /// How the belief at `to` differs from the belief at `from`, over the instants of `valid`.
    ///
    /// An error of kind `Invalid` says that `from` is later than `to`, that `to` is later than the snapshot's present, or that a
    /// column's name is one that the answer needs. If both are one instant, nothing differs.
    pub(crate) fn new(
        snapshot: Snapshot,
        table: Arc<TableSchema>,
        (from, to): (SystemTime, SystemTime),
        valid: Period<Valid>,
    ) -> Result<ChangesRequest> {
        let (from, to) = (from.checked()?, to.checked()?);
        let name = &table.name;
        if from > to {
            return Err(Error::invalid(format!(
                "changes of `{name}`: inverted range of system time, from {from} to {to}"
            )));
        }
        let now = snapshot.system_time();
        if to > now {
            return Err(Error::invalid(format!(
                "changes of `{name}`: system time {to} is later than now, {now}: the answer could \
                 still change"
            )));
        }
        let request = ChangesRequest { snapshot, table, from, to, valid };
        let mut seen = HashSet::new();
        let schema = request.schema();
        let twice = schema.fields().iter().find(|field| !seen.insert(field.name().as_str()));
        if let Some(twice) = twice {
            let (table, column) = (&request.table.name, twice.name());
            return Err(Error::invalid(format!(
                "changes of `{table}`: two columns of the answer would be named `{column}`"
            )));
        }
        Ok(request)
    }

    /// The positions of the columns that are shown once: the key, unless it is the hidden one of an event table.
    pub(super) fn shown_keys(&self) -> &[usize] {
        if self.table.is_event { &[] } else { &self.table.key }
    }

    /// The positions of the columns that are shown twice, in the order of the table.
    pub(super) fn values(&self) -> impl Iterator<Item = usize> {
        let is_value = |at: &usize| !self.table.key.contains(at);
        (0..self.table.columns.len()).filter(is_value)
    }

    /// The columns of the answer.
    pub(crate) fn schema(&self) -> SchemaRef {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let columns = &self.table.columns;
        let mut fields = vec![Field::new("change", DataType::Utf8, false)];
        fields.extend(self.shown_keys().iter().map(|at| columns[*at].arrow()));
        fields.push(Field::new("valid_from", instant.clone(), true));
        fields.push(Field::new("valid_to", instant, true));
        for at in self.values() {
            for side in ["old", "new"] {
                let name = format!("{side}_{}", columns[at].name);
                fields.push(Field::new(name, columns[at].data_type.arrow(), true));
            }
        }
        Arc::new(Schema::new(fields))
    }

    /// The columns that are read of each version: the key, the values, the valid period.
    pub(super) fn read_columns(&self) -> Vec<String> {
        let name = |at: usize| self.table.columns[at].name.clone();
        let key = match self.table.is_event {
            true => vec![EVENT_ID.to_owned()],
            false => self.table.key.iter().copied().map(name).collect(),
        };
        let period = [VALID_FROM, VALID_TO].map(str::to_owned);
        key.into_iter().chain(self.values().map(name)).chain(period).collect()
    }

    /// Versions that the range of valid time touches.
    pub(super) fn valid_clause(&self) -> Clause<Valid> {
        if self.valid == Period::ALL {
            return Clause::All;
        }
        Clause::FromTo(self.valid.from(), self.valid.to())
    }
}

/// A name for the answer that no other question has: what tells two scans of one plan apart.
impl fmt::Display for ChangesRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChangesRequest { table, from, to, valid, .. } = self;
        write!(f, "changes({}, system {from} to {to}, valid {valid})", table.name)
    }
}
