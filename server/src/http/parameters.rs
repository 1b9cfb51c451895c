//! What the body of a request for SQL says, and the values in it.

use annals_engine::{DataType, SystemTime, Time, ValidTime, Value};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::body::read_object;
use super::problem::Problem;

/// The most digits of a decimal.
const DIGIT_COUNT_MAX: u8 = 38;

/// What is asked in SQL.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlRequest {
    /// One or several statements, `;` between them; several are applied together or not at all.
    #[schema(example = "SELECT 1 AS one")]
    pub(crate) sql: String,
    /// The values of `$1`, `$2` and so on, or of `?` in turn: null, booleans, numbers and strings. A number without an
    /// exponent is taken digit by digit, as a decimal where it is no integer. A string becomes what the statement needs: an instant, a
    /// decimal, a UUID.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, example = json!([]))]
    pub(crate) params: Vec<Box<RawValue>>,
    /// The valid instant at which tables without a clause are read; now, unless given. For queries alone.
    #[serde(default)]
    #[schema(example = "2024-01-01T00:00:00Z")]
    pub(crate) valid_time: Option<String>,
    /// The system instant at which tables without a clause are read; now, unless given. For queries alone.
    #[serde(default)]
    #[schema(example = json!(null))]
    pub(crate) system_time: Option<String>,
}

impl SqlRequest {
    /// Reads a body.
    pub(crate) fn parse(body: &[u8]) -> Result<SqlRequest, Problem> {
        read_object(body)
    }

    /// The values of the parameters.
    pub(crate) fn values(&self) -> Result<Vec<Value>, Problem> {
        self.params.iter().zip(1..).map(|(json, number)| value(json, number)).collect()
    }

    /// The instants at which tables without a clause are read, where they are given.
    pub(crate) fn instants(&self) -> Result<(Option<ValidTime>, Option<SystemTime>), Problem> {
        Ok((instant("valid_time", &self.valid_time)?, instant("system_time", &self.system_time)?))
    }
}

fn instant<A: annals_engine::Axis>(
    name: &str,
    text: &Option<String>,
) -> Result<Option<Time<A>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let parsed = Time::parse(text).and_then(Time::checked);
    let parsed = parsed.map_err(|error| Problem::invalid(format!("`{name}`: {error}")))?;
    Ok(Some(parsed))
}

fn value(json: &RawValue, number: usize) -> Result<Value, Problem> {
    let refuse = |what: &str| Problem::invalid(format!("parameter {number} {what}"));
    let text = json.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Boolean(true),
        Some(b'f') => Value::Boolean(false),
        Some(b'"') => {
            let parsed = serde_json::from_str(text);
            Value::Text(parsed.map_err(|error| refuse(&format!("is no string: {error}")))?)
        }
        Some(b'[' | b'{') | None => {
            return Err(refuse("is neither null, boolean, number nor string"));
        }
        Some(_) if text.contains(['e', 'E']) => {
            let parsed = text.parse().ok().filter(|value: &f64| value.is_finite());
            Value::Double(parsed.ok_or_else(|| refuse("is out of range"))?)
        }
        // As it is written: a number of a decimal must not lose a digit.
        Some(_) => match text.parse() {
            Ok(value) => Value::Int(value),
            Err(_) => decimal(text).ok_or_else(|| refuse("has more than 38 digits"))?,
        },
    })
}

fn decimal(text: &str) -> Option<Value> {
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = u8::try_from(scale).ok().filter(|scale| *scale <= DIGIT_COUNT_MAX)?;
    Value::parse(DataType::Decimal { precision: DIGIT_COUNT_MAX, scale }, text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_json() {
        let request = r#"{"sql": "", "params": [null, true, -1, 18446744073709551615, 1.50, 1.5e0, "x\u00e9"]}"#;
        let values = SqlRequest::parse(request.as_bytes()).expect("a request").values();
        let largest = Value::Decimal { unscaled: u64::MAX.into(), scale: 0 };
        let expect = [
            Value::Null,
            Value::Boolean(true),
            Value::Int(-1),
            largest,
            Value::Decimal { unscaled: 150, scale: 2 },
            Value::Double(1.5),
            Value::Text("x\u{e9}".into()),
        ];
        assert_eq!(values.expect("values"), expect);
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_place() {
        let check = |body: &str, expect: &str| {
            let result = SqlRequest::parse(body.as_bytes());
            let result = result.and_then(|request| Ok((request.values()?, request.instants()?)));
            let detail = result.expect_err("no request").detail;
            assert!(detail.contains(expect), "{detail}");
        };
        check("", "line 1");
        check("[\"SELECT 1\"]", "a list");
        check("{\"sql\": 1}", "invalid type: integer `1`, expected a string at line 1 column 9");
        check("{\"sql\": \"\", \"param\": []}", "unknown field `param`");
        check("{\"sql\": \"\", \"params\": [1, [2]]}", "parameter 2 is neither");
        let digits = "1".repeat(39);
        check(
            &format!("{{\"sql\": \"\", \"params\": [{digits}]}}"),
            "parameter 1 has more than 38",
        );
        check("{\"sql\": \"\", \"params\": [1e999]}", "parameter 1 is out of range");
        check("{\"sql\": \"\", \"valid_time\": \"soon\"}", "`valid_time`: ");
        check("{\"sql\": \"\", \"system_time\": \"10000-01-01\"}", "`system_time`: ");
    }
}
