//! Every answer in SQL equals the contract: random statements on a database and on the model, asked
//! the same random questions.
//!
//! Each run draws from its seed tables, a history of statements (INSERT, UPSERT, UPDATE and DELETE
//! with every portion, transactions of several statements, with their own system time, given up,
//! refused) and, between them, flushes, compactions, restarts. The questions are drawn after the
//! data, around its boundaries, and many of them are asked by one statement, as members of a UNION
//! ALL that begin with their number: points and ranges of both times, aggregates, joins of two
//! instants, subqueries at two instants, sequenced aggregates, what was restated, ORDER BY with
//! LIMIT. Look-ups of keys are statements of their own. All together at least 20,000 questions.

mod answers;
mod apply;
mod change;
mod draw;
mod look_up;
mod question;
mod restated;
mod runs;
mod sequenced;
mod text;
mod world;
