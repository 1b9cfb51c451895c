//! One assertion of the stream: a put or a delete of one row over a valid period of whole days.
//!
//! As text it is one object of JSON without spaces, then a newline; the digest of the stream is
//! taken over these lines:
//!
//! ```text
//! {"epoch":0,"table":"suppliers","op":"put","id":1,"a":0,"b":366,"region":5,"tier":2}
//! {"epoch":3,"table":"contracts","op":"delete","id":17,"a":12,"b":40}
//! ```

use std::fmt;

/// A table of the workload. Its key is `id`; all columns are BIGINT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// What is bought of whom, at which price.
    Contracts,
    /// What is bought.
    Products,
    /// Who sells.
    Suppliers,
}

/// The values of a row in the order of [`Table::columns`]; what a table has no column for is zero.
pub type Values = [i64; 5];

impl Table {
    /// All tables, in the order in which an epoch touches them.
    pub const ALL: [Table; 3] = [Table::Contracts, Table::Products, Table::Suppliers];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Table::Contracts => "contracts",
            Table::Products => "products",
            Table::Suppliers => "suppliers",
        }
    }

    /// The columns besides `id`.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Contracts => &["pid", "sid", "cost", "qty", "grade"],
            Table::Products => &["category", "retail"],
            Table::Suppliers => &["region", "tier"],
        }
    }
}

/// A put or a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The transaction it belongs to.
    pub epoch: i64,
    /// The table.
    pub table: Table,
    /// The key.
    pub id: i64,
    /// The first day of the valid period.
    pub from_day: i64,
    /// The first day after it.
    pub to_day: i64,
    /// What is put; nothing is a delete.
    pub values: Option<Values>,
}

impl Assertion {
    /// The values put, by column; none of a delete.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let values = self.values.into_iter().flatten();
        self.table.columns().iter().copied().zip(values)
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Assertion { epoch, table, id, from_day, to_day, values } = self;
        let (table, op) = (table.name(), if values.is_some() { "put" } else { "delete" });
        write!(f, r#"{{"epoch":{epoch},"table":"{table}","op":"{op}","id":{id}"#)?;
        write!(f, r#","a":{from_day},"b":{to_day}"#)?;
        self.cells().try_for_each(|(column, value)| write!(f, r#","{column}":{value}"#))?;
        f.write_str("}")
    }
}
