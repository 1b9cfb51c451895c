//! Tokens from the command line: shown once, listed without their secrets, and no concern of the database.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::Place;

const CREATE: &str = "token create -d db --role writer --name loader --expires-days 30";
const FILE: &str = "db/server/tokens.toml";

#[test]
fn a_token_is_alone_on_standard_output_and_kept_nowhere() {
    let place = Place::new();
    let outcome = place.annals(CREATE);
    let token = outcome.stdout.strip_suffix('\n').expect("a line");
    assert_eq!(outcome.status, 0);
    assert!(token.starts_with("annals_") && token.len() == 50, "{outcome:?}");
    assert!(outcome.stderr.starts_with("token `loader`: role writer, expires 20"), "{outcome:?}");
    assert!(!outcome.stderr.contains(token));
    let kept = place.read(FILE);
    assert!(kept.contains("loader") && !kept.contains(token), "{kept}");
    let mode = fs::metadata(place.path(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_ne!(place.annals(&CREATE.replace("loader", "other")).ok(), outcome.stdout);
}

#[test]
fn tokens_are_listed_and_revoked_by_name() {
    let place = Place::new();
    assert_eq!(place.annals("token list -d db").ok(), "name,role,created,expires\n");
    assert!(!place.path("db").exists());
    place.annals(CREATE).ok();
    place.annals("token create -d db --role admin --name ada").ok();
    let list = place.annals("token list -d db --format csv").ok();
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[1].starts_with("loader,writer,20"), "{list}");
    assert!(lines[2].starts_with("ada,admin,20") && lines[2].ends_with("Z,"), "{list}");
    let told = place.annals("token revoke -d db loader");
    assert_eq!((told.status, told.stderr.as_str()), (0, "token `loader` is revoked; 1 left\n"));
    let list = place.annals("token list -d db --format csv").ok();
    assert!(!list.contains("loader") && list.contains("ada"), "{list}");
    place.annals("token revoke -d db ada").ok();
    assert!(place.path(FILE).exists(), "a server that asked for tokens goes on to ask");
}

#[test]
fn wrong_requests_name_what_is_wrong() {
    let place = Place::with_salaries();
    place.refuses("token revoke -d db loader", &format!("{FILE} has no token `loader`"));
    assert!(!place.path(FILE).exists());
    place.annals(CREATE).ok();
    place.refuses(CREATE, &format!("{FILE} has a token `loader`: revoke it first"));
    place.refuses("token revoke -d db other", &format!("{FILE} has no token `other`"));
    place.refuses(
        "token create -d db --role reader --name a/b",
        "`a/b` is no name of a token: use 1 to 64 of letters, digits, `-`, `_`, `.` and `@`",
    );
    let usage = |arguments: &str| assert_eq!(place.annals(arguments).status, 2, "{arguments}");
    usage("token create -d db --role owner --name ada");
    usage("token create -d db --role reader");
    usage("token create -d db --role reader --name ada --expires-days 0");
    usage("token create --role reader --name ada");
    fs::create_dir(place.path("notes")).unwrap();
    place.write("notes/todo", "");
    let expect = "notes is not a database: it holds `todo` and no manifest";
    place.refuses("token create -d notes --role reader --name ada", expect);
}

#[test]
fn tokens_are_made_while_the_database_is_in_use() {
    let place = Place::with_salaries();
    let lock = fs::OpenOptions::new().append(true).open(place.path("db/LOCK")).unwrap();
    lock.try_lock().unwrap();
    assert_eq!(place.annals("stats -d db").status, 1, "the database is in use");
    place.annals(CREATE).ok();
    place.annals("token list -d db").ok();
    place.annals("token revoke -d db loader").ok();
}

#[test]
fn the_file_may_be_elsewhere() {
    let place = Place::new();
    place.annals("token create --tokens-file keys/t.toml --role reader --name ada").ok();
    let list = place.command("token list -d db").env("ANNALS_TOKENS_FILE", "keys/t.toml").output();
    assert!(String::from_utf8(list.unwrap().stdout).unwrap().contains("ada,reader,"));
    assert!(!place.path("db").exists());
}

#[test]
fn the_database_leaves_tokens_alone() {
    let place = Place::with_salaries();
    place.annals(CREATE).ok();
    place.write("db/server/note", "of the server");
    let kept = place.read(FILE);
    let before = place.all_of("salaries");
    for command in [
        "stats -d db",
        "compact -d db",
        "verify -d db",
        "backup -d db --to backups",
        "restore --from backups -d again",
    ] {
        let outcome = place.annals(command);
        assert!(!outcome.stderr.contains("server"), "{command}: {outcome:?}");
        outcome.ok();
        assert_eq!(place.read(FILE), kept, "{command}");
        assert_eq!(place.read("db/server/note"), "of the server", "{command}");
    }
    assert_eq!(place.all_of("salaries"), before);
    assert!(!place.path("again/server").exists(), "whoever restores decides who may use it");
    assert!(!place.path("backups/server").exists());
}

#[test]
fn commands_at_once_lose_no_token() {
    let place = Place::with_salaries();
    let create = |at: usize| format!("token create -d db --role reader --name token{at}");
    let running: Vec<_> = (0..8)
        .map(|at| place.command(&create(at)).stdout(std::process::Stdio::null()).spawn().unwrap())
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(place.annals("token list -d db").ok().lines().count(), 9);
}
