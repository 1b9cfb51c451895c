//! The history of the world's time zones: partitions leave, the process dies, partitions come back, and every answer is right again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use annals_engine::{Database, ManualClock, Options, Partition, PartitionState, SystemTime};
use annals_tests::prices::{NOW, system};
use annals_tests::tz::{self, Truth};

use super::stories::BY;

#[test]
fn the_time_zone_history_is_answered_right_after_detach_kill_9_and_attach() {
    let Some(releases) = tz::releases() else {
        println!("skipped: data-samples/tz/tz_history.csv.gz is missing");
        return;
    };
    let mut truths = vec![Truth::read(&tz::sampled_truth())];
    truths.extend(tz::whole_truth().map(|folder| Truth::read(&folder)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("db");
    let clock = Arc::new(ManualClock::new(system(NOW)));
    let options = || Options::default().clock(clock.clone());
    let open = || Database::open(&dir, options()).expect("the database opens");

    let database = open();
    database.create_table(tz::spec()).expect("a new table");
    for release in &releases {
        tz::import(&database, release).expect("a commit");
    }
    let ended = ended_by_then(&database);
    drop(database);
    let left = detached_by_another_process(&dir);
    println!("{left} partitions left");
    assert!(left > 100 && left == ended.len(), "{left} of {}", ended.len());

    let database = open();
    let listed = database.partitions().expect("partitions");
    let out = listed.iter().filter(|info| info.state == PartitionState::Detached).count();
    assert_eq!(out, ended.len());
    for partition in &ended {
        database.attach_partition("zones", *partition, None, BY).expect("it comes back");
    }
    for opened in ["after attaching", "after a restart"] {
        let snapshot = database.snapshot().expect("a snapshot");
        for truth in &truths {
            let asked = truth.check(&snapshot, SystemTime::MAX, opened);
            assert_eq!(asked, truth.question_count());
        }
    }
    drop(database);
    let snapshot = open().snapshot().expect("a snapshot");
    assert_eq!(truths[0].check(&snapshot, SystemTime::MAX, "reopened"), truths[0].question_count());
}

/// What has ended when everything lies in its partition.
fn ended_by_then(database: &Database) -> Vec<Partition> {
    database.compact(&mut |_| ()).expect("a compaction");
    let now = system(NOW).micros();
    let names = database.partitions().expect("partitions").into_iter();
    let parsed = names.map(|info| Partition::parse(&info.partition).expect("a name"));
    parsed.filter(|partition| !partition.is_current() && partition.to_us() <= now).collect()
}

/// Another process detaches all of them, says how many, and is killed.
fn detached_by_another_process(dir: &Path) -> usize {
    let mut child = Command::new(env!("CARGO_BIN_EXE_annals-test-child"))
        .arg("detach")
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = lines.next().expect("a line").expect("a line");
    child.kill().expect("SIGKILL");
    child.wait().expect("the end of the child");
    line.parse().expect("a number")
}
