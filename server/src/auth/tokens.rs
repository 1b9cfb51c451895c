//! From the header of a request to a name and a role.
//!
//! A door that was locked stays locked: once there is a file of tokens, a token is asked of everybody, also after the file is
//! removed, for as long as the server runs. The file is looked at again at most once a second. What cannot be read leaves the
//! tokens as they were.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::file::{self, Entry};
use super::secret::Fingerprint;
use super::{ANONYMOUS, Role};
use crate::error::Result;

const LOOK_SECONDS: i64 = 1;

/// Who has come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The name of the token; [`ANONYMOUS`] where none is asked for.
    pub(crate) name: Arc<str>,
    /// What they may do.
    pub(crate) role: Role,
}

/// Why somebody has not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthError {
    /// There is no header.
    Missing,
    /// The header is not `Bearer` and a token.
    Malformed,
    /// There is no such token.
    Unknown,
    /// The token was good once.
    Expired,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthError::Missing => {
                "a token is needed: send the header `Authorization: Bearer TOKEN`"
            }
            AuthError::Malformed => "the header `Authorization` is not `Bearer` and a token",
            AuthError::Unknown => "there is no such token",
            AuthError::Expired => "the token has expired",
        })
    }
}

/// Asks what time it is.
pub(crate) type Now = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// The tokens of a server, as its file has them.
pub(crate) struct Tokens {
    path: PathBuf,
    now: Now,
    state: Mutex<State>,
}

struct State {
    entries: Arc<[Entry]>,
    is_required: bool,
    seen: Seen,
    looked: Timestamp,
}

/// What the file was like when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Absent,
    Unreadable(io::ErrorKind),
    /// A file that was written or replaced since differs in one of these.
    File {
        modified: (i64, i64),
        changed: (i64, i64),
        bytes: u64,
        inode: u64,
    },
}

impl Seen {
    fn of(path: &Path) -> Seen {
        match fs::metadata(path) {
            Ok(metadata) => Seen::File {
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
                bytes: metadata.size(),
                inode: metadata.ino(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::Absent,
            Err(error) => Seen::Unreadable(error.kind()),
        }
    }
}

impl Tokens {
    /// The tokens of a file, which need not be there. A file that cannot be read or makes no sense is an error.
    pub(crate) fn open(path: &Path) -> Result<Tokens> {
        Tokens::open_at(path, Box::new(Timestamp::now))
    }

    /// The same, with a clock.
    pub(crate) fn open_at(path: &Path, now: Now) -> Result<Tokens> {
        // Looked at before it is read: what is written in between is read again.
        let seen = Seen::of(path);
        let entries = file::read(path)?.into();
        let is_required = seen != Seen::Absent;
        let state = State { entries, is_required, seen, looked: now() };
        Ok(Tokens { path: path.to_path_buf(), now, state: Mutex::new(state) })
    }

    /// Whether a token is asked for. Once it is, it is for good.
    pub(crate) fn is_required(&self) -> bool {
        self.state.lock().is_required
    }

    /// Who sends this header `Authorization`. Where no token is asked for, everybody is an administrator without a name.
    ///
    /// How long it takes tells nothing about which tokens there are. It may read the file, which is small.
    pub(crate) fn authenticate(&self, header: Option<&str>) -> Result<Identity, AuthError> {
        let now = (self.now)();
        let (entries, is_required) = self.follow(now);
        if !is_required {
            return Ok(Identity { name: ANONYMOUS.into(), role: Role::Admin });
        }
        let token = bearer(header.ok_or(AuthError::Missing)?).ok_or(AuthError::Malformed)?;
        let entry = find(&entries, &Fingerprint::of(token)).ok_or(AuthError::Unknown)?;
        if entry.is_expired(now) {
            return Err(AuthError::Expired);
        }
        Ok(Identity { name: entry.name.as_str().into(), role: entry.role })
    }

    /// What an operator should know about the file.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let (path, now) = (self.path.display(), (self.now)());
        let state = self.state.lock();
        let mut warnings = Vec::new();
        if file::is_exposed(&self.path) {
            warnings.push(format!("{path} can be read by others than its owner: chmod 600 it"));
        }
        if state.is_required && state.entries.iter().all(|entry| entry.is_expired(now)) {
            warnings.push(format!("{path} has no token that lets anybody in"));
        }
        warnings
    }

    /// The tokens of now: the file is read again if it changed and a second has passed since it was looked at.
    fn follow(&self, now: Timestamp) -> (Arc<[Entry]>, bool) {
        let mut state = self.state.lock();
        // A clock that was set back must not keep a revoked token good until it has caught up.
        let has_passed = now.as_second() - state.looked.as_second();
        if !(0..LOOK_SECONDS).contains(&has_passed) {
            state.looked = now;
            state.look(&self.path);
        }
        (state.entries.clone(), state.is_required)
    }
}

impl State {
    fn look(&mut self, path: &Path) {
        let seen = Seen::of(path);
        if seen == self.seen {
            return;
        }
        let read = match seen {
            Seen::Absent => Ok(Vec::new()),
            _ => file::read(path),
        };
        self.is_required |= seen != Seen::Absent;
        match read {
            Ok(entries) => {
                tracing::info!(file = %path.display(), token_count = entries.len(), "tokens read again");
                self.entries = entries.into();
                self.seen = seen;
            }
            // Whatever the reason was may pass: it is looked at again.
            Err(error) => tracing::error!(%error, "tokens stay as they were"),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The token of a header `Bearer TOKEN`.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim_start();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("Bearer") && is_token).then_some(token)
}

/// The entry with the fingerprint. Every entry is compared whole, whichever it is.
fn find<'a>(entries: &'a [Entry], wanted: &Fingerprint) -> Option<&'a Entry> {
    let (mut found, mut is_found) = (0_u64, Choice::from(0));
    for (at, entry) in entries.iter().enumerate() {
        let is_equal = entry.fingerprint.0.ct_eq(&wanted.0);
        found.conditional_assign(&(at as u64), is_equal);
        is_found |= is_equal;
    }
    if bool::from(is_found) { entries.get(found as usize) } else { None }
}
