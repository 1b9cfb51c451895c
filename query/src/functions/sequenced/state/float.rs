//! Sums and averages of floats that can take a value back.
//!
//! Subtracting a float does not undo adding it: `1e17 + 1 - 1e17` is not 1. So the sum is kept as an integer, a multiple of the
//! smallest float 2^-1074, of 2,144 bits: every finite float has its place in it (Kulisch's long accumulator). The answer is that
//! integer rounded once, to the nearest float: the same for the same values in whatever order they came and went. A plain sum
//! differs from it by its own rounding only. An infinity or NaN is counted beside it, and speaks only while it is there.

use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Float64Type;

use super::{Answer, Overflow, State};

/// Digits of 32 bits: 2,098 bits of a float's range, and what a billion of them add up to.
const DIGIT_COUNT: usize = 67;
const DIGIT_BITS: u32 = 32;
const DIGIT_MASK: i64 = 0xFFFF_FFFF;

/// An exact sum of floats.
struct LongSum {
    /// `sum = digits[i] * 2^(32 i - 1074)`, added up. Carries are resolved on reading, so digits are signed and may have more
    /// than 32 bits: with at most 2^30 values ([`super::super::input::ROW_COUNT_MAX`]) none leaves the 62 of an `i64`.
    digits: [i64; DIGIT_COUNT],
    /// The digits that may not be zero are in `first..end`.
    first: usize,
    end: usize,
}

impl LongSum {
    fn new() -> LongSum {
        LongSum { digits: [0; DIGIT_COUNT], first: DIGIT_COUNT, end: 0 }
    }

    /// Adds a finite float `sign` times; `sign` is 1 or -1.
    fn add(&mut self, value: f64, sign: i64) {
        let bits = value.to_bits();
        let (exponent, fraction) = (bits >> 52 & 0x7FF, bits & ((1 << 52) - 1));
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        let place = exponent.saturating_sub(1) as u32;
        let sign = if bits >> 63 == 1 { -sign } else { sign };
        let first = (place / DIGIT_BITS) as usize;
        let shifted = u128::from(mantissa) << (place % DIGIT_BITS);
        for (digit, part) in self.digits[first..first + 3].iter_mut().zip(0..) {
            *digit += sign * ((shifted >> (part * DIGIT_BITS)) as i64 & DIGIT_MASK);
        }
        self.first = self.first.min(first);
        self.end = self.end.max(first + 3);
    }

    /// The digits of `sign` times the sum with carries resolved, and what is carried out of the last one.
    fn resolved(&self, sign: i64) -> ([u32; DIGIT_COUNT], i64) {
        let (mut resolved, mut carry) = ([0; DIGIT_COUNT], 0);
        // Two digits above the last are all that is carried into.
        let end = DIGIT_COUNT.min(self.end + 2);
        for (digit, out) in self.digits[..end].iter().zip(&mut resolved).skip(self.first) {
            let value = sign * digit + carry;
            *out = (value & DIGIT_MASK) as u32;
            carry = value >> DIGIT_BITS;
        }
        (resolved, carry)
    }

    /// The float nearest to the sum, ties to the even one; an infinity if it is out of range.
    fn rounded(&self) -> f64 {
        if self.first >= self.end {
            return 0.0;
        }
        let (digits, carry) = self.resolved(1);
        if carry >= 0 { magnitude(&digits) } else { -magnitude(&self.resolved(-1).0) }
    }
}

fn magnitude(digits: &[u32; DIGIT_COUNT]) -> f64 {
    let Some(top) = digits.iter().rposition(|digit| *digit != 0) else { return 0.0 };
    let digit = |back: usize| top.checked_sub(back).map_or(0, |at| u128::from(digits[at]));
    let head = digit(0) << 64 | digit(1) << 32 | digit(2);
    // The head has at least 65 bits, so its last one is far below what a float keeps: it can stand for all that follows.
    let follows = top > 2 && digits[..top - 2].iter().any(|digit| *digit != 0);
    let rounded = (head | u128::from(follows)) as f64;
    // In two steps, since neither factor must leave the range of exponents. A result below the smallest normal float has at most
    // 52 bits, of which nothing is rounded.
    let exponent = DIGIT_BITS as i64 * (top as i64 - 2) - 1_074;
    let half = exponent / 2;
    rounded * power_of_two(half) * power_of_two(exponent - half)
}

/// `2^exponent`, for exponents of normal floats.
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1_023) as u64) << 52)
}

/// The sum; NULL without rows.
pub(super) struct FloatSum {
    values: ScalarBuffer<f64>,
    row_count: i64,
    finite: LongSum,
    nan_count: i64,
    infinity_count: i64,
    negative_infinity_count: i64,
}

