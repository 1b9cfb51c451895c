//! Which request is answered by what, and the description of all of it, made from the same place.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::identify;
use super::description;
use super::observe::observe;
use super::problem::{Code, Problem};
use super::routes::{health, partitions, rows, sql, tables};
use super::state::App;

/// The routes, and their description.
pub(crate) fn routes(app: Arc<App>) -> (Router, OpenApi) {
    let (open, protected) = described();
    let identify = from_fn_with_state(app.clone(), identify);
    let (router, mut api) = open.merge(protected.route_layer(identify)).split_for_parts();
    description::complete(&mut api);
    let text: Arc<str> = api.to_json().unwrap_or_default().into();
    let description = get(move || {
        let text = text.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()) }
    });
    let router = router
        .route(description::PATH, description)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app);
    (router, api)
}

/// The description of all routes.
pub(crate) fn description() -> OpenApi {
    let (open, protected) = described();
    let mut api = open.merge(protected).into_openapi();
    description::complete(&mut api);
    api
}

/// The routes that are open to everybody, and those that are not.
fn described() -> (OpenApiRouter<Arc<App>>, OpenApiRouter<Arc<App>>) {
    let open = OpenApiRouter::with_openapi(description::base())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz));
    let protected = OpenApiRouter::new()
        .routes(routes!(health::metrics))
        .routes(routes!(sql::sql))
        .routes(routes!(rows::ingest))
        .routes(routes!(tables::list))
        .routes(routes!(tables::one))
        .routes(routes!(partitions::list))
        .routes(routes!(partitions::detach))
        .routes(routes!(partitions::attach))
        .routes(routes!(partitions::archive))
        .routes(routes!(partitions::remove));
    (open, protected)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(Code::NotFound, format!("there is no route `{}`", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("`{}` does not take {method}", uri.path());
    Problem::new(Code::MethodNotAllowed, detail)
}
