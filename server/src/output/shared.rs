//! Bytes that are written on one side and taken away on the other, in pieces.

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;

use super::Out;

/// A place that a writer fills and its owner empties. It does not bound itself: who fills it looks at its length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Shared {
    /// A writer that fills it.
    pub(crate) fn writer(&self) -> Out {
        Box::new(self.clone())
    }

    /// How many bytes were written and not taken yet.
    pub(crate) fn len(&self) -> usize {
        self.bytes.lock().len()
    }

    /// Takes what was written.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes.lock())
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
