//! Both disks keep the same promises; the one in memory also loses what was not synced, and only
//! that.

use std::path::Path;

use super::*;
use crate::error::ErrorKind;

fn on_both_disks(check: impl Fn(&dyn Disk, &Path)) {
    check(&MemoryDisk::new(), Path::new("db"));
    let folder = tempfile::tempdir().unwrap();
    check(&RealDisk {}, &folder.path().join("db"));
}

#[test]
fn a_file_is_made_once_appended_to_and_read_by_position() {
    on_both_disks(|disk, dir| {
        disk.create_dir_all(&dir.join("a/b")).unwrap();
        let path = dir.join("a/b/file");
        let file = disk.create(&path).unwrap();
        file.append(b"hello ").unwrap();
        file.append(b"world").unwrap();
        file.sync().unwrap();
        disk.sync_dir(&dir.join("a/b")).unwrap();
        assert_eq!(disk.create(&path).unwrap_err().kind(), ErrorKind::Io);
        let again = disk.open(&path).unwrap();
        let mut bytes = [0; 5];
        again.read_at(6, &mut bytes).unwrap();
        assert_eq!(&bytes, b"world");
        let error = again.read_at(8, &mut bytes).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Corrupt, Some(8)));
        assert!(again.append(b"x").is_err(), "an opened file is not for appending");
        again.truncate(5).unwrap();
        assert_eq!(file.len().unwrap(), 5);
    });
}

#[test]
fn a_file_with_two_names_lives_until_both_are_removed() {
    on_both_disks(|disk, dir| {
        disk.create_dir_all(dir).unwrap();
        let (one, two) = (dir.join("one"), dir.join("two"));
        disk.create(&one).unwrap().append(b"bytes").unwrap();
        disk.link(&one, &two).unwrap();
        assert_eq!(disk.link(&one, &two).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(disk.link(&dir.join("none"), &dir.join("x")).unwrap_err().kind(), ErrorKind::Io);
        disk.remove(&one).unwrap();
        let mut bytes = [0; 5];
        disk.open(&two).unwrap().read_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"bytes");
    });
}

#[test]
fn names_are_listed_renamed_and_removed() {
    on_both_disks(|disk, dir| {
        assert_eq!(disk.list(dir).unwrap(), Vec::<String>::new());
        disk.create_dir_all(dir).unwrap();
        disk.create(&dir.join("b")).unwrap().append(b"b").unwrap();
        let open = disk.create(&dir.join("a")).unwrap();
        open.append(b"a").unwrap();
        assert_eq!(disk.list(dir).unwrap(), ["a", "b"]);
        disk.rename(&dir.join("a"), &dir.join("b")).unwrap();
        assert_eq!(disk.list(dir).unwrap(), ["b"]);
        assert!(disk.remove_dir(dir).is_err());
        disk.remove(&dir.join("b")).unwrap();
        let mut byte = [0];
        open.read_at(0, &mut byte).unwrap();
        assert_eq!(&byte, b"a", "a removed file stays readable to those who have it open");
        disk.remove_dir(dir).unwrap();
        assert!(!disk.exists(dir).unwrap());
        assert_eq!(disk.remove(&dir.join("b")).unwrap_err().kind(), ErrorKind::Io);
    });
}

#[test]
fn a_lock_is_held_by_one_until_it_is_dropped() {
    on_both_disks(|disk, dir| {
        disk.create_dir_all(dir).unwrap();
        let path = dir.join("LOCK");
        let lock = disk.lock(&path).unwrap();
        assert_eq!(disk.lock(&path).unwrap_err().kind(), ErrorKind::Unavailable);
        drop(lock);
        disk.lock(&path).unwrap();
    });
}

fn two_files() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let kept = disk.create(Path::new("kept")).unwrap();
    kept.append(&[1; 100]).unwrap();
    kept.sync().unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    kept.append(&[2; 1000]).unwrap();
    disk.create(Path::new("new")).unwrap().append(b"new").unwrap();
    disk
}

#[test]
fn a_power_cut_keeps_what_was_synced_and_any_part_of_the_rest() {
    let disk = two_files();
    let nothing = disk.crash_image(&mut |_| Keep::Lost);
    assert_eq!(nothing.files(), [Path::new("kept")]);
    assert_eq!(nothing.read_all(Path::new("kept")).unwrap(), [1; 100]);

    let all = disk.crash_image(&mut |_| Keep::Kept);
    assert_eq!(all.files(), disk.files());
    let path = Path::new("kept");
    assert_eq!(all.read_all(path).unwrap(), disk.read_all(path).unwrap());

    let mut asked = Vec::new();
    let last = disk.crash_image(&mut |change| {
        asked.push(change.clone());
        match change {
            PendingChange::Append { offset: 1024, .. } => Keep::Torn(6),
            _ => Keep::Lost,
        }
    });
    let sectors = |change: &PendingChange| match change {
        PendingChange::Append { offset, byte_count, .. } => Some((*offset, *byte_count)),
        _ => None,
    };
    let sectors: Vec<_> = asked.iter().filter_map(sectors).collect();
    assert_eq!(sectors, [(100, 412), (512, 512), (1024, 76)]);
    let bytes = last.read_all(path).unwrap();
    assert_eq!(bytes.len(), 1030);
    assert!(bytes[100..1024].iter().all(|&b| b == 0) && bytes[1024..] == [2; 6]);
}

#[test]
fn a_renaming_is_kept_or_lost_whole() {
    let disk = MemoryDisk::new();
    for name in ["old", "new"] {
        let file = disk.create(Path::new(name)).unwrap();
        file.append(name.as_bytes()).unwrap();
        file.sync().unwrap();
    }
    disk.sync_dir(Path::new("")).unwrap();
    disk.rename(Path::new("new"), Path::new("old")).unwrap();
    let lost = disk.crash_image(&mut |_| Keep::Lost);
    assert_eq!(lost.read_all(Path::new("old")).unwrap(), b"old");
    assert_eq!(lost.read_all(Path::new("new")).unwrap(), b"new");
    let kept = disk.crash_image(&mut |_| Keep::Kept);
    assert_eq!(kept.files(), [Path::new("old")]);
    assert_eq!(kept.read_all(Path::new("old")).unwrap(), b"new");
}

#[test]
fn any_call_can_be_made_to_fail_and_the_next_works() {
    let disk = MemoryDisk::new();
    let file = disk.create(Path::new("file")).unwrap();
    for (kind, expected, left) in [
        (FaultKind::Io, ErrorKind::Io, 0),
        (FaultKind::Full, ErrorKind::Exhausted, 0),
        (FaultKind::ShortWrite, ErrorKind::Io, 5),
    ] {
        let before = file.len().unwrap();
        disk.fail_at(disk.call_count() + 1, kind);
        assert_eq!(file.append(&[7; 10]).unwrap_err().kind(), expected);
        assert_eq!(file.len().unwrap(), before + left);
    }
    file.append(&[7; 10]).unwrap();
    disk.power_off_at(disk.call_count() + 1);
    assert!(file.append(&[8; 10]).is_err());
    assert!(file.sync().is_err());
    let image = disk.crash_image(&mut |_| Keep::Kept);
    assert_eq!(image.read_all(Path::new("file")).unwrap().len(), 25);
}
