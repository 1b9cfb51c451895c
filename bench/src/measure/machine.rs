//! What the figures were taken on, and what the operating system says of this process.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::durations::{Durations, micros};
use crate::failure::Result;

const SYNC_COUNT: usize = 200;
/// About the size of the log frame of a transaction of 1,000 puts.
const SYNC_BYTES: usize = 64 << 10;

/// The machine and the build behind a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, where the system tells.
    pub processor: Option<String>,
    /// Cores this process may use.
    pub cores: usize,
    /// Main memory in bytes, where the system tells.
    pub memory_bytes: Option<u64>,
    /// Appending 64 KiB to a file in the folder of the databases and syncing it: the median, in
    /// microseconds.
    pub sync_us_p50: f64,
    /// The commit of the sources in the working folder, where `git` tells.
    pub commit: Option<String>,
}

impl Machine {
    /// Looks, and writes and removes a file in `dir` to learn what a sync costs there.
    pub fn examine(dir: &Path) -> Result<Machine> {
        Ok(Machine {
            processor: first_after("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_bytes: kibibytes("/proc/meminfo", "MemTotal"),
            sync_us_p50: micros(sync_durations(dir)?.median()),
            commit: commit(),
        })
    }
}

/// The most memory this process ever had resident (VmHWM), in bytes, where the system tells.
pub fn peak_memory_bytes() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM")
}

/// The lengths of all files in a folder and those below it, in bytes.
pub fn folder_bytes(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn sync_durations(dir: &Path) -> Result<Durations> {
    let path = dir.join("annals-bench-sync");
    let mut file = File::create_new(&path)?;
    let bytes = vec![0x5a; SYNC_BYTES];
    let mut measured: Vec<Duration> = Vec::with_capacity(SYNC_COUNT);
    for _ in 0..SYNC_COUNT {
        let start = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        measured.push(start.elapsed());
    }
    fs::remove_file(path)?;
    Ok(Durations::new(measured))
}

/// The text behind `name:` in a file of the proc file system.
fn first_after(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let number: u64 = first_after(file, name)?.strip_suffix(" kB")?.trim().parse().ok()?;
    Some(number << 10)
}

fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.trim().to_owned())
}
