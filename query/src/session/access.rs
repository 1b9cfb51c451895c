//! What kind of statement it is, before it runs: what it asks to be allowed, its tag, whether it gives rows.
//!
//! Every match names every statement, so that one that is added later cannot be forgotten here.

use std::fmt;

use super::Tag;
use crate::parse::{LifecycleChange, Statement, TableAction};

/// What a statement asks to be allowed. Each includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// It changes nothing but the session: queries, EXPLAIN, DESCRIBE, temporary views.
    Read,
    /// It changes rows, or belongs to a transaction: INSERT, UPSERT, UPDATE, DELETE, BEGIN, COMMIT, ROLLBACK, ASSERT.
    Write,
    /// It changes what there is to be read and written, or takes rows away for ever: tables, their columns, indexes, partitions,
    /// retention, holds, ERASE.
    Define,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::Define => "define",
        })
    }
}

pub(super) fn access(statement: &Statement) -> Access {
    match statement {
        Statement::Query { .. }
        | Statement::Explain { .. }
        | Statement::Describe { .. }
        | Statement::CreateView { .. }
        | Statement::DropView { .. } => Access::Read,
        Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Begin { .. }
        | Statement::Commit
        | Statement::Rollback
        | Statement::Assert { .. } => Access::Write,
        Statement::Erase(_)
        | Statement::CreateTable(_)
        | Statement::CreateIndex(_)
        | Statement::DropIndex { .. }
        | Statement::AlterTable(_) => Access::Define,
    }
}

pub(super) fn tag(statement: &Statement) -> Tag {
    match statement {
        Statement::Query { .. } | Statement::Describe { .. } => Tag::Select,
        Statement::Explain { .. } => Tag::Explain,
        Statement::Insert(insert) if insert.is_upsert => Tag::Upsert,
        Statement::Insert(_) => Tag::Insert,
        Statement::Update(_) => Tag::Update,
        Statement::Delete(_) => Tag::Delete,
        Statement::Erase(_) => Tag::Erase,
        Statement::CreateTable(_) => Tag::CreateTable,
        Statement::CreateIndex(_) => Tag::CreateIndex,
        Statement::DropIndex { .. } => Tag::DropIndex,
        Statement::AlterTable(_) => Tag::AlterTable,
        Statement::CreateView { .. } => Tag::CreateView,
        Statement::DropView { .. } => Tag::DropView,
        Statement::Begin { .. } => Tag::Begin,
        Statement::Commit => Tag::Commit,
        Statement::Rollback => Tag::Rollback,
        Statement::Assert { .. } => Tag::Assert,
    }
}

