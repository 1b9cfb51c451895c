//! `annals export`: a table, as of an instant or with all its history, into a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use annals_engine::{
    Axis, Clause, SYSTEM_FROM, SYSTEM_TO, Scan, TableSchema, VALID_FROM, VALID_TO,
};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::{Dir, instant};
use crate::error::{Failure, Result};
use crate::output::{self, Format, Out, Shape, Writer};

/// Export a table, as of now, as of any two instants, or with all its history
///
/// Without options: what is valid now as believed now (of an event table: all events). An axis that is exported whole brings
/// its two period columns.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  annals export -d db --table tz --valid-time 2016-12-01T12:00:00Z --system-time 2016-06-01 then.csv
  annals export -d db --table tz --all history.parquet
  annals export -d db --table tz --valid-time all --format ndjson | head")]
pub(crate) struct Export {
    #[command(flatten)]
    dir: Dir,

    /// The table
    #[arg(long, value_name = "T")]
    table: String,

    /// As of this instant of valid time, or `all`
    #[arg(long, value_name = "X")]
    valid_time: Option<String>,

    /// As believed at this instant of system time, or `all`
    #[arg(long, value_name = "X")]
    system_time: Option<String>,

    /// All that was ever believed, with the four period columns; the same as `all` on both axes
    #[arg(long, conflicts_with_all = ["valid_time", "system_time"])]
    all: bool,

    /// The form; by default that of FILE's name, on standard output `table` for a terminal and `csv` otherwise
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// .csv, .ndjson, .jsonl, .json (each also .gz), .parquet or .arrow; standard output if left out, or `-`.
    /// A file appears when it is complete
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Export {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let valid = axis("--valid-time", self.valid_time.as_deref(), self.all)?;
        let system = axis("--system-time", self.system_time.as_deref(), self.all)?;
        let target = Target::new(self.file.as_deref(), self.format)?;
        let database = self.dir.open()?;
        let table = database.table(&self.table)?;
        let mut periods = Vec::new();
        if matches!(valid, Some(Clause::All)) {
            periods.extend([VALID_FROM, VALID_TO]);
        } else if table.is_event {
            // An event without its instant would say nothing.
            periods.push(VALID_FROM);
        }
        if matches!(system, Some(Clause::All)) {
            periods.extend([SYSTEM_FROM, SYSTEM_TO]);
        }
        let mut scan = database.snapshot()?.scan(&self.table)?;
        if let Some(clause) = valid {
            scan = scan.valid(clause);
        }
        if let Some(clause) = system {
            scan = scan.system(clause);
        }
        let row_count = write(scan.columns(columns(&table, &periods)), &table, target)?;
        if let Some(file) = self.file.filter(|file| file != Path::new("-")) {
            eprintln!("{}: {row_count} rows", file.display());
        }
        Ok(())
    }
}

fn axis<A: Axis>(option: &str, text: Option<&str>, all: bool) -> Result<Option<Clause<A>>> {
    Ok(match text {
        None if all => Some(Clause::All),
        None => None,
        Some(text) if text.eq_ignore_ascii_case("all") => Some(Clause::All),
        Some(text) => Some(Clause::AsOf(instant(option, text)?)),
    })
}

/// The table's columns but for the hidden key of an event table, then the period columns.
fn columns(table: &TableSchema, periods: &[&str]) -> Vec<String> {
    let is_shown = |at: &usize| !(table.is_event && table.key.contains(at));
    let stored = (0..table.columns.len()).filter(is_shown).map(|at| table.columns[at].name.clone());
    stored.chain(periods.iter().map(|name| (*name).to_owned())).collect()
}

fn write(scan: Scan, table: &TableSchema, target: Target) -> Result<usize> {
    let rows = scan.run()?;
    for missing in rows.missing() {
        eprintln!("notice: the file lacks what table `{}` held in {missing}", missing.table);
    }
    let shape = Shape::of_table(rows.schema(), table);
    let (out, file) = target.open()?;
    let mut writer = Writer::new(target.format, shape, out)?;
    let mut row_count = 0;
    for batch in rows {
        let batch = batch?;
        row_count += batch.num_rows();
        writer.write(&batch)?;
    }
    writer.finish()?;
    if let Some((file, path)) = file {
        file.persist(path).map_err(|error| Failure::from(error.error).context(path.display()))?;
    }
    Ok(row_count)
}

/// Where an export goes, in which form.
struct Target<'a> {
    path: Option<&'a Path>,
    format: Format,
    is_gzip: bool,
}

impl<'a> Target<'a> {
    fn new(path: Option<&'a Path>, asked: Option<Format>) -> Result<Target<'a>> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Target { path: None, format: Format::of_stdout(asked), is_gzip: false });
        };
        let name = path.display().to_string().to_ascii_lowercase();
        let stem = name.strip_suffix(".gz");
        let is_gzip = stem.is_some();
        let by_name = match stem.unwrap_or(&name).rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv") => Some(Format::Csv),
            Some("ndjson" | "jsonl") => Some(Format::Ndjson),
            Some("json") => Some(Format::Json),
            Some("txt") => Some(Format::Table),
            Some("parquet") if !is_gzip => Some(Format::Parquet),
            Some("arrow" | "arrows") if !is_gzip => Some(Format::Arrow),
            _ => None,
        };
        let format = asked.or(by_name).ok_or_else(|| {
            Failure::usage(format!(
                "{}: expected .csv, .ndjson, .jsonl, .json (each also .gz), .parquet or .arrow, or --format",
                path.display()
            ))
        })?;
        Ok(Target { path: Some(path), format, is_gzip })
    }

    /// Opens it. A file is written under another name, to be given its own when it is complete.
    fn open(&self) -> Result<(Out, Option<(NamedTempFile, &'a Path)>)> {
        let Some(path) = self.path else { return Ok((output::stdout(), None)) };
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let refuse = |error: std::io::Error| Failure::from(error).context(path.display());
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".annals-export-").permissions(permissions());
        let file = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(refuse)?;
        let writer = std::io::BufWriter::with_capacity(256 << 10, file.reopen().map_err(refuse)?);
        let out: Out = match self.is_gzip {
            true => Box::new(Gzip(Some(GzEncoder::new(writer, Compression::default())))),
            false => Box::new(writer),
        };
        Ok((out, Some((file, path))))
    }
}

/// What any new file gets, less what the user's mask takes away; a temporary file would be its owner's alone.
#[cfg(unix)]
fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// A gzip stream that ends when it is flushed, for the writers flush once, at their end.
struct Gzip<W: Write>(Option<GzEncoder<W>>);

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.0 {
            Some(encoder) => encoder.write(bytes),
            None => Err(std::io::Error::other("the gzip stream has ended")),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.0.take() {
            Some(encoder) => encoder.finish()?.flush(),
            None => Ok(()),
        }
    }
}
