//! Bodies of requests: read whole, or handed to a blocking reader as they come.
//!
//! Either way a body is bounded in bytes, and by how long none of its bytes may come. What breaks off is never taken for the end: a
//! reader is told of the end, and anything else is an error.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf, Bytes};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::problem::{Code, Problem};

/// So many pieces wait to be read while the next one comes.
const WAITING_COUNT_MAX: usize = 4;

/// What bounds a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// The most bytes of it.
    pub(crate) bytes_max: u64,
    /// How long none of its bytes may come, in milliseconds.
    pub(crate) idle_ms_max: u64,
}

/// A body that is read piece by piece.
struct Pieces {
    body: Body,
    limits: BodyLimits,
    byte_count: u64,
    /// Whether the client went away in the middle of it.
    is_gone: bool,
}

impl Pieces {
    /// An error at once if the body says that it is too large.
    fn of(body: Body, limits: BodyLimits) -> Result<Pieces, Problem> {
        let pieces = Pieces { body, limits, byte_count: 0, is_gone: false };
        match pieces.body.size_hint().lower() > limits.bytes_max {
            true => Err(pieces.too_large()),
            false => Ok(pieces),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let idle = Duration::from_millis(self.limits.idle_ms_max);
        loop {
            let frame = match tokio::time::timeout(idle, self.body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    self.is_gone = is_end_of_connection(&error);
                    return Err(Problem::invalid(format!("the body broke off: {error}")));
                }
                Err(_) => {
                    let detail = format!("no byte of the body came for {} ms", idle.as_millis());
                    return Err(Problem::new(Code::SlowRequest, detail));
                }
            };
            // Trailers say nothing that is asked for.
            let Ok(piece) = frame.into_data() else { continue };
            self.byte_count += piece.len() as u64;
            if self.byte_count > self.limits.bytes_max {
                return Err(self.too_large());
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    fn too_large(&self) -> Problem {
        let detail = format!("the body has more than {} bytes", self.limits.bytes_max);
        Problem::new(Code::BodyTooLarge, detail)
    }
}

/// Whether the connection ended before the body did: what reads it says so in one way or the other.
fn is_end_of_connection(error: &axum::Error) -> bool {
    let ends = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let by_hyper = error.downcast_ref::<hyper::Error>();
        let by_system = error.downcast_ref::<io::Error>();
        if by_hyper.is_some_and(hyper::Error::is_incomplete_message)
            || by_system.is_some_and(|error| ends.contains(&error.kind()))
        {
            return true;
        }
        source = error.source();
    }
    false
}

/// The whole body.
pub(crate) async fn read_whole(body: Body, limits: BodyLimits) -> Result<Bytes, Problem> {
    let mut pieces = Pieces::of(body, limits)?;
    let Some(first) = pieces.next().await? else { return Ok(Bytes::new()) };
    let Some(second) = pieces.next().await? else { return Ok(first) };
    let mut whole = Vec::from(first);
    whole.extend_from_slice(&second);
    while let Some(piece) = pieces.next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

/// What a body in JSON says, which is an object.
pub(crate) fn read_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // A list of the members in their order would be taken as well.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid("the body is a list, and not an object, in JSON"));
    }
    let parsed = serde_json::from_slice(body);
    parsed.map_err(|error| Problem::invalid(format!("the body is not as described: {error}")))
}

/// What a reader gets: bytes, or why there are no more.
enum Piece {
    Bytes(Bytes),
    End,
    Broken(Problem),
    /// The client went away.
    Gone(Problem),
}

/// A body as a blocking reader, and the future that feeds it, which must be awaited beside it.
pub(crate) struct Feed {
    pieces: Pieces,
    sender: Sender<Piece>,
}

/// The blocking side of a body. Reading fails with a [`Problem`] inside if the body breaks off or a limit is reached.
pub(crate) struct BodyReader {
    receiver: Receiver<Piece>,
    piece: Bytes,
    is_at_end: bool,
}

/// Divides a body into the two sides.
pub(crate) fn feed(body: Body, limits: BodyLimits) -> Result<(Feed, BodyReader), Problem> {
    let (sender, receiver) = mpsc::channel(WAITING_COUNT_MAX);
    let pieces = Pieces::of(body, limits)?;
    let reader = BodyReader { receiver, piece: Bytes::new(), is_at_end: false };
    Ok((Feed { pieces, sender }, reader))
}

impl Feed {
    /// Hands on what comes, to the end. If the reader has gone, what is left of the body is read all the same, within the
    /// limits: a client that is still sending would otherwise lose the connection before it could read the answer.
    pub(crate) async fn run(mut self) {
        let mut has_reader = true;
        loop {
            let (piece, is_last) = match self.pieces.next().await {
                Ok(Some(bytes)) => (Piece::Bytes(bytes), false),
                Ok(None) => (Piece::End, true),
                Err(problem) if self.pieces.is_gone => (Piece::Gone(problem), true),
                Err(problem) => (Piece::Broken(problem), true),
            };
            has_reader = has_reader && self.sender.send(piece).await.is_ok();
            if is_last {
                return;
            }
        }
    }
}

/// A problem that stopped a reader, if that is what the error is.
pub(crate) fn problem_of(error: &io::Error) -> Option<Problem> {
    let inner = error.get_ref()?.downcast_ref::<Broken>()?;
    Some(inner.0.clone())
}

/// Whether a reader stopped because the client went away.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionAborted
}

