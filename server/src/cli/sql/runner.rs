//! Runs statements one after the other: rows to standard output as they come, all else to standard error.

use std::io::Write;
use std::time::Instant;

use annals_engine::arrow::util::display::array_value_to_string;
use annals_query::{Error, Outcome, Session, Tag};

use super::rows::Rows;
use crate::error::{Failure, Result};
use crate::output::{self, Answer, Format, Writer};

/// A session, and how its answers are written.
pub(super) struct Runner {
    session: Session,
    /// The form of the rows.
    pub(super) format: Format,
    /// Whether each statement is followed by the time it took.
    pub(super) is_timed: bool,
    /// Whether each statement is followed by what it did.
    pub(super) tells_tags: bool,
    /// How many answers have been written.
    answer_count: usize,
    /// Nobody reads standard output any more; statements are run all the same.
    is_closed: bool,
}

impl Runner {
    /// Runs statements in `session`.
    pub(super) fn new(session: Session, format: Format) -> Runner {
        let (is_timed, tells_tags, is_closed) = (false, false, false);
        Runner { session, format, is_timed, tells_tags, answer_count: 0, is_closed }
    }

    /// Whether a transaction is open.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.session.is_in_transaction()
    }

    /// Runs all there is to run: a transaction that is still open at the end is an error, for nothing of it is kept.
    pub(super) async fn run_script(&mut self, text: &str) -> Result<()> {
        self.run(text).await?;
        match self.is_in_transaction() {
            true => {
                Err(Error::invalid("the transaction is not committed: nothing of it is kept")
                    .into())
            }
            false => Ok(()),
        }
    }

    /// Runs statements, to the end or the first that fails.
    pub(super) async fn run(&mut self, text: &str) -> Result<()> {
        for prepared in self.session.prepare(text)? {
            let started = Instant::now();
            let mut outcome = self.session.execute(&prepared, &[]).await?;
            outcome.notices.iter().for_each(|notice| eprintln!("notice: {notice}"));
            match self.show(&mut outcome).await {
                Err(Failure::OutputClosed) => self.is_closed = true,
                shown => shown?,
            }
            if self.tells_tags {
                eprintln!("{}", told(&outcome));
            }
            if self.is_timed {
                eprintln!("time: {:.3} ms", started.elapsed().as_secs_f64() * 1e3);
            }
        }
        Ok(())
    }

    /// Writes the rows, if there are any, and counts them.
    async fn show(&mut self, outcome: &mut Outcome) -> Result<()> {
        let Some(rows) = outcome.rows.take().filter(|_| !self.is_closed) else { return Ok(()) };
        let mut out = output::stdout();
        if self.answer_count > 0 {
            match self.format {
                Format::Table | Format::Csv => writeln!(out)?,
                Format::Json | Format::Ndjson => (),
                Format::Arrow | Format::Parquet => {
                    let message = "an Arrow stream or a Parquet file is the answer of one query, \
                                   and this is the second one";
                    return Err(Error::invalid(message).into());
                }
            }
        }
        self.answer_count += 1;
        let answer = Answer::new(&rows.schema(), self.format);
        let mut rows = Rows::of(rows);
        if outcome.tag == Tag::Explain && self.format == Format::Table {
            while let Some(batch) = rows.next().await? {
                for row in 0..batch.num_rows() {
                    // A plan is a text of many lines, not a cell of a table.
                    for column in batch.columns() {
                        writeln!(out, "{}", array_value_to_string(column, row)?.trim_end())?;
                    }
                }
            }
            return Ok(out.flush()?);
        }
        let mut writer = Writer::new(self.format, answer.shape(), out)?;
        while let Some(batch) = rows.next().await? {
            outcome.row_count += batch.num_rows() as u64;
            writer.write(&answer.rows(&batch)?)?;
        }
        writer.finish()
    }
}

/// What a statement did: its kind, and how many rows it gave or changed.
fn told(outcome: &Outcome) -> String {
    let tag = outcome.tag;
    match tag {
        Tag::Select | Tag::Insert | Tag::Upsert | Tag::Update | Tag::Delete | Tag::Erase => {
            format!("{tag} {}", outcome.row_count)
        }
        _ => tag.to_string(),
    }
}
