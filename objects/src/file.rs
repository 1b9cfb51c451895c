//! One object: written from its beginning to its end, and read in pieces.

use std::path::{Path, PathBuf};

use annals_engine::disk::DiskFile;
use annals_engine::{Error, Result};
use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use parking_lot::Mutex;

use super::stores::Object;
use super::unsupported;
use super::windows::{PIECE_BYTES, Piece};

/// Larger objects are written in parts of so many bytes: of the same size, as some services ask, and above the least that they take.
pub(super) const PART_BYTES: usize = 8 << 20;

/// An object that is being written, or is there.
#[derive(Debug)]
pub(super) struct ObjectFile {
    path: PathBuf,
    object: Object,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nothing of it can be seen before [`DiskFile::sync`].
    Written { pending: Vec<u8>, length: u64, upload: Option<Box<dyn MultipartUpload>> },
    /// It is there, and this reader reads it.
    Stored { length: u64, reader: u64 },
    /// A call failed half way.
    Failed,
}

impl ObjectFile {
    /// An object that is to be written.
    pub(super) fn new(path: &Path, object: Object) -> ObjectFile {
        let state = State::Written { pending: Vec::new(), length: 0, upload: None };
        ObjectFile { path: path.to_path_buf(), object, state: Mutex::new(state) }
    }

    /// An object that is there.
    pub(super) fn stored(path: &Path, object: Object, length: u64) -> ObjectFile {
        let state = State::Stored { length, reader: object.windows.register() };
        ObjectFile { path: path.to_path_buf(), object, state: Mutex::new(state) }
    }

    /// Writes one more part. What fails leaves no upload behind, whose parts would cost money for ever.
    fn send(
        &self,
        upload: Option<Box<dyn MultipartUpload>>,
        part: Vec<u8>,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (store, at) = (self.object.store.clone(), self.object.at.clone());
        self.object.wait("write", async move {
            let mut upload = match upload {
                Some(upload) => upload,
                None => store.put_multipart(&at).await?,
            };
            match upload.put_part(PutPayload::from(part)).await {
                Ok(()) => Ok(upload),
                Err(error) => {
                    let _ = upload.abort().await;
                    Err(error)
                }
            }
        })
    }

    /// Makes the object of its parts.
    fn complete(&self, mut upload: Box<dyn MultipartUpload>) -> Result<()> {
        self.object.wait("write", async move {
            match upload.complete().await {
                Ok(_) => Ok(()),
                Err(error) => {
                    let _ = upload.abort().await;
                    Err(error)
                }
            }
        })
    }

    /// Writes an object of one part, if there is none yet. Of two that write a mark at a time, one finds out.
    fn put(&self, bytes: Vec<u8>) -> Result<()> {
        let (store, at) = (self.object.store.clone(), self.object.at.clone());
        let put = async move {
            let payload = PutPayload::from(bytes);
            match store.put_opts(&at, payload.clone(), PutMode::Create.into()).await {
                // Some that speak the protocol of S3 know no conditions.
                Err(object_store::Error::NotImplemented { .. }) => store.put(&at, payload).await,
                done => done,
            }
        };
        self.object.wait("write", async move { put.await.map(|_| ()) })
    }

    /// One piece of the object, kept or read.
    fn piece(&self, piece: Piece, length: u64) -> Result<Bytes> {
        if let Some(bytes) = self.object.windows.get(piece) {
            return Ok(bytes);
        }
        let from = piece.number * PIECE_BYTES;
        let bytes = self.read(from, (from + PIECE_BYTES).min(length))?;
        self.object.windows.insert(piece, bytes.clone());
        Ok(bytes)
    }

    fn read(&self, from: u64, to: u64) -> Result<Bytes> {
        let (store, at) = (self.object.store.clone(), self.object.at.clone());
        let bytes =
            self.object.wait("read", async move { store.get_range(&at, from..to).await })?;
        match bytes.len() as u64 == to - from {
            true => Ok(bytes),
            false => Err(ends_early(&self.path, from + bytes.len() as u64, from, bytes.len())),
        }
    }
}

impl DiskFile for ObjectFile {
    fn path(&self) -> &PathBuf {
        &self.path
    }

    fn len(&self) -> Result<u64> {
        match &*self.state.lock() {
            State::Written { length, .. } | State::Stored { length, .. } => Ok(*length),
            State::Failed => Err(unsupported("read after a write has failed", &self.path)),
        }
    }

    fn append(&self, bytes: &[u8]) -> Result<()> {
        let mut state = self.state.lock();
        let State::Written { pending, length, upload } = &mut *state else {
            return Err(unsupported("appended to", &self.path));
        };
        *length += bytes.len() as u64;
        pending.extend_from_slice(bytes);
        while pending.len() >= PART_BYTES {
            let rest = pending.split_off(PART_BYTES);
            let part = std::mem::replace(pending, rest);
            match self.send(upload.take(), part) {
                Ok(sent) => *upload = Some(sent),
                Err(error) => {
                    *state = State::Failed;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let (length, reader) = match &*self.state.lock() {
            State::Stored { length, reader } => (*length, *reader),
            _ => return Err(unsupported("read before it is written", &self.path)),
        };
        let end = offset.saturating_add(buffer.len() as u64);
        if end > length {
            return Err(ends_early(&self.path, length, offset, buffer.len()));
        }
        if buffer.len() as u64 > PIECE_BYTES {
            buffer.copy_from_slice(&self.read(offset, end)?);
            return Ok(());
        }
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let piece = self.piece(Piece { reader, number: at / PIECE_BYTES }, length)?;
            let from = (at % PIECE_BYTES) as usize;
            let count = (piece.len() - from).min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&piece[from..from + count]);
            filled += count;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let mut state = self.state.lock();
        let (pending, length, upload) = match std::mem::replace(&mut *state, State::Failed) {
            State::Written { pending, length, upload } => (pending, length, upload),
            stored @ State::Stored { .. } => {
                *state = stored;
                return Ok(());
            }
            State::Failed => return Err(unsupported("written after a failure", &self.path)),
        };
        match upload {
            None => self.put(pending)?,
            Some(upload) if pending.is_empty() => self.complete(upload)?,
            Some(upload) => self.complete(self.send(Some(upload), pending)?)?,
        }
        *state = State::Stored { length, reader: self.object.windows.register() };
        Ok(())
    }

    fn truncate(&self, _length: u64) -> Result<()> {
        Err(unsupported("cut", &self.path))
    }
}

impl Drop for ObjectFile {
    fn drop(&mut self) {
        if let State::Written { upload: Some(mut upload), .. } =
            std::mem::replace(self.state.get_mut(), State::Failed)
        {
            self.object.begin(async move {
                let _ = upload.abort().await;
            });
        }
    }
}

/// The error of a read that wants more than the object holds.
fn ends_early(path: &Path, length: u64, offset: u64, wanted: usize) -> Error {
    let what = format!("{wanted} bytes were expected here, but the object has {length} bytes");
    Error::corrupt(path, offset, what)
}
