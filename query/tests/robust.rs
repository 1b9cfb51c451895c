//! Whatever text is given, what comes back is an answer or an error: no panic, no end of the stack, no work without end.

use annals_engine::{Database, Options};
use annals_query::{Error, Session, Sql, SqlOptions};
use futures::TryStreamExt;
use sqlparser::keywords::ALL_KEYWORDS;
use tokio::runtime::Runtime;

const STATEMENTS: &[&str] = &[
    "SELECT * FROM t FOR VALID_TIME AS OF '2024-04-01' FOR SYSTEM_TIME AS OF now() - INTERVAL '1 day' AS a WHERE a.v > 1",
    "SELECT k, _valid_from FROM t FOR SYSTEM_TIME BETWEEN NULL AND now() FOR ALL VALID_TIME ORDER BY _valid_from LIMIT 3",
    "SELECT *, t._valid_to FROM t JOIN e ON t.v = e.amount WHERE t.k IN (SELECT k FROM t FOR VALID_TIME CONTAINED IN ('2024-01-01', NULL))",
    "SETTING DEFAULT VALID_TIME AS OF DATE '2024-01-01', SYSTEM_TIME AS OF now() SELECT count(*) FROM t",
    "WITH c AS (SELECT k, sum(v) AS s FROM t GROUP BY k HAVING sum(v) > 0) SELECT * FROM c UNION ALL SELECT k, v FROM t",
    "SEQUENCED VALID_TIME FROM '2024-01-01' TO NULL SELECT k, count(*) AS n, avg(v) FROM t GROUP BY k ORDER BY n",
    "SELECT period_overlaps(a._valid_from, a._valid_to, '2024-01-01', NULL) FROM t AS a",
    "INSERT INTO t (k, v, _valid_from, _valid_to) VALUES (7, 1.5, '2024-01-01', NULL), (8, -3, NULL, '2025-01-01')",
    "UPSERT INTO t (k, v) SELECT k + 1, v * 2 FROM t WHERE v < 100",
    "UPDATE t FOR PORTION OF VALID_TIME FROM '2024-02-01' TO '2024-03-01' SET v = v + 1 WHERE k = 1",
    "DELETE FROM t FOR ALL VALID_TIME WHERE v IN (SELECT amount FROM e)",
    "BEGIN WITH (SYSTEM_TIME = TIMESTAMP '2024-01-01'); ASSERT (SELECT count(*) FROM t) > 0, 'empty'; ROLLBACK",
    "CREATE TABLE u (a BIGINT NOT NULL DEFAULT -1, b DECIMAL(10,2), c TEXT, PRIMARY KEY (a)) PARTITION BY YEAR",
    "CREATE OR REPLACE TEMPORARY VIEW w AS SELECT * FROM t FOR VALID_TIME ALL",
    "EXPLAIN SELECT * FROM w FOR SYSTEM_TIME AS OF '2024-01-01'",
    "SELECT table_name FROM annals.tables WHERE is_event; DESCRIBE t; SHOW TABLES",
];

/// What a mutation puts in.
const STRANGE: &[&str] = &[
    "NULL",
    "now()",
    "'2024-02-30'",
    "''",
    "(",
    ")",
    ",",
    ";",
    "*",
    "'",
    "-1",
    "9223372036854775808",
    "t",
    "e",
    "w",
    "_valid_from",
    "_event_id",
    " FOR VALID_TIME ALL",
    " FOR SYSTEM_TIME AS OF NULL",
    " FROM ",
    " TO ",
    " AS ",
    " SELECT ",
    "$1",
    "true",
    "1.5",
    "=>",
    "::TEXT",
];

