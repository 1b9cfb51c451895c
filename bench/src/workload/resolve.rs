//! The oracle: what the stream of puts means, resolved key by key in memory, without the engine.
//!
//! For one key, what is believed at an instant of system time is a list of disjoint valid periods
//! in order. A put ends the belief of all that overlaps it and leaves what sticks out on either
//! side standing, believed anew from then on. Each piece that was believed for a while is a
//! rectangle in the two times.

use super::positions::{Positions, Put, UNBOUNDED, Values};

/// One version: values that were believed from `system_from` to `system_to` to hold from
/// `valid_from` to `valid_to`.
///
/// Both periods are closed-open and in microseconds since 1970; an end without bound is
/// [`UNBOUNDED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rectangle {
    /// The key.
    pub key: u32,
    /// When the belief began.
    pub system_from: i64,
    /// The first valid instant.
    pub valid_from: i64,
    /// The end of the valid period.
    pub valid_to: i64,
    /// When the belief ended.
    pub system_to: i64,
    /// What was believed.
    pub values: Values,
}

impl Rectangle {
    /// Whether it is the answer for its key as of the system instant `system` and the valid instant
    /// `valid`.
    pub fn is_visible(&self, system: i64, valid: i64) -> bool {
        self.system_from <= system
            && system < self.system_to
            && self.valid_from <= valid
            && valid < self.valid_to
    }
}

/// The puts of a workload, grouped by key.
#[derive(Debug)]
pub struct Resolver<'a> {
    positions: &'a Positions,
    /// Positions in the stream, those of one key together and in their order: a counting sort, four
    /// bytes a put.
    by_key: Vec<u32>,
}

impl<'a> Resolver<'a> {
    /// Groups the stream by key.
    pub fn new(positions: &'a Positions) -> Resolver<'a> {
        let versions = positions.size().version_count();
        let mut next: Vec<u32> = (0..positions.size().key_count()).map(|k| k * versions).collect();
        let mut by_key = vec![0; positions.keys().len()];
        for (position, key) in positions.keys().iter().enumerate() {
            let slot = &mut next[*key as usize];
            by_key[*slot as usize] = position as u32;
            *slot += 1;
        }
        Resolver { positions, by_key }
    }

    /// The puts of a key in the order of the stream.
    pub fn puts(&self, key: u32) -> impl Iterator<Item = Put> {
        let versions = self.positions.size().version_count() as usize;
        let from = key as usize * versions;
        self.by_key[from..from + versions].iter().map(|position| self.positions.put(*position))
    }

    /// Replaces `rectangles` by those of a key, in the order of system start and valid start.
    pub fn resolve(&self, key: u32, rectangles: &mut Vec<Rectangle>) {
        rectangles.clear();
        let mut believed = Vec::new();
        for put in self.puts(key) {
            assert(&mut believed, &put, rectangles);
        }
        rectangles.append(&mut believed);
        rectangles.sort_unstable();
    }
}

/// Applies one put to what is believed of its key, and appends to `ended` what is no longer
/// believed.
///
/// `believed` is sorted by valid period, its periods are disjoint, and all its rectangles are open
/// in system time.
fn assert(believed: &mut Vec<Rectangle>, put: &Put, ended: &mut Vec<Rectangle>) {
    let first = believed.partition_point(|old| old.valid_to <= put.valid_from);
    let after = believed.partition_point(|old| old.valid_from < put.valid_to).max(first);
    let now = put.system_from;
    for old in &believed[first..after] {
        // What the same transaction asserted before was never believed at any instant.
        if old.system_from < now {
            ended.push(Rectangle { system_to: now, ..*old });
        }
    }
    let left = believed[first..after]
        .first()
        .filter(|old| old.valid_from < put.valid_from)
        .map(|old| Rectangle { system_from: now, valid_to: put.valid_from, ..*old });
    let right = believed[first..after]
        .last()
        .filter(|old| old.valid_to > put.valid_to)
        .map(|old| Rectangle { system_from: now, valid_from: put.valid_to, ..*old });
    let new = Rectangle {
        key: put.key,
        system_from: now,
        valid_from: put.valid_from,
        valid_to: put.valid_to,
        system_to: UNBOUNDED,
        values: put.values,
    };
    believed.splice(first..after, left.into_iter().chain([new]).chain(right));
}
