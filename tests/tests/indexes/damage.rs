//! A damaged file of bitmaps is an error that names it, never another answer.

use annals_engine::disk::MemoryDisk;
use annals_engine::{Comparison, Database, ErrorKind, Predicate, Value};
use annals_tests::damage::{copy, damages, names};
use annals_tests::generate::{Rng, runs};
use annals_tests::prices::system;
use annals_tests::rows::Row;
use annals_tests::scratch::Scratch;

use super::goods::*;

fn queries() -> Vec<Query> {
    let kinds = ["cup", "lost"].map(|kind| Predicate::compare("kind", Comparison::Eq, kind));
    let null = Predicate::IsNull { column: "kind".to_owned() };
    let some = Predicate::In { column: "size".to_owned(), values: [1, 2].map(Value::Int).into() };
    let sold = Predicate::compare("sold", Comparison::Eq, Value::Boolean(true));
    kinds.into_iter().chain([null, some, sold]).map(Query::new).collect()
}

/// A database of one segment with three indexes, not closed.
fn disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let database = Scratch::on(disk.clone(), system("2030-01-01")).open();
    create(&database);
    let mut rng = Rng::new(3);
    let mut draw = |id| Good {
        id,
        kind: rng.chance(90).then(|| rng.pick(&["cup", "plate", "bowl"]).to_string()),
        size: Some(rng.within(0..=5) as i32),
        sold: rng.chance(90).then(|| rng.chance(40)),
        hour: id,
    };
    put(&database, &(0..300).map(&mut draw).collect::<Vec<_>>()).unwrap();
    database.flush().unwrap();
    index(&database);
    disk
}

fn open(disk: &MemoryDisk) -> Database {
    Scratch::on(copy(disk), system("2030-01-01")).open()
}

#[test]
fn a_flipped_bit_is_an_error_that_names_the_file_or_changes_nothing() {
    let disk = disk();
    let answers = |database: &Database| -> Vec<annals_engine::Result<Vec<Row>>> {
        let snapshot = database.snapshot().unwrap();
        queries().iter().map(|query| Ok(query.ask(&snapshot)?.0)).collect()
    };
    let expected: Vec<Vec<Row>> = answers(&open(&disk)).into_iter().map(Result::unwrap).collect();
    assert!(expected.iter().filter(|rows| !rows.is_empty()).count() >= 4, "questions with answers");
    let files = disk.files();
    let bitmaps = files.iter().filter(|path| path.extension() == Some("bitmap".as_ref()));
    let (mut told, mut unread) = (0, 0);
    for seed in runs("indexes::a_flipped_bit", 9_000, 1) {
        let mut rng = Rng::new(seed);
        for file in bitmaps.clone() {
            let bit_count = 8 * disk.read_all(file).unwrap().len();
            for _ in 0..150 {
                let bit = rng.below(bit_count) as u64;
                disk.flip_bit(file, bit).unwrap();
                let what = format!("bit {bit} of {}", file.display());
                assert!(names(&damages(&disk, "db".as_ref()), file), "verify, {what}");
                for (found, expected) in answers(&open(&disk)).into_iter().zip(&expected) {
                    match found {
                        Ok(found) => assert!(found == *expected, "another answer, {what}"),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}, {what}");
                            assert!(error.offset().is_some(), "{error}, {what}");
                            assert!(names(&[error], file), "{what}");
                            told += 1;
                        }
                    }
                }
                unread += 1;
                disk.flip_bit(file, bit).unwrap();
            }
        }
    }
    assert!(told > 150 && unread >= 450, "{told} told, {unread} bits");
}
