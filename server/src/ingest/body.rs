//! The body of a request: read once, decompressed, counted and hashed, and never taken to have ended where it was cut off.
//!
//! Whatever reads the body sees plain bytes. What goes wrong below (the reader of the request fails, the compressed bytes are
//! damaged, there are too many) is kept beside it in [`Watch`], with its cause, for on its way up through other people's
//! decoders an error loses what it was, or is taken for an end. So whoever reads asks the watch in the end.

use std::io::{self, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use parking_lot::Mutex;
use xxhash_rust::xxh3::Xxh3;

use super::Encoding;
use crate::error::{Failure, Kind};

/// The largest window of zstd that is taken, as a power of two: 8 MiB, what RFC 9659 grants to HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The bytes of a body.
pub(crate) struct Body {
    decoded: Box<dyn Read + Send>,
    decoded_bytes_max: u64,
    state: Arc<Mutex<State>>,
}

/// What is known of a body that others are reading.
#[derive(Clone)]
pub(crate) struct Watch {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    given_bytes: u64,
    decoded_bytes: u64,
    hash: Option<Box<Xxh3>>,
    has_ended: bool,
    fault: Option<Fault>,
}

/// Why a body cannot be read on.
enum Fault {
    /// The reader of the request failed; taken out by whoever tells of it.
    Reader(Option<io::Error>, String),
    /// The bytes are not what their encoding says.
    Malformed(String),
    /// More bytes than are taken.
    TooLarge(u64),
}

impl Body {
    /// A body of at most so many bytes after decoding. With a seed its bytes are hashed as they are read.
    pub(crate) fn new(
        given: Box<dyn Read + Send>,
        encoding: Encoding,
        decoded_bytes_max: u64,
        hash_seed: Option<u64>,
    ) -> io::Result<(Body, Watch)> {
        let hash = hash_seed.map(|seed| Box::new(Xxh3::with_seed(seed)));
        let state = Arc::new(Mutex::new(State { hash, ..State::default() }));
        let given = Given { reader: given, state: state.clone() };
        let decoded: Box<dyn Read + Send> = match encoding {
            Encoding::Identity => Box::new(given),
            Encoding::Gzip => Box::new(MultiGzDecoder::new(given)),
            Encoding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(given)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(NotEmpty { decoder, state: state.clone() })
            }
        };
        let watch = Watch { state: state.clone() };
        Ok((Body { decoded, decoded_bytes_max, state }, watch))
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.state.lock().fault.is_some() {
            return Err(broken());
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.decoded.read(buffer);
        let mut state = self.state.lock();
        if state.fault.is_some() {
            return Err(broken());
        }
        let count = match read {
            Ok(count) => count,
            Err(error) => {
                state.fault = Some(Fault::Malformed(error.to_string()));
                return Err(broken());
            }
        };
        state.decoded_bytes += count as u64;
        if state.decoded_bytes > self.decoded_bytes_max {
            state.fault = Some(Fault::TooLarge(self.decoded_bytes_max));
            return Err(broken());
        }
        if let Some(hash) = &mut state.hash {
            hash.update(&buffer[..count]);
        }
        state.has_ended = count == 0;
        Ok(count)
    }
}

/// What readers of the body see in place of a fault.
fn broken() -> io::Error {
    io::Error::other("the body cannot be read on")
}

impl Watch {
    /// The failure with which reading the body ended: the body's own fault if it has one, else what its reader made of it.
    /// The error of the request's reader is given once.
    pub(crate) fn explain(&self, seen: Failure) -> Failure {
        self.fault().unwrap_or(seen)
    }

    /// An error unless the body was read to its end, and is whole.
    pub(crate) fn check_end(&self) -> Result<(), Failure> {
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        match self.state.lock().has_ended {
            true => Ok(()),
            false => Err(Failure::of(Kind::Malformed, "the body goes on behind its end")),
        }
    }

    /// How many bytes were read, after decoding.
    pub(crate) fn decoded_bytes(&self) -> u64 {
        self.state.lock().decoded_bytes
    }

    /// The hash of the bytes read so far, as hexadecimal digits; nothing if none was asked for.
    pub(crate) fn digest(&self) -> Option<String> {
        self.state.lock().hash.as_ref().map(|hash| format!("{:032x}", hash.digest128()))
    }

    fn fault(&self) -> Option<Failure> {
        Some(match self.state.lock().fault.as_mut()? {
            Fault::Reader(error, text) => {
                let error = error.take().unwrap_or_else(|| io::Error::other(text.clone()));
                Failure::Body(format!("the body could not be read to its end: {text}"), error)
            }
            Fault::Malformed(text) => Failure::of(
                Kind::Malformed,
                format!("the body is not as its encoding says: {text}"),
            ),
            Fault::TooLarge(bytes_max) => Failure::of(
                Kind::TooLarge,
                format!("the body has more than {bytes_max} bytes after decoding"),
            ),
        })
    }
}

/// The bytes as they are sent.
struct Given {
    reader: Box<dyn Read + Send>,
    state: Arc<Mutex<State>>,
}

impl Read for Given {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Ok(count) => {
                    self.state.lock().given_bytes += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let text = error.to_string();
                    self.state.lock().fault = Some(Fault::Reader(Some(error), text));
                    return Err(broken());
                }
            }
        }
    }
}

/// Refuses to take no bytes at all for zstd: a frame has at least its magic number.
struct NotEmpty<R> {
    decoder: R,
    state: Arc<Mutex<State>>,
}

impl<R: Read> Read for NotEmpty<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        if count == 0 && self.state.lock().given_bytes == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "there are no bytes"));
        }
        Ok(count)
    }
}
