//! Which requests with an idempotency key were applied: a table of the database, beside each that such requests write into.
//!
//! A transaction of a keyed request has, beside its rows, one row of the table `annals.ingests.N`, N being the number of the
//! table it writes into. So both are there or neither, and the system time of the one is that of the other. (A table for each,
//! so that imported system times do not come into each other's way: it is only ever written together with its table.)
//!
//! ```text
//! key      request     the SHA-256 of the idempotency key
//!          part        the number of the transaction in the request, from 0
//! columns  parameters  the SHA-256 of what was asked for beside the rows
//!          started     when the first part was written; tells uses of one key, when it is free again, from each other
//!          row_count   rows written with this part and those before
//!          trail       a hash of the system times and row counts of this part and those before
//!          is_last     whether the request was done with it
//!          body        the hash of the body, in the last part
//! period   from when the part was written until the key is free again
//! ```
//!
//! Parts lie without gaps, so the last one is found by looking at few. No part is ever superseded. Nothing of the rows is in the
//! table, nor of the idempotency key, with which the hash of the body is seeded: who erases rows need not erase here. A part
//! ends, the table is retained for a day, and so they leave by themselves.

use std::sync::Arc;

use annals_engine::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use annals_engine::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use annals_engine::{
    Column, DataType, Database, ErrorKind, PartitionWidth, Retention, Snapshot, SystemTime,
    TableSchema, TableSpec, Transaction, VALID_FROM, VALID_TO, ValidTime, Value,
};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::body::Watch;
use super::{IdempotencyKey, Ingest, Ingested};
use crate::error::{Failure, Kind, Result};
use crate::import::load::{Part, Record, Written};

/// The longest idempotency key, in characters.
const KEY_LENGTH_MAX: usize = 255;
/// Who is on record for making the table and for its retention.
const MADE_BY: &str = "ingest";
/// How long partitions are kept behind the end of their parts.
const RETAINED: &str = "1 day";
const HOUR_US: i64 = 3_600_000_000;

/// What is known of a request with an idempotency key.
pub(super) struct Ledger {
    database: Database,
    /// The name of the table of parts.
    table: String,
    request: String,
    parameters: String,
    hash_seed: u64,
    hours: u32,
    /// When its first part was written.
    started_us: Option<i64>,
    /// The last part that an attempt before this one has written.
    earlier: Option<Entry>,
    trail: u64,
}

/// What was found of earlier attempts.
pub(super) enum Found {
    /// Nothing.
    New,
    /// Parts, but not the last one.
    Unfinished,
    /// All, with what it did and the hash of its body.
    Finished(Ingested, String),
}

/// A part, as it is stored.
#[derive(Clone, Debug)]
struct Entry {
    part: u64,
    parameters: String,
    started_us: i64,
    row_count: u64,
    trail: u64,
    is_last: bool,
    body: String,
    ends_us: i64,
    system_time: SystemTime,
}

impl Ledger {
    /// What a request is told by. An error if its key is none.
    pub(super) fn new(
        database: &Database,
        table: &TableSchema,
        request: &Ingest,
        key: &IdempotencyKey,
    ) -> Result<Ledger> {
        check_key(&key.key)?;
        let seed = Sha256::new().chain_update("body").chain_update(&key.key).finalize();
        let seed = seed.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok(Ledger {
            database: database.clone(),
            table: format!("annals.ingests.{}", table.id),
            request: format!("{:x}", Sha256::digest(&key.key)),
            parameters: parameters(request),
            hash_seed: seed,
            hours: key.hours,
            started_us: None,
            earlier: None,
            trail: 0,
        })
    }

    /// What stands for the key.
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    /// With what the hash of the body begins.
    pub(super) fn hash_seed(&self) -> u64 {
        self.hash_seed
    }

    /// Looks for earlier attempts. An error if the key was used for something else and is not free yet.
    pub(super) fn find(&mut self) -> Result<Found> {
        let snapshot = self.database.snapshot()?;
        let now_us = snapshot.system_time().micros();
        if !has_table(&self.database, &self.table) {
            return Ok(Found::New);
        }
        let Some(first) = self.entry(&snapshot, 0)? else { return Ok(Found::New) };
        let first_ends_us = first.ends_us;
        let last = self.last_entry(&snapshot, first)?;
        if last.ends_us.max(first_ends_us) <= now_us {
            return Ok(Found::New);
        }
        if last.parameters != self.parameters {
            return Err(reused("other parameters"));
        }
        self.started_us = Some(last.started_us);
        if !last.is_last {
            self.earlier = Some(last);
            return Ok(Found::Unfinished);
        }
        let ingested = Ingested {
            row_count: last.row_count,
            transaction_count: last.part + 1,
            system_time: Some(last.system_time),
            is_replay: true,
        };
        Ok(Found::Finished(ingested, last.body))
    }

