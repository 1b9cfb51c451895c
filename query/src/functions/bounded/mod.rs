//! Scalar functions held to the memory of their statement.
//!
//! One call of `repeat`, `lpad` or `array_repeat` can ask for more memory than there is, and one of `replace` or `concat` makes large
//! values of small ones when it is said often enough. So every function whose values are as wide as its arguments say is wrapped: what it
//! will make is estimated from the arguments before it is called ([`estimate`]), and counts as memory of the statement from then on, as long
//! as anything holds it ([`memory`]). [`growth`] says of each function that the session knows how its values grow; one that it
//! does not know is not offered, so that an upgrade cannot bring one in unnoticed.
//!
//! While a statement is planned there is no memory to count by yet. What folds to a constant of more than a few KiB then is not folded: a
//! constant is repeated for every row of a batch. It is computed when the statement runs.
//!
//! What `CASE`, `CAST` and joins copy is not counted here.

mod estimate;
mod function;
mod growth;
mod joined;
mod memory;
mod planning;
mod rewrite;
#[cfg(test)]
mod tests;
mod widths;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::registry::FunctionRegistry;

pub(crate) use planning::Statement;

/// Puts the wrapped functions into the place of the session's own, and takes out those that nobody has judged.
pub(super) fn bound(state: &mut SessionState) -> Result<()> {
    let functions: Vec<_> = state.scalar_functions().values().cloned().collect();
    for function in functions {
        match growth::of(function.name()) {
            Some(_) => {
                state.register_udf(rewrite::wrapped(function))?;
            }
            None => {
                state.deregister_udf(function.name())?;
            }
        }
    }
    state.register_function_rewrite(Arc::new(rewrite::Bounding))
}
