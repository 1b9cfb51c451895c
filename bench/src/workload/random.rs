//! The generator of pseudo-random numbers behind every workload: SplitMix64 (Steele, Lea, Flood,
//! OOPSLA 2014).
//!
//! The state advances by the odd constant [`GAMMA`]; the output is the state, mixed (variant 13 of
//! Stafford). It is written here and not taken from a crate because its numbers are part of the
//! workload: they must be the same for ever, and a rival's harness in another language must be able
//! to repeat them in ten lines.

/// 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The stream number `index` among those of a seed, so that the n-th item of a workload needs
    /// none before it.
    pub fn nth(seed: u64, index: u64) -> Random {
        Random { state: mix(seed ^ mix(index.wrapping_mul(GAMMA))) }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A number in `0..bound`: the high half of a 128-bit product (Lemire). Its bias is below bound
    /// / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// An instant or duration in `from..to`, in the unit of both.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(from.abs_diff(to)) as i64
    }

    /// Brings a list into random order (Fisher and Yates, from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_algorithm() {
        // The first outputs for seed 1234567, as Rosetta Code and the reference implementation in C
        // list them.
        let mut random = Random::new(1_234_567);
        let expect = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([random.next_u64(), random.next_u64()], expect);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..1_000).collect();
        Random::new(7).shuffle(&mut items);
        assert_ne!(items[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        items.sort_unstable();
        assert!(items.iter().copied().eq(0..1_000));
    }
}
