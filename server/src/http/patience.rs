//! A connection that is not waited for without end: for the rest of a head, or for a client that takes nothing.
//!
//! What waits for bodies has limits of its own, and how long a kept connection may be idle is the protocol's concern.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Whether a request is being answered: then no head is waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Busy(Arc<AtomicBool>);

impl Busy {
    /// From now on a request is being answered, or no more.
    pub(crate) fn set(&self, is_busy: bool) {
        self.0.store(is_busy, Ordering::Relaxed);
    }
}

/// A stream whose reads and writes end with an error of kind `TimedOut` when a client lets them wait too long.
pub(crate) struct Patient<S> {
    stream: S,
    busy: Busy,
    head: Timer,
    write: Timer,
}

impl<S> Patient<S> {
    /// Waits so long for the rest of a head once its first byte is there, and for the client to take a byte.
    pub(crate) fn new(stream: S, busy: Busy, head: Duration, write: Duration) -> Patient<S> {
        Patient { stream, busy, head: Timer::new(head), write: Timer::new(write) }
    }
}

/// Runs from when something is first waited for.
struct Timer {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
    is_running: bool,
}

impl Timer {
    fn new(limit: Duration) -> Timer {
        Timer { limit, sleep: Box::pin(sleep(limit)), is_running: false }
    }

    fn start(&mut self) {
        if !self.is_running {
            self.sleep.as_mut().reset(Instant::now() + self.limit);
            self.is_running = true;
        }
    }

    fn stop(&mut self) {
        self.is_running = false;
    }

    /// An error once the time is over.
    fn poll<T>(&mut self, context: &mut Context<'_>, what: &str) -> Poll<io::Result<T>> {
        if !self.is_running {
            return Poll::Pending;
        }
        ready!(self.sleep.as_mut().poll(context));
        self.is_running = false;
        let message = format!("{what} for {} ms", self.limit.as_millis());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let is_busy = this.busy.0.load(Ordering::Relaxed);
        if is_busy {
            this.head.stop();
        }
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending => this.head.poll(context, "the head of a request was not complete"),
            read => {
                if !is_busy && buffer.filled().len() > before {
                    this.head.start();
                }
                read
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    fn watched<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match result {
            Poll::Pending => {
                self.write.start();
                self.write.poll(context, "the client took no byte")
            }
            done => {
                self.write.stop();
                done
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watched(context, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.watched(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(context);
        this.watched(context, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_shutdown(context);
        this.watched(context, result)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn a_head_that_is_begun_must_be_ended() {
        let (mut client, server) = duplex(64);
        let mut server = Patient::new(server, Busy::default(), SHORT, LONG);
        client.write_all(b"G").await.expect("room");
        assert_eq!(server.read_u8().await.expect("a byte"), b'G');
        let error = server.read_u8().await.expect_err("no more");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn no_head_is_waited_for_while_a_request_is_answered_or_none_has_begun() {
        for is_begun in [false, true] {
            let (mut client, server) = duplex(64);
            let busy = Busy::default();
            let mut server = Patient::new(server, busy.clone(), SHORT, LONG);
            if is_begun {
                client.write_all(b"G").await.expect("room");
                server.read_u8().await.expect("a byte");
                busy.set(true);
            }
            let read = tokio::time::timeout(20 * SHORT, server.read_u8()).await;
            read.expect_err("it waits on");
        }
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (_client, server) = duplex(4);
        let mut server = Patient::new(server, Busy::default(), LONG, SHORT);
        let error = server.write_all(b"12345678").await.expect_err("no room");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
