//! No acknowledged transaction is lost, none is half there, and rot is never taken for the end of
//! the log: under power cuts at every call, also while recovering; under failures of every call;
//! and under every flipped bit.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::disk::{FaultKind, Keep, MemoryDisk};
use crate::error::{Error, ErrorKind};

const DIR: &str = "db/wal";
const ID: u128 = 0x1234_5678;

fn options(sync: SyncMode) -> WalOptions {
    WalOptions { sync, file_bytes_max: 2_000, now: Arc::new(|| Duration::ZERO) }
}

fn create(disk: &MemoryDisk) -> Result<Wal> {
    Wal::create(disk.clone().into(), Path::new(DIR), ID, options(SyncMode::Commit))
}

/// Opens and returns the transactions, in order.
fn open(disk: &MemoryDisk) -> Result<(Wal, Vec<Vec<u8>>, WalRecovery)> {
    let mut found = Vec::new();
    let (wal, recovery) = Wal::open(
        disk.clone().into(),
        Path::new(DIR),
        ID,
        1..=1,
        options(SyncMode::Commit),
        &mut |_, payload| {
            found.push(payload.to_vec());
            Ok(())
        },
    )?;
    assert_eq!(recovery.frame_count, found.len() as u64);
    Ok((wal, found, recovery))
}

/// What is told of the files without opening them.
fn damages(disk: &MemoryDisk) -> Vec<Error> {
    match Wal::judge(disk.clone().into(), Path::new(DIR), ID, 1..=1) {
        Ok((recovery, mut damages)) => {
            let cut = recovery.cut;
            damages.extend(cut.map(|cut| Error::corrupt(&cut.file, cut.offset, cut.why)));
            damages
        }
        Err(error) => vec![error],
    }
}

/// Transaction number `i`: every one is different, and some are longer than a sector.
fn payload(i: u64) -> Vec<u8> {
    let length = [3, 40, 700, 1_500][(i % 4) as usize];
    (0..length).map(|at| (at as u8).wrapping_mul(31) ^ i as u8 | 1).collect()
}

/// Appends in groups of two and acknowledges each group. Returns how many transactions were
/// acknowledged.
fn commit_groups(wal: &Wal, first: u64, groups: u64) -> (u64, Result<()>) {
    let mut acknowledged = first;
    for group in 0..groups {
        let both = (0..2)
            .map(|i| wal.append(&payload(first + 2 * group + i)))
            .collect::<Result<Vec<Lsn>>>()
            .and_then(|lsns| wal.sync_to(lsns[1]));
        if let Err(error) = both {
            return (acknowledged, Err(error));
        }
        acknowledged += 2;
    }
    (acknowledged, Ok(()))
}

fn check_prefix(found: &[Vec<u8>], acknowledged: u64, what: &str) {
    assert!(found.len() as u64 >= acknowledged, "{what}: {} of {acknowledged}", found.len());
    for (i, found) in found.iter().enumerate() {
        assert_eq!(*found, payload(i as u64), "{what}: transaction {i}");
    }
}

/// A way of keeping and losing what was not synced, drawn from a seed.
fn luck(seed: u64) -> impl FnMut(crate::disk::PendingChange) -> Keep {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match seed {
            0 => Keep::Lost,
            1 => Keep::Kept,
            _ => match state >> 32 & 7 {
                0..3 => Keep::Kept,
                3..5 => Keep::Lost,
                5 => Keep::Torn((state >> 40) as usize % 512),
                6 => Keep::Zeroed,
                _ => Keep::Garbage(state),
            },
        }
    }
}

