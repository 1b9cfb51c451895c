//! Rows become puts and deletes of the transaction.

use std::collections::HashSet;

use annals_engine::{Snapshot, TableSchema, VALID_FROM, VALID_TO};
use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Field, Schema};
use arrow::row::{RowConverter, SortField};
use std::sync::Arc;

use super::convert::converted;
use super::portion::Portion;
use super::{Action, Change, free, periods};
use crate::error::{Error, Result};
use crate::session::OpenTransaction;

/// So many rows are converted, clipped and encoded in well under a millisecond.
const QUICK_ROW_COUNT_MAX: usize = 256;

impl Change {
    /// Whether staging these rows takes no longer than handing them to another thread: an INSERT asks the table for their keys.
    pub(crate) fn is_quick(&self, batches: &[RecordBatch]) -> bool {
        let row_count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let asks = matches!(self.action, Action::Put { is_insert: true, .. });
        !asks && row_count <= QUICK_ROW_COUNT_MAX
    }

    /// Stages what the query gave; the number of rows put or retracted. An error leaves the transaction with part of it staged: the
    /// caller lets it fail.
    pub(crate) fn stage(
        &self,
        snapshot: &Snapshot,
        open: &mut OpenTransaction,
        batches: &[RecordBatch],
    ) -> Result<u64> {
        let batches: Vec<RecordBatch> =
            batches.iter().filter(|batch| batch.num_rows() > 0).cloned().collect();
        let row_count = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        match &self.action {
            Action::Put { columns, is_insert } => {
                let mut rows = Vec::with_capacity(batches.len());
                for batch in &batches {
                    rows.push(self.named(batch, columns)?);
                }
                if *is_insert {
                    free::check(snapshot, &self.table, &rows, open.acts_from())?;
                    self.expect_free(open, &rows)?;
                }
                for batch in &rows {
                    open.staged().put(&self.table.name, batch)?;
                }
            }
            Action::Update { portion, may_repeat } => {
                let names: Vec<String> =
                    self.table.columns.iter().map(|c| c.name.clone()).collect();
                let rows = self.versions(&batches, &names)?;
                if *may_repeat {
                    self.check_once(&rows)?;
                }
                for (batch, is_from_now) in clipped(&rows, *portion)? {
                    self.put_clipped(open, batch, is_from_now)?;
                }
            }
            Action::Delete { portion } => {
                let key = self.table.key.iter().map(|at| self.table.columns[*at].name.clone());
                let rows = self.versions(&batches, &key.collect::<Vec<_>>())?;
                for (batch, is_from_now) in clipped(&rows, *portion)? {
                    let batch = if is_from_now { without(&batch, VALID_FROM)? } else { batch };
                    open.staged()
                        .delete(&self.table.name, &without_event_end(&self.table, batch)?)?;
                }
            }
        }
        Ok(row_count)
    }

    /// The keys must still be free when the transaction commits. Nobody asks where the table is as it was: what the transaction itself
    /// has retracted is not free in the eyes of others.
    fn expect_free(&self, open: &mut OpenTransaction, rows: &[RecordBatch]) -> Result<()> {
        let (table, rows, acts_from) = (self.table.clone(), rows.to_vec(), open.acts_from());
        let seen = open.last_change(&table.name)?;
        let message = format!(
            "another transaction has made a key of table `{}` valid that this one inserts",
            table.name
        );
        open.staged().expect(message, move |latest| {
            let is_same = latest.last_change(&table.name)? == seen;
            Ok(is_same || free::check(latest, &table, &rows, acts_from).is_ok())
        });
        Ok(())
    }

    fn put_clipped(
        &self,
        open: &mut OpenTransaction,
        batch: RecordBatch,
        is_from_now: bool,
    ) -> Result<()> {
        let batch = if is_from_now { without(&batch, VALID_FROM)? } else { batch };
        Ok(open.staged().put(&self.table.name, &batch)?)
    }

