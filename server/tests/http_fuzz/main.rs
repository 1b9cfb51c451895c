//! What the server says of itself is true: requests made from its own description, right and wrong ones, are answered as it says, and
//! never by an error of the server.
//!
//! schemathesis reads `/v1/openapi.json`, makes requests of it from a seed, also such as follow from earlier answers, and compares status,
//! headers and bodies with the description. `scripts/install-schemathesis` installs it, `ANNALS_SCHEMATHESIS` names it if it is
//! elsewhere; where it is missing the test says so and shows nothing. `ANNALS_RUNS` is how many requests are made for each route,
//! `ANNALS_SEED` from which seed.

#[path = "../common/mod.rs"]
mod common;

#[path = "../http/client.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod client;
#[path = "../http/request.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod request;
#[path = "../http/server.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod server;

use std::path::Path;
use std::process::Command;

use common::Place;
use request::Request;
use server::Server;

/// The program, if it is installed.
fn schemathesis() -> Option<String> {
    let named = std::env::var("ANNALS_SCHEMATHESIS").ok();
    let is_named = named.is_some();
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz/bin/schemathesis");
    let program = named.unwrap_or_else(|| installed.display().to_string());
    match Command::new(&program).arg("--version").output() {
        Ok(output) if output.status.success() => Some(program),
        other if is_named => panic!("ANNALS_SCHEMATHESIS: {program}: {other:?}"),
        _ => None,
    }
}

/// A server with a token, salaries and visits, and the token.
fn start(place: &Place) -> (Server, String) {
    let token = place.annals("token create -d db --role admin --name fuzz").ok().trim().to_owned();
    let archive = place.path("archive");
    std::fs::create_dir(&archive).unwrap();
    let server = Server::start(place, &format!("--archive-root {}", archive.display()));
    let make = Request::sql("CREATE EVENT TABLE visits (who TEXT, pages SMALLINT DEFAULT 1)");
    server.ask(&make.token(&token)).ok();
    (server, token)
}

/// How many answers had a status that begins so, on any route.
fn answer_count(metrics: &str, status: &str) -> u64 {
    let of_status = format!("status=\"{status}");
    let lines = metrics.lines().filter(|line| line.starts_with("annals_http_requests_total"));
    let lines = lines.filter(|line| line.contains(&of_status));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn requests_made_from_the_description_are_answered_as_it_says() {
    let Some(program) = schemathesis() else {
        println!("skipped: schemathesis is missing (scripts/install-schemathesis)");
        return;
    };
    let number = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let (count, seed) = (number("ANNALS_RUNS", "60"), number("ANNALS_SEED", "1"));
    let place = Place::with_salaries();
    let (server, token) = start(&place);
    let archive = place.path("archive").display().to_string();
    place.write("fuzz.toml", include_str!("schemathesis.toml").replace("ARCHIVE", &archive));
    let output = Command::new(program)
        .args(["--config-file", "fuzz.toml", "run"])
        .arg(format!("http://{}/v1/openapi.json", server.at))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--seed", &seed, "--max-examples", &count, "--continue-on-failure", "--no-color"])
        // Those are about how quickly requests are made, not about the server.
        .args(["--suppress-health-check", "all", "--request-timeout", "60"])
        .current_dir(place.path("."))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{told}");
    let metrics = server.ask(&Request::get("/metrics").token(&token));
    let [well, refused, failed] = ["2", "4", "5"].map(|of| answer_count(metrics.text(), of));
    println!("{well} requests went well, {refused} were refused");
    assert_eq!(failed, 0);
    assert!(well > 100 && refused > 100, "{}", metrics.text());
    server.stop();
    let verified = place.annals("verify -d db").ok();
    assert!(verified.starts_with("ok: "), "{verified}");
}