/// A dry run of a partition's departure tells what would leave; everything else that changes something gives a count.
pub(super) fn returns_rows(statement: &Statement) -> bool {
    match statement {
        Statement::Query { .. } | Statement::Explain { .. } | Statement::Describe { .. } => true,
        Statement::AlterTable(alter) => match &alter.action {
            TableAction::Lifecycle(
                LifecycleChange::Detach { is_dry_run, .. }
                | LifecycleChange::Drop { is_dry_run, .. },
            ) => *is_dry_run,
            TableAction::Lifecycle(
                LifecycleChange::Archive { .. }
                | LifecycleChange::Attach(_)
                | LifecycleChange::Retain(_)
                | LifecycleChange::PlaceHold { .. }
                | LifecycleChange::ReleaseHold { .. },
            )
            | TableAction::Change { .. } => false,
        },
        Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Erase(_)
        | Statement::CreateTable(_)
        | Statement::CreateIndex(_)
        | Statement::DropIndex { .. }
        | Statement::CreateView { .. }
        | Statement::DropView { .. }
        | Statement::Begin { .. }
        | Statement::Commit
        | Statement::Rollback
        | Statement::Assert { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Tag, access, returns_rows, tag};
    use crate::parse::parse;

    const QUERIES: &[&str] = &[
        "SELECT 1",
        "VALUES (1), (2)",
        "WITH c AS (SELECT 1 AS a) SELECT a FROM c",
        "SELECT * FROM t WHERE k IN (SELECT k FROM u)",
        "SETTING DEFAULT VALID_TIME AS OF '2024-01-01' SELECT * FROM t",
        "SEQUENCED VALID_TIME SELECT count(*) FROM t",
        "SELECT * FROM changes('t', '2024-01-01', '2024-02-01')",
        "SELECT * FROM generate_series(1, 3)",
        "DESCRIBE t",
        "SHOW TABLES",
    ];

    const OTHERS: &[(&str, Access, Tag)] = &[
        ("EXPLAIN SELECT 1", Access::Read, Tag::Explain),
        ("EXPLAIN ANALYZE SELECT * FROM t", Access::Read, Tag::Explain),
        ("CREATE TEMPORARY VIEW v AS SELECT 1", Access::Read, Tag::CreateView),
        ("CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1", Access::Read, Tag::CreateView),
        ("DROP VIEW v", Access::Read, Tag::DropView),
        ("INSERT INTO t VALUES (1)", Access::Write, Tag::Insert),
        ("INSERT INTO t SELECT * FROM u", Access::Write, Tag::Insert),
        ("UPSERT INTO t VALUES (1)", Access::Write, Tag::Upsert),
        ("UPDATE t SET v = 1", Access::Write, Tag::Update),
        ("UPDATE t FOR ALL VALID_TIME SET v = 1", Access::Write, Tag::Update),
        ("DELETE FROM t", Access::Write, Tag::Delete),
        ("BEGIN", Access::Write, Tag::Begin),
        ("START TRANSACTION", Access::Write, Tag::Begin),
        ("BEGIN WITH (SYSTEM_TIME = TIMESTAMP '2024-01-01')", Access::Write, Tag::Begin),
        ("COMMIT", Access::Write, Tag::Commit),
        ("ROLLBACK", Access::Write, Tag::Rollback),
        ("ASSERT (SELECT count(*) FROM t) > 0, 'empty'", Access::Write, Tag::Assert),
        ("ERASE FROM t WHERE k = 1", Access::Define, Tag::Erase),
        ("CREATE TABLE t (k BIGINT, PRIMARY KEY (k))", Access::Define, Tag::CreateTable),
        ("CREATE EVENT TABLE e (v BIGINT) RETAIN '1 year'", Access::Define, Tag::CreateTable),
        ("CREATE INDEX i ON t USING BITMAP (v)", Access::Define, Tag::CreateIndex),
        ("DROP INDEX i", Access::Define, Tag::DropIndex),
        ("ALTER TABLE t ADD COLUMN c TEXT", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t DROP COLUMN c", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t RENAME COLUMN a TO b", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t ALTER COLUMN c TYPE BIGINT", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t RETAIN '7 years' THEN DETACH", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t RETAIN FOREVER", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t PLACE HOLD 'h' WHERE k = 1", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t RELEASE HOLD 'h'", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t DETACH PARTITION '2024-01'", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t DROP PARTITION '2024-01'", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t ARCHIVE PARTITION '2024-01' TO '/a'", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t ATTACH PARTITION '2024-01'", Access::Define, Tag::AlterTable),
        ("ALTER TABLE t ATTACH PARTITION FROM '/a'", Access::Define, Tag::AlterTable),
    ];

    fn check(sql: &str, expected: (Access, Tag, bool)) {
        let parsed = parse(sql).unwrap_or_else(|error| panic!("{error}, of {sql}"));
        let [parsed] = parsed.as_slice() else { panic!("one statement: {sql}") };
        let statement = &parsed.statement;
        let found = (access(statement), tag(statement), returns_rows(statement));
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn every_statement_says_what_it_asks_for_before_it_runs() {
        for sql in QUERIES {
            check(sql, (Access::Read, Tag::Select, true));
        }
        for (sql, access, tag) in OTHERS {
            check(sql, (*access, *tag, *tag == Tag::Explain));
        }
        for departure in ["DETACH", "DROP"] {
            let sql = format!("ALTER TABLE t {departure} PARTITION '2024-01' DRY RUN");
            check(&sql, (Access::Define, Tag::AlterTable, true));
        }
        assert!(Access::Read < Access::Write && Access::Write < Access::Define);
    }

    #[test]
    fn no_query_has_a_change_in_it() {
        for sql in [
            "WITH x AS (DELETE FROM t) SELECT 1",
            "WITH x AS (UPDATE t SET v = 1) SELECT * FROM x",
            "WITH x AS (INSERT INTO t VALUES (1)) SELECT * FROM x",
            "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
            "WITH x AS (SELECT 1) UPDATE t SET v = 1",
            "WITH x AS (SELECT 1) DELETE FROM t",
            "WITH x AS (SELECT 1) MERGE INTO t USING x ON true WHEN MATCHED THEN DELETE",
            "SELECT * FROM (DELETE FROM t) AS x",
            "SELECT * FROM (INSERT INTO t VALUES (1)) AS x",
            "SELECT (DELETE FROM t)",
            "SELECT 1 WHERE EXISTS (UPDATE t SET v = 1)",
            "SELECT * INTO u FROM t",
            "SELECT 1 UNION ALL (DELETE FROM t)",
            "EXPLAIN WITH x AS (SELECT 1) DELETE FROM t",
            "EXPLAIN INSERT INTO t VALUES (1)",
            "EXPLAIN ANALYZE DELETE FROM t",
            "EXPLAIN ERASE FROM t WHERE k = 1",
            "CREATE TEMPORARY VIEW v AS WITH x AS (SELECT 1) DELETE FROM t",
            "SETTING VALID_TIME AS OF '2024-01-01' WITH x AS (SELECT 1) DELETE FROM t",
        ] {
            assert!(parse(sql).is_err(), "{sql}");
        }
    }
}
