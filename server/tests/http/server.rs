//! A server of a test: the real binary, in a folder of its own, ended with the test.
//!
//! What it tells on standard error is kept. A line of level ERROR, or one that is no line of the log (a panic), fails the test unless
//! it is expected.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Connection, PATIENCE};
use super::common::Place;
use super::request::{Reply, Request};

/// How long to wait before looking again whether something has happened.
const PAUSE: Duration = Duration::from_millis(10);

/// The lines of a log, as they come.
#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
    /// Where it listens.
    pub(crate) at: SocketAddr,
    expected_error: Option<&'static str>,
}

impl Server {
    /// Serves the database `db` of the place, with flags separated by spaces.
    pub(crate) fn start(place: &Place, flags: &str) -> Server {
        let mut command =
            place.command(&format!("serve -d db --listen 127.0.0.1:0 --log-format json {flags}"));
        Server::of(&mut command)
    }

    /// The same, by a shell that has done something before, such as setting a limit.
    pub(crate) fn under(place: &Place, first: &str) -> Server {
        let whole = place.command("serve -d db --listen 127.0.0.1:0 --log-format json");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{first}; exec \"$@\""), "sh"]);
        command.arg(whole.get_program()).args(whole.get_args());
        command.current_dir(place.path(".")).stdin(Stdio::null());
        Server::of(&mut command)
    }

    /// Runs a command that serves.
    pub(crate) fn of(command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Arc::new(Log::default());
        let to = log.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                to.lines.lock().unwrap().push(line.unwrap());
                to.more.notify_all();
            }
        });
        let at = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Server { child, log, reader: Some(reader), at, expected_error: None };
        let line = server.wait_for_line("listening on ");
        let address = serde_json::from_str::<Value>(&line).unwrap()["fields"]["address"].clone();
        server.at = address.as_str().unwrap().parse().unwrap();
        server
    }

    /// Lines of level ERROR are expected if they have these words.
    pub(crate) fn expect_error(mut self, words: &'static str) -> Server {
        self.expected_error = Some(words);
        self
    }

    /// Whether a line of the log has these words by now.
    pub(crate) fn has_line(&self, words: &str) -> bool {
        self.log.lines.lock().unwrap().iter().any(|line| line.contains(words))
    }

    /// The first line of the log with these words, once it is there.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, words: &str) -> String {
        let lines = self.log.lines.lock().unwrap();
        let has_none = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(words));
        let (lines, waited) = self.log.more.wait_timeout_while(lines, PATIENCE, has_none).unwrap();
        assert!(!waited.timed_out(), "no line has {words:?}: {lines:#?}");
        lines.iter().find(|line| line.contains(words)).cloned().unwrap()
    }

    /// The lines of the log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    /// Its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.at)
    }

    /// Asks on a connection of its own, and reads the whole answer.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Request) -> Reply {
        self.connect().ask(request).unwrap()
    }

    /// Runs SQL.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> Reply {
        self.ask(&Request::sql(sql))
    }

    /// Runs SQL that must go well.
    #[track_caller]
    pub(crate) fn run(&self, sql: &str) -> Value {
        self.sql(sql).ok().json()
    }

    /// The rows of a query as JSON, without blanks.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> String {
        self.sql(sql).rows()
    }

    /// The most memory that it has had, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process_id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// A counter or gauge, named with its labels.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.ask(&Request::get("/metrics"));
        let of_name = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        text.text().lines().find_map(of_name).unwrap_or(0)
    }

    /// Waits until a counter or gauge has a value.
    #[track_caller]
    pub(crate) fn wait_for_metric(&self, name: &str, is_there: impl Fn(u64) -> bool) {
        wait_until(name, || is_there(self.metric(name)));
    }

    /// Waits until a query gives these rows: what is put on record is durable a moment later.
    #[track_caller]
    pub(crate) fn wait_for_rows(&self, sql: &str, expect: &str) {
        wait_until(&format!("{sql} gives {expect}"), || self.rows(sql) == expect);
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the end of the server", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.read_to_end();
        status.unwrap()
    }

    /// Tells it to end, and expects that it ends well.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.terminate();
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.log());
    }

    fn read_to_end(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// The first line that tells of an error nobody expected.
    fn unexpected(&self) -> Option<String> {
        let lines = self.log.lines.lock().unwrap();
        let is_bad = |line: &&String| match serde_json::from_str::<Value>(line) {
            Ok(event) => {
                event["level"] == "ERROR"
                    && !self.expected_error.is_some_and(|words| line.contains(words))
            }
            Err(_) => true,
        };
        lines.iter().find(is_bad).cloned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            self.read_to_end();
            assert_eq!(self.unexpected(), None, "{}", self.log());
        } else {
            eprintln!("the log of the server:\n{}", self.log());
        }
    }
}

/// Waits until something holds that will hold sooner or later.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(PAUSE);
    }
}
