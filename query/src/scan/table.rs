//! A table at its instants.

use std::sync::Arc;

use annals_engine::{
    Axis, Clause, MissingPartition, Predicate, SYSTEM_FROM, SYSTEM_TO, Scan, ScanEstimate,
    Snapshot, System, TableSchema, VALID_FROM, VALID_TO, Valid, arrow::datatypes as engine_types,
};
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use super::exec::TemporalScan;
use super::occurrence;
use super::pushdown::predicate_of;
use crate::error::Result;
use crate::plan::Clauses;

/// A table of one snapshot, with the clause of each axis: its own, the statement's default, or none.
#[derive(Clone, Debug)]
pub(crate) struct TemporalTable {
    snapshot: Snapshot,
    table: Arc<TableSchema>,
    valid: Option<Clause<Valid>>,
    system: Option<Clause<System>>,
    /// On which axes a clause of the statement has put it to its instants, rather than a default.
    has_valid_clause: bool,
    has_system_clause: bool,
    /// Whether what is left will do where partitions are missing.
    is_partial: bool,
    schema: SchemaRef,
}

impl TemporalTable {
    /// The table of this name without a clause; with its hidden columns or without.
    pub(crate) fn new(snapshot: Snapshot, name: &str, shows_hidden: bool) -> Result<TemporalTable> {
        let table = snapshot.table_schema(name)?;
        let first = usize::from(table.is_event && !shows_hidden);
        let mut fields: Vec<Field> =
            table.columns[first..].iter().map(|column| column.arrow()).collect();
        if shows_hidden {
            fields.extend([VALID_FROM, VALID_TO, SYSTEM_FROM, SYSTEM_TO].map(period_field));
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(TemporalTable {
            snapshot,
            table,
            valid: None,
            system: None,
            has_valid_clause: false,
            has_system_clause: false,
            is_partial: false,
            schema,
        })
    }

    pub(crate) fn table(&self) -> &Arc<TableSchema> {
        &self.table
    }

    pub(crate) fn by_valid(mut self, clause: Clause<Valid>) -> TemporalTable {
        self.valid = Some(clause);
        self
    }

    pub(crate) fn by_system(mut self, clause: Clause<System>) -> TemporalTable {
        self.system = Some(clause);
        self
    }

    /// The names that `*` leaves out.
    pub(crate) fn hidden_columns(&self) -> Vec<&'static str> {
        let event = self.table.is_event.then_some(crate::parse::EVENT_ID);
        event.into_iter().chain([VALID_FROM, VALID_TO, SYSTEM_FROM, SYSTEM_TO]).collect()
    }

    /// The same table at the instants of these clauses, and which of them it has taken: on an axis where a clause further in has put
    /// it to its own instants, it stays there.
    pub(crate) fn at(&self, clauses: &Clauses) -> (TemporalTable, Clauses) {
        let valid = clauses.valid.filter(|_| !self.has_valid_clause);
        let system = clauses.system.filter(|_| !self.has_system_clause);
        let mut table = self.clone();
        table.valid = valid.or(table.valid);
        table.system = system.or(table.system);
        table.has_valid_clause |= valid.is_some();
        table.has_system_clause |= system.is_some();
        table.is_partial |= clauses.is_partial;
        (table, Clauses { valid, system, is_partial: clauses.is_partial })
    }

    /// The clauses as a statement would write them; a scan's name among the planner's.
    pub(crate) fn shown(&self) -> String {
        let default = if self.table.is_event { "ALL" } else { "AS OF now()" };
        let valid = self.valid.map_or_else(|| default.to_owned(), show);
        let system = self.system.map_or_else(|| "AS OF now()".to_owned(), show);
        let partial = if self.is_partial { " ALLOW PARTIAL" } else { "" };
        format!("FOR VALID_TIME {valid} FOR SYSTEM_TIME {system}{partial}")
    }

    /// The partitions that may hold rows of it and are not part of the database: what its answer leaves out, unless it is refused.
    pub(crate) fn missing(&self) -> Result<Vec<MissingPartition>> {
        Ok(self.engine_scan()?.missing()?)
    }

    /// What a scan with these filters would touch.
    pub(crate) fn estimate(&self, filters: &[Expr]) -> Result<ScanEstimate> {
        let predicates = filters.iter().filter_map(|filter| predicate_of(filter, &self.schema));
        Ok(self.filtered(predicates.collect())?.estimate()?)
    }

    /// The engine's scan of the rows that these hold for.
    fn filtered(&self, predicates: Vec<Predicate>) -> Result<Scan> {
        let mut scan = self.engine_scan()?;
        let is_over_all = matches!(self.valid, None | Some(Clause::All));
        if self.table.is_event
            && is_over_all
            && let Some(occurred) = occurrence::clause_of(&predicates)
        {
            scan = scan.valid(occurred);
        }
        Ok(predicates.into_iter().fold(scan, Scan::filter))
    }

    /// The engine's scan, before columns and filters are chosen.
    fn engine_scan(&self) -> Result<Scan> {
        let mut scan = self.snapshot.scan(&self.table.name)?;
        if let Some(valid) = self.valid {
            scan = scan.valid(valid);
        }
        if let Some(system) = self.system {
            scan = scan.system(system);
        }
        Ok(if self.is_partial { scan.allow_partial() } else { scan })
    }
}

fn period_field(name: &str) -> Field {
    let unit = engine_types::TimeUnit::Microsecond;
    Field::new(
        name,
        engine_types::DataType::Timestamp(unit, Some("UTC".into())),
        name != SYSTEM_FROM,
    )
}

fn show<A: Axis>(clause: Clause<A>) -> String {
    match clause {
        Clause::AsOf(at) => format!("AS OF {at}"),
        Clause::FromTo(from, to) => format!("FROM {from} TO {to}"),
        Clause::Between(from, to) => format!("BETWEEN {from} AND {to}"),
        Clause::ContainedIn(from, to) => format!("CONTAINED IN ({from}, {to})"),
        Clause::All => "ALL".to_owned(),
    }
}

#[async_trait]
impl TableProvider for TemporalTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        let exactness = |filter: &&Expr| match predicate_of(filter, &self.schema) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(exactness).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => self.schema.clone(),
        };
        let (mut predicates, mut shown) = (Vec::new(), Vec::new());
        for filter in filters {
            // What was pushed down may have become constant since: `IS NOT NULL` of a column that never is.
            if let Expr::Literal(ScalarValue::Boolean(value), _) = filter {
                match value {
                    Some(true) => continue,
                    _ => return Ok(Arc::new(EmptyExec::new(schema))),
                }
            }
            let Some(predicate) = predicate_of(filter, &self.schema) else {
                return datafusion::common::internal_err!("{filter} was not pushed down");
            };
            shown.push(filter.to_string());
            predicates.push(predicate);
        }
        let mut scan = self.filtered(predicates)?;
        scan = scan.columns(schema.fields().iter().map(|field| field.name().clone()));
        if let Some(limit) = limit {
            scan = scan.limit(limit);
        }
        let name = format!("{} {}", self.table.name, self.shown());
        let part_count = session.config().target_partitions();
        Ok(Arc::new(TemporalScan::new(name, scan, schema, shown, limit, part_count)?))
    }
}
