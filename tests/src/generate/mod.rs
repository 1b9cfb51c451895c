//! Random tables, histories and questions, each from one seed.
//!
//! Instants come from a small grid, so that starts, ends and system times meet each other often; some are a microsecond
//! beside it. Questions are drawn after the data, around its boundaries: a question drawn before would hardly ever meet one.

mod alter;
mod query;
mod rng;
mod shape;
mod step;

pub use alter::{Alteration, draw_alteration};
pub use query::{
    Filter, Instants, Query, Question, draw_clause, draw_filter, draw_period_near, draw_query,
};
pub use rng::{Rng, runs};
pub use shape::{Shape, draw_cell, shapes};
pub use step::{Change, Grid, Situation, Step, draw_period, draw_step};
