//! The file of settings: TOML, with nothing in it that is no setting.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::Config;
use super::settings::SETTINGS;
use super::value::FileType;
use crate::error::{Failure, Result};
use crate::small_file;

/// Reads a file into `config`, and tells of each setting by its place in the table which one it was.
pub(super) fn read(path: &Path, config: &mut Config, given: &mut dyn FnMut(usize)) -> Result<()> {
    let text = small_file::read(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    read_text(&text, config, given).map_err(|(byte, reason)| {
        let (line, column) = small_file::place(&text, byte);
        Failure::new(format!("{}:{line}:{column}: {reason}", path.display()))
    })
}

/// The same of a text; an error has the byte that it is about.
pub(super) fn read_text(
    text: &str,
    config: &mut Config,
    given: &mut dyn FnMut(usize),
) -> Result<(), (usize, String)> {
    let file = DeTable::parse(text)
        .map_err(|error| (error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    for (section, settings) in file.get_ref() {
        let (name, at) = (section.get_ref().as_ref(), section.span().start);
        if !SETTINGS.iter().any(|setting| setting.section == name) {
            return Err((at, unknown(name, SETTINGS.iter().map(|setting| setting.section))));
        }
        let DeValue::Table(settings) = settings.get_ref() else {
            return Err((at, format!("`{name}` is a section: write [{name}]")));
        };
        for (key, value) in settings {
            let place = SETTINGS.iter().position(|setting| {
                setting.section == name && setting.key == key.get_ref().as_ref()
            });
            let Some(place) = place else {
                let keys = SETTINGS.iter().filter(|setting| setting.section == name);
                let reason = unknown(key.get_ref(), keys.map(|setting| setting.key));
                return Err((key.span().start, reason));
            };
            let setting = &SETTINGS[place];
            let slot = (setting.slot)(config);
            let read = text_of(value.get_ref(), slot.file_type())
                .ok_or_else(|| {
                    format!("the {} is not {}", type_name(value.get_ref()), slot.expected())
                })
                .and_then(|text| slot.read(&text));
            read.map_err(|reason| (value.span().start, format!("{}: {reason}", setting.name())))?;
            given(place);
        }
    }
    Ok(())
}

/// The text of a value that has the type.
fn text_of(value: &DeValue<'_>, expected: FileType) -> Option<String> {
    match (value, expected) {
        (DeValue::String(text), FileType::Text | FileType::TextOrInteger) => Some(text.to_string()),
        (DeValue::Boolean(is_on), FileType::Switch) => Some(is_on.to_string()),
        (DeValue::Integer(number), FileType::Integer | FileType::TextOrInteger) => {
            let read = i128::from_str_radix(number.as_str(), number.radix());
            Some(read.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        _ => None,
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "float",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "table",
    }
}

fn unknown(name: &str, names: impl Iterator<Item = &'static str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    format!("there is no setting `{name}` here; there are {}", names.join(", "))
}
