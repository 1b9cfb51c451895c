//! How large a run of the workload is: keys, and versions a key.

use std::fmt;

use crate::failure::{Failure, Result};

/// How many puts make a transaction, unless a size says otherwise.
pub const TRANSACTION_PUTS: u32 = 1_000;

/// The most puts a size may have: positions in the stream are 32-bit numbers.
const PUT_COUNT_MAX: u64 = u32::MAX as u64;

/// A size of the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    name: String,
    keys: u32,
    versions: u32,
    transaction_puts: u32,
}

impl Size {
    /// `keys` keys with `versions` puts each, in transactions of [`TRANSACTION_PUTS`]; an error if
    /// that is nothing or too much.
    pub fn new(keys: u32, versions: u32) -> Result<Size> {
        let puts = u64::from(keys) * u64::from(versions);
        if puts == 0 || puts > PUT_COUNT_MAX {
            return Err(Failure::new(format!(
                "{keys} keys with {versions} versions each: 1 to {PUT_COUNT_MAX} puts are possible"
            )));
        }
        let name = format!("{keys}x{versions}");
        Ok(Size { name, keys, versions, transaction_puts: TRANSACTION_PUTS })
    }

    /// Reads `S`, `M`, `D1`, `D100`, or keys and versions such as `5000x20`.
    pub fn parse(text: &str) -> Result<Size> {
        let (keys, versions) = match text {
            "D1" => (100_000, 1),
            "S" => (100_000, 10),
            "D100" => (100_000, 100),
            "M" => (1_000_000, 10),
            _ => {
                let numbers = text.split_once('x').and_then(|(keys, versions)| {
                    Some((keys.parse().ok()?, versions.parse().ok()?))
                });
                numbers.ok_or_else(|| {
                    Failure::new(format!(
                        "`{text}` is not a size; \
                         expected S, M, D1, D100 or keys x versions such as 5000x20"
                    ))
                })?
            }
        };
        Ok(Size { name: text.to_owned(), ..Size::new(keys, versions)? })
    }

    /// The same size in transactions of `puts` puts, at least one.
    pub fn transaction_puts(mut self, puts: u32) -> Size {
        self.transaction_puts = puts.max(1);
        self
    }

    /// The name it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many keys there are: 0 to this, exclusive.
    pub fn key_count(&self) -> u32 {
        self.keys
    }

    /// How many puts each key gets.
    pub fn version_count(&self) -> u32 {
        self.versions
    }

    /// How many puts there are in all.
    pub fn put_count(&self) -> u32 {
        self.keys * self.versions
    }

    /// How many transactions carry them; the last may be shorter.
    pub fn transaction_count(&self) -> u32 {
        self.put_count().div_ceil(self.transaction_puts)
    }

    /// The transaction that carries the put at a position of the stream.
    pub fn transaction_of(&self, position: u32) -> u32 {
        position / self.transaction_puts
    }

    /// The positions in the stream that a transaction carries.
    pub fn positions_of(&self, transaction: u32) -> std::ops::Range<u32> {
        let from = transaction.saturating_mul(self.transaction_puts);
        from.min(self.put_count())..from.saturating_add(self.transaction_puts).min(self.put_count())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_by_name_or_by_numbers() {
        let shape = |text| {
            Size::parse(text)
                .map(|size| (size.key_count(), size.put_count(), size.transaction_count()))
        };
        assert_eq!(shape("D1").unwrap(), (100_000, 100_000, 100));
        assert_eq!(shape("S").unwrap(), (100_000, 1_000_000, 1_000));
        assert_eq!(shape("D100").unwrap(), (100_000, 10_000_000, 10_000));
        assert_eq!(shape("M").unwrap(), (1_000_000, 10_000_000, 10_000));
        assert_eq!(shape("30x7").unwrap(), (30, 210, 1));
        for wrong in ["", "x", "0x3", "XL", "10", "3000000000x2"] {
            assert!(shape(wrong).is_err(), "`{wrong}`");
        }
    }
}
