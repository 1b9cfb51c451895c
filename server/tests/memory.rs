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
/// What may come on top of the small import: full memtables of 64 MiB, a flush or a compaction of at most 144 MiB of segments. The
/// text of the large import, 700 MB, is more, and of letters at random, for what is decoded is larger than what is stored.
const GROWTH_BYTES_MAX: usize = 576 << 20;

/// Letters at random, from a fixed seed: any stretch of them is a text that hardly compresses.
fn letters() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'A' + (state % 50) as u8
    };
    (0..1 << 20).map(|_| letter()).filter(u8::is_ascii_alphabetic).collect()
}

fn peak_bytes(row_count: usize) -> usize {
    let place = Place::new();
    let mut child = place
        .command("import -d db --table t --key k -")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = std::io::BufWriter::new(child.stdin.take().unwrap());
    let letters = letters();
    writeln!(input, "k,v").unwrap();
    for row in 0..row_count {
        let at = row * 7_919 % (letters.len() - ROW_BYTES);
        write!(input, "{row},").unwrap();
        input.write_all(&letters[at..at + ROW_BYTES]).unwrap();
        input.write_all(b"\n").unwrap();
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
    let large = peak_bytes(700_000);
    println!("peak: {} MiB, then {} MiB", small >> 20, large >> 20);
    assert!(large < small + GROWTH_BYTES_MAX, "{} MiB, then {} MiB", small >> 20, large >> 20);
}