    /// Makes the table of parts if there is none.
    pub(super) fn make_table(&self) -> Result<()> {
        if has_table(&self.database, &self.table) {
            return Ok(());
        }
        let column = |name: &str, data_type| Column::new(name, data_type).not_null();
        let spec = TableSpec::keyed(&self.table, ["request", "part"])
            .column(column("request", DataType::Text))
            .column(column("part", DataType::BigInt))
            .column(column("parameters", DataType::Text))
            .column(column("started", DataType::Timestamp))
            .column(column("row_count", DataType::BigInt))
            .column(column("trail", DataType::BigInt))
            .column(column("is_last", DataType::Boolean))
            .column(column("body", DataType::Text))
            .partition_by(PartitionWidth::Week);
        let retention = Retention::keep(RETAINED)?;
        match self.database.create_table_retained(spec, &retention, MADE_BY) {
            // Another request for the same table was quicker.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            made => Ok(made.map(|_| ())?),
        }
    }

    /// The record of the request while its body is read, whose hash goes into the last part.
    pub(super) fn watching<'a>(&'a mut self, watch: &'a Watch) -> Watched<'a> {
        Watched { ledger: self, watch }
    }

    /// The last part of the use of the key that began with `first`.
    fn last_entry(&self, snapshot: &Snapshot, first: Entry) -> Result<Entry> {
        let of_this_use = |part: u64| {
            let entry = self.entry(snapshot, part)?;
            Ok::<_, Failure>(entry.filter(|entry| entry.started_us == first.started_us))
        };
        if first.is_last {
            return Ok(first);
        }
        // Parts are there up to `last`, and `beyond` is not: ahead in doubling steps, then halving the gap.
        let mut beyond = 1;
        let mut last = first.clone();
        while let Some(entry) = of_this_use(beyond)? {
            beyond = entry.part * 2;
            last = entry;
        }
        while beyond - last.part > 1 {
            let middle = last.part + (beyond - last.part) / 2;
            match of_this_use(middle)? {
                Some(entry) => last = entry,
                None => beyond = middle,
            }
        }
        Ok(last)
    }

    /// A part of the latest use of the key.
    fn entry(&self, snapshot: &Snapshot, part: u64) -> Result<Option<Entry>> {
        let key = [Value::Text(self.request.clone()), Value::Int(part.cast_signed())];
        let rows = snapshot.history(&self.table, &key)?;
        let entries = (0..rows.num_rows()).map(|row| entry_at(&rows, row, part));
        let entries = entries.collect::<Option<Vec<_>>>().ok_or_else(|| {
            let what = format!("table `{}` is not what requests are recorded in", self.table);
            Failure::of(Kind::Engine(ErrorKind::Unavailable), what)
        })?;
        Ok(entries.into_iter().max_by_key(|entry| entry.started_us))
    }

    /// The hash of the parts up to this one.
    fn follow(&mut self, part: &Part) {
        let system_us = part.system_time.unwrap_or(SystemTime::MIN).micros();
        let mut bytes = Vec::with_capacity(24);
        bytes.extend(self.trail.to_le_bytes());
        bytes.extend(system_us.to_le_bytes());
        bytes.extend(part.row_count.to_le_bytes());
        self.trail = xxh3_64(&bytes);
    }

    fn row(&self, part: &Part, now_us: i64, body: &str) -> Result<RecordBatch> {
        let ends_us = now_us.saturating_add(i64::from(self.hours.max(1)).saturating_mul(HOUR_US));
        let ends_us = ends_us.min(ValidTime::LAST.micros());
        let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
        let integer = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
        let instant = |micros: i64| {
            let array = TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC");
            Arc::new(array) as ArrayRef
        };
        Ok(RecordBatch::try_from_iter([
            ("request", text(&self.request)),
            ("part", integer(part.number.cast_signed())),
            ("parameters", text(&self.parameters)),
            ("started", instant(self.started_us.unwrap_or(now_us))),
            ("row_count", integer(part.row_count.cast_signed())),
            ("trail", integer(self.trail.cast_signed())),
            ("is_last", Arc::new(BooleanArray::from(vec![part.is_last]))),
            ("body", text(body)),
            (VALID_FROM, instant(now_us)),
            (VALID_TO, instant(ends_us)),
        ])?)
    }
}

