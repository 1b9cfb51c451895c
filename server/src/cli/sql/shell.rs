//! The prompt's loop: lines become statements, an error is shown with its place, and the next line is asked for.

use std::sync::Arc;

use annals_engine::Database;
use annals_query::{Error, Place};
use tokio::sync::Notify;

use super::ctrl_c::CtrlC;
use super::meta::{self, Meta};
use super::prompt::{Line, Prompt};
use super::runner::Runner;
use crate::error::{Failure, Result};

/// So many characters of a line are shown around the place of an error.
const SHOWN_COUNT_MAX: usize = 96;

/// A prompt and the session behind it.
pub(super) struct Shell {
    runner: Runner,
    database: Database,
    prompt: Prompt,
    /// Told of each Ctrl-C.
    interrupted: Arc<Notify>,
}

impl Shell {
    /// A shell that reads from `prompt`.
    pub(super) fn new(runner: Runner, database: Database, prompt: Prompt) -> Shell {
        Shell { runner, database, prompt, interrupted: Arc::default() }
    }

    /// Runs what is typed, until the end of it.
    pub(super) async fn run(mut self) -> Result<()> {
        let interrupted = self.interrupted.clone();
        let mut ctrl_c = CtrlC::hear()?;
        let listener = tokio::spawn(async move {
            while ctrl_c.next().await {
                interrupted.notify_waiters();
            }
        });
        if self.prompt.is_terminal() {
            eprintln!("annals {}; \\? for help, \\q to end", env!("CARGO_PKG_VERSION"));
        }
        let result = self.read_all().await;
        listener.abort();
        if self.runner.is_in_transaction() {
            eprintln!("the transaction is not committed: nothing of it is kept");
        }
        result
    }

    async fn read_all(&mut self) -> Result<()> {
        let mut text = String::new();
        loop {
            let is_first = text.trim().is_empty();
            let line = tokio::task::block_in_place(|| self.prompt.read(is_first))?;
            match line {
                Line::Text(line) if is_first && line.trim_start().starts_with('\\') => {
                    match Meta::parse(&line) {
                        Ok(Meta::Quit) => return Ok(()),
                        Ok(command) => self.obey(command),
                        Err(failure) => eprintln!("error: {failure}"),
                    }
                    text.clear();
                }
                Line::Text(line) => {
                    text.push_str(line.trim_end_matches(['\r', '\n']));
                    text.push('\n');
                    if annals_query::is_complete(&text) {
                        self.statements(&std::mem::take(&mut text)).await;
                    }
                }
                Line::Interrupted => text.clear(),
                Line::End => {
                    self.statements(&text).await;
                    return Ok(());
                }
            }
        }
    }

    fn obey(&mut self, command: Meta) {
        let result = match command {
            // Ends the loop before it comes here.
            Meta::Quit => Ok(()),
            Meta::Help => {
                eprintln!("{}", meta::HELP);
                Ok(())
            }
            Meta::Tables => meta::show_tables(&self.database),
            Meta::Table(name) => meta::show_table(&self.database, &name),
            Meta::Timing => {
                self.runner.is_timed = !self.runner.is_timed;
                eprintln!("timing is {}", if self.runner.is_timed { "on" } else { "off" });
                Ok(())
            }
            Meta::Format(format) => {
                self.runner.format = format;
                Ok(())
            }
        };
        if let Err(failure) = result {
            eprintln!("error: {failure}");
        }
    }

    /// Runs statements until one fails or the user has seen enough, and tells what went wrong.
    async fn statements(&mut self, text: &str) {
        let was_in_transaction = self.runner.is_in_transaction();
        let result = tokio::select! {
            result = self.runner.run(text) => result,
            () = self.interrupted.notified() => Err(Failure::Interrupted),
        };
        match result {
            Ok(()) => (),
            Err(Failure::Statement(error)) => eprint!("{}", shown(text, &error)),
            Err(Failure::Interrupted) if was_in_transaction && !self.runner.is_in_transaction() => {
                eprintln!("interrupted; nothing of the transaction is kept");
            }
            Err(failure) => eprintln!("error: {failure}"),
        }
    }
}

/// The error, and under it the line that it speaks of with a caret at the place.
fn shown(text: &str, error: &Error) -> String {
    let mut shown = format!("error: {}\n", Failure::Statement(error.clone()));
    let Some(Place { line, column }) = error.place() else { return shown };
    let number = |number: u64| usize::try_from(number).ok()?.checked_sub(1);
    let (Some(line), Some(column)) = (number(line), number(column)) else { return shown };
    let Some(line) = text.lines().nth(line) else { return shown };
    let first = column.saturating_sub(SHOWN_COUNT_MAX / 2);
    let around = line.chars().skip(first).take(SHOWN_COUNT_MAX);
    // A tab is as wide as the terminal likes, and anything else that is no character moves the cursor.
    shown.extend(around.map(|c| if c.is_control() { ' ' } else { c }));
    shown.push('\n');
    shown.extend(std::iter::repeat_n(' ', column - first));
    shown.push_str("^\n");
    shown
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expect: Expect) {
        let dir = tempfile::tempdir().expect("a folder");
        let database = Database::open(dir.path(), Default::default()).expect("a database");
        let sql = annals_query::Sql::new(database, Default::default()).expect("a language");
        let error = sql.session().prepare(text).expect_err("no statement");
        expect.assert_eq(&shown(text, &error));
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        check(
            "SELECT 1,\n\t2 + ) FROM t",
            expect![[r#"
                error: line 2, column 6: expected an expression, found )
                 2 + ) FROM t
                     ^
            "#]],
        );
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let before = "1 + ".repeat(100);
        check(
            &format!("SELECT {before} ) FROM t"),
            expect![[r#"
            error: line 1, column 409: expected an expression, found )
             + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 +  ) FROM t
                                                            ^
        "#]],
        );
    }
}
