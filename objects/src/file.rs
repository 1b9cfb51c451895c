//! One object: written from its beginning to its end, and read in pieces.

use std::path::{Path, PathBuf};

use annals_engine::disk::DiskFile;
use annals_engine::{Error, Result};
use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use parking_lot::Mutex;

use super::stores::Object;
use super::unsupported;

/// Larger objects are written in parts of so many bytes: of the same size, as some services ask, and above the least that they take.
pub(super) const PART_BYTES: usize = 8 << 20;
/// So much is read at least: each request takes some ten milliseconds, whatever it asks for.
const READ_BYTES: u64 = 1 << 20;

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
    /// What was read last, and where it begins.
    Stored { length: u64, window: (u64, Bytes) },
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
        let state = State::Stored { length, window: (0, Bytes::new()) };
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

    /// Writes an object of one part.
    fn put(&self, bytes: Vec<u8>) -> Result<()> {
        let (store, at) = (self.object.store.clone(), self.object.at.clone());
        let put = async move { store.put(&at, PutPayload::from(bytes)).await.map(|_| ()) };
        self.object.wait("write", put)
    }

    fn read(&self, from: u64, to: u64) -> Result<Bytes> {
        let (store, at) = (self.object.store.clone(), self.object.at.clone());
        self.object.wait("read", async move { store.get_range(&at, from..to).await })
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
        let mut state = self.state.lock();
        let State::Stored { length, window } = &mut *state else {
            return Err(unsupported("read before it is written", &self.path));
        };
        let end = offset.saturating_add(buffer.len() as u64);
        if end > *length {
            return Err(ends_early(&self.path, *length, offset, buffer.len()));
        }
        let is_in = |(from, bytes): &(u64, Bytes)| {
            *from <= offset && end <= from.saturating_add(bytes.len() as u64)
        };
        if !is_in(window) {
            let to = end.max(offset.saturating_add(READ_BYTES)).min(*length);
            let bytes = self.read(offset, to)?;
            if bytes.len() as u64 != to - offset {
                let reached = offset.saturating_add(bytes.len() as u64);
                return Err(ends_early(&self.path, reached, offset, buffer.len()));
            }
            *window = (offset, bytes);
        }
        let from = (offset - window.0) as usize;
        buffer.copy_from_slice(&window.1[from..from + buffer.len()]);
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
        *state = State::Stored { length, window: (0, Bytes::new()) };
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
