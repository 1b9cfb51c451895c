//! Reading files that are small by nature: settings, tokens, certificates. One that is not is an error, not memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No such file of ours comes near it.
const BYTES_MAX: u64 = 1 << 20;

/// The text of a file. What is not UTF-8, or longer than 1 MiB, is an error.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        let reason = format!("it is longer than {BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

/// Line and column, from 1, of a byte of a text. A column is a character.
pub(crate) fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_lines_and_characters() {
        let text = "a = 1\nné = 2\n";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, text.find('2').unwrap()), (2, 6));
        assert_eq!(place(text, 1_000), (3, 1));
    }

    #[test]
    fn a_file_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        std::fs::write(&path, vec![b' '; BYTES_MAX as usize]).unwrap();
        assert!(read(&path).is_ok());
        std::fs::write(&path, vec![b' '; BYTES_MAX as usize + 1]).unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "it is longer than 1048576 bytes");
    }
}
