//! The three published sizes of the workload.

use std::fmt;

use clap::ValueEnum;

use super::assertion::Table;
use super::oracle::QUESTION_COUNT;

/// A published size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// 2,000 contracts
    Development,
    /// 25,000 contracts; the tier whose answers have published digests
    T25k,
    /// 100,000 contracts; the tier of published times
    T100k,
}

impl Tier {
    /// All of them, ascending.
    pub const ALL: [Tier; 3] = [Tier::Development, Tier::T25k, Tier::T100k];

    /// The published name.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Development => "development",
            Tier::T25k => "t25k",
            Tier::T100k => "t100k",
        }
    }

    /// How many rows a table has at first; their ids are 1 to this.
    pub fn row_count(self, table: Table) -> i64 {
        let [contracts, products, suppliers] = match self {
            Tier::Development => [2_000, 200, 100],
            Tier::T25k => [25_000, 2_500, 500],
            Tier::T100k => [100_000, 10_000, 2_000],
        };
        match table {
            Table::Contracts => contracts,
            Table::Products => products,
            Table::Suppliers => suppliers,
        }
    }

    /// The SHA-256 of the stream of assertions as text, in lower-case hexadecimal. Published are
    /// its first eight and last four digits.
    pub fn stream_sha256(self) -> &'static str {
        match self {
            Tier::Development => "bc0c819476a6ee4804ad246262ce223a04d044fcaf363b15e87d6bb542378fa2",
            Tier::T25k => "0d7a24032cf76152e1fbbb00f9972890a608c1a42470db3ab036b35d6f03c597",
            Tier::T100k => "fe3f025b5e143e75a6ec63badef4c2d830c91d1a0067cb41ba824a6e61f42c39",
        }
    }

    /// The first eight digits of the SHA-256 of each answer, Q1 to Q12. Those of t25k are
    /// published; those of the other tiers are the oracle's, kept so that they stay what they were.
    pub fn answers_sha256(self) -> [&'static str; QUESTION_COUNT] {
        match self {
            Tier::Development => [
                "06fc0866", "e4aefb74", "2b33db42", "c2979a65", "7383cb90", "63373e26", "62ff1bdc",
                "eafa8da0", "99258d0e", "b89c6937", "842c2d6c", "38dba69c",
            ],
            Tier::T25k => [
                "06fc0866", "e4aefb74", "2b33db42", "2e00fed0", "7383cb90", "428c919d", "210009e6",
                "57d1cc35", "1d891dfd", "6625b815", "816cef64", "c39ee4da",
            ],
            Tier::T100k => [
                "06fc0866", "e4aefb74", "2b33db42", "daf9baae", "7383cb90", "22f6ba0f", "1c8d6400",
                "92605c80", "71d55ebf", "6a224d3b", "13f1551d", "b86458c4",
            ],
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
