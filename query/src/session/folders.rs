//! The folders that statements name: absolute, and where they may be.

use std::path::{Path, PathBuf};

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
        let path = std::path::absolute(dir)
            .map_err(|error| Error::invalid(format!("folder `{dir}`: {error}")))?;
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

/// Whether a path lies below a folder, wherever links on the way lead to. `..` is never followed.
fn is_below(path: &Path, root: &Path) -> bool {
    let is_plain = path.components().all(|part| part != std::path::Component::ParentDir);
    let (Some(real), Ok(root)) = (existing(path), std::fs::canonicalize(root)) else {
        return false;
    };
    is_plain && (real.starts_with(&root)) && path != root
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
        folders.absolute("relative").expect_err("below the folder of the process");
        folders.absolute(elsewhere.path().to_str().expect("UTF-8")).expect_err("elsewhere");
        Folders::default().absolute("relative").expect("anywhere");
    }
}
