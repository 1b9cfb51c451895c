//! What came out of all sources, printed as a file that means the same; and the table of the documentation.

use std::fmt::Write;

use super::Config;
use super::resolve::{Origin, Resolved};
use super::settings::{SETTINGS, Setting};
use super::value::Slot;

impl Resolved {
    /// The configuration as a file, with a comment on each value that says where it is from.
    pub(crate) fn to_toml(&self) -> String {
        let mut config = self.config.clone();
        let mut text = String::new();
        let mut section = "";
        for (setting, origin) in SETTINGS.iter().zip(&self.origins) {
            if setting.section != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                section = setting.section;
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{gap}[{section}]");
            }
            let origin = match origin {
                Origin::Default => "default",
                Origin::File => "file",
                Origin::Environment => "environment",
                Origin::Flag => "flag",
            };
            let _ = match (setting.slot)(&mut config).show() {
                Some(value) => writeln!(text, "{} = {value} # {origin}", setting.key),
                None if matches!((setting.slot)(&mut config), Slot::Path(_)) => {
                    writeln!(text, "# {} is not UTF-8", setting.key)
                }
                None => writeln!(text, "# {} is not set", setting.key),
            };
        }
        text
    }
}

impl Setting {
    /// The default for reading, if there is one.
    pub(super) fn default_shown(&self) -> Option<String> {
        if let Some(words) = self.default_words {
            return Some(words.replace('`', ""));
        }
        let mut config = Config::of_dir("DIR".as_ref(), false);
        Some((self.slot)(&mut config).show()?.replace('"', ""))
    }
}

/// The rows of the table in the documentation.
#[cfg(test)]
pub(super) fn document_rows() -> String {
    let mut text = String::new();
    for setting in SETTINGS {
        let mut config = Config::of_dir("DIR".as_ref(), false);
        let expected = (setting.slot)(&mut config).expected();
        let default = match (setting.default_words, (setting.slot)(&mut config).show()) {
            (Some(words), _) => words.to_owned(),
            (None, Some(value)) => format!("`{value}`"),
            (None, None) => "not set".to_owned(),
        };
        let (name, variable) = (setting.name(), setting.variable());
        let Setting { meaning, flag, .. } = setting;
        let row = format!(
            "| `{name}` | {meaning} | {expected} | {default} | `{variable}` | `--{flag}` |\n"
        );
        text.push_str(&row);
    }
    text
}
