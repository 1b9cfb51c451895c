//! An extent in both times, as stored rows have it.

/// A version's extent in both times: `[valid_from, valid_to) x [system_from, system_to)`, in microseconds since 1970;
/// `i64::MIN` and `i64::MAX` stand for unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rect {
    pub(crate) valid_from: i64,
    pub(crate) valid_to: i64,
    pub(crate) system_from: i64,
    pub(crate) system_to: i64,
}

impl Rect {
    /// From then on, no reader who looks at the present of either axis sees the version.
    pub(crate) fn end(&self) -> i64 {
        self.valid_to.min(self.system_to)
    }

    /// Before then, no reader who looks at the present of either axis sees the version.
    pub(crate) fn start(&self) -> i64 {
        self.valid_from.max(self.system_from)
    }

    /// The same as it was known at a system instant; `None` if it was not there yet.
    pub(crate) fn until(self, system_us: i64) -> Option<Rect> {
        let system_to = if self.system_to > system_us { i64::MAX } else { self.system_to };
        (self.system_from <= system_us).then_some(Rect { system_to, ..self })
    }

    /// Whether the database still believes it.
    pub(crate) fn is_open(&self) -> bool {
        self.system_to == i64::MAX
    }
}
