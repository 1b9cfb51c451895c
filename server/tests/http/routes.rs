//! Every route that the description names is there, with the methods that it names and no others; what is no route is a problem too.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::common::Place;
use super::request::Request;
use super::server::Server;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

fn names_of(allow: &str) -> BTreeSet<String> {
    allow.split(',').map(|name| name.trim().to_owned()).collect()
}

/// The methods that a route of the description takes.
fn described(item: &Value) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        item.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
    if names.contains("GET") {
        names.insert("HEAD".to_owned());
    }
    names
}

#[test]
fn a_route_takes_the_methods_of_the_description_and_no_others() {
    let place = Place::with_salaries();
    let server = Server::start(&place, "");
    let api = server.ask(&Request::get("/v1/openapi.json")).ok().json();
    let paths = api["paths"].as_object().unwrap();
    assert!(paths.len() >= 12, "{api}");
    for (path, item) in paths {
        let path = path.replace("{table}", "salaries").replace("{partition}", "1901-01");
        let taken = described(item);
        for method in METHODS {
            let reply = server.ask(&Request::new(method, &path));
            if taken.contains(method) {
                assert_ne!(reply.status(), 405, "{method} {path}");
                assert!(!reply.text().contains("there is no route"), "{method} {path}");
                continue;
            }
            assert_eq!(names_of(reply.head.one("allow")), taken, "{method} {path}");
            if method == "HEAD" {
                assert_eq!((reply.status(), reply.text()), (405, ""), "{path}");
                continue;
            }
            let expect = format!("`{path}` does not take {method}");
            reply.check_problem(405, "method_not_allowed", &expect);
        }
    }
    server.stop();
}

#[test]
fn what_is_no_route_or_no_table_is_not_found() {
    let place = Place::with_salaries();
    let server = Server::start(&place, "");
    let check = |method: &str, path: &str, words: &str| {
        server.ask(&Request::new(method, path)).check_problem(404, "not_found", words);
    };
    for path in ["/", "/v1", "/v2/sql", "/v1/sql/", "/v1//tables", "/v1/tables/", "/healthz/x"] {
        check("GET", path, &format!("there is no route `{path}`"));
        check("POST", path, &format!("there is no route `{path}`"));
    }
    check("GET", "/v1/tables/salarys", "did you mean `salaries`?");
    check("GET", "/v1/tables/a%2Fb", "there is no table `a/b`");
    check("GET", "/v1/tables/%ff", "UTF-8");
    check("GET", "/v1/tables/salarys/partitions", "there is no table `salarys`");
    check("POST", "/v1/tables/salarys/rows", "there is no table `salarys`");
    let partition = "/v1/tables/salaries/partitions";
    let none = |name: &str| format!("table `salaries` has no partition `{name}`");
    for name in ["1901-01", "April", "2024-4", "2024-04-01"] {
        check("DELETE", &format!("{partition}/{name}"), &none(name));
        check("DELETE", &format!("{partition}/{name}?dry_run=true"), &none(name));
        check("POST", &format!("{partition}/{name}/detach"), &none(name));
        check("POST", &format!("{partition}/{name}/attach"), &none(name));
    }
    server.stop();
}

