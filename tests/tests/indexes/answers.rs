//! The same questions with indexes and without, over random histories: the same answers.

use annals_engine::{Comparison, Database, Predicate, Value};
use annals_tests::generate::{Rng, runs};

use super::goods::*;

const KINDS: [&str; 7] = ["", "cup", "cups", "plate", "süß", "a\0b", "\0"];

fn draw_good(rng: &mut Rng, id: i64) -> Good {
    let kind = rng.chance(85).then(|| (*rng.pick(&KINDS)).to_owned());
    let size = rng.chance(90).then(|| rng.within(-3..=8) as i32);
    let sold = rng.chance(90).then(|| rng.chance(30));
    Good { id, kind, size, sold, hour: rng.within(0..=4_000) }
}

fn draw_filter(rng: &mut Rng) -> Predicate {
    let kind = |rng: &mut Rng| Value::from(*rng.pick(&["", "cup", "plate", "süß", "lost", "\0"]));
    let size = |rng: &mut Rng| Value::Int(rng.within(-5..=10));
    let is_null = |column: &str| Predicate::IsNull { column: column.to_owned() };
    let (of_kind, of_size) = ("kind".to_owned(), "size".to_owned());
    match rng.below(9) {
        0 => Predicate::compare("kind", Comparison::Eq, kind(rng)),
        1 => Predicate::compare("size", Comparison::Eq, size(rng)),
        2 => Predicate::compare("sold", Comparison::Eq, Value::Boolean(rng.chance(50))),
        3 => Predicate::In { column: of_kind, values: (0..3).map(|_| kind(rng)).collect() },
        4 => Predicate::In { column: of_size, values: (0..4).map(|_| size(rng)).collect() },
        5 => is_null(["kind", "size", "sold"][rng.below(3)]),
        6 => Predicate::compare("size", Comparison::Lt, size(rng)),
        7 => Predicate::compare("kind", Comparison::NotEq, kind(rng)),
        _ => draw_filter(rng).and(draw_filter(rng)),
    }
}

/// What a run showed: blocks that indexes ruled out, and scans that asked one.
#[derive(Debug, Default)]
struct Shown {
    pruned_count: u64,
    use_count: u64,
}

/// A history of so many rounds, each of changes to some of `id_count` goods; then questions.
fn check(seed: u64, round_count: usize, id_count: i64, memtable_bytes: usize) -> Shown {
    let mut rng = Rng::new(seed);
    let scratches = [(); 2].map(|()| scratch().memtable_bytes(memtable_bytes));
    let open = || scratches.iter().map(|scratch| scratch.open()).collect();
    let mut databases: Vec<Database> = open();
    databases.iter().for_each(create);
    let mut shown = Shown::default();
    for round in 0..round_count {
        let count = rng.within(1..=id_count);
        let first = rng.within(0..=id_count - count);
        let goods: Vec<Good> = (first..first + count).map(|id| draw_good(&mut rng, id)).collect();
        let gone: Vec<i64> = (0..5).map(|_| rng.within(0..=id_count)).collect();
        for database in &databases {
            put(database, &goods).unwrap();
            delete(database, &gone).unwrap();
        }
        if round == round_count / 3 {
            databases.iter().for_each(|database| database.flush().unwrap());
            index(&databases[1]);
        }
        match rng.below(6) {
            0 | 1 => databases.iter().for_each(|database| database.flush().unwrap()),
            2 => databases.iter().for_each(|d| while d.maintain().unwrap().is_some() {}),
            3 => databases.iter().for_each(|d| d.compact(&mut |_| ()).unwrap()),
            4 => {
                shown.use_count += use_count(&databases[1]);
                databases.clear();
                databases = open();
            }
            _ => (),
        }
        let snapshots: Vec<_> = databases.iter().map(|d| d.snapshot().unwrap()).collect();
        for _ in 0..12 {
            let filters = (0..rng.within(1..=2)).map(|_| draw_filter(&mut rng)).collect();
            let part_count = *rng.pick(&[1, 4]);
            let query = Query { filters, is_history: rng.chance(40), part_count };
            let (plain, _) = query.ask(&snapshots[0]).unwrap();
            let (indexed, metrics) = query.ask(&snapshots[1]).unwrap();
            assert!(plain == indexed, "seed {seed}, round {round}: {query:?}");
            shown.pruned_count += metrics.bitmap_pruned_block_count;
        }
    }
    shown.use_count += use_count(&databases[1]);
    shown
}

fn use_count(database: &Database) -> u64 {
    database.indexes().unwrap().iter().map(|index| index.use_count).sum()
}

#[test]
fn answers_over_random_histories_are_those_without_indexes() {
    let mut shown = Shown::default();
    for seed in runs("indexes::answers_over_random_histories", 7_000, 6) {
        let Shown { pruned_count, use_count } = check(seed, 24, 400, 24 << 10);
        shown.pruned_count += pruned_count;
        shown.use_count += use_count;
    }
    println!("{shown:?}");
    assert!(shown.use_count > 200 && shown.pruned_count > 0, "{shown:?}");
}

#[test]
fn answers_over_segments_of_many_blocks_are_those_without_indexes() {
    for seed in runs("indexes::answers_over_segments_of_many_blocks", 7_100, 1) {
        let shown = check(seed, 6, 60_000, 16 << 20);
        println!("{shown:?}");
        assert!(shown.use_count > 20, "{shown:?}");
    }
}
