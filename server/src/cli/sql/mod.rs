//! `annals sql`: statements from the command line, a file, standard input, or a prompt.
//!
//! * `runner`: runs statements and writes their answers; `rows` computes them aside, so that Ctrl-C is heard.
//! * `shell`: the prompt's loop; `prompt` and `history` read its lines, `meta` has the commands that begin with `\`, `ctrl_c` hears Ctrl-C.
//!
//! Text that is given whole is read whole: if a statement makes no sense to the parser, none is run. Then they run one after
//! the other, to the end or the first that fails. What has been committed stays; an open transaction is given up.

mod ctrl_c;
mod history;
mod meta;
mod prompt;
mod rows;
mod runner;
mod shell;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use annals_engine::Database;
use annals_query::SqlOptions;
use clap::Args;

use super::{Dir, tell_recovery};
use crate::disk;
use crate::error::{Failure, Result};
use crate::output::Format;
use ctrl_c::CtrlC;
use prompt::Prompt;
use runner::Runner;
use shell::Shell;

/// What expressions may take that nest as deeply as the parser allows.
const STACK_BYTES: usize = 16 << 20;
/// How long work that was interrupted may take to put its temporary files away, and a commit on its way to be done.
const GRACE: Duration = Duration::from_secs(2);

/// Run SQL statements, given here, in a file, on standard input, or at a prompt
///
/// Statements are separated by `;` and run to the end or the first that fails; what was committed before it stays. An error
/// names line and column, and the exit status is 1. If the text as a whole cannot be read, nothing of it is run.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  annals sql -d db                                       a prompt; \\? tells its commands
  annals sql -d db \"SELECT * FROM tz FOR VALID_TIME AS OF '2016-12-01' WHERE zone LIKE 'Asia/%'\"
  annals sql -d db --format parquet -f question.sql > answer.parquet")]
pub(crate) struct Sql {
    #[command(flatten)]
    dir: Dir,

    /// The statements
    #[arg(value_name = "SQL")]
    text: Option<String>,

    /// A file with statements; `-` is standard input
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,

    /// Read standard input line by line as a prompt does, commands that begin with `\` among it, even if it is no terminal
    #[arg(short = 'i', long, conflicts_with_all = ["text", "file"])]
    interactive: bool,

    /// The form of the rows; an Arrow stream or a Parquet file is the answer of one query
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Say on standard error what each statement did, such as `UPSERT 2`; a prompt always does
    #[arg(short = 'v', long)]
    verbose: bool,

    /// Say on standard error how long each statement took
    #[arg(long)]
    timing: bool,

    /// How much memory queries may take for sorts, joins and aggregates before they spill to disk, in MiB
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    memory_mb: u32,
}

impl Sql {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let format = Format::of_stdout(self.format);
        let text = match self.is_prompt() {
            true if format.is_one_answer() => {
                return Err(Failure::usage("at a prompt --format is table, csv, json or ndjson"));
            }
            true => None,
            false => Some(self.read()?),
        };
        let database = Database::open(&self.dir.dir, disk::options())?;
        tell_recovery(&database);
        let bytes = usize::try_from(u64::from(self.memory_mb) << 20).unwrap_or(usize::MAX);
        let options = SqlOptions::default().memory_bytes_max(bytes);
        let sql = annals_query::Sql::new(database.clone(), options)?;
        let mut session = sql.session();
        // Erasures are on record with who asked for them.
        if let Some(user) = std::env::var("USER").ok().filter(|user| !user.is_empty()) {
            session.set_user(user);
        }
        let mut runner = Runner::new(session, format);
        runner.is_timed = self.timing;
        runner.tells_tags = self.verbose || text.is_none();
        match text {
            Some(text) => run(async move { runner.run_script(&text).await }, true),
            None => run(Shell::new(runner, database, Prompt::of_stdin()).run(), false),
        }
    }

    fn is_prompt(&self) -> bool {
        let is_given = self.text.is_some() || self.file.is_some();
        self.interactive || (!is_given && std::io::stdin().is_terminal())
    }

    /// All statements, from wherever they are given.
    fn read(&self) -> Result<String> {
        if let Some(text) = &self.text {
            return Ok(text.clone());
        }
        match self.file.as_deref().filter(|file| *file != Path::new("-")) {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| Failure::from(error).context(file.display())),
            None => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map_err(|error| Failure::from(error).context("standard input"))?;
                Ok(text)
            }
        }
    }
}

/// Runs `work` on a runtime of its own, until it ends or, if that is to end it, the user presses Ctrl-C.
fn run<W>(work: W, ends_by_ctrl_c: bool) -> Result<()>
where
    W: Future<Output = Result<()>> + Send + 'static,
{
    // A join can compute for minutes before it lets go of its thread. Then others must be left to hear Ctrl-C.
    let processor_count = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().thread_stack_size(STACK_BYTES).worker_threads(2 * processor_count + 2);
    let runtime = builder.build()?;
    let result = runtime.block_on(async {
        let mut ctrl_c = ends_by_ctrl_c.then(CtrlC::hear).transpose()?;
        let interrupted = async {
            let is_pressed = match &mut ctrl_c {
                Some(ctrl_c) => ctrl_c.next().await,
                None => false,
            };
            if !is_pressed {
                std::future::pending::<()>().await;
            }
        };
        // On a worker too, because the stack of the main thread is not ours to size.
        let mut work = tokio::spawn(work);
        tokio::select! {
            done = &mut work => done.unwrap_or_else(|error| {
                Err(Failure::new(format!("the statement broke off: {error}")))
            }),
            () = interrupted => {
                work.abort();
                // It ends where it next waits. If it waits for a reader of our output that does not read, nobody waits for it.
                let _ = tokio::time::timeout(GRACE, work).await;
                Err(Failure::Interrupted)
            }
        }
    });
    runtime.shutdown_timeout(GRACE);
    result
}
