//! The rows of a body, whatever it is: its columns first, then chunk by chunk.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use annals_engine::ErrorKind;

use super::Format;
use super::arrow::ArrowStream;
use super::body::{Body, Watch};
use crate::error::{Failure, Kind, Result};
use crate::import::batch::BatchChunks;
use crate::import::chunk::Chunk;
use crate::import::parquet::{ParquetChunks, ParquetFile};
use crate::import::plan::Plan;
use crate::import::text::{TextChunks, TextRows};

/// How many rows of a message of an Arrow stream are a chunk.
const ARROW_ROW_COUNT: usize = 32_768;
/// How far a body of NDJSON is looked into for its first line, beyond which it is not looked for.
const AHEAD_BYTES_MAX: u64 = 16 << 20;

/// A body whose columns are known.
pub(super) enum Opened {
    Csv(TextRows),
    /// The names of the first line, and the body from its beginning.
    Ndjson(Vec<String>, Box<dyn Read>),
    Parquet(ParquetFile),
    Arrow(Box<ArrowStream>),
}

impl Opened {
    /// Reads as much of a body as tells its columns; all of a Parquet file, into a temporary one of the folder.
    pub(super) fn open(
        format: Format,
        body: Body,
        watch: &Watch,
        spool_dir: &Path,
    ) -> Result<Opened> {
        match format {
            Format::Csv => {
                let rows = TextRows::csv(Box::new(body)).map_err(|error| {
                    let is_empty = watch.decoded_bytes() == 0;
                    let empty = || Failure::new("the body is empty; expected a header line");
                    if is_empty { empty() } else { error }
                });
                rows.map(Opened::Csv)
            }
            Format::Ndjson => read_first_line(body),
            Format::Parquet => {
                let file = spool(body, spool_dir)?;
                guarded(|| ParquetFile::open(file)).map(Opened::Parquet)
            }
            Format::Arrow => Ok(Opened::Arrow(Box::new(ArrowStream::new(body)?))),
        }
    }

    /// The names of the columns; of NDJSON, those of the first line.
    pub(super) fn names(&self) -> &[String] {
        match self {
            Opened::Csv(rows) => rows.names(),
            Opened::Ndjson(names, _) => names,
            Opened::Parquet(file) => &file.names,
            Opened::Arrow(stream) => &stream.names,
        }
    }

    /// Finds the plan's columns in the body.
    pub(super) fn rows(self, plan: &Plan) -> Result<Rows<'_>> {
        Ok(match self {
            Opened::Csv(rows) => Rows::Text(Box::new(TextChunks::new(plan, rows)?)),
            Opened::Ndjson(_, body) => {
                let rows = TextRows::ndjson(body, plan.names());
                Rows::Text(Box::new(TextChunks::new(plan, rows)?))
            }
            Opened::Parquet(file) => Rows::Parquet(guarded(|| file.chunks(plan))?),
            Opened::Arrow(stream) => {
                let chunks = BatchChunks::new(plan, &stream.names, ARROW_ROW_COUNT)?;
                Rows::Arrow(stream, chunks)
            }
        })
    }
}

/// The rows of a body in the types of the table.
pub(super) enum Rows<'a> {
    Text(Box<TextChunks<'a>>),
    Parquet(ParquetChunks<'a>),
    Arrow(Box<ArrowStream>, BatchChunks<'a>),
}

impl Rows<'_> {
    /// The next rows; nothing at the end of the body. Errors name the line, or the row by its number.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        match self {
            Rows::Text(chunks) => chunks.next(),
            Rows::Parquet(chunks) => guarded(|| chunks.next()),
            Rows::Arrow(stream, chunks) => loop {
                if let Some(chunk) = guarded(|| chunks.next())? {
                    return Ok(Some(chunk));
                }
                let Some(batch) = stream.next()? else { return Ok(None) };
                chunks.feed(batch)?;
            },
        }
    }
}

/// Runs what reads columns that were not judged throughout: where Arrow's own code gives up in a panic, they are malformed.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Failure::of(
            Kind::Malformed,
            "the columns of the body are damaged: they cannot be read",
        ))
    })
}

/// Tells the names of the first line that is not empty. A line that cannot be read has none here, and is refused, with its
/// number, when rows are read.
fn read_first_line(body: Body) -> Result<Opened> {
    let mut body = BufReader::with_capacity(64 << 10, body);
    let mut ahead = Vec::new();
    while ahead.trim_ascii().is_empty() {
        let room = AHEAD_BYTES_MAX.saturating_sub(ahead.len() as u64);
        if body.by_ref().take(room).read_until(b'\n', &mut ahead)? == 0 {
            break;
        }
    }
    let names = TextRows::ndjson_sample(Box::new(Cursor::new(ahead.clone()))).first_names();
    Ok(Opened::Ndjson(names, Box::new(Cursor::new(ahead).chain(body))))
}

/// Puts the body into a file without a name, which is gone when it is closed.
fn spool(mut body: Body, dir: &Path) -> Result<File> {
    let refuse = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Exhausted,
            _ => ErrorKind::Io,
        };
        let what = format!("cannot keep the body in {}: {error}", dir.display());
        Failure::of(Kind::Engine(kind), what)
    };
    let mut file = tempfile::tempfile_in(dir).map_err(refuse)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = body.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count]).map_err(refuse)?;
    }
    file.rewind().map_err(refuse)?;
    Ok(file)
}
