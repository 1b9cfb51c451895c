//! What is told of a run of the server under load.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::measure::{HttpFigures, Machine};
use crate::workload::TRANSACTION_PUTS;

/// One run: a line of `bench/records/http.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HttpRecord {
    /// The name of the workload.
    pub workload: String,
    /// When the run began, in UTC.
    pub began_at: String,
    /// What it ran on.
    pub machine: Machine,
    /// The size of the data.
    pub size: String,
    /// Questions to the server.
    pub reads: Vec<HttpFigures>,
    /// The same questions to other systems; the name of each begins with that of the system.
    pub rivals: Vec<HttpFigures>,
    /// Puts a second through the embedded library, the making of rows not counted.
    pub embedded: f64,
    /// The same puts as requests, a transaction each.
    pub ingests: Vec<HttpFigures>,
}

/// The figures, a line for each thing measured.
pub fn http_lines(record: &HttpRecord) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_record(&mut text, record);
    text
}

fn write_record(text: &mut String, record: &HttpRecord) -> std::fmt::Result {
    writeln!(text, "                                    clients  p50 us   p99 us  answers/s")?;
    for figures in record.reads.iter().chain(&record.rivals) {
        let HttpFigures { name, client_count, us_p50, us_p99, requests_per_second, .. } = figures;
        writeln!(
            text,
            "  {name:<34} {client_count:>6} {us_p50:>8.0} {us_p99:>8.0} {requests_per_second:>10.0}"
        )?;
    }
    writeln!(
        text,
        "\n                                    clients  p50 us   p99 us     puts/s  of embedded"
    )?;
    writeln!(text, "  {:<34} {:>34.0}", "embedded, a thread", record.embedded)?;
    for figures in &record.ingests {
        let HttpFigures { name, client_count, us_p50, us_p99, requests_per_second, .. } = figures;
        let puts = requests_per_second * f64::from(TRANSACTION_PUTS);
        let share = puts / record.embedded;
        writeln!(
            text,
            "  {name:<34} {client_count:>6} {us_p50:>8.0} {us_p99:>8.0} {puts:>10.0} {share:>10.2}"
        )?;
    }
    Ok(())
}
