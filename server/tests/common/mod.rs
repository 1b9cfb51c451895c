//! Runs the binary as a user does: in a folder of its own, on files beside the database `db`.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// What a process did that has ended.
    pub fn of(output: &Output) -> Outcome {
        Outcome {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output of a command that did what it was told.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "standard error: {}", self.stderr);
        self.stdout
    }
}

/// A folder with files and a database named `db`, removed at the end.
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty folder.
    pub fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with a database that knows the salaries of `ada` and `ben`.
    pub fn with_salaries() -> Place {
        let place = Place::new();
        place.write("salaries.csv", SALARIES);
        place.annals(IMPORT_SALARIES).ok();
        place
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a file.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// What a file holds.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command `annals` with arguments separated by spaces.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_annals"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        command.env_remove("ANNALS_DIR").stdin(Stdio::null());
        command
    }

    /// Runs `annals` with arguments separated by spaces.
    pub fn annals(&self, arguments: &str) -> Outcome {
        Outcome::of(&self.command(arguments).output().unwrap())
    }

    /// Everything the table ever believed, in an order of its own.
    pub fn all_of(&self, table: &str) -> Vec<String> {
        let all = self.annals(&format!("export -d db --table {table} --all --format csv")).ok();
        let mut lines: Vec<String> = all.lines().map(str::to_owned).collect();
        lines[1..].sort();
        lines
    }

    /// The command fails with status 1 and one line that begins so, and the database is as it was.
    #[track_caller]
    pub fn refuses(&self, arguments: &str, expect: &str) {
        let before = self.all_of("salaries");
        let outcome = self.annals(arguments);
        assert_eq!(outcome.stderr, format!("annals: {expect}\n"), "for `annals {arguments}`");
        assert_eq!((outcome.status, outcome.stdout.as_str()), (1, ""));
        assert_eq!(self.all_of("salaries"), before);
        let verified = self.annals("verify -d db").ok();
        assert!(verified.starts_with("ok: "), "{verified}");
    }
}

/// Two people; the second transaction corrects the first.
pub const SALARIES: &str = "\
name,salary,since,until,recorded
ada,4200,2024-01-01,,2024-01-05T10:00:00Z
ben,3900,2024-01-01,2025-01-01,2024-01-05T10:00:00Z
ada,4600,2024-03-01,,2024-04-15T10:00:00.5Z
";

/// The command that imports them.
pub const IMPORT_SALARIES: &str = "import -d db --table salaries --key name --valid-from since \
                                   --valid-to until --system-time recorded salaries.csv";
