//! Bounds of temporal clauses: constant expressions, folded to instants before anything is planned.

use annals_engine::{Clause, SystemTime, Time, ValidTime};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use sqlparser::ast::{Expr as SqlExpr, Spanned};

use crate::error::{Error, Result};
use crate::parse::{Axis, Form};

const MICROS_OF_DAY: i64 = 86_400_000_000;

/// Turns syntax into an expression without columns.
pub(crate) type ToExpr<'a> = dyn FnMut(SqlExpr) -> Result<Expr, DataFusionError> + 'a;

/// An instant or, as NULL, unbounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound(pub(crate) Option<i64>);

/// What a table's clauses say, folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Clauses {
    pub(crate) valid: Option<Clause<annals_engine::Valid>>,
    pub(crate) system: Option<Clause<annals_engine::System>>,
    /// Whether what is left will do where partitions are missing.
    pub(crate) is_partial: bool,
}

impl Bound {
    /// The value of a constant expression.
    pub(crate) fn fold(syntax: &SqlExpr, to_expr: &mut ToExpr<'_>) -> Result<Bound> {
        let span = syntax.span();
        let expr = to_expr(syntax.clone()).map_err(|error| Error::from(error).at(span))?;
        let schema = DFSchema::empty();
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().build());
        let folded = simplifier.coerce(expr, &schema).and_then(|expr| simplifier.simplify(expr));
        match folded.map_err(|error| Error::from(error).at(span))? {
            Expr::Literal(value, _) => Bound::of(&value).map_err(|error| error.at(span)),
            _ => {
                let message = format!(
                    "`{syntax}` is not a constant: a temporal clause takes a literal, a parameter or now()"
                );
                Err(Error::invalid(message).at(span))
            }
        }
    }

    /// The instant that a value stands for: a date is its midnight, text is read as an instant.
    pub(crate) fn of(value: &ScalarValue) -> Result<Bound> {
        let micros = match value {
            value if value.is_null() => None,
            ScalarValue::TimestampSecond(Some(v), _) => v.checked_mul(1_000_000),
            ScalarValue::TimestampMillisecond(Some(v), _) => v.checked_mul(1_000),
            ScalarValue::TimestampMicrosecond(Some(v), _) => Some(*v),
            ScalarValue::TimestampNanosecond(Some(v), _) => Some(v.div_euclid(1_000)),
            ScalarValue::Date32(Some(days)) => i64::from(*days).checked_mul(MICROS_OF_DAY),
            ScalarValue::Date64(Some(millis)) => millis.checked_mul(1_000),
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)) => Some(ValidTime::parse(text)?.micros()),
            other => {
                return Err(Error::invalid(format!("{} is not an instant", other.data_type())));
            }
        };
        match micros {
            Some(micros) => Ok(Bound(Some(ValidTime::from_micros(micros).checked()?.micros()))),
            None if value.is_null() => Ok(Bound(None)),
            None => Err(Error::invalid(format!("{value} is out of the range of instants"))),
        }
    }

    /// As the start of a period.
    pub(crate) fn from<A: annals_engine::Axis>(self) -> Time<A> {
        self.0.map_or(Time::<A>::from_micros(i64::MIN), Time::from_micros)
    }

    /// As the end of a period.
    pub(crate) fn to<A: annals_engine::Axis>(self) -> Time<A> {
        self.0.map_or(Time::<A>::from_micros(i64::MAX), Time::from_micros)
    }
}

/// The clause of one axis.
pub(crate) fn clause<A: annals_engine::Axis>(
    form: Form,
    bounds: &[SqlExpr],
    to_expr: &mut ToExpr<'_>,
) -> Result<Clause<A>> {
    let mut fold = |at: usize| match bounds.get(at) {
        Some(syntax) => Ok((Bound::fold(syntax, to_expr)?, syntax.span())),
        None => Err(Error::invalid("a temporal clause lacks a bound")),
    };
    Ok(match form {
        Form::All => Clause::All,
        Form::AsOf => match fold(0)? {
            (Bound(Some(at)), _) => Clause::AsOf(Time::from_micros(at)),
            (Bound(None), span) => {
                return Err(Error::invalid("AS OF NULL: an instant is needed").at(span));
            }
        },
        Form::FromTo => {
            let ((from, span), (to, _)) = (fold(0)?, fold(1)?);
            let (from, to) = (from.from::<A>(), to.to::<A>());
            if from >= to {
                return Err(Error::invalid(format!(
                    "FROM {from} TO {to} is an empty or inverted range"
                ))
                .at(span));
            }
            Clause::FromTo(from, to)
        }
        Form::Between => {
            let ((from, span), (to, _)) = (fold(0)?, fold(1)?);
            let (from, to) = (from.from::<A>(), to.to::<A>());
            if from > to {
                return Err(Error::invalid(format!(
                    "BETWEEN {from} AND {to} is an inverted range"
                ))
                .at(span));
            }
            Clause::Between(from, to)
        }
        Form::ContainedIn => {
            let ((from, span), (to, _)) = (fold(0)?, fold(1)?);
            let (from, to) = (from.from::<A>(), to.to::<A>());
            if from >= to {
                return Err(Error::invalid(format!(
                    "CONTAINED IN ({from}, {to}) is an empty or inverted range"
                ))
                .at(span));
            }
            Clause::ContainedIn(from, to)
        }
        Form::Portion => return Err(Error::invalid("FOR PORTION OF belongs to UPDATE and DELETE")),
    })
}

/// The clauses of a table version. Instants of system time that lie after the statement's present are refused.
pub(crate) fn clauses(
    version: &crate::parse::Version,
    now: SystemTime,
    to_expr: &mut ToExpr<'_>,
) -> Result<Clauses> {
    let mut read = Clauses { is_partial: version.is_partial, ..Clauses::default() };
    if let Some((form, bounds)) = &version.valid {
        read.valid = Some(clause(*form, bounds, to_expr)?);
    }
    if let Some((form, bounds)) = &version.system {
        let clause = clause::<annals_engine::System>(*form, bounds, to_expr)?;
        if let Clause::AsOf(at) = clause
            && at > now
        {
            let message = format!(
                "FOR SYSTEM_TIME AS OF {at} lies after the present of the statement, {now}: the answer could still change"
            );
            let span = bounds.first().map_or_else(sqlparser::tokenizer::Span::empty, Spanned::span);
            return Err(Error::invalid(message).at(span));
        }
        read.system = Some(clause);
    }
    Ok(read)
}

/// Which axis a default belongs to is all that differs between the two.
pub(crate) fn default_instant(
    syntax: &SqlExpr,
    axis: Axis,
    now: SystemTime,
    to_expr: &mut ToExpr<'_>,
) -> Result<i64> {
    let Bound(Some(at)) = Bound::fold(syntax, to_expr)? else {
        return Err(Error::invalid("AS OF NULL: an instant is needed").at(syntax.span()));
    };
    if axis == Axis::System && SystemTime::from_micros(at) > now {
        let at = SystemTime::from_micros(at);
        let message =
            format!("SYSTEM_TIME AS OF {at} lies after the present of the statement, {now}");
        return Err(Error::invalid(message).at(syntax.span()));
    }
    Ok(at)
}
