//! A transaction in the log: the payload of one frame.
//!
//! ```text
//! transaction = version u8 (1 or 2), commit number varint, system time i64, metadata text, operation count varint, operation*
//! operation   = table varint, [schema varint], kind u8 (0 put, 1 delete), row count varint, valid_from i64*, valid_to i64*, batch
//! text        = byte count varint, UTF-8
//! batch       = all columns of the table (put) or the key columns (delete), as `codec::batch` writes them
//! ```
//!
//! Columns are those of the entry of the table that the operation was stated with: `schema` is its version, in version 2; in version 1,
//! which is written as long as it can be, the version is 0, that of a table whose columns were never changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::staged::{key_schema, keys_of};
use crate::codec::{Judged, Malformed, Reader, decode_batch, encode_batch, put_i64s, put_varint};
use crate::error::Result;
use crate::memtable::{Chunk, Operation};
use crate::schema::{TableId, TableSchema};

/// All operations are of tables as they were made.
const AS_MADE: u8 = 1;
/// Each operation tells the version of its table's entry.
const WITH_SCHEMAS: u8 = 2;
/// The least bytes that an operation takes.
const OPERATION_BYTES_MIN: usize = 3;

/// A transaction as the log has it.
#[derive(Debug)]
pub(crate) struct LoggedTransaction {
    pub(crate) commit_number: u64,
    pub(crate) system_time: i64,
    pub(crate) operations: Vec<LoggedOperation>,
}

/// One statement's rows, ready for a memtable.
pub(crate) type LoggedOperation = (TableId, Arc<Chunk>);

/// The entries of tables that operations in the log may have been stated with, by table and version.
pub(crate) type Schemas = BTreeMap<(TableId, u32), Arc<TableSchema>>;

/// Appends a transaction of at least one operation.
pub(crate) fn encode_transaction(
    commit_number: u64,
    system_time: i64,
    metadata: &str,
    operations: &[LoggedOperation],
    out: &mut Vec<u8>,
) -> Result<()> {
    let is_as_made = operations.iter().all(|(_, chunk)| chunk.schema.version == 0);
    out.push(if is_as_made { AS_MADE } else { WITH_SCHEMAS });
    put_varint(out, commit_number);
    out.extend_from_slice(&system_time.to_le_bytes());
    put_varint(out, metadata.len() as u64);
    out.extend_from_slice(metadata.as_bytes());
    put_varint(out, operations.len() as u64);
    for (table, chunk) in operations {
        put_varint(out, u64::from(*table));
        if !is_as_made {
            put_varint(out, u64::from(chunk.schema.version));
        }
        out.push(u8::from(!chunk.is_put()));
        put_varint(out, chunk.len() as u64);
        put_i64s(out, &chunk.valid_from);
        put_i64s(out, &chunk.valid_to);
        encode_batch(&chunk.batch, out)?;
    }
    Ok(())
}

/// Reads a frame's payload; every byte is judged.
pub(crate) fn decode_transaction(payload: &[u8], schemas: &Schemas) -> Judged<LoggedTransaction> {
    let mut reader = Reader::new(payload);
    let version = reader.u8()?;
    if !matches!(version, AS_MADE | WITH_SCHEMAS) {
        return Err(reader.malformed("a transaction of a version that this build does not know"));
    }
    let commit_number = reader.varint()?;
    let system_time = reader.i64()?;
    reader.text()?;
    let count = reader.count(OPERATION_BYTES_MIN)?;
    let mut operations = Vec::with_capacity(count);
    for _ in 0..count {
        let table = reader.varint()?;
        let schema = if version == WITH_SCHEMAS { reader.varint()? } else { 0 };
        let entry = (u32::try_from(table).ok()).zip(u32::try_from(schema).ok());
        let schema = entry.and_then(|entry| schemas.get(&entry));
        let schema =
            schema.ok_or_else(|| reader.malformed("a table that is not in the manifest"))?;
        operations.push(decode_operation(&mut reader, schema, commit_number, system_time)?);
    }
    reader.finish()?;
    Ok(LoggedTransaction { commit_number, system_time, operations })
}

fn decode_operation(
    reader: &mut Reader<'_>,
    schema: &Arc<TableSchema>,
    commit_number: u64,
    system_time: i64,
) -> Judged<LoggedOperation> {
    let operation = match reader.u8()? {
        0 => Operation::Put,
        1 => Operation::Delete,
        _ => return Err(reader.malformed("an operation that is neither put nor delete")),
    };
    let row_count = reader.count(16)?;
    let valid_from = reader.i64s(row_count)?;
    let valid_to = reader.i64s(row_count)?;
    let arrow = match operation {
        Operation::Put => schema.arrow(),
        Operation::Delete => key_schema(schema),
    };
    let batch = decode_batch(reader, &arrow)?;
    let at = reader.position();
    let malformed = |what: String| Malformed { at, what };
    let is_sound = valid_from.iter().zip(&valid_to).all(|(from, to)| from < to);
    if batch.num_rows() != row_count || !is_sound {
        return Err(malformed("rows and periods do not fit".to_owned()));
    }
    let keys = keys_of(schema, operation, &batch).map_err(|error| malformed(error.to_string()))?;
    let hashes = (0..row_count).map(|row| keys.hash(row)).collect();
    let chunk = Chunk {
        operation,
        schema: schema.clone(),
        batch,
        keys,
        hashes,
        valid_from,
        valid_to,
        system_time,
        commit_number,
    };
    Ok((schema.id, Arc::new(chunk)))
}
