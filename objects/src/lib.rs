//! Archives of Annals in object storage.
//!
//! [`ObjectDisk`] is a [`Disk`] that stands over another one. Paths that are URLs (see [`is_url`]) are objects; all others are the files
//! of the disk underneath. A database that is opened with it takes URLs where it takes folders for partitions that leave and come back.
//!
//! What a partition needs of a folder outside the database is here, and no more: an object is written whole, is there when it was synced
//! and not before, and can be read, listed and removed. Folders are what names have in common, so that there is nothing to make, to
//! sync or to remove. Nothing can be renamed, linked, cut or locked: the database itself lives on a file system.
//!
//! The features `aws`, `azure` and `gcp` bring what speaks with each service; without them only stores that the caller brings can be
//! reached ([`ObjectDisk::store`]).

mod file;
mod services;
mod stores;
#[cfg(test)]
mod tests;
mod windows;

use std::path::Path;
use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt};

use annals_engine::disk::{Disk, DiskFile, DiskLock, is_url};
use annals_engine::{Error, ErrorKind, Result};
use file::ObjectFile;
use stores::{Object, Stores};

/// A disk that takes URLs of object storage for paths: `s3://bucket/...` (feature `aws`), `gs://bucket/...` (`gcp`),
/// `az://container/...` or `abfss://container@account.dfs.core.windows.net/...` (`azure`).
///
/// Credentials, regions and endpoints are taken from the variables of the environment that the tools of these services read:
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AZURE_STORAGE_ACCOUNT_NAME`,
/// `AZURE_STORAGE_ACCOUNT_KEY`, `GOOGLE_SERVICE_ACCOUNT` and the rest. [`ObjectDisk::setting`] adds to them or takes their place.
///
/// ```
/// # use std::sync::Arc;
/// # use annals_engine::{Options, disk::RealDisk};
/// # use annals_objects::ObjectDisk;
/// let disk = ObjectDisk::over(Arc::new(RealDisk::default())).setting("aws_endpoint", "http://localhost:9000");
/// let options = Options::default().disk(Arc::new(disk));
/// ```
#[derive(Debug)]
pub struct ObjectDisk {
    local: Arc<dyn Disk>,
    stores: Arc<Stores>,
}

impl ObjectDisk {
    /// Object storage beside the files of `local`.
    pub fn over(local: Arc<dyn Disk>) -> ObjectDisk {
        ObjectDisk { local, stores: Arc::new(Stores::from_environment()) }
    }

    /// A setting under the name that the crate `object_store` has for it, such as `aws_endpoint`. It goes before the environment.
    pub fn setting(self, name: impl Into<String>, value: impl Into<String>) -> ObjectDisk {
        self.stores.set(name.into(), value.into());
        self
    }

    /// The store for all URLs of one scheme and authority, such as `memory://tests`.
    pub fn store(self, base: &str, store: Arc<dyn ObjectStore>) -> ObjectDisk {
        self.stores.insert(base.trim_end_matches('/').to_owned(), store);
        self
    }

    fn object(&self, path: &Path) -> Result<Object> {
        self.stores.object(path)
    }
}

/// The error of what object storage does not do.
fn unsupported(action: &str, path: &Path) -> Error {
    let path = path.display();
    Error::invalid(format!("{path} is in object storage, where nothing can be {action}"))
}

impl Disk for ObjectDisk {
    fn takes_urls(&self) -> bool {
        true
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        if !is_url(path) {
            return self.local.create(path);
        }
        let object = self.object(path)?;
        match object.length()? {
            Some(_) => Err(Error::new(ErrorKind::Io, format!("{} exists", path.display()))),
            None => Ok(Arc::new(ObjectFile::new(path, object))),
        }
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        if !is_url(path) {
            return self.local.open(path);
        }
        let object = self.object(path)?;
        let Some(length) = object.length()? else {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::io("open", path, &missing));
        };
        Ok(Arc::new(ObjectFile::stored(path, object, length)))
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        if !is_url(dir) {
            return self.local.list(dir);
        }
        let object = self.object(dir)?;
        let (store, prefix) = (object.store.clone(), object.at.clone());
        let found =
            object.wait("list", async move { store.list_with_delimiter(Some(&prefix)).await })?;
        // The consoles of services write an empty object for a folder.
        let objects = found.objects.iter().map(|found| &found.location);
        let objects = objects.filter(|location| **location != object.at);
        let names = objects.chain(&found.common_prefixes).filter_map(|path| path.filename());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        if !is_url(path) {
            return self.local.exists(path);
        }
        Ok(self.object(path)?.length()?.is_some() || !self.list(path)?.is_empty())
    }

    fn create_dir_all(&self, dir: &Path) -> Result<()> {
        if is_url(dir) { self.object(dir).map(|_| ()) } else { self.local.create_dir_all(dir) }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        match [from, to].into_iter().find(|path| is_url(path)) {
            Some(path) => Err(unsupported("renamed", path)),
            None => self.local.rename(from, to),
        }
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        match [from, to].into_iter().find(|path| is_url(path)) {
            Some(path) => Err(unsupported("linked", path)),
            None => self.local.link(from, to),
        }
    }

    fn remove(&self, path: &Path) -> Result<()> {
        if !is_url(path) {
            return self.local.remove(path);
        }
        let object = self.object(path)?;
        let (store, at) = (object.store.clone(), object.at.clone());
        object.wait("remove", async move { store.delete(&at).await })
    }

    fn remove_dir(&self, dir: &Path) -> Result<()> {
        if is_url(dir) { Ok(()) } else { self.local.remove_dir(dir) }
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        if is_url(dir) { Ok(()) } else { self.local.sync_dir(dir) }
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>> {
        if is_url(path) { Err(unsupported("locked", path)) } else { self.local.lock(path) }
    }
}
