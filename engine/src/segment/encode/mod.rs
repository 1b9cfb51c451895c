//! Columns of a row group as Parquet has them: blocks of values in, pages and what the footer says of them out.
//!
//! The Parquet crate writes any column of any type. A segment has flat columns, one encoding for each type, and a page for each
//! block: told once, and not for each value, that takes less time ([decision
//! 22](../../../../docs/decisions/0022-pages-written-by-the-segment.md)).

mod bits;
mod bounds;
mod delta;
mod dictionary;
mod page;

#[cfg(test)]
mod tests;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes as types;
use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::schema::types::ColumnDescPtr;

use self::bounds::Bounds;
pub(crate) use self::dictionary::{BytesOf, Dictionary};
use super::page_header::{DataHeader, DictionaryHeader};
use crate::error::{Error, Result};

/// A page holds a block unless its values take more bytes than this.
const PAGE_BYTES_MAX: usize = 16 << 20;

/// A column of the row group that is being written.
#[derive(Debug)]
pub(super) struct ColumnEncoder {
    column: ColumnDescPtr,
    /// Dictionaries of this column have so many bytes at most; 0 if it has none.
    dictionary_bytes_max: usize,
    /// How values are stored that are not in a dictionary.
    encoding: Encoding,
    chunk: Chunk,
    /// What a page is made in.
    values: Vec<u8>,
}

/// The pages of a row group so far.
#[derive(Debug, Default)]
struct Chunk {
    dictionary: Option<Dictionary>,
    /// Whether the dictionary takes no more values.
    is_dictionary_full: bool,
    pages: Vec<u8>,
    /// Where each page ends in `pages`, and how many rows it has.
    ends: Vec<(usize, u32)>,
    /// Whether a page needs the dictionary, and whether one does without.
    has_places: bool,
    has_values: bool,
    row_count: u64,
    null_count: u64,
    /// The bytes that the pages would take without compression.
    plain_bytes: usize,
    bounds: Bounds,
}

impl ColumnEncoder {
    pub(super) fn new(
        column: ColumnDescPtr,
        encoding: Encoding,
        dictionary_bytes_max: usize,
    ) -> ColumnEncoder {
        let (chunk, values) = (Chunk::default(), Vec::new());
        ColumnEncoder { column, dictionary_bytes_max, encoding, chunk, values }
    }

    /// The bytes that its pages take so far.
    pub(super) fn byte_count(&self) -> usize {
        let dictionary = self.chunk.dictionary.as_ref().map_or(0, Dictionary::byte_count);
        self.chunk.pages.len() + dictionary
    }

    /// Adds a block.
    pub(super) fn push(&mut self, block: &ArrayRef) -> Result<()> {
        if self.dictionary_bytes_max > 0 && !self.chunk.is_dictionary_full {
            if let Some(places) = self.places_of(block)? {
                return self.push_places(block, &places);
            }
            self.chunk.is_dictionary_full = true;
        }
        self.chunk.has_values = true;
        match block.data_type() {
            ArrowType::Dictionary(_, _) => {
                let values = arrow::compute::cast(block, &plain_type(block.data_type()))?;
                self.push_bytes(&values)
            }
            ArrowType::Utf8 | ArrowType::Binary => self.push_bytes(block),
            _ => {
                self.values.clear();
                self.put_fixed(block)?;
                self.put_page(block.len(), block.nulls(), self.encoding)
            }
        }
    }

