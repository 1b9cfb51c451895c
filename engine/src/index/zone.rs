//! Zone maps: the least and greatest instant and value of a block of rows, so that a scan can pass
//! over blocks.
//!
//! Encoded, a block is its [`Zone`] (twelve instants) followed by 17 bytes a column: the least and
//! the greatest `zone_prefix` and one byte of flags. Of a column whose every value is NULL both
//! prefixes are 0.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray};
use arrow::compute::filter;
use arrow::datatypes::UInt32Type;
use serde::{Deserialize, Serialize};

use self::flags::{ALL_NULL, ANY_NULL};
use crate::codec::zone_prefix;
use crate::error::Result;

/// The bytes of an encoded [`Zone`].
pub(crate) const ZONE_BYTES: usize = 96;
/// The bytes of an encoded [`ColumnZone`].
const COLUMN_ZONE_BYTES: usize = 17;

mod flags {
    /// At least one value is NULL.
    pub(super) const ANY_NULL: u8 = 1;
    /// Every value is NULL.
    pub(super) const ALL_NULL: u8 = 2;
}

/// The bytes of one block's entry in a zone map.
pub(crate) fn zone_row_bytes(column_count: usize) -> usize {
    ZONE_BYTES + column_count * COLUMN_ZONE_BYTES
}

/// The least and the greatest of each of the four instants of some rows, and of where the rows start
/// and end in both times together, in microseconds; unbounded is `i64::MIN` or `i64::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zone {
    pub(crate) valid_from: (i64, i64),
    pub(crate) valid_to: (i64, i64),
    pub(crate) system_from: (i64, i64),
    pub(crate) system_to: (i64, i64),
    /// Of the later of the two starts of each row: before the least, no row is visible to anyone.
    pub(crate) start: (i64, i64),
    /// Of the earlier of the two ends: from the greatest on, no row is visible to anyone.
    pub(crate) end: (i64, i64),
}

impl Zone {
    /// The zone of rows given as four columns, in the order of the fields; `None` if there are
    /// none.
    pub(crate) fn of(columns: [&[i64]; 4]) -> Option<Zone> {
        let [valid_from, valid_to, system_from, system_to] = columns;
        Some(Zone {
            valid_from: range(valid_from)?,
            valid_to: range(valid_to)?,
            system_from: range(system_from)?,
            system_to: range(system_to)?,
            start: range_of(valid_from, system_from, i64::max)?,
            end: range_of(valid_to, system_to, i64::min)?,
        })
    }

    /// The zone of the rows of both.
    pub(crate) fn union(&self, other: &Zone) -> Zone {
        let both = |l: (i64, i64), r: (i64, i64)| (l.0.min(r.0), l.1.max(r.1));
        Zone {
            valid_from: both(self.valid_from, other.valid_from),
            valid_to: both(self.valid_to, other.valid_to),
            system_from: both(self.system_from, other.system_from),
            system_to: both(self.system_to, other.system_to),
            start: both(self.start, other.start),
            end: both(self.end, other.end),
        }
    }

    fn instants(&self) -> [i64; 12] {
        let (vf, vt, sf, st) = (self.valid_from, self.valid_to, self.system_from, self.system_to);
        let (start, end) = (self.start, self.end);
        [vf.0, vf.1, vt.0, vt.1, sf.0, sf.1, st.0, st.1, start.0, start.1, end.0, end.1]
    }

    fn from_instants(i: [i64; 12]) -> Zone {
        Zone {
            valid_from: (i[0], i[1]),
            valid_to: (i[2], i[3]),
            system_from: (i[4], i[5]),
            system_to: (i[6], i[7]),
            start: (i[8], i[9]),
            end: (i[10], i[11]),
        }
    }
}

fn range(values: &[i64]) -> Option<(i64, i64)> {
    let first = *values.first()?;
    let widen = |(low, high): (i64, i64), value: &i64| (low.min(*value), high.max(*value));
    Some(values.iter().fold((first, first), widen))
}

/// The range of `pick` over two columns.
fn range_of(left: &[i64], right: &[i64], pick: fn(i64, i64) -> i64) -> Option<(i64, i64)> {
    let mut both = left.iter().zip(right).map(|(left, right)| pick(*left, *right));
    let first = both.next()?;
    let widen = |(low, high): (i64, i64), value: i64| (low.min(value), high.max(value));
    Some(both.fold((first, first), widen))
}

/// What a zone map holds of one column of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnZone {
    /// The least `zone_prefix` among values that are not NULL; 0 if there are none.
    pub(crate) min: u64,
    /// The greatest.
    pub(crate) max: u64,
    /// Whether a value is NULL.
    pub(crate) any_null: bool,
    /// Whether every value is.
    pub(crate) all_null: bool,
}

