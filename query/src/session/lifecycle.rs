//! Partitions that leave and come back, retention and holds: what `ALTER TABLE t` asks of the engine.

use std::path::Path;
use std::sync::Arc;

use annals_engine::{
    Database, ErrorKind, Partition, PartitionChange, Predicate, TableSchema, rows,
};
use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;

use super::folders::Folders;
use super::{Outcome, Session, Tag};
use crate::error::{Error, Result};
use crate::parse::{AttachFrom, LifecycleChange, literal};

impl Session {
    pub(super) async fn change_life(
        &self,
        table: &str,
        change: LifecycleChange,
    ) -> Result<Outcome> {
        let database = self.sql.database().clone();
        let table = database.table(table)?;
        let by = self.user_name();
        let folders = self.sql.folders().clone();
        let work = move || run(&database, &folders, &table, change, &by);
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))?
    }
}

fn run(
    database: &Database,
    folders: &Folders,
    table: &Arc<TableSchema>,
    change: LifecycleChange,
    by: &str,
) -> Result<Outcome> {
    let name = table.name.as_str();
    let done = || Outcome::done(Tag::AlterTable);
    match change {
        LifecycleChange::Detach { partition, is_dry_run: true }
        | LifecycleChange::Drop { partition, is_dry_run: true } => {
            let changes = database.preview_partitions(name, &[Partition::parse(&partition)?])?;
            return previewed(&changes);
        }
        LifecycleChange::Detach { partition, .. } => {
            database.detach_partitions(name, &[Partition::parse(&partition)?], by)?;
        }
        LifecycleChange::Drop { partition, .. } => {
            database.drop_partitions(name, &[Partition::parse(&partition)?], by)?;
        }
        LifecycleChange::Archive { partition, to } => {
            let to: &Path = &folders.absolute(&to)?;
            database.archive_partition(name, Partition::parse(&partition)?, to, by)?;
        }
        LifecycleChange::Attach(AttachFrom::Name(partition)) => {
            database.attach_partition(name, Partition::parse(&partition)?, None, by)?;
        }
        LifecycleChange::Attach(AttachFrom::Folder(from)) => {
            database.attach_partition_from(name, folders.absolute(&from)?, by)?;
        }
        LifecycleChange::Retain(retention) => {
            let retention = retention.map(|one| folders.of_retention(one)).transpose()?;
            database.set_retention(name, retention.as_ref(), by)?;
        }
        LifecycleChange::PlaceHold { name: hold, condition } => {
            database.place_hold(name, &hold, &predicates(table, &condition)?, by)?;
        }
        LifecycleChange::ReleaseHold { name: hold } => database.release_hold(name, &hold, by)?,
    }
    Ok(done())
}

/// The condition of a hold in the types of its columns.
fn predicates(
    table: &TableSchema,
    condition: &[(String, Vec<sqlparser::ast::Expr>)],
) -> Result<Vec<Predicate>> {
    let predicate = |(column, literals): &(String, Vec<sqlparser::ast::Expr>)| {
        let data_type = table.columns[table.position(column)?].data_type;
        let values = literals.iter().map(|expr| literal(expr, data_type));
        let values = values.collect::<Result<Vec<_>>>()?;
        Ok(Predicate::In { column: column.clone(), values })
    };
    condition.iter().map(predicate).collect()
}

/// What would leave, and between which instants answers would be missing.
fn previewed(changes: &[PartitionChange]) -> Result<Outcome> {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let head = rows!(
        ("table_name", Utf8, changes.iter().map(|c| c.table.as_str()).collect::<Vec<_>>()),
        ("partition", Utf8, changes.iter().map(|c| c.partition.as_str()).collect::<Vec<_>>()),
        ("row_count", Int64, changes.iter().map(|c| count(c.row_count)).collect::<Vec<_>>()),
        ("bytes", Int64, changes.iter().map(|c| count(c.bytes)).collect::<Vec<_>>()),
    )?;
    let instants = |of: &dyn Fn(&PartitionChange) -> i64| -> ArrayRef {
        let micros = changes.iter().map(of);
        let bounded = micros.map(|at| (at != i64::MIN && at != i64::MAX).then_some(at));
        Arc::new(TimestampMicrosecondArray::from_iter(bounded).with_timezone("UTC"))
    };
    let ranges: [(&str, ArrayRef); 5] = [
        ("lost_valid_from", instants(&|change| change.valid.0.micros())),
        ("lost_valid_to", instants(&|change| change.valid.1.micros())),
        ("lost_system_from", instants(&|change| change.system.0.micros())),
        ("lost_system_to", instants(&|change| change.system.1.micros())),
        ("lost_before", instants(&|change| change.before.micros())),
    ];
    let schema = head.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let columns = names.zip(head.columns().iter().cloned()).chain(ranges);
    let columns = columns.map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
    let (schema, batches) = (batch.schema(), stream::iter([Ok(batch)]));
    let rows: datafusion::execution::SendableRecordBatchStream =
        Box::pin(RecordBatchStreamAdapter::new(schema, batches));
    Ok(Outcome { rows: Some(rows), ..Outcome::done(Tag::AlterTable) })
}
