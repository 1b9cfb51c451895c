//! The folders that statements name, or places in object storage: absolute, and where they may be.

use std::path::{Path, PathBuf};

use annals_engine::disk::is_url;
use annals_engine::{Retention, RetentionAction};

use crate::error::{Error, Result};

/// Where statements may put partitions, and from where they may take them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folders {
    /// Only below this one, if it is set.
    pub(crate) root: Option<PathBuf>,
}

impl Folders {
    /// A folder as the process sees it, whatever folder the engine would take it from. An error if it may not be named.
    pub(crate) fn absolute(&self, dir: &str) -> Result<PathBuf> {
        let path = match is_url(Path::new(dir)) {
            true => PathBuf::from(dir),
            false => std::path::absolute(dir)
                .map_err(|error| Error::invalid(format!("folder `{dir}`: {error}")))?,
        };
        let Some(root) = &self.root else { return Ok(path) };
        match is_below(&path, root) {
            true => Ok(path),
            false => {
                let root = root.display();
                Err(Error::invalid(format!("folder `{dir}` does not lie below {root}")))
            }
        }
    }

    /// A retention whose folder is the same wherever it is read.
    pub(crate) fn of_retention(&self, retention: Retention) -> Result<Retention> {
        let RetentionAction::Archive(dir) = retention.action() else { return Ok(retention) };
        let absolute = self.absolute(dir)?;
        let text = absolute.to_str().map(str::to_owned);
        let text = text.ok_or_else(|| Error::invalid(format!("folder `{dir}` is not UTF-8")))?;
        Ok(retention.then(RetentionAction::Archive(text)))
    }
}

/// Whether a path lies below a folder, wherever links on the way lead to. `..` is never followed. No URL lies below a folder, and only
/// what begins with a URL lies below it.
fn is_below(path: &Path, root: &Path) -> bool {
    if is_url(path) || is_url(root) {
        return is_url(root) && is_url_below(path, root);
    }
    let is_plain = path.components().all(|part| part != std::path::Component::ParentDir);
    let (Some(real), Ok(root)) = (existing(path), std::fs::canonicalize(root)) else {
        return false;
    };
    is_plain && (real.starts_with(&root)) && path != root
}

fn is_url_below(url: &Path, root: &Path) -> bool {
    let (Some(url), Some(root)) = (url.to_str(), root.to_str()) else { return false };
    let below =
        url.strip_prefix(root.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    below.is_some_and(|rest| rest.split('/').all(|name| !matches!(name, "" | "." | "..")))
}

/// The part of a path that is there, without links.
fn existing(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|part| std::fs::canonicalize(part).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_the_root_may_be_named() {
        let (dir, elsewhere) = (tempfile::tempdir(), tempfile::tempdir());
        let (dir, elsewhere) = (dir.expect("a folder"), elsewhere.expect("a folder"));
        let root = dir.path().join("archives");
        std::fs::create_dir_all(root.join("old")).expect("a folder");
        #[cfg(unix)]
        std::os::unix::fs::symlink(elsewhere.path(), root.join("link")).expect("a link");
        let folders = Folders { root: Some(root.clone()) };
        let check = |name: &str, is_allowed: bool| {
            let path = root.join(name);
            let text = path.to_str().expect("UTF-8");
            assert_eq!(folders.absolute(text).is_ok(), is_allowed, "{text}");
        };
        check("old", true);
        check("old/2024-01", true);
        check("new/2024-01", true);
        check("", false);
        check("../other", false);
        check("old/../../other", false);
        #[cfg(unix)]
        check("link/2024-01", false);
        folders.absolute("s3://bucket/2024-01").expect_err("elsewhere");
        folders.absolute("relative").expect_err("below the folder of the process");
        folders.absolute(elsewhere.path().to_str().expect("UTF-8")).expect_err("elsewhere");
        Folders::default().absolute("relative").expect("anywhere");
    }

    #[test]
    fn a_root_in_object_storage_holds_what_begins_with_it() {
        for root in ["s3://bucket/old", "s3://bucket/old/"] {
            let folders = Folders { root: Some(root.into()) };
            for place in ["s3://bucket/old/a", "s3://bucket/old/a/2024-01"] {
                assert_eq!(folders.absolute(place).expect("below it"), Path::new(place));
            }
            for place in [
                "s3://bucket/old",
                "s3://bucket/old/",
                "s3://bucket/older/a",
                "s3://bucket/old/../new",
                "s3://bucket/old//a",
                "s3://other/old/a",
                "gs://bucket/old/a",
                "/s3://bucket/old/a",
                "relative",
            ] {
                folders.absolute(place).expect_err(place);
            }
        }
        let anywhere = Folders::default().absolute("s3://bucket/a").expect("anywhere");
        assert_eq!(anywhere, Path::new("s3://bucket/a"));
    }
}
