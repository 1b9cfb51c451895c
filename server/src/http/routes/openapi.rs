//! `GET /v1/openapi.json`: the description of the API.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;

use crate::http::router;

/// The description of the API in OpenAPI 3.1.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "operation", responses(
    (status = 200, description = "This document", body = Object, content_type = "application/json"),
), security(()))]
pub(crate) async fn openapi() -> impl IntoResponse {
    // A document of texts and numbers is always JSON.
    static TEXT: LazyLock<String> =
        LazyLock::new(|| router::description().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}
