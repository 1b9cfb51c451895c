//! The logical node: a sequenced aggregate on top of a plan.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use annals_engine::{Period, VALID_FROM, VALID_TO, Valid};
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err, plan_err};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, UserDefinedLogicalNodeCore,
};

use super::call::Call;

/// Puts a sequenced aggregate on a plan.
///
/// `groups` and the calls are expressions over the input's columns, `period` are the two that hold a row's valid period
/// (timestamps in microseconds UTC, NULL where unbounded), `range` is what is asked about: [`Period::ALL`] without `FROM a TO b`. The
/// output has the columns of `groups` under their names and qualifiers, the answers under the names of the calls, `_valid_from` and
/// `_valid_to`.
pub(crate) fn sequenced_aggregate(
    input: LogicalPlan,
    groups: Vec<Expr>,
    calls: Vec<Call>,
    period: (Expr, Expr),
    range: Period<Valid>,
) -> Result<LogicalPlan> {
    let node = SequencedAggregate::new(input, groups, calls, period, range)?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// See [`sequenced_aggregate`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SequencedAggregate {
    pub(super) input: LogicalPlan,
    pub(super) groups: Vec<Expr>,
    pub(super) calls: Vec<Call>,
    pub(super) valid_from: Expr,
    pub(super) valid_to: Expr,
    pub(super) range: Period<Valid>,
    pub(super) schema: DFSchemaRef,
}

impl SequencedAggregate {
    fn new(
        input: LogicalPlan,
        groups: Vec<Expr>,
        calls: Vec<Call>,
        (valid_from, valid_to): (Expr, Expr),
        range: Period<Valid>,
    ) -> Result<SequencedAggregate> {
        if groups.is_empty() && calls.is_empty() {
            return plan_err!("SEQUENCED needs a column to group by or an aggregate");
        }
        let from = input.schema();
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for expr in [&valid_from, &valid_to] {
            let data_type = expr.get_type(from)?;
            if data_type != instant {
                return plan_err!("SEQUENCED: `{expr}` is of type {data_type}, not {instant}");
            }
        }
        let mut fields = Vec::new();
        for group in &groups {
            fields.push(group.to_field(from)?);
        }
        let mut resolved = Vec::with_capacity(calls.len());
        for call in calls {
            let (call, field) = call.resolve(from)?;
            resolved.push(call);
            fields.push((None, field));
        }
        for name in [VALID_FROM, VALID_TO] {
            fields.push((None, Arc::new(Field::new(name, instant.clone(), true))));
        }
        let schema = DFSchema::new_with_metadata(fields, from.metadata().clone())?;
        let (calls, schema) = (resolved, Arc::new(schema));
        Ok(SequencedAggregate { input, groups, calls, valid_from, valid_to, range, schema })
    }
}

/// The expressions of a call in the order in which a node lists them.
fn parts(call: &Call) -> impl Iterator<Item = &Expr> {
    call.argument.iter().chain(&call.filter)
}

/// Nodes have no order but that of being the same.
impl PartialOrd for SequencedAggregate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for SequencedAggregate {
    fn name(&self) -> &str {
        "SequencedAggregate"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let period = [&self.valid_from, &self.valid_to];
        let calls = self.calls.iter().flat_map(parts);
        period.into_iter().chain(&self.groups).chain(calls).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: Vec<String>| items.join(", ");
        let groups = list(self.groups.iter().map(ToString::to_string).collect());
        let calls = list(self.calls.iter().map(ToString::to_string).collect());
        let range = self.range;
        write!(f, "SequencedAggregate: valid=[{range}], groupBy=[{groups}], aggr=[{calls}]")
    }

    /// Rewriting changes neither names nor types, so the schema stays.
    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let expected = 2 + self.groups.len() + self.calls.iter().flat_map(parts).count();
        let ([input], true) = (inputs.as_slice(), exprs.len() == expected) else {
            return internal_err!("SequencedAggregate was given other expressions or inputs");
        };
        let mut node = SequencedAggregate { input: input.clone(), ..self.clone() };
        let calls = node.calls.iter_mut().flat_map(|c| c.argument.iter_mut().chain(&mut c.filter));
        let period = [&mut node.valid_from, &mut node.valid_to];
        let places = period.into_iter().chain(&mut node.groups).chain(calls);
        places.zip(exprs).for_each(|(place, expr)| *place = expr);
        Ok(node)
    }
}
