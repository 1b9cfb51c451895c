//! Around every request: its id, a line of the log, the counters, headers that all answers have, and the end of a panic.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::metrics::RequestLabels;
use super::problem::{Code, Problem};
use super::state::App;

/// The header with the id of a request.
const REQUEST_ID: &str = "x-request-id";
/// The longest id that is taken from a client, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The id of a request: the client's, or one of the server's.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

impl RequestId {
    fn of(headers: &HeaderMap) -> RequestId {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let is_plain = |text: &&str| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        RequestId(given.filter(is_plain).map_or_else(next_id, Into::into))
    }
}

/// Ids that no two requests of a server have, and hardly two requests of two servers.
fn next_id() -> Arc<str> {
    static FIRST: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| {
        // An id is no secret: where the system has no randomness, all servers count from the same number.
        getrandom::u64().unwrap_or_default()
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{:08x}-{:x}", *FIRST >> 32, COUNT.fetch_add(1, Ordering::Relaxed)).into()
}

/// Answers a request, and tells of it.
pub(crate) async fn observe(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("none", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(id.clone());
    let span = info_span!("request", id = &*id.0, %method, route);
    let answering = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone());
    let mut response = answering.await.unwrap_or_else(|_| {
        Problem::new(Code::Internal, "the server failed while it answered").into_response()
    });
    let took = started.elapsed();
    let status = response.status().as_u16();
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        app.metrics.problem(problem.code.text());
    }
    span.in_scope(|| tell(status, took, problem.as_ref()));
    app.metrics.answered(RequestLabels { route, method: method_name(&method), status }, took);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A line of the log: what went well is not worth one unless it is asked for; too many requests are no failure of the server.
fn tell(status: u16, took: Duration, problem: Option<&Problem>) {
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let code = problem.map_or("", |problem| problem.code.text());
    // What a client did wrong may speak of values, which do not belong into a log.
    let detail = problem.map_or("", |problem| problem.detail.as_str());
    match status {
        500 => error!(status, took_us, code, detail, "answered"),
        501.. => warn!(status, took_us, code, detail, "answered"),
        400.. => info!(status, took_us, code, "answered"),
        _ => debug!(status, took_us, "answered"),
    }
}

/// The methods that there are routes for; clients may make up others.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_of_the_client_is_kept_and_any_other_replaced() {
        let check = |given: &str, is_kept: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).expect("a value"));
            assert_eq!(&*RequestId::of(&headers).0 == given, is_kept, "for {given:?}");
        };
        check("a-1", true);
        check(&"x".repeat(128), true);
        check(&"x".repeat(129), false);
        check("", false);
        check("a b", false);
        check("caf\u{e9}", false);
        let (one, other) = (next_id(), next_id());
        assert_ne!(one, other);
    }
}