impl ColumnZone {
    /// The zone of an array.
    pub(crate) fn of(array: &ArrayRef) -> Result<ColumnZone> {
        if let Some(numbers) = array.as_dictionary_opt::<UInt32Type>() {
            return ColumnZone::of_numbers(numbers);
        }
        let prefixes = zone_prefix(array)?;
        let null_count = array.logical_null_count();
        let mut zone = ColumnZone {
            min: u64::MAX,
            max: 0,
            any_null: null_count > 0,
            all_null: null_count == array.len(),
        };
        for (row, prefix) in prefixes.iter().enumerate() {
            if null_count == 0 || array.is_valid(row) {
                zone.min = zone.min.min(*prefix);
                zone.max = zone.max.max(*prefix);
            }
        }
        if zone.all_null {
            zone.min = 0;
        }
        Ok(zone)
    }
}

impl ColumnZone {
    /// The zone of the values that are met, each of which is looked at once.
    fn of_numbers(numbers: &DictionaryArray<UInt32Type>) -> Result<ColumnZone> {
        let mut is_met = vec![false; numbers.values().len()];
        numbers.keys().iter().flatten().for_each(|number| is_met[number as usize] = true);
        let met = filter(numbers.values(), &BooleanArray::from(is_met))?;
        let null_count = numbers.null_count();
        let (any_null, all_null) = (null_count > 0, null_count == numbers.len());
        Ok(ColumnZone { any_null, all_null, ..ColumnZone::of(&met)? })
    }
}

/// The zones of a segment's blocks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ZoneMap {
    /// The zone of each block.
    pub(crate) blocks: Vec<Zone>,
    column_count: usize,
    columns: Vec<ColumnZone>,
}

impl ZoneMap {
    /// What is known of a column in a block.
    pub(crate) fn column(&self, block: u32, column: usize) -> &ColumnZone {
        debug_assert!(column < self.column_count);
        &self.columns[block as usize * self.column_count + column]
    }

    /// The bytes it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Zone>()
            + self.columns.capacity() * size_of::<ColumnZone>()
    }

    /// Judges the bytes of a zone map; says what is wrong with them.
    pub(crate) fn decode(bytes: &[u8], column_count: usize) -> Result<ZoneMap, &'static str> {
        let row_bytes = zone_row_bytes(column_count);
        let mut map = ZoneMap { blocks: Vec::new(), column_count, columns: Vec::new() };
        map.blocks.reserve_exact(bytes.len() / row_bytes);
        map.columns.reserve_exact(bytes.len() / row_bytes * column_count);
        for row in bytes.chunks(row_bytes) {
            let (zone, columns) =
                row.split_at_checked(ZONE_BYTES).ok_or("a zone map ends in a block")?;
            let mut instants = [0; 12];
            for (instant, bytes) in instants.iter_mut().zip(zone.as_chunks::<8>().0) {
                *instant = i64::from_le_bytes(*bytes);
            }
            map.blocks.push(Zone::from_instants(instants));
            for column in columns.chunks(COLUMN_ZONE_BYTES) {
                map.columns.push(decode_column(column).ok_or("a zone map ends in a column")??);
            }
        }
        if map.columns.len() != map.blocks.len() * column_count {
            return Err("a zone map ends in a block");
        }
        Ok(map)
    }
}

fn decode_column(bytes: &[u8]) -> Option<Result<ColumnZone, &'static str>> {
    let (min, rest) = bytes.split_first_chunk::<8>()?;
    let (max, rest) = rest.split_first_chunk::<8>()?;
    let flags = *rest.first()?;
    let zone = ColumnZone {
        min: u64::from_le_bytes(*min),
        max: u64::from_le_bytes(*max),
        any_null: flags & ANY_NULL != 0,
        all_null: flags & ALL_NULL != 0,
    };
    if flags > (ANY_NULL | ALL_NULL) || zone.min > zone.max {
        return Some(Err("a zone map has impossible bounds"));
    }
    Some(Ok(zone))
}

/// Makes a zone map block by block.
#[derive(Debug)]
pub(crate) struct ZoneMapBuilder {
    map: ZoneMap,
}

impl ZoneMapBuilder {
    /// For blocks of so many columns.
    pub(crate) fn new(column_count: usize) -> ZoneMapBuilder {
        ZoneMapBuilder { map: ZoneMap { blocks: Vec::new(), column_count, columns: Vec::new() } }
    }

    /// Adds a block.
    pub(crate) fn push(&mut self, zone: Zone, columns: &[ArrayRef]) -> Result<()> {
        debug_assert_eq!(columns.len(), self.map.column_count);
        for column in columns {
            self.map.columns.push(ColumnZone::of(column)?);
        }
        self.map.blocks.push(zone);
        Ok(())
    }

    /// The map of all blocks.
    pub(crate) fn finish(self) -> ZoneMap {
        self.map
    }
}

impl ZoneMap {
    /// Appends the map's bytes.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        for (block, zone) in self.blocks.iter().enumerate() {
            zone.instants().iter().for_each(|instant| bytes.extend(instant.to_le_bytes()));
            let columns = &self.columns[block * self.column_count..][..self.column_count];
            for column in columns {
                let any = if column.any_null { ANY_NULL } else { 0 };
                let all = if column.all_null { ALL_NULL } else { 0 };
                bytes.extend(column.min.to_le_bytes());
                bytes.extend(column.max.to_le_bytes());
                bytes.push(any | all);
            }
        }
    }
}