#[test]
fn the_catalogue_tells_of_tables_and_columns() {
    let place = Place::with_salaries();
    let server = Server::start(&place, "");
    server.run("CREATE EVENT TABLE payments (account TEXT, cents BIGINT NOT NULL) PARTITION BY DAY RETAIN '2 years'");
    server.wait_for_rows(
        "SELECT count(*) > 0 FROM annals.audit WHERE action = 'statement'",
        "[[true]]",
    );
    let tables = server.ask(&Request::get("/v1/tables")).ok().json();
    let tables = tables["tables"].as_array().unwrap();
    let names: Vec<_> = tables.iter().map(|table| &table["name"]).collect();
    assert_eq!(names, ["salaries", "payments"], "system tables are not among them");
    for table in tables {
        let path = format!("/v1/tables/{}", table["name"].as_str().unwrap());
        assert_eq!(server.ask(&Request::get(&path)).ok().json(), *table);
    }
    let mut salaries = tables[0].clone();
    for counted in ["row_count", "bytes"] {
        assert!(salaries[counted].take().as_u64().unwrap() > 0, "{counted}: {tables:?}");
    }
    let column = |name: &str, of: &str, is_nullable: bool| json!({"name": name, "type": of, "is_nullable": is_nullable});
    let columns = [column("name", "TEXT", false), column("salary", "BIGINT", true)];
    let expect = json!({"name": "salaries", "is_event": false, "key": ["name"], "partition_width": "MONTH",
        "columns": columns, "row_count": null, "bytes": null});
    assert_eq!(salaries, expect);
    let columns = [column("account", "TEXT", true), column("cents", "BIGINT", false)];
    let expect = json!({"name": "payments", "is_event": true, "key": [], "partition_width": "DAY",
        "retention": tables[1]["retention"], "columns": columns, "row_count": 0, "bytes": 0});
    assert_eq!(tables[1], expect);
    assert!(tables[1]["retention"].as_str().unwrap().contains("2 year"), "{}", tables[1]);
    server.stop();
}

#[test]
fn every_answer_has_an_id_and_is_not_kept_by_caches() {
    let place = Place::new();
    let server = Server::start(&place, "--log-level debug");
    let mut ids = BTreeSet::new();
    for request in [
        Request::get("/healthz"),
        Request::get("/readyz"),
        Request::get("/metrics"),
        Request::get("/v1/tables"),
        Request::get("/none"),
        Request::get("/v1/sql"),
        Request::sql("SELECT 1"),
        Request::sql("SELEC"),
    ] {
        let reply = server.ask(&request);
        assert_eq!(reply.head.one("cache-control"), "no-store", "{request:?}");
        assert_eq!(reply.head.one("x-content-type-options"), "nosniff", "{request:?}");
        assert!(ids.insert(reply.head.one("x-request-id").to_owned()), "{request:?}");
        let mine = server.ask(&request.header("x-request-id", "mine-7"));
        assert_eq!(mine.head.one("x-request-id"), "mine-7");
    }
    for id in ids {
        server.wait_for_line(&id);
    }
    let sql = "SELECT statement, outcome FROM annals.audit WHERE request_id = 'mine-7' ORDER BY at";
    server.wait_for_rows(sql, r#"[["SELECT ?","ok"],["SELEC","invalid_statement"]]"#);
    server.stop();
}

#[test]
fn health_readiness_and_metrics_are_texts() {
    let place = Place::with_salaries();
    let server = Server::start(&place, "");
    assert_eq!(server.ask(&Request::get("/healthz")).ok().text(), "alive\n");
    assert_eq!(server.ask(&Request::get("/readyz")).ok().text(), "ready\n");
    let head = server.ask(&Request::new("HEAD", "/healthz")).ok();
    assert_eq!((head.head.one("content-length"), head.text()), ("6", ""));
    let mut metrics = server.connect();
    let plain = metrics.ask(&Request::get("/metrics")).unwrap().ok();
    assert!(plain.head.one("content-type").starts_with("text/plain; version=0.0.4"));
    let open = metrics.ask(&Request::get("/metrics").accept("application/openmetrics-text"));
    let open = open.unwrap().ok();
    assert!(open.head.one("content-type").starts_with("application/openmetrics-text"));
    assert!(open.text().ends_with("# EOF\n"), "{}", open.text());
    for sample in [
        "annals_table_rows{table=\"salaries\"} ",
        "annals_http_requests_total{route=\"/metrics\",method=\"GET\",status=\"200\"} 1",
        "annals_http_request_duration_seconds_count{route=\"/metrics\"} 1",
        "annals_running 0",
        "annals_connections ",
    ] {
        assert!(open.text().contains(sample), "{sample}: {}", open.text());
    }
    server.stop();
}
