//! The file of tokens: a name, a role, a hash and one or two instants of each.
//!
//! It is replaced whole: a new file is written beside it, synced and renamed, so that a server that reads it meanwhile sees the
//! one or the other. Who changes it holds a lock on its folder. Errors name lines and never what stands there: somebody may have
//! pasted a token.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::secret::Fingerprint;
use super::{ANONYMOUS, Role};
use crate::error::{Failure, Result};
use crate::small_file;

const HEAD: &str = "\
# Who may use the HTTP server. `annals token` writes this file; a running server follows it.
# Tokens themselves are not here, only their SHA-256.
";
const NAME_BYTES_MAX: usize = 64;

/// A token as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Whose it is; unique in a file.
    pub(crate) name: String,
    /// What its bearer may do.
    pub(crate) role: Role,
    /// The hash of the token.
    pub(crate) fingerprint: Fingerprint,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// From when on it lets nobody in, if ever.
    pub(crate) expires: Option<Timestamp>,
}

impl Entry {
    /// A token that is made now. Refuses a name that is none, and an end beyond the year 9999.
    pub(crate) fn new(
        name: &str,
        role: Role,
        fingerprint: Fingerprint,
        now: Timestamp,
        expires_days: Option<u32>,
    ) -> Result<Entry> {
        check_name(name).map_err(Failure::new)?;
        let created = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let end = |days: u32| {
            let length = SignedDuration::from_hours(24 * i64::from(days));
            created
                .checked_add(length)
                .map_err(|_| Failure::new(format!("--expires-days {days} is after the year 9999")))
        };
        let expires = expires_days.map(end).transpose()?;
        Ok(Entry { name: name.to_owned(), role, fingerprint, created, expires })
    }

    /// Whether it lets nobody in any more.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    token: Vec<toml::Spanned<Line>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    role: String,
    sha256: String,
    created: String,
    expires: Option<String>,
}

/// The tokens of a file; none if there is no file.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>> {
    match small_file::read(path) {
        Ok(text) => parse(&text).map_err(|(byte, reason)| {
            let (line, _) = small_file::place(&text, byte);
            Failure::new(format!("{}:{line}: {reason}", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Failure::new(format!("{}: {error}", path.display()))),
    }
}

fn parse(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, "this is not as `annals token` writes it".to_owned())
    })?;
    let mut entries: Vec<Entry> = Vec::with_capacity(document.token.len());
    for line in document.token {
        let at = line.span().start;
        let entry = entry(line.into_inner()).map_err(|reason| (at, reason))?;
        if entries.iter().any(|other| other.name == entry.name) {
            return Err((at, "this token has the name of one before it".to_owned()));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(line: Line) -> Result<Entry, String> {
    let instant = |text: &str| text.parse().map_err(|_| "an instant of this token is none");
    check_name(&line.name).map_err(|_| "the name of this token is none".to_owned())?;
    Ok(Entry {
        name: line.name,
        role: Role::of_name(&line.role).ok_or("the role of this token is none")?,
        fingerprint: Fingerprint::parse(&line.sha256).ok_or("the SHA-256 of this token is none")?,
        created: instant(&line.created)?,
        expires: line.expires.as_deref().map(instant).transpose()?,
    })
}

fn check_name(name: &str) -> Result<(), String> {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_known) {
        let length = NAME_BYTES_MAX;
        return Err(format!(
            "`{name}` is no name of a token: use 1 to {length} of letters, digits, `-`, `_`, `.` and `@`"
        ));
    }
    if name == ANONYMOUS {
        return Err(format!("`{name}` is who comes without a token: choose another name"));
    }
    Ok(())
}

/// Changes the tokens of a file, which is made if it is not there. When this returns, the change survives a power cut; if `change`
/// fails, nothing is changed.
pub(crate) fn update<T>(
    path: &Path,
    change: impl FnOnce(&mut Vec<Entry>) -> Result<T>,
) -> Result<T> {
    let named = |error: io::Error| Failure::new(format!("{}: {error}", path.display()));
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(named)?;
    let folder_file = File::open(folder).map_err(named)?;
    // Two commands at once would otherwise lose what one of them wrote. Held until the file of the folder is dropped.
    folder_file.lock().map_err(named)?;
    let mut entries = read(path)?;
    let result = change(&mut entries)?;
    // Its mode is 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(named)?;
    file.write_all(format(&entries).as_bytes()).map_err(named)?;
    file.as_file().sync_all().map_err(named)?;
    file.persist(path).map_err(|error| named(error.error))?;
    folder_file.sync_all().map_err(named)?;
    // The folder may be new too.
    File::open(folder_of(folder)).and_then(|above| above.sync_all()).map_err(named)?;
    Ok(result)
}

/// The folder that something is in; of a name alone it is the current one, and of the root the root.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => path,
    }
}

fn format(entries: &[Entry]) -> String {
    let mut text = HEAD.to_owned();
    for entry in entries {
        // All of these are of letters, digits and a few signs that need no escape.
        let Entry { name, role, fingerprint, created, expires } = entry;
        let (role, sha256) = (role.name(), fingerprint.to_hex());
        text.push_str(&format!(
            "\n[[token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\ncreated = \"{created}\"\n"
        ));
        if let Some(expires) = expires {
            text.push_str(&format!("expires = \"{expires}\"\n"));
        }
    }
    text
}

/// Whether others than the owner may read the file. False where there is none.
pub(crate) fn is_exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}