fn gone(problem: Problem) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, Broken(problem))
}

/// A problem inside an error of a reader.
#[derive(Debug)]
struct Broken(Problem);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for Broken {}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.is_at_end {
            match self.receiver.blocking_recv() {
                Some(Piece::Bytes(piece)) => self.piece = piece,
                Some(Piece::End) => self.is_at_end = true,
                Some(Piece::Broken(problem)) => return Err(io::Error::other(Broken(problem))),
                Some(Piece::Gone(problem)) => return Err(gone(problem)),
                // The feed is gone without a word: so is the client.
                None => return Err(gone(Problem::invalid("the client went away"))),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes_max: 8, idle_ms_max: 60_000 };

    fn body(pieces: &[&'static str]) -> Body {
        let pieces: Vec<io::Result<&'static str>> = pieces.iter().map(|piece| Ok(*piece)).collect();
        Body::from_stream(stream::iter(pieces))
    }

    async fn read(body: Body) -> io::Result<String> {
        let (feed, mut reader) = feed(body, LIMITS).expect("small enough");
        let read = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        feed.run().await;
        read.await.expect("no panic")
    }

    #[tokio::test]
    async fn pieces_are_put_together() {
        for pieces in [&[][..], &["abc"], &["abc", "", "d"], &["ab", "cd", "efgh"]] {
            let whole = read_whole(body(pieces), LIMITS).await.expect("small enough");
            assert_eq!(whole, pieces.concat());
            assert_eq!(read(body(pieces)).await.expect("whole"), pieces.concat());
        }
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_an_error_with_and_without_a_length() {
        let whole = read_whole(Body::from("123456789"), LIMITS).await;
        assert_eq!(whole.expect_err("too large").code, Code::BodyTooLarge);
        let whole = read_whole(body(&["1234", "56789"]), LIMITS).await;
        assert_eq!(whole.expect_err("too large").code, Code::BodyTooLarge);
        let error = read(body(&["1234", "56789"])).await.expect_err("too large");
        assert_eq!(problem_of(&error).expect("a problem").code, Code::BodyTooLarge);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_does_not_end() {
        let pieces = [Ok("1234"), Err(io::Error::other("reset"))];
        let error = read(Body::from_stream(stream::iter(pieces))).await.expect_err("broken");
        assert_eq!(problem_of(&error).expect("a problem").code, Code::InvalidRequest);
    }

    #[tokio::test]
    async fn a_reader_whose_feed_is_gone_does_not_see_an_end() {
        let (feed, mut reader) = feed(body(&["1234"]), LIMITS).expect("small enough");
        drop(feed);
        let read = tokio::task::spawn_blocking(move || reader.read(&mut [0; 8])).await;
        let error = read.expect("no panic").expect_err("the client went away");
        assert!(is_gone(&error));
    }

    #[tokio::test]
    async fn a_body_of_which_nothing_comes_is_given_up() {
        let limits = BodyLimits { idle_ms_max: 1, ..LIMITS };
        let silent = Body::from_stream(stream::pending::<io::Result<&str>>());
        let error = read_whole(silent, limits).await.expect_err("nothing comes");
        assert_eq!(error.code, Code::SlowRequest);
    }
}