struct World {
    runtime: Runtime,
    session: Session,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().expect("a folder for temporary files");
        let database =
            Database::open(dir.path(), Options::default().background(false)).expect("a database");
        let sql = Sql::new(database, SqlOptions::default().thread_count(1)).expect("SQL");
        let mut world = World {
            runtime: Runtime::new().expect("a runtime"),
            session: sql.session(),
            _dir: dir,
        };
        world.run("CREATE TABLE t (k BIGINT, v BIGINT, PRIMARY KEY (k))").expect("a table");
        world.run("CREATE EVENT TABLE e (amount BIGINT)").expect("an event table");
        world
            .run("UPSERT INTO t (k, v, _valid_from) VALUES (1, 10, '2024-01-01'), (2, 20, NULL)")
            .expect("rows");
        world.run("INSERT INTO e VALUES (10)").expect("an event");
        world
    }

    /// Runs the text and reads every answer to its end; the number of rows.
    fn run(&mut self, sql: &str) -> Result<usize, Error> {
        let World { runtime, session, .. } = self;
        runtime.block_on(async {
            let mut row_count = 0;
            for outcome in session.run(sql).await? {
                if let Some(rows) = outcome.rows {
                    let batches: Vec<_> = rows.try_collect().await?;
                    row_count += batches.iter().map(|batch| batch.num_rows()).sum::<usize>();
                }
            }
            Ok(row_count)
        })
    }

    /// Runs whatever it is, and gives up a transaction that it leaves open.
    fn survive(&mut self, sql: &str) {
        let _ = annals_query::is_complete(sql);
        if let Err(error) = self.run(sql) {
            assert!(!error.to_string().is_empty(), "an error without a message: {sql}");
        }
        if self.session.is_in_transaction() {
            self.run("ROLLBACK").expect("a transaction can be given up");
        }
        self.run("SELECT 1").expect("a session goes on");
    }
}

#[test]
fn pieces_of_statements() {
    let mut world = World::new();
    for piece in [
        "",
        ";",
        ";;;",
        " ",
        "\0",
        "SELECT 1; DROP",
        "SELECT 1; DROP TABLE",
        "'",
        "\"",
        "`",
        "$$",
        "$1",
        "?",
        "--",
        "/*",
        "*/",
        "/**/",
        "SELECT '",
        "SELECT \"",
        "SELECT `",
        "SELECT /* /* */",
        "SELECT -- ",
        "SELECT E'\\",
        "SELECT X'0",
        "SELECT X'zz'",
        "SELECT U&'\\",
        "(",
        ")",
        "[",
        "{",
        "SELECT (",
        "SELECT )",
        "FOR",
        "FOR VALID_TIME",
        "SELECT * FROM t FOR",
        "SELECT * FROM t FOR ALL",
        "SELECT * FROM t FOR VALID_TIME CONTAINED IN (",
        "SELECT * FROM t FOR VALID_TIME CONTAINED IN (NULL",
        "UPSERT",
        "UPSERT INTO",
        "SETTING",
        "SETTING VALID_TIME",
        "SETTING VALID_TIME AS OF",
        "SETTING VALID_TIME AS OF 1",
        "SETTING VALID_TIME AS OF now(),",
        "ASSERT",
        "ASSERT true,",
        "BEGIN WITH",
        "BEGIN WITH (",
        "BEGIN WITH (SYSTEM_TIME",
        "BEGIN WITH (SYSTEM_TIME =",
        "EXPLAIN",
        "ERASE",
        "EXPLAIN EXPLAIN SELECT 1",
        "SEQUENCED VALID_TIME",
        "SEQUENCED VALID_TIME FROM",
        "SELECT SEQUENCED VALID_TIME SELECT 1",
        "CREATE TABLE",
        "CREATE TABLE x",
        "CREATE TABLE x (",
        "CREATE TABLE x ()",
        "CREATE EVENT",
        "DESCRIBE",
        "SHOW",
        "SELECT * FROM t AT",
        "SELECT * FROM t AT(",
        "SELECT * FROM t AT(\"valid as of\" => NULL)",
        "SELECT * FROM t AT(\"valid from\" => NULL)",
        "SELECT * FROM t AT(\"portion from\" => NULL)",
        "WITH \"sequenced valid_time\" AS (SELECT 1) SELECT count(*) FROM t",
        "SELECT * FROM \"annals views\".t",
        "SELECT \u{1F600} FROM t",
        "SELECT '\u{1F600}' AS \u{e9}",
        "\u{feff}SELECT 1",
        "SELECT 1e999999",
        "SELECT 99999999999999999999999999999999999999999999999999",
        "SELECT * FROM t LIMIT 99999999999999999999",
        "SELECT * FROM t LIMIT -1",
        "SELECT INTERVAL '99999999999999 years'",
        "SELECT * FROM t FOR VALID_TIME AS OF now() + INTERVAL '9999999999 days'",
        "SELECT * FROM t FOR VALID_TIME AS OF TIMESTAMP '9999-12-31' * 2",
    ] {
        world.survive(piece);
    }
    for statement in STATEMENTS {
        for (at, _) in statement.char_indices() {
            world.survive(&statement[..at]);
        }
    }
}

