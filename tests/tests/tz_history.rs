//! Real history, answered right: 60 releases of the time zone database against answers computed independently of them.
//!
//! Each release is a transaction with its own system time. Every point, every whole snapshot (by its MD5) and every difference
//! between two beliefs is asked before a flush, after it, after a compaction and after a restart; and again after a real
//! `kill -9` of a process in the middle of the import, of what was recovered, and of the whole after the import went on.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use annals_engine::{Database, ManualClock, Options, SystemTime};
use annals_tests::prices::{NOW, system};
use annals_tests::scratch::Scratch;
use annals_tests::tz::{self, Release, Truth};

/// The releases and every truth there is; `None`, with a message, where a file is missing.
fn data() -> Option<(Vec<Release>, Vec<Truth>)> {
    let Some(releases) = tz::releases() else {
        println!("skipped: data-samples/tz/tz_history.csv.gz is missing");
        return None;
    };
    let mut truths = vec![Truth::read(&tz::sampled_truth())];
    match tz::whole_truth() {
        Some(folder) => truths.push(Truth::read(&folder)),
        None => println!("the whole truth is not here: asking the sample of it only"),
    }
    Some((releases, truths))
}

fn check(database: &Database, truths: &[Truth], until: SystemTime, when: &str) {
    let snapshot = database.snapshot().expect("a snapshot");
    let asked: usize = truths.iter().map(|truth| truth.check(&snapshot, until, when)).sum();
    println!("{asked} answers right {when}");
    if until == SystemTime::MAX {
        let all: usize = truths.iter().map(Truth::question_count).sum();
        assert_eq!(asked, all, "every question is asked");
    }
}

#[test]
fn the_time_zone_history_is_answered_right_before_and_after_maintenance() {
    let Some((releases, truths)) = data() else { return };
    let scratch = Scratch::new(system(NOW)).memtable_bytes(64 << 20);
    let database = scratch.open();
    database.create_table(tz::spec()).expect("a new table");
    for release in &releases {
        tz::import(&database, release).expect("a commit");
    }
    check(&database, &truths, SystemTime::MAX, "before a flush");
    database.flush().expect("a flush");
    check(&database, &truths, SystemTime::MAX, "after a flush");
    database.compact(&mut |_| ()).expect("a compaction");
    check(&database, &truths, SystemTime::MAX, "after a compaction");
    database.close().expect("a clean close");
    check(&scratch.open(), &truths, SystemTime::MAX, "after a restart");
}

#[test]
fn the_time_zone_history_is_answered_right_from_many_small_flushes() {
    let Some((releases, truths)) = data() else { return };
    let scratch = Scratch::in_memory(system(NOW)).memtable_bytes(128 << 10);
    let mut database = scratch.open();
    database.create_table(tz::spec()).expect("a new table");
    for (at, release) in releases.iter().enumerate() {
        tz::import(&database, release).expect("a commit");
        while database.maintain().expect("a step").is_some() {}
        if at % 10 == 9 {
            drop(database);
            database = scratch.open();
            check(&database, &truths[..1], release.recorded_at, "on the way");
        }
    }
    check(&database, &truths, SystemTime::MAX, "after many small flushes");
}

/// The process that imports.
struct Importer {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Importer {
    fn start(dir: &Path) -> Importer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_annals-test-child"))
            .arg("import-tz")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child process");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Importer { child, lines }
    }

    /// Kills it as soon as it has acknowledged `count` releases, and returns how many it did acknowledge.
    fn kill_after(mut self, count: usize) -> usize {
        let mut acknowledged = 0;
        while acknowledged < count {
            let Some(line) = self.lines.next() else { break };
            let Ok(number) = line.expect("a line").parse() else { break };
            acknowledged = number;
        }
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("the end of the child");
        // What it said between our last line and its end was acknowledged too.
        let rest = self.lines.map_while(Result::ok).filter_map(|line| line.parse().ok());
        rest.fold(acknowledged, usize::max)
    }
}

#[test]
fn the_time_zone_history_survives_kill_9_in_the_middle_of_the_import() {
    let Some((releases, truths)) = data() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("db");
    let clock = Arc::new(ManualClock::new(system(NOW)));
    let options = || Options::default().clock(clock.clone());
    let mut found = 0;
    for count in [1, 2, 9, 24, 33, 47, 59, 60] {
        // What an earlier process left is as good as acknowledged; a later one may find nothing left to do.
        let acknowledged = Importer::start(&dir).kill_after(count).max(found);
        let database = Database::open(&dir, options()).expect("recovery");
        found = tz::imported(&database, &releases);
        println!("killed after {acknowledged}, found {found}: {}", database.recovery());
        assert!(found >= acknowledged, "of {acknowledged} acknowledged releases {found} are there");
        assert!(found <= acknowledged + 1, "{found} releases, {acknowledged} acknowledged");
        let until = releases[found - 1].recorded_at;
        let when = format!("after kill -9 behind release {found}");
        check(&database, &truths[..1], until, &when);
    }
    let database = Database::open(&dir, options()).expect("recovery");
    assert_eq!(tz::imported(&database, &releases), releases.len());
    check(&database, &truths, SystemTime::MAX, "after eight kills");
    database.compact(&mut |_| ()).expect("a compaction");
    check(&database, &truths, SystemTime::MAX, "after eight kills and a compaction");
}
