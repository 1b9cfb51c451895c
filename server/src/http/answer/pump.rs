//! What computes the rows, encodes them and hands them on, within the limits.

use std::time::Duration;

use annals_query::CancelToken;
use annals_query::arrow::array::RecordBatch;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout_at};

use super::{Encoder, Ending};
use crate::http::problem::{Code, Problem};

/// A piece of about so many bytes leaves at once.
const PIECE_BYTES: usize = 64 << 10;
/// Fewer bytes leave when they are so old.
pub(super) const PIECE_AGE_MAX: Duration = Duration::from_millis(50);

/// Longer than anybody waits, and not too long for a clock.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3_600);

/// What bounds an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerLimits {
    /// The most rows, if there is a limit.
    pub(crate) row_count_max: Option<usize>,
    /// When the query must be over.
    pub(crate) deadline: Instant,
    /// How long that was, in milliseconds, for the message.
    pub(crate) query_ms_max: u64,
}

impl AnswerLimits {
    /// Without an end of its time: what is committed is answered, and how slow a client may be is bounded elsewhere.
    pub(crate) fn committed(self) -> AnswerLimits {
        AnswerLimits { deadline: Instant::now() + FOREVER, ..self }
    }

    /// The problem of a query that took too long.
    pub(crate) fn too_long(&self) -> Problem {
        let detail = format!("the query ran for more than {} ms", self.query_ms_max);
        Problem::new(Code::TimeLimit, detail)
    }
}

/// What goes to the client.
pub(super) enum Piece {
    /// Bytes, and more will come.
    More(Bytes),
    /// The last bytes.
    Last(Bytes),
    /// No more bytes, for this reason.
    Broken(Problem),
}

/// A query on its way.
pub(super) struct Pump<S> {
    pub(super) rows: S,
    pub(super) encoder: Encoder,
    pub(super) limits: AnswerLimits,
    pub(super) ending: Box<dyn Ending>,
    pub(super) sender: Sender<Piece>,
    pub(super) cancel: CancelToken,
}

/// Why there are no more pieces to send.
enum Stop {
    Problem(Problem),
    /// The client takes no more.
    Gone,
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        Stop::Problem(problem)
    }
}

impl<S, E> Pump<S>
where
    S: Stream<Item = Result<RecordBatch, E>> + Send + Unpin,
    annals_query::Error: From<E>,
    E: Send,
{
    /// Computes all rows at once, without handing anything on: for rows that are there already.
    pub(super) async fn gather(mut self) -> Result<Bytes, Problem> {
        let mut row_count = 0;
        let result = async {
            while let Some(batch) = self.rows.next().await {
                let batch = batch.map_err(annals_query::Error::from)?;
                row_count = counted(row_count, &batch, &self.limits)?;
                self.encoder.push(&batch)?;
            }
            Ok(self.encoder.finish()?)
        };
        let result = result.await;
        self.ending.end(row_count, result.as_ref().err());
        result
    }

    /// Computes and hands on, to the end.
    pub(super) async fn run(mut self) {
        let mut row_count = 0;
        let stop = match self.pieces(&mut row_count).await {
            Ok(()) => match self.encoder.finish().map_err(Problem::from) {
                Ok(bytes) => {
                    self.ending.end(row_count, None);
                    // Nobody is there to be told if the client went away.
                    let _ = self.sender.send(Piece::Last(bytes)).await;
                    return;
                }
                Err(problem) => Stop::Problem(problem),
            },
            Err(stop) => stop,
        };
        if let Stop::Problem(problem) = stop {
            self.ending.end(row_count, Some(&problem));
            let _ = self.sender.send(Piece::Broken(problem)).await;
        }
    }

    async fn pieces(&mut self, row_count: &mut u64) -> Result<(), Stop> {
        // When the oldest byte that has not left yet must leave.
        let mut due: Option<Instant> = None;
        loop {
            let until = due.map_or(self.limits.deadline, |due| due.min(self.limits.deadline));
            match timeout_at(until, self.rows.next()).await {
                Ok(Some(Err(_))) if self.cancel.is_cancelled() => return Err(self.cancelled()),
                Ok(Some(batch)) => {
                    let batch = batch.map_err(|e| Problem::from(annals_query::Error::from(e)))?;
                    *row_count = counted(*row_count, &batch, &self.limits)?;
                    self.encoder.push(&batch).map_err(Problem::from)?;
                }
                Ok(None) => return Ok(()),
                Err(_) if Instant::now() >= self.limits.deadline => {
                    return Err(self.limits.too_long().into());
                }
                Err(_) => (),
            }
            let is_due = due.is_some_and(|due| Instant::now() >= due);
            if self.encoder.len() >= PIECE_BYTES || (is_due && self.encoder.len() > 0) {
                self.send().await?;
                due = None;
            } else if self.encoder.len() > 0 && due.is_none() && *row_count > 0 {
                due = Some(Instant::now() + PIECE_AGE_MAX);
            }
        }
    }

    /// Why the query was cancelled.
    fn cancelled(&self) -> Stop {
        match Instant::now() >= self.limits.deadline {
            true => self.limits.too_long().into(),
            false => Stop::Gone,
        }
    }

    async fn send(&mut self) -> Result<(), Stop> {
        let piece = Piece::More(self.encoder.take());
        match timeout_at(self.limits.deadline, self.sender.send(piece)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Stop::Gone),
            Err(_) => Err(self.limits.too_long().into()),
        }
    }
}

/// The count with the rows of a batch; an error beyond the limit.
pub(crate) fn counted(
    row_count: u64,
    batch: &RecordBatch,
    limits: &AnswerLimits,
) -> Result<u64, Problem> {
    let row_count = row_count + batch.num_rows() as u64;
    match limits.row_count_max {
        None => Ok(row_count),
        Some(max) if row_count <= max as u64 => Ok(row_count),
        Some(max) => {
            let detail = format!("the answer has more than {max} rows");
            Err(Problem::new(Code::RowLimit, detail))
        }
    }
}
