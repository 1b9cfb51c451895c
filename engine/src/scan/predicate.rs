//! Filters on column values, decided exactly by the engine.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, BooleanArray, Datum, Scalar};
use arrow::compute::kernels::cmp;
use arrow::compute::{and_kleene, filter, is_not_null, is_null, not, or_kleene};

use crate::bitmap::Wanted;
use crate::codec::{encode_keys, zone_prefix};
use crate::error::Result;
use crate::schema::{DataType, Value};
use crate::segment::ColumnZone;

/// A condition on the columns of a row. A comparison with NULL on either side never holds.
///
/// ```
/// use annals_engine::{Comparison, Predicate};
///
/// let predicate = Predicate::compare("price", Comparison::Lt, 100)
///     .and(Predicate::is_not_null("sku"));
/// # let _ = predicate;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Predicate {
    /// `column op value`
    Compare {
        /// The column's name.
        column: String,
        /// How they are compared.
        op: Comparison,
        /// What the column is compared with; must fit its type.
        value: Value,
    },
    /// `column IN (values)`; NULL among the values is ignored.
    In {
        /// The column's name.
        column: String,
        /// What it may be.
        values: Vec<Value>,
    },
    /// `column IS NULL`
    IsNull {
        /// The column's name.
        column: String,
    },
    /// `column IS NOT NULL`
    IsNotNull {
        /// The column's name.
        column: String,
    },
    /// All of them; holds if there are none.
    And(Vec<Predicate>),
}

/// How two values are compared: numbers by value with NaN greatest, text by bytes, FALSE before TRUE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<>`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
}

impl Predicate {
    /// `column op value`
    pub fn compare(
        column: impl Into<String>,
        op: Comparison,
        value: impl Into<Value>,
    ) -> Predicate {
        Predicate::Compare { column: column.into(), op, value: value.into() }
    }

    /// `column IS NOT NULL`
    pub fn is_not_null(column: impl Into<String>) -> Predicate {
        Predicate::IsNotNull { column: column.into() }
    }

    /// Both hold.
    pub fn and(self, other: Predicate) -> Predicate {
        match self {
            Predicate::And(mut all) => {
                all.push(other);
                Predicate::And(all)
            }
            one => Predicate::And(vec![one, other]),
        }
    }
}

/// A conjunction of conditions whose columns and values have been resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) conditions: Vec<Condition>,
}

/// One condition on a column, numbered as the request numbers columns.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) column: usize,
    pub(crate) test: Test,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// The value, as an array of length 1, and its zone prefix.
    Compare(Comparison, ArrayRef, u64),
    In(InList),
    IsNull,
    IsNotNull,
    /// Compared with NULL: holds for no row.
    Never,
}

/// The values of an IN list.
#[derive(Clone, Debug)]
pub(crate) struct InList {
    /// Encoded as keys are, so that one set serves every type.
    encoded: HashSet<Vec<u8>>,
    prefix_min: u64,
    prefix_max: u64,
}

impl Test {
    pub(crate) fn compare(op: Comparison, value: &Value, data_type: DataType) -> Result<Test> {
        if *value == Value::Null {
            return Ok(Test::Never);
        }
        let array = value.array(data_type)?;
        let prefix = zone_prefix(&array)?[0];
        Ok(Test::Compare(op, array, prefix))
    }

    pub(crate) fn is_in(values: &[Value], data_type: DataType) -> Result<Test> {
        let mut list = InList { encoded: HashSet::new(), prefix_min: u64::MAX, prefix_max: 0 };
        for value in values.iter().filter(|value| **value != Value::Null) {
            let array = value.array(data_type)?;
            let prefix = zone_prefix(&array)?[0];
            list.prefix_min = list.prefix_min.min(prefix);
            list.prefix_max = list.prefix_max.max(prefix);
            list.encoded.insert(encode_keys(&[array])?.get(0).to_vec());
        }
        Ok(if list.encoded.is_empty() { Test::Never } else { Test::In(list) })
    }

    /// Whether some row of a zone may pass. Prefixes order as values do, but different values may share one.
    pub(crate) fn may_hold(&self, zone: &ColumnZone) -> bool {
        match self {
            Test::Never => false,
            Test::IsNull => zone.any_null,
            _ if zone.all_null => false,
            Test::IsNotNull => true,
            Test::In(list) => list.prefix_min <= zone.max && list.prefix_max >= zone.min,
            Test::Compare(op, _, value) => match op {
                Comparison::Eq => zone.min <= *value && *value <= zone.max,
                Comparison::NotEq => true,
                Comparison::Lt | Comparison::LtEq => zone.min <= *value,
                Comparison::Gt | Comparison::GtEq => *value <= zone.max,
            },
        }
    }