impl FloatSum {
    /// `values` are of type `Float64`.
    pub(super) fn new(values: &ArrayRef) -> FloatSum {
        FloatSum {
            values: values.as_primitive::<Float64Type>().values().clone(),
            row_count: 0,
            finite: LongSum::new(),
            nan_count: 0,
            infinity_count: 0,
            negative_infinity_count: 0,
        }
    }

    fn count(&mut self, row: usize, sign: i64) {
        let value = self.values[row];
        self.row_count += sign;
        if value.is_finite() {
            self.finite.add(value, sign);
        } else if value.is_nan() {
            self.nan_count += sign;
        } else if value > 0.0 {
            self.infinity_count += sign;
        } else {
            self.negative_infinity_count += sign;
        }
    }

    fn sum(&self) -> f64 {
        match (self.infinity_count > 0, self.negative_infinity_count > 0) {
            _ if self.nan_count > 0 => f64::NAN,
            (true, true) => f64::NAN,
            (true, false) => f64::INFINITY,
            (false, true) => f64::NEG_INFINITY,
            (false, false) => self.finite.rounded(),
        }
    }
}

fn bits(value: f64) -> Answer {
    Some(value.to_bits().into())
}

impl State for FloatSum {
    fn add(&mut self, row: usize) {
        self.count(row, 1);
    }

    fn remove(&mut self, row: usize) {
        self.count(row, -1);
    }

    fn answer(&self) -> Result<Answer, Overflow> {
        Ok(if self.row_count == 0 { None } else { bits(self.sum()) })
    }
}

/// The sum divided by the number of rows; NULL without rows.
pub(super) struct FloatAverage(pub(super) FloatSum);

impl State for FloatAverage {
    fn add(&mut self, row: usize) {
        self.0.add(row);
    }

    fn remove(&mut self, row: usize) {
        self.0.remove(row);
    }

    fn answer(&self) -> Result<Answer, Overflow> {
        let row_count = self.0.row_count;
        Ok(if row_count == 0 { None } else { bits(self.0.sum() / row_count as f64) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expect: f64) {
        let mut sum = LongSum::new();
        values.iter().for_each(|value| sum.add(*value, 1));
        assert_eq!(sum.rounded().to_bits(), expect.to_bits(), "{values:?} {}", sum.rounded());
        values.iter().for_each(|value| sum.add(-value, 1));
        assert_eq!(sum.rounded(), 0.0, "{values:?}");
        values.iter().for_each(|value| sum.add(*value, -1));
        assert_eq!(sum.rounded().to_bits(), (0.0 - expect).to_bits(), "{values:?}");
    }

    #[test]
    fn a_sum_is_rounded_once() {
        check(&[], 0.0);
        check(&[1e17, 1.0, -1e17], 1.0);
        check(&[0.1, 0.2], 0.1 + 0.2);
        check(&[1e308, 1e308, -1e308], 1e308);
        check(&[f64::MAX, f64::MAX], f64::INFINITY);
        check(&[f64::MAX, 1.0], f64::MAX);
        check(&[f64::from_bits(1), f64::from_bits(2)], f64::from_bits(3));
        check(&[f64::MIN_POSITIVE, -f64::from_bits(1)], f64::MIN_POSITIVE - f64::from_bits(1));
        check(&[1e300, f64::from_bits(1), -1e300], f64::from_bits(1));
        check(&[-5.5, 2.25], -3.25);
    }

    #[test]
    fn a_tie_goes_to_the_even_float_unless_something_far_below_decides() {
        let two53 = 9_007_199_254_740_992.0;
        check(&[two53, 1.0], two53);
        check(&[two53, 1.0, 1e-300], two53 + 2.0);
        check(&[two53, 3.0], two53 + 4.0);
        check(&[two53, 1.0, -1e-300], two53);
    }

    #[test]
    fn an_infinity_speaks_only_while_it_is_there() {
        let values = vec![1.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let values: ArrayRef = std::sync::Arc::new(arrow::array::Float64Array::from(values));
        let mut sum = FloatSum::new(&values);
        sum.add(0);
        sum.add(1);
        assert_eq!(sum.sum(), f64::INFINITY);
        sum.add(2);
        assert!(sum.sum().is_nan());
        sum.remove(1);
        assert_eq!(sum.sum(), f64::NEG_INFINITY);
        sum.add(3);
        sum.remove(2);
        assert!(sum.sum().is_nan());
        sum.remove(3);
        assert_eq!(sum.sum(), 1.5);
    }
}
