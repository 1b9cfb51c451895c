//! The key index against a naive map, through pages that are decoded from their bytes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::*;
use crate::error::Result;

struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

struct Built {
    section: KeySection,
    directory: Vec<PageEntry>,
    bytes: Vec<u8>,
    row_count: u32,
}

impl Built {
    fn new(hashes: &[u64]) -> Built {
        let mut pairs: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
        pairs.sort_unstable();
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        build(&pairs, &mut bytes, &|_, _| 0, &mut directory);
        let first_hashes = directory.iter().map(|page| page.first_hash).collect();
        let row_count = hashes.len() as u32;
        Built {
            section: KeySection::new(first_hashes, 0, 7, row_count),
            directory,
            bytes,
            row_count,
        }
    }

    fn range(&self, number: u32) -> Range<usize> {
        let at = number as usize;
        let end = self.directory.get(at + 1).map_or(self.bytes.len(), |next| next.offset as usize);
        self.directory[at].offset as usize..end
    }
}

impl PageSource for Built {
    fn page(&self, number: u32) -> Result<Arc<KeyPage>> {
        let bytes = self.bytes[self.range(number)].to_vec();
        let first_hash = self.directory[number as usize].first_hash;
        Ok(Arc::new(KeyPage::decode(bytes, first_hash, self.row_count).unwrap()))
    }
}

/// Every hash finds its rows, hashes that are not there find few strangers, and a merge finds what
/// look-ups find.
fn check(hashes: &[u64], stranger_part_max: f64) {
    let built = Built::new(hashes);
    let mut naive: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for (hash, row) in hashes.iter().zip(7..) {
        naive.entry(*hash).or_default().push(row);
    }
    let mut stranger_count = 0;
    for (hash, rows) in &naive {
        let mut found = Vec::new();
        built.section.rows_of(*hash, &built, &mut found).unwrap();
        assert!(rows.iter().all(|row| found.contains(row)), "rows of {hash:x}");
        stranger_count += found.len() - rows.len();
    }
    assert!(stranger_count as f64 <= stranger_part_max * hashes.len() as f64, "{stranger_count}");
    // Hashes beside those that are there, and each twice.
    let mut wanted: Vec<u64> =
        naive.keys().flat_map(|hash| [*hash, *hash, hash.wrapping_add(1 << 40)]).collect();
    wanted.sort_unstable();
    for wanted in [&wanted[..], &wanted[wanted.len() / 3..wanted.len() / 3 + 2], &[0, u64::MAX]] {
        let mut merged = Vec::new();
        built
            .section
            .for_each_match(wanted, &built, &mut |at, row| merged.push((at, row)))
            .unwrap();
        let mut looked_up = Vec::new();
        for (at, hash) in wanted.iter().enumerate() {
            let mut rows = Vec::new();
            built.section.rows_of(*hash, &built, &mut rows).unwrap();
            looked_up.extend(rows.into_iter().map(|row| (at, row)));
        }
        merged.sort_unstable();
        looked_up.sort_unstable();
        assert!(merged == looked_up, "a merge differs from look-ups");
    }
}

#[test]
fn random_keys_are_found_and_a_row_costs_little() {
    let seed = 0x5EED_0001;
    println!("seed {seed:x}");
    let mut random = Xorshift(seed);
    let keys: Vec<u64> = (0..8_000).map(|_| random.next()).collect();
    let hashes: Vec<u64> = (0..40_000).map(|_| keys[random.next() as usize % 8_000]).collect();
    check(&hashes, 0.001);
    // Fewer rows than wanted hashes: led by the entries.
    check(&keys, 0.001);
    let built = Built::new(&hashes);
    let byte_count = built.bytes.len() + built.directory.len() * 16;
    assert!(byte_count < 40_000 * 3, "{byte_count} bytes");
    for page in built.section.pages() {
        assert!(built.range(page).len() <= PAGE_BYTES_MAX);
    }
}

#[test]
fn few_hashes_of_many_rows_span_pages() {
    check(&[5; 20_000], 0.0);
    check(&(0..20_000).map(|row| row % 3).collect::<Vec<u64>>(), 0.0);
    let mut skewed: Vec<u64> = (0..5_000u64).map(|i| i << 50).collect();
    skewed.extend([2_500 << 50; 30_000]);
    check(&skewed, 0.0);
    check(&[0, u64::MAX], 0.0);
    check(&[u64::MAX], 0.0);
    check(&(0..10_000).map(|i| (i % 2) * u64::MAX).collect::<Vec<u64>>(), 0.0);
    // Neighbours in a page that also holds far hashes share a fragment and are found together.
    check(&[0, 1, 2, 3, u64::MAX - 1, u64::MAX], 4.0);
}

#[test]
fn damaged_pages_are_refused_or_name_only_rows_of_the_section() {
    let built = Built::new(&(0..300).map(|i| (i % 100) << 57).collect::<Vec<u64>>());
    let bytes = built.bytes[built.range(0)].to_vec();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(page) = KeyPage::decode(damaged, built.directory[0].first_hash, 300) {
            assert!((0..page.row_count()).all(|row| page.row(row) < 300));
        }
    }
    for length in 0..bytes.len() {
        assert!(KeyPage::decode(bytes[..length].to_vec(), 0, 300).is_err());
    }
}
