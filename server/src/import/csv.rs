//! Reads CSV as RFC 4180 writes it: records by line, fields by comma, quotes doubled inside quotes.
//!
//! * A record lies in one bounded buffer, so a quote that is never closed cannot take all memory: it ends in an error that
//!   names the line where its record began.
//! * Lines are counted as an editor counts them, also inside quoted fields, with `\n` and with `\r\n`, over empty lines.
//! * An unquoted empty field is [`Cell::Null`], `""` is the empty text.
//! * Text after a closing quote is refused instead of guessed at.

use std::io::Read;
use std::ops::Range;

use super::cell::Cell;
use crate::error::{Failure, Result};

/// The longest record, in bytes.
const RECORD_BYTES_MAX: usize = 16 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// A field of the current record: where its text lies in the buffer.
#[derive(Clone)]
struct Field {
    text: Range<usize>,
    is_quoted: bool,
    has_doubled_quote: bool,
}

/// What the bytes at hand amount to.
enum Scan {
    /// A record up to this position of the buffer; so many lines end inside it.
    Record { end: usize, line_count: u64 },
    /// The record goes on behind the bytes at hand.
    Incomplete,
}

/// A reader of records.
pub(crate) struct CsvReader<R> {
    input: R,
    buffer: Vec<u8>,
    /// The first byte not yet given out.
    start: usize,
    /// The end of the bytes at hand.
    end: usize,
    at_end_of_input: bool,
    fields: Vec<Field>,
    /// The line on which the next byte stands, from 1.
    next_line: u64,
    /// The line on which the current record began.
    line: u64,
}

impl<R: Read> CsvReader<R> {
    /// Reads from the start of `input`; a byte order mark is skipped.
    pub(crate) fn new(input: R) -> CsvReader<R> {
        CsvReader {
            input,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            at_end_of_input: false,
            fields: Vec::new(),
            next_line: 1,
            line: 0,
        }
    }