    /// Whether the rows that pass are those that hold one of some values, or none.
    pub(crate) fn is_of_values(&self) -> bool {
        matches!(self, Test::Compare(Comparison::Eq, ..) | Test::In(_) | Test::IsNull)
    }

    /// What a row must hold to pass, if that is one of some values, or none.
    pub(crate) fn wanted(&self) -> Result<Option<Wanted>> {
        Ok(Some(match self {
            Test::Compare(Comparison::Eq, value, _) => {
                Wanted::Values(vec![encode_keys(std::slice::from_ref(value))?.get(0).to_vec()])
            }
            Test::In(list) => {
                let mut values: Vec<Vec<u8>> = list.encoded.iter().cloned().collect();
                values.sort_unstable();
                Wanted::Values(values)
            }
            Test::IsNull => Wanted::Null,
            _ => return Ok(None),
        }))
    }

    /// Which rows pass; never NULL.
    pub(crate) fn evaluate(&self, array: &ArrayRef) -> Result<BooleanArray> {
        let passed = match self {
            Test::Never => BooleanArray::from(vec![false; array.len()]),
            Test::IsNull => is_null(array)?,
            Test::IsNotNull => is_not_null(array)?,
            Test::Compare(op, value, _) => compare(*op, array, value)?,
            Test::In(list) => list.evaluate(array)?,
        };
        if passed.null_count() == 0 {
            return Ok(passed);
        }
        let known = is_not_null(&passed)?;
        Ok(BooleanArray::new(passed.values() & known.values(), None))
    }
}

impl InList {
    fn evaluate(&self, array: &ArrayRef) -> Result<BooleanArray> {
        let present = is_not_null(array)?;
        let keys = encode_keys(&[filter(array, &present)?])?;
        let mut at = 0;
        let passed = present.values().iter().map(|is_present| {
            let passed = is_present && self.encoded.contains(keys.get(at));
            at += usize::from(is_present);
            passed
        });
        Ok(passed.collect::<Vec<bool>>().into())
    }
}

/// Arrow compares floats by total order, in which -0.0 comes before 0.0; for users they are equal.
fn compare(op: Comparison, array: &ArrayRef, value: &ArrayRef) -> Result<BooleanArray> {
    let zeros = zeros_of(value);
    let (low, high) = zeros.as_ref().map_or((value, value), |(low, high)| (low, high));
    let (low, high) = (Scalar::new(low.clone()), Scalar::new(high.clone()));
    let (low, high): (&dyn Datum, &dyn Datum) = (&low, &high);
    Ok(match op {
        Comparison::Eq if zeros.is_none() => cmp::eq(array, low)?,
        Comparison::NotEq if zeros.is_none() => cmp::neq(array, low)?,
        Comparison::Eq => and_kleene(&cmp::gt_eq(array, low)?, &cmp::lt_eq(array, high)?)?,
        Comparison::NotEq => or_kleene(&cmp::lt(array, low)?, &cmp::gt(array, high)?)?,
        Comparison::Lt => cmp::lt(array, low)?,
        Comparison::LtEq => cmp::lt_eq(array, high)?,
        Comparison::Gt => cmp::gt(array, high)?,
        Comparison::GtEq => not(&cmp::lt(array, low)?)?,
    })
}

/// -0.0 and 0.0 if the value is one of them.
fn zeros_of(value: &ArrayRef) -> Option<(ArrayRef, ArrayRef)> {
    use arrow::array::{Float32Array, Float64Array};
    use std::sync::Arc;
    if value.as_any().downcast_ref::<Float64Array>().is_some_and(|array| array.value(0) == 0.0) {
        let zero = |v: f64| Arc::new(Float64Array::from(vec![v])) as ArrayRef;
        return Some((zero(-0.0), zero(0.0)));
    }
    if value.as_any().downcast_ref::<Float32Array>().is_some_and(|array| array.value(0) == 0.0) {
        let zero = |v: f32| Arc::new(Float32Array::from(vec![v])) as ArrayRef;
        return Some((zero(-0.0), zero(0.0)));
    }
    None
}
