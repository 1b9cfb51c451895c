//! The life of partitions over HTTP: listed, previewed, detached, archived, attached, dropped, each on record.

use serde_json::{Value, json};

use super::common::Place;
use super::request::{Reply, Request};
use super::server::Server;

const ALL: &str = "SELECT name, salary, _valid_from, _valid_to, _system_from, _system_to
    FROM salaries FOR ALL VALID_TIME FOR ALL SYSTEM_TIME ORDER BY 1, 3, 5";
const APRIL: &str = "/v1/tables/salaries/partitions/2024-04";

fn list(server: &Server) -> Value {
    let path = "/v1/tables/salaries/partitions";
    server.ask(&Request::get(path)).ok().json()["partitions"].clone()
}

/// The state of April in the list.
fn state(server: &Server) -> String {
    let partitions = list(server);
    let april = partitions.as_array().unwrap().iter().find(|of| of["partition"] == "2024-04");
    april.map_or("none", |of| of["state"].as_str().unwrap()).to_owned()
}

fn post(server: &Server, what: &str, body: &Value) -> Reply {
    server.ask(&Request::post(&format!("{APRIL}/{what}"), body))
}

fn server_with_partitions(place: &Place, flags: &str) -> Server {
    place.annals("compact -d db").ok();
    Server::start(place, flags)
}

#[test]
fn partitions_are_listed_with_their_ranges() {
    let place = Place::with_salaries();
    let server = server_with_partitions(&place, "");
    let partitions = list(&server);
    let names: Vec<_> = partitions.as_array().unwrap().iter().map(|of| &of["partition"]).collect();
    assert_eq!(names, ["2024-02", "2024-04", "2024-12", "current"]);
    let mut april = partitions[1].clone();
    assert!(april["bytes"].take().as_u64().unwrap() > 0);
    assert!(april["location"].take().is_string());
    let expect = json!({"partition": "2024-04", "range_from": "2024-04-01T00:00:00Z", "range_to": "2024-05-01T00:00:00Z",
        "state": "live", "row_count": 1, "bytes": null, "location": null});
    assert_eq!(april, expect);
    assert_eq!(
        (&partitions[3]["range_from"], &partitions[3]["range_to"]),
        (&json!(null), &json!(null))
    );
    server.stop();
}

#[test]
fn a_preview_tells_what_would_leave_and_does_nothing() {
    let place = Place::with_salaries();
    let server = server_with_partitions(&place, "");
    let (before, listed) = (server.rows(ALL), list(&server));
    let detach = Request::new("POST", &format!("{APRIL}/detach?dry_run=true"));
    for request in [detach, Request::new("DELETE", &format!("{APRIL}?dry_run=true"))] {
        let would = server.ask(&request).ok().json();
        assert_eq!((&would["state"], &would["row_count"]), (&json!("live"), &json!(1)));
        assert_eq!(would["lost_before"], "2024-04-15T10:00:00.500000Z");
    }
    assert_eq!((server.rows(ALL), list(&server)), (before, listed));
    let wrong = Request::new("DELETE", &format!("{APRIL}?dry_run=yes"));
    server.ask(&wrong).check_problem(400, "invalid_request", "dry_run");
    let unknown = Request::new("DELETE", &format!("{APRIL}?dryrun=true"));
    server.ask(&unknown).check_problem(400, "invalid_request", "dryrun");
    assert_eq!(state(&server), "live");
    server.stop();
}