    /// The line on which the current record began, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The number of fields of the current record.
    pub(crate) fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// A field of the current record.
    pub(crate) fn field(&self, at: usize) -> Cell<'_> {
        let field = &self.fields[at];
        if field.text.is_empty() && !field.is_quoted {
            return Cell::Null;
        }
        Cell::Text(&self.buffer[field.text.clone()])
    }

    /// Goes to the next record; false at the end. Errors name the line.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        if self.line == 0 {
            self.skip_byte_order_mark()?;
        }
        self.skip_empty_lines()?;
        self.line = self.next_line;
        loop {
            if self.start == self.end && self.at_end_of_input {
                return Ok(false);
            }
            if let Scan::Record { end, line_count } = self.scan()? {
                self.unescape();
                self.start = end;
                self.next_line += line_count;
                return Ok(true);
            }
            self.fill()?;
        }
    }

    fn skip_byte_order_mark(&mut self) -> Result<()> {
        while self.end - self.start < 3 && !self.at_end_of_input {
            self.fill()?;
        }
        if self.buffer[self.start..self.end].starts_with(b"\xef\xbb\xbf") {
            self.start += 3;
        }
        Ok(())
    }

    fn skip_empty_lines(&mut self) -> Result<()> {
        loop {
            match self.buffer[self.start..self.end] {
                [b'\n', ..] => {
                    self.start += 1;
                    self.next_line += 1;
                }
                [b'\r', b'\n', ..] => {
                    self.start += 2;
                    self.next_line += 1;
                }
                [] | [b'\r'] if !self.at_end_of_input => self.fill()?,
                _ => return Ok(()),
            }
        }
    }

    /// Moves the bytes at hand to the front, makes room if there is none, and reads on.
    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            if self.buffer.len() >= RECORD_BYTES_MAX {
                return Err(Failure::new(format!(
                    "line {}: a record of more than {} MiB; is a quote left open?",
                    self.line,
                    RECORD_BYTES_MAX >> 20
                )));
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.input.read(&mut self.buffer[self.end..])?;
        self.end += read;
        self.at_end_of_input = read == 0;
        Ok(())
    }

    /// Finds the fields of the record that begins at `start`, without changing a byte, so that it can be done again when
    /// more bytes are there.
    fn scan(&mut self) -> Result<Scan> {
        self.fields.clear();
        let mut at = self.start;
        let mut line_count = 0;
        loop {
            let quoted = self.buffer[at..self.end].first() == Some(&b'"');
            let found = if quoted { self.scan_quoted(at)? } else { self.scan_plain(at) };
            let Some((field, after)) = found else { return Ok(Scan::Incomplete) };
            if quoted {
                let inside = &self.buffer[field.text.clone()];
                line_count += inside.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            self.fields.push(field);
            match self.buffer[after..self.end] {
                [b',', ..] => at = after + 1,
                [b'\n', ..] => {
                    return Ok(Scan::Record { end: after + 1, line_count: line_count + 1 });
                }
                [b'\r', b'\n', ..] => {
                    return Ok(Scan::Record { end: after + 2, line_count: line_count + 1 });
                }
                [] => return Ok(Scan::Record { end: after, line_count }),
                _ => {
                    return Err(Failure::new(format!(
                        "line {}: text after the closing quote of field {}",
                        self.line + line_count,
                        self.fields.len()
                    )));
                }
            }
        }
    }

    /// An unquoted field and the position after it; nothing if it may go on behind the bytes at hand.
    fn scan_plain(&self, from: usize) -> Option<(Field, usize)> {
        let bytes = &self.buffer[from..self.end];
        let stop = bytes.iter().position(|byte| matches!(byte, b',' | b'\n'));
        let mut length = match stop {
            Some(stop) => stop,
            None if self.at_end_of_input => bytes.len(),
            None => return None,
        };
        let ends_record = bytes.get(length) != Some(&b',');
        if ends_record && length > 0 && bytes[length - 1] == b'\r' && length < bytes.len() {
            length -= 1;
        }
        let text = from..from + length;
        let after = text.end;
        Some((Field { text, is_quoted: false, has_doubled_quote: false }, after))
    }

    /// A quoted field and the position after its closing quote; nothing if it may go on behind the bytes at hand.
    fn scan_quoted(&self, from: usize) -> Result<Option<(Field, usize)>> {
        let mut at = from + 1;
        let mut has_doubled_quote = false;
        loop {
            let Some(quote) = self.buffer[at..self.end].iter().position(|byte| *byte == b'"')
            else {
                if self.at_end_of_input {
                    return Err(Failure::new(format!(
                        "line {}: a quote is opened in field {} and never closed",
                        self.line,
                        self.fields.len() + 1
                    )));
                }
                return Ok(None);
            };
            at += quote + 1;
            // What follows decides: another quote is a quote of the text, and `\r` may be half a line end.
            match self.buffer[at..self.end] {
                [b'"', ..] => {
                    has_doubled_quote = true;
                    at += 1;
                }
                [] | [b'\r'] if !self.at_end_of_input => return Ok(None),
                _ => {
                    let field =
                        Field { text: from + 1..at - 1, is_quoted: true, has_doubled_quote };
                    return Ok(Some((field, at)));
                }
            }
        }
    }

    /// Makes one quote of every doubled one, in place.
    fn unescape(&mut self) {
        for field in self.fields.iter_mut().filter(|field| field.has_doubled_quote) {
            let mut to = field.text.start;
            let mut from = field.text.start;
            while from < field.text.end {
                let byte = self.buffer[from];
                from += if byte == b'"' { 2 } else { 1 };
                self.buffer[to] = byte;
                to += 1;
            }
            field.text.end = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out one byte at a time, so that every position is once the end of the bytes at hand.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn show(input: impl Read) -> String {
        let mut reader = CsvReader::new(input);
        let mut shown = Vec::new();
        loop {
            match reader.advance() {
                Ok(false) => return shown.join(" "),
                Err(error) => {
                    shown.push(format!("error: {error}"));
                    return shown.join(" ");
                }
                Ok(true) => {}
            }
            let fields: Vec<String> = (0..reader.field_count())
                .map(|at| match reader.field(at) {
                    Cell::Text(text) => format!("<{}>", String::from_utf8_lossy(text)),
                    _ => "null".into(),
                })
                .collect();
            shown.push(format!("{}:{}", reader.line(), fields.join("")));
        }
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(show(text.as_bytes()), expect, "for {text:?}");
        assert_eq!(show(Drip(text.as_bytes())), expect, "for {text:?}, byte by byte");
    }

    #[test]
    fn records_are_split_as_rfc_4180_says() {
        check("", "");
        check("a,b\n1,2\n", "1:<a><b> 2:<1><2>");
        check("a,b\r\n1,2", "1:<a><b> 2:<1><2>");
        check("a,,\"\"\n", "1:<a>null<>");
        check("\"a \"\"b\"\" c\",\"x,y\"\n", "1:<a \"b\" c><x,y>");
        check("\u{feff}a\nb\n", "1:<a> 2:<b>");
        check("a,b,\n", "1:<a><b>null");
        check("a\"b,c\n", "1:<a\"b><c>");
    }

    #[test]
    fn lines_are_those_an_editor_shows() {
        check("a\n\n\nb\n", "1:<a> 4:<b>");
        check("a\r\n\r\nb\r\n", "1:<a> 3:<b>");
        check("\"x\ny\",1\nz,2\n", "1:<x\ny><1> 3:<z><2>");
        check("\"x\r\ny\"\r\nz\r\n", "1:<x\r\ny> 3:<z>");
    }

    #[test]
    fn what_is_not_csv_is_refused_with_its_line() {
        check("a\n\"b", "1:<a> error: line 2: a quote is opened in field 1 and never closed");
        check("a\n\"b\"c\n", "1:<a> error: line 2: text after the closing quote of field 1");
    }

    #[test]
    fn an_open_quote_cannot_take_all_memory() {
        let endless = std::io::Read::chain(&b"a\n\""[..], std::io::repeat(b'x'));
        let expect = "1:<a> error: line 2: a record of more than 16 MiB; is a quote left open?";
        assert_eq!(show(endless), expect);
    }
}
