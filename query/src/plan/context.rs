//! What one statement is planned against: names, functions, its snapshot and its present.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use annals_engine::schema::did_you_mean;
use annals_engine::{Clause, Database, Snapshot, SystemTime, TableSchema, ValidTime};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, Result as PlanResult, TableReference, plan_err};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{
    ContextProvider, ExprPlanner, RelationPlanner, TypePlanner,
};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use parking_lot::Mutex;
use sqlparser::ast::{Expr as SqlExpr, ObjectName, Query, Statement as SqlStatement};

use super::instant::{Bound, default_instant};
use super::now::present;
use super::relation::Relations;
use super::types::Types;
use crate::catalog;
use crate::error::{Error, Result};
use crate::parse::{Axis, Defaults, show_periods, table_name};
use crate::scan::{TemporalTable, ViewTable};

/// A view: its query, planned anew by every statement that names it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) query: Box<Query>,
    pub(crate) names_periods: bool,
}

/// Views by name.
pub(crate) type Views = HashMap<String, View>;

/// One statement's snapshot, present and defaults.
pub(crate) struct Context {
    database: Database,
    snapshot: Snapshot,
    names_periods: bool,
    valid: Option<ValidTime>,
    system: Option<SystemTime>,
    views: Arc<Views>,
    /// Views that are being planned, outermost first: one that names itself would never end.
    open_views: Mutex<Vec<String>>,
    state: Arc<SessionState>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn new(
        database: Database,
        snapshot: Snapshot,
        state: Arc<SessionState>,
        views: Arc<Views>,
    ) -> Context {
        Context {
            database,
            snapshot,
            names_periods: false,
            valid: None,
            system: None,
            views,
            open_views: Mutex::new(Vec::new()),
            state,
        }
    }

    /// Over tables that show their hidden columns, or not.
    pub(crate) fn naming_periods(mut self, names_periods: bool) -> Context {
        self.names_periods = names_periods;
        self
    }

    /// With other instants than the present for tables without a clause.
    pub(crate) fn with_defaults(
        mut self,
        valid: Option<ValidTime>,
        system: Option<SystemTime>,
    ) -> Context {
        self.valid = valid.or(self.valid);
        self.system = system.or(self.system);
        self
    }

    /// The instant that `now()` and tables without a clause speak of.
    pub(crate) fn now(&self) -> SystemTime {
        self.snapshot.system_time()
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The table of this name at the statement's default instants.
    fn table(&self, name: &str) -> Result<TemporalTable> {
        let mut table = TemporalTable::new(self.snapshot.clone(), name, self.names_periods)?;
        // The instant stands in the place of now, and an event table is not read at now: it shows all of valid time.
        if let Some(valid) = self.valid
            && !table.table().is_event
        {
            table = table.by_valid(Clause::AsOf(valid));
        }
        if let Some(system) = self.system {
            table = table.by_system(Clause::AsOf(system));
        }
        Ok(table)
    }

    /// The hidden columns of a table, `None` if there is no such table.
    pub(crate) fn hidden_columns(&self, name: &ObjectName) -> Option<Vec<&'static str>> {
        let name = table_name(name).ok()?;
        if self.views.contains_key(&name) {
            return None;
        }
        Some(TemporalTable::new(self.snapshot.clone(), &name, true).ok()?.hidden_columns())
    }
}

/// Plans one statement.
pub(crate) struct Planner {
    context: Arc<Context>,
    relations: Vec<Arc<dyn RelationPlanner>>,
}

impl Planner {
    pub(crate) fn new(context: Context) -> Planner {
        let context = Arc::new(context);
        let relations: Vec<Arc<dyn RelationPlanner>> =
            vec![Arc::new(Relations { context: context.clone() })];
        Planner { context, relations }
    }

