//! The two times as types: an instant or a period of one axis cannot be passed where the other is meant.
//!
//! An instant is a signed 64-bit count of microseconds since 1970-01-01T00:00:00Z. Periods are closed-open, `[from, to)`.
//! An unbounded start is [`Time::MIN`], an unbounded end [`Time::MAX`]; users see both as NULL.

mod axis;
mod instant;
mod literal;
mod period;
mod rect;

pub use axis::{Axis, System, Valid};
pub use instant::{SystemTime, Time, ValidTime};
pub(crate) use literal::{date_of, days_of};
pub use period::Period;
pub(crate) use rect::Rect;
