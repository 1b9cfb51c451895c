//! `annals compact`: everything into its final partition.

use clap::Args;

use super::Dir;
use crate::error::Result;

/// Rewrite every table into its final form: one sorted run a partition, ended versions in the partition of their end
///
/// Changes no answer. A database does this by itself in the background; this does all of it, now.
#[derive(Args, Debug)]
pub(crate) struct Compact {
    #[command(flatten)]
    dir: Dir,
}

impl Compact {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let database = self.dir.open()?;
        let before = super::stats::byte_count(&database.stats()?);
        database.compact(&mut |step| eprintln!("{step}"))?;
        let after = super::stats::byte_count(&database.stats()?);
        database.close()?;
        eprintln!("{before} bytes in segments before, {after} after");
        Ok(())
    }
}
