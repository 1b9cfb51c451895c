//! The rows of an answer on their way to the client.
//!
//! Rows are computed by a task of their own and leave in pieces of about 64 KiB, or after 50 ms if fewer come; two pieces wait at most, then
//! the task waits for the client. So the first rows leave before the last are computed, and memory does not grow with the
//! answer. The status is decided by the first piece, and what comes within 50 ms of it: a query that fails by then is a problem with
//! its code, one that fails later breaks the connection, so that no client takes a part for the whole. Dropping the body (the client went away) ends
//! the task.

mod encoder;
mod negotiate;
mod pump;

use std::collections::VecDeque;

use annals_query::CancelToken;
use annals_query::arrow::array::RecordBatch;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Span, error, info};

pub(crate) use encoder::Encoder;
pub(crate) use negotiate::Form;
pub(crate) use pump::{AnswerLimits, counted};
use pump::{PIECE_AGE_MAX, Piece, Pump};

use super::problem::{Code, Problem};

/// So many pieces wait for the client while the next one is computed.
const WAITING_COUNT_MAX: usize = 2;

/// What is told how an answer ended. Dropping it untold means that the answer was cancelled.
pub(crate) trait Ending: Send + 'static {
    /// All rows were computed, or a problem stopped it.
    fn end(self: Box<Self>, row_count: u64, problem: Option<&Problem>);
}

/// The response with the rows, once its status is known. Rows that are computed already are few, and encoded at once: a task would take
/// longer than they do.
pub(crate) async fn respond<S, E>(
    rows: S,
    encoder: Encoder,
    form: Form,
    limits: AnswerLimits,
    ending: Box<dyn Ending>,
    cancel: CancelToken,
    is_computed: bool,
) -> Result<Response, Problem>
where
    S: Stream<Item = Result<RecordBatch, E>> + Send + Unpin + 'static,
    annals_query::Error: From<E>,
    E: Send + 'static,
{
    let (sender, mut pieces) = mpsc::channel(WAITING_COUNT_MAX);
    let pump = Pump { rows, encoder, limits, ending, sender, cancel: cancel.clone() };
    if is_computed {
        return Ok(whole(form, pump.gather().await?));
    }
    let task = Task::start(pump.run(), limits.deadline, cancel);
    match pieces.recv().await {
        Some(Piece::Last(bytes)) => Ok(whole(form, bytes)),
        Some(Piece::More(first)) => {
            // What fails soon after is a problem too. Nobody notices the wait, and most answers fit into two pieces.
            let second = timeout(PIECE_AGE_MAX, pieces.recv()).await;
            let ready = match second {
                Ok(Some(Piece::Last(last))) => {
                    return Ok(whole(form, [first, last].concat().into()));
                }
                Ok(Some(Piece::Broken(problem))) => return Err(problem),
                Ok(Some(second)) => VecDeque::from([Piece::More(first), second]),
                Ok(None) | Err(_) => VecDeque::from([Piece::More(first)]),
            };
            let span = Span::current();
            let rest = Rest { ready, pieces, _task: task, is_over: false, span };
            Ok(typed(form, Body::from_stream(rest.into_stream())))
        }
        Some(Piece::Broken(problem)) => Err(problem),
        None => Err(Problem::new(Code::Internal, "the query broke off")),
    }
}

fn whole(form: Form, bytes: Bytes) -> Response {
    typed(form, Body::from(bytes))
}

fn typed(form: Form, body: Body) -> Response {
    let mut response = Response::new(body);
    let media_type = HeaderValue::from_static(form.media_type());
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// A line of the log: the head said 200, so nothing else tells of it.
fn tell(problem: &Problem) {
    let code = problem.code.text();
    match problem.code.status().is_server_error() {
        true => error!(code, detail = problem.detail, "the answer broke off"),
        false => info!(code, "the answer broke off"),
    }
}

/// Ends the query when the body is dropped, or its time is over: what computes without a pause hears of it by the token.
struct Task {
    pump: JoinHandle<()>,
    clock: JoinHandle<()>,
    cancel: CancelToken,
}

impl Task {
    fn start(
        pump: impl Future<Output = ()> + Send + 'static,
        deadline: Instant,
        cancel: CancelToken,
    ) -> Task {
        let at_deadline = cancel.clone();
        let clock = tokio::spawn(async move {
            sleep_until(deadline).await;
            at_deadline.cancel();
        });
        Task { pump: tokio::spawn(pump), clock, cancel }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.clock.abort();
        self.pump.abort();
    }
}

/// The pieces of a body.
struct Rest {
    ready: VecDeque<Piece>,
    pieces: Receiver<Piece>,
    _task: Task,
    is_over: bool,
    /// Of the request, for the log.
    span: Span,
}

impl Rest {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, axum::Error>> {
        stream::unfold(self, |mut rest| async move {
            if rest.is_over {
                return None;
            }
            let piece = match rest.ready.pop_front() {
                Some(piece) => Some(piece),
                None => rest.pieces.recv().await,
            };
            let bytes = match piece {
                Some(Piece::More(bytes)) => Ok(bytes),
                Some(Piece::Last(bytes)) => {
                    rest.is_over = true;
                    Ok(bytes)
                }
                // The error makes the connection break: a part must not pass for the whole.
                Some(Piece::Broken(problem)) => {
                    rest.is_over = true;
                    rest.span.in_scope(|| tell(&problem));
                    Err(axum::Error::new(std::io::Error::other(problem.detail)))
                }
                None => {
                    rest.is_over = true;
                    Err(axum::Error::new(std::io::Error::other("the query broke off")))
                }
            };
            Some((bytes, rest))
        })
    }
}
