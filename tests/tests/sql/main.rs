//! What is promised of SQL: random changes and questions against the model, the time zone truth,
//! memory, cancellation, erasure, changed tables, what is on record of statements, and sessions side by side.
//!
//! One program, because each that DataFusion is linked into costs a build more than its tests.

mod alter;
mod audit;
mod bounds;
mod erasure;
mod limits;
mod oracle;
mod session;
mod tz_truth;
