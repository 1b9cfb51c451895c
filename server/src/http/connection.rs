//! Connections: accepted, wrapped in TLS where there is a certificate, served, and ended with the server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use super::patience::{Busy, Patient};
use super::state::App;

/// How long to wait before the next try when no connection could be accepted: the system lacks something, files perhaps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections until `end` is ready; then waits for the requests that are being answered, for as long as the
/// configuration says, and cancels those that are left.
pub(crate) async fn serve(
    app: Arc<App>,
    router: Router,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    end: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(app.config.limits.connection_count_max));
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let mut end = std::pin::pin!(end);
    loop {
        let accepted = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            () = &mut end => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => (),
            (slot, accepted) = accepted => match (slot, accepted) {
                (Ok(slot), Ok((stream, _))) => {
                    let connection = Connection { app: app.clone(), router: router.clone(), slot };
                    tasks.spawn(connection.run(stream, tls.clone(), graceful.watcher()));
                }
                (_, Err(error)) => {
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                (Err(_), _) => break,
            },
        }
    }
    drop(listener);
    app.end();
    let patience = Duration::from_millis(app.config.server.shutdown_ms_max);
    info!(connections = tasks.len(), "ending: no more connections are accepted");
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        warn!("requests that were still running are cancelled");
    }
    tasks.shutdown().await;
}

struct Connection {
    app: Arc<App>,
    router: Router,
    slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>, watcher: Watcher) {
        let metrics = &self.app.metrics;
        metrics.connections.inc();
        let _open = Open(self.app.clone());
        // Answers are written in one piece each: waiting for more would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection was gone at once");
            return;
        }
        match tls {
            None => self.speak(stream, watcher).await,
            Some(tls) => {
                let patience = Duration::from_millis(self.app.config.limits.header_ms_max);
                match tokio::time::timeout(patience, tls.accept(stream)).await {
                    Ok(Ok(stream)) => self.speak(stream, watcher).await,
                    Ok(Err(error)) => debug!(%error, "no TLS with a client"),
                    Err(_) => debug!("a client did not end its TLS handshake"),
                }
            }
        }
    }

    async fn speak<S>(self, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Connection { app, router, slot } = self;
        let limits = &app.config.limits;
        let busy = Busy::default();
        let milliseconds = Duration::from_millis;
        let (head, write) = (milliseconds(limits.header_ms_max), milliseconds(limits.write_ms_max));
        let stream = Patient::new(stream, busy.clone(), head, write);
        let service = service_fn(move |request: Request<Incoming>| {
            busy.set(true);
            let (router, busy) = (router.clone(), busy.clone());
            async move {
                let response = router.oneshot(request.map(Body::new)).await;
                response.map(|response| response.map(|body| Answering { body, _busy: EndOf(busy) }))
            }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // It also runs while a kept connection is idle.
            .header_read_timeout(milliseconds(limits.idle_ms_max))
            .max_header_size(limits.header_bytes_max);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            debug!(%error, "a connection ended early");
        }
        drop(slot);
    }
}

/// The body of an answer; its connection is busy until it is gone.
struct Answering {
    body: Body,
    _busy: EndOf,
}

struct EndOf(Busy);

impl Drop for EndOf {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Counts a connection until it is closed.
struct Open(Arc<App>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}