    fn sql<'a>(&'a self) -> SqlToRel<'a, Planner> {
        let options =
            ParserOptions::new().with_parse_float_as_decimal(true).with_collect_spans(true);
        SqlToRel::new_with_options(self, options)
    }

    /// The logical plan of a query.
    pub(crate) fn plan(&self, mut query: Box<Query>) -> Result<LogicalPlan> {
        if self.context.names_periods {
            show_periods(&mut query, &|name| self.context.hidden_columns(name))?;
        }
        Ok(self.sql().sql_statement_to_plan(SqlStatement::Query(query))?)
    }

    /// The same planner over tables that show their hidden columns.
    pub(crate) fn naming_periods(&self) -> Planner {
        let context = &self.context;
        let copy = Context {
            database: context.database.clone(),
            snapshot: context.snapshot.clone(),
            names_periods: true,
            valid: context.valid,
            system: context.system,
            views: context.views.clone(),
            open_views: Mutex::new(Vec::new()),
            state: context.state.clone(),
        };
        Planner::new(copy)
    }

    /// The catalogue entry of a table that is to be changed.
    pub(crate) fn table_schema(&self, name: &str) -> Result<Arc<TableSchema>> {
        if self.context.views.contains_key(name) {
            return Err(Error::invalid(format!("`{name}` is a view: changes are made to tables")));
        }
        self.context.snapshot.table_schema(name).map_err(|_| self.missing(name))
    }

    /// A constant expression.
    pub(crate) fn constant(&self, syntax: SqlExpr) -> PlanResult<Expr> {
        self.sql().sql_to_expr(syntax, &DFSchema::empty(), &mut PlannerContext::new())
    }

    /// A bound of a range or portion.
    pub(crate) fn bound(&self, syntax: &SqlExpr) -> Result<Bound> {
        Bound::fold(syntax, &mut |syntax| self.constant(syntax))
    }

    /// The instants of `SETTING`.
    pub(crate) fn defaults(
        &self,
        defaults: &Defaults,
    ) -> Result<(Option<ValidTime>, Option<SystemTime>)> {
        let now = self.context.now();
        let read = |syntax: &Option<SqlExpr>, axis| match syntax {
            Some(syntax) => {
                default_instant(syntax, axis, now, &mut |syntax| self.constant(syntax)).map(Some)
            }
            None => Ok(None),
        };
        let valid = read(&defaults.valid, Axis::Valid)?.map(ValidTime::from_micros);
        Ok((valid, read(&defaults.system, Axis::System)?.map(SystemTime::from_micros)))
    }

    fn view(&self, name: &str, view: &View) -> Result<Arc<dyn TableSource>> {
        let context = &self.context;
        if context.open_views.lock().iter().any(|open| open == name) {
            return Err(Error::invalid(format!("view `{name}` names itself")));
        }
        context.open_views.lock().push(name.to_owned());
        let inner = Context::new(
            context.database.clone(),
            context.snapshot.clone(),
            context.state.clone(),
            context.views.clone(),
        );
        let inner =
            inner.naming_periods(view.names_periods).with_defaults(context.valid, context.system);
        *inner.open_views.lock() = context.open_views.lock().clone();
        let planned = Planner::new(inner).plan(view.query.clone());
        context.open_views.lock().pop();
        let query = planned.map_err(|error| {
            Error::new(error.kind(), format!("view `{name}`: {}", error.message()))
        })?;
        Ok(provider_as_source(Arc::new(ViewTable::new(name, query)?)))
    }

    fn missing(&self, name: &str) -> Error {
        let tables = self.context.snapshot.tables();
        let names = tables.iter().map(|table| table.name.as_str());
        let names = names.filter(|name| !catalog::is_reserved_table(name));
        let names = names.chain(self.context.views.keys().map(String::as_str));
        Error::invalid(format!("there is no table `{name}`{}", did_you_mean(name, names)))
    }
}

impl ContextProvider for Planner {
    fn get_table_source(&self, name: TableReference) -> PlanResult<Arc<dyn TableSource>> {
        let context = &self.context;
        if name.schema() == Some(catalog::SCHEMA) {
            if let Some(kept) = catalog::kept_as_table(name.table())
                && let Ok(table) = context.table(kept)
            {
                return Ok(provider_as_source(Arc::new(table)));
            }
            let table =
                catalog::table(&context.database, &context.snapshot, &context.state, name.table())?;
            return Ok(provider_as_source(table));
        }
        if name.catalog().is_some() || name.schema().is_some_and(|schema| schema != "public") {
            return Err(self.missing(&name.to_string()).into());
        }
        if let Some(view) = context.views.get(name.table()) {
            return Ok(self.view(name.table(), view)?);
        }
        match context.table(name.table()) {
            Ok(table) => Ok(provider_as_source(Arc::new(table))),
            Err(_) => Err(self.missing(name.table()).into()),
        }
    }

    fn get_table_function_source(
        &self,
        name: &str,
        arguments: Vec<Expr>,
    ) -> PlanResult<Arc<dyn TableSource>> {
        use datafusion::catalog::TableFunctionArgs;
        let Some(function) = self.context.state.table_functions().get(name) else {
            return plan_err!("there is no table function `{name}`");
        };
        let simplifier = datafusion::optimizer::simplify_expressions::ExprSimplifier::new(
            datafusion::logical_expr::simplify::SimplifyContext::builder().build(),
        );
        let schema = DFSchema::empty();
        let fold = |argument| {
            simplifier.coerce(argument, &schema).and_then(|expr| simplifier.simplify(expr))
        };
        let arguments: Vec<Expr> = arguments.into_iter().map(fold).collect::<PlanResult<_>>()?;
        let arguments = TableFunctionArgs::new(&arguments, &*self.context.state);
        Ok(provider_as_source(function.create_table_provider_with_args(arguments)?))
    }

    fn create_cte_work_table(
        &self,
        name: &str,
        schema: SchemaRef,
    ) -> PlanResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.context.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(Types))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        if let Some(present) = present(name, self.context.now()) {
            return Some(Arc::new(present));
        }
        self.context.state.scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.context.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.context.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.context.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.context.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.context.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.context.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.context.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.context.state.window_functions().keys().cloned().collect()
    }
}