    /// A batch under the names and types of its target columns.
    fn named(&self, batch: &RecordBatch, names: &[String]) -> Result<RecordBatch> {
        let convert = |(name, array): (&String, &ArrayRef)| converted(&self.table, name, array);
        let arrays = names.iter().zip(batch.columns()).map(convert).collect::<Result<Vec<_>>>()?;
        of_columns(names, arrays)
    }

    /// Batches of versions: the named columns, then the valid period.
    fn versions(&self, batches: &[RecordBatch], names: &[String]) -> Result<Vec<RecordBatch>> {
        let periods = [VALID_FROM, VALID_TO].map(str::to_owned);
        let names: Vec<String> = names.iter().cloned().chain(periods).collect();
        batches.iter().map(|batch| self.named(batch, &names)).collect()
    }

    /// An error if a version was matched by several rows of the other tables: which of them would give the values?
    fn check_once(&self, rows: &[RecordBatch]) -> Result<()> {
        let key: Vec<&str> =
            self.table.key.iter().map(|at| self.table.columns[*at].name.as_str()).collect();
        let mut seen = HashSet::new();
        for batch in rows {
            let columns = key
                .iter()
                .copied()
                .chain([VALID_FROM])
                .filter_map(|name| batch.column_by_name(name));
            let columns: Vec<ArrayRef> = columns.cloned().collect();
            let fields = columns.iter().map(|array| SortField::new(array.data_type().clone()));
            let converter = RowConverter::new(fields.collect())?;
            for row in &converter.convert_columns(&columns)? {
                if !seen.insert(row.as_ref().to_vec()) {
                    let message =
                        format!("several rows of FROM match one version of `{}`", self.table.name);
                    return Err(Error::invalid(message));
                }
            }
        }
        Ok(())
    }
}

/// The batches clipped to the portion; those that begin at the transaction's system time apart from the others.
fn clipped(rows: &[RecordBatch], portion: Portion) -> Result<Vec<(RecordBatch, bool)>> {
    let mut parts = Vec::new();
    for batch in rows {
        let count = batch.num_columns();
        let from = periods::instants(batch.column(count - 2), i64::MIN);
        let to = periods::instants(batch.column(count - 1), i64::MAX);
        let clip = from.iter().zip(&to).map(|(from, to)| portion.clip(*from, *to));
        let clip: Vec<(Option<i64>, i64)> = clip.collect();
        for is_from_now in [false, true] {
            let wanted =
                clip.iter().enumerate().filter(|(_, (from, _))| from.is_none() == is_from_now);
            let wanted: Vec<(u64, i64, i64)> =
                wanted.map(|(at, (from, to))| (at as u64, from.unwrap_or(i64::MIN), *to)).collect();
            if wanted.is_empty() {
                continue;
            }
            let indices = UInt64Array::from_iter_values(wanted.iter().map(|row| row.0));
            let part = take_record_batch(batch, &indices)?;
            let mut arrays = part.columns()[..count - 2].to_vec();
            arrays.push(periods::column(wanted.iter().map(|row| row.1)));
            arrays.push(periods::column(wanted.iter().map(|row| row.2)));
            let names: Vec<String> =
                batch.schema().fields().iter().map(|field| field.name().clone()).collect();
            parts.push((of_columns(&names, arrays)?, is_from_now));
        }
    }
    Ok(parts)
}

pub(super) fn of_columns(names: &[String], arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
    let field =
        |(name, array): (&String, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
    let fields: Vec<Field> = names.iter().zip(&arrays).map(field).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn without(batch: &RecordBatch, name: &str) -> Result<RecordBatch> {
    let kept: Vec<usize> =
        (0..batch.num_columns()).filter(|at| batch.schema().field(*at).name() != name).collect();
    Ok(batch.project(&kept)?)
}

/// An event is retracted whenever it occurred: its number says which one is meant.
fn without_event_end(table: &TableSchema, batch: RecordBatch) -> Result<RecordBatch> {
    match table.is_event {
        true => without(&without(&batch, VALID_FROM)?, VALID_TO),
        false => Ok(batch),
    }
}
