//! One value as a text file holds it, before it has a type.

/// A value of a text file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// No value: an empty field of CSV, `null` or a missing name of JSON.
    Null,
    /// The text of a CSV field, or of a JSON number or boolean; not yet known to be UTF-8.
    Text(&'a [u8]),
    /// A JSON string, unescaped, and as it stands in the file.
    JsonString {
        /// What the string says.
        text: &'a str,
        /// The string in its quotes.
        raw: &'a str,
    },
    /// A JSON array or object as it stands in the file.
    Nested(&'a str),
}

impl<'a> Cell<'a> {
    /// The text to convert, as UTF-8; nothing for a missing value, or for bytes that are not UTF-8.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match *self {
            Cell::Null => None,
            Cell::Text(text) => std::str::from_utf8(text).ok(),
            Cell::JsonString { text, .. } => Some(text),
            Cell::Nested(text) => Some(text),
        }
    }

    /// The text as a message shows it: short, on one line.
    pub(crate) fn show(&self) -> String {
        let text = match self {
            Cell::Null => return "nothing".into(),
            Cell::Text(text) => String::from_utf8_lossy(text),
            Cell::JsonString { text, .. } | Cell::Nested(text) => (*text).into(),
        };
        let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
        if text.chars().nth(40).is_some() {
            shown.push_str("...");
        }
        format!("\"{shown}\"")
    }
}
