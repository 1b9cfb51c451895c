//! The binary `annals`.

use std::process::ExitCode;

fn main() -> ExitCode {
    annals_server::run(std::env::args_os())
}
