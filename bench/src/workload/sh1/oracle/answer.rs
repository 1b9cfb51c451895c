//! An answer as rows of whole numbers, and its published form.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::workload::sh1::digest::hexadecimal;

/// The rows of an answer, in the order of its grouping columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The rows; all have the same length.
    pub rows: Vec<Vec<i64>>,
}

impl Answer {
    /// The SHA-256 of the text, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        hexadecimal(&Sha256::digest(self.to_string()))
    }

    /// The first row in which another answer differs, as a sentence; nothing if it is the same.
    pub fn difference(&self, found: &Answer) -> Option<String> {
        let row_count = self.rows.len().max(found.rows.len());
        let at = (0..row_count).find(|at| self.rows.get(*at) != found.rows.get(*at))?;
        let shown =
            |row: Option<&Vec<i64>>| row.map_or("none".to_owned(), |row| format!("{row:?}"));
        Some(format!(
            "row {at} is {}, true is {}",
            shown(found.rows.get(at)),
            shown(self.rows.get(at))
        ))
    }
}

/// The text that is hashed: numbers separated by tabs, each row ended by a newline.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            for (at, number) in row.iter().enumerate() {
                let separator = if at == 0 { "" } else { "\t" };
                write!(f, "{separator}{number}")?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}
