//! Settings from every source, printed and read back, and held against their documentation.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;

use clap::{Args, Command, FromArgMatches};

use super::settings::SETTINGS;
use super::*;
use crate::error::Result;

/// A file, variables and flags.
fn resolve(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Resolved> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("annals.toml");
    std::fs::write(&path, file).unwrap();
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    let command = Flags::augment_args(Command::new("serve").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).expect("flags");
    let resolved = Resolved::from(&Sources {
        dir: "db".as_ref(),
        is_terminal: false,
        file: Some(&path),
        variable: &|name| variables.get(name).map(OsString::from),
        flags: &Flags::from_arg_matches(&matches).unwrap(),
    });
    resolved.map_err(|error| {
        let shown = path.display().to_string();
        crate::error::Failure::new(error.to_string().replace(&shown, "annals.toml"))
    })
}

#[track_caller]
fn check_error(result: Result<Resolved>, expect: &str) {
    assert_eq!(result.expect_err("an error").to_string(), expect);
}

#[track_caller]
fn check_file_error(file: &str, expect: &str) {
    check_error(resolve(file, &[], &[]), expect);
}

/// The line of a setting as it is printed.
fn line(resolved: &Resolved, key: &str) -> String {
    let text = resolved.to_toml();
    text.lines().find(|line| line.contains(key)).expect("the setting").to_owned()
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let file = "[limits]\nquery_ms_max = 1\nqueue_ms_max = 1\nread_ms_max = 1\n";
    let variables =
        [("ANNALS_QUERY_MS_MAX", "2"), ("ANNALS_QUEUE_MS_MAX", "2"), ("ANNALS_READ_MS_MAX", "")];
    let resolved = resolve(file, &variables, &["--query-ms-max", "3"]).unwrap();
    assert_eq!(line(&resolved, "query_ms_max"), "query_ms_max = 3 # flag");
    assert_eq!(line(&resolved, "queue_ms_max"), "queue_ms_max = 2 # environment");
    assert_eq!(line(&resolved, "read_ms_max"), "read_ms_max = 1 # file");
    assert_eq!(line(&resolved, "write_ms_max"), "write_ms_max = 30000 # default");
    let Limits { query_ms_max, queue_ms_max, read_ms_max, write_ms_max, .. } =
        resolved.config.limits;
    assert_eq!((query_ms_max, queue_ms_max, read_ms_max, write_ms_max), (3, 2, 1, 30_000));
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let file = "\
[server]
listen = '[::1]:0'
tokens_file = 'a \"b\" \\ c\u{e9}'
archive_root = \"tab\\t bell\\u0007 del\\u007f\"
tls_certificate = 'c'
tls_key = 'k'
allow_anonymous = true
[limits]
body_bytes_max = '3 GiB'
sql_bytes_max = 0x1001
row_count_max = 1_000
[engine]
cache_bytes = 0
sync = '250ms'
[log]
format = 'text'
level = 'trace'
[audit]
statements = 'changes'
";
    for file in ["", file, "[engine]\nsync = 'off'"] {
        let resolved = resolve(file, &[], &[]).unwrap();
        let again = resolve(&resolved.to_toml(), &[], &[]).unwrap();
        assert_eq!(again.config, resolved.config);
        let printed = |resolved: &Resolved| {
            let text = resolved.to_toml();
            text.replace(" # default", "").replace(" # file", "")
        };
        assert_eq!(printed(&again), printed(&resolved));
    }
    let config = resolve(file, &[], &[]).unwrap().config;
    assert_eq!(config.limits.body_bytes_max, 3 << 30);
    assert_eq!(config.limits.sql_bytes_max, 4_097);
    assert_eq!(config.limits.row_count_max, Some(1_000));
    assert_eq!(config.engine.sync, SyncMode::Interval(std::time::Duration::from_millis(250)));
    assert_eq!(config.server.archive_root.unwrap().to_str(), Some("tab\t bell\u{7} del\u{7f}"));
}

#[test]
fn every_default_is_a_value_that_may_be_given() {
    for setting in SETTINGS {
        let mut config = Config::of_dir("db".as_ref(), true);
        let Some(shown) = (setting.slot)(&mut config).show() else { continue };
        let text = shown.trim_matches('"').to_owned();
        let before = config.clone();
        assert_eq!((setting.slot)(&mut config).read(&text), Ok(()), "{}", setting.name());
        assert_eq!(config, before, "{}", setting.name());
    }
    assert_eq!(Limits::of_processors(1).running_count_max, 4);
    assert_eq!(Limits::of_processors(16).running_count_max, 32);
}

