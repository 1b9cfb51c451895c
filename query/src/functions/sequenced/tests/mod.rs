//! What every test of sequenced aggregation needs: a session that plans it, and tables to run it on.

mod boundaries;
mod oracle;

use std::sync::Arc;

use annals_engine::{Period, Valid, ValidTime};
use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::{SessionConfig, SessionContext, col};

use super::{Call, SequencedPlanner, sequenced_aggregate};

#[derive(Debug)]
struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner =
            DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(SequencedPlanner)]);
        planner.create_physical_plan(plan, session).await
    }
}

/// A session that plans sequenced aggregates; batches are small, so that answers take several.
fn session() -> SessionContext {
    let config = SessionConfig::new().with_batch_size(7).with_target_partitions(2);
    let state = SessionStateBuilder::new().with_default_features().with_config(config);
    SessionContext::new_with_state(state.with_query_planner(Arc::new(Planner)).build())
}

/// Runs a sequenced aggregate on what `sql` selects.
async fn run(
    session: &SessionContext,
    sql: &str,
    groups: Vec<Expr>,
    calls: Vec<Call>,
    range: Period<Valid>,
) -> Result<Vec<RecordBatch>> {
    let input = session.sql(sql).await?.into_unoptimized_plan();
    let period = (col("_valid_from"), col("_valid_to"));
    let plan = sequenced_aggregate(input, groups, calls, period, range)?;
    session.execute_logical_plan(plan).await?.collect().await
}

/// Rows as text, a line each, cells parted by one space; NULL is `-`.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let shown = pretty_format_batches(batches).unwrap().to_string();
    let rows = shown.lines().filter(|line| line.starts_with('|')).skip(1);
    let cell = |cell: &str| match cell.trim() {
        "" => "-".to_owned(),
        text => text.trim_end_matches("T00:00:00Z").to_owned(),
    };
    rows.map(|row| row.trim_matches('|').split('|').map(cell).collect::<Vec<_>>().join(" "))
        .collect()
}

fn period(from: &str, to: &str) -> Period<Valid> {
    let at = |text: &str| ValidTime::parse(text).unwrap();
    Period::new(at(from), at(to)).unwrap()
}