#[test]
fn every_keyword_as_a_name() {
    let mut world = World::new();
    for keyword in ALL_KEYWORDS {
        world.survive(&format!("SELECT k AS {keyword} FROM t"));
        world.survive(&format!("SELECT {keyword} FROM t"));
        world.survive(&format!("SELECT * FROM {keyword} FOR VALID_TIME ALL"));
        world.survive(&format!("SELECT * FROM t FOR VALID_TIME AS OF '2024-01-01' {keyword}"));
        world.survive(&format!("{keyword} t"));
        let quoted = format!(
            "SELECT \"{keyword}\".k AS \"{keyword}\" FROM t FOR VALID_TIME ALL AS \"{keyword}\""
        );
        assert_eq!(world.run(&quoted).expect(&quoted), 2);
    }
}

#[test]
fn deep_nesting() {
    let mut world = World::new();
    for depth in [10, 150, 950, 3_000, 100_000] {
        let repeated = |part: &str| part.repeat(depth);
        let nested = |open: &str, inner: &str, close: &str| {
            format!("{}{inner}{}", repeated(open), repeated(close))
        };
        for expression in [
            nested("(", "1", ")"),
            nested("NOT ", "true", ""),
            nested("- ", "1", ""),
            nested("", "1", " + 1"),
            nested("", "k", " + v"),
            nested("", "k > 0", " OR v = 7"),
            nested("", "true", " AND true"),
            nested("", "'a'", " || 'a'"),
            nested("", "1", "::BIGINT"),
            nested("abs(", "1", ")"),
            nested("CASE WHEN true THEN ", "1", " END"),
            nested("(SELECT ", "1", ")"),
            nested("[", "1", "]"),
            nested("", "k", "[1]"),
            nested("", "k", ".k"),
            nested("", "k", " IS NULL"),
            nested("", "1", " IN (1)"),
            nested("CAST(", "1", " AS BIGINT)"),
            nested("EXISTS (SELECT 1 WHERE ", "true", ")"),
        ] {
            world.survive(&format!("SELECT {expression} FROM t"));
            world.survive(&format!("SELECT * FROM t FOR VALID_TIME AS OF {expression}"));
            world.survive(&format!("ASSERT {expression}"));
            world.survive(&format!("UPDATE t SET v = {expression} WHERE false"));
        }
        world.survive(&nested("(", "SELECT 1", ")"));
        world.survive(&nested("EXPLAIN ", "SELECT 1", ""));
        world.survive(&nested("SELECT * FROM (", "SELECT 1 AS one", ")"));
        world.survive(&nested("SEQUENCED VALID_TIME SELECT count(*) FROM (", "SELECT 1", ")"));
        world.survive(&nested("SETTING VALID_TIME AS OF now() ", "SELECT 1", ""));
        world.survive(&nested("WITH x AS (", "SELECT 1", ") SELECT * FROM x"));
        world.survive(&nested("", "SELECT 1", " FOR VALID_TIME ALL"));
        world.survive(&nested("/* ", "SELECT 1", " */"));
    }
    // Wide rather than deep: what grows by recursion all the same.
    for width in [10, 300, 20_000] {
        world.survive(&format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(width)));
        world.survive(&format!(
            "SELECT 1 FROM t{}",
            " CROSS JOIN (SELECT 1)".repeat(width.min(300))
        ));
    }
}

