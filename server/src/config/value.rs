//! How values are written and read: the same way in a file, in a variable and behind a flag.
//!
//! Whatever is printed reads back as the same value.

use std::fmt::Write;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use annals_engine::SyncMode;

use super::{AuditedStatements, LogFormat, LogLevel};

/// Names of sizes, largest first.
const SIZES: &[(&str, u64)] =
    &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
/// Syncing less often than this is not syncing.
const SYNC_MS: RangeInclusive<u64> = 1..=60_000;

/// The place of a value in a configuration.
pub(super) enum Slot<'a> {
    /// An address and a port.
    Address(&'a mut SocketAddr),
    /// Yes or no.
    Switch(&'a mut bool),
    /// A path.
    Path(&'a mut PathBuf),
    /// A path, or none.
    OptionalPath(&'a mut Option<PathBuf>),
    /// A number of something, within bounds.
    Number(&'a mut dyn Number, Unit, RangeInclusive<u64>),
    /// One of a few names.
    Choice(&'a mut dyn Choosable),
    /// When commits are durable.
    Sync(&'a mut SyncMode),
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes; may be written with KiB, MiB, GiB or TiB.
    Bytes,
    /// Milliseconds.
    Ms,
    /// Hours.
    Hours,
    /// Things.
    Count,
}

/// The types of TOML that a value may have in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileType {
    /// A string.
    Text,
    /// `true` or `false`.
    Switch,
    /// An integer.
    Integer,
    /// A string or an integer.
    TextOrInteger,
}

impl Slot<'_> {
    /// Takes the value of a text; the error says what the text is instead of a value.
    pub(super) fn read(self, text: &str) -> Result<(), String> {
        let is_done = match &self {
            Slot::Path(_) | Slot::OptionalPath(_) => !text.is_empty(),
            _ => true,
        };
        let expected = self.expected();
        let wrong = || format!("`{text}` is not {expected}");
        match self {
            _ if !is_done => return Err(wrong()),
            Slot::Address(value) => *value = text.parse().map_err(|_| wrong())?,
            Slot::Switch(value) => *value = text.parse().map_err(|_| wrong())?,
            Slot::Path(value) => *value = PathBuf::from(text),
            Slot::OptionalPath(value) => *value = Some(PathBuf::from(text)),
            Slot::Number(value, unit, range) => {
                let number = read_number(text, unit).filter(|number| range.contains(number));
                number.and_then(|number| value.set(number)).ok_or_else(wrong)?;
            }
            Slot::Choice(value) => value.choose(text).ok_or_else(wrong)?,
            Slot::Sync(value) => *value = read_sync(text).ok_or_else(wrong)?,
        }
        Ok(())
    }

    /// The value as TOML, or nothing if there is none or it is a path that no text can be.
    pub(super) fn show(self) -> Option<String> {
        match self {
            Slot::Address(value) => Some(quoted(&value.to_string())),
            Slot::Switch(value) => Some(value.to_string()),
            Slot::Path(value) => value.to_str().map(quoted),
            Slot::OptionalPath(value) => value.as_deref()?.to_str().map(quoted),
            Slot::Number(value, Unit::Bytes, _) => Some(show_bytes(value.get())),
            Slot::Number(value, ..) => Some(value.get().to_string()),
            Slot::Choice(value) => Some(quoted(value.chosen())),
            Slot::Sync(value) => Some(quoted(&show_sync(*value))),
        }
    }

    /// What a value must be, for errors and for the documentation.
    pub(super) fn expected(&self) -> String {
        match self {
            Slot::Address(_) => "an address with a port, such as 127.0.0.1:7171".into(),
            Slot::Switch(_) => "true or false".into(),
            Slot::Path(_) | Slot::OptionalPath(_) => "a path".into(),
            Slot::Number(_, unit, range) => {
                let (low, high) = (range.start(), range.end());
                match unit {
                    Unit::Bytes => {
                        let (low, high) = (named_bytes(*low), named_bytes(*high));
                        format!("a size from {low} to {high}, in bytes or such as 64 MiB")
                    }
                    Unit::Ms => format!("{low} to {high} milliseconds"),
                    Unit::Hours => format!("{low} to {high} hours"),
                    Unit::Count => format!("a number from {low} to {high}"),
                }
            }
            Slot::Choice(value) => format!("one of {}", value.names()),
            Slot::Sync(_) => {
                let (low, high) = (SYNC_MS.start(), SYNC_MS.end());
                format!("commit, off, or {low}ms to {high}ms")
            }
        }
    }

    /// What a value may be in a file.
    pub(super) fn file_type(&self) -> FileType {
        match self {
            Slot::Switch(_) => FileType::Switch,
            Slot::Number(_, Unit::Bytes, _) => FileType::TextOrInteger,
            Slot::Number(..) => FileType::Integer,
            _ => FileType::Text,
        }
    }
}

/// A number of a configuration, whatever its type.
pub(super) trait Number {
    /// The number.
    fn get(&self) -> u64;
    /// Takes a number, unless the type cannot hold it.
    fn set(&mut self, number: u64) -> Option<()>;
}

impl Number for u64 {
    fn get(&self) -> u64 {
        *self
    }

    fn set(&mut self, number: u64) -> Option<()> {
        *self = number;
        Some(())
    }
}

impl Number for usize {
    fn get(&self) -> u64 {
        *self as u64
    }

    fn set(&mut self, number: u64) -> Option<()> {
        *self = usize::try_from(number).ok()?;
        Some(())
    }
}

/// A limit that may be none, which is written as 0.
impl Number for Option<usize> {
    fn get(&self) -> u64 {
        self.map_or(0, |number| number as u64)
    }

    fn set(&mut self, number: u64) -> Option<()> {
        *self = Some(usize::try_from(number).ok()?).filter(|number| *number > 0);
        Some(())
    }
}

/// A type that has a few values, each with a name.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// All values with their names.
    const ALL: &'static [(&'static str, Self)];
}

/// A value of a [`Choice`], whichever.
pub(super) trait Choosable {
    /// Takes the value of this name, if there is one.
    fn choose(&mut self, name: &str) -> Option<()>;
    /// The name of the value.
    fn chosen(&self) -> &'static str;
    /// All names, for reading.
    fn names(&self) -> String;
}

impl<T: Choice> Choosable for T {
    fn choose(&mut self, name: &str) -> Option<()> {
        *self = T::ALL.iter().find(|(other, _)| *other == name)?.1;
        Some(())
    }

    fn chosen(&self) -> &'static str {
        T::ALL.iter().find(|(_, value)| value == self).map_or("", |(name, _)| *name)
    }

    fn names(&self) -> String {
        T::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

impl Choice for LogFormat {
    const ALL: &'static [(&'static str, LogFormat)] =
        &[("text", LogFormat::Text), ("json", LogFormat::Json)];
}

