//! What a journal says about every kind of damage to a small file, complete over bits and lengths.

use std::path::Path;

use super::*;
use crate::disk::MemoryDisk;
use crate::error::ErrorKind;

const IDENTITY: Identity = Identity { magic: *b"ANNTEST\0", database_id: 7, number: 3 };
const PAYLOAD: Kind = Kind(1);

/// A journal of a few payloads; `sealed` ones are synced, the others promise their first frame
/// only.
fn journal(sealed: bool) -> Vec<u8> {
    let disk = MemoryDisk::new();
    let path = Path::new("journal");
    let mut writer = Writer::create(&disk, path, &IDENTITY, 100).unwrap();
    for (i, payload) in [&b"one"[..], b"", b"three and a little more", &[0; 24]].iter().enumerate()
    {
        assert_eq!(writer.append(PAYLOAD, payload).unwrap(), 100 + i as u64);
        if i == 0 {
            writer.sync().unwrap();
        }
    }
    if sealed {
        writer.seal(4).unwrap();
    }
    disk.read_all(path).unwrap()
}

/// The payloads up to the end, and whether the end was a torn tail; or the error.
fn read(bytes: &[u8]) -> crate::Result<(Vec<Vec<u8>>, bool)> {
    let path = Path::new("journal");
    let mut payloads = Vec::new();
    let Opened::Journal(mut reader) = Reader::open(path, bytes, &IDENTITY)? else {
        return Ok((payloads, true));
    };
    loop {
        match reader.next()? {
            Verdict::Frame(frame) if frame.kind == PAYLOAD => payloads.push(frame.payload.to_vec()),
            Verdict::Frame(_) => {}
            Verdict::End { .. } => return Ok((payloads, false)),
            Verdict::TornTail { .. } => return Ok((payloads, true)),
        }
    }
}

#[test]
fn every_flipped_bit_of_a_sealed_journal_is_an_error_or_changes_nothing() {
    let bytes = journal(true);
    let (expected, _) = read(&bytes).unwrap();
    assert_eq!(expected.len(), 4);
    let seal = bytes.len() - 40;
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read(&damaged) {
            Err(error) => {
                assert_eq!((error.kind(), error.file()), (ErrorKind::Corrupt, Some("journal")));
                assert!(error.offset().unwrap() <= bit as u64 / 8);
            }
            Ok((payloads, torn)) => {
                assert!(torn && bit / 8 >= seal, "bit {bit}");
                assert_eq!(payloads, expected);
            }
        }
    }
}

#[test]
fn every_flipped_bit_before_the_promise_is_an_error_and_behind_it_a_torn_tail() {
    let bytes = journal(false);
    let promised = HEADER_BYTES + 40;
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read(&damaged) {
            Err(error) => assert!(error.kind() == ErrorKind::Corrupt && bit / 8 < promised),
            Ok((payloads, torn)) => assert!(torn && !payloads.is_empty() && bit / 8 >= promised),
        }
    }
}

#[test]
fn every_truncation_leaves_a_prefix_that_holds_what_was_promised() {
    let bytes = journal(false);
    let (expected, _) = read(&bytes).unwrap();
    for length in 0..bytes.len() {
        for filled in [false, true] {
            let mut damaged = bytes[..length].to_vec();
            if filled {
                damaged.resize(bytes.len(), 0);
            }
            match read(&damaged) {
                Ok((payloads, _)) => assert_eq!(payloads, expected[..payloads.len()]),
                Err(error) => assert!(filled && length < HEADER_BYTES, "{length}: {error}"),
            }
        }
    }
    // A later frame promises the first one; without the first it is an error, also when only zeros
    // are left of it.
    let mut damaged = bytes.clone();
    damaged[HEADER_BYTES..HEADER_BYTES + 40].fill(0);
    assert_eq!(read(&damaged).unwrap_err().offset(), Some(HEADER_BYTES as u64));
}

#[test]
fn stale_and_misplaced_frames_are_not_frames() {
    let bytes = journal(false);
    let mut swapped = bytes.clone();
    swapped[HEADER_BYTES..HEADER_BYTES + 32].copy_from_slice(&bytes[HEADER_BYTES + 40..][..32]);
    assert!(read(&swapped).is_err());
    for other in [
        Identity { number: 4, ..IDENTITY },
        Identity { database_id: 8, ..IDENTITY },
        Identity { magic: *b"ANNTEST\x01", ..IDENTITY },
    ] {
        let error = Reader::open(Path::new("journal"), &bytes, &other).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Corrupt, Some(0)));
        let header = other.encode(100);
        let mut stale = bytes.clone();
        stale[..HEADER_BYTES].copy_from_slice(&header);
        if other.magic == IDENTITY.magic {
            let opened = Reader::open(Path::new("journal"), &stale, &other).unwrap();
            let Opened::Journal(mut reader) = opened else { panic!("the header is whole") };
            let verdict = reader.next().unwrap();
            assert!(matches!(verdict, Verdict::TornTail { offset: 64, .. }), "{verdict:?}");
        }
    }
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let mut bytes = journal(true);
    bytes[8] = 2;
    assert_eq!(read(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
    let crc = crate::codec::checksum(0, &bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(read(&bytes).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn the_search_behind_damage_is_linear_in_bytes_that_pose_as_frames() {
    // Every 32 bytes pose as the header of a frame that reaches nearly to the end, by someone who
    // knows the database id.
    let count = 1 << 11;
    let mut payload = Vec::with_capacity(count * 32);
    for i in 0..count {
        let length = ((count - i - 1) * 32) as u32;
        payload.extend_from_slice(&1_u32.to_le_bytes());
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(&101_u64.to_le_bytes());
        payload.extend_from_slice(&[0; 8]);
        let seed = IDENTITY.seed() ^ (HEADER_BYTES + 32 + 32 * i) as u64;
        payload.extend_from_slice(&(seed << 8 | 1).to_le_bytes());
    }
    let disk = MemoryDisk::new();
    let path = Path::new("journal");
    let mut writer = Writer::create(&disk, path, &IDENTITY, 100).unwrap();
    writer.append(PAYLOAD, &payload).unwrap();
    writer.append(PAYLOAD, b"behind").unwrap();
    let mut bytes = disk.read_all(path).unwrap();
    bytes[HEADER_BYTES] ^= 1;
    assert_eq!(read(&bytes).unwrap(), (vec![], true));
    writer.sync().unwrap();
    writer.append(PAYLOAD, b"promise").unwrap();
    let mut bytes = disk.read_all(path).unwrap();
    bytes[HEADER_BYTES] ^= 1;
    assert!(read(&bytes).is_err());
}

#[test]
fn a_payload_too_long_is_refused_before_anything_is_written() {
    let disk = MemoryDisk::new();
    let mut writer = Writer::create(&disk, Path::new("journal"), &IDENTITY, 0).unwrap();
    let calls = disk.call_count();
    let payload = vec![0; PAYLOAD_BYTES_MAX + 1];
    assert_eq!(writer.append(PAYLOAD, &payload).unwrap_err().kind(), ErrorKind::Exhausted);
    assert_eq!((disk.call_count(), writer.next_sequence()), (calls, 0));
}
