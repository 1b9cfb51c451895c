//! `annals demo`: two small, real stories, asked of a database that is made on the spot.
//!
//! The sample data is part of the binary; every answer is computed by the engine when it is printed.

mod payroll;
mod zones;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use annals_engine::{DataType, Database};
use clap::Args;
use comfy_table::{Cell, CellAlignment, Table};

use super::import::grouped;
use crate::disk;
use crate::error::{Failure, Result};
use crate::import::{self, Request, Source};
use crate::output::{self, Out, plain_table};

const TZ_HISTORY: &[u8] = include_bytes!("../../../../data-samples/tz/tz_history.csv.gz");
const PAYROLL: &[u8] = include_bytes!("../../../../data-samples/payroll/payroll.csv");

/// Load the sample data and answer its questions: what did we believe, when, about what
///
/// Two tables: a payroll with a raise that was recorded late and corrected later, and the history of the world's time zones
/// in 60 releases of the IANA database.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  annals demo
  annals demo -d history     keeps the database in the folder `history`")]
pub(crate) struct Demo {
    /// A new or empty folder to keep the database in; without it the database is removed at the end
    #[arg(short = 'd', long = "dir", value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Demo {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let temporary = match self.dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("annals-demo-").tempdir()?),
        };
        let dir = match (&self.dir, &temporary) {
            (Some(dir), _) => dir.as_path(),
            (None, Some(temporary)) => temporary.path(),
            (None, None) => return Err(Failure::new("there is no folder for the demo")),
        };
        refuse_full(dir)?;
        let mut out = output::stdout();
        load(dir, &mut out)?;
        let database = Database::open_existing(dir, disk::options())?;
        payroll::tell(&database, &mut out)?;
        zones::tell(&database, &mut out)?;
        database.close()?;
        show_what_next(self.dir.as_deref(), &mut out)?;
        Ok(out.flush()?)
    }
}

/// The demo writes into a folder of its own only.
fn refuse_full(dir: &Path) -> Result<()> {
    let is_full = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(Failure::from(error).context(dir.display())),
    };
    if is_full {
        return Err(Failure::new(format!(
            "{} is not empty; the demo wants a folder of its own",
            dir.display()
        )));
    }
    Ok(())
}

fn load(dir: &Path, out: &mut Out) -> Result<()> {
    let started = Instant::now();
    let request = |table: &str, key: &str, types| Request {
        table: table.into(),
        key: vec![key.into()],
        valid_from: Some("valid_from".into()),
        valid_to: Some("valid_to".into()),
        system_time: Some("recorded_at".into()),
        op: Some("op".into()),
        types,
        ..Request::default()
    };
    let salary = ("monthly_salary".into(), DataType::Decimal { precision: 10, scale: 2 });
    let payroll = import::import(
        dir,
        request("payroll", "employee", vec![salary]),
        &[Source::embedded("payroll.csv", PAYROLL)?],
    )?;
    let zones = import::import(
        dir,
        request("tz", "zone", Vec::new()),
        &[Source::embedded("tz_history.csv.gz", TZ_HISTORY)?],
    )?;
    let seconds = started.elapsed().as_secs_f64();
    writeln!(
        out,
        "Two times: a fact holds in the world over its valid time, and the database believes it from one\n\
         system time on. Nothing is overwritten, so every question can be asked as of any two instants.\n\n\
         Loaded {} rows in {} transactions into the tables payroll and tz in {seconds:.2} s.\n",
        grouped(payroll.row_count + zones.row_count),
        grouped(payroll.transaction_count + zones.transaction_count),
    )?;
    Ok(())
}

fn show_what_next(dir: Option<&Path>, out: &mut Out) -> Result<()> {
    let shown = match dir {
        Some(dir) => {
            writeln!(out, "The database stays in {}. Ask it yourself:\n", dir.display())?;
            dir.display().to_string()
        }
        None => {
            writeln!(out, "This database is gone now. Keep one, and ask it yourself:\n")?;
            writeln!(out, "   annals demo -d history")?;
            "history".into()
        }
    };
    writeln!(out, "   annals get -d {shown} --table payroll ada --history")?;
    writeln!(out, "   annals get -d {shown} --table tz Asia/Tokyo --valid-time 1950-07-01")?;
    writeln!(
        out,
        "   annals export -d {shown} --table tz --valid-time 2030-01-01 --system-time 2010-01-01 then.csv"
    )?;
    writeln!(out, "   annals stats -d {shown}")?;
    Ok(())
}

/// A heading with the table it is about.
fn heading(out: &mut Out, title: &str) -> Result<()> {
    Ok(writeln!(out, "{title}\n{}\n", "=".repeat(title.chars().count()))?)
}

/// Answers side by side, three spaces from the edge. The columns in `right` are aligned to the right.
fn show(out: &mut Out, header: &[&str], rows: &[Vec<String>], right: &[usize]) -> Result<()> {
    let mut table: Table =
        plain_table(header.iter().enumerate().map(|(at, name)| cell(name, right.contains(&at))));
    for row in rows {
        table.add_row(row.iter().enumerate().map(|(at, text)| cell(text, right.contains(&at))));
    }
    for line in table.trim_fmt().lines() {
        writeln!(out, "   {line}")?;
    }
    Ok(writeln!(out)?)
}

fn cell(text: &str, is_right: bool) -> Cell {
    let alignment = if is_right { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(text).set_alignment(alignment)
}