/// The record of a request whose body is being read.
pub(super) struct Watched<'a> {
    ledger: &'a mut Ledger,
    watch: &'a Watch,
}

impl Record for Watched<'_> {
    fn is_written(&self, number: u64) -> bool {
        self.ledger.earlier.as_ref().is_some_and(|earlier| number <= earlier.part)
    }

    fn pass(&mut self, part: &Part) -> Result<SystemTime> {
        self.ledger.follow(part);
        let Some(earlier) = &self.ledger.earlier else { return Err(another_body()) };
        let is_reached = part.number == earlier.part;
        // What was written before went on behind its last part, or that would have been marked as the last of all.
        if part.is_last || (is_reached && self.ledger.trail != earlier.trail) {
            return Err(another_body());
        }
        part.system_time.ok_or_else(another_body)
    }

    fn add(&mut self, part: &Part, transaction: &mut Transaction) -> Result<()> {
        self.ledger.follow(part);
        let now_us = self.ledger.database.snapshot()?.system_time().micros();
        self.ledger.started_us.get_or_insert(now_us);
        let body = part.is_last.then(|| self.watch.digest()).flatten().unwrap_or_default();
        let row = self.ledger.row(part, now_us, &body)?;
        Ok(transaction.put(&self.ledger.table, &row)?)
    }
}

/// An error unless a text can be an idempotency key.
pub(crate) fn check_key(key: &str) -> Result<()> {
    let is_printable = key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    match (1..=KEY_LENGTH_MAX).contains(&key.len()) && is_printable {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "an idempotency key has 1 to {KEY_LENGTH_MAX} printable ASCII characters, not {} bytes",
            key.len()
        ))),
    }
}

/// An error if a body had no rows that was to go on where an earlier attempt had stopped.
pub(super) fn check_resumed(written: &Written) -> Result<()> {
    if written.transaction_count == 0 { Err(another_body()) } else { Ok(()) }
}

/// The key was used for a request with something else.
pub(super) fn reused(other: &str) -> Failure {
    let what = format!("the idempotency key was used for a request with {other}");
    Failure::of(Kind::KeyReused, what)
}

fn another_body() -> Failure {
    reused("another body, which was written in part")
}

fn has_table(database: &Database, name: &str) -> bool {
    database.tables().iter().any(|table| table.name == name)
}

/// What was asked for beside the rows, but for what does not change what they mean.
fn parameters(request: &Ingest) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?} {:?}", request.op, request.format));
    let columns =
        [&request.op_column, &request.valid_from, &request.valid_to, &request.system_time];
    for column in columns {
        // Told apart: no column, a column without a name, and where one name ends and the next begins.
        hash.update(column.as_ref().map_or(u64::MAX, |name| name.len() as u64).to_le_bytes());
        hash.update(column.as_deref().unwrap_or_default());
    }
    format!("{:x}", hash.finalize())
}

/// A row of the table; nothing if it does not have the columns.
fn entry_at(rows: &RecordBatch, row: usize, part: u64) -> Option<Entry> {
    let text = |name| Some(rows.column_by_name(name)?.as_string_opt::<i32>()?.value(row));
    let integer = |name| {
        let column = rows.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
        Some(column.value(row).cast_unsigned())
    };
    let instant = |name| {
        let column = rows.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?;
        Some(column.value(row))
    };
    Some(Entry {
        part,
        parameters: text("parameters")?.to_owned(),
        started_us: instant("started")?,
        row_count: integer("row_count")?,
        trail: integer("trail")?,
        is_last: rows.column_by_name("is_last")?.as_boolean_opt()?.value(row),
        body: text("body")?.to_owned(),
        ends_us: instant(VALID_TO)?,
        system_time: SystemTime::from_micros(instant(annals_engine::SYSTEM_FROM)?),
    })
}
