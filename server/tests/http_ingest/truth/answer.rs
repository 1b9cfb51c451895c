//! An answer in any of its forms, as rows of texts.

use arrow::array::Array;
use arrow::ipc::reader::StreamReader;
use arrow::util::display::array_value_to_string;
use serde_json::{Map, Value};

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Ndjson,
    Csv,
    Arrow,
}

pub(super) const FORMS: [Form; 4] = [Form::Json, Form::Ndjson, Form::Csv, Form::Arrow];

/// What stands for NULL in the files of truth.
pub(super) const NONE: &str = "none";

impl Form {
    /// As requests ask for it.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Ndjson => "application/x-ndjson",
            Form::Csv => "text/csv",
            Form::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The rows of an answer with these columns. Its texts hold neither commas nor quotes, and none is empty.
    pub(super) fn rows(self, body: &[u8], columns: &[&str]) -> Vec<Vec<String>> {
        let text = || std::str::from_utf8(body).unwrap();
        match self {
            Form::Json => {
                let document: Value = serde_json::from_slice(body).unwrap();
                let names = document["columns"].as_array().unwrap().iter();
                let names: Vec<&str> =
                    names.map(|column| column["name"].as_str().unwrap()).collect();
                assert_eq!(names, columns);
                let rows = document["rows"].as_array().unwrap().iter();
                rows.map(|row| row.as_array().unwrap().iter().map(shown).collect()).collect()
            }
            Form::Ndjson => {
                let row = |line: &str| {
                    let row: Map<String, Value> = serde_json::from_str(line).unwrap();
                    assert_eq!(row.len(), columns.len(), "{line}");
                    columns.iter().map(|name| shown(&row[*name])).collect()
                };
                text().lines().map(row).collect()
            }
            Form::Csv => {
                let (header, rows) = text().split_once('\n').unwrap();
                assert_eq!(header.trim_end(), columns.join(","));
                let cell = |cell: &str| if cell.is_empty() { NONE.into() } else { cell.to_owned() };
                rows.lines().map(|line| line.trim_end().split(',').map(cell).collect()).collect()
            }
            Form::Arrow => arrow_rows(body, columns),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn arrow_rows(body: &[u8], columns: &[&str]) -> Vec<Vec<String>> {
    let reader = StreamReader::try_new(body, None).unwrap();
    let schema = reader.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, columns);
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            let cell = |column: &arrow::array::ArrayRef| match column.is_null(row) {
                true => NONE.to_owned(),
                false => array_value_to_string(column, row).unwrap(),
            };
            rows.push(batch.columns().iter().map(cell).collect());
        }
    }
    rows
}
