//! `annals detach`, `attach`, `drop`, `archive` and `retain`: partitions leave and come back.

use std::path::PathBuf;

use annals_engine::disk::is_url;
use annals_engine::{Database, Partition, PartitionChange, PartitionState};
use clap::Args;

use super::{Dir, tell_recovery};
use crate::disk;
use crate::error::{Failure, Result};

/// Which table, and who is on record for it.
#[derive(Args, Debug)]
struct Of {
    #[command(flatten)]
    dir: Dir,

    /// The table
    #[arg(long, value_name = "T")]
    table: String,

    /// Who is on record for it
    #[arg(long, value_name = "NAME", env = "USER", default_value = DEFAULT_BY, value_parser = by)]
    by: String,
}

/// Who is on record where nobody is named.
const DEFAULT_BY: &str = "the command line";

fn by(name: &str) -> std::result::Result<String, std::convert::Infallible> {
    Ok(if name.is_empty() { DEFAULT_BY } else { name }.to_owned())
}

/// Take partitions out of every query and leave them in folders of their own, below that of the database
///
/// Each is a folder of plain Parquet files, such as detached/000001/2024-03, that may be copied or moved and attached again.
#[derive(Args, Debug)]
pub(crate) struct Detach {
    #[command(flatten)]
    of: Of,

    /// Tell what would leave, and between which instants answers would be missing, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Their names, such as 2024-03
    #[arg(value_name = "PARTITION", required = true)]
    partitions: Vec<String>,
}

/// Delete partitions, live or detached, for ever
#[derive(Args, Debug)]
pub(crate) struct Drop {
    #[command(flatten)]
    of: Of,

    /// Tell what would leave, and between which instants answers would be missing, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Their names, such as 2024-03
    #[arg(value_name = "PARTITION", required = true)]
    partitions: Vec<String>,
}

/// Move a partition, live or detached, into a folder elsewhere, as plain Parquet files
#[derive(Args, Debug)]
pub(crate) struct Archive {
    #[command(flatten)]
    of: Of,

    /// The folder, which must be missing or empty
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,

    /// Its name, such as 2024-03
    #[arg(value_name = "PARTITION")]
    partition: String,
}

/// Bring a detached or archived partition back, once every byte of it is verified
#[derive(Args, Debug)]
pub(crate) struct Attach {
    #[command(flatten)]
    of: Of,

    /// The folder that it was copied or moved to; where it was put if left out
    #[arg(long, value_name = "FOLDER", required_unless_present = "partition")]
    from: Option<PathBuf>,

    /// Its name, such as 2024-03
    #[arg(value_name = "PARTITION")]
    partition: Option<String>,
}

/// Take out what has passed out of its table's retention, now rather than in the background
#[derive(Args, Debug)]
pub(crate) struct Retain {
    #[command(flatten)]
    dir: Dir,
}

impl Detach {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let (of, partitions) = (self.of, parsed(&self.partitions)?);
        let database = of.dir.open()?;
        let changes = match self.dry_run {
            true => database.preview_partitions(&of.table, &partitions)?,
            false => database.detach_partitions(&of.table, &partitions, &of.by)?,
        };
        end(database, &changes)
    }
}

impl Drop {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let (of, partitions) = (self.of, parsed(&self.partitions)?);
        let database = of.dir.open()?;
        let changes = match self.dry_run {
            true => database.preview_partitions(&of.table, &partitions)?,
            false => database.drop_partitions(&of.table, &partitions, &of.by)?,
        };
        end(database, &changes)
    }
}

impl Archive {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let (of, partition) = (self.of, Partition::parse(&self.partition)?);
        let to = absolute(&self.to)?;
        let database = of.dir.open()?;
        let change = database.archive_partition(&of.table, partition, to, &of.by)?;
        end(database, &[change])
    }
}

impl Attach {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let partition = self.partition.as_deref().map(Partition::parse).transpose()?;
        let from = self.from.as_ref().map(absolute).transpose()?;
        let of = self.of;
        let database = of.dir.open()?;
        let change = match (partition, from) {
            (None, Some(from)) => database.attach_partition_from(&of.table, from, &of.by)?,
            (Some(partition), from) => {
                database.attach_partition(&of.table, partition, from.as_deref(), &of.by)?
            }
            (None, None) => return Err(Failure::new("which partition is to be attached?")),
        };
        eprintln!("{}: {} rows are back", change.partition, change.row_count);
        Ok(database.close()?)
    }
}

impl Retain {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        // What the background takes out would not be told here.
        let options = disk::options().background(false);
        let database = Database::open_existing(&self.dir.dir, options)?;
        tell_recovery(&database);
        let changes = database.apply_retention()?;
        if changes.is_empty() {
            eprintln!("nothing has passed out of its retention");
        }
        end(database, &changes)
    }
}

fn parsed(names: &[String]) -> Result<Vec<Partition>> {
    names.iter().map(|name| Ok(Partition::parse(name)?)).collect()
}

fn absolute(dir: &PathBuf) -> Result<PathBuf> {
    if is_url(dir) {
        return Ok(dir.clone());
    }
    std::path::absolute(dir)
        .map_err(|error| Failure::new(format!("folder {}: {error}", dir.display())))
}

/// Says what was done, or would be, a line for each partition.
fn end(database: Database, changes: &[PartitionChange]) -> Result<()> {
    for change in changes {
        let PartitionChange { table, partition, row_count, bytes, valid, system, .. } = change;
        let became = match (change.state, &change.location) {
            (PartitionState::Live, _) => "would leave".to_owned(),
            (state, Some(location)) => format!("{state} to {location}"),
            (state, None) => state.to_string(),
        };
        eprintln!("{table}/{partition}: {row_count} rows, {bytes} bytes, {became}");
        eprintln!(
            "  without it nothing can be answered as of valid times from {} to {} and system times from {} to {}, unless both are \
             {} or later",
            valid.0, valid.1, system.0, system.1, change.before
        );
    }
    Ok(database.close()?)
}
