//! The server as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::failure::{Failure, Result};

/// A server that runs until it is dropped. Its database is thrown away, so it is not asked to end.
pub(super) struct Server {
    process: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts `executable serve` on a folder, with its settings as they are unless told otherwise, and waits until it listens.
    pub(super) fn start(executable: &Path, dir: &Path) -> Result<Server> {
        let mut process = Command::new(executable)
            .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "-d"])
            .arg(dir)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::from(error).context(executable.display()))?;
        let log = process.stderr.take().map(BufReader::new);
        let mut lines = log.into_iter().flat_map(BufRead::lines);
        let mut last = String::new();
        while let Some(Ok(line)) = lines.next() {
            if let Some(address) = listening(&line) {
                // What it tells later must be taken, or it would wait for a reader.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Server { process, address });
            }
            last = line;
        }
        let status = process.wait()?;
        Err(Failure::new(format!("the server ended with {status}: {last}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line.get("message").or_else(|| line.get("fields")?.get("message"))?.as_str()?;
    message.strip_prefix("listening on http://")?.parse().ok()
}
