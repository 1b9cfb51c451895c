//! The key index of a section: from a key's hash to the rows that may hold the key.
//!
//! A segment has two sections, the rows still believed and the closed ones, each with an index of
//! its own. An index is a run of pages ([`KeyPage`]) sorted by hash and a directory of the first
//! hash of each page. Pages come from a [`PageSource`], which reads and keeps them, so that a
//! look-up touches one page of 4 KiB.
//!
//! A key's rows may go over the end of a page; the pages that go on with it have its hash as their
//! first.

use std::sync::Arc;

use super::key_page::{self, KeyPage, Place};
use crate::error::Result;

/// Where the pages of an index come from: a cache above a file.
pub(crate) trait PageSource {
    /// The page with this number, counted over both sections.
    fn page(&self, number: u32) -> Result<Arc<KeyPage>>;
}

/// What the directory holds of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageEntry {
    /// The smallest hash in it.
    pub(crate) first_hash: u64,
    /// Where it starts, counted from the start of the first page.
    pub(crate) offset: u32,
    /// Its CRC-32C.
    pub(crate) checksum: u32,
}

/// The directory of one section's pages.
#[derive(Debug)]
pub(crate) struct KeySection {
    first_hashes: Vec<u64>,
    /// The number of its first page.
    page_base: u32,
    /// The number of its first row.
    row_base: u32,
    row_count: u32,
}

impl KeySection {
    /// A directory whose pages begin at number `page_base` and whose rows at `row_base`.
    pub(crate) fn new(
        first_hashes: Vec<u64>,
        page_base: u32,
        row_base: u32,
        row_count: u32,
    ) -> KeySection {
        KeySection { first_hashes, page_base, row_base, row_count }
    }

    /// How many rows the section has.
    pub(crate) fn row_count(&self) -> u32 {
        self.row_count
    }

    /// The number of its first row in the segment.
    pub(crate) fn row_base(&self) -> u32 {
        self.row_base
    }

    /// The numbers of its pages.
    pub(crate) fn pages(&self) -> std::ops::Range<u32> {
        self.page_base..self.page_base + self.first_hashes.len() as u32
    }

    /// The bytes it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.first_hashes.capacity() * 8 + size_of::<KeySection>()
    }

    /// The first of the pages, from the `from`th on, that can hold `hash`: the last that begins
    /// below it, since the page before one that begins with `hash` may end with it.
    fn page_of(&self, hash: u64, from: usize) -> usize {
        let rest = &self.first_hashes[from..];
        let mut bound = 1;
        while bound < rest.len() && rest[bound] < hash {
            bound *= 2;
        }
        let below = rest[..bound.min(rest.len())].partition_point(|first| *first < hash);
        from + below.saturating_sub(1)
    }

    /// Adds all rows whose key may have the hash to `rows`, as row numbers of the segment.
    pub(crate) fn rows_of(
        &self,
        hash: u64,
        pages: &dyn PageSource,
        rows: &mut Vec<u32>,
    ) -> Result<()> {
        self.for_each_match(&[hash], pages, &mut |_, row| rows.push(row))
    }

    /// Calls `found` with the position of the wanted hash and the row number for every row whose
    /// key may have one of the hashes, which are sorted ascending and may repeat.
    ///
    /// Few hashes skip pages by the directory; many amount to a merge that reads each page once.
    pub(crate) fn for_each_match(
        &self,
        sorted_hashes: &[u64],
        pages: &dyn PageSource,
        found: &mut dyn FnMut(usize, u32),
    ) -> Result<()> {
        if sorted_hashes.len() > self.row_count() as usize {
            return self.match_every_entry(sorted_hashes, pages, found);
        }
        let mut running: Option<(usize, Arc<KeyPage>)> = None;
        let mut place = Place::default();
        let mut at = 0;
        while at < sorted_hashes.len() {
            let hash = sorted_hashes[at];
            let same = sorted_hashes[at..].iter().take_while(|other| **other == hash).count();
            let mut number = self.page_of(hash, running.as_ref().map_or(0, |(number, _)| *number));
            while self.first_hashes.get(number).is_some_and(|first| *first <= hash) {
                let page = match running.take() {
                    Some((held, page)) if held == number => page,
                    _ => {
                        place = Place::default();
                        pages.page(self.page_base + number as u32)?
                    }
                };
                let (next, rows) = page.find(hash, place);
                place = next;
                for row in rows {
                    let row = self.row_base + page.row(row);
                    (at..at + same).for_each(|i| found(i, row));
                }
                running = Some((number, page));
                number += 1;
            }
            at += same;
        }
        Ok(())
    }
}

impl KeySection {
    /// The same, led by the entries of the section and not by the hashes: for a section that has fewer of them. A flush holds its
    /// keys against hundreds of small segments, and must not walk through all its keys for each.
    fn match_every_entry(
        &self,
        sorted_hashes: &[u64],
        pages: &dyn PageSource,
        found: &mut dyn FnMut(usize, u32),
    ) -> Result<()> {
        let mut at = 0;
        for (nth, number) in self.pages().enumerate() {
            let page = pages.page(number)?;
            let next = self.first_hashes.get(nth + 1).copied().unwrap_or(u64::MAX);
            page.for_each_entry(&mut |least, greatest, rows| {
                let greatest = greatest.min(next);
                at += gallop(&sorted_hashes[at..], least);
                let wanted = sorted_hashes[at..].iter().take_while(|hash| **hash <= greatest);
                let wanted = at..at + wanted.count();
                for row in rows {
                    let row = self.row_base + page.row(row);
                    wanted.clone().for_each(|i| found(i, row));
                }
            });
        }
        Ok(())
    }
}

/// How many of the sorted hashes lie below `least`; quick when they are few.
fn gallop(hashes: &[u64], least: u64) -> usize {
    let mut bound = 1;
    while bound < hashes.len() && hashes[bound] < least {
        bound *= 2;
    }
    hashes[..hashes.len().min(bound + 1)].partition_point(|hash| *hash < least)
}

/// The pages of a section and what the directory says of them, made from sorted (hash, row in the
/// section) pairs.
pub(crate) fn build(
    pairs: &[(u64, u32)],
    pages: &mut Vec<u8>,
    checksum: &dyn Fn(usize, &[u8]) -> u32,
    directory: &mut Vec<PageEntry>,
) {
    debug_assert!(pairs.is_sorted());
    let row_bits = key_page::row_bits(pairs.len() as u32);
    let mut start = 0;
    while start < pairs.len() {
        let (mut end, mut hash_count) = (start, 0);
        while end < pairs.len() {
            let is_new = end == start || pairs[end].0 != pairs[end - 1].0;
            let hash_count_next = hash_count + usize::from(is_new);
            if !key_page::fits(hash_count_next, end - start + 1, row_bits) {
                break;
            }
            hash_count = hash_count_next;
            end += 1;
        }
        let bytes = key_page::encode(&pairs[start..end], row_bits);
        directory.push(PageEntry {
            first_hash: pairs[start].0,
            offset: pages.len() as u32,
            checksum: checksum(directory.len(), &bytes),
        });
        pages.extend(bytes);
        start = end;
    }
}
