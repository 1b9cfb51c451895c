//! What a reader asks for on one axis.

use crate::error::{Error, Result};
use crate::time::{Axis, System, SystemTime, Time};

/// Which periods of one axis are selected. `p = [from, to)` is a version's period on that axis.
///
/// | clause | selects versions with |
/// |---|---|
/// | `AsOf(x)` | `from <= x < to` |
/// | `FromTo(a, b)` | `from < b` and `to > a` |
/// | `Between(a, b)` | `from <= b` and `to > a` |
/// | `ContainedIn(a, b)` | `from >= a` and `to <= b` |
/// | `All` | any |
///
/// [`Time::MIN`] and [`Time::MAX`] as bounds of ranges mean unbounded. Period columns always show the whole period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause<A: Axis> {
    /// The period contains the instant.
    AsOf(Time<A>),
    /// The period shares an instant with `[a, b)`; an error unless `a < b`.
    FromTo(Time<A>, Time<A>),
    /// The period shares an instant with the closed range from `a` to `b`; an error unless `a <= b`.
    Between(Time<A>, Time<A>),
    /// The period lies within `[a, b)`; an error unless `a < b`.
    ContainedIn(Time<A>, Time<A>),
    /// Every period.
    All,
}

impl<A: Axis> Clause<A> {
    /// This clause if its range can contain an instant; an error that names both bounds otherwise.
    pub(crate) fn checked(self) -> Result<Clause<A>> {
        let (name, a, b, is_empty) = match self {
            Clause::AsOf(at) if at.is_unbounded() => {
                return Err(Error::invalid(format!("AS OF needs an instant of {}", A::NAME)));
            }
            Clause::AsOf(_) | Clause::All => return Ok(self),
            Clause::FromTo(a, b) => ("FROM .. TO", a, b, a >= b),
            Clause::Between(a, b) => ("BETWEEN", a, b, a > b),
            Clause::ContainedIn(a, b) => ("CONTAINED IN", a, b, a >= b),
        };
        if is_empty {
            let axis = A::NAME;
            return Err(Error::invalid(format!("empty range of {axis}: {name} {a} and {b}")));
        }
        Ok(self)
    }
}

impl Clause<System> {
    /// An error that names both instants if the answer as of this instant could still change.
    pub(crate) fn check_not_after(&self, now: SystemTime) -> Result<()> {
        let Clause::AsOf(at) = self else { return Ok(()) };
        if *at <= now {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "AS OF system time {at} is later than now, {now}: the answer could still change"
        )))
    }
}
