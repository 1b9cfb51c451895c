//! What a statement gave.

use std::fmt;

use annals_engine::{Commit, SystemTime};
use datafusion::execution::SendableRecordBatchStream;

/// What a statement gave: rows, or a change.
pub struct Outcome {
    /// What kind of statement it was.
    pub tag: Tag,
    /// The answer of a query. Dropping it cancels the query.
    pub rows: Option<SendableRecordBatchStream>,
    /// Whether the rows are computed already: reading them takes no time.
    pub is_computed: bool,
    /// Rows put or retracted, for a change; keys, for ERASE.
    pub row_count: u64,
    /// The commit, once there is one: of a change outside a transaction, or of COMMIT.
    pub commit: Option<Commit>,
    /// What the answer leaves out, a sentence each: partitions that are not part of the database and may have held some of it.
    pub notices: Vec<String>,
    /// The system instant that the statement was read at: asking as of it gives the same answer for ever.
    pub system_time: Option<SystemTime>,
}

/// The kind of a statement, shown as PostgreSQL shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tag {
    /// A query.
    Select,
    /// EXPLAIN.
    Explain,
    /// INSERT.
    Insert,
    /// UPSERT.
    Upsert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// ERASE.
    Erase,
    /// CREATE TABLE.
    CreateTable,
    /// ALTER TABLE.
    AlterTable,
    /// CREATE INDEX.
    CreateIndex,
    /// DROP INDEX.
    DropIndex,
    /// CREATE VIEW.
    CreateView,
    /// DROP VIEW.
    DropView,
    /// BEGIN.
    Begin,
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    Rollback,
    /// ASSERT.
    Assert,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tag::Select => "SELECT",
            Tag::Explain => "EXPLAIN",
            Tag::Insert => "INSERT",
            Tag::Upsert => "UPSERT",
            Tag::Update => "UPDATE",
            Tag::Delete => "DELETE",
            Tag::Erase => "ERASE",
            Tag::CreateTable => "CREATE TABLE",
            Tag::AlterTable => "ALTER TABLE",
            Tag::CreateIndex => "CREATE INDEX",
            Tag::DropIndex => "DROP INDEX",
            Tag::CreateView => "CREATE VIEW",
            Tag::DropView => "DROP VIEW",
            Tag::Begin => "BEGIN",
            Tag::Commit => "COMMIT",
            Tag::Rollback => "ROLLBACK",
            Tag::Assert => "ASSERT",
        })
    }
}

impl Outcome {
    /// A statement that gives no rows.
    pub(crate) fn done(tag: Tag) -> Outcome {
        let notices = Vec::new();
        let (rows, commit, system_time) = (None, None, None);
        Outcome { tag, rows, is_computed: false, row_count: 0, commit, notices, system_time }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("tag", &self.tag)
            .field("row_count", &self.row_count)
            .field("commit", &self.commit)
            .finish_non_exhaustive()
    }
}