    /// The places of the values that are not NULL in the dictionary; `None` if it cannot take them.
    fn places_of(&mut self, block: &ArrayRef) -> Result<Option<Vec<u32>>> {
        let has_lengths = self.column.physical_type() == Type::BYTE_ARRAY;
        let new = || Dictionary::new(self.dictionary_bytes_max, has_lengths);
        let dictionary = self.chunk.dictionary.get_or_insert_with(new);
        Ok(match block.data_type() {
            ArrowType::Dictionary(_, _) => dictionary.places_of_numbers(block),
            ArrowType::Utf8 | ArrowType::Binary => {
                let bytes = BytesOf::new(block);
                dictionary.places_of(valid_rows(block).map(|row| bytes.get(row)))
            }
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                let values = valid_values::<types::TimestampMicrosecondType>(block);
                dictionary.places_of_integers(&values)
            }
            other => return Err(unexpected(other)),
        })
    }

    fn push_places(&mut self, block: &ArrayRef, places: &[u32]) -> Result<()> {
        let count = self.chunk.dictionary.as_ref().map_or(0, |all| all.values().len());
        let width = bits::width_of(count.saturating_sub(1) as u64).max(1);
        self.chunk.has_places = true;
        self.values.clear();
        self.values.push(width as u8);
        bits::put_hybrid(places, width, &mut self.values);
        self.put_page(block.len(), block.nulls(), Encoding::RLE_DICTIONARY)
    }

    /// Adds text or bytes, as many pages as they need.
    fn push_bytes(&mut self, block: &dyn Array) -> Result<()> {
        let bytes = BytesOf::new(block);
        let mut from = 0;
        while from < block.len() {
            let (mut to, mut byte_count) = (from, 0);
            while to < block.len() && (to == from || byte_count < PAGE_BYTES_MAX) {
                byte_count += bytes.get(to).len();
                to += 1;
            }
            let part = block.slice(from, to - from);
            let bytes = BytesOf::new(&part);
            let values = || valid_rows(&part).map(|row| bytes.get(row));
            self.chunk.bounds.note_bytes(values());
            let lengths: Vec<i32> = values().map(|value| value.len() as i32).collect();
            self.values.clear();
            delta::put_i32s(&lengths, &mut self.values);
            values().for_each(|value| self.values.extend_from_slice(value));
            self.put_page(part.len(), part.nulls(), self.encoding)?;
            from = to;
        }
        Ok(())
    }

    /// Encodes values of a fixed width.
    fn put_fixed(&mut self, block: &ArrayRef) -> Result<()> {
        match block.data_type() {
            ArrowType::Boolean => {
                let values = block.as_boolean();
                let bits = || valid_rows(block).map(|row| values.value(row));
                self.chunk.bounds.note_bits(bits());
                let bits: Vec<u32> = bits().map(u32::from).collect();
                self.values.extend_from_slice(&[0; 4]);
                bits::put_hybrid(&bits, 1, &mut self.values);
                let length = self.values.len() as u32 - 4;
                self.values[..4].copy_from_slice(&length.to_le_bytes());
            }
            ArrowType::Int16 => self.put_i32s::<types::Int16Type>(block, i32::from),
            ArrowType::Int32 => self.put_i32s::<types::Int32Type>(block, |value| value),
            ArrowType::Date32 => self.put_i32s::<types::Date32Type>(block, |value| value),
            ArrowType::Int64 => self.put_i64s::<types::Int64Type>(block, |value| value),
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                self.put_i64s::<types::TimestampMicrosecondType>(block, |value| value);
            }
            ArrowType::Float32 => {
                let values = valid_values::<types::Float32Type>(block);
                self.chunk.bounds.note_floats(values.iter().map(|value| (*value).into()));
                split_streams(values.iter().map(|value| value.to_le_bytes()), &mut self.values);
            }
            ArrowType::Float64 => {
                let values = valid_values::<types::Float64Type>(block);
                self.chunk.bounds.note_floats(values.iter().copied());
                split_streams(values.iter().map(|value| value.to_le_bytes()), &mut self.values);
            }
            ArrowType::Decimal128(_, _) => self.put_decimals(block),
            ArrowType::FixedSizeBinary(_) => {
                let values = block.as_fixed_size_binary();
                let values = || valid_rows(block).map(|row| values.value(row));
                self.chunk.bounds.note_bytes(values());
                values().for_each(|value| self.values.extend_from_slice(value));
            }
            other => return Err(unexpected(other)),
        }
        Ok(())
    }

    fn put_i32s<T: ArrowPrimitiveType>(&mut self, block: &ArrayRef, value: fn(T::Native) -> i32) {
        let values: Vec<i32> = valid_values::<T>(block).iter().map(|one| value(*one)).collect();
        self.chunk.bounds.note_integers(values.iter().map(|value| i64::from(*value)));
        delta::put_i32s(&values, &mut self.values);
    }

    fn put_i64s<T: ArrowPrimitiveType>(&mut self, block: &ArrayRef, value: fn(T::Native) -> i64) {
        let values = valid_values::<T>(block);
        let values = || values.iter().map(|one| value(*one));
        self.chunk.bounds.note_integers(values());
        match self.encoding {
            Encoding::BYTE_STREAM_SPLIT => {
                split_streams(values().map(i64::to_le_bytes), &mut self.values);
            }
            _ => delta::put_i64s(&values().collect::<Vec<_>>(), &mut self.values),
        }
    }

    /// Up to 18 digits are stored as integers, more as so many bytes as they need.
    fn put_decimals(&mut self, block: &ArrayRef) {
        let values = valid_values::<types::Decimal128Type>(block);
        let integers = || values.iter().map(|value| *value as i64);
        match self.column.physical_type() {
            Type::INT32 => {
                self.chunk.bounds.note_integers(integers());
                let values: Vec<i32> = integers().map(|value| value as i32).collect();
                delta::put_i32s(&values, &mut self.values);
            }
            Type::INT64 => {
                self.chunk.bounds.note_integers(integers());
                delta::put_i64s(&integers().collect::<Vec<_>>(), &mut self.values);
            }
            _ => {
                let width = self.column.type_length().clamp(0, 16) as usize;
                let ends = (values.iter().min(), values.iter().max());
                if let (Some(least), Some(greatest)) = ends {
                    self.chunk.bounds.note_decimals(*least, *greatest, width);
                }
                for at in 16 - width..16 {
                    self.values.extend(values.iter().map(|value| value.to_be_bytes()[at]));
                }
            }
        }
    }

    /// Ends a page of which `self.values` holds the values.
    fn put_page(
        &mut self,
        row_count: usize,
        nulls: Option<&NullBuffer>,
        encoding: Encoding,
    ) -> Result<()> {
        let mut levels = Vec::new();
        if self.column.max_def_level() > 0 {
            let valid: Vec<u32> = match nulls {
                Some(nulls) => nulls.iter().map(u32::from).collect(),
                None => vec![1; row_count],
            };
            bits::put_hybrid(&valid, 1, &mut levels);
        }
        let null_count = nulls.map_or(0, NullBuffer::null_count);
        let header = DataHeader {
            value_count: row_count as u32,
            null_count: null_count as u32,
            row_count: row_count as u32,
            encoding,
            definition_bytes: levels.len() as u32,
            repetition_bytes: 0,
            is_compressed: false,
        };
        let chunk = &mut self.chunk;
        chunk.plain_bytes += page::put_data(header, &levels, &self.values, &mut chunk.pages)?;
        chunk.ends.push((chunk.pages.len(), row_count as u32));
        chunk.row_count += row_count as u64;
        chunk.null_count += null_count as u64;
        Ok(())
    }

    /// The pages of the row group, and what there is to say of them. The next row group begins.
    pub(super) fn finish(&mut self) -> Result<(Bytes, ColumnCloseResult)> {
        let mut chunk = std::mem::take(&mut self.chunk);
        let mut head = Vec::new();
        let mut encodings = vec![Encoding::RLE];
        if chunk.has_values {
            encodings.push(self.encoding);
        }
        if let Some(dictionary) = chunk.dictionary.take().filter(|_| chunk.has_places) {
            encodings.extend([Encoding::PLAIN, Encoding::RLE_DICTIONARY]);
            chunk.plain_bytes += self.put_dictionary(&dictionary, &mut chunk.bounds, &mut head)?;
        }
        let dictionary_bytes = head.len();
        let mut offsets = OffsetIndexBuilder::new();
        let mut from = 0;
        for (end, row_count) in chunk.ends {
            offsets.append_row_count(row_count.into());
            offsets.append_offset_and_size((dictionary_bytes + from) as i64, (end - from) as i32);
            from = end;
        }
        let mut stored = chunk.pages;
        stored.splice(0..0, head);
        let level = ZstdLevel::try_new(page::LEVEL).map_err(refused)?;
        let statistics =
            chunk.bounds.into_statistics(self.column.physical_type(), chunk.null_count);
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(Compression::ZSTD(level))
            .set_encodings(encodings)
            .set_total_compressed_size(stored.len() as i64)
            .set_total_uncompressed_size(chunk.plain_bytes as i64)
            .set_num_values(chunk.row_count as i64)
            .set_data_page_offset(dictionary_bytes as i64)
            .set_dictionary_page_offset(chunk.has_places.then_some(0))
            .set_statistics(statistics)
            .build()
            .map_err(refused)?;
        let close = ColumnCloseResult {
            bytes_written: stored.len() as u64,
            rows_written: chunk.row_count,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets.build()),
        };
        Ok((Bytes::from(stored), close))
    }

    /// Appends the page of a dictionary, and takes its values into the bounds; gives the bytes that it takes without compression.
    fn put_dictionary(
        &mut self,
        dictionary: &Dictionary,
        bounds: &mut Bounds,
        out: &mut Vec<u8>,
    ) -> Result<usize> {
        let values = || dictionary.values().iter().map(AsRef::as_ref);
        self.values.clear();
        if self.column.physical_type() == Type::BYTE_ARRAY {
            bounds.note_bytes(values());
            for value in values() {
                self.values.extend_from_slice(&(value.len() as u32).to_le_bytes());
                self.values.extend_from_slice(value);
            }
        } else {
            let instants = values().filter_map(|value: &[u8]| Some(*value.first_chunk()?));
            bounds.note_integers(instants.map(i64::from_le_bytes));
            values().for_each(|value| self.values.extend_from_slice(value));
        }
        let value_count = dictionary.values().len() as u32;
        let header = DictionaryHeader { value_count, encoding: Encoding::PLAIN };
        page::put_dictionary(header, &self.values, out)
    }
}