#[test]
fn what_is_no_setting_is_refused_with_its_place() {
    check_file_error(
        "[log]\nlevel = 'info'\n  colour = true\n",
        "annals.toml:3:3: there is no setting `colour` here; there are format, level",
    );
    check_file_error(
        "\n[logs]\n",
        "annals.toml:2:2: there is no setting `logs` here; there are server, limits, engine, log, audit, ingest",
    );
    check_file_error("log = 1", "annals.toml:1:1: `log` is a section: write [log]");
    check_file_error("[[log]]", "annals.toml:1:3: `log` is a section: write [log]");
    for (file, place) in [("[log", "1:5: "), ("[log]\nlevel = \n", "2:9: "), ("[log]\n[log]", "2:")]
    {
        let error = resolve(file, &[], &[]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("annals.toml:{place}")), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn a_value_that_makes_no_sense_is_refused_wherever_it_is_given() {
    let ms = "1 to 86400000 milliseconds";
    check_file_error(
        "[limits]\nquery_ms_max = 0",
        &format!("annals.toml:2:16: limits.query_ms_max: `0` is not {ms}"),
    );
    check_file_error(
        "limits.query_ms_max = '5s'",
        &format!("annals.toml:1:23: limits.query_ms_max: the string is not {ms}"),
    );
    check_file_error(
        "[limits]\nbody_bytes_max = -1",
        "annals.toml:2:18: limits.body_bytes_max: `-1` is not a size from 1 to 1 TiB, in bytes or such as 64 MiB",
    );
    check_file_error(
        "[engine]\nsync = 'never'",
        "annals.toml:2:8: engine.sync: `never` is not commit, off, or 1ms to 60000ms",
    );
    check_file_error(
        "[server]\nallow_anonymous = 'yes'",
        "annals.toml:2:19: server.allow_anonymous: the string is not true or false",
    );
    check_error(
        resolve("", &[("ANNALS_LOG_LEVEL", "loud")], &[]),
        "ANNALS_LOG_LEVEL: `loud` is not one of error, warn, info, debug, trace",
    );
    check_error(
        resolve("", &[], &["--listen", "localhost"]),
        "--listen: `localhost` is not an address with a port, such as 127.0.0.1:7171",
    );
    check_error(resolve("", &[], &["--tls-key="]), "--tls-key: `` is not a path");
    check_error(
        resolve("", &[], &["--tls-key", "key.pem"]),
        "server.tls_key is set and server.tls_certificate is not",
    );
    check_error(
        resolve("", &[("ANNALS_TLS_CERTIFICATE", "c.pem")], &[]),
        "server.tls_certificate is set and server.tls_key is not",
    );
}

#[test]
fn sizes_are_written_with_or_without_a_unit() {
    let check = |text: &str, expect: Option<usize>| {
        let resolved = resolve("", &[("ANNALS_BODY_BYTES_MAX", text)], &[]);
        assert_eq!(resolved.ok().map(|it| it.config.limits.body_bytes_max), expect, "{text}");
    };
    check("1", Some(1));
    check("64KiB", Some(64 << 10));
    check("64 KiB", Some(64 << 10));
    check("1 TiB", Some(1 << 40));
    for text in ["2 TiB", "99999999999 TiB", "+1", " 1", "1.5 GiB", "1 GB", "KiB", "0x10", "١"] {
        check(text, None);
    }
}

#[test]
fn a_switch_is_a_flag_with_or_without_a_value() {
    let is_on = |flags: &[&str]| resolve("", &[], flags).unwrap().config.server.allow_anonymous;
    assert!(!is_on(&[]));
    assert!(is_on(&["--allow-anonymous"]));
    assert!(!is_on(&["--allow-anonymous=false"]));
}

#[test]
fn flags_follow_from_keys_and_are_told_apart() {
    let mut flags = HashSet::from(["dir", "config", "check", "help", "version"]);
    for setting in SETTINGS {
        let key = setting.key.replace('_', "-");
        let expect = match setting.section {
            "server" | "limits" => key,
            section => format!("{section}-{key}"),
        };
        assert_eq!(setting.flag, expect);
        assert!(flags.insert(setting.flag), "{expect}");
    }
}

#[test]
fn the_documentation_has_every_setting() {
    let document = include_str!("../../../docs/server.md");
    let rows = show::document_rows();
    assert!(document.contains(&rows), "docs/server.md should have these rows:\n{rows}");
}
