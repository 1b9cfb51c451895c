//! The stores that URLs lead to, and the thread that speaks with them.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};

use annals_engine::{Error, ErrorKind, Result};
use object_store::{ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::services;

/// The variables of the environment that are settings of stores begin with one of these.
const PREFIXES: [&str; 3] = ["aws_", "azure_", "google_"];

/// The stores that were asked for, by scheme and authority.
#[derive(Debug)]
pub(super) struct Stores {
    settings: Mutex<BTreeMap<String, String>>,
    stores: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
    speaker: Arc<Speaker>,
}

/// The thread on which requests run, so that whoever waits for one may be on a thread of any kind. It starts with the first.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    runtime: OnceLock<Runtime>,
}

/// A place in a store.
#[derive(Clone, Debug)]
pub(super) struct Object {
    path: PathBuf,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) at: object_store::path::Path,
    speaker: Arc<Speaker>,
}

impl Stores {
    pub(super) fn from_environment() -> Stores {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?.to_ascii_lowercase();
            let is_setting = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            is_setting.then_some((name, value.into_string().ok()?))
        });
        Stores {
            settings: Mutex::new(variables.collect()),
            stores: Mutex::default(),
            speaker: Arc::default(),
        }
    }

    pub(super) fn set(&self, name: String, value: String) {
        self.settings.lock().insert(name.to_ascii_lowercase(), value);
    }

    pub(super) fn insert(&self, base: String, store: Arc<dyn ObjectStore>) {
        self.stores.lock().insert(base, store);
    }

    /// The place that a URL stands for. What follows the authority is taken as it is written: nothing in it is decoded.
    pub(super) fn object(&self, path: &Path) -> Result<Object> {
        let text = path.to_str().unwrap_or_default();
        let refuse = |what: String| Error::invalid(format!("{}: {what}", path.display()));
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let (authority, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if rest.starts_with('/') {
            return Err(refuse("a name in it is empty".to_owned()));
        }
        let at = object_store::path::Path::parse(rest).map_err(|e| refuse(e.to_string()))?;
        let base = format!("{scheme}://{authority}");
        let mut stores = self.stores.lock();
        let store = match stores.get(&base) {
            Some(store) => store.clone(),
            None => {
                let store = services::store(&base, &self.settings.lock()).map_err(refuse)?;
                stores.insert(base, store.clone());
                store
            }
        };
        Ok(Object { path: path.to_path_buf(), store, at, speaker: self.speaker.clone() })
    }
}

impl Object {
    /// What a request brings, once it has; `action` is a verb phrase such as `read`.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        action: &str,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.speaker.wait(request)?.map_err(|error| {
            let path = self.path.display();
            Error::new(ErrorKind::Io, format!("cannot {action} {path}: {error}"))
        })
    }

    /// Begins what nobody waits for.
    pub(super) fn begin(&self, request: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = self.speaker.runtime() {
            runtime.spawn(request);
        }
    }

    /// The bytes of the object; `None` if there is none.
    pub(super) fn length(&self) -> Result<Option<u64>> {
        // A bucket itself is no object.
        if self.at.as_ref().is_empty() {
            return Ok(None);
        }
        let (store, at) = (self.store.clone(), self.at.clone());
        self.wait("look up", async move {
            match store.head(&at).await {
                Ok(meta) => Ok(Some(meta.size)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }
}

impl Speaker {
    fn runtime(&self) -> Result<&Runtime> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("annals-objects").enable_all().build();
        let runtime = runtime.map_err(|error| {
            Error::exhausted(format!("cannot start the thread for object storage: {error}"))
        })?;
        // If another one was quicker, that one is taken.
        if let Err(runtime) = self.runtime.set(runtime) {
            runtime.shutdown_background();
        }
        self.runtime.get().ok_or_else(|| Error::unavailable("object storage is closed"))
    }

    fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        self.runtime()?.spawn(async move {
            // Who has gone away waits for nothing.
            let _ = sender.send(request.await);
        });
        let interrupted = |_| Error::new(ErrorKind::Io, "a request to object storage broke off");
        receiver.recv().map_err(interrupted)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last handle may be dropped on a thread that must not block.
            runtime.shutdown_background();
        }
    }
}
