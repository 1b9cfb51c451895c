//! A run of the server under load, beside the embedded library and, if asked for, beside PostgreSQL under the same questions.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::positions::import_in_a_process;
use super::scratch::Scratch;
use crate::command::HttpArguments;
use crate::failure::{Failure, Result};
use crate::measure::{self, HttpFigures, IngestFormat, Machine};
use crate::report::{self, HttpRecord};
use crate::workload::baseline::BaselineWriter;
use crate::workload::{Positions, Truth};

/// Where records go unless told otherwise, from the root of the repository.
pub const HTTP_RECORD_FILE: &str = "bench/records/http.jsonl";
/// What asks other systems, from the root of the repository.
const RIVALS: &str = "bench/rivals/http.py";

/// Runs and reports.
pub fn http(arguments: &HttpArguments, prefix: &[OsString]) -> Result<()> {
    let scratch = Scratch::new(arguments.dir.as_deref())?;
    let began_at = format!("{:.0}", jiff::Timestamp::now());
    let machine = Machine::examine(&scratch.dir)?;
    let server = match &arguments.server {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("annals"),
    };
    println!("http {}, {began_at}: {}\n", arguments.size, report::machine_line(&machine));

    let positions = Positions::new(arguments.size.clone());
    let dir = scratch.database("http-reads")?;
    let import = import_in_a_process(&arguments.size, &dir, prefix)?;
    // Bodies are made before they are sent, so the rows of the import are not counted either.
    let embedded_seconds = import.ingest.seconds - import.ingest.generate_seconds;
    let embedded = f64::from(positions.size().put_count()) / embedded_seconds;
    let rectangles = scratch.dir.join("http-rectangles.parquet");
    let mut writer = BaselineWriter::create(&rectangles)?;
    let truth = Truth::resolve(&positions, |rectangles| writer.write(rectangles))?;
    writer.finish()?;

    let keys = positions.size().key_count();
    let (clients, seconds) = (&arguments.clients, arguments.seconds);
    let reads = measure::reads(&server, &dir, &truth, keys, clients, seconds)?;
    fs::remove_dir_all(&dir)?;
    let rivals = match arguments.rivals {
        true => ask_rivals(&rectangles, keys, arguments)?,
        false => Vec::new(),
    };
    fs::remove_file(&rectangles)?;
    let mut ingests = Vec::new();
    for format in IngestFormat::ALL {
        for &client_count in clients {
            let dir = scratch.database("http-ingest")?;
            ingests.push(measure::ingest(&server, &dir, &positions, format, client_count)?);
            fs::remove_dir_all(&dir)?;
        }
    }
    let size = arguments.size.name().to_owned();
    let workload = "http".to_owned();
    let record = HttpRecord { workload, began_at, machine, size, reads, rivals, embedded, ingests };
    println!("{}", report::http_lines(&record));
    if let Some(path) = &arguments.record {
        report::append(path, &record)?;
    }
    Ok(())
}

/// Lets the script load the rectangles elsewhere and ask the same there.
fn ask_rivals(rectangles: &Path, keys: u32, arguments: &HttpArguments) -> Result<Vec<HttpFigures>> {
    let python = std::env::var("ANNALS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let clients: Vec<String> = arguments.clients.iter().map(usize::to_string).collect();
    let output = Command::new(python)
        .args([RIVALS.as_ref(), rectangles.as_os_str()])
        .args([keys.to_string(), clients.join(","), arguments.seconds.to_string()])
        .output()?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(Failure::new(format!("{RIVALS} ended with {}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
