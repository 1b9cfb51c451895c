//! The stream of puts as bodies of requests, each a transaction.

use std::fmt::Write as _;
use std::path::Path;

use annals_engine::ValidTime;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use serde_json::{Value, json};

use super::client::{Client, Post};
use super::load::{HttpFigures, load};
use super::server::Server;
use crate::failure::{Failure, Result};
use crate::workload::positions::{STATUSES, UNBOUNDED, account_name, account_of};
use crate::workload::{Positions, Put, transaction};

const TABLE: &str = "CREATE TABLE positions (key BIGINT PRIMARY KEY, qty BIGINT NOT NULL, price DOUBLE NOT NULL, status TEXT NOT NULL, account TEXT NOT NULL)";
const PATH: &str = "/v1/tables/positions/rows";

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngestFormat {
    /// An Arrow IPC stream.
    Arrow,
    /// Lines of values.
    Csv,
    /// Lines of JSON objects.
    Ndjson,
}

impl IngestFormat {
    /// All of them.
    pub const ALL: [IngestFormat; 3] =
        [IngestFormat::Arrow, IngestFormat::Csv, IngestFormat::Ndjson];

    /// Its name in tables of results.
    pub fn name(self) -> &'static str {
        match self {
            IngestFormat::Arrow => "Arrow",
            IngestFormat::Csv => "CSV",
            IngestFormat::Ndjson => "NDJSON",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            IngestFormat::Arrow => "application/vnd.apache.arrow.stream",
            IngestFormat::Csv => "text/csv",
            IngestFormat::Ndjson => "application/x-ndjson",
        }
    }
}

/// Starts a server on a new database in `dir` and lets clients send all transactions, every one with the next that no other has
/// taken. The bodies are made before.
pub fn ingest(
    executable: &Path,
    dir: &Path,
    positions: &Positions,
    format: IngestFormat,
    client_count: usize,
) -> Result<HttpFigures> {
    let transaction_count = positions.size().transaction_count();
    let bodies: Result<Vec<Bytes>> =
        (0..transaction_count).map(|number| body(positions, number, format)).collect();
    let bodies = bodies?;
    let server = Server::start(executable, dir)?;
    let mut client = Client::connect(server.address)?;
    client.post(sql(TABLE))?;
    let taken = std::sync::atomic::AtomicUsize::new(0);
    let name = format!("ingest as {}", format.name());
    let figures = load(&name, server.address, client_count, |_, _| {
        let number = taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let body = bodies.get(number)?.clone();
        Some(Post { path: PATH, content_type: format.content_type(), body })
    })?;
    check(&mut client, positions)?;
    Ok(figures)
}

fn sql(text: &str) -> Post {
    let body = Bytes::from(json!({ "sql": text }).to_string());
    Post { path: "/v1/sql", content_type: "application/json", body }
}

/// Every key must be there. (Which of two puts of one key was the later depends on the clients.)
fn check(client: &mut Client, positions: &Positions) -> Result<()> {
    let query = "SELECT count(DISTINCT key) FROM positions FOR VALID_TIME ALL";
    let answer: Value = serde_json::from_slice(&client.post(sql(query))?)?;
    let (found, expect) = (&answer["rows"][0][0], positions.size().key_count());
    match found.as_u64() == Some(expect.into()) {
        true => Ok(()),
        false => Err(Failure::new(format!("{expect} keys were put, {found} are there"))),
    }
}

fn body(positions: &Positions, number: u32, format: IngestFormat) -> Result<Bytes> {
    if format == IngestFormat::Arrow {
        let batch = transaction(positions, number)?;
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
        writer.write(&batch)?;
        return Ok(writer.into_inner()?.into());
    }
    let mut text = String::new();
    if format == IngestFormat::Csv {
        text.push_str("key,qty,price,status,account,_valid_from,_valid_to\n");
    }
    for position in positions.size().positions_of(number) {
        let put = positions.put(position);
        // Writing to a String cannot fail.
        let _ = if format == IngestFormat::Csv {
            csv(&mut text, &put)
        } else {
            ndjson(&mut text, &put)
        };
    }
    Ok(text.into())
}

fn csv(text: &mut String, put: &Put) -> std::fmt::Result {
    let Put { key, values, .. } = put;
    let (status, account) = (STATUSES[usize::from(values.status)], account_name(account_of(*key)));
    write!(
        text,
        "{key},{},{},{status},{account},{},",
        values.qty,
        values.price(),
        ValidTime::from_micros(put.valid_from)
    )?;
    if put.valid_to != UNBOUNDED {
        write!(text, "{}", ValidTime::from_micros(put.valid_to))?;
    }
    text.write_char('\n')
}

fn ndjson(text: &mut String, put: &Put) -> std::fmt::Result {
    let Put { key, values, .. } = put;
    let (status, account) = (STATUSES[usize::from(values.status)], account_name(account_of(*key)));
    let (qty, price, from) = (values.qty, values.price(), ValidTime::from_micros(put.valid_from));
    write!(
        text,
        r#"{{"key":{key},"qty":{qty},"price":{price},"status":"{status}","account":"{account}","_valid_from":"{from}""#
    )?;
    if put.valid_to != UNBOUNDED {
        write!(text, r#","_valid_to":"{}""#, ValidTime::from_micros(put.valid_to))?;
    }
    text.write_str("}\n")
}
