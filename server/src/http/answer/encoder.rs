//! The rows of an answer as bytes of its form.

use annals_engine::arrow::array::RecordBatch;
use annals_engine::arrow::datatypes::Schema;
use bytes::Bytes;

use super::Form;
use crate::error::Result;
use crate::output::{Answer, DocumentWriter, Format, Heading, Shared, Writer};

/// Turns batches of rows into bytes, which are taken away in pieces.
pub(crate) struct Encoder {
    answer: Answer,
    writer: Writer,
    bytes: Shared,
}

impl Encoder {
    /// An encoder of rows with these columns.
    pub(crate) fn new(form: Form, schema: &Schema, heading: &Heading) -> Result<Encoder> {
        let format = match form {
            // Rows are arrays there: two columns of one name do not hide each other.
            Form::Json | Form::Csv => Format::Csv,
            Form::Ndjson => Format::Ndjson,
            Form::Arrow => Format::Arrow,
        };
        let answer = Answer::new(schema, format);
        let bytes = Shared::default();
        let writer = match form {
            Form::Json => {
                let writer = DocumentWriter::new(answer.shape(), heading, bytes.writer())?;
                Writer::Document(writer)
            }
            _ => Writer::new(format, answer.shape(), bytes.writer())?,
        };
        Ok(Encoder { answer, writer, bytes })
    }

    /// Adds rows.
    pub(crate) fn push(&mut self, rows: &RecordBatch) -> Result<()> {
        self.writer.write(&self.answer.rows(rows)?)
    }

    /// How many bytes can be taken.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes so far, without those that were taken before.
    pub(crate) fn take(&self) -> Bytes {
        self.bytes.take().into()
    }

    /// The bytes that are left, with what must stand behind the last row.
    pub(crate) fn finish(self) -> Result<Bytes> {
        self.writer.finish()?;
        Ok(self.bytes.take().into())
    }
}