impl Choice for LogLevel {
    const ALL: &'static [(&'static str, LogLevel)] = &[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
}

impl Choice for AuditedStatements {
    const ALL: &'static [(&'static str, AuditedStatements)] = &[
        ("all", AuditedStatements::All),
        ("changes", AuditedStatements::Changes),
        ("none", AuditedStatements::None),
    ];
}

/// Digits alone, so that a sign or a space is no number; of bytes also with a unit.
fn read_number(text: &str, unit: Unit) -> Option<u64> {
    let (digits, factor) = match unit {
        Unit::Bytes => {
            let named = SIZES.iter().find_map(|(name, factor)| {
                Some((text.strip_suffix(name)?.trim_end_matches(' '), *factor))
            });
            named.unwrap_or((text, 1))
        }
        _ => (text, 1),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(factor)
}

/// Quoted if it has a unit.
fn show_bytes(bytes: u64) -> String {
    let shown = named_bytes(bytes);
    if shown.ends_with("iB") { quoted(&shown) } else { shown }
}

/// In the largest unit of which it is a multiple.
fn named_bytes(bytes: u64) -> String {
    let named = SIZES.iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    match named {
        Some((name, factor)) => format!("{} {name}", bytes / factor),
        None => bytes.to_string(),
    }
}

fn read_sync(text: &str) -> Option<SyncMode> {
    match text {
        "commit" => Some(SyncMode::Commit),
        "off" => Some(SyncMode::Off),
        _ => {
            let ms = read_number(text.strip_suffix("ms")?, Unit::Ms)?;
            SYNC_MS.contains(&ms).then(|| SyncMode::Interval(Duration::from_millis(ms)))
        }
    }
}

fn show_sync(mode: SyncMode) -> String {
    match mode {
        SyncMode::Interval(interval) => format!("{}ms", interval.as_millis()),
        SyncMode::Off => "off".into(),
        _ => "commit".into(),
    }
}

/// A basic string of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
