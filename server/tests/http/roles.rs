//! Which role may do what: every route and every kind of statement, for reader, writer and admin.

use super::common::Place;
use super::request::Request;
use super::server::Server;

const ROLES: [&str; 3] = ["reader", "writer", "admin"];

/// A database with a table, and a token of each role.
fn place_with_tokens() -> (Place, [String; 3]) {
    let place = Place::with_salaries();
    place.annals("compact -d db").ok();
    let tokens = ROLES.map(|role| {
        let made = place.annals(&format!("token create -d db --role {role} --name the-{role}"));
        made.ok().trim().to_owned()
    });
    (place, tokens)
}

/// The request is refused for every role below the lowest that may, and for no other.
#[track_caller]
fn check(server: &Server, tokens: &[String; 3], request: &Request, lowest: &str) {
    let lowest = ROLES.iter().position(|role| *role == lowest).unwrap();
    for (at, token) in tokens.iter().enumerate() {
        let reply = server.ask(&request.clone().token(token));
        if at < lowest {
            reply.check_problem(
                403,
                "forbidden",
                &format!("`the-{}` is a {}", ROLES[at], ROLES[at]),
            );
            assert!(reply.text().contains(ROLES[lowest]), "{}", reply.text());
        } else {
            // The first who may does it; for others it may be done already.
            let is_done = at > lowest || reply.status() == 200;
            assert!(
                is_done && ![401, 403].contains(&reply.status()),
                "{request:?}: {}",
                reply.text()
            );
        }
    }
}

#[test]
fn every_route_has_its_lowest_role() {
    let (place, tokens) = place_with_tokens();
    let server = Server::start(&place, "");
    let rows = Request::new("POST", "/v1/tables/salaries/rows");
    let rows = rows.body("application/x-ndjson", "{\"name\": \"cy\", \"salary\": 1}\n");
    check(&server, &tokens, &Request::get("/metrics"), "reader");
    check(&server, &tokens, &Request::get("/v1/tables"), "reader");
    check(&server, &tokens, &Request::get("/v1/tables/salaries"), "reader");
    check(&server, &tokens, &Request::get("/v1/tables/salaries/partitions"), "reader");
    check(&server, &tokens, &rows, "writer");
    let partition = "/v1/tables/salaries/partitions/2024-04";
    let post = |what: &str| Request::new("POST", &format!("{partition}/{what}"));
    let folder = serde_json::json!({"to": place.path("archive")});
    let archive = Request::post(&format!("{partition}/archive"), &folder);
    check(&server, &tokens, &post("detach?dry_run=true"), "admin");
    check(&server, &tokens, &post("detach"), "admin");
    check(&server, &tokens, &post("attach"), "admin");
    check(&server, &tokens, &archive, "admin");
    check(&server, &tokens, &post("attach"), "admin");
    check(&server, &tokens, &Request::new("DELETE", &format!("{partition}?dry_run=true")), "admin");
    check(&server, &tokens, &Request::new("DELETE", partition), "admin");
    server.stop();
}

