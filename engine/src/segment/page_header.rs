//! The header in front of each page of a Parquet file: a Thrift structure in the compact protocol, of the kinds that segments have.
//!
//! The Parquet crate reads and writes headers only for itself; `PageHeader` of the format's `parquet.thrift` is what this follows. Fields that
//! nobody asks for are passed over.

use parquet::basic::Encoding;

use crate::codec::{Judged, Malformed, Reader, put_varint, unzigzag, zigzag};

/// What a page is, how large it is, and where it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageHeader {
    pub(super) kind: PageKind,
    /// The bytes of the header itself, once it is in a file; the page follows.
    pub(super) header_bytes: usize,
    /// The bytes of the page once it is decompressed, its levels included.
    pub(super) plain_bytes: usize,
    /// The bytes of the page in the file.
    pub(super) stored_bytes: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    Dictionary(DictionaryHeader),
    Data(DataHeader),
}

/// Of a page with a dictionary.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DictionaryHeader {
    pub(super) value_count: u32,
    pub(super) encoding: Encoding,
}

/// Of a page with values, version 2.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DataHeader {
    pub(super) value_count: u32,
    pub(super) null_count: u32,
    pub(super) row_count: u32,
    pub(super) encoding: Encoding,
    /// The bytes of the levels, which come first and are never compressed.
    pub(super) definition_bytes: u32,
    pub(super) repetition_bytes: u32,
    pub(super) is_compressed: bool,
}

/// Structures in structures beyond this depth are refused; headers have three.
const DEPTH_MAX: usize = 8;

/// The types of the compact protocol that headers use.
mod types {
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const STRUCT: u8 = 12;
}

/// The kinds of pages, as the field `type` has them.
const DICTIONARY_PAGE: u32 = 2;
const DATA_PAGE_V2: u32 = 3;

impl PageHeader {
    /// Reads the header that `bytes` begin with.
    pub(super) fn decode(bytes: &[u8]) -> Judged<PageHeader> {
        let mut reader = Reader::new(bytes);
        let (mut kind, mut plain, mut stored) = (None, None, None);
        let (mut dictionary, mut data) = (None, None);
        for_each_field(&mut reader, &mut |reader, id, of_type| {
            match id {
                1 => kind = Some(number(reader, of_type)?),
                2 => plain = Some(number(reader, of_type)? as usize),
                3 => stored = Some(number(reader, of_type)? as usize),
                7 => dictionary = Some(dictionary_header(reader, of_type)?),
                8 => data = Some(data_header(reader, of_type)?),
                _ => skip(reader, of_type, 0)?,
            }
            Ok(())
        })?;
        let missing =
            || reader.malformed("a page header lacks a field, or is of another kind of page");
        let kind = match kind.ok_or_else(missing)? {
            DICTIONARY_PAGE => dictionary.map(PageKind::Dictionary),
            DATA_PAGE_V2 => data.map(PageKind::Data),
            _ => None,
        };
        Ok(PageHeader {
            kind: kind.ok_or_else(missing)?,
            header_bytes: reader.position(),
            plain_bytes: plain.ok_or_else(missing)?,
            stored_bytes: stored.ok_or_else(missing)?,
        })
    }
}

impl PageHeader {
    /// Appends the header.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let number = match &self.kind {
            PageKind::Dictionary(_) => DICTIONARY_PAGE,
            PageKind::Data(_) => DATA_PAGE_V2,
        };
        put_number(out, 1, number);
        put_number(out, 1, self.plain_bytes as u32);
        put_number(out, 1, self.stored_bytes as u32);
        match &self.kind {
            PageKind::Dictionary(dictionary) => {
                out.push(4 << 4 | types::STRUCT);
                put_number(out, 1, dictionary.value_count);
                put_number(out, 1, dictionary.encoding as u32);
            }
            PageKind::Data(data) => {
                out.push(5 << 4 | types::STRUCT);
                put_number(out, 1, data.value_count);
                put_number(out, 1, data.null_count);
                put_number(out, 1, data.row_count);
                put_number(out, 1, data.encoding as u32);
                put_number(out, 1, data.definition_bytes);
                put_number(out, 1, data.repetition_bytes);
                out.push(1 << 4 | if data.is_compressed { types::TRUE } else { types::FALSE });
            }
        }
        // The ends of both structures.
        out.extend_from_slice(&[0, 0]);
    }
}

/// Appends a field whose number is `step` above that of the one before.
fn put_number(out: &mut Vec<u8>, step: u8, value: u32) {
    out.push(step << 4 | types::I32);
    put_varint(out, zigzag(value.into()));
}

fn dictionary_header(reader: &mut Reader<'_>, of_type: u8) -> Judged<DictionaryHeader> {
    expect_struct(reader, of_type)?;
    let (mut value_count, mut encoding) = (None, None);
    for_each_field(reader, &mut |reader, id, of_type| {
        match id {
            1 => value_count = Some(number(reader, of_type)?),
            2 => encoding = Some(encoding_of(reader, of_type)?),
            _ => skip(reader, of_type, 0)?,
        }
        Ok(())
    })?;
    match (value_count, encoding) {
        (Some(value_count), Some(encoding)) => Ok(DictionaryHeader { value_count, encoding }),
        _ => Err(reader.malformed("the header of a dictionary lacks a field")),
    }
}

