//! From the engine's batches to answers and rectangles that can be held against the truth.

use annals_engine::schema::{SYSTEM_FROM, SYSTEM_TO, VALID_FROM, VALID_TO};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, StringArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;

use crate::failure::{Failure, Result};
use crate::workload::positions::{PRICE_UNITS, STATUSES, UNBOUNDED, account_name, account_of};
use crate::workload::{Answer, Group, Rectangle, Values};

/// Which status begins with a letter: no two begin with the same. 8 where none does.
const STATUS_BY_LETTER: [u8; 256] = {
    let mut by_letter = [STATUSES.len() as u8; 256];
    let mut status = 0;
    while status < STATUSES.len() {
        by_letter[STATUSES[status].as_bytes()[0] as usize] = status as u8;
        status += 1;
    }
    by_letter
};

/// The statuses once more, each at the start of 32 aligned bytes.
///
/// `memcmp` reads 32 bytes at a time where the processor can leave out those beyond an end. If they reach into a page of the
/// executable that is not in memory, the processor sees to each such read by itself, which takes longer than all else that is done
/// with a row. Aligned so, they never do.
static STATUS_NAMES: [StatusName; STATUSES.len()] = {
    let mut names = [const { StatusName([0; 32]) }; STATUSES.len()];
    let mut status = 0;
    while status < STATUSES.len() {
        let name = STATUSES[status].as_bytes();
        let mut at = 0;
        while at < name.len() {
            names[status].0[at] = name[at];
            at += 1;
        }
        status += 1;
    }
    names
};

#[repr(align(32))]
struct StatusName([u8; 32]);

/// The columns that [`Tally::add`] reads.
pub(super) const TALLY_COLUMNS: [&str; 3] = ["status", "qty", "price"];

/// count, sum(qty) and sum(price x qty) by status, added up as the batches come: the loop a query
/// engine would run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    groups: [(u64, i64, f64); STATUSES.len()],
}

impl Tally {
    /// Adds the rows of a batch with the columns [`TALLY_COLUMNS`].
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let status = text(batch, "status")?;
        let qty = numbers::<Int64Type>(batch, "qty")?.values();
        let price = numbers::<Float64Type>(batch, "price")?.values();
        for (row, (qty, price)) in qty.iter().zip(price).enumerate() {
            let (count, qty_sum, amount) = &mut self.groups[status_of(status.value(row))?];
            *count += 1;
            *qty_sum += qty;
            *amount += price * *qty as f64;
        }
        Ok(())
    }

    /// The sums in exact units.
    ///
    /// Every addend is a multiple of 1/64, and the sums of a million rows stay below 2^53 / 64:
    /// nothing was rounded.
    pub(super) fn answer(&self) -> Answer {
        let group = |(count, qty, amount): (u64, i64, f64)| Group {
            count,
            qty,
            amount_units: (amount * PRICE_UNITS as f64) as i64,
        };
        Answer { groups: self.groups.map(group) }
    }
}

fn status_of(text: &str) -> Result<usize> {
    let letter = text.as_bytes().first().copied().unwrap_or_default();
    let status = usize::from(STATUS_BY_LETTER[usize::from(letter)]);
    let name = STATUSES.get(status).map(|name| &STATUS_NAMES[status].0[..name.len()]);
    if name == Some(text.as_bytes()) {
        return Ok(status);
    }
    Err(Failure::new(format!("no put ever had the status `{text}`")))
}

/// The rows of a batch with all columns and the four period columns, as rectangles.
pub(super) fn rectangles(batch: &RecordBatch) -> Result<Vec<Rectangle>> {
    let key = numbers::<Int64Type>(batch, "key")?;
    let qty = numbers::<Int64Type>(batch, "qty")?;
    let price = numbers::<Float64Type>(batch, "price")?;
    let (status, account) = (text(batch, "status")?, text(batch, "account")?);
    let instants = |name| numbers::<TimestampMicrosecondType>(batch, name);
    let (valid_from, valid_to) = (instants(VALID_FROM)?, instants(VALID_TO)?);
    let (system_from, system_to) = (instants(SYSTEM_FROM)?, instants(SYSTEM_TO)?);
    let end = |ends: &PrimitiveArray<TimestampMicrosecondType>, row| {
        if ends.is_null(row) { UNBOUNDED } else { ends.value(row) }
    };
    (0..batch.num_rows())
        .map(|row| {
            let number = key.value(row);
            let key = u32::try_from(number)
                .map_err(|_| Failure::new(format!("no put ever had the key {number}")))?;
            let expect = account_name(account_of(key));
            if account.value(row) != expect {
                return Err(Failure::new(format!(
                    "key {key} has the account `{}`, expected `{expect}`",
                    account.value(row)
                )));
            }
            let values = Values {
                qty: qty.value(row) as u32,
                price_units: (price.value(row) * PRICE_UNITS as f64) as u32,
                status: status_of(status.value(row))? as u8,
            };
            Ok(Rectangle {
                key,
                system_from: system_from.value(row),
                valid_from: valid_from.value(row),
                valid_to: end(valid_to, row),
                system_to: end(system_to, row),
                values,
            })
        })
        .collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    let found = batch.column_by_name(name);
    found.ok_or_else(|| Failure::new(format!("the answer has no column `{name}`")))
}

fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>> {
    let column = column(batch, name)?;
    column.as_primitive_opt::<T>().ok_or_else(|| wrong_type(name, column))
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    let column = column(batch, name)?;
    column.as_string_opt::<i32>().ok_or_else(|| wrong_type(name, column))
}

fn wrong_type(name: &str, column: &ArrayRef) -> Failure {
    Failure::new(format!("the column `{name}` came as {}", column.data_type()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array};

    use super::*;
    use crate::workload::{Positions, Question, Resolver, Size, Truth};

    /// Rows as a scan would hand them out.
    fn batch(rows: &[Rectangle]) -> RecordBatch {
        let status = rows.iter().map(|row| STATUSES[usize::from(row.values.status)]);
        let columns: [(&str, ArrayRef); 3] = [
            ("status", Arc::new(StringArray::from_iter_values(status))),
            (
                "qty",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.values.qty.into()))),
            ),
            (
                "price",
                Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.values.price()))),
            ),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn sums_of_doubles_in_any_order_are_the_exact_sums() {
        let positions = Positions::new(Size::new(3_000, 3).unwrap());
        let truth = Truth::resolve(&positions, |_| Ok(())).unwrap();
        let resolver = Resolver::new(&positions);
        for (question, expect) in Question::ALL.iter().zip(&truth.answers) {
            let mut tally = Tally::default();
            let mut rectangles = Vec::new();
            for key in (0..3_000).rev() {
                resolver.resolve(key, &mut rectangles);
                rectangles.retain(|rectangle| question.selects(rectangle));
                tally.add(&batch(&rectangles)).unwrap();
            }
            assert_eq!(expect.difference(&tally.answer()), None, "{}", question.name);
        }
    }

    #[test]
    fn an_unknown_status_is_an_error() {
        for text in ["", "actives", "zero", "Active"] {
            assert!(status_of(text).is_err(), "`{text}`");
        }
        for (at, text) in STATUSES.iter().enumerate() {
            assert_eq!(status_of(text).unwrap(), at);
        }
    }
}