#[test]
fn every_kind_of_statement_has_its_lowest_role() {
    let (place, tokens) = place_with_tokens();
    let server = Server::start(&place, "");
    let statements = [
        ("SELECT * FROM salaries", "reader"),
        ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", "reader"),
        ("VALUES (1)", "reader"),
        ("EXPLAIN SELECT * FROM salaries", "reader"),
        ("EXPLAIN ANALYZE SELECT * FROM salaries", "reader"),
        ("DESCRIBE salaries", "reader"),
        ("SHOW TABLES", "reader"),
        ("SELECT * FROM annals.audit", "reader"),
        ("SELECT * FROM changes('salaries', '2024-01-31', now())", "reader"),
        ("CREATE TEMPORARY VIEW v AS SELECT 1 AS a; SELECT a FROM v", "reader"),
        ("INSERT INTO salaries VALUES ('dan', 1)", "writer"),
        ("INSERT INTO salaries SELECT 'eve', 1", "writer"),
        ("UPSERT INTO salaries VALUES ('dan', 2)", "writer"),
        ("UPDATE salaries SET salary = 3 WHERE name = 'dan'", "writer"),
        ("DELETE FROM salaries WHERE name = 'dan'", "writer"),
        ("ASSERT 1 = 1, 'always'", "writer"),
        ("BEGIN; COMMIT", "writer"),
        ("BEGIN; ROLLBACK", "writer"),
        ("BEGIN; UPSERT INTO salaries VALUES ('dan', 4); COMMIT", "writer"),
        ("UPSERT INTO salaries VALUES ('dan', 5); SELECT * FROM salaries", "writer"),
        ("CREATE TABLE u (k BIGINT, v TEXT, PRIMARY KEY (k))", "admin"),
        ("CREATE EVENT TABLE e (v BIGINT)", "admin"),
        ("CREATE INDEX i ON salaries (salary)", "admin"),
        ("DROP INDEX i", "admin"),
        ("ALTER TABLE salaries ADD COLUMN grade TEXT", "admin"),
        ("ALTER TABLE salaries DROP COLUMN grade", "admin"),
        ("ALTER TABLE salaries RETAIN '90 years' THEN DETACH", "admin"),
        ("ALTER TABLE salaries RETAIN FOREVER", "admin"),
        ("ALTER TABLE salaries PLACE HOLD 'h'", "admin"),
        ("ALTER TABLE salaries RELEASE HOLD 'h'", "admin"),
        ("ALTER TABLE salaries DETACH PARTITION '2024-04' DRY RUN", "admin"),
        ("ALTER TABLE salaries DETACH PARTITION '2024-04'", "admin"),
        ("ALTER TABLE salaries ATTACH PARTITION '2024-04'", "admin"),
        ("ALTER TABLE salaries DROP PARTITION '2024-04'", "admin"),
        ("ERASE FROM salaries WHERE name = 'dan'", "admin"),
        ("ERASE FROM annals.statements WHERE row_count < 0", "admin"),
    ];
    for (sql, lowest) in statements {
        check(&server, &tokens, &Request::sql(sql), lowest);
    }
    let admin = |sql: &str| server.ask(&Request::sql(sql).token(&tokens[2])).rows();
    assert_eq!(admin("SELECT count(*) FROM salaries WHERE name IN ('dan', 'eve')"), "[[1]]");
    server.stop();
}

#[test]
fn what_is_refused_has_not_run_and_what_ran_has_a_name() {
    let (place, tokens) = place_with_tokens();
    let server = Server::start(&place, "");
    let as_role = |role: usize, sql: &str| server.ask(&Request::sql(sql).token(&tokens[role]));
    let count = "SELECT count(*) FROM salaries WHERE name = 'dan'";
    as_role(0, "UPSERT INTO salaries VALUES ('dan', 1)").check_problem(403, "forbidden", "UPSERT");
    let both = "CREATE TEMPORARY VIEW v AS SELECT 1 AS a; UPSERT INTO salaries VALUES ('dan', 1)";
    as_role(0, both).check_problem(403, "forbidden", "UPSERT");
    assert_eq!(as_role(0, count).rows(), "[[0]]");
    as_role(1, "UPSERT INTO salaries VALUES ('dan', 1)").ok();
    assert_eq!(as_role(0, count).rows(), "[[1]]");
    let who = r#"SELECT "by", outcome FROM annals.audit WHERE statement LIKE '%UPSERT%' AND statement NOT LIKE '%audit%' ORDER BY at"#;
    super::server::wait_until("the record", || {
        as_role(0, who).rows()
            == r#"[["the-reader","forbidden"],["the-reader","forbidden"],["the-writer","ok"]]"#
    });
    as_role(1, "DELETE FROM annals.statements").check_problem(400, "invalid_statement", "");
    as_role(2, "DELETE FROM annals.statements").check_problem(400, "invalid_statement", "");
    server.stop();
}

#[test]
fn whoever_has_no_token_learns_whether_it_lives_and_nothing_more() {
    let (place, _) = place_with_tokens();
    let server = Server::start(&place, "");
    for open in ["/healthz", "/readyz", "/v1/openapi.json"] {
        server.ask(&Request::get(open)).ok();
    }
    for closed in ["/metrics", "/v1/tables", "/v1/tables/salaries", "/v1/tables/none"] {
        let refused = server.ask(&Request::get(closed));
        refused.check_problem(401, "unauthenticated", "a token is needed");
        assert_eq!(refused.head.one("www-authenticate"), "Bearer");
    }
    server.sql("SELECT 1").check_problem(401, "unauthenticated", "a token is needed");
    server.sql("not even SQL").check_problem(401, "unauthenticated", "a token is needed");
    server.stop();
}
