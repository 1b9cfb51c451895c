//! Texts that were read, kept with what was read: to prepare one again costs a look-up.

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::Prepared;

/// What all that is kept may take, as it is estimated.
const BYTES_MAX: u64 = 32 << 20;
/// About what a tree of syntax takes, whatever it is of, and for each byte of its text.
const TREE_BYTES: u64 = 4_096;
const TREE_BYTES_OF_BYTE: u64 = 32;
/// Longer texts are hardly ever given twice, and one of them would drive out hundreds.
const TEXT_BYTES_MAX: usize = 16_384;
/// A text of usual length: sizes the tables of the cache.
const USUAL_TEXT_BYTES: u64 = 100;

/// The texts that were used last, bounded in bytes.
pub(super) struct Texts {
    known: Cache<String, Vec<Prepared>, ByTree>,
}

#[derive(Clone, Debug)]
struct ByTree;

impl Weighter<String, Vec<Prepared>> for ByTree {
    fn weight(&self, text: &String, _: &Vec<Prepared>) -> u64 {
        weight(text.len() as u64)
    }
}

fn weight(text_bytes: u64) -> u64 {
    TREE_BYTES + text_bytes * TREE_BYTES_OF_BYTE
}

impl Texts {
    pub(super) fn new() -> Texts {
        let options = OptionsBuilder::new()
            // One bound for all: divided among shards, none would have room for a long text.
            .shards(1)
            .weight_capacity(BYTES_MAX)
            .estimated_items_capacity((BYTES_MAX / weight(USUAL_TEXT_BYTES)) as usize)
            .build();
        // Both values the builder asks for were given.
        let options = options.expect("a capacity and an estimate were set");
        let known = Cache::with_options(
            options,
            ByTree,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        Texts { known }
    }

    pub(super) fn get(&self, text: &str) -> Option<Vec<Prepared>> {
        self.known.get(text)
    }

    pub(super) fn keep(&self, text: &str, prepared: &[Prepared]) {
        if text.len() <= TEXT_BYTES_MAX {
            self.known.insert(text.to_owned(), prepared.to_vec());
        }
    }

    /// Lets go of everything.
    pub(super) fn forget(&self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{BYTES_MAX, TEXT_BYTES_MAX, Texts, weight};
    use crate::parse::parse;
    use crate::session::Prepared;

    fn prepared(sql: &str) -> Vec<Prepared> {
        let parsed = parse(sql).expect("a statement");
        parsed.into_iter().map(|parsed| Prepared { parsed: Arc::new(parsed) }).collect()
    }

    #[test]
    fn a_text_in_use_stays_while_others_come_and_go() {
        let (texts, first) = (Texts::new(), "SELECT 0");
        let statements = prepared(first);
        texts.keep(first, &statements);
        for number in 1..20_000 {
            assert!(texts.get(first).is_some(), "after {number} others");
            texts.keep(&format!("SELECT {number}"), &statements);
        }
        assert!(texts.known.len() > 2_000, "{} texts", texts.known.len());
        assert!(texts.known.weight() <= BYTES_MAX, "{} bytes", texts.known.weight());
        texts.forget();
        assert!(texts.get(first).is_none() && texts.known.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_too_long_a_text_is_not_kept() {
        let (texts, statements) = (Texts::new(), prepared("SELECT 1"));
        for number in 0..1_000 {
            let text = format!("SELECT {number:016000}");
            texts.keep(&text, &statements);
        }
        assert!(texts.known.weight() <= BYTES_MAX, "{} bytes", texts.known.weight());
        assert!(texts.known.len() as u64 <= BYTES_MAX / weight(16_000));
        let long = format!("SELECT '{}'", "x".repeat(TEXT_BYTES_MAX));
        texts.keep(&long, &statements);
        assert!(texts.get(&long).is_none());
    }
}
