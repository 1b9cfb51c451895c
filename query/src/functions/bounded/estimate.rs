//! What a call will make, in bytes, told from its arguments: never less than it makes.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use super::growth::Growth;
use super::widths::{ByRow, Column};

/// An element or a row takes at least so much, whatever its value: offsets, views, validity, and what is worked with on the way.
const ELEMENT_BYTES: u64 = 16;
/// The most digits of a number, those of a small `DOUBLE PRECISION`.
const SHOWN_NUMBER_BYTES: u64 = 350;
const NANOS_OF_DAY: u64 = 86_400_000_000_000;
/// No month is shorter.
const DAYS_OF_MONTH: u64 = 28;

/// The bytes of the values of so many rows.
pub(super) fn bytes(growth: Growth, arguments: &[ColumnarValue], row_count: usize) -> Result<u64> {
    let columns = arguments.iter().map(Column::of).collect::<Result<Vec<Column>>>()?;
    let inputs =
        columns.iter().fold(0_u64, |sum, column| sum.saturating_add(column.byte_count(row_count)));
    let all = |by_row: &dyn Fn(usize) -> u64| {
        (0..row_count).fold(0_u64, |sum, row| sum.saturating_add(by_row(row)))
    };
    let rows = ELEMENT_BYTES * row_count as u64;
    let values = match (growth, columns.as_slice()) {
        (Growth::Fixed, _) => 0,
        (Growth::Inputs(times), _) => inputs.saturating_mul(times),
        (Growth::Repeat, [value, count, ..]) => {
            let (widths, counts) = (value.widths(), count.counts()?);
            let least = if is_text(value) { 1 } else { ELEMENT_BYTES };
            all(&|row| widths.at(row).max(least).saturating_mul(counts.at(row)))
        }
        (Growth::Pad, [text, count, fill @ ..]) => {
            let (widths, counts) = (text.widths(), count.counts()?);
            let fill = fill.first().map(Column::widths);
            let of_fill = |row| fill.as_ref().map_or(1, |fill| fill.at(row).clamp(1, 4));
            all(&|row| counts.at(row).saturating_mul(of_fill(row)).saturating_add(widths.at(row)))
        }
        (Growth::Replace, [text, found, put, ..]) => {
            let (widths, found, put) = (text.widths(), found.widths(), put.widths());
            all(&|row| {
                let width = widths.at(row);
                let places = width.checked_div(found.at(row)).unwrap_or(width + 1);
                places.saturating_mul(put.at(row)).saturating_add(width)
            })
        }
        (Growth::ReplaceMatches, [text, _, put, ..]) => {
            let (widths, put) = (text.widths(), Replacement::of(put));
            all(&|row| put.bytes(widths.at(row), row))
        }
        (Growth::Groups, [_, expression, ..]) => {
            let groups = occurrences(expression, b"(");
            let most = groups.iter().max().copied().unwrap_or(0);
            inputs.saturating_add(ELEMENT_BYTES * row_count as u64).saturating_mul(most + 2)
        }
        (Growth::Separate, [separator, rest @ ..]) => {
            let lengths: Vec<ByRow> = rest.iter().map(Column::lengths).collect();
            let separators = separator.widths();
            let of_row = |row| {
                let count = lengths.iter().fold(0_u64, |sum, one| sum.saturating_add(one.at(row)));
                separators.at(row).saturating_mul(count)
            };
            all(&of_row).saturating_add(inputs)
        }
        (Growth::Shown, [array, between @ ..]) => {
            let lengths = leaves(array);
            let between: Vec<ByRow> = between.iter().map(Column::widths).collect();
            let element = if has_texts(array.array.data_type()) { 0 } else { SHOWN_NUMBER_BYTES };
            let of_row = |row| {
                let text = between.iter().fold(element, |sum, one| sum.saturating_add(one.at(row)));
                lengths.max(1).saturating_mul(text)
            };
            // The elements of one row may be all that there are.
            (0..row_count).map(of_row).max().unwrap_or(0).saturating_add(inputs)
        }
        (Growth::Series, columns) => series(columns, row_count)?,
        (Growth::Resize, [array, count, value @ ..]) => {
            let counts = count.counts()?;
            let value = value.first().map(Column::widths);
            let width = |row| value.as_ref().map_or(0, |one| one.at(row)).max(ELEMENT_BYTES);
            let added = all(&|row| counts.at(row).saturating_mul(width(row)));
            added.saturating_add(array.byte_count(row_count))
        }
        (Growth::ReplaceElements, [array, _, put, ..]) => {
            let (lengths, put) = (array.lengths(), put.widths());
            let put = all(&|row| lengths.at(row).saturating_mul(put.at(row).max(ELEMENT_BYTES)));
            put.saturating_add(array.byte_count(row_count))
        }
        // Arrays that go together are as long as the longest of them.
        (Growth::Elements, columns) => {
            let elements = columns
                .iter()
                .fold(0, |sum: u64, one| sum.saturating_add(one.element_count(row_count)));
            let slots =
                elements.saturating_add(row_count as u64).saturating_mul(columns.len() as u64);
            inputs.saturating_mul(2).saturating_add(slots.saturating_mul(ELEMENT_BYTES))
        }
        // A call with fewer arguments than it takes makes nothing: it fails.
        (_, _) => inputs,
    };
    // Offsets and validity of what is nested are in none of the widths.
    Ok(values.saturating_add(values / 4).saturating_add(rows))
}

