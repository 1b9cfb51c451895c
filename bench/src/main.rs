//! `annals-bench`: see `docs/benchmarks.md`.

use std::process::ExitCode;

use annals_bench::command::Command;
use clap::Parser;

/// Deterministic workloads for Annals, and the figures it reaches on them
#[derive(Parser)]
#[command(name = "annals-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run(&[]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
