//! An import takes a bounded amount of memory, whatever the size of its input.
//!
//! The rows go through standard input. When the last of them is written, all but what a pipe holds have been read, so the
//! peak of the process can be asked for while it still waits for more.

mod common;

use std::io::Write;
use std::process::Stdio;

use common::Place;

/// How many bytes of text a row has.
const ROW_BYTES: usize = 1_000;
/// What may come on top of the small import: full memtables of 64 MiB and a flush or compaction of as much, each of which
/// the allocator may hold twice. The text of the large import is far more, 1.2 GB.
const GROWTH_BYTES_MAX: usize = 768 << 20;

fn peak_bytes(row_count: usize) -> usize {
    let place = Place::new();
    let mut child = place
        .command("import -d db --table t --key k -")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = std::io::BufWriter::new(child.stdin.take().unwrap());
    let text = "x".repeat(ROW_BYTES);
    writeln!(input, "k,v").unwrap();
    for row in 0..row_count {
        writeln!(input, "{row},{text}{row}").unwrap();
    }
    input.flush().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(input);
    let outcome = child.wait_with_output().unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
#[cfg(target_os = "linux")]
fn an_import_larger_than_its_bound_stays_within_it() {
    let small = peak_bytes(20_000);
    let large = peak_bytes(1_200_000);
    println!("peak: {} MiB, then {} MiB", small >> 20, large >> 20);
    assert!(large < small + GROWTH_BYTES_MAX, "{} MiB, then {} MiB", small >> 20, large >> 20);
}
