//! Paths that are the URLs of places in object storage.

use std::path::Path;

/// Whether a path is a URL such as `s3://bucket/archives`: a scheme of two letters or more, and `://`. No absolute path is one.
///
/// ```
/// # use annals_engine::disk::is_url;
/// assert!(is_url("s3://bucket/archives".as_ref()));
/// assert!(!is_url("/var/archives".as_ref()));
/// ```
pub fn is_url(path: &Path) -> bool {
    let scheme = path.to_str().and_then(|text| text.split_once("://")).map(|(scheme, _)| scheme);
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    scheme.is_some_and(|scheme| {
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_paths() {
        for url in ["s3://bucket", "s3://bucket/a/b", "gs://b/", "az://c/d", "memory://x/y"] {
            assert!(is_url(Path::new(url)), "{url}");
        }
        for path in ["/s3://bucket", "a/s3://b", "C://x", "s3:/b", "s3", "", "://b", "1s://b"] {
            assert!(!is_url(Path::new(path)), "{path}");
        }
    }
}
