//! `annals verify`: every byte of every file.

use clap::Args;

use super::Dir;
use crate::disk;
use crate::error::{Failure, Result};

/// Read every byte, check every checksum and every invariant, and name each damage with file and offset
///
/// Exit status 0 if all is well, 1 otherwise. Works on a database that is too damaged to open.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    dir: Dir,
}

impl Verify {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let mut damage_count = 0_u64;
        let report = annals_engine::verify(&self.dir.dir, &disk::options(), &mut |damage| {
            damage_count += 1;
            println!("{}", Failure::from(damage));
        })?;
        if damage_count > 0 {
            let what = if damage_count == 1 { "damage" } else { "damages" };
            let dir = self.dir.dir.display();
            return Err(Failure::new(format!("{dir}: {damage_count} {what} found")));
        }
        println!("ok: {report}");
        Ok(())
    }
}
