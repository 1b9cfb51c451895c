//! Temporal SQL over Annals: standard SQL through DataFusion, plus the two times.
//!
//! # A tour
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use annals_engine::{Database, Options};
//! use annals_query::{Sql, SqlOptions};
//!
//! # let dir = tempfile::tempdir()?;
//! let sql = Sql::new(Database::open(dir.path(), Options::default())?, SqlOptions::default())?;
//! let mut session = sql.session();
//! session.run("CREATE TABLE salaries (name TEXT, amount BIGINT, PRIMARY KEY (name))").await?;
//! session.run("BEGIN WITH (SYSTEM_TIME = TIMESTAMP '2024-01-01');
//!              UPSERT INTO salaries (name, amount, _valid_from) VALUES ('Ann', 4000, TIMESTAMP '2024-01-01');
//!              COMMIT").await?;
//! session.run("BEGIN WITH (SYSTEM_TIME = TIMESTAMP '2024-06-01');
//!              UPSERT INTO salaries (name, amount, _valid_from) VALUES ('Ann', 4300, TIMESTAMP '2024-03-01');
//!              COMMIT").await?;
//!
//! // What did we believe in May that she earned in April? And what do we know now?
//! let then = session.collect(
//!     "SELECT amount FROM salaries FOR VALID_TIME AS OF '2024-04-01' FOR SYSTEM_TIME AS OF '2024-05-01'").await?;
//! let now = session.collect("SELECT amount FROM salaries FOR VALID_TIME AS OF '2024-04-01'").await?;
//! use arrow::{array::AsArray, datatypes::Int64Type};
//! assert_eq!(then[0].column(0).as_primitive::<Int64Type>().value(0), 4000);
//! assert_eq!(now[0].column(0).as_primitive::<Int64Type>().value(0), 4300);
//! # Ok(())
//! # }
//! ```
//!
//! * [`Sql`]: a database that speaks SQL; one for all sessions, it bounds the memory of queries.
//! * [`Session`]: statements one after the other; an open transaction, temporary views, default instants, parameters.
//! * [`Outcome`]: what a statement gave: a stream of Arrow record batches, or how many rows it changed and its commit.
//!
//! # What survives
//!
//! A statement outside a transaction, and a COMMIT, is durable when it returns, as far as the database's sync mode says. A
//! statement that fails has changed nothing; one that fails inside a transaction leaves only ROLLBACK.
//!
//! # It is not
//!
//! * a server: it speaks no protocol;
//! * an engine: joins, aggregates and spilling are DataFusion's; log, segments and the two times are `annals-engine`'s.

mod catalog;
mod dml;
mod error;
mod functions;
mod parse;
mod plan;
mod scan;
mod session;

pub use annals_engine;
pub use arrow;
pub use catalog::{StatementRecord, is_reserved_table};
pub use datafusion::execution::SendableRecordBatchStream;
pub use error::{Error, Place, Result};
pub use session::{
    Access, CancelToken, HeldRows, Outcome, Prepared, Session, Sql, SqlOptions, Tag,
};

/// Whether text ends a statement: no quote or comment is open, and its last word is followed by `;`. A prompt asks for more
/// otherwise.
pub fn is_complete(sql: &str) -> bool {
    parse::is_complete(sql)
}

/// Text without its values, as [`Prepared::redacted`], also of what does not parse: names and words stay, joined by `;` if there are
/// several statements. Where what is a value cannot be told, the length is all that is said.
pub fn redact(sql: &str) -> String {
    parse::redact(sql)
}
