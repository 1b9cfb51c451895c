//! Reads NDJSON: one JSON object a line, whose names are columns.
//!
//! * A line lies in one bounded buffer. Numbers are kept as they are written, so that no digit of a decimal is lost.
//! * A missing name is [`Cell::Null`], as `null` is. A name twice in a line is an error: either value could be meant.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Read};
use std::ops::Range;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cell::Cell;
use crate::error::{Failure, Result};

/// The longest line, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// A value of the current line.
enum Held {
    Missing,
    /// A number, a boolean, an array or an object: where it stands in the line.
    Raw(Range<usize>),
    /// A string that says what is written: where it stands in the line, quotes included.
    Plain(Range<usize>),
    /// A string with escapes: what it says, and where it stands in the line.
    Escaped(String, Range<usize>),
}

/// A reader of lines.
pub(crate) struct NdjsonReader<R> {
    input: R,
    buffer: Vec<u8>,
    line: u64,
    names: Vec<String>,
    slots: HashMap<String, usize>,
    /// Whether an unknown name makes a new column (while columns are being found out) or an error.
    is_open: bool,
    held: Vec<Held>,
    /// The slots of the last line's names in their order: most lines have the same.
    order: Vec<usize>,
}

impl<R: BufRead> NdjsonReader<R> {
    /// Reads lines that may have these names and no other.
    pub(crate) fn closed(input: R, names: Vec<String>) -> NdjsonReader<R> {
        let slots = names.iter().cloned().zip(0..).collect();
        NdjsonReader {
            input,
            buffer: Vec::new(),
            line: 0,
            names,
            slots,
            is_open: false,
            held: Vec::new(),
            order: Vec::new(),
        }
    }

    /// Reads lines and learns their names.
    pub(crate) fn open(input: R) -> NdjsonReader<R> {
        NdjsonReader { is_open: true, ..NdjsonReader::closed(input, Vec::new()) }
    }

    /// The names known, in the order in which they were met.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The current line, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The value of the name at `slot` of [`NdjsonReader::names`] in the current line.
    pub(crate) fn field(&self, slot: usize) -> Cell<'_> {
        // The line was judged to be UTF-8 when it was read.
        let text = |range: &Range<usize>| {
            std::str::from_utf8(&self.buffer[range.clone()]).unwrap_or_default()
        };
        match self.held.get(slot) {
            None | Some(Held::Missing) => Cell::Null,
            Some(Held::Plain(range)) => {
                Cell::JsonString { text: text(&(range.start + 1..range.end - 1)), raw: text(range) }
            }
            Some(Held::Escaped(string, range)) => {
                Cell::JsonString { text: string, raw: text(range) }
            }
            Some(Held::Raw(range)) => match text(range) {
                "null" => Cell::Null,
                nested if nested.starts_with(['{', '[']) => Cell::Nested(nested),
                literal => Cell::Text(literal.as_bytes()),
            },
        }
    }

    /// Whether the current line does not have the name at `slot`.
    pub(crate) fn is_left_out(&self, slot: usize) -> bool {
        matches!(self.held.get(slot), None | Some(Held::Missing))
    }

    /// Goes to the next line that is not empty; false at the end. Errors name the line.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        loop {
            self.buffer.clear();
            let mut limited = self.input.by_ref().take(LINE_BYTES_MAX + 1);
            let read = limited.read_until(b'\n', &mut self.buffer)? as u64;
            if read == 0 {
                return Ok(false);
            }
            self.line += 1;
            if read > LINE_BYTES_MAX {
                let mib = LINE_BYTES_MAX >> 20;
                return Err(Failure::new(format!("line {}: of more than {mib} MiB", self.line)));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return self.parse().map(|()| true);
            }
        }
    }

    fn parse(&mut self) -> Result<()> {
        let line = self.line;
        let text = std::str::from_utf8(&self.buffer)
            .map_err(|_| Failure::new(format!("line {line}: not UTF-8")))?;
        let text = text.trim_start_matches('\u{feff}');
        let object: Object<'_> = serde_json::from_str(text).map_err(|error| {
            // serde_json counts lines inside the text; ours is the line of the file.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            Failure::new(format!("line {line}: not a JSON object: {reason}"))
        })?;
        self.held.clear();
        self.held.resize_with(self.names.len(), || Held::Missing);
        for (at, (Name(name), raw)) in object.0.into_iter().enumerate() {
            let as_before = self.order.get(at).copied().filter(|slot| self.names[*slot] == name);
            let slot = match as_before.or_else(|| self.slots.get(&*name).copied()) {
                Some(slot) => slot,
                None if self.is_open => {
                    self.slots.insert(name.clone().into_owned(), self.names.len());
                    self.names.push(name.clone().into_owned());
                    self.held.push(Held::Missing);
                    self.names.len() - 1
                }
                None => {
                    return Err(Failure::new(format!("line {line}: there is no column `{name}`")));
                }
            };
            if as_before.is_none() {
                self.order.truncate(at);
                self.order.push(slot);
            }
            if !matches!(self.held[slot], Held::Missing) {
                return Err(Failure::new(format!("line {line}: column `{name}` is given twice")));
            }
            // A raw value is a part of the line, so its place in the line is the distance of the two.
            let start = raw.get().as_ptr() as usize - self.buffer.as_ptr() as usize;
            let range = start..start + raw.get().len();
            self.held[slot] = match raw.get().starts_with('"') {
                true if !raw.get().contains('\\') => Held::Plain(range),
                true => match serde_json::from_str(raw.get()) {
                    Ok(string) => Held::Escaped(string, range),
                    Err(_) => Held::Raw(range),
                },
                false => Held::Raw(range),
            };
        }
        Ok(())
    }
}

