//! `annals.audit`: what is on record of partitions, retention, holds and erasures, and of the statements that were run.
//!
//! The engine's records are few and in memory; statements are scanned as any table is, so that a question about a day of them reads
//! that day.

use std::borrow::Cow;
use std::sync::Arc;

use annals_engine::{AuditRecord, Clause, Database, Snapshot, VALID_FROM};
use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::{Column, Result as PlanResult, ScalarValue, TableReference, internal_err};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType, lit};
use datafusion::physical_plan::ExecutionPlan;

use super::statements::{STATEMENTS, is_ours};
use crate::error::Result;
use crate::plan::Clauses;
use crate::scan::TemporalTable;

/// Both kinds of records, as the plan that reads them.
#[derive(Debug)]
struct AuditTable {
    plan: LogicalPlan,
    schema: SchemaRef,
}

pub(super) fn table(database: &Database, snapshot: &Snapshot) -> Result<Arc<dyn TableProvider>> {
    let records = records(database)?;
    let schema = records.schema();
    let records = MemTable::try_new(schema.clone(), vec![vec![records]])?;
    let records = provider_as_source(Arc::new(records));
    let name = TableReference::bare("annals.audit records");
    let mut plan = LogicalPlanBuilder::scan(name, records, None)?;
    if snapshot.table_schema(STATEMENTS).is_ok_and(|table| is_ours(&table)) {
        plan = plan.union(statements(snapshot, &schema)?)?;
    }
    Ok(Arc::new(AuditTable { plan: plan.build()?, schema }))
}

/// The engine's records in the columns of both.
fn records(database: &Database) -> Result<RecordBatch> {
    let records = database.audit()?;
    let text = |value: &dyn Fn(&AuditRecord) -> &String| -> ArrayRef {
        // What there is none of is NULL.
        let values = records.iter().map(|of| Some(value(of)).filter(|text| !text.is_empty()));
        Arc::new(values.collect::<StringArray>())
    };
    let numbers = records.iter().map(|record| i64::try_from(record.number).ok());
    let at = records.iter().map(|record| Some(record.at.micros()));
    let own: [ArrayRef; 7] = [
        Arc::new(numbers.collect::<Int64Array>()),
        Arc::new(TimestampMicrosecondArray::from_iter(at).with_timezone("UTC")),
        text(&|record| &record.by),
        text(&|record| &record.action),
        text(&|record| &record.table),
        text(&|record| &record.object),
        text(&|record| &record.detail),
    ];
    let schema = schema();
    let others = schema.fields()[own.len()..].iter();
    let others = others.map(|field| new_null_array(field.data_type(), records.len()));
    let columns = own.iter().cloned().chain(others).collect();
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn schema() -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let field = |name: &str, data_type: &DataType| Field::new(name, data_type.clone(), true);
    let text = |name: &str| field(name, &DataType::Utf8);
    Arc::new(Schema::new(vec![
        field("number", &DataType::Int64),
        field("at", &instant),
        text("by"),
        text("action"),
        text("table_name"),
        text("object"),
        text("detail"),
        text("request_id"),
        text("statement"),
        field("read_at", &instant),
        field("committed_at", &instant),
        field("row_count", &DataType::Int64),
        text("outcome"),
        field("duration_us", &DataType::Int64),
    ]))
}

/// The statements in the columns of both, as of now whatever the defaults of the session are: an audit is about what was done, not
/// about what was known of it.
fn statements(snapshot: &Snapshot, schema: &Schema) -> Result<LogicalPlan> {
    let now = Clauses {
        valid: Some(Clause::All),
        system: Some(Clause::AsOf(snapshot.system_time())),
        is_partial: true,
    };
    let (table, _) = TemporalTable::new(snapshot.clone(), STATEMENTS, true)?.at(&now);
    let name = TableReference::bare(format!("annals.audit {}", table.shown()));
    let scan = LogicalPlanBuilder::scan(name, provider_as_source(Arc::new(table)), None)?;
    let of_table = |name: &str| Expr::Column(Column::new_unqualified(name));
    let shown = schema.fields().iter().map(|field| {
        let value = match field.name().as_str() {
            "at" => of_table(VALID_FROM),
            "action" => lit("statement"),
            "number" | "table_name" | "object" | "detail" => {
                Expr::Literal(ScalarValue::try_from(field.data_type())?, None)
            }
            name => of_table(name),
        };
        Ok(value.alias(field.name()))
    });
    let shown = shown.collect::<PlanResult<Vec<Expr>>>()?;
    Ok(scan.project(shown)?.build()?)
}

#[async_trait]
impl TableProvider for AuditTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn get_logical_plan(&'_ self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        internal_err!("annals.audit is planned as what it shows")
    }
}
