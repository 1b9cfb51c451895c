//! A run that lets the oldest tenth of a table go, small and large, beside other systems that are told to do the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::scratch::Scratch;
use crate::command::RetentionArguments;
use crate::failure::Result;
use crate::measure::{self, Machine, RetentionFigures};
use crate::report;
use crate::workload::readings;

/// Where records go unless told otherwise, from the root of the repository.
pub const RETENTION_RECORD_FILE: &str = "bench/records/retention.jsonl";
/// What asks other systems, from the root of the repository.
const RIVALS: &str = "bench/rivals/retention.py";

/// One run: a line of `bench/records/retention.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    workload: String,
    began_at: String,
    machine: Machine,
    sizes: Vec<RetentionFigures>,
    /// What the script for other systems printed, a line each.
    rivals: Vec<String>,
}

/// Runs every size and reports.
pub fn retention(arguments: &RetentionArguments) -> Result<()> {
    let scratch = Scratch::new(arguments.dir.as_deref())?;
    let began_at = format!("{:.0}", jiff::Timestamp::now());
    let machine = Machine::examine(&scratch.dir)?;
    println!("retention, {began_at}: {}\n", report::machine_line(&machine));
    println!(
        "  versions     load s  add a column ms  drop a tenth ms  detach a tenth ms   attach it ms"
    );
    let mut sizes: Vec<RetentionFigures> = Vec::new();
    let mut rivals = Vec::new();
    for row_count in &arguments.sizes {
        let dir = scratch.database(&format!("retention-{row_count}"))?;
        let figures = measure::retention(&dir, *row_count)?;
        let RetentionFigures { row_count, load_seconds, add_column_ms, .. } = figures;
        let RetentionFigures { drop_ms, detach_ms, attach_ms, .. } = figures;
        println!(
            "{row_count:>10} {load_seconds:>10.1} {add_column_ms:>16.2} {drop_ms:>16.2} {detach_ms:>18.2} {attach_ms:>14.1}"
        );
        fs::remove_dir_all(&dir)?;
        sizes.push(figures);
        if arguments.rivals {
            rivals.extend(ask_rivals(&scratch.dir, row_count)?);
        }
    }
    if let (Some(first), Some(last)) = (sizes.first(), sizes.last())
        && sizes.len() > 1
    {
        let (size, time) = (last.row_count / first.row_count, last.drop_ms / first.drop_ms);
        println!("\n  {size} times the versions: {time:.2} times the time to drop a tenth");
    }
    rivals.iter().for_each(|line| println!("  {line}"));
    if let Some(path) = &arguments.record {
        let workload = "retention".to_owned();
        report::append(path, &Record { workload, began_at, machine, sizes, rivals })?;
    }
    Ok(())
}

/// Writes the same versions as Parquet, and lets the script do the same with them elsewhere.
fn ask_rivals(dir: &Path, row_count: u64) -> Result<Vec<String>> {
    let path = dir.join("readings.parquet");
    let mut writer = None;
    for batch in readings::batches(row_count) {
        let batch = batch?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(parquet::arrow::ArrowWriter::try_new(
                fs::File::create(&path)?,
                batch.schema(),
                None,
            )?),
        };
        writer.write(&batch)?;
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    let python = std::env::var("ANNALS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python).arg(RIVALS).arg(&path).output()?;
    fs::remove_file(&path)?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(lines.lines().map(|line| format!("{row_count} versions: {line}")).collect())
}
