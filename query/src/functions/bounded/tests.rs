//! Every function is judged; what grows makes what it made before, within its memory or not at all.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use super::function::Bounded;
use super::growth::{self, Growth};
use super::{Statement, bound, rewrite};

const ROWS: usize = 64;
const PLENTY: usize = 1 << 30;

fn state(is_bounded: bool) -> SessionState {
    let mut state = SessionStateBuilder::new().with_default_features().build();
    if is_bounded {
        bound(&mut state).expect("functions");
    }
    state
}

/// A table with rows of each kind, those that mean nothing among them.
fn context(is_bounded: bool) -> SessionContext {
    let context = SessionContext::new_with_state(state(is_bounded));
    let numbers = |at: usize| match at % 8 {
        0 => None,
        1 => Some(-5),
        2 => Some(0),
        other => Some(other as i64 * 300),
    };
    let text = |at: usize| (!at.is_multiple_of(9)).then(|| "añb, c".repeat(at * 8));
    let list = |at: usize| (!at.is_multiple_of(7)).then(|| (0..at as i64 * 20).map(Some));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new((0..ROWS).map(numbers).collect::<Int64Array>())),
        ("t", Arc::new((0..ROWS).map(text).collect::<StringArray>())),
        ("a", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>((0..ROWS).map(list)))),
    ];
    let rows = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    context.register_batch("rows", rows.expect("rows")).expect("a table");
    context
}

async fn plain(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    context.sql(sql).await?.collect().await
}

async fn within(
    context: &SessionContext,
    sql: &str,
    memory: &Arc<dyn MemoryPool>,
) -> Result<Vec<RecordBatch>> {
    let state = context.state();
    let plan = state.optimize(&state.create_logical_plan(sql).await?)?;
    let operators = Statement::new(&state, memory.clone()).operators(&plan).await?;
    collect(operators, context.task_ctx()).await
}

