//! `annals serve` before it serves: its settings as they come out, and what it refuses to start with.

mod common;

use std::fs;

use common::{Outcome, Place};
use rcgen::generate_simple_self_signed;

/// `annals serve --check` of a database that is not there yet.
fn check(place: &Place, arguments: &str) -> Outcome {
    place.annals(&format!("serve -d db --check {arguments}"))
}

/// A certificate and its key, and a key of another one.
fn write_certificates(place: &Place) {
    let certified = || generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (mine, other) = (certified(), certified());
    place.write("cert.pem", mine.cert.pem());
    place.write("key.pem", mine.signing_key.serialize_pem());
    place.write("other.pem", other.signing_key.serialize_pem());
}

/// It is refused with these problems.
#[track_caller]
fn check_problems(outcome: &Outcome, expect: &[&str]) {
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(outcome.status, 1, "{outcome:?}");
    assert_eq!(lines.len(), expect.len() + 1, "{outcome:?}");
    for (line, expect) in lines.iter().zip(expect) {
        assert!(line.starts_with("problem: ") && line.contains(expect), "{outcome:?}");
    }
    let last = lines.last().unwrap();
    assert!(last.starts_with("annals: the server would not start: "), "{outcome:?}");
}

#[test]
fn settings_are_printed_with_where_they_are_from_and_nothing_is_started() {
    let place = Place::new();
    place.write("annals.toml", "[limits]\nquery_ms_max = 1000\nqueue_ms_max = 1000\n");
    let mut command = place.command("serve -d db --check --config annals.toml --read-ms-max 7");
    let output = command.env("ANNALS_QUEUE_MS_MAX", "2000").output().unwrap();
    let outcome = Outcome::of(&output);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    for line in [
        "listen = \"127.0.0.1:7171\" # default",
        "tokens_file = \"db/server/tokens.toml\" # default",
        "# tls_key is not set",
        "query_ms_max = 1000 # file",
        "queue_ms_max = 2000 # environment",
        "read_ms_max = 7 # flag",
        "format = \"json\" # default",
    ] {
        assert!(outcome.stdout.lines().any(|other| other == line), "{line}: {}", outcome.stdout);
    }
    assert!(!place.path("db").exists());
}

#[test]
fn what_is_printed_is_a_file_that_means_the_same() {
    let place = Place::new();
    write_certificates(&place);
    let flags = "--listen [::1]:0 --tls-certificate cert.pem --tls-key key.pem --engine-sync 5ms";
    let printed = check(&place, flags).ok();
    place.write("printed.toml", &printed);
    let again = check(&place, "--config printed.toml").ok();
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.split(" # ").next().unwrap_or_default());
        lines.map(str::to_owned).collect()
    };
    assert_eq!(values(&again), values(&printed));
}

#[test]
fn problems_and_warnings_are_told_apart() {
    let place = Place::new();
    write_certificates(&place);
    let tls = |key: &str| check(&place, &format!("--tls-certificate cert.pem --tls-key {key}"));
    check_problems(&tls("other.pem"), &["other.pem: it is not the key of the certificate in"]);
    check_problems(&tls("none.pem"), &["none.pem: No such file"]);
    check_problems(&check(&place, "--archive-root cert.pem"), &["cert.pem is not a folder"]);
    let network = "--listen 0.0.0.0:7171";
    check_problems(&check(&place, network), &["listening on 0.0.0.0:7171 would let everybody in"]);
    check(&place, &format!("{network} --allow-anonymous")).ok();
    place.annals("token create -d db --role reader --name ada").ok();
    let outcome = check(&place, network);
    assert!(outcome.stderr.starts_with("warning: without TLS, tokens"), "{outcome:?}");
    outcome.ok();
    let secured = format!("{network} --tls-certificate cert.pem --tls-key key.pem");
    assert_eq!(check(&place, &secured).stderr, "");
    place.write("db/server/tokens.toml", "[[token]]\n");
    let both = check(&place, "--ingest-spool-dir none");
    check_problems(&both, &["tokens.toml:1: this is not as", "none is not a folder"]);
}

#[test]
fn a_server_does_not_start_with_a_problem() {
    let place = Place::new();
    let refused = |arguments: &str, status: i32, expect: &str| {
        let outcome = place.annals(&format!("serve -d db {arguments}"));
        assert_eq!((outcome.status, outcome.stdout.as_str()), (status, ""), "{outcome:?}");
        assert!(outcome.stderr.starts_with(expect), "{outcome:?}");
        assert!(!place.path("db").exists());
    };
    refused("--listen 0.0.0.0:0", 1, "annals: listening on 0.0.0.0:0 would let everybody in");
    refused("--config none.toml", 1, "annals: none.toml: No such file");
    place.write("annals.toml", "[server]\nlisten = 7171\n");
    let expect = "annals: annals.toml:2:10: server.listen: the integer is not an address";
    refused("--config annals.toml", 1, expect);
    refused("--query-ms-max 0", 2, "annals: --query-ms-max: `0` is not 1 to 86400000 millisecond");
    refused("--tls-key key.pem", 1, "annals: server.tls_key is set and server.tls_certificate is");
    refused("--query-ms 1", 2, "error: unexpected argument '--query-ms'");
}

#[test]
fn help_shows_every_setting_and_fits_a_terminal() {
    let place = Place::new();
    let help = place.annals("serve --help").ok();
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    let document = include_str!("../../docs/server.md");
    let flags: Vec<&str> =
        document.split('`').filter(|word| word.starts_with("--") && !word.contains(' ')).collect();
    assert!(flags.len() > 25, "{flags:?}");
    for flag in flags {
        assert!(help.contains(flag), "{flag}");
    }
    assert_eq!(fs::read_dir(place.path(".")).unwrap().count(), 0, "nothing was made");
}