/// The names and values of an object in the order of the file.
struct Object<'a>(Vec<(Name<'a>, &'a RawValue)>);

/// A name as the line has it, or what it says where it is written with escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Name)
    }
}

impl<'de: 'a, 'a> serde::Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(Name<'de>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Pairs).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let mut reader = NdjsonReader::open(text.as_bytes());
        let mut shown = Vec::new();
        loop {
            match reader.advance() {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    shown.push(format!("error: {error}"));
                    break;
                }
            }
            let cells = reader.names().iter().zip(0..).map(|(name, slot)| {
                let cell = reader.field(slot);
                format!("{name}={}", if cell == Cell::Null { "null".into() } else { cell.show() })
            });
            shown.push(format!("{}: {}", reader.line(), cells.collect::<Vec<_>>().join(" ")));
        }
        assert_eq!(shown.join("; "), expect);
    }

    #[test]
    fn values_keep_their_text_and_lines_their_number() {
        check(
            "{\"a\": 1.10, \"b\": \"x\\ny\"}\n\n{\"b\": null, \"c\": {\"d\": [1]}}\n",
            "1: a=\"1.10\" b=\"x\\ny\"; 3: a=null b=null c=\"{\\\"d\\\": [1]}\"",
        );
    }

    #[test]
    fn names_are_found_in_any_order_and_however_they_are_written() {
        check(
            "{\"a\":1,\"b\":\"\"}\n{\"b\":2,\"a\":3}\n{\"a\":4,\"\\u0062\":\"\\\"\"}\n{\"c\":5}\n{\"a\":6,\"c\":7}\n",
            "1: a=\"1\" b=\"\"; 2: a=\"3\" b=\"2\"; 3: a=\"4\" b=\"\\\"\"; 4: a=null b=null c=\"5\"; 5: a=\"6\" b=null c=\"7\"",
        );
        check(
            "{\"a\":1,\"b\":2}\n{\"a\":1,\"a\":2}\n",
            "1: a=\"1\" b=\"2\"; error: line 2: column `a` is given twice",
        );
    }

    #[test]
    fn what_is_not_an_object_is_refused_with_its_line() {
        check(
            "{\"a\":1}\n[1]\n",
            "1: a=\"1\"; error: line 2: not a JSON object: invalid type: sequence, expected an object",
        );
        check("{\"a\":", "error: line 1: not a JSON object: EOF while parsing a value");
        check("{\"a\":1,\"a\":2}", "error: line 1: column `a` is given twice");
    }

    #[test]
    fn a_name_that_is_no_column_is_refused() {
        let mut reader = NdjsonReader::closed(&b"{\"b\":1}"[..], vec!["a".into()]);
        assert_eq!(reader.advance().unwrap_err().to_string(), "line 1: there is no column `b`");
    }
}
