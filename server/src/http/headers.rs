//! What answers tell beside their body.

use annals_engine::SystemTime;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use serde::Serialize;

/// The system instant that an answer was read or written at.
const SYSTEM_TIME: HeaderName = HeaderName::from_static("x-annals-system-time");
/// What an answer leaves out, once for each sentence.
const NOTICE: HeaderName = HeaderName::from_static("x-annals-notice");
/// That an earlier request has written what this one brought.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// So many notices stand in headers; JSON has them all.
const NOTICE_COUNT_MAX: usize = 16;

/// What an answer tells beside its body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// The system instant that it was read or written at.
    pub(crate) system_time: Option<SystemTime>,
    /// What it leaves out.
    pub(crate) notices: Vec<String>,
}

/// Puts it into the headers.
pub(crate) fn add(response: &mut Response, extra: &Extra) {
    let headers = response.headers_mut();
    let at = extra.system_time.map(|at| HeaderValue::from_str(&at.to_string()));
    if let Some(Ok(at)) = at {
        headers.insert(SYSTEM_TIME, at);
    }
    for notice in extra.notices.iter().take(NOTICE_COUNT_MAX) {
        // Names of tables may hold what no header can.
        let plain: String =
            notice.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect();
        if let Ok(notice) = HeaderValue::from_str(&plain) {
            headers.append(NOTICE, notice);
        }
    }
}

/// Says that an earlier request has written what this one brought.
pub(crate) fn add_replayed(response: &mut Response) {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
}

/// A document in JSON.
pub(crate) fn json(document: &impl Serialize) -> Response {
    // Our documents have texts for keys, and numbers that are finite.
    let body = serde_json::to_vec(document).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}
