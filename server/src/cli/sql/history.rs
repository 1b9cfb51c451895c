//! The lines that were typed, in a file from one prompt to the next. Whatever is wrong with the file, the prompt goes on.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use dialoguer::History as RecallsLines;

/// So many lines are recalled.
const LINE_COUNT_MAX: usize = 1_000;

/// Lines that were typed, the last one first.
pub(super) struct History {
    lines: VecDeque<String>,
    file: Option<File>,
}

impl History {
    /// The history in the file that `ANNALS_HISTORY` names, or in `.annals_history` in the home folder.
    pub(super) fn of_user() -> History {
        let named = std::env::var_os("ANNALS_HISTORY").map(PathBuf::from);
        let in_home = || Some(std::env::home_dir()?.join(".annals_history"));
        match named.or_else(in_home) {
            Some(path) => History::open(&path),
            None => History { lines: VecDeque::new(), file: None },
        }
    }

    fn open(path: &Path) -> History {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines: VecDeque<String> =
            text.lines().rev().take(LINE_COUNT_MAX).map(str::to_owned).collect();
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // Statements may hold what is nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        History { lines, file: options.open(path).ok() }
    }
}

impl RecallsLines<String> for History {
    fn read(&self, at: usize) -> Option<String> {
        self.lines.get(at).cloned()
    }

    fn write(&mut self, line: &String) {
        if line.trim().is_empty() || self.lines.front() == Some(line) {
            return;
        }
        self.lines.push_front(line.clone());
        self.lines.truncate(LINE_COUNT_MAX);
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_recalled_from_one_prompt_to_the_next() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("history");
        let mut history = History::open(&path);
        for line in ["SELECT 1;", "", "SELECT 2;", "SELECT 2;"] {
            history.write(&line.to_owned());
        }
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "SELECT 1;\nSELECT 2;\n");
        let next = History::open(&path);
        assert_eq!(next.read(0).as_deref(), Some("SELECT 2;"));
        assert_eq!(next.read(1).as_deref(), Some("SELECT 1;"));
        assert_eq!(next.read(2), None);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_no_error() {
        let mut history = History::open(Path::new("/no/such/folder/history"));
        history.write(&"SELECT 1;".to_owned());
        assert_eq!(history.read(0).as_deref(), Some("SELECT 1;"));
    }
}
