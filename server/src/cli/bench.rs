//! `annals bench`: the benchmark harness.

use clap::Args;

use crate::error::{Failure, Result};

/// Measure the engine on deterministic workloads, with every answer checked
#[derive(Args, Debug)]
pub(crate) struct Bench {
    #[command(subcommand)]
    command: annals_bench::command::Command,
}

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        // The harness starts this executable again, to measure an import in a process of its own.
        self.command.run(&["bench".into()]).map_err(|error| Failure::new(error.to_string()))
    }
}
