//! Running one statement.

use std::sync::Arc;

use annals_engine::{ErrorKind, Snapshot, SystemTime, Value};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;
use sqlparser::ast::{Expr, ObjectName, Query};

use super::breadth::is_serial;
use super::memory::{self, Held};
use super::missing::notices_of;
use super::sql::on_deep_stack;
use super::transaction::OpenTransaction;
use super::{Access, Outcome, Prepared, Session, Tag, direct};
use crate::catalog::{check_free, is_reserved_table};
use crate::error::{Error, Result};
use crate::functions;
use crate::parse::{CreateTable, Defaults, Statement, bind, condition_query, table_name};
use crate::plan::{Bound, Context, Planner, View, yielding};
use crate::scan::TemporalTable;

impl Session {
    pub(super) async fn dispatch(
        &mut self,
        prepared: &Prepared,
        parameters: &[Value],
    ) -> Result<Outcome> {
        self.check_defaults(prepared)?;
        let parsed = &prepared.parsed;
        let mut statement = parsed.statement.clone();
        on_deep_stack(|| bind(&mut statement, &parsed.parameters, parameters))?;
        let names_periods = parsed.names_periods;
        // ERASE asks for its keys first.
        if prepared.access() == Access::Define && prepared.tag() != Tag::Erase {
            self.cancel.begin_commit()?;
        }
        match statement {
            Statement::Query { query, defaults } => {
                self.query(query, &defaults, names_periods).await
            }
            Statement::Explain { is_analyze, is_verbose, statement } => {
                let Statement::Query { query, defaults } = *statement else {
                    return Err(Error::invalid("EXPLAIN takes a query"));
                };
                let (plan, now) = self.plan(query, &defaults, names_periods)?;
                let plan =
                    LogicalPlanBuilder::from(plan).explain(is_verbose, is_analyze)?.build()?;
                self.answer(Tag::Explain, &plan, now).await
            }
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
                self.change(&statement, names_periods).await
            }
            Statement::Erase(erase) => self.erase(&erase, names_periods).await,
            Statement::CreateTable(create) => self.create_table(*create).await,
            Statement::AlterTable(alter) => self.alter_table(*alter).await,
            Statement::CreateIndex(create) => self.create_index(*create).await,
            Statement::DropIndex { name, if_exists } => self.drop_index(name, if_exists).await,
            Statement::CreateView { name, query, or_replace, names_periods } => {
                self.create_view(&name, query, or_replace, names_periods)
            }
            Statement::DropView { name, if_exists } => self.drop_view(&name, if_exists),
            Statement::Describe { table, query } => self.describe(&table, query).await,
            Statement::Begin { system_time } => self.begin(system_time),
            Statement::Commit => self.commit().await,
            Statement::Rollback => match self.transaction.take() {
                Some(_) => Ok(Outcome::done(Tag::Rollback)),
                None => Err(Error::invalid("ROLLBACK without a transaction")),
            },
            Statement::Assert { condition, message, text } => {
                self.assert(condition, message, &text, names_periods).await
            }
        }
    }

    async fn query(
        &mut self,
        query: Box<Query>,
        defaults: &Defaults,
        names_periods: bool,
    ) -> Result<Outcome> {
        let snapshot = self.snapshot()?;
        let instants = (self.valid, self.system);
        let is_table = |name: &str| !self.views.contains_key(name);
        let holds_reads = self.holds_reads && self.transaction.is_some();
        let found = match holds_reads {
            true => None,
            false => direct::look_up(&snapshot, &query, defaults, instants, is_table)?,
        };
        if let Some(rows) = found {
            let system_time = Some(self.system.unwrap_or(snapshot.system_time()));
            let outcome = Outcome { rows: Some(rows), system_time, ..Outcome::done(Tag::Select) };
            return Ok(Outcome { is_computed: true, ..outcome });
        }
        let (plan, now) = self.plan(query, defaults, names_periods)?;
        if let Some(open) = self.transaction.as_mut().filter(|_| holds_reads) {
            open.depends_on(tables_of(&plan)?);
        }
        self.answer(Tag::Select, &plan, now).await
    }

    /// What a statement reads: the transaction's own picture, or all that is committed.
    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        match &self.transaction {
            Some(transaction) => transaction.snapshot(),
            None => Ok(self.sql.database().snapshot()?),
        }
    }

    pub(super) fn context(&self, snapshot: Snapshot, names_periods: bool) -> Context {
        let database = self.sql.database().clone();
        let context =
            Context::new(database, snapshot, self.sql.state().clone(), self.views.clone());
        context.naming_periods(names_periods).with_defaults(self.valid, self.system)
    }

    /// The plan of a query, and the system instant that it is read at.
    fn plan(
        &self,
        query: Box<Query>,
        defaults: &Defaults,
        names_periods: bool,
    ) -> Result<(LogicalPlan, SystemTime)> {
        let snapshot = self.snapshot()?;
        let context = self.context(snapshot.clone(), names_periods);
        let now = context.now();
        let plan = on_deep_stack(|| -> Result<LogicalPlan> {
            let (valid, system) = Planner::new(self.context(snapshot, false)).defaults(defaults)?;
            Planner::new(context.with_defaults(valid, system)).plan(query)
        })?;
        // A default instant that is still to come shows what is known now.
        Ok((plan, self.system.map_or(now, |at| at.min(now))))
    }

    async fn describe(&self, table: &ObjectName, query: Box<Query>) -> Result<Outcome> {
        let name = table_name(table)?;
        if self.views.contains_key(&name) {
            return Err(Error::invalid(format!("`{name}` is a view: DESCRIBE takes a table")));
        }
        Planner::new(self.context(self.snapshot()?, false)).table_schema(&name)?;
        let (plan, now) = self.plan(query, &Defaults::default(), false)?;
        self.answer(Tag::Select, &plan, now).await
    }

    /// Changes are planned over tables at the session's defaults too, but what they change is what is believed now.
    fn check_defaults(&self, prepared: &Prepared) -> Result<()> {
        let axis = match (self.system, self.valid) {
            (Some(_), _) => "system",
            (None, Some(_)) => "valid",
            (None, None) => return Ok(()),
        };
        let tag = prepared.tag();
        if prepared.access() == Access::Read || tag == Tag::Rollback {
            return Ok(());
        }
        let message = format!(
            "{tag} concerns what is believed now, and a default {axis} time is set: run it without default instants"
        );
        Err(Error::invalid(message))
    }

    pub(super) async fn stream(&self, plan: &LogicalPlan) -> Result<SendableRecordBatchStream> {
        Ok(self.start(plan).await?.0)
    }

    /// The answer of a plan with all of its rows; while they are held, they count as memory of the statement.
    pub(super) async fn gather(&self, plan: &LogicalPlan) -> Result<Held> {
        let (rows, memory) = self.start(plan).await?;
        memory::gather(rows, &memory).await
    }

    /// The answer of a plan, and the memory that it may take.
    async fn start(
        &self,
        plan: &LogicalPlan,
    ) -> Result<(SendableRecordBatchStream, Arc<dyn MemoryPool>)> {
        // Whatever was planned, running it reads and nothing else.
        let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false);
        reads.with_allow_statements(false).verify_plan(plan)?;
        let plan = self.sql.state().optimize(plan)?;
        let state = if is_serial(&plan)? { self.sql.serial_state() } else { self.sql.state() };
        let made = memory::of_statement(self.sql.made(), self.memory_bytes_max);
        let physical = functions::bounded::Statement::new(state, made).operators(&plan).await?;
        let physical = yielding(physical, &self.cancel)?;
        let context = TaskContext::from(&**state);
        let context = match self.memory_bytes_max {
            Some(bytes_max) => memory::bounded(context, bytes_max),
            None => context,
        };
        let pool = context.memory_pool().clone();
        Ok((execute_stream(physical, Arc::new(context))?, pool))
    }

    async fn answer(&self, tag: Tag, plan: &LogicalPlan, now: SystemTime) -> Result<Outcome> {
        let notices = notices_of(plan)?;
        let rows = Some(self.stream(plan).await?);
        // Tables were read as of the default instant; asked as of now they may give another answer. What is not over yet is
        // settled up to now only.
        let system_time = Some(self.system.map_or(now, |at| at.min(now)));
        Ok(Outcome { rows, notices, system_time, ..Outcome::done(tag) })
    }

    async fn create_table(&mut self, create: CreateTable) -> Result<Outcome> {
        if self.transaction.is_some() {
            return Err(Error::invalid("CREATE TABLE cannot be part of a transaction"));
        }
        let name = table_name(&create.name)?;
        let database = self.sql.database().clone();
        if database.table(&name).is_ok() && create.if_not_exists {
            return Ok(Outcome::done(Tag::CreateTable));
        }
        let (spec, retention, by) = (create.spec, create.retention, self.user_name());
        let retention = retention.map(|one| self.sql.folders().of_retention(one)).transpose()?;
        let make = move || match retention {
            Some(retention) => database.create_table_retained(spec, &retention, &by),
            None => database.create_table(spec),
        };
        let made = tokio::task::spawn_blocking(make).await;
        made.map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))??;
        Ok(Outcome::done(Tag::CreateTable))
    }

    fn create_view(
        &mut self,
        name: &ObjectName,
        query: Box<Query>,
        or_replace: bool,
        names_periods: bool,
    ) -> Result<Outcome> {
        let name = table_name(name)?;
        check_free(&name)?;
        if self.views.contains_key(&name) && !or_replace {
            return Err(Error::invalid(format!("there is a view `{name}` already")));
        }
        if self.sql.database().table(&name).is_ok() {
            return Err(Error::invalid(format!("there is a table `{name}` already")));
        }
        // Planned once, so that a wrong query is refused here.
        self.plan(query.clone(), &Defaults::default(), names_periods)?;
        Arc::make_mut(&mut self.views).insert(name, View { query, names_periods });
        Ok(Outcome::done(Tag::CreateView))
    }

    fn drop_view(&mut self, name: &ObjectName, if_exists: bool) -> Result<Outcome> {
        let name = table_name(name)?;
        match Arc::make_mut(&mut self.views).remove(&name) {
            None if !if_exists => Err(Error::invalid(format!("there is no view `{name}`"))),
            _ => Ok(Outcome::done(Tag::DropView)),
        }
    }

    fn begin(&mut self, system_time: Option<Expr>) -> Result<Outcome> {
        if self.transaction.is_some() {
            return Err(Error::invalid("a transaction is open already"));
        }
        let database = self.sql.database();
        let system_time = match &system_time {
            Some(syntax) => {
                let planner = Planner::new(self.context(database.snapshot()?, false));
                let Bound(at) = planner.bound(syntax)?;
                let at =
                    at.ok_or_else(|| Error::invalid("SYSTEM_TIME = NULL: an instant is needed"))?;
                Some(SystemTime::from_micros(at))
            }
            None => None,
        };
        self.transaction = Some(OpenTransaction::begin(database, system_time)?);
        Ok(Outcome::done(Tag::Begin))
    }

    async fn commit(&mut self) -> Result<Outcome> {
        match self.transaction.take() {
            Some(open) => {
                self.cancel.begin_commit()?;
                let commit = open.commit().await?;
                Ok(Outcome { commit, ..Outcome::done(Tag::Commit) })
            }
            None => Err(Error::invalid("COMMIT without a transaction")),
        }
    }

    async fn assert(
        &mut self,
        condition: Expr,
        message: Option<String>,
        text: &str,
        names_periods: bool,
    ) -> Result<Outcome> {
        let (plan, _) =
            self.plan(condition_query(condition)?, &Defaults::default(), names_periods)?;
        let tables = tables_of(&plan)?;
        let notices = notices_of(&plan)?;
        let batches: Vec<_> = self.stream(&plan).await?.try_collect().await?;
        let holds = batches.iter().any(|batch| batch.num_rows() > 0);
        if !holds {
            let message = message.unwrap_or_else(|| format!("assertion failed: {text}"));
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if let Some(open) = &mut self.transaction {
            open.depends_on(tables);
        }
        Ok(Outcome { notices, ..Outcome::done(Tag::Assert) })
    }
}

/// The tables that a plan reads, those of its subqueries among them. System tables are shown as they are when they are read, and
/// nothing is taken back because they go on.
pub(super) fn tables_of(plan: &LogicalPlan) -> Result<Vec<String>> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = provider.downcast_ref::<TemporalTable>()
            && !is_reserved_table(&table.table().name)
        {
            found.push(table.table().name.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
