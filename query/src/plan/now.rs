//! `now()` and its kin: the present of the statement, the same one that a table without a clause is read at.

use annals_engine::SystemTime;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Names that stand for the present, and whether they give its date.
const NAMES: &[(&str, bool)] = &[
    ("now", false),
    ("current_timestamp", false),
    ("localtimestamp", false),
    ("transaction_timestamp", false),
    ("statement_timestamp", false),
    ("current_date", true),
    ("today", true),
];

const MICROS_OF_DAY: i64 = 86_400_000_000;

/// The function of this name, if it is one of those.
pub(crate) fn present(name: &str, now: SystemTime) -> Option<ScalarUDF> {
    let (name, is_date) = NAMES.iter().find(|(known, _)| *known == name)?;
    let signature = Signature::exact(Vec::new(), Volatility::Stable);
    Some(ScalarUDF::from(Present { name, is_date: *is_date, micros: now.micros(), signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Present {
    name: &'static str,
    is_date: bool,
    micros: i64,
    signature: Signature,
}

impl ScalarUDFImpl for Present {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.is_date {
            true => DataType::Date32,
            false => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let value = match self.is_date {
            true => ScalarValue::Date32(i32::try_from(self.micros.div_euclid(MICROS_OF_DAY)).ok()),
            false => ScalarValue::TimestampMicrosecond(Some(self.micros), Some("UTC".into())),
        };
        Ok(ColumnarValue::Scalar(value))
    }
}
