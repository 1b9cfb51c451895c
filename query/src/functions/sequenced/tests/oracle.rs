//! At every instant a sequenced aggregate answers what DataFusion answers over the rows that are valid then, in the same
//! types; and neighbours differ. Rows are random, by seed; instants are all ends of periods, and one between each two.

use std::fmt::Write;

use annals_engine::Period;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::{SessionContext, col};

use super::super::Call;
use super::{lines, period, run, session};

/// Each aggregate as SQL; `count(id)` is `count(*)` where rows of an outer join do not count.
const AGGREGATES: [&str; 18] = [
    "count(id)",
    "count(i)",
    "sum(s)",
    "sum(i)",
    "sum(f)",
    "sum(r)",
    "sum(d)",
    "avg(i)",
    "avg(f)",
    "avg(d)",
    "min(i)",
    "max(f)",
    "min(x)",
    "max(b)",
    "max(d)",
    "count(DISTINCT x)",
    "count(DISTINCT i)",
    "sum(i) FILTER (WHERE f > 0)",
];

struct Random(u64);

impl Random {
    /// A number below `end` (splitmix64).
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % end
    }

    fn or_null(&mut self, text: String) -> String {
        if self.below(5) == 0 { "NULL".to_owned() } else { text }
    }
}

fn instant(half_day: u64) -> String {
    let (day, hour) = (1 + half_day / 2, half_day % 2 * 12);
    let text = format!("'2024-01-{day:02}T{hour:02}:00:00Z'");
    format!("arrow_cast({text}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}

fn row(random: &mut Random, id: u64) -> String {
    let from = random.below(20);
    let to = from + 1 + random.below(6);
    let number = random.below(9) as i64 - 4;
    let group = format!("'g{}'", random.below(3));
    let text = format!("'x{}'", random.below(4));
    let mut row = format!("({id}");
    let values = [
        group,
        format!("{number}"),
        format!("{}", number * 3),
        // Sums of quarters are exact in whatever order they are added.
        format!("{}.25", random.below(9) as i64 - 4),
        format!("{}.5", random.below(9)),
        format!("{number}.75"),
        text,
        format!("{}", random.below(2) == 0),
        instant(2 * from),
        instant(2 * to),
    ];
    for value in values {
        write!(row, ", {}", random.or_null(value)).unwrap();
    }
    row + ")"
}

async fn create(session: &SessionContext, seed: u64) {
    let mut random = Random(seed);
    let row_count = 1 + random.below(30);
    let rows: Vec<String> = (0..row_count).map(|id| row(&mut random, id)).collect();
    let sql = format!(
        "CREATE TABLE t AS SELECT id, g, s::SMALLINT AS s, i::BIGINT AS i, f::DOUBLE AS f, \
         r::REAL AS r, d::DECIMAL(10,2) AS d, x, b::BOOLEAN AS b, a AS _valid_from, e AS _valid_to \
         FROM (VALUES {}, (-1, 'g0', 1, 1, 1.5, 1.5, 1.5, 'x', true, {}, {})) \
         AS v(id, g, s, i, f, r, d, x, b, a, e) WHERE id >= 0",
        rows.join(", "),
        instant(0),
        instant(2)
    );
    session.sql(&sql).await.unwrap().collect().await.unwrap();
    let days: Vec<String> = (0..60).map(|half_day| format!("({})", instant(half_day))).collect();
    let sql = format!("CREATE TABLE days AS SELECT * FROM (VALUES {}) AS d(day)", days.join(", "));
    session.sql(&sql).await.unwrap().collect().await.unwrap();
}

/// The calls that a planned query of all aggregates has, in order.
async fn calls(session: &SessionContext) -> Vec<Call> {
    let sql = format!("SELECT {} FROM t", AGGREGATES.join(", "));
    let plan = session.sql(&sql).await.unwrap().into_unoptimized_plan();
    let LogicalPlan::Projection(projection) = plan else { panic!("{plan}") };
    let LogicalPlan::Aggregate(aggregate) = projection.input.as_ref() else { panic!() };
    let named = |(number, expr): (usize, &Expr)| Call::from_expr(expr, format!("a{number}"));
    aggregate.aggr_expr.iter().enumerate().map(|call| named(call).unwrap()).collect()
}

async fn check(seed: u64, is_grouped: bool, range: Period<annals_engine::Valid>) {
    let session = session();
    create(&session, seed).await;
    let groups = if is_grouped { vec![col("g")] } else { Vec::new() };
    let calls = calls(&session).await;
    let answer = run(&session, "SELECT * FROM t", groups, calls, range).await.unwrap();
    let schema = answer.first().map(|batch| batch.schema());
    let Some(schema) = schema else { return };
    let table = datafusion::datasource::MemTable::try_new(schema, vec![answer]).unwrap();
    session.register_table("answer", std::sync::Arc::new(table)).unwrap();

    let valid = |table: &str| {
        format!(
            "(_valid_from IS NULL OR {table}._valid_from <= day) AND \
             (_valid_to IS NULL OR day < {table}._valid_to)"
        )
    };
    let asked = format!(
        "(SELECT * FROM days WHERE day >= to_timestamp_micros({}) AND day < to_timestamp_micros({}))",
        range.from().micros().max(0),
        range.to().micros().min(4_000_000_000_000_000)
    );
    let (join, group) = if is_grouped { ("JOIN", ", g") } else { ("LEFT JOIN", "") };
    let aggregates: Vec<String> =
        (0..).zip(AGGREGATES).map(|(n, a)| format!("{a} AS a{n}")).collect();
    let names: Vec<String> = (0..AGGREGATES.len()).map(|n| format!("a{n}")).collect();
    let expected = format!(
        "SELECT day{group}, {} FROM {asked} AS days {join} t ON {} GROUP BY day{group} \
         ORDER BY day{group}",
        aggregates.join(", "),
        valid("t")
    );
    let given = format!(
        "SELECT day{group}, {} FROM {asked} AS days JOIN answer ON {} ORDER BY day{group}",
        names.join(", "),
        valid("answer")
    );
    let expected = session.sql(&expected).await.unwrap();
    let given = session.sql(&given).await.unwrap();
    let types = |frame: &datafusion::dataframe::DataFrame| -> Vec<arrow::datatypes::DataType> {
        frame.schema().fields().iter().map(|field| field.data_type().clone()).collect()
    };
    assert_eq!(types(&given), types(&expected), "seed {seed}");
    let (given, expected) = (given.collect().await.unwrap(), expected.collect().await.unwrap());
    assert!(range != Period::ALL || !expected.is_empty(), "nothing was compared");
    assert_eq!(lines(&given), lines(&expected), "seed {seed}, grouped {is_grouped}, {range}");

    let same = |name: &String| format!("(l.{name} IS NOT DISTINCT FROM r.{name})");
    let group = if is_grouped { " AND (l.g IS NOT DISTINCT FROM r.g)" } else { "" };
    let split = format!(
        "SELECT * FROM answer l JOIN answer r ON l._valid_to = r._valid_from{group} AND {}",
        names.iter().map(same).collect::<Vec<_>>().join(" AND ")
    );
    let split = session.sql(&split).await.unwrap().collect().await.unwrap();
    assert!(lines(&split).is_empty(), "seed {seed}: {:?}", lines(&split));
}

#[tokio::test]
async fn grouped_answers_are_those_of_each_instant() {
    for seed in 0..12 {
        check(seed, true, Period::ALL).await;
        check(seed, true, period("2024-01-05", "2024-01-11")).await;
    }
}

#[tokio::test]
async fn ungrouped_answers_are_those_of_each_instant() {
    for seed in 100..112 {
        check(seed, false, Period::ALL).await;
        check(seed, false, period("2024-01-05", "2024-01-11")).await;
    }
}