fn is_refusal(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

#[test]
fn every_function_of_a_session_is_judged() {
    let all = state(false);
    let names = all.scalar_functions().values().map(|function| function.name());
    let unjudged: Vec<&str> = names.filter(|name| growth::of(name).is_none()).collect();
    assert_eq!(unjudged, [""; 0], "say in growth.rs how their values grow");
    for (name, function) in state(true).scalar_functions() {
        let growth = growth::of(function.name()).expect("a function that is judged");
        let is_wrapped = function.inner().is::<Bounded>();
        assert_eq!(is_wrapped, growth != Growth::Fixed, "{name}");
    }
}

#[test]
fn a_wrapped_function_is_the_same_to_who_asks_about_it() {
    let (before, after) = (state(false), state(true));
    assert_eq!(before.scalar_functions().len(), after.scalar_functions().len());
    for (name, function) in before.scalar_functions() {
        let wrapped = &after.scalar_functions()[name];
        assert_eq!(function.name(), wrapped.name());
        assert_eq!(function.aliases(), wrapped.aliases(), "{name}");
        assert_eq!(function.signature(), wrapped.signature(), "{name}");
        assert_eq!(function.documentation().is_some(), wrapped.documentation().is_some(), "{name}");
    }
}

/// Calls over columns; all of them together make more than 64 KiB of 64 rows, so that they are counted.
const GROWING: &[&str] = &[
    "repeat(t, n)",
    "lpad(t, abs(n))",
    "rpad(t, abs(n), 'ñ,')",
    "replace(t, 'b', 'a longer text')",
    "regexp_replace(t, '[a-c]', '[\\0]', 'g')",
    "regexp_match(t, '(a)(.*)(c)')",
    "concat(t, 'x', t, n, t)",
    "concat_ws(' and ', t, t, NULL, t, t)",
    "t || ' ' || t || n || t",
    "n || t || (t || t) || arrow_cast(t, 'LargeUtf8') || arrow_cast(t, 'Utf8View')",
    "upper(t || t || t || t)",
    "translate(t || t || t, 'abc', 'ñññ')",
    "overlay(t || t || t placing t from 3)",
    "reverse(t || t || t || t)",
    "string_to_array(t || t, ',')",
    "array_repeat(t, n)",
    "array_repeat(array_repeat(1, 20), n)",
    "array_repeat(a, 7)",
    "array_repeat(true, n)",
    "array_resize(a, abs(n), 7)",
    "array_resize(array_repeat(t, 2), 20, t)",
    "range(n)",
    "range(0, n, 2)",
    "generate_series(-n, n)",
    "generate_series(n, -n, -3)",
    "array_replace_all(array_repeat(1, 40), 1, n)",
    "array_replace_all(array_repeat('x', 40), 'x', t)",
    "array_to_string(a, ' and ')",
    "array_to_string(array_repeat(1e300, n), ',')",
    "array_concat(a, a, a)",
    "array_append(a, n)",
    "make_array(t, t, t, t, t)",
    "[t, t, t, t, t, t]",
    "array_union(a, a || a)",
    "array_slice(a || a || a, 1, 4000)",
    "a || a || a",
    "coalesce(t, 'x') || repeat('y', 3000)",
    "arrays_zip(a, array_repeat(t, 3))",
    "array_sort(a || a)",
    "flatten(array_repeat(a, 5))",
    "array_positions(array_repeat(1, n), 1)",
];

#[tokio::test]
async fn what_grows_makes_what_it_made_before_within_its_memory() {
    let (before, after) = (context(false), context(true));
    for call in GROWING {
        let sql = format!("SELECT {call} AS made FROM rows");
        let expected = plain(&before, &sql).await.unwrap_or_else(|error| panic!("{error}: {call}"));
        let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(PLENTY));
        let made = within(&after, &sql, &memory).await;
        let made = made.unwrap_or_else(|error| panic!("{error}: {call}"));
        let columns =
            |rows: &[RecordBatch]| rows.iter().map(|rows| rows.column(0).clone()).collect();
        let (made_values, values): (Vec<ArrayRef>, Vec<ArrayRef>) =
            (columns(&made), columns(&expected));
        assert!(made_values == values, "{call} is another value");
        drop(made_values);
        assert!(memory.reserved() > 0, "{call} is counted as long as it is there");
        let held = memory.reserved();
        drop(made);
        assert_eq!(memory.reserved(), 0, "{call}: memory is given back");
        // With less than what it made it is refused, and takes nothing with it.
        let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(held / 2));
        let error = within(&after, &sql, &memory).await.map(|_| ()).expect_err(call);
        assert!(is_refusal(&error), "{error}: {call}");
        assert_eq!(memory.reserved(), 0, "{call}");
    }
}

/// Constants that would take gigabytes, each by itself or for all of some rows.
const ENORMOUS: &[&str] = &[
    "repeat('x', 2000000000)",
    "repeat(repeat('x', 60000), 60000)",
    "lpad('x', 2000000000)",
    "rpad('x', 2000000000, 'yz')",
    "replace(repeat('x', 60000), 'x', repeat('y', 60000))",
    "regexp_replace(repeat('x', 60000), 'x', repeat('y', 60000), 'g')",
    "concat(repeat('x', 600000000), repeat('y', 600000000))",
    "concat_ws(repeat('x', 600000000), 'a', 'b', 'c')",
    "repeat('x', 600000000) || repeat('y', 600000000)",
    "array_repeat(1, 2000000000)",
    "array_repeat(array_repeat(array_repeat(1, 2000), 2000), 2000)",
    "array_resize([1], 2000000000, 7)",
    "range(10000000000)",
    "generate_series(1, 10000000000)",
    "generate_series(-9223372036854775808, 9223372036854775807)",
    "generate_series(TIMESTAMP '1700-01-01', TIMESTAMP '2200-01-01', INTERVAL '1' SECOND)",
    "generate_series(DATE '0001-01-01', DATE '9999-01-01', INTERVAL '1 month -30 days')",
    "array_to_string(array_repeat(1, 200000), repeat(',', 60000))",
    "array_replace_all(array_repeat(1, 60000), 1, NULL) || array_repeat(1, 2000000000)",
    "arrow_cast(NULL, 'FixedSizeBinary(2000000000)')",
    "upper(repeat('x', 2000000000))",
];

