//! The keys of requests that are running: a retry that overtakes its first attempt must not be applied beside it.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

/// The keys that are taken, each with the number of its table.
#[derive(Clone, Debug, Default)]
pub(super) struct Running {
    taken: Arc<Mutex<HashSet<(u32, String)>>>,
}

/// A key while it is taken.
#[derive(Debug)]
pub(super) struct Taken {
    running: Running,
    key: (u32, String),
}

impl Running {
    /// Takes a key until the guard is dropped; nothing if it is taken.
    pub(super) fn take(&self, table: u32, request: &str) -> Option<Taken> {
        let key = (table, request.to_owned());
        let is_free = self.taken.lock().insert(key.clone());
        is_free.then(|| Taken { running: self.clone(), key })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.running.taken.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_once_in_a_table_until_it_is_given_back() {
        let running = Running::default();
        let first = running.take(1, "a").expect("nobody has it");
        assert!(running.take(1, "a").is_none());
        assert!(running.clone().take(1, "a").is_none(), "clones are one set");
        assert!(running.take(2, "a").is_some(), "of another table");
        drop(first);
        assert!(running.take(1, "a").is_some());
    }
}
