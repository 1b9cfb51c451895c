//! The map of modules in ARCHITECTURE.md is that of the sources: every module is in it, and none uses a module below it.

#![expect(clippy::disallowed_methods, reason = "sources are read as files, not through the engine")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOCUMENT: &str = include_str!("../../ARCHITECTURE.md");

/// What ARCHITECTURE.md admits: (module, module below it that it uses).
const EXCEPTIONS: [(&str, &str); 1] = [("transaction", "database")];

struct Source {
    /// The file, relative to `src`.
    name: String,
    /// The module of the crate root that it is part of.
    module: String,
    /// Its lines up to its own tests.
    lines: Vec<String>,
}

/// The sources of the engine, tests not among them.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let is_test =
                path.file_stem().is_some_and(|stem| stem == "tests" || stem == "document");
            if is_test || name == "lib.rs" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let module = name.split(['/', '.']).next().unwrap().to_owned();
            found.push(Source { name, module, lines: text.lines().map(str::to_owned).collect() });
        }
    }
    found
}

/// The modules in the order of the map.
fn layers() -> Vec<&'static str> {
    let map = DOCUMENT.split("## The modules of the engine, in layer order").nth(1).unwrap();
    let map = map.split("\n## ").next().unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.collect()
}

/// The names that follow `crate::` in code.
fn used(line: &str) -> impl Iterator<Item = &str> {
    let code = if line.trim_start().starts_with("//") { "" } else { line };
    let paths = code.split("crate::").skip(1);
    paths.map(|path| path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
}

#[test]
fn the_map_names_every_module_and_no_other() {
    let sources = sources();
    let found: BTreeSet<&str> = sources.iter().map(|source| source.module.as_str()).collect();
    let mapped: BTreeSet<&str> = layers().into_iter().collect();
    assert_eq!(mapped, found);
    assert_eq!(mapped.len(), layers().len(), "a module is in the map twice");
}

#[test]
fn no_lower_module_names_a_higher_one() {
    let layers = layers();
    let place = |module: &str| layers.iter().position(|other| *other == module);
    let mut faults = Vec::new();
    for source in sources() {
        let own = place(&source.module).unwrap();
        for (line, number) in source.lines.iter().zip(1..) {
            for name in used(line) {
                let is_excepted = EXCEPTIONS.contains(&(source.module.as_str(), name));
                if place(name).is_some_and(|other| other > own) && !is_excepted {
                    faults.push(format!("src/{}:{number} uses `{name}`", source.name));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
