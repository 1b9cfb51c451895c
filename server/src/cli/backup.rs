//! `annals backup` and `annals restore`: points of a backup folder, and databases made from them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_engine::arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use annals_engine::{BackupOptions, BackupPoint, RestoreOptions};
use clap::Args;

use super::{Dir, instant};
use crate::disk;
use crate::error::{Failure, Result};
use crate::output::{self, Format, Shape, Writer};

/// Back the database up into a folder: a point to restore from, which brings only files that no earlier point has brought
///
/// Files get a second name in the folder where the file system can do that, and are copied and verified elsewhere. The database remembers the
/// folder, and ERASE reaches what is in it.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true))]
#[command(after_help = "\
Examples:
  annals backup -d db --to /mnt/backups/db
  annals backup -d db --list
  annals backup -d db --forget /mnt/backups/db")]
pub(crate) struct Backup {
    #[command(flatten)]
    dir: Dir,

    /// The folder: missing, empty, or with earlier backups of this database
    #[arg(long, value_name = "FOLDER", group = "what")]
    to: Option<PathBuf>,

    /// Copy files even where they could get a second name
    #[arg(long, requires = "to")]
    copy: bool,

    /// Take a folder off the list: ERASE does not reach it any more; nothing in it is changed
    #[arg(long, value_name = "FOLDER", group = "what")]
    forget: Option<PathBuf>,

    /// List the folders of backups that ERASE reaches, with their points
    #[arg(long, group = "what")]
    list: bool,

    /// The form of the list
    #[arg(long, value_enum, requires = "list")]
    format: Option<Format>,
}

impl Backup {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let database = self.dir.open()?;
        if let Some(to) = &self.to {
            let options = BackupOptions::default().copy(self.copy);
            println!("{}", database.backup(absolute(to)?, &options)?);
        }
        if let Some(forgotten) = &self.forget {
            database.forget_backup(absolute(forgotten)?)?;
        }
        if self.list {
            let mut lines = Vec::new();
            for folder in database.backups()? {
                match annals_engine::backup_points(&folder, &disk::options()) {
                    Ok(points) => lines.extend(points.into_iter().map(|p| (folder.clone(), p))),
                    Err(error) => eprintln!("{folder}: {error}"),
                }
            }
            show(&lines, self.format)?;
        }
        Ok(database.close()?)
    }
}

/// Make a database from backups, as it was at the last of them or at any system instant before
///
/// The folder of the new database must be missing or empty. Everything is verified before it becomes a database.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  annals restore --from /mnt/backups/db -d db
  annals restore --from /mnt/backups/db -d then --system-time 2024-06-01T12:00:00Z
  annals restore --from /mnt/backups/db --list")]
pub(crate) struct Restore {
    /// The folder of the new database
    #[arg(short = 'd', long = "dir", value_name = "DIR", env = "ANNALS_DIR")]
    #[arg(required_unless_present = "list")]
    dir: Option<PathBuf>,

    /// The folder of the backups
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,

    /// As the database was at this instant of system time; at the last backup if left out
    #[arg(long, value_name = "X")]
    system_time: Option<String>,

    /// From the point of this number instead of the oldest that knows the instant
    #[arg(long, value_name = "N")]
    point: Option<u64>,

    /// Copy files even where they could get a second name
    #[arg(long)]
    copy: bool,

    /// List the points
    #[arg(long, conflicts_with_all = ["system_time", "point", "copy"])]
    list: bool,

    /// The form of the list
    #[arg(long, value_enum, requires = "list")]
    format: Option<Format>,
}

impl Restore {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let (from, options) = (absolute(&self.from)?, disk::options());
        let Some(dir) = self.dir.as_ref().filter(|_| !self.list) else {
            let points = annals_engine::backup_points(&from, &options)?.into_iter();
            let folder = from.display().to_string();
            let lines: Vec<_> = points.map(|point| (folder.clone(), point)).collect();
            return show(&lines, self.format);
        };
        let mut request = RestoreOptions::default().copy(self.copy);
        if let Some(text) = &self.system_time {
            request = request.at(instant("--system-time", text)?);
        }
        if let Some(point) = self.point {
            request = request.point(point);
        }
        println!("{}", annals_engine::restore(from, dir, &request, &options)?);
        Ok(())
    }
}

/// The path as any other process understands it.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// A row for each point.
fn show(lines: &[(String, BackupPoint)], format: Option<Format>) -> Result<()> {
    let times = lines.iter().map(|(_, point)| Some(point.system_time.micros()));
    let times = TimestampMicrosecondArray::from_iter(times).with_timezone("UTC");
    let count = |value: fn(&BackupPoint) -> u64| -> ArrayRef {
        let values = lines.iter().map(|(_, point)| i64::try_from(value(point)).ok());
        Arc::new(values.collect::<Int64Array>())
    };
    let folders = lines.iter().map(|(folder, _)| Some(folder)).collect::<StringArray>();
    let rows = RecordBatch::try_from_iter([
        ("folder", Arc::new(folders) as ArrayRef),
        ("point", count(|point| point.number)),
        ("system_time", Arc::new(times) as ArrayRef),
        ("file_count", count(|point| point.file_count)),
    ])?;
    let format = Format::of_stdout(format);
    let mut writer = Writer::new(format, Shape::plain(rows.schema()), output::stdout())?;
    writer.write(&rows)?;
    writer.finish()
}