#[test]
fn a_partition_leaves_and_comes_back_and_all_of_it_is_on_record() {
    let place = Place::with_salaries();
    let server = server_with_partitions(&place, "");
    let before = server.rows(ALL);
    let folder = place.path("archive").join("april");
    let to = json!({"to": folder});

    let detached = post(&server, "detach", &json!(null));
    let detached = detached.ok().json();
    assert_eq!((&detached["table"], &detached["state"]), (&json!("salaries"), &json!("detached")));
    assert_eq!(state(&server), "detached");
    assert_ne!(server.rows(ALL), before);
    post(&server, "detach", &json!({})).check_problem(400, "invalid_request", "is detached to");
    assert_eq!(post(&server, "attach", &json!({})).ok().json()["state"], "live");
    assert_eq!(server.rows(ALL), before);

    let archived = post(&server, "archive", &to).ok().json();
    assert_eq!((&archived["state"], &archived["location"]), (&json!("archived"), &json!(folder)));
    assert!(folder.join("partition.json").exists());
    assert_eq!(state(&server), "archived");
    let moved = place.path("elsewhere");
    std::fs::rename(&folder, &moved).unwrap();
    let lost = post(&server, "attach", &json!({}));
    lost.check_problem(400, "invalid_request", "it has no partition.json");
    assert_eq!(post(&server, "attach", &json!({"from": moved})).ok().json()["state"], "live");
    assert_eq!(server.rows(ALL), before);

    let dropped = server.ask(&Request::new("DELETE", APRIL)).ok().json();
    assert_eq!((&dropped["state"], &dropped["location"]), (&json!("dropped"), &json!(null)));
    let again = post(&server, "attach", &json!({}));
    again.check_problem(400, "invalid_request", "2024-04");
    let actions =
        r#"SELECT action, object, "by" FROM annals.audit WHERE number IS NOT NULL ORDER BY number"#;
    let done = ["detach", "attach", "archive", "attach", "drop"];
    let done = done.map(|what| json!([format!("{what} partition"), "2024-04", "anonymous"]));
    assert_eq!(server.rows(actions), json!(done).to_string());
    let requests = "SELECT statement, outcome FROM annals.audit WHERE statement LIKE '%PARTITION%' AND request_id IS NOT NULL";
    let count = format!("SELECT count(*) FROM ({requests} AND outcome = 'ok')");
    server.wait_for_rows(&count, "[[5]]");
    let statement =
        format!("SELECT DISTINCT statement FROM ({requests}) WHERE statement LIKE 'DROP%'");
    assert_eq!(server.rows(&statement), r#"[["DROP PARTITION '2024-04' OF salaries"]]"#);
    server.stop();
}

#[test]
fn bodies_and_folders_that_make_no_sense_are_refused() {
    let place = Place::with_salaries();
    let server = server_with_partitions(&place, "");
    let check = |what: &str, body: &Value, words: &str| {
        post(&server, what, body).check_problem(400, "invalid_request", words);
        assert_eq!(state(&server), "live", "{what} {body}");
    };
    check("archive", &json!({}), "missing field `to`");
    check("archive", &json!({"to": 1}), "expected a string");
    check("archive", &json!({"to": "relative/folder"}), "not an absolute path");
    check("archive", &json!({"to": "/x", "from": "/y"}), "unknown field `from`");
    check("attach", &json!({"from": "relative"}), "not an absolute path");
    check("attach", &json!("x"), "the body is not as described");
    let empty = Request::new("POST", &format!("{APRIL}/archive"));
    server.ask(&empty).check_problem(400, "invalid_request", "it names a folder");
    server.stop();
}

#[test]
fn archives_lie_below_the_folder_that_is_theirs() {
    let place = Place::with_salaries();
    let root = place.path("archives");
    std::fs::create_dir(&root).unwrap();
    let flags = format!("--archive-root {}", root.display());
    let server = server_with_partitions(&place, &flags);
    let check = |to: std::path::PathBuf| {
        post(&server, "archive", &json!({"to": to})).check_problem(
            400,
            "invalid_request",
            "does not lie below",
        );
        post(&server, "attach", &json!({"from": to})).check_problem(
            400,
            "invalid_request",
            "does not lie below",
        );
        assert_eq!(state(&server), "live", "{to:?}");
    };
    check(root.clone());
    check(place.path("elsewhere"));
    check(place.path("archives-too").join("april"));
    check(root.join("../elsewhere"));
    check(root.join("a/../../elsewhere"));
    post(&server, "archive", &json!({"to": root.join("april")})).ok();
    assert_eq!(state(&server), "archived");
    post(&server, "attach", &json!({"from": root.join("april")})).ok();
    assert_eq!(state(&server), "live");
    server.stop();
}

#[test]
fn a_hold_keeps_a_partition_from_being_dropped() {
    let place = Place::with_salaries();
    let server = server_with_partitions(&place, "");
    server.run("ALTER TABLE salaries PLACE HOLD 'case 7'");
    server.ask(&Request::new("DELETE", APRIL)).check_problem(409, "held", "case 7");
    assert_eq!(state(&server), "live");
    server.run("ALTER TABLE salaries RELEASE HOLD 'case 7'");
    server.ask(&Request::new("DELETE", APRIL)).ok();
    server.stop();
}