fn is_text(column: &Column) -> bool {
    matches!(column.array.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn has_texts(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::FixedSizeList(element, _) => has_texts(element.data_type()),
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}

fn leaves(column: &Column) -> u64 {
    column.element_count(1)
}

/// How often a byte is in each text.
fn occurrences(column: &Column, bytes: &[u8]) -> Vec<u64> {
    let count = |text: Option<&str>| {
        let text = text.unwrap_or_default().bytes();
        text.filter(|byte| bytes.contains(byte)).count() as u64
    };
    match column.array.data_type() {
        DataType::Utf8 => column.array.as_string::<i32>().iter().map(count).collect(),
        DataType::LargeUtf8 => column.array.as_string::<i64>().iter().map(count).collect(),
        DataType::Utf8View => column.array.as_string_view().iter().map(count).collect(),
        _ => Vec::new(),
    }
}

/// What stands in the place of what an expression finds: a text, in which `\1` or `$1` is a group of it.
struct Replacement {
    widths: ByRow,
    groups: u64,
}

impl Replacement {
    fn of(column: &Column) -> Replacement {
        let groups = occurrences(column, b"\\$").into_iter().max().unwrap_or(0);
        Replacement { widths: column.widths(), groups }
    }

    /// An expression finds something before each byte of a text and at its end at most, and all that it finds is no longer than the text.
    fn bytes(&self, width: u64, row: usize) -> u64 {
        let texts = (width + 1).saturating_mul(self.widths.at(row));
        texts.saturating_add(width.saturating_mul(self.groups + 1))
    }
}

/// Each of `range(stop)`, `range(start, stop)` and `range(start, stop, step)`.
fn series(columns: &[Column], row_count: usize) -> Result<u64> {
    let zero = Column::of(&ColumnarValue::Scalar(ScalarValue::Int64(Some(0))))?;
    let (start, stop) = match columns {
        [stop] => (&zero, stop),
        [start, stop, ..] => (start, stop),
        [] => return Ok(0),
    };
    let (start, stop) = (Line::of(start)?, Line::of(stop)?);
    let step = columns.get(2).map(Step::of).transpose()?;
    let count = |row| {
        let distance = start.at(row).abs_diff(stop.at(row));
        let step = step.as_ref().map_or(1, |step| step.at(row)).max(1);
        u64::try_from(distance / u128::from(step)).unwrap_or(u64::MAX).saturating_add(1)
    };
    let counts = (0..row_count).fold(0_u64, |sum, row| sum.saturating_add(count(row)));
    Ok(counts.saturating_mul(ELEMENT_BYTES))
}

/// Where values lie: numbers as they are, instants in nanoseconds.
struct Line {
    values: Vec<i128>,
}

impl Line {
    fn of(column: &Column) -> Result<Line> {
        use arrow::datatypes::TimeUnit;
        let scale = match column.array.data_type() {
            DataType::Date32 => i128::from(NANOS_OF_DAY),
            DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
            DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
            _ => 1,
        };
        // There is no way from days to a number but by 32 bits.
        let numbers = match column.array.data_type() {
            DataType::Date32 => arrow::compute::cast(&column.array, &DataType::Int32)?,
            _ => column.array.clone(),
        };
        let numbers = arrow::compute::cast(&numbers, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<arrow::datatypes::Int64Type>();
        let values = numbers.iter().map(|one| i128::from(one.unwrap_or(0)) * scale).collect();
        Ok(Line { values })
    }

    fn at(&self, row: usize) -> i128 {
        let row = if self.values.len() == 1 { 0 } else { row };
        self.values.get(row).copied().unwrap_or(0)
    }
}

/// The shortest way from one value to the next.
struct Step {
    values: Vec<u64>,
}

impl Step {
    fn of(column: &Column) -> Result<Step> {
        let values = match column.array.data_type() {
            DataType::Interval(_) => {
                let unit = DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano);
                let steps = arrow::compute::cast(&column.array, &unit)?;
                let steps = steps.as_primitive::<IntervalMonthDayNanoType>();
                let of_step = |step: arrow::datatypes::IntervalMonthDayNano| {
                    let parts = [
                        i128::from(step.months) * i128::from(DAYS_OF_MONTH * NANOS_OF_DAY),
                        i128::from(step.days) * i128::from(NANOS_OF_DAY),
                        i128::from(step.nanoseconds),
                    ];
                    // Parts that go against each other may hardly go at all.
                    let is_mixed =
                        parts.iter().any(|part| *part > 0) && parts.iter().any(|part| *part < 0);
                    let whole = parts.iter().sum::<i128>().unsigned_abs();
                    if is_mixed { 1 } else { u64::try_from(whole).unwrap_or(u64::MAX) }
                };
                steps.iter().map(|step| step.map_or(1, of_step)).collect()
            }
            _ => {
                let steps = arrow::compute::cast(&column.array, &DataType::Int64)?;
                let steps = steps.as_primitive::<arrow::datatypes::Int64Type>();
                steps.iter().map(|step| step.unwrap_or(1).unsigned_abs()).collect()
            }
        };
        Ok(Step { values })
    }

    fn at(&self, row: usize) -> u64 {
        let row = if self.values.len() == 1 { 0 } else { row };
        self.values.get(row).copied().unwrap_or(1)
    }
}
