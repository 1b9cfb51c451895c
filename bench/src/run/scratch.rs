//! The folder in which a run works.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// A folder for the databases of a run.
pub(super) struct Scratch {
    pub(super) dir: PathBuf,
    /// Removes the folder when the run ends; nothing where the user named one.
    _temporary: Option<tempfile::TempDir>,
}

impl Scratch {
    /// The folder that the user named, made if it is missing, or a temporary one.
    pub(super) fn new(dir: Option<&Path>) -> Result<Scratch> {
        if let Some(dir) = dir {
            fs::create_dir_all(dir)?;
            return Ok(Scratch { dir: dir.to_owned(), _temporary: None });
        }
        let temporary = tempfile::tempdir()?;
        Ok(Scratch { dir: temporary.path().to_owned(), _temporary: Some(temporary) })
    }

    /// The folder of a database, which must not exist yet: nothing of the user's is ever written
    /// into or removed.
    pub(super) fn database(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        if dir.exists() {
            return Err(Failure::new(format!("{} exists already", dir.display())));
        }
        Ok(dir)
    }
}