#[tokio::test]
async fn what_would_take_gigabytes_is_refused_before_it_is_made() {
    let context = context(true);
    for call in ENORMOUS {
        for from in ["", " FROM rows", " FROM rows WHERE n > 100"] {
            let sql = format!("SELECT {call} AS made{from}");
            let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(PLENTY));
            let error = within(&context, &sql, &memory).await.map(|_| ()).expect_err(&sql);
            assert!(is_refusal(&error), "{error:?}: {sql}");
            assert_eq!(memory.reserved(), 0, "{sql}");
        }
    }
}

#[tokio::test]
async fn a_constant_is_counted_for_every_row_that_repeats_it() {
    let context = context(true);
    let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(8 << 20));
    let all =
        |bytes: u64| format!("SELECT repeat('x', {bytes}) AS made FROM generate_series(1, 100)");
    for bytes in [1, 8_000, 9_000, 70_000] {
        let rows = within(&context, &all(bytes), &memory).await.expect("100 values");
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 100);
    }
    let error = within(&context, &all(90_000), &memory).await.map(|_| ()).expect_err("9 MB");
    assert!(is_refusal(&error), "{error}");
    // What is small is a constant, as it was.
    let state = context.state();
    let plan = state.create_logical_plan(&all(100)).await.expect("a plan");
    let plan = state.optimize(&plan).expect("a plan").to_string();
    assert!(!plan.contains("repeat("), "{plan}");
}

#[test]
fn a_chain_of_texts_is_one_call() {
    let column = |at: usize| datafusion::prelude::col(format!("c{at}"));
    let chain = (1..500).fold(column(0), |chain, at| {
        let (left, right) = (Box::new(chain), Box::new(column(at)));
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
    });
    let name = chain.schema_name().to_string();
    let call = rewrite::all_bounded(chain).expect("a call");
    assert_eq!(call.schema_name().to_string(), name);
    let Expr::ScalarFunction(call) = call else { panic!("{call} is no call") };
    assert_eq!(call.args, (0..500).map(column).collect::<Vec<Expr>>());
}

#[tokio::test]
async fn a_text_that_is_doubled_again_and_again_is_refused() {
    let context = context(true);
    for from in ["(SELECT t AS x FROM rows)", "(SELECT 'twelve bytes' AS x)"] {
        for double in ["x || x", "concat(x, x)", "replace(x, 'e', 'ee')", "concat_ws('', x, x)"] {
            let mut sql = format!("SELECT x FROM {from}");
            for _ in 0..10 {
                let again = double.replace('x', "y");
                sql = format!("SELECT {again} AS x FROM (SELECT {double} AS y FROM ({sql}))");
            }
            if double.starts_with("replace") && from.contains("rows") {
                continue;
            }
            let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(4 << 20));
            let error = within(&context, &sql, &memory)
                .await
                .map(|_| ())
                .expect_err(&format!("{double} of {from}"));
            assert!(is_refusal(&error), "{error}: {double}");
            assert_eq!(memory.reserved(), 0, "{double}");
        }
    }
}

#[tokio::test]
async fn to_be_filled_up_to_less_than_nothing_gives_nothing() {
    let context = context(true);
    let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(PLENTY));
    let sql =
        "SELECT count(*) FROM rows WHERE n < 0 AND lpad(t, n) = '' AND rpad(t, n, 'xyz') = ''";
    let made = within(&context, sql, &memory).await.expect("a count");
    let expected = plain(&context, "SELECT count(*) FROM rows WHERE n < 0 AND t IS NOT NULL").await;
    assert_eq!(made[0].column(0), expected.expect("a count")[0].column(0));
}

#[tokio::test]
async fn rows_that_fit_although_their_estimate_does_not_are_made_in_parts() {
    let context = context(true);
    // 50 MB are estimated, because each character could be found.
    let sql =
        format!("SELECT regexp_replace(t, 'z', '{}', 'g') AS made FROM rows", "y".repeat(400));
    let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(4 << 20));
    let made = within(&context, &sql, &memory).await.expect("texts in which nothing is found");
    let expected = plain(&context, "SELECT t AS made FROM rows").await.expect("texts");
    assert_eq!(made[0].column(0), expected[0].column(0));
}
