//! Tokens while a server runs: made, revoked, expired, malformed; and nobody ever reads one where it does not belong.

use super::common::Place;
use super::request::Request;
use super::server::{Server, wait_until};

const ASK: &str = "SELECT 1 AS one";

fn create(place: &Place, name: &str) -> String {
    let made = place.annals(&format!("token create -d db --role reader --name {name}"));
    made.ok().trim().to_owned()
}

fn status(server: &Server, token: &str) -> u16 {
    server.ask(&Request::sql(ASK).token(token)).status()
}

#[test]
fn a_running_server_follows_the_file() {
    let place = Place::new();
    let first = create(&place, "first");
    let server = Server::start(&place, "");
    assert_eq!(status(&server, &first), 200);
    let second = create(&place, "second");
    wait_until("the new token is taken", || status(&server, &second) == 200);
    place.annals("token revoke -d db first").ok();
    wait_until("the revoked token is refused", || status(&server, &first) == 401);
    assert_eq!(status(&server, &second), 200);
    place.annals("token revoke -d db second").ok();
    wait_until("nobody is let in", || status(&server, &second) == 401);
    std::fs::remove_file(place.path("db/server/tokens.toml")).unwrap();
    let third = create(&place, "third");
    wait_until("the token of a new file is taken", || status(&server, &third) == 200);
    server.sql(ASK).check_problem(401, "unauthenticated", "a token is needed");
    server.stop();
}

#[test]
fn the_first_token_closes_the_door_of_a_running_server() {
    let place = Place::new();
    let server = Server::start(&place, "");
    assert_eq!(server.sql(ASK).status(), 200);
    let token = create(&place, "first");
    wait_until("a token is asked for", || server.sql(ASK).status() == 401);
    assert_eq!(status(&server, &token), 200);
    server.stop();
}

#[test]
fn a_file_that_makes_no_sense_leaves_the_tokens_as_they_were() {
    let place = Place::new();
    let token = create(&place, "first");
    let server = Server::start(&place, "").expect_error("tokens stay as they were");
    place.write("db/server/tokens.toml", "[[token]]\nname = 7\n");
    wait_until("the log tells of it", || {
        assert_eq!(status(&server, &token), 200);
        server.log().contains("tokens stay as they were")
    });
    assert_eq!(status(&server, &token), 200);
    server.stop();
}

#[test]
fn what_is_no_token_lets_nobody_in() {
    let place = Place::new();
    let token = create(&place, "first");
    let expired = create(&place, "expired");
    let kept = place.read("db/server/tokens.toml");
    let (before, after) = kept.split_once("name = \"expired\"").unwrap();
    let expires = "expires = \"2020-01-01T00:00:00Z\"\n";
    place.write("db/server/tokens.toml", format!("{before}name = \"expired\"{after}{expires}"));
    let server = Server::start(&place, "");
    let check = |header: &str, words: &str| {
        let refused = server.ask(&Request::sql(ASK).header("authorization", header));
        refused.check_problem(401, "unauthenticated", words);
        assert_eq!(refused.head.one("www-authenticate"), "Bearer");
    };
    let malformed = "is not `Bearer` and a token";
    for header in
        ["", "Bearer", "Bearer ", &token, "Basic dXNlcjpwYXNz", "Bearer a b", "Bearer \u{e9}"]
    {
        check(header, malformed);
    }
    check("Bearer annals_0000000000000000000000000000000000000000000", "no such token");
    check(&format!("Bearer {}", &token[..token.len() - 1]), "no such token");
    check(&format!("Bearer {token}x"), "no such token");
    check(&format!("Bearer {}", token.to_uppercase()), "no such token");
    check(&format!("Bearer {expired}"), "the token has expired");
    for header in
        [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER   {token}")]
    {
        assert_eq!(server.ask(&Request::sql(ASK).header("authorization", &header)).status(), 200);
    }
    server.stop();
}

#[test]
fn a_token_is_nowhere_but_with_its_bearer() {
    let place = Place::new();
    let token = create(&place, "first");
    let mistaken = token.replace("annals_", "annals_x");
    let server = Server::start(&place, "--log-level trace");
    for with in [&token, &mistaken] {
        server.ask(&Request::sql(ASK).token(with));
        server.ask(&Request::sql(&format!("SELECT '{with}'")).token(with));
        server.ask(&Request::get("/v1/none").token(with));
        server.ask(&Request::sql("SELEC").token(with));
    }
    let secret = &token["annals_".len()..];
    let record = format!("SELECT count(*) FROM annals.audit WHERE statement LIKE '%{secret}%'");
    let asked = |sql: &str| server.ask(&Request::sql(sql).token(&token)).rows();
    wait_until("the record", || asked("SELECT count(*) >= 2 FROM annals.audit") == "[[true]]");
    assert_eq!(asked(&record), "[[0]]");
    let metrics = server.ask(&Request::get("/metrics").token(&token)).ok();
    assert!(!metrics.text().contains(secret));
    server.wait_for_line("answered");
    let log = server.log();
    assert!(log.contains("answered") && !log.contains(secret), "{log}");
    server.stop();
}
