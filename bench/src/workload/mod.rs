//! What is measured on: data that is a pure function of its size, and the truth about it.

pub mod baseline;
pub mod positions;
pub mod questions;
mod random;
pub mod readings;
mod resolve;
pub mod sh1;
mod size;
mod transactions;
mod truth;

pub use positions::{Kind, Positions, Put, Values};
pub use questions::{Answer, Group, Probe, Question};
pub use random::Random;
pub use resolve::{Rectangle, Resolver};
pub use size::{Size, TRANSACTION_PUTS};
pub use transactions::{TABLE, table_spec, transaction};
pub use truth::Truth;