fn data_header(reader: &mut Reader<'_>, of_type: u8) -> Judged<DataHeader> {
    expect_struct(reader, of_type)?;
    let mut counts = [None; 6];
    let (mut encoding, mut is_compressed) = (None, true);
    for_each_field(reader, &mut |reader, id, of_type| {
        match id {
            4 => encoding = Some(encoding_of(reader, of_type)?),
            1..=6 => counts[id as usize - 1] = Some(number(reader, of_type)?),
            7 => is_compressed = of_type == types::TRUE,
            _ => skip(reader, of_type, 0)?,
        }
        Ok(())
    })?;
    let missing = || reader.malformed("the header of a page of values lacks a field");
    let count = |at: usize| counts[at].ok_or_else(missing);
    Ok(DataHeader {
        value_count: count(0)?,
        null_count: count(1)?,
        row_count: count(2)?,
        encoding: encoding.ok_or_else(missing)?,
        definition_bytes: count(4)?,
        repetition_bytes: count(5)?,
        is_compressed,
    })
}

/// Hands the number and the type of each field to `field`, which reads its value.
fn for_each_field<'a>(
    reader: &mut Reader<'a>,
    field: &mut dyn FnMut(&mut Reader<'a>, i64, u8) -> Judged<()>,
) -> Judged<()> {
    let mut id = 0_i64;
    loop {
        let byte = reader.u8()?;
        if byte == 0 {
            return Ok(());
        }
        id = match byte >> 4 {
            0 => unzigzag(reader.varint()?),
            more => id.saturating_add(more.into()),
        };
        field(reader, id, byte & 0x0F)?;
    }
}

/// A count or a length: 32 bits, not negative.
fn number(reader: &mut Reader<'_>, of_type: u8) -> Judged<u32> {
    let malformed: Malformed = reader.malformed("a field of a page header is not a count");
    if of_type != types::I32 {
        return Err(malformed);
    }
    let value = i32::try_from(unzigzag(reader.varint()?)).ok();
    value.and_then(|value| u32::try_from(value).ok()).ok_or(malformed)
}

fn encoding_of(reader: &mut Reader<'_>, of_type: u8) -> Judged<Encoding> {
    Ok(match number(reader, of_type)? {
        0 => Encoding::PLAIN,
        3 => Encoding::RLE,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        other => return Err(reader.malformed(format!("{other} is no encoding of ours"))),
    })
}

fn expect_struct(reader: &Reader<'_>, of_type: u8) -> Judged<()> {
    match of_type {
        types::STRUCT => Ok(()),
        _ => Err(reader.malformed("a field of a page header is not a structure")),
    }
}

fn skip(reader: &mut Reader<'_>, of_type: u8, depth: usize) -> Judged<()> {
    match of_type {
        types::TRUE | types::FALSE => {}
        types::BYTE => {
            reader.u8()?;
        }
        types::I16 | types::I32 | types::I64 => {
            reader.varint()?;
        }
        types::DOUBLE => {
            reader.bytes(8)?;
        }
        types::BINARY => {
            let count = reader.count(1)?;
            reader.bytes(count)?;
        }
        types::STRUCT if depth < DEPTH_MAX => {
            for_each_field(reader, &mut |reader, _, of_type| skip(reader, of_type, depth + 1))?;
        }
        _ => return Err(reader.malformed("a field of a page header is of an unexpected type")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of values as the Parquet crate wrote it: 4,096 rows, 12 of them NULL, with statistics.
    const DATA: [u8; 34] = [
        0x15, 6, 0x15, 0x80, 0x80, 4, 0x15, 0xD0, 0x0F, 0x5C, 0x15, 0x80, 0x40, 0x15, 24, 0x15,
        0x80, 0x40, 0x15, 18, 0x15, 40, 0x15, 0, 0x11, 0x1C, 0x36, 24, 0x28, 1, 7, 0, 0, 0,
    ];

    #[test]
    fn a_header_of_values_is_read() {
        let header = PageHeader::decode(&DATA).unwrap();
        let data = DataHeader {
            value_count: 4_096,
            null_count: 12,
            row_count: 4_096,
            encoding: Encoding::BYTE_STREAM_SPLIT,
            definition_bytes: 20,
            repetition_bytes: 0,
            is_compressed: true,
        };
        let (header_bytes, plain_bytes) = (DATA.len(), 32_768);
        let kind = PageKind::Data(data);
        assert_eq!(header, PageHeader { kind, header_bytes, plain_bytes, stored_bytes: 1_000 });
    }

    #[test]
    fn what_is_written_is_read() {
        let data = DataHeader {
            value_count: 4_096,
            null_count: 5,
            row_count: 4_096,
            encoding: Encoding::RLE_DICTIONARY,
            definition_bytes: 130,
            repetition_bytes: 0,
            is_compressed: false,
        };
        let dictionary = DictionaryHeader { value_count: 9, encoding: Encoding::PLAIN };
        for kind in [PageKind::Data(data), PageKind::Dictionary(dictionary)] {
            let mut header =
                PageHeader { kind, header_bytes: 0, plain_bytes: 9_999, stored_bytes: 7 };
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            header.header_bytes = bytes.len();
            assert_eq!(PageHeader::decode(&bytes).unwrap(), header);
        }
    }

    #[test]
    fn what_is_no_header_is_judged() {
        for length in 0..DATA.len() {
            assert!(PageHeader::decode(&DATA[..length]).is_err(), "{length} bytes");
        }
        for at in 0..DATA.len() {
            for bit in 0..8 {
                let mut bytes = DATA;
                bytes[at] ^= 1 << bit;
                // Some flips make another header; none makes a panic.
                let _ = PageHeader::decode(&bytes);
            }
        }
        let nested = [[0x1C; 64].as_slice(), &[0; 64]].concat();
        assert!(PageHeader::decode(&nested).is_err());
        assert!(PageHeader::decode(&[0xFF; 40]).is_err());
    }
}
