//! The distinct values of a column in a row group, numbered as they come.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::UInt32Type;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes are hashed in one go.
#[derive(Default)]
struct BytesHasher(u64);

impl Hasher for BytesHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }
}

/// The place of no value.
const NONE: u32 = u32::MAX;
/// So many integers that were met lately are found without a look at the others; a power of two.
const RECENT_COUNT: usize = 2_048;

/// The distinct values, up to so many bytes.
#[derive(Debug)]
pub(crate) struct Dictionary {
    bytes_max: usize,
    places: HashMap<Box<[u8]>, u32, BuildHasherDefault<BytesHasher>>,
    values: Vec<Box<[u8]>>,
    /// What the values take in a file, each with four bytes of length if `has_lengths`.
    byte_count: usize,
    has_lengths: bool,
    /// The values that an array's numbers stood for last, and the place of each here.
    met: Option<(ArrayRef, Vec<u32>)>,
    /// Integers that were met lately and their places, each where its bits say; empty before the first.
    recent: Vec<(i64, u32)>,
}

impl Dictionary {
    pub(crate) fn new(bytes_max: usize, has_lengths: bool) -> Dictionary {
        let (places, values, recent) = (HashMap::default(), Vec::new(), Vec::new());
        Dictionary { bytes_max, places, values, byte_count: 0, has_lengths, met: None, recent }
    }

    /// The values, in the order of their places.
    pub(crate) fn values(&self) -> &[Box<[u8]>] {
        &self.values
    }

    /// What the values take in a file.
    pub(super) fn byte_count(&self) -> usize {
        self.byte_count
    }

    /// The places of some values, put behind those that were there; `None` if there are too many, and then none is put there.
    pub(crate) fn places_of<'a>(
        &mut self,
        values: impl Iterator<Item = &'a [u8]>,
    ) -> Option<Vec<u32>> {
        let count = self.values.len();
        let mut places = Vec::with_capacity(values.size_hint().0);
        // Neighbours are often equal.
        let mut last: Option<(&[u8], u32)> = None;
        for value in values {
            let place = match last {
                Some((other, place)) if other == value => place,
                _ => self.place_of(value),
            };
            if place == NONE {
                self.truncate(count);
                return None;
            }
            last = Some((value, place));
            places.push(place);
        }
        Some(places)
    }

    /// The same of integers, which are stored as eight bytes each. A row group has few system times, in no order where rows ended.
    pub(super) fn places_of_integers(&mut self, values: &[i64]) -> Option<Vec<u32>> {
        let count = self.values.len();
        self.recent.resize(RECENT_COUNT, (0, NONE));
        let mut places = Vec::with_capacity(values.len());
        for value in values {
            let spread = (*value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let slot = (spread >> (u64::BITS - RECENT_COUNT.ilog2())) as usize;
            let mut recent = self.recent[slot];
            if recent.0 != *value || recent.1 == NONE {
                recent = (*value, self.place_of(&value.to_le_bytes()));
                if recent.1 == NONE {
                    self.truncate(count);
                    return None;
                }
                self.recent[slot] = recent;
            }
            places.push(recent.1);
        }
        Some(places)
    }

    /// The same of the values that an array of numbers and what they stand for has.
    pub(crate) fn places_of_numbers(&mut self, array: &dyn Array) -> Option<Vec<u32>> {
        let array = array.as_dictionary::<UInt32Type>();
        let count = self.values.len();
        // Batches of a file have the values of one page of it.
        let is_same = |other: &ArrayRef| {
            ArrayRef::ptr_eq(other, array.values())
                || other.to_data().ptr_eq(&array.values().to_data())
        };
        let mut met = match self.met.take() {
            Some((values, met)) if is_same(&values) => met,
            _ => vec![NONE; array.values().len()],
        };
        let bytes = BytesOf::new(array.values());
        let (keys, nulls) = (array.keys().values(), array.keys().nulls());
        let mut places = Vec::with_capacity(keys.len());
        for (row, key) in keys.iter().enumerate() {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let place = &mut met[*key as usize];
            if *place == NONE {
                *place = self.place_of(bytes.get(*key as usize));
                if *place == NONE {
                    self.truncate(count);
                    return None;
                }
            }
            places.push(*place);
        }
        self.met = Some((array.values().clone(), met));
        Some(places)
    }

    /// [`NONE`] if the value is new and there is no room for it.
    fn place_of(&mut self, value: &[u8]) -> u32 {
        if let Some(place) = self.places.get(value) {
            return *place;
        }
        let byte_count = self.byte_count + self.stored_bytes(value);
        if byte_count > self.bytes_max {
            return NONE;
        }
        self.byte_count = byte_count;
        let place = self.values.len() as u32;
        self.places.insert(value.into(), place);
        self.values.push(value.into());
        place
    }

    fn truncate(&mut self, count: usize) {
        self.met = None;
        self.recent.clear();
        for value in self.values.split_off(count) {
            self.byte_count -= self.stored_bytes(&value);
            self.places.remove(&value);
        }
    }

    fn stored_bytes(&self, value: &[u8]) -> usize {
        value.len() + if self.has_lengths { size_of::<u32>() } else { 0 }
    }
}

/// The bytes of each value of a column of text or of bytes.
pub(crate) struct BytesOf<'a> {
    offsets: &'a [i32],
    bytes: &'a [u8],
}

impl<'a> BytesOf<'a> {
    pub(crate) fn new(array: &'a dyn Array) -> BytesOf<'a> {
        match array.as_string_opt::<i32>() {
            Some(text) => BytesOf { offsets: text.value_offsets(), bytes: text.value_data() },
            None => {
                let array = array.as_binary::<i32>();
                BytesOf { offsets: array.value_offsets(), bytes: array.value_data() }
            }
        }
    }

    pub(crate) fn get(&self, row: usize) -> &'a [u8] {
        &self.bytes[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}
