//! What the engine may expect of a disk, as far as archives go.

use std::path::Path;
use std::sync::Arc;

use annals_engine::ErrorKind;
use annals_engine::disk::{Disk, MemoryDisk};
use object_store::memory::InMemory;

use super::ObjectDisk;
use super::file::PART_BYTES;

fn disk() -> ObjectDisk {
    ObjectDisk::over(Arc::new(MemoryDisk::new())).store("memory://x/", Arc::new(InMemory::new()))
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new("memory://x").join(name)
}

#[test]
fn an_object_is_there_when_it_was_synced_and_not_before() {
    let disk = disk();
    for (name, length) in [
        ("empty", 0),
        ("small", 10),
        ("part", PART_BYTES),
        ("parts", 2 * PART_BYTES),
        ("large", 2 * PART_BYTES + 1),
    ] {
        let bytes: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
        let file = disk.create(&path(name)).unwrap();
        for bytes in bytes.chunks(3_000_001) {
            file.append(bytes).unwrap();
        }
        assert_eq!(file.len().unwrap(), length as u64);
        assert!(!disk.exists(&path(name)).unwrap(), "{name}");
        file.sync().unwrap();
        assert!(disk.exists(&path(name)).unwrap(), "{name}");
        assert_eq!(file.append(b"more").unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(disk.create(&path(name)).unwrap_err().kind(), ErrorKind::Io);
        let file = disk.open(&path(name)).unwrap();
        let mut read = vec![0; length];
        file.read_at(0, &mut read).unwrap();
        assert!(read == bytes, "{name}");
        for at in [0, length / 2, length.saturating_sub(9)] {
            let mut piece = vec![0; 9.min(length - at)];
            file.read_at(at as u64, &mut piece).unwrap();
            assert_eq!(piece, bytes[at..at + piece.len()], "{name} at {at}");
        }
        let beyond = file.read_at(length as u64, &mut [0]).unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::Corrupt, "{beyond}");
    }
}

#[test]
fn what_is_not_synced_leaves_nothing() {
    let disk = disk();
    let file = disk.create(&path("a")).unwrap();
    file.append(&vec![1; PART_BYTES + 1]).unwrap();
    drop(file);
    assert!(!disk.exists(&path("a")).unwrap());
    let error = disk.open(&path("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

#[test]
fn of_two_that_write_an_object_one_finds_out() {
    let disk = disk();
    let (one, other) = (disk.create(&path("a")).unwrap(), disk.create(&path("a")).unwrap());
    one.append(b"one").unwrap();
    other.append(b"other").unwrap();
    one.sync().unwrap();
    assert_eq!(other.sync().unwrap_err().kind(), ErrorKind::Io);
    let mut bytes = [0; 3];
    disk.open(&path("a")).unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"one");
    disk.open(&path("a")).unwrap().read_at(3, &mut []).unwrap();
}

#[test]
fn folders_are_what_names_have_in_common() {
    let disk = disk();
    for name in ["a/one", "a/two", "a/deep/three", "ab"] {
        disk.create(&path(name)).unwrap().sync().unwrap();
    }
    assert_eq!(disk.list(&path("a")).unwrap(), ["deep", "one", "two"]);
    assert_eq!(disk.list(Path::new("memory://x")).unwrap(), ["a", "ab"]);
    assert!(disk.list(&path("none")).unwrap().is_empty());
    assert!(disk.exists(&path("a/deep")).unwrap() && !disk.exists(&path("a/d")).unwrap());
    disk.remove(&path("a/deep/three")).unwrap();
    assert!(!disk.exists(&path("a/deep")).unwrap());
    disk.remove_dir(&path("a")).unwrap();
    disk.create_dir_all(&path("new")).unwrap();
    disk.sync_dir(&path("new")).unwrap();
}

#[test]
fn what_object_storage_does_not_do_is_refused() {
    let disk = disk();
    disk.create(Path::new("here")).unwrap();
    disk.create(&path("there")).unwrap().sync().unwrap();
    let (here, there) = (Path::new("here"), path("there"));
    let refused = [
        disk.rename(&there, here),
        disk.rename(here, &there),
        disk.link(here, &there),
        disk.lock(&there).map(|_| ()),
        disk.open(&there).unwrap().truncate(0),
    ];
    for error in refused {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
    }
    // Everything else is the disk underneath.
    disk.rename(here, Path::new("elsewhere")).unwrap();
    assert!(disk.exists(Path::new("elsewhere")).unwrap());
}

#[test]
fn a_thread_that_runs_requests_of_its_own_may_wait_for_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let disk = disk();
        disk.create(&path("a")).unwrap().sync().unwrap();
        assert!(disk.exists(&path("a")).unwrap());
    });
}
