//! The files of an import: what they are, told by their names, and how their bytes are read.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use annals_engine::DataType;
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;

use super::chunk::Chunk;
use super::parquet::{self, ParquetChunks};
use super::plan::Plan;
use super::text::{Bytes, TextChunks, TextRows};
use crate::error::{Failure, Result};

/// How much of standard input is read ahead to tell the types of its columns.
const SAMPLE_BYTES: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
    Parquet,
}

#[derive(Debug)]
enum Place {
    Path(PathBuf),
    /// Standard input; what was read ahead of it, and whether that is all.
    Stdin {
        ahead: Vec<u8>,
        is_whole: bool,
    },
    /// Bytes of the binary itself.
    Embedded(&'static [u8]),
}

/// A file to import.
#[derive(Debug)]
pub(crate) struct Source {
    /// How messages call it.
    pub(crate) name: String,
    place: Place,
    format: Format,
    is_gzip: bool,
}

impl Source {
    /// A file by its path; `-` is CSV from standard input.
    pub(crate) fn open(path: &Path) -> Result<Source> {
        if path == Path::new("-") {
            let mut ahead = Vec::new();
            std::io::stdin().lock().take(SAMPLE_BYTES).read_to_end(&mut ahead)?;
            let is_whole = (ahead.len() as u64) < SAMPLE_BYTES;
            let place = Place::Stdin { ahead, is_whole };
            return Ok(Source {
                name: "standard input".into(),
                place,
                format: Format::Csv,
                is_gzip: false,
            });
        }
        let name = path.display().to_string();
        let (format, is_gzip) = format_of(&name)?;
        let source = Source { name, place: Place::Path(path.to_owned()), format, is_gzip };
        source.byte_count()?;
        Ok(source)
    }

    /// Bytes that the binary brings along, as if they were the file of that name.
    pub(crate) fn embedded(name: &str, bytes: &'static [u8]) -> Result<Source> {
        let (format, is_gzip) = format_of(name)?;
        Ok(Source { name: name.into(), place: Place::Embedded(bytes), format, is_gzip })
    }

    /// Whether it can be read but once.
    pub(crate) fn is_stdin(&self) -> bool {
        matches!(self.place, Place::Stdin { .. })
    }

    /// How many bytes the file has; 0 for standard input.
    pub(crate) fn byte_count(&self) -> Result<u64> {
        match &self.place {
            Place::Path(path) => {
                let metadata =
                    std::fs::metadata(path).map_err(|error| self.refuse(error.into()))?;
                if metadata.is_dir() {
                    return Err(self.refuse(Failure::new("a folder, not a file")));
                }
                Ok(metadata.len())
            }
            Place::Stdin { .. } => Ok(0),
            Place::Embedded(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// The columns and their types, told from the first rows.
    pub(crate) fn infer(&self) -> Result<Vec<(String, DataType)>> {
        let hidden = ProgressBar::hidden();
        let found = match (&self.place, self.format) {
            (Place::Stdin { ahead, is_whole }, _) => {
                TextRows::csv(Box::new(Cursor::new(ahead.clone())))
                    .and_then(|rows| rows.infer(*is_whole))
            }
            (_, Format::Csv) => {
                self.bytes(&hidden).and_then(TextRows::csv).and_then(|rows| rows.infer(true))
            }
            (_, Format::Ndjson) => {
                self.bytes(&hidden).map(TextRows::ndjson_sample).and_then(|rows| rows.infer(true))
            }
            (_, Format::Parquet) => self.file().and_then(parquet::infer),
        };
        found.map_err(|error| self.refuse(error))
    }

    /// The rows in the types of the plan. `progress` is told of the bytes read.
    pub(crate) fn chunks<'a>(
        &'a self,
        plan: &'a Plan,
        progress: &'a ProgressBar,
    ) -> Result<Chunks<'a>> {
        let rows = match self.format {
            Format::Csv => self
                .bytes(progress)
                .and_then(TextRows::csv)
                .and_then(|rows| TextChunks::new(plan, rows))
                .map(|chunks| Rows::Text(Box::new(chunks))),
            Format::Ndjson => {
                let names = plan.names();
                self.bytes(progress)
                    .map(|bytes| TextRows::ndjson(bytes, names))
                    .and_then(|rows| TextChunks::new(plan, rows))
                    .map(|chunks| Rows::Text(Box::new(chunks)))
            }
            Format::Parquet => self
                .file()
                .and_then(|file| ParquetChunks::new(plan, file))
                .map(|chunks| Rows::Parquet(Box::new(chunks))),
        };
        let rows = rows.map_err(|error| self.refuse(error))?;
        Ok(Chunks { source: self, rows, progress })
    }

    /// The same failure with the name of the file before it.
    pub(crate) fn refuse(&self, failure: Failure) -> Failure {
        failure.context(&self.name)
    }

    fn file(&self) -> Result<File> {
        match &self.place {
            Place::Path(path) => Ok(File::open(path)?),
            _ => Err(Failure::new("Parquet is read from files only")),
        }
    }

    fn bytes(&self, progress: &ProgressBar) -> Result<Bytes> {
        let bytes: Bytes = match &self.place {
            Place::Path(path) => Box::new(progress.wrap_read(File::open(path)?)),
            Place::Stdin { ahead, .. } => {
                Box::new(Cursor::new(ahead.clone()).chain(std::io::stdin()))
            }
            Place::Embedded(bytes) => Box::new(*bytes),
        };
        Ok(if self.is_gzip { Box::new(MultiGzDecoder::new(bytes)) } else { bytes })
    }
}

fn format_of(name: &str) -> Result<(Format, bool)> {
    let lower = name.to_ascii_lowercase();
    let (stem, is_gzip) = match lower.strip_suffix(".gz") {
        Some(stem) => (stem, true),
        None => (lower.as_str(), false),
    };
    let format = match stem.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv") => Format::Csv,
        Some("ndjson" | "jsonl") => Format::Ndjson,
        Some("parquet") if !is_gzip => Format::Parquet,
        _ => {
            return Err(Failure::new(format!(
                "{name}: cannot tell what it is; expected .csv, .ndjson, .jsonl (each also .gz) or .parquet"
            )));
        }
    };
    Ok((format, is_gzip))
}

enum Rows<'a> {
    Text(Box<TextChunks<'a>>),
    Parquet(Box<ParquetChunks<'a>>),
}

/// The rows of one source, chunk by chunk.
pub(crate) struct Chunks<'a> {
    source: &'a Source,
    rows: Rows<'a>,
    progress: &'a ProgressBar,
}

impl Chunks<'_> {
    /// The next rows; nothing at the end. Errors name the file and the line.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>> {
        let chunk = match &mut self.rows {
            Rows::Text(chunks) => chunks.next(),
            Rows::Parquet(chunks) => {
                let before = chunks.rows_read();
                let chunk = chunks.next();
                // Parquet is not read from front to back: its rows stand for its bytes.
                let read = u128::from(chunks.rows_read() - before);
                let bytes = u128::from(self.source.byte_count().unwrap_or_default());
                self.progress.inc((bytes * read / u128::from(chunks.row_count.max(1))) as u64);
                chunk
            }
        };
        chunk.map_err(|error| self.source.refuse(error))
    }
}
