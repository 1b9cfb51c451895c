//! Whether the process may open as many files as it is set up to need.
//!
//! A connection is a file to the operating system, and so is each file of a segment that is read. When there are no more, connections are not accepted
//! and segments not read. What the process may open is read where Linux shows it; it is raised by whoever starts the server
//! (`ulimit -n`, `LimitNOFILE` of systemd): a process can do so only by a call that is not safe.

use std::fs;

use tracing::warn;

/// Files beside connections: those of segments, of the log and manifest, and what is spilled.
const OTHER_COUNT: u64 = 512;

/// A line of the log if the limit is too low for as many connections.
pub(super) fn check(connection_count_max: usize) {
    let Ok(limits) = fs::read_to_string("/proc/self/limits") else { return };
    let needed = (connection_count_max as u64).saturating_add(OTHER_COUNT);
    if let Some(open_file_count_max) = soft_limit(&limits)
        && open_file_count_max < needed
    {
        warn!(
            open_file_count_max,
            connection_count_max,
            "the process may open {open_file_count_max} files, and {connection_count_max} connections \
             and {OTHER_COUNT} others may be needed: raise the limit (ulimit -n, LimitNOFILE), or lower \
             limits.connection_count_max"
        );
    }
}

/// The soft limit of open files; none if there is none, or it is not told.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_found_among_the_others() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             94953                94953                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(limits), Some(1024));
        let unlimited = limits.replace("1024  ", "unlimited");
        assert_eq!((soft_limit(&unlimited), soft_limit("")), (None, None));
    }
}
