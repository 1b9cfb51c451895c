//! Read your own writes, and repeat a read: the instants that a request names, and the one that every answer tells.

use serde_json::{Value, json};

use super::common::Place;
use super::request::{Reply, Request};
use super::server::Server;

const SALARIES: &str = "SELECT name, salary FROM salaries ORDER BY name";

fn ask(server: &Server, sql: &str, instants: &[(&str, &str)]) -> Reply {
    let mut body = json!({"sql": sql});
    for (name, value) in instants {
        body[*name] = Value::from(*value);
    }
    server.ask(&Request::post("/v1/sql", &body))
}

#[test]
fn tables_without_a_clause_are_read_at_the_instants_of_the_request() {
    let place = Place::with_salaries();
    let server = Server::start(&place, "");
    let check = |sql: &str, instants: &[(&str, &str)], expect: &str| {
        assert_eq!(ask(&server, sql, instants).rows(), expect, "{sql} at {instants:?}");
    };
    let (valid, system) = ("valid_time", "system_time");
    check(SALARIES, &[], r#"[["ada",4600]]"#);
    check(SALARIES, &[(valid, "2024-02-01T00:00:00Z")], r#"[["ada",4200],["ben",3900]]"#);
    check(
        SALARIES,
        &[(valid, "2024-04-01"), (system, "2024-02-01")],
        r#"[["ada",4200],["ben",3900]]"#,
    );
    check(SALARIES, &[(system, "2024-01-01")], "[]");
    check(SALARIES, &[(valid, "2024-02-01T01:00:00+01:00")], r#"[["ada",4200],["ben",3900]]"#);
    let clause = "SELECT salary FROM salaries FOR VALID_TIME AS OF '2024-04-01' WHERE name = 'ada'";
    check(clause, &[(valid, "2024-02-01")], "[[4600]]");
    check("EXPLAIN SELECT 1", &[(valid, "2024-02-01")][..0], &server.rows("EXPLAIN SELECT 1"));
    server.stop();
}

#[test]
fn an_instant_that_is_none_or_is_for_a_change_is_refused() {
    let place = Place::with_salaries();
    let server = Server::start(&place, "");
    let check = |sql: &str, name: &str, value: &str, words: &str| {
        ask(&server, sql, &[(name, value)]).check_problem(400, "invalid_request", words);
    };
    for name in ["valid_time", "system_time"] {
        for value in ["", "soon", "2024-13-01", "2024-02-30", "10000-01-01", "2024"] {
            check(SALARIES, name, value, &format!("`{name}`: "));
        }
        check("DELETE FROM salaries", name, "2024-02-01", "are for queries");
        check(
            "UPSERT INTO salaries VALUES ('cy', 1); SELECT 1",
            name,
            "2024-02-01",
            "are for queries",
        );
    }
    let number = Request::post("/v1/sql", &json!({"sql": "SELECT 1", "valid_time": 7}));
    server.ask(&number).check_problem(400, "invalid_request", "expected a string");
    assert_eq!(server.rows(SALARIES), r#"[["ada",4600]]"#);
    server.stop();
}

#[test]
fn a_write_is_read_and_a_read_is_repeated_for_ever() {
    let place = Place::with_salaries();
    let server = Server::start(&place, "--engine-memtable-bytes 65536");
    let sql = "SELECT name, salary FROM salaries FOR VALID_TIME AS OF '2024-05-01' ORDER BY name";
    let mut answers: Vec<(String, Vec<u8>)> = Vec::new();
    for salary in 0..20 {
        let change = format!(
            "UPSERT INTO salaries (name, salary, _valid_from) VALUES ('ada', {salary}, '2024-01-01')"
        );
        let written = server.sql(&change).ok();
        let reply = server.sql(sql).ok();
        let at = reply.head.one("x-annals-system-time").to_owned();
        assert!(at.as_str() >= written.head.one("x-annals-system-time"), "own writes are read");
        assert_eq!(reply.json()["rows"][0], json!(["ada", salary]));
        assert_eq!(reply.json()["system_time"], at);
        let own = ask(&server, sql, &[("system_time", written.head.one("x-annals-system-time"))]);
        assert_eq!(own.json()["rows"], reply.json()["rows"]);
        answers.push((at, reply.body));
    }
    let check = |server: &Server| {
        for (at, body) in &answers {
            let again = ask(server, sql, &[("system_time", at)]).ok();
            assert_eq!(again.head.one("x-annals-system-time"), at);
            assert_eq!(again.body, *body, "as of {at}");
        }
    };
    check(&server);
    server.stop();
    place.annals("compact -d db").ok();
    let server = Server::start(&place, "");
    check(&server);
    server.stop();
}

#[test]
fn what_an_answer_leaves_out_is_told_in_it() {
    let place = Place::with_salaries();
    place.annals("detach -d db --table salaries 2024-04").ok();
    let server = Server::start(&place, "");
    let sql = "SELECT name FROM salaries FOR ALL VALID_TIME FOR ALL SYSTEM_TIME";
    let reply = server.sql(sql).ok();
    let notices = reply.json()["notices"].clone();
    let notice = notices[0].as_str().unwrap();
    assert!(notice.contains("2024-04") && notices[1].is_null(), "{notices}");
    assert_eq!(reply.head.one("x-annals-notice"), notice);
    for form in ["text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream"] {
        let reply = server.ask(&Request::sql(sql).accept(form)).ok();
        assert_eq!(reply.head.one("x-annals-notice"), notice, "{form}");
    }
    let whole = server.sql(SALARIES).ok();
    assert!(whole.head.all("x-annals-notice").is_empty() && whole.json()["notices"].is_null());
    let missing =
        ask(&server, SALARIES, &[("valid_time", "2024-04-02"), ("system_time", "2024-04-02")]);
    missing.check_problem(410, "partition_missing", "2024-04");
    server.stop();
}
