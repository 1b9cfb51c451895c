//! Which request is answered by what, and the description of all of it, made from the same place.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::identify;
use super::description;
use super::observe::observe;
use super::problem::{Code, Problem};
use super::routes::{health, openapi, partitions, rows, sql, tables};
use super::state::App;

/// The routes.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let (open, protected) = described();
    let identify = from_fn_with_state(app.clone(), identify);
    let (router, _) = open.merge(protected.route_layer(identify)).split_for_parts();
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
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
        .routes(routes!(health::readyz))
        .routes(routes!(openapi::openapi));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::auth::Tokens;
    use crate::config::Config;
    use crate::http::audit::Audit;

    fn server() -> (tempfile::TempDir, Router) {
        let dir = tempfile::tempdir().expect("a folder");
        let database = annals_engine::Database::open(dir.path(), Default::default());
        let database = database.expect("a database");
        let sql = annals_query::Sql::new(database, Default::default()).expect("a language");
        let config = Config::of_dir(dir.path(), false);
        let tokens = Tokens::open(&config.server.tokens_file).expect("no tokens").into();
        let app = App::new(sql, config, tokens, Audit::nothing());
        (dir, routes(app.into()))
    }

    /// Method, path, operation.
    fn operations() -> Vec<(String, String, Value)> {
        let api = serde_json::to_value(description()).expect("JSON");
        let paths = api["paths"].as_object().expect("paths").clone();
        let of_path = |(path, item): (String, Value)| {
            let operations = item.as_object().expect("operations").clone().into_iter();
            operations.map(move |(method, operation)| (method, path.clone(), operation))
        };
        paths.into_iter().flat_map(of_path).collect()
    }

    #[tokio::test]
    async fn what_is_described_is_there() {
        let (_dir, router) = server();
        for (method, path, _) in operations() {
            let uri = path.replace("{table}", "t").replace("{partition}", "2024-01");
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(uri);
            let request = request.header("host", "localhost").body(Body::empty());
            let response = router.clone().oneshot(request.expect("a request")).await;
            let response = response.expect("an answer");
            let code = response.extensions().get::<Code>().copied();
            assert_ne!(code, Some(Code::MethodNotAllowed), "{method} {path}");
            let body = http_body_util::BodyExt::collect(response.into_body()).await.expect("whole");
            let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            assert!(!text.contains("there is no route"), "{method} {path}: {text}");
        }
    }

    #[test]
    fn every_operation_is_described_whole() {
        let operations = operations();
        let ids: BTreeSet<&str> =
            operations.iter().filter_map(|(_, _, of)| of["operationId"].as_str()).collect();
        assert_eq!(ids.len(), operations.len(), "each has an id of its own");
        for (method, path, operation) in &operations {
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.contains_key("200"), "{method} {path} can go well");
            assert!(operation["summary"].is_string(), "{method} {path} says what it does");
            for code in Code::ALL {
                let status = code.status().as_str().to_owned();
                let description = responses[&status]["description"].as_str().expect("a text");
                assert!(description.contains(code.text()), "{method} {path} tells {code:?}");
            }
        }
    }

    #[tokio::test]
    async fn the_description_is_answered_to_everybody() {
        let (_dir, router) = server();
        let request = Request::get("/v1/openapi.json").body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
    }
}
