//! The stores that URLs lead to, and the thread that speaks with them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use annals_engine::{Error, ErrorKind, Result};
use object_store::{ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::services;
use super::windows::Windows;

/// The variables of the environment that are settings of stores begin with one of these.
const PREFIXES: [&str; 3] = ["aws_", "azure_", "google_"];

/// Who waits for a request to read waits no longer. A write about an archived range is among these, and other writes behind it.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Who waits for a request to write, of some MiB, waits no longer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);
/// Errors of services repeat what they were sent: no more of them is told.
const ERROR_LENGTH_MAX: usize = 300;

/// The stores that were asked for, by scheme and authority.
pub(super) struct Stores {
    settings: Mutex<BTreeMap<String, String>>,
    stores: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
    speaker: Arc<Speaker>,
    windows: Arc<Windows>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets are among the settings.
        let settings: Vec<String> = self.settings.lock().keys().cloned().collect();
        f.debug_struct("Stores").field("settings", &settings).finish_non_exhaustive()
    }
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
    pub(super) windows: Arc<Windows>,
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
            windows: Arc::default(),
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
        // A URL goes on record and into messages: nothing in it may be a secret.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_account = |c: char| c == '@' && scheme.starts_with("abfs");
        if !authority.chars().all(|c| is_plain(c) || is_account(c)) || rest.contains(['?', '#']) {
            return Err(Error::invalid(
                "a place in object storage is `scheme://name/place`, without a user, a password, a port, `?` or `#`",
            ));
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
        let (speaker, windows) = (self.speaker.clone(), self.windows.clone());
        Ok(Object { path: path.to_path_buf(), store, at, windows, speaker })
    }
}

impl Object {
    /// What a request brings, once it has; `action` is a verb phrase such as `read`.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        action: &str,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T> {
        let limit = if action == "write" { WRITE_TIMEOUT } else { READ_TIMEOUT };
        let request = async move { tokio::time::timeout(limit, request).await };
        let what = match self.speaker.wait(request)? {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => told(&error.to_string()),
            Err(_) => format!("there was no answer within {} s", limit.as_secs()),
        };
        Err(Error::new(ErrorKind::Io, format!("cannot {action} {}: {what}", self.path.display())))
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

/// What is told of an error. A service that refuses a request repeats it, signature and all, behind the status: of that only its code.
fn told(error: &str) -> String {
    const STATUS: &str = "status code: ";
    let code = error.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let end = error
        .find(STATUS)
        .map(|at| at + STATUS.len())
        .and_then(|from| error[from..].find([':', '\n']).map(|length| from + length));
    // Some errors repeat the answer without a status: all that is repeated is XML.
    let end = end.unwrap_or(error.len()).min(error.find('<').unwrap_or(error.len()));
    let mut told: String = error[..end].trim_end().chars().take(ERROR_LENGTH_MAX).collect();
    if let Some((code, _)) = code.filter(|(code, _)| code.chars().all(char::is_alphanumeric)) {
        told = format!("{told} ({code})");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_service_repeats_nothing_is_told() {
        let error = "Generic S3 error: Error performing PUT http://h/b/k in 2ms - Server returned non-2xx status code: 403 Forbidden: \
                     <Error><Code>SignatureDoesNotMatch</Code><StringToSign>secret</StringToSign></Error>";
        let shown = told(error);
        assert!(shown.ends_with("403 Forbidden (SignatureDoesNotMatch)"), "{shown}");
        assert_eq!(told(&"ï".repeat(1_000)).chars().count(), ERROR_LENGTH_MAX);
        assert_eq!(told("status code: 500"), "status code: 500");
        let without =
            "Generic S3 error: Got an error: <Error><Code>SlowDown</Code><Key>secret</Key></Error>";
        assert_eq!(told(without), "Generic S3 error: Got an error: (SlowDown)");
    }

    #[test]
    fn settings_are_shown_without_their_values() {
        let stores = Stores::from_environment();
        stores.set("AWS_SECRET_ACCESS_KEY".to_owned(), "hush".to_owned());
        let shown = format!("{stores:?}");
        assert!(shown.contains("aws_secret_access_key") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_url_that_may_hold_a_secret_is_refused_and_not_repeated() {
        let stores = Stores::from_environment();
        for url in [
            "s3://key:secret@bucket/a",
            "s3://secret@bucket/a",
            "s3://bucket:80/a",
            "s3://bucket?secret/a",
            "s3://bucket/a?secret",
            "s3://bucket/a#secret",
            "s3://b`/a",
            "s3://b%41/a",
        ] {
            let error = stores.object(Path::new(url)).unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("scheme://name/place"), "{error}");
        }
    }
}
