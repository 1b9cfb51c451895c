//! An instant of one axis.

use std::fmt;
use std::marker::PhantomData;

use super::axis::{Axis, System, Valid};
use super::literal;
use crate::error::{Error, Result};

/// An instant on the axis `A`: microseconds since 1970-01-01T00:00:00Z.
///
/// ```
/// use annals_engine::ValidTime;
///
/// let noon = ValidTime::parse("2016-12-01T12:00:00Z")?;
/// assert_eq!(noon.micros(), 1_480_593_600_000_000);
/// assert_eq!(noon.to_string(), "2016-12-01T12:00:00Z");
/// # Ok::<(), annals_engine::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time<A: Axis> {
    micros: i64,
    axis: PhantomData<A>,
}

/// An instant of valid time.
pub type ValidTime = Time<Valid>;

/// An instant of system time.
pub type SystemTime = Time<System>;

impl<A: Axis> Time<A> {
    /// Before every instant: the start of a period without a start.
    pub const MIN: Time<A> = Time::from_micros(i64::MIN);
    /// After every instant: the end of a period without an end.
    pub const MAX: Time<A> = Time::from_micros(i64::MAX);
    /// The first instant users may name, 0001-01-01T00:00:00Z.
    pub const FIRST: Time<A> = Time::from_micros(-62_135_596_800_000_000);
    /// The last instant users may name, 9999-12-31T23:59:59.999999Z.
    pub const LAST: Time<A> = Time::from_micros(253_402_300_799_999_999);

    /// The instant `micros` microseconds after 1970-01-01T00:00:00Z, unchecked against the range users may name.
    pub const fn from_micros(micros: i64) -> Time<A> {
        Time { micros, axis: PhantomData }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// Reads an RFC 3339 instant, a date and time without an offset (taken as UTC), or a date (its midnight UTC).
    ///
    /// An error names the text; so does one for an instant outside the years 0001 to 9999.
    pub fn parse(text: &str) -> Result<Time<A>> {
        literal::parse_micros(text).map(Time::from_micros)
    }

    /// Whether this stands for "without an end" or "without a start".
    pub const fn is_unbounded(self) -> bool {
        self.micros == i64::MIN || self.micros == i64::MAX
    }

    /// This instant, if it lies in the years 0001 to 9999; an error that names it otherwise.
    pub fn checked(self) -> Result<Time<A>> {
        if self >= Time::FIRST && self <= Time::LAST {
            return Ok(self);
        }
        let micros = self.micros;
        Err(Error::invalid(format!(
            "the {} {micros} us since 1970 is outside the years 0001 to 9999",
            A::NAME
        )))
    }
}

impl<A: Axis> fmt::Display for Time<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.micros {
            i64::MIN => f.write_str("the beginning of time"),
            i64::MAX => f.write_str("the end of time"),
            micros => literal::write_micros(f, micros),
        }
    }
}

impl<A: Axis> fmt::Debug for Time<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