/// The rows that are not NULL.
fn valid_rows(array: &dyn Array) -> impl Iterator<Item = usize> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    (0..array.len()).filter(move |row| nulls.is_none_or(|nulls| nulls.is_valid(*row)))
}

/// The values that are not NULL.
fn valid_values<T: ArrowPrimitiveType>(array: &ArrayRef) -> std::borrow::Cow<'_, [T::Native]> {
    let values = array.as_primitive::<T>().values();
    match array.null_count() {
        0 => values.as_ref().into(),
        _ => valid_rows(array).map(|row| values[row]).collect::<Vec<_>>().into(),
    }
}

/// Appends the first bytes of all values, then the second bytes, and so on: BYTE_STREAM_SPLIT of Parquet.
fn split_streams<const N: usize>(
    values: impl ExactSizeIterator<Item = [u8; N]>,
    out: &mut Vec<u8>,
) {
    let (before, count) = (out.len(), values.len());
    out.resize(before + N * count, 0);
    let streams = &mut out[before..];
    for (at, value) in values.enumerate() {
        for (stream, byte) in value.into_iter().enumerate() {
            streams[stream * count + at] = byte;
        }
    }
}

/// The type of the values that numbers stand for.
fn plain_type(data_type: &ArrowType) -> ArrowType {
    match data_type {
        ArrowType::Dictionary(_, values) => (**values).clone(),
        other => other.clone(),
    }
}

fn refused(error: ParquetError) -> Error {
    Error::invalid(error.to_string())
}

fn unexpected(data_type: &ArrowType) -> Error {
    Error::invalid(format!("segments have no column of type {data_type}"))
}
