//! An Arrow IPC stream, message by message.
//!
//! ```text
//! stream  = schema message, (dictionary message | record batch message)*, [end marker]
//! message = [FF FF FF FF], metadata length u32 (not 0), metadata (a flatbuffer), body
//! end     = [FF FF FF FF], 00 00 00 00
//! ```
//!
//! A stream ends with its end marker, or at the border of a message. Each message is judged before Arrow's decoder sees it: no
//! length that it claims is believed further than its bytes are there, and none may be larger than a bound. A message is read
//! into one piece of memory, in which its arrays lie without being copied.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use annals_engine::arrow::array::RecordBatch;
use annals_engine::arrow::buffer::Buffer;
use annals_engine::arrow::ipc::reader::StreamDecoder;
use annals_engine::arrow::ipc::{self, Endianness, MessageHeader};

use super::body::Body;
use crate::error::{Failure, Kind, Result};

/// The largest metadata of a message: a schema of 4,096 columns has some hundred thousand bytes.
const METADATA_BYTES_MAX: usize = 16 << 20;
/// The largest body of a message, and the most bytes of dictionaries at one time.
const BODY_BYTES_MAX: usize = 128 << 20;
/// How much memory a body is given before its bytes are there.
const BODY_BYTES_AHEAD: usize = 4 << 20;
/// The most rows of a message. Columns may have rows without having bytes.
const ROW_COUNT_MAX: i64 = i32::MAX as i64;
const CONTINUATION: [u8; 4] = [0xff; 4];
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// A reader of record batches.
pub(super) struct ArrowStream {
    input: Body,
    decoder: StreamDecoder,
    /// Bytes of the dictionaries that are held, by their number.
    dictionaries: HashMap<i64, usize>,
    batches: VecDeque<RecordBatch>,
    message_count: u64,
    has_ended: bool,
    /// The names of the columns.
    pub(super) names: Vec<String>,
}

/// A message, framed as in the stream, and where its metadata lies in it.
struct Message {
    bytes: Vec<u8>,
    metadata_bytes: usize,
}

/// Of what kind a message is, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Sort {
    Schema(Vec<String>),
    Dictionary(i64),
    Batch,
}

impl ArrowStream {
    /// Reads the schema, with which a stream begins.
    pub(super) fn new(input: Body) -> Result<ArrowStream> {
        let mut stream = ArrowStream {
            input,
            decoder: StreamDecoder::new(),
            dictionaries: HashMap::new(),
            batches: VecDeque::new(),
            message_count: 0,
            has_ended: false,
            names: Vec::new(),
        };
        let Some(message) = stream.read_message()? else {
            return Err(malformed("there is no Arrow stream: no schema"));
        };
        match stream.judge(&message)? {
            Sort::Schema(names) => stream.names = names,
            _ => return Err(stream.refuse("comes before the schema")),
        }
        stream.decode(message.bytes)?;
        Ok(stream)
    }

