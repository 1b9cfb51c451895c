//! What the architecture says is absent is absent: the sources are read as text and held against the lists below.
//!
//! The engine knows no SQL, no HTTP and no asynchronous runtime; one file opens files, one asks the time, one starts threads.
//! Sources of all crates are short and begin with what they are for. Comments and the tests beside the code are not read, file
//! lengths excepted. The order of the modules is `engine/tests/architecture.rs`'s subject.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates of which the engine must not know.
const STRANGERS: &[&str] = &[
    "async-std",
    "axum",
    "datafusion",
    "futures",
    "http",
    "hyper",
    "reqwest",
    "smol",
    "sqlparser",
    "tokio",
    "tonic",
    "tower",
    "warp",
];

/// Words that the project does not use for things that have another name in the field.
const BANNED_WORDS: &[&str] = &["sst", "sstable", "shard", "bucket"];

const CRATES: &[&str] = &["engine", "objects", "query", "server", "bench", "tests"];

const LINES_MAX: usize = 500;

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// Every Rust source below a folder, sorted.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|ending| ending == "rs") => found.push(path),
                false => (),
            }
        }
    }
    found.sort();
    found
}

/// The path below the workspace.
fn shown(path: &Path) -> String {
    path.strip_prefix(workspace()).expect("a source of the workspace").display().to_string()
}

/// The lines of code with their numbers: no comments, and nothing behind the tests at the end of a file.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("a source");
    let lines = text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    lines.filter(|(_, l)| is_code(l)).map(|(at, line)| (at + 1, line.to_owned())).collect()
}

/// The sources of the engine that are not tests.
fn engine() -> Vec<PathBuf> {
    let mut found = sources("engine/src");
    let is_test = |path: &Path| path.ends_with("tests.rs") || path.ends_with("src/document.rs");
    found.retain(|path| !is_test(path) && !shown(path).contains("/tests/"));
    assert!(found.len() > 50, "the sources of the engine are here");
    found
}

/// Places in the engine where code has one of the words, outside the one file that may.
fn places(words: &[String], allowed: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in engine().iter().filter(|path| shown(path) != allowed) {
        for (number, line) in code(path) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {}", shown(path), line.trim()));
            }
        }
    }
    found
}

fn check_only_in(allowed: &str, words: &[&str]) {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(places(&words, allowed), Vec::<String>::new(), "only in {allowed}");
}

#[test]
fn the_engine_knows_no_sql_no_http_and_no_async_runtime() {
    let manifest = fs::read_to_string(workspace().join("engine/Cargo.toml")).expect("its manifest");
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        let is_dependency = section.ends_with("dependencies]");
        assert!(!(is_dependency && STRANGERS.contains(&name)), "the engine depends on `{name}`");
    }
    let words = ["async fn".to_owned(), ".await".to_owned()];
    assert_eq!(places(&words, ""), Vec::<String>::new());
}

#[test]
fn one_file_of_the_engine_opens_files() {
    check_only_in("engine/src/disk/real.rs", &["std::fs", "fs::", "OpenOptions"]);
}

#[test]
fn one_file_of_the_engine_asks_the_time() {
    check_only_in("engine/src/clock.rs", &["SystemTime::now", "Instant::now", "Timestamp::now"]);
}

#[test]
fn one_file_of_the_engine_starts_threads_and_one_those_that_end_with_a_call() {
    let (background, parallel) = ("engine/src/database/background.rs", "engine/src/parallel.rs");
    check_only_in(background, &["thread::spawn", "thread::sleep", ".spawn("]);
    check_only_in(parallel, &["thread::scope", "spawn_scoped"]);
    let elsewhere = places(&["thread::Builder".to_owned()], background);
    assert!(elsewhere.iter().all(|place| place.starts_with(parallel)), "{elsewhere:?}");
}

#[test]
fn every_crate_is_under_the_lints_that_forbid_unchecked_code() {
    let root = fs::read_to_string(workspace().join("Cargo.toml")).expect("the workspace");
    assert!(root.contains("unsafe_code = \"forbid\""), "the lint is there");
    for name in CRATES {
        let manifest = fs::read_to_string(workspace().join(name).join("Cargo.toml"));
        let Ok(manifest) = manifest else { continue };
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} is under them");
    }
}

#[test]
fn no_file_is_longer_than_one_can_read() {
    for folder in CRATES {
        for path in sources(folder) {
            let count = fs::read_to_string(&path).expect("a source").lines().count();
            assert!(count <= LINES_MAX, "{} has {count} lines", shown(&path));
        }
    }
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let folders = ["engine/src", "objects", "query/src", "server/src", "bench/src", "tests/src"];
    for folder in folders.into_iter().chain(["tests/tests"]) {
        for path in sources(folder) {
            let text = fs::read_to_string(&path).expect("a source");
            assert!(text.starts_with("//!"), "{} has no header", shown(&path));
        }
    }
}

#[test]
fn names_are_those_of_the_field() {
    let keywords = ["struct ", "enum ", "trait ", "mod ", "type "];
    for folder in ["engine/src", "objects/src", "query/src", "server/src"] {
        for path in sources(folder) {
            for (number, line) in code(&path) {
                let named = keywords.iter().find_map(|keyword| line.split_once(keyword));
                let Some((_, rest)) = named else { continue };
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
                let is_banned = BANNED_WORDS.contains(&name.to_lowercase().as_str());
                assert!(!is_banned, "{}:{number}: `{name}`", shown(&path));
            }
        }
    }
}
