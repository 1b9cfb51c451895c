//! Maintenance changes no answer, and finds what is broken.

mod common;

use std::fs;

use common::Place;

#[test]
fn compaction_changes_no_answer() {
    let place = Place::with_salaries();
    let before = place.all_of("salaries");
    let outcome = place.annals("compact -d db");
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, ""), "{outcome:?}");
    assert!(outcome.stderr.contains("bytes in segments before"), "{outcome:?}");
    assert_eq!(place.all_of("salaries"), before);
    assert!(place.annals("verify -d db").ok().starts_with("ok: "));
}

#[test]
fn stats_names_every_table_and_partition() {
    let place = Place::with_salaries();
    place.annals("compact -d db").ok();
    let csv = place.annals("stats -d db").ok();
    assert!(csv.starts_with("part,table_name,partition,segment_count,row_count,bytes\n"), "{csv}");
    for line in ["segments,salaries,2024-04,1,", "segments,salaries,current,1,", "log,,,,,"] {
        assert!(csv.contains(&format!("\n{line}")), "{csv}");
    }
    let table = place.annals("stats -d db --format table").ok();
    assert!(table.contains("salaries") && table.contains("2024-04"), "{table}");
    assert!(
        place.annals("stats -d db --format json").ok().starts_with("[\n{\"part\":\"segments\"")
    );
}

#[test]
fn the_folder_may_come_from_the_environment() {
    let place = Place::with_salaries();
    let output = place.command("stats").env("ANNALS_DIR", "db").output().unwrap();
    assert!(output.status.success());
}

#[test]
fn verify_names_file_and_offset_of_a_flipped_byte_in_every_file() {
    let place = Place::with_salaries();
    place.annals("compact -d db").ok();
    let mut kinds = Vec::new();
    for file in files(&place.path("db")) {
        let whole = fs::read(&file).unwrap();
        if whole.is_empty() {
            continue;
        }
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 0x20;
        fs::write(&file, &damaged).unwrap();
        let outcome = place.annals("verify -d db");
        fs::write(&file, &whole).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(outcome.status, 1, "{name}: {outcome:?}");
        let named = |line: &str| line.contains(&name) && line.contains(" offset ");
        assert!(outcome.stdout.lines().any(named), "{name}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{name}: {outcome:?}");
        kinds.push(name);
    }
    assert!(kinds.len() >= 3, "{kinds:?}");
    assert!(place.annals("verify -d db").ok().starts_with("ok: "));
}

fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn help_and_version_are_results() {
    let place = Place::new();
    let version = place.annals("--version").ok();
    assert_eq!(version, format!("annals {}\n", env!("CARGO_PKG_VERSION")));
    let help = place.annals("--help").ok();
    for command in [
        "demo", "import", "export", "get", "stats", "verify", "compact", "backup", "restore",
        "serve", "token",
    ] {
        assert!(help.contains(command), "{help}");
        let help = place.annals(&format!("{command} --help")).ok();
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
    assert!(place.annals("import --help").ok().contains("Examples:"));
}