    /// The next batch; nothing at the end of the stream, which is then known to be whole.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.batches.pop_front() {
                return Ok(Some(batch));
            }
            if self.has_ended {
                return Ok(None);
            }
            let Some(message) = self.read_message()? else {
                // The decoder holds a message back whose body has no bytes until it sees what comes behind.
                self.decode(END.to_vec())?;
                self.has_ended = true;
                continue;
            };
            match self.judge(&message)? {
                Sort::Schema(_) => return Err(self.refuse("is a second schema")),
                Sort::Dictionary(id) => {
                    let bytes = message.bytes.len();
                    self.dictionaries.insert(id, bytes);
                    if self.dictionaries.values().sum::<usize>() > BODY_BYTES_MAX {
                        return Err(self.refuse(format!(
                            "makes more than {BODY_BYTES_MAX} bytes of dictionaries"
                        )));
                    }
                }
                Sort::Batch => {}
            }
            self.decode(message.bytes)?;
        }
    }

    /// Feeds Arrow's decoder. It is not written for hostile input throughout: where it panics, the stream is malformed.
    fn decode(&mut self, bytes: Vec<u8>) -> Result<()> {
        let mut buffer = Buffer::from_vec(bytes);
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            while !buffer.is_empty() {
                if let Some(batch) = self.decoder.decode(&mut buffer)? {
                    self.batches.push_back(batch);
                }
            }
            Ok::<_, annals_engine::arrow::error::ArrowError>(())
        }));
        match decoded {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.refuse(format!("is damaged: {error}"))),
            Err(_) => Err(self.refuse("is damaged")),
        }
    }

    /// The next message; nothing at the end of the stream.
    fn read_message(&mut self) -> Result<Option<Message>> {
        let mut bytes = Vec::new();
        if self.read(&mut bytes, 4)? == 0 {
            return Ok(None);
        }
        self.message_count += 1;
        // Before Arrow 0.15 there was no continuation marker, and lengths were never negative.
        let has_marker = bytes == CONTINUATION;
        if has_marker {
            self.read(&mut bytes, 4)?;
        }
        let prefix_bytes = if has_marker { 8 } else { 4 };
        let Some(length) = bytes.last_chunk::<4>().filter(|_| bytes.len() == prefix_bytes) else {
            return Err(self.cut_off());
        };
        let metadata_bytes = u32::from_le_bytes(*length) as usize;
        if metadata_bytes == 0 {
            return self.check_nothing_follows().map(|()| None);
        }
        if metadata_bytes > METADATA_BYTES_MAX {
            return Err(self.refuse(format!(
                "has {metadata_bytes} bytes of metadata, more than {METADATA_BYTES_MAX}"
            )));
        }
        if self.read(&mut bytes, metadata_bytes)? < metadata_bytes {
            return Err(self.cut_off());
        }
        let body_bytes = self.body_bytes(&bytes[prefix_bytes..])?;
        bytes.reserve(body_bytes.min(BODY_BYTES_AHEAD));
        if self.read(&mut bytes, body_bytes)? < body_bytes {
            return Err(self.cut_off());
        }
        Ok(Some(Message { bytes, metadata_bytes: prefix_bytes + metadata_bytes }))
    }

    /// Appends so many bytes, or fewer where the input ends; returns how many.
    fn read(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<usize> {
        let before = bytes.len();
        let read = self.input.by_ref().take(count as u64).read_to_end(bytes);
        read.map_err(|error| self.refuse(error))?;
        Ok(bytes.len() - before)
    }

    fn check_nothing_follows(&mut self) -> Result<()> {
        let mut behind = Vec::new();
        match self.read(&mut behind, 1)? {
            0 => Ok(()),
            _ => Err(malformed("there are bytes behind the end marker of the Arrow stream")),
        }
    }

    /// How many bytes the body of a message has, as its metadata says.
    fn body_bytes(&self, metadata: &[u8]) -> Result<usize> {
        let message = ipc::root_as_message(metadata)
            .map_err(|error| self.refuse(format!("has damaged metadata: {error}")))?;
        let claimed = message.bodyLength();
        let bytes = usize::try_from(claimed).ok().filter(|bytes| *bytes <= BODY_BYTES_MAX);
        bytes.ok_or_else(|| {
            self.refuse(format!(
                "has a body of {claimed} bytes, more than {BODY_BYTES_MAX}: write smaller batches"
            ))
        })
    }

    /// Says what a message is, and refuses what the decoder would take on trust.
    fn judge(&self, message: &Message) -> Result<Sort> {
        let prefix_bytes = if message.bytes.starts_with(&CONTINUATION) { 8 } else { 4 };
        let metadata = &message.bytes[prefix_bytes..message.metadata_bytes];
        let message = ipc::root_as_message(metadata)
            .map_err(|error| self.refuse(format!("has damaged metadata: {error}")))?;
        let header = message.header_type();
        if let Some(schema) = message.header_as_schema() {
            if schema.endianness() != Endianness::Little {
                return Err(self.unsupported("is written for a big-endian machine"));
            }
            let fields = schema.fields().into_iter().flatten();
            let names = fields.map(|field| field.name().unwrap_or_default().to_owned());
            return Ok(Sort::Schema(names.collect()));
        }
        if let Some(dictionary) = message.header_as_dictionary_batch() {
            if dictionary.isDelta() {
                return Err(self.unsupported("adds to a dictionary; send whole ones"));
            }
            self.judge_batch(dictionary.data())?;
            return Ok(Sort::Dictionary(dictionary.id()));
        }
        if let Some(batch) = message.header_as_record_batch() {
            self.judge_batch(Some(batch))?;
            return Ok(Sort::Batch);
        }
        let name = header.variant_name().unwrap_or("NONE");
        Err(match header {
            MessageHeader::Tensor | MessageHeader::SparseTensor => {
                self.unsupported(&format!("is a {name}"))
            }
            _ => self.refuse(format!("is of the kind {name} ({})", header.0)),
        })
    }

    fn judge_batch(&self, batch: Option<ipc::RecordBatch<'_>>) -> Result<()> {
        let Some(batch) = batch else { return Err(self.refuse("is a dictionary without values")) };
        if batch.compression().is_some() {
            return Err(self.unsupported(
                "is compressed inside; send it uncompressed, and compress the body if at all",
            ));
        }
        if !(0..=ROW_COUNT_MAX).contains(&batch.length()) {
            return Err(self.refuse(format!("claims {} rows", batch.length())));
        }
        Ok(())
    }

    fn cut_off(&self) -> Failure {
        self.refuse("is cut off")
    }

    fn refuse(&self, what: impl std::fmt::Display) -> Failure {
        malformed(format!("message {} of the Arrow stream {what}", self.message_count))
    }

    fn unsupported(&self, what: &str) -> Failure {
        let number = self.message_count;
        Failure::of(Kind::Unsupported, format!("message {number} of the Arrow stream {what}"))
    }
}

fn malformed(what: impl Into<String>) -> Failure {
    Failure::of(Kind::Malformed, what)
}
