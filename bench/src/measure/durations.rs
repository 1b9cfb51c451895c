//! A handful of measured durations, and what is reported of them.

use std::time::Duration;

/// Durations of the same work, in ascending order.
#[derive(Clone, Debug)]
pub struct Durations {
    sorted: Vec<Duration>,
}

impl Durations {
    /// Sorts what was measured.
    pub fn new(mut measured: Vec<Duration>) -> Durations {
        measured.sort_unstable();
        Durations { sorted: measured }
    }

    /// The smallest duration that `share` (0 to 1) of all are not above (nearest rank); zero of
    /// none.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = (share * self.sorted.len() as f64).ceil() as usize;
        let at = rank.clamp(1, self.sorted.len().max(1)) - 1;
        self.sorted.get(at).copied().unwrap_or_default()
    }

    /// How many were measured.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The shortest.
    pub fn best(&self) -> Duration {
        self.quantile(0.0)
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }
}

/// Microseconds, for reports.
pub(super) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Milliseconds, for reports.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_ranks() {
        let durations = Durations::new((1..=100).rev().map(Duration::from_micros).collect());
        let found = [0.0, 0.5, 0.99, 1.0].map(|share| durations.quantile(share).as_micros());
        assert_eq!(found, [1, 50, 99, 100]);
        assert_eq!(Durations::new(Vec::new()).median(), Duration::ZERO);
    }
}
