//! A run of the workload "SH1", from nothing to its figures.
//!
//! The data is drawn and held against its published digest, loaded and compacted; then the twelve questions are asked.

use std::fs;
use std::time::Instant;

use super::scratch::Scratch;
use crate::command::Sh1Arguments;
use crate::failure::{Failure, Result};
use crate::measure::{self, Machine};
use crate::report::{self, Sh1Record};
use crate::workload::sh1::{Oracle, Stream};

/// Where records go unless told otherwise, from the root of the repository.
pub const SH1_RECORD_FILE: &str = "bench/records/sh1.jsonl";

/// Runs a tier and reports.
pub fn sh1(arguments: &Sh1Arguments) -> Result<()> {
    let say = |text: &str| if arguments.json { eprintln!("{text}") } else { println!("{text}") };
    let tier = arguments.tier;
    let scratch = Scratch::new(arguments.dir.as_deref())?;
    let dir = scratch.database(&format!("sh1-{tier}"))?;
    let began_at = format!("{:.0}", jiff::Timestamp::now());
    let machine = Machine::examine(&scratch.dir)?;
    say(&format!("sh1 {tier}, {began_at}: {}\n", report::machine_line(&machine)));

    let start = Instant::now();
    let stream = Stream::generate(tier);
    let generate_seconds = start.elapsed().as_secs_f64();
    let stream_sha256 = stream.sha256()?;
    if stream_sha256 != tier.stream_sha256() {
        return Err(Failure::new(format!(
            "the stream of {tier} has the SHA-256 {stream_sha256}, published is {}",
            tier.stream_sha256()
        )));
    }
    let load = measure::load(&stream, &dir)?;
    let truth = Oracle::new(&stream).answers();
    let questions = measure::questions(&dir, tier, &truth)?;
    let record = Sh1Record {
        workload: "sh1".to_owned(),
        began_at,
        machine,
        tier: tier.name().to_owned(),
        stream_sha256,
        generate_seconds,
        load,
        questions,
    };
    say(&report::sh1_lines(&record));
    if !arguments.keep {
        fs::remove_dir_all(&dir)?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&record)?);
    }
    if let Some(path) = &arguments.record {
        report::append(path, &record)
            .map_err(|failure| failure.context(format!("cannot record in {}", path.display())))?;
    }
    Ok(())
}
