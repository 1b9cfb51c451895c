//! Whether the server lives, is ready, and what it counts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;

use crate::http::problem::{Code, Problem};
use crate::http::state::App;

/// The text form of Prometheus, and OpenMetrics: the same text, in which what one lacks is a comment of the other.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses(
    (status = 200, description = "It lives", body = String, content_type = "text/plain"),
), security(()))]
pub(crate) async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether it answers: not while it is ending.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "It answers", body = String, content_type = "text/plain"),
), security(()))]
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.is_ending() {
        return Err(Problem::new(Code::Unavailable, "the server is ending"));
    }
    app.sql.database().snapshot()?;
    Ok("ready\n")
}

/// Counters and gauges in the text form of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "Counters and gauges", content(
        (String = "text/plain"), (String = "application/openmetrics-text"),
    )),
))]
pub(crate) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> impl IntoResponse {
    let stats = app.sql.database().stats().ok();
    let (gate, ingests) = (&app.gate, &app.ingest_gate);
    let running = gate.running_count() + ingests.running_count();
    let waiting = gate.waiting_count() + ingests.waiting_count();
    let text = app.metrics.text(stats.as_ref(), running, waiting);
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_open = accepted.is_some_and(|value| value.contains("application/openmetrics-text"));
    let form = if is_open { OPEN_METRICS } else { PROMETHEUS };
    ([(header::CONTENT_TYPE, form)], text)
}
