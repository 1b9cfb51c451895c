//! Figures as people read them.

use std::fmt::Write;

use super::figures::SizeFigures;
use super::floors::Floor;
use crate::measure::{Machine, ProbeFigures, ScanFigures};

const MIB: f64 = (1 << 20) as f64;
const MB: f64 = 1e6;

/// What the figures were taken on, in a line.
pub fn machine_line(machine: &Machine) -> String {
    let memory =
        machine.memory_bytes.map(|bytes| format!("{:.1} GiB", bytes as f64 / MIB / 1024.0));
    format!(
        "{} cores, {}, {}; syncing 64 KiB: {:.0} us; commit {}",
        machine.cores,
        memory.as_deref().unwrap_or("memory unknown"),
        machine.processor.as_deref().unwrap_or("processor unknown"),
        machine.sync_us_p50,
        machine.commit.as_deref().unwrap_or("unknown"),
    )
}

/// The figures of a size, a line for each thing measured.
pub fn size_lines(figures: &SizeFigures) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_size(&mut text, figures);
    text
}

fn write_size(text: &mut String, figures: &SizeFigures) -> std::fmt::Result {
    let (import, ingest) = (&figures.import, &figures.import.ingest);
    writeln!(
        text,
        "{}: {} puts, {} rectangles",
        figures.size, figures.put_count, figures.rectangle_count
    )?;
    writeln!(
        text,
        "  import   {:.0} puts/s ({:.1} s, of it {:.1} s making rows); \
         first tenth {:.0}, last tenth {:.0}, ratio {:.2}",
        ingest.puts_per_second,
        ingest.seconds,
        ingest.generate_seconds,
        ingest.puts_per_second_first_tenth,
        ingest.puts_per_second_last_tenth,
        ingest.last_tenth_share(),
    )?;
    for again in &figures.imports_again {
        writeln!(
            text,
            "  again    {:.0} puts/s; first tenth {:.0}, last tenth {:.0}, ratio {:.2}; peak {}",
            again.puts_per_second,
            again.puts_per_second_first_tenth,
            again.puts_per_second_last_tenth,
            again.last_tenth_share(),
            memory(again.peak_memory_bytes),
        )?;
    }
    writeln!(
        text,
        "  commit   p50 {:.0} us, p99 {:.0} us, max {:.0} us",
        ingest.commit_us_p50, ingest.commit_us_p99, ingest.commit_us_max
    )?;
    writeln!(
        text,
        "  memory   peak {} importing, {} after compaction",
        memory(ingest.peak_memory_bytes),
        memory(import.peak_memory_bytes_after_compaction)
    )?;
    writeln!(
        text,
        "  compact  {:.2} s; close {:.3} s; open {:.2} ms (median), {:.2} ms (max)",
        import.compact_seconds, import.close_seconds, figures.open.median_ms, figures.open.max_ms
    )?;
    writeln!(
        text,
        "  bytes    {:.1} MB ({:.1} MB before compaction); \
         the rectangles in zstd Parquet {:.1} MB; ratio {:.2}",
        figures.bytes.database as f64 / MB,
        import.bytes_before_compaction as f64 / MB,
        figures.bytes.baseline as f64 / MB,
        figures.bytes.ratio()
    )?;
    for scan in &figures.scans {
        write_scan(text, scan)?;
    }
    write_probe(text, &figures.get)?;
    write_probe(text, &figures.history)
}

fn write_scan(text: &mut String, scan: &ScanFigures) -> std::fmt::Result {
    writeln!(
        text,
        "  {}       best {:.2} ms, median {:.2} ms, first {:.2} ms; {} rows, {:.1} ns/row  ok",
        scan.name,
        scan.best_ms,
        scan.median_ms,
        scan.first_ms,
        scan.row_count,
        scan.best_ns_per_row
    )?;
    writeln!(text, "           {}", scan.metrics.replace('\n', "\n           "))
}

fn write_probe(text: &mut String, probe: &ProbeFigures) -> std::fmt::Result {
    writeln!(
        text,
        "  {}       warm p50 {:.1} us, p99 {:.1} us; first pass p50 {:.1} us, p99 {:.1} us  ok",
        probe.name, probe.warm_us_p50, probe.warm_us_p99, probe.first_us_p50, probe.first_us_p99
    )
}

fn memory(bytes: Option<u64>) -> String {
    bytes.map_or("unknown".to_owned(), |bytes| format!("{:.0} MiB", bytes as f64 / MIB))
}

/// The floors as a table.
pub fn floor_table(floors: &[Floor]) -> String {
    let rows: Vec<[&str; 4]> = floors
        .iter()
        .map(|floor| {
            let verdict = match floor.met {
                Some(true) => "pass",
                Some(false) => "MISS",
                None => "",
            };
            [&floor.figure, &floor.floor, floor.reached.as_deref().unwrap_or("not run"), verdict]
        })
        .collect();
    let heads = ["figure", "floor", "reached", ""];
    let width = |at: usize| {
        rows.iter().map(|row| row[at].len()).chain([heads[at].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut text = String::new();
    for row in std::iter::once(&heads).chain(&rows) {
        let [figure, floor, reached, verdict] = row;
        let line = format!(
            "{figure:<0$}  {floor:>1$}  {reached:>2$}  {verdict}",
            widths[0], widths[1], widths[2]
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floors_are_a_table() {
        let floor = |figure: &str, reached: Option<&str>, met| Floor {
            figure: figure.to_owned(),
            floor: "<= 1.50 x".to_owned(),
            reached: reached.map(str::to_owned),
            met,
        };
        let floors = [
            floor("Q1", Some("1.12 x"), Some(true)),
            floor("Q2", Some("12.00 x"), Some(false)),
            floor("a longer one", None, None),
        ];
        let expect = "\
figure            floor  reached
Q1            <= 1.50 x   1.12 x  pass
Q2            <= 1.50 x  12.00 x  MISS
a longer one  <= 1.50 x  not run
";
        assert_eq!(floor_table(&floors), expect);
    }
}
