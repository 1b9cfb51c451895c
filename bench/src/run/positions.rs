//! A run of the workload "positions", from nothing to the table of floors.
//!
//! For each size: import and compact in a process of its own (so that the peak of its memory is
//! clean), resolve the truth and write the baseline, then open the database and ask. A wrong answer
//! stops the run with an error. Last, import the same a few times more: rates differ from one import to
//! the next.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use super::scratch::Scratch;
use crate::command::{ImportArguments, PositionsArguments};
use crate::failure::{Failure, Result};
use crate::measure::{self, ImportFigures, IngestFigures, Machine, folder_bytes};
use crate::report::{self, ByteFigures, Record, SizeFigures};
use crate::workload::baseline::BaselineWriter;
use crate::workload::{Positions, Question, Size, Truth};

/// Where records go unless told otherwise, from the root of the repository.
pub const POSITIONS_RECORD_FILE: &str = "bench/records/positions.jsonl";

/// Runs every size and reports.
pub fn positions(arguments: &PositionsArguments, prefix: &[OsString]) -> Result<()> {
    let say = |text: &str| if arguments.json { eprintln!("{text}") } else { println!("{text}") };
    let scratch = Scratch::new(arguments.dir.as_deref())?;
    let began_at = jiff::Timestamp::now();
    let machine = Machine::examine(&scratch.dir)?;
    say(&format!("positions, {began_at:.0}: {}\n", report::machine_line(&machine)));

    let mut sizes = Vec::new();
    for size in &arguments.sizes {
        let dir = scratch.database(&format!("positions-{size}"))?;
        let in_size = |failure: Failure| failure.context(format!("size {size}"));
        let mut figures = measure_size(size, &dir, &scratch.dir, prefix).map_err(in_size)?;
        for _ in 1..arguments.imports {
            let dir = scratch.database(&format!("positions-{size}-again"))?;
            figures.imports_again.push(import_again(size, &dir, prefix).map_err(in_size)?);
            fs::remove_dir_all(&dir)?;
        }
        say(&report::size_lines(&figures));
        sizes.push(figures);
        if !arguments.keep {
            fs::remove_dir_all(&dir)?;
        }
    }
    let floors = report::floors(&sizes);
    say(&report::floor_table(&floors));

    let began_at = format!("{began_at:.0}");
    let record = Record { workload: "positions".to_owned(), began_at, machine, sizes, floors };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&record)?);
    }
    if let Some(path) = &arguments.record {
        report::append(path, &record)
            .map_err(|failure| failure.context(format!("cannot record in {}", path.display())))?;
    }
    Ok(())
}

/// Imports one size and prints the figures as JSON.
pub fn positions_import(arguments: &ImportArguments) -> Result<()> {
    let positions = Positions::new(arguments.size.clone());
    let figures = match arguments.again {
        true => serde_json::to_string(&measure::import_again(&positions, &arguments.dir)?)?,
        false => serde_json::to_string(&measure::import(&positions, &arguments.dir)?)?,
    };
    println!("{figures}");
    Ok(())
}

fn measure_size(
    size: &Size,
    dir: &Path,
    scratch: &Path,
    prefix: &[OsString],
) -> Result<SizeFigures> {
    let import = import_in_a_process(size, dir, prefix)?;
    let database_bytes = folder_bytes(dir)?;
    let (truth, baseline_bytes) = resolve(size, scratch)?;
    let open = measure::open(dir)?;
    let scans: Result<Vec<_>> = Question::ALL
        .iter()
        .zip(&truth.answers)
        .map(|(question, answer)| measure::scan(dir, question, answer))
        .collect();
    Ok(SizeFigures {
        size: size.name().to_owned(),
        put_count: size.put_count(),
        rectangle_count: truth.rectangle_count,
        import,
        imports_again: Vec::new(),
        bytes: ByteFigures { database: database_bytes, baseline: baseline_bytes },
        open,
        scans: scans?,
        get: measure::get(dir, &truth)?,
        history: measure::history(dir, &truth)?,
    })
}

/// Starts this executable again for the import, and reads the figures from its standard output.
pub(super) fn import_in_a_process(
    size: &Size,
    dir: &Path,
    prefix: &[OsString],
) -> Result<ImportFigures> {
    run_import(size, dir, &[], prefix)
}

/// The same without compaction.
fn import_again(size: &Size, dir: &Path, prefix: &[OsString]) -> Result<IngestFigures> {
    run_import(size, dir, &["--again"], prefix)
}

fn run_import<T: DeserializeOwned>(
    size: &Size,
    dir: &Path,
    options: &[&str],
    prefix: &[OsString],
) -> Result<T> {
    let output = Command::new(std::env::current_exe()?)
        .args(prefix)
        .arg("positions-import")
        .args(["--size", size.name()])
        .arg("--dir")
        .arg(dir)
        .args(options)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(Failure::new(format!("the import ended with {}", output.status)));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The truth about a size, and the bytes of its rectangles in Parquet.
fn resolve(size: &Size, scratch: &Path) -> Result<(Truth, u64)> {
    let positions = Positions::new(size.clone());
    let path = scratch.join(format!("positions-{size}.parquet"));
    let mut baseline = BaselineWriter::create(&path)?;
    let truth = Truth::resolve(&positions, |rectangles| baseline.write(rectangles))?;
    let bytes = baseline.finish()?;
    fs::remove_file(path)?;
    Ok((truth, bytes))
}
