//! A small random generator, and the seeds of a test's runs.

use std::ops::RangeInclusive;

/// An xorshift generator (Marsaglia, 2003; the `*` variant of Vigna): small, fast, the same on every machine.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Rng {
        // Small seeds would begin with many zero bits; a step of SplitMix64 spreads them.
        let spread = seed.wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        Rng(spread ^ (spread >> 31) | 1)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.bits()) * limit as u128) >> 64) as usize
    }

    /// A number of the range.
    pub fn within(&mut self, range: RangeInclusive<i64>) -> i64 {
        range.start() + self.below((range.end() - range.start() + 1) as usize) as i64
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// An index, drawn in proportion to the weights.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut at = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if at < *weight {
                return index;
            }
            at -= weight;
        }
        unreachable!("below the sum of the weights")
    }
}

/// The seeds of a test's runs: `count` of them from `first` on, or the one that the variable `ANNALS_SEED` names, or as many
/// from there on as `ANNALS_RUNS` says.
///
/// Prints the command that replays a run before the run begins, so that the last one printed is the one that failed.
pub fn runs(test: &str, first: u64, count: u64) -> impl Iterator<Item = u64> {
    let variable = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seeds = match (variable("ANNALS_SEED"), variable("ANNALS_RUNS")) {
        (None, None) => first..first + count,
        (seed, runs) => {
            let first = seed.unwrap_or(first);
            first..first + runs.unwrap_or(1)
        }
    };
    let (file, name) = test.split_once("::").expect("file::test");
    let (file, name) = (file.to_owned(), name.to_owned());
    seeds.inspect(move |seed| {
        let command = format!("cargo test -p annals-tests --test {file} -- {name} --nocapture");
        println!("ANNALS_SEED={seed} {command}");
    })
}
