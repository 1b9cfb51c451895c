//! Where the time of an import goes, step by step: one thread commits, flushes and compacts, so that every share can be told
//! from the others.
//!
//! ```sh
//! cargo run --release -p annals-bench --example steps -- D100 DIR
//! ```
//!
//! A line for each tenth of the import: microseconds of processor time a put for commits, flushes and compactions, rows written
//! to segments for each put, segments, and outstanding cuts. `ANNALS_STEPS=1` names every compaction on standard error.

use std::time::Instant;

use annals_bench::failure::{Failure, Result};
use annals_bench::measure::{folder_bytes, peak_memory_bytes};
use annals_bench::workload::{Positions, Size, TABLE, table_spec, transaction};
use annals_engine::{Database, Options, Step, SystemTime};

/// Processor time of this thread in microseconds, where the system tells; else what has passed since `start`.
fn thread_us(start: &Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ran = text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
    ran.map_or_else(|| start.elapsed().as_secs_f64() * 1e6, |ns| ns / 1e3)
}

#[derive(Default)]
struct Tenth {
    commit_us: f64,
    flush_us: f64,
    compact_us: f64,
    flush_count: u32,
    compact_count: u32,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let size = arguments.next().ok_or_else(|| Failure::new("expected SIZE DIR"))?;
    let dir = arguments.next().ok_or_else(|| Failure::new("expected SIZE DIR"))?;
    let is_loud = std::env::var_os("ANNALS_STEPS").is_some();
    let positions = Positions::new(Size::parse(&size)?);
    let database = Database::open(&dir, Options::default().background(false))?;
    database.create_table(table_spec())?;
    let start = Instant::now();
    let count = positions.size().transaction_count();
    let mut tenth = Tenth::default();
    let mut frozen_count = 0;
    println!(
        "tenth commit_us flush_us compact_us sum_us flushes compactions segments cuts peak_MiB"
    );
    for number in 0..count {
        let rows = transaction(&positions, number)?;
        let before = thread_us(&start);
        let mut next = database.begin();
        next.put(TABLE, &rows)?;
        next.system_time(SystemTime::from_micros(positions.system_time(number)));
        next.commit()?;
        tenth.commit_us += thread_us(&start) - before;
        // A step is looked for whenever one may be due, as a background thread would.
        if number % 16 == 15 || number + 1 == count {
            loop {
                let before = thread_us(&start);
                let Some(step) = database.maintain()? else { break };
                let took = thread_us(&start) - before;
                match &step {
                    Step::Flush { .. } => {
                        frozen_count += 1;
                        tenth.flush_count += 1;
                        tenth.flush_us += took;
                    }
                    _ => {
                        tenth.compact_count += 1;
                        tenth.compact_us += took;
                    }
                }
                if is_loud {
                    eprintln!("{frozen_count:4} {:8.1} ms  {step}", took / 1e3);
                }
            }
        }
        if (number + 1) % (count / 10).max(1) == 0 {
            let puts = f64::from(positions.size().put_count()) / 10.0;
            let Tenth { commit_us, flush_us, compact_us, .. } = tenth;
            let (segment_count, cut_count) = counts(&database)?;
            println!(
                "{:5} {:9.3} {:8.3} {:10.3} {:6.3} {:7} {:11} {:8} {:8} {:8}",
                (number + 1) / (count / 10).max(1),
                commit_us / puts,
                flush_us / puts,
                compact_us / puts,
                (commit_us + flush_us + compact_us) / puts,
                tenth.flush_count,
                tenth.compact_count,
                segment_count,
                cut_count,
                peak_memory_bytes().unwrap_or(0) >> 20,
            );
            tenth = Tenth::default();
        }
    }
    println!("bytes before compaction: {}", folder_bytes(dir.as_ref())?);
    let before = thread_us(&start);
    database.compact(&mut |_| ())?;
    println!(
        "compact: {:.1} s, {} segments, {} MiB peak",
        (thread_us(&start) - before) / 1e6,
        counts(&database)?.0,
        peak_memory_bytes().unwrap_or(0) >> 20
    );
    database.close()?;
    println!("bytes after compaction: {}", folder_bytes(dir.as_ref())?);
    Ok(())
}

/// How many segments there are, and how many cuts lie on them.
fn counts(database: &Database) -> Result<(u64, u64)> {
    let tables = database.stats()?.tables;
    let partitions = tables.iter().flat_map(|table| &table.partitions);
    let cuts = tables.iter().map(|table| table.supersession_count).sum();
    Ok((partitions.map(|partition| partition.segment_count).sum(), cuts))
}
