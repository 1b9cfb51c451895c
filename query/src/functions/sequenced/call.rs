//! The aggregates of a sequenced query: which there are, of what, and of which type the answer is.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, Result, not_impl_err, plan_err};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable};

/// An aggregate function that a sweep can compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Function {
    Count,
    Sum,
    Avg,
    Min,
    Max,
}

impl Function {
    fn by_name(name: &str) -> Option<Function> {
        Some(match name {
            "count" => Function::Count,
            "sum" => Function::Sum,
            "avg" => Function::Avg,
            "min" => Function::Min,
            "max" => Function::Max,
            _ => return None,
        })
    }

    /// The same function of DataFusion, whose types are the types of the answers.
    fn udaf(self) -> Arc<AggregateUDF> {
        match self {
            Function::Count => count_udaf(),
            Function::Sum => sum_udaf(),
            Function::Avg => avg_udaf(),
            Function::Min => min_udaf(),
            Function::Max => max_udaf(),
        }
    }

    fn supports(self, argument: &DataType) -> bool {
        match self {
            Function::Count => true,
            Function::Sum => matches!(
                argument,
                DataType::Int64 | DataType::UInt64 | DataType::Float64 | DataType::Decimal128(_, _)
            ),
            Function::Avg => matches!(argument, DataType::Float64 | DataType::Decimal128(_, _)),
            Function::Min | Function::Max => {
                !argument.is_nested() && !matches!(argument, DataType::Null)
            }
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Function::Count => "count",
            Function::Sum => "sum",
            Function::Avg => "avg",
            Function::Min => "min",
            Function::Max => "max",
        })
    }
}

/// One aggregate of a sequenced query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    /// What is computed.
    pub(crate) function: Function,
    /// Of what, over the input's columns; `None` counts rows.
    pub(crate) argument: Option<Expr>,
    /// Whether equal arguments count once.
    pub(crate) is_distinct: bool,
    /// Only rows for which this is true are aggregated.
    pub(crate) filter: Option<Expr>,
    /// The name of the answer's column.
    pub(crate) name: String,
}

impl Call {
    /// `count(*)`.
    #[cfg(test)]
    pub(crate) fn count_rows(name: impl Into<String>) -> Call {
        Call {
            function: Function::Count,
            argument: None,
            is_distinct: false,
            filter: None,
            name: name.into(),
        }
    }

    /// `function(argument)`.
    #[cfg(test)]
    pub(crate) fn of(function: Function, argument: Expr, name: impl Into<String>) -> Call {
        Call { function, argument: Some(argument), ..Call::count_rows(name) }
    }

    /// The call that an aggregate expression of a planned query stands for; an error names what a sweep cannot compute. Aliases
    /// around it are the caller's.
    pub(crate) fn from_expr(expr: &Expr, name: impl Into<String>) -> Result<Call> {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else {
            return plan_err!("`{expr}` is no aggregate");
        };
        let Some(function) = Function::by_name(func.name()) else {
            return not_impl_err!(
                "SEQUENCED supports count, sum, avg, min and max, not {}",
                func.name()
            );
        };
        if !params.order_by.is_empty() || params.null_treatment.is_some() {
            return not_impl_err!("SEQUENCED: `{expr}` with ORDER BY or a treatment of NULLs");
        }
        let [argument] = params.args.as_slice() else {
            return not_impl_err!("SEQUENCED: `{expr}` does not have one argument");
        };
        let is_distinct = params.distinct;
        // `count(*)` arrives as the count of a literal.
        let counts_rows = function == Function::Count && !is_distinct;
        let is_constant = matches!(argument, Expr::Literal(value, _) if !value.is_null());
        let argument = (!(counts_rows && is_constant)).then(|| argument.clone());
        let filter = params.filter.as_deref().cloned();
        Ok(Call { function, argument, is_distinct, filter, name: name.into() })
    }

    /// The call with its argument cast to the type it is computed in, and the field of its answer: both as DataFusion has
    /// them for the same aggregate.
    pub(super) fn resolve(mut self, input: &DFSchema) -> Result<(Call, FieldRef)> {
        self.check_filter(input)?;
        let is_extreme = matches!(self.function, Function::Min | Function::Max);
        if self.is_distinct && is_extreme {
            self.is_distinct = false;
        }
        if self.is_distinct && self.function != Function::Count {
            return not_impl_err!("SEQUENCED {}(DISTINCT ...): `{}`", self.function, self.name);
        }
        let Some(argument) = self.argument.take() else {
            if self.function != Function::Count || self.is_distinct {
                return plan_err!("{} needs an argument: `{}`", self.function, self.name);
            }
            return Ok((self.clone(), Arc::new(Field::new(&self.name, DataType::Int64, false))));
        };
        let (_, field) = argument.to_field(input)?;
        if self.function == Function::Count {
            self.argument = Some(argument);
            return Ok((self.clone(), Arc::new(Field::new(&self.name, DataType::Int64, false))));
        }
        let udaf = self.function.udaf();
        let coerced = fields_with_udf(&[field], udaf.as_ref())?;
        let data_type = coerced[0].data_type();
        if !self.function.supports(data_type) {
            return not_impl_err!("SEQUENCED {} of {data_type}: `{}`", self.function, self.name);
        }
        let answer = udaf.return_field(&coerced)?.data_type().clone();
        self.argument = Some(argument.cast_to(data_type, input)?);
        Ok((self.clone(), Arc::new(Field::new(&self.name, answer, true))))
    }

    fn check_filter(&self, input: &DFSchema) -> Result<()> {
        let Some(filter) = &self.filter else { return Ok(()) };
        match filter.get_type(input)? {
            DataType::Boolean => Ok(()),
            other => plan_err!("FILTER of `{}` is of type {other}, not BOOLEAN", self.name),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let distinct = if self.is_distinct { "DISTINCT " } else { "" };
        write!(f, "{}({distinct}", self.function)?;
        match &self.argument {
            Some(argument) => write!(f, "{argument})")?,
            None => f.write_str("*)")?,
        }
        match &self.filter {
            Some(filter) => write!(f, " FILTER (WHERE {filter})"),
            None => Ok(()),
        }
    }
}
