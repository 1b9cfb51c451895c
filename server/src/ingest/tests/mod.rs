//! Bodies of every kind into a real database, whose answers are then looked at.

mod bodies;
mod damage;
mod idempotency;
mod meaning;

use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use annals_engine::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use annals_engine::arrow::ipc::writer::StreamWriter;
use annals_engine::arrow::util::display::array_value_to_string;
use annals_engine::{
    Clause, Column, DataType, Database, Options, SYSTEM_FROM, SYSTEM_TO, SystemTime, TableSpec,
    VALID_FROM, VALID_TO,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;

use super::{Encoding, Format, IdempotencyKey, Ingest, Ingested, Ingester, Op};
use crate::error::{Failure, Kind, Result};

const FORMATS: [Format; 4] = [Format::Csv, Format::Ndjson, Format::Parquet, Format::Arrow];
const ENCODINGS: [Encoding; 3] = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd];

/// A database with the tables `prices` and `visits`.
struct Place {
    dir: tempfile::TempDir,
    database: Database,
    ingester: Ingester,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), Options::default()).unwrap();
        let prices = TableSpec::keyed("prices", ["sku"])
            .column(Column::new("sku", DataType::Text))
            .column(Column::new("cents", DataType::BigInt))
            .column(Column::new("currency", DataType::Text).not_null().with_default("EUR"));
        database.create_table(prices).unwrap();
        let visits = TableSpec::events("visits")
            .column(Column::new("who", DataType::Text))
            .column(Column::new("pages", DataType::SmallInt).with_default(1));
        database.create_table(visits).unwrap();
        let ingester = Ingester::new(database.clone(), None);
        Place { dir, database, ingester }
    }

    /// As after a crash of the process: what was not committed is gone, and so is what was running.
    fn reopened(self) -> Place {
        let Place { dir, database, ingester } = self;
        drop((database, ingester));
        let database = Database::open(dir.path(), Options::default()).unwrap();
        let ingester = Ingester::new(database.clone(), None);
        Place { dir, database, ingester }
    }

    fn ingest(&self, request: &Ingest, body: impl AsRef<[u8]>) -> Result<Ingested> {
        let body = Cursor::new(body.as_ref().to_vec());
        self.ingester.ingest(request.clone(), Box::new(body))
    }

    /// Every version of a table, a line each, sorted: its columns, its valid period, and the system period if it was given.
    fn versions(&self, table: &str, with_system_time: bool) -> Vec<String> {
        let schema = self.database.table(table).unwrap();
        let stored = schema.columns.iter().map(|column| column.name.clone());
        let mut names: Vec<String> = stored.filter(|name| !name.starts_with('_')).collect();
        names.extend([VALID_FROM, VALID_TO].map(str::to_owned));
        if with_system_time {
            names.extend([SYSTEM_FROM, SYSTEM_TO].map(str::to_owned));
        }
        let scan = self.database.snapshot().unwrap().scan(table).unwrap();
        let scan = scan.valid(Clause::All).columns(names);
        let scan = if with_system_time { scan.system(Clause::All) } else { scan };
        let mut lines: Vec<String> = scan.run().unwrap().flat_map(|b| lines(&b.unwrap())).collect();
        lines.sort();
        lines
    }

    fn check_prices(&self, expect: &[&str]) {
        assert_eq!(self.versions("prices", false), expect);
    }

    fn last_change(&self, table: &str) -> Option<SystemTime> {
        self.database.snapshot().unwrap().last_change(table).unwrap()
    }
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let line = |row: usize| {
        let cell = |column: &ArrayRef| match column.is_null(row) {
            true => "-".to_owned(),
            false => array_value_to_string(column, row).unwrap(),
        };
        batch.columns().iter().map(cell).collect::<Vec<_>>().join(" ")
    };
    (0..batch.num_rows()).map(line).collect()
}

/// Puts into `prices`, with nothing else said.
fn puts(format: Format) -> Ingest {
    Ingest {
        table: "prices".into(),
        op: Op::Put,
        op_column: None,
        valid_from: None,
        valid_to: None,
        system_time: None,
        format,
        encoding: Encoding::Identity,
        decoded_bytes_max: 1 << 20,
        idempotency: None,
        kept: Default::default(),
    }
}

fn keyed(format: Format, key: &str) -> Ingest {
    Ingest { idempotency: Some(IdempotencyKey { key: key.into(), hours: 24 }), ..puts(format) }
}

/// Two prices of 2024.
const CSV: &str = "sku,cents,_valid_from,_valid_to\n\
    tea,350,2024-01-01,2024-07-01\n\
    coffee,,2024-01-01,\n";

const VERSIONS: [&str; 2] = [
    "coffee - EUR 2024-01-01T00:00:00Z -",
    "tea 350 EUR 2024-01-01T00:00:00Z 2024-07-01T00:00:00Z",
];

/// The rows of [`CSV`] in any format.
fn body(format: Format) -> Vec<u8> {
    match format {
        Format::Csv => CSV.into(),
        Format::Ndjson => "{\"sku\":\"tea\",\"cents\":350,\"_valid_from\":\"2024-01-01\",\"_valid_to\":\"2024-07-01\"}\n\
            {\"sku\":\"coffee\",\"cents\":null,\"_valid_from\":\"2024-01-01\",\"_valid_to\":null}\n"
            .into(),
        Format::Parquet => parquet(&[batch()]),
        Format::Arrow => arrow(&[batch()]),
    }
}

fn batch() -> RecordBatch {
    let texts = |values: [Option<&str>; 2]| Arc::new(StringArray::from_iter(values)) as ArrayRef;
    RecordBatch::try_from_iter_with_nullable([
        ("sku", texts([Some("tea"), Some("coffee")]), false),
        ("cents", Arc::new(Int64Array::from(vec![Some(350), None])), true),
        ("_valid_from", texts([Some("2024-01-01"), Some("2024-01-01")]), true),
        ("_valid_to", texts([Some("2024-07-01"), None]), true),
    ])
    .unwrap()
}

fn arrow(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn encode(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Identity => plain.to_vec(),
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Zstd => zstd::encode_all(plain, 1).unwrap(),
    }
}

fn check_refused(outcome: Result<Ingested>, kind: Kind, sentence: &str) {
    let failure = outcome.expect_err(sentence);
    assert_eq!((failure.to_string().as_str(), failure.kind()), (sentence, Some(kind)));
}
