//! Where the lines of a prompt come from: a terminal, where they are edited, or standard input as it is.

use std::fmt;
use std::io::{ErrorKind, IsTerminal};

use dialoguer::Input;
use dialoguer::theme::Theme;

use super::history::History;
use crate::error::{Failure, Result};

/// Before the first line of a statement.
const FIRST: &str = "annals> ";
/// Before its other lines.
const NEXT: &str = "   ...> ";

/// What reads lines.
pub(super) enum Prompt {
    /// From a terminal.
    Terminal(History),
    /// From standard input, without a word.
    Plain,
}

/// What was typed.
pub(super) enum Line {
    /// A line.
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// There are no more lines.
    End,
}

impl Prompt {
    /// From the terminal, if standard input and standard error (where the prompt shows) are one.
    pub(super) fn of_stdin() -> Prompt {
        match std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            true => Prompt::Terminal(History::of_user()),
            false => Prompt::Plain,
        }
    }

    /// Whether the user sees a prompt.
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Prompt::Terminal(_))
    }

    /// Waits for a line, the first of a statement or another one.
    pub(super) fn read(&mut self, is_first: bool) -> Result<Line> {
        match self {
            Prompt::Terminal(history) => edited(if is_first { FIRST } else { NEXT }, history),
            Prompt::Plain => {
                let mut line = String::new();
                let read = std::io::stdin().read_line(&mut line);
                let byte_count =
                    read.map_err(|error| Failure::from(error).context("standard input"))?;
                Ok(if byte_count == 0 { Line::End } else { Line::Text(line) })
            }
        }
    }
}

fn edited(prompt: &str, history: &mut History) -> Result<Line> {
    let input = Input::with_theme(&Bare).with_prompt(prompt).allow_empty(true);
    match input.history_with(history).interact_text() {
        Ok(line) => Ok(Line::Text(line)),
        Err(dialoguer::Error::IO(error)) => match error.kind() {
            ErrorKind::Interrupted => {
                eprintln!("^C");
                Ok(Line::Interrupted)
            }
            // The terminal is gone.
            ErrorKind::UnexpectedEof => Ok(Line::End),
            _ => Err(Failure::from(error).context("the terminal")),
        },
    }
}

/// A prompt without decoration.
struct Bare;

impl Theme for Bare {
    fn format_input_prompt(
        &self,
        f: &mut dyn fmt::Write,
        prompt: &str,
        _default: Option<&str>,
    ) -> fmt::Result {
        f.write_str(prompt)
    }

    fn format_input_prompt_selection(
        &self,
        f: &mut dyn fmt::Write,
        prompt: &str,
        typed: &str,
    ) -> fmt::Result {
        write!(f, "{prompt}{typed}")
    }
}
