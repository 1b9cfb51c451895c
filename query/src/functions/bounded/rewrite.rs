//! Wrapped functions in the place of others, wherever in a plan they come from: the planner makes some without asking for a name.

use std::sync::{Arc, LazyLock};

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, ScalarUDF};

use super::function::Bounded;
use super::growth::{self, Growth};
use super::joined::Joined;

/// The wrapped function `||`.
static JOINED: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| wrapped(Arc::new(ScalarUDF::new_from_impl(Joined::new()))));

/// The function, held to the memory of its statement if there is need.
pub(super) fn wrapped(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    match growth::of(function.name()) {
        Some(growth) if growth != Growth::Fixed && !function.inner().is::<Bounded>() => {
            Arc::new(ScalarUDF::new_from_impl(Bounded::new(function, growth)))
        }
        _ => function,
    }
}

/// Puts wrapped functions into a plan.
#[derive(Debug)]
pub(super) struct Bounding;

impl FunctionRewrite for Bounding {
    fn name(&self) -> &str {
        "bounding"
    }

    fn rewrite(&self, expr: Expr, _: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        Ok(bounding(expr))
    }
}

/// The same expression with wrapped functions all through.
pub(super) fn all_bounded(expr: Expr) -> Result<Expr> {
    Ok(expr.transform_up(|expr| Ok(bounding(expr)))?.data)
}

fn bounding(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let bounded = wrapped(func.clone());
            let is_other = !Arc::ptr_eq(&bounded, &func);
            let call = Expr::ScalarFunction(ScalarFunction { func: bounded, args });
            Transformed::new_transformed(call, is_other)
        }
        // Of arrays the planner has made functions already. A chain becomes one call: to ask a call in a call for its type takes time by
        // the cube of their number.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            let mut args = match *left {
                Expr::ScalarFunction(call) if Arc::ptr_eq(&call.func, &JOINED) => call.args,
                other => vec![other],
            };
            args.push(*right);
            let call = ScalarFunction { func: JOINED.clone(), args };
            Transformed::yes(Expr::ScalarFunction(call))
        }
        other => Transformed::no(other),
    }
}