/// The parser tries some constructs again, as something else, when they cannot be read: nested, they must not take for ever.
#[test]
fn deep_nesting_that_nobody_closes() {
    let mut world = World::new();
    for open in [
        "SELECT CASE WHEN true THEN ",
        "SELECT CASE 1 WHEN ",
        "SELECT (",
        "SELECT abs(",
        "SELECT CAST(",
        "SELECT [",
        "SELECT {",
        "SELECT (SELECT ",
        "SELECT EXISTS (SELECT 1 WHERE ",
        "SELECT 1 IN (",
        "SELECT NOT (",
        "SELECT - (",
        "SELECT * FROM (",
        "SELECT * FROM (SELECT * FROM (",
        "SELECT * FROM t JOIN (",
        "SELECT * FROM (t JOIN ",
        "SELECT * FROM LATERAL (",
        "SELECT EXTRACT(YEAR FROM ",
        "SELECT TRIM(BOTH FROM ",
        "SELECT * FROM t FOR VALID_TIME AS OF CASE WHEN ",
    ] {
        let words: Vec<&str> = open.splitn(2, ' ').collect();
        for depth in [2, 10, 16, 40, 190] {
            world.survive(&format!("{} {}", words[0], words[1].repeat(depth)));
            world.survive(&open.repeat(depth));
        }
    }
}

#[test]
fn a_megabyte_of_sql() {
    let mut world = World::new();
    let list =
        |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    world.survive(&format!("SELECT '{}'", "x".repeat(1 << 20)));
    world.survive(&format!("SELECT {}", "x".repeat(1 << 20)));
    world.survive(&format!("SELECT {}", "1".repeat(1 << 20)));
    world.survive(&format!("SELECT 1 {}", " ".repeat(1 << 20)));
    world.survive(&format!("SELECT 1 /* {} */", "*".repeat(1 << 20)));
    world.survive(&"SELECT ".repeat(150_000));
    world.survive(&"FOR VALID_TIME AS OF ".repeat(50_000));
    world.survive(&"SEQUENCED VALID_TIME FROM ".repeat(40_000));
    assert_eq!(
        world.run(&format!("SELECT k FROM t WHERE v IN ({})", list(100_000))).expect("a long list"),
        2
    );
    let rows: Vec<String> = (100..30_100).map(|key| format!("({key}, {key})")).collect();
    world.run(&format!("UPSERT INTO t (k, v) VALUES {}", rows.join(", "))).expect("many rows");
    assert_eq!(world.run("SELECT k FROM t WHERE k >= 100").expect("an answer"), 30_000);
    assert_eq!(world.run(&"SELECT 1;".repeat(2_000)).expect("many statements"), 2_000);
}

/// A number from a seed (splitmix64), below a bound.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// Words and single signs, in the order of the text.
fn words(statement: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let parts = statement.split_inclusive(|c: char| !is_word(c));
    let halves = parts.flat_map(|part| {
        let end = part.trim_end_matches(|c: char| !is_word(c)).len();
        [&part[..end], &part[end..]]
    });
    halves.filter(|part| !part.is_empty()).collect()
}

#[test]
fn random_mutations() {
    let mut world = World::new();
    for seed in 0..3_000_u64 {
        if seed % 250 == 249 {
            // What the statements have added must not slow down those that follow.
            world = World::new();
        }
        let mut numbers = Numbers(seed);
        let statement = numbers.below(STATEMENTS.len());
        let mut parts = words(STATEMENTS[statement]);
        for _ in 0..=numbers.below(4) {
            mutate(&mut parts, &mut numbers);
        }
        world.survive(&parts.concat());
    }
}

fn mutate(parts: &mut Vec<&str>, numbers: &mut Numbers) {
    let at = numbers.below(parts.len());
    match numbers.below(5) {
        0 if parts.len() > 1 => drop(parts.remove(at)),
        1 => parts.insert(at, numbers.of(STRANGE)),
        2 => parts[at] = numbers.of(STRANGE),
        3 => {
            let other = words(STATEMENTS[numbers.below(STATEMENTS.len())]);
            parts[at] = numbers.of(&other);
        }
        _ => {
            let other = numbers.below(parts.len());
            parts.swap(at, other);
        }
    }
}