#[test]
fn transactions_come_back_in_order_over_many_files() {
    let disk = MemoryDisk::new();
    let wal = create(&disk).unwrap();
    commit_groups(&wal, 0, 10).1.unwrap();
    assert!(wal.file() > 3);
    let before_close = open(&disk.crash_image(&mut |_| Keep::Lost)).unwrap();
    check_prefix(&before_close.1, 20, "before closing");
    wal.close().unwrap();
    wal.close().unwrap();
    assert_eq!(wal.append(b"late").unwrap_err().kind(), ErrorKind::Unavailable);
    let (wal, found, recovery) = open(&disk).unwrap();
    check_prefix(&found, 20, "after closing");
    assert_eq!((found.len(), &recovery.cut), (20, &None));
    commit_groups(&wal, 20, 2).1.unwrap();
    check_prefix(&open(&disk).unwrap().1, 24, "reopened without closing");
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_acknowledged_also_when_recovery_is_cut_twice() {
    let run = |disk: &MemoryDisk| {
        let Ok(wal) = create(disk) else { return None };
        let (acknowledged, outcome) = commit_groups(&wal, 0, 5);
        if outcome.is_ok() {
            let _ = wal.close();
        }
        Some(acknowledged)
    };
    let whole = MemoryDisk::new();
    run(&whole).unwrap();
    for call in 1..=whole.call_count() + 1 {
        let disk = MemoryDisk::new();
        disk.power_off_at(call);
        let Some(acknowledged) = run(&disk) else { continue };
        for seed in 0..24 {
            let what = format!("power cut at call {call}, seed {seed}");
            let image = disk.crash_image(&mut luck(seed));
            recover(&image, acknowledged, 2, &what);
        }
    }
}

/// Recovers, and again from a power cut at each call of the recovery, `depth` times.
fn recover(image: &MemoryDisk, acknowledged: u64, depth: u32, what: &str) {
    let calls = {
        let disk = image.crash_image(&mut |_| Keep::Kept);
        let (wal, found, _) = open(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        check_prefix(&found, acknowledged, what);
        let calls = disk.call_count();
        let first = found.len() as u64;
        commit_groups(&wal, first, 1).1.unwrap();
        let (_, again, _) = open(&disk.crash_image(&mut |_| Keep::Lost)).unwrap();
        check_prefix(&again, first + 2, what);
        calls
    };
    if depth == 0 {
        return;
    }
    // One step through the calls at the deeper level keeps the number of images in bounds.
    for call in (1..=calls).step_by(if depth == 2 { 1 } else { 3 }) {
        let disk = image.crash_image(&mut |_| Keep::Kept);
        disk.power_off_at(call);
        assert!(open(&disk).is_err());
        let what = format!("{what}, recovery at call {call}");
        let seed = call.wrapping_mul(7) + u64::from(depth);
        recover(&disk.crash_image(&mut luck(seed % 24)), acknowledged, depth - 1, &what);
    }
}

#[test]
fn a_failed_write_or_sync_halts_the_log_and_loses_nothing_acknowledged() {
    let whole = MemoryDisk::new();
    commit_groups(&create(&whole).unwrap(), 0, 5).1.unwrap();
    for kind in [FaultKind::Io, FaultKind::Full, FaultKind::ShortWrite] {
        for call in 1..=whole.call_count() {
            let disk = MemoryDisk::new();
            disk.fail_at(call, kind);
            let Ok(wal) = create(&disk) else { continue };
            let (mut acknowledged, outcome) = commit_groups(&wal, 0, 5);
            let what = format!("{kind:?} at call {call}");
            match wal.halted() {
                Some(reason) => {
                    assert_eq!(reason.kind(), ErrorKind::Halted, "{what}");
                    let calls = disk.call_count();
                    for error in [
                        wal.append(b"x").unwrap_err(),
                        wal.sync_all().err().unwrap_or(reason.clone()),
                        wal.rotate().unwrap_err(),
                        wal.close().unwrap_err(),
                    ] {
                        assert_eq!(error.to_string(), reason.to_string(), "{what}");
                    }
                    assert_eq!(disk.call_count(), calls, "{what}: nothing is tried again");
                }
                // The next file could not be made, and the request was refused: it heals.
                None if outcome.is_err() => {
                    let kinds = [ErrorKind::Io, ErrorKind::Exhausted];
                    assert!(kinds.contains(&outcome.unwrap_err().kind()), "{what}");
                    let there = open(&disk.crash_image(&mut |_| Keep::Kept)).unwrap().1;
                    let next = there.len() as u64;
                    acknowledged = commit_groups(&wal, next, 2).0;
                    assert_eq!(acknowledged, next + 4, "{what}");
                }
                None => {}
            }
            for keep in [Keep::Kept, Keep::Lost] {
                let (_, found, _) = open(&disk.crash_image(&mut |_| keep)).unwrap();
                check_prefix(&found, acknowledged, &what);
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_an_error_or_changes_nothing_closed_or_killed() {
    for closed in [true, false] {
        let disk = MemoryDisk::new();
        let wal = create(&disk).unwrap();
        commit_groups(&wal, 0, 3).1.unwrap();
        if closed {
            wal.close().unwrap();
        }
        assert!(disk.files().len() >= 2, "more than one file is judged");
        assert!(damages(&disk).is_empty());
        let image = disk.crash_image(&mut |_| Keep::Kept);
        for file in disk.files() {
            for bit in 0..disk.read_all(&file).unwrap().len() as u64 * 8 {
                let image = image.crash_image(&mut |_| Keep::Kept);
                image.flip_bit(&file, bit).unwrap();
                let damages = damages(&image);
                let is_told = |error: &Error| {
                    error.file() == Some(file.display().to_string().as_str())
                        && error.offset().is_some()
                };
                assert!(damages.iter().any(is_told), "bit {bit} of {}", file.display());
                match open(&image) {
                    Ok((_, found, _)) => {
                        check_prefix(&found, 6, &format!("bit {bit} of {}", file.display()));
                        assert_eq!(found.len(), 6);
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Corrupt);
                        assert_eq!(error.file(), Some(file.display().to_string().as_str()));
                    }
                }
            }
        }
    }
}

#[test]
fn every_truncation_of_an_open_log_leaves_what_the_rest_promises() {
    let disk = MemoryDisk::new();
    let wal = create(&disk).unwrap();
    commit_groups(&wal, 0, 1).1.unwrap();
    let file = Path::new(DIR).join("0000000001.wal");
    let whole = disk.read_all(&file).unwrap();
    for length in 0..whole.len() {
        let image = disk.crash_image(&mut |_| Keep::Kept);
        image.damage(&file, |bytes| bytes.truncate(length)).unwrap();
        match open(&image) {
            Ok((_, found, _)) => check_prefix(&found, 0, "cut"),
            Err(error) => assert!(length <= 64 && error.kind() == ErrorKind::Corrupt),
        }
    }
}

#[test]
fn a_missing_or_stale_file_is_corruption() {
    let disk = MemoryDisk::new();
    let wal = create(&disk).unwrap();
    commit_groups(&wal, 0, 8).1.unwrap();
    let files = disk.files();
    assert!(files.len() >= 4);
    for (i, missing) in files.iter().enumerate() {
        let image = disk.crash_image(&mut |_| Keep::Kept);
        image.remove(missing).unwrap();
        let error = open(&image).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "file {i}");
        assert_eq!(image.files().len(), files.len() - 1, "nothing was written");

        let image = disk.crash_image(&mut |_| Keep::Kept);
        let other = disk.read_all(&files[(i + 1) % files.len()]).unwrap();
        image.damage(missing, |bytes| *bytes = other).unwrap();
        let error = open(&image).unwrap_err();
        assert_eq!(error.file(), Some(missing.display().to_string().as_str()));
    }
    let known = 1..=99;
    let error = Wal::open(
        disk.clone().into(),
        Path::new(DIR),
        ID,
        known,
        options(SyncMode::Commit),
        &mut |_, _| Ok(()),
    );
    assert!(error.unwrap_err().to_string().contains("0000000099.wal"));
}

#[test]
fn files_are_removed_before_a_number_and_the_rest_is_the_log() {
    let disk = MemoryDisk::new();
    let wal = create(&disk).unwrap();
    wal.append(b"old").unwrap();
    let file = wal.rotate().unwrap();
    assert_eq!((file, wal.file()), (2, 2));
    let lsn = wal.append(b"new").unwrap();
    wal.sync_to(lsn).unwrap();
    let mut found = Vec::new();
    let image = disk.crash_image(&mut |_| Keep::Kept);
    let mut replay = |file: u64, payload: &[u8]| {
        found.push((file, payload.to_vec()));
        Ok(())
    };
    let dir = Path::new(DIR);
    let commit = options(SyncMode::Commit);
    let files = file..=file;
    Wal::open(image.clone().into(), dir, ID, files, commit.clone(), &mut replay).unwrap();
    assert_eq!(found, [(2, b"new".to_vec())]);
    assert_eq!(image.files().len(), 2, "file 1 was removed, file 3 begun");
    wal.remove_before(99).unwrap();
    assert_eq!(disk.files(), [dir.join("0000000002.wal")], "the running file stays");
    let refusal = |_: u64, _: &[u8]| Err(Error::invalid("no"));
    let opened = Wal::open(disk.into(), dir, ID, 2..=2, commit, &mut { refusal });
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_log_is_made_once() {
    let disk = MemoryDisk::new();
    drop(create(&disk).unwrap());
    let wal = create(&disk).unwrap();
    wal.append(b"x").unwrap();
    assert_eq!(create(&disk).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(open(&disk).unwrap().1, [b"x".to_vec()]);
}

#[test]
fn many_threads_share_syncs_and_every_acknowledged_transaction_is_durable() {
    let disk = MemoryDisk::new();
    let mut options = options(SyncMode::Commit);
    options.file_bytes_max = 10_000;
    let wal = Wal::create(disk.clone().into(), Path::new(DIR), ID, options).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (wal, disk) = (&wal, &disk);
            scope.spawn(move || {
                for i in 0..50_u64 {
                    let payload = (thread * 1_000 + i).to_le_bytes();
                    let lsn = wal.append(&payload).unwrap();
                    wal.sync_to(lsn).unwrap();
                    if i % 25 == 24 {
                        let image = disk.crash_image(&mut |_| Keep::Lost);
                        let found = open(&image).unwrap().1;
                        assert!(found.iter().any(|found| *found == payload));
                    }
                }
            });
        }
    });
    let found = open(&disk.crash_image(&mut |_| Keep::Lost)).unwrap().1;
    for thread in 0..4_u64 {
        let number = |found: &Vec<u8>| u64::from_le_bytes(found.as_slice().try_into().unwrap());
        let own: Vec<u64> = found.iter().map(number).filter(|n| n / 1_000 == thread).collect();
        assert_eq!(own, (0..50).map(|i| thread * 1_000 + i).collect::<Vec<_>>());
    }
}

#[test]
fn the_sync_mode_says_what_survives_a_power_cut() {
    let time = Arc::new(AtomicU64::new(0));
    let now: Monotonic = {
        let time = Arc::clone(&time);
        Arc::new(move || Duration::from_millis(time.load(Ordering::Relaxed)))
    };
    let survivors = |sync: SyncMode, pause_ms: u64, sync_all: bool| {
        let disk = MemoryDisk::new();
        let options = WalOptions { sync, file_bytes_max: 1 << 20, now: Arc::clone(&now) };
        let wal = Wal::create(disk.clone().into(), Path::new(DIR), ID, options).unwrap();
        for _ in 0..3 {
            time.fetch_add(pause_ms, Ordering::Relaxed);
            let lsn = wal.append(b"x").unwrap();
            wal.sync_to(lsn).unwrap();
        }
        if sync_all {
            wal.sync_all().unwrap();
            let calls = disk.call_count();
            wal.sync_all().unwrap();
            assert_eq!(disk.call_count(), calls, "nothing is left to sync");
        }
        assert_eq!(open(&disk.crash_image(&mut |_| Keep::Kept)).unwrap().1.len(), 3);
        open(&disk.crash_image(&mut |_| Keep::Lost)).unwrap().1.len()
    };
    let interval = SyncMode::Interval(Duration::from_millis(10));
    assert_eq!(survivors(SyncMode::Commit, 0, false), 3);
    assert_eq!(survivors(interval, 4, false), 3);
    assert_eq!(survivors(interval, 3, false), 0);
    assert_eq!(survivors(interval, 3, true), 3);
    assert_eq!(survivors(SyncMode::Off, 60_000, false), 0);
    assert_eq!(survivors(SyncMode::Off, 0, true), 3);
}

/// The bytes of the first block of hex in a document: lines of an offset and up to sixteen bytes.
fn example(document: &str) -> Vec<u8> {
    let block = document.split("```hex\n").nth(1).unwrap().split("```").next().unwrap();
    let bytes = block.lines().flat_map(|line| line.split_whitespace().skip(1));
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn the_documents_say_what_the_code_does() {
    use crate::journal::{HEADER_BYTES, PAYLOAD_BYTES_MAX, VERSION, Writer};

    let journal = include_str!("../../../docs/format/journal.md");
    let wal = include_str!("../../../docs/format/wal.md");
    let disk = MemoryDisk::new();
    let database_id = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;
    let home = Home { disk: disk.clone().into(), dir: PathBuf::new(), database_id };
    let path = home.path(FIRST_FILE);
    let mut writer = Writer::create(&disk, &path, &home.identity(FIRST_FILE), 0).unwrap();
    writer.append(TRANSACTION, b"hello").unwrap();
    writer.seal(0).unwrap();
    let bytes = disk.read_all(&path).unwrap();
    let lines = bytes.chunks(16).enumerate().map(|(i, line)| {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:08x}  {}\n", i * 16, bytes.join(" "))
    });
    assert!(example(journal) == bytes, "the example should be\n{}", lines.collect::<String>());

    for sentence in [
        format!("## Header: {HEADER_BYTES} bytes"),
        format!("| 8 | 4 | format version, {VERSION} |"),
        format!("at most 2^30 - 1 = {PAYLOAD_BYTES_MAX} |"),
        format!("| {} | promise: ", Kind::PROMISE.0),
        format!("| {} | seal: ", Kind::SEAL.0),
    ] {
        assert!(journal.contains(&sentence), "{sentence}");
    }
    for sentence in [
        format!("the magic `{}`", MAGIC.escape_ascii()),
        format!("the first is `{}`", path.display()),
        format!("| {} | one transaction |", TRANSACTION.0),
    ] {
        assert!(wal.contains(&sentence), "{sentence}");
    }
}
