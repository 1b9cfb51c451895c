//! Every answer equals the contract: random histories on the engine and on the model, asked the same random questions.
//!
//! Each run draws tables, a grid of instants and a history from its seed: puts, deletes, facts overwritten inside their own
//! transaction, backdating, imports with their own system time, several tables in one transaction, a clock that jumps; between
//! them changes of columns, flushes, background work, compactions, erasures, indexes made and dropped, restarts and drops without a close. The questions (points,
//! ranges on both axes, ALL, histories, projections, predicates, limits) are drawn after the data, around its boundaries.
//! All together at least 100,000 operations and 20,000 questions, which each test holds for its part.

use annals_engine::SystemTime;
use annals_tests::check::{Counts, World};
use annals_tests::generate::{Grid, Rng, Step, draw_step, runs, shapes};
use annals_tests::scratch::Scratch;

/// How large the runs of a test are.
#[derive(Clone, Copy)]
struct Size {
    seeds: u64,
    table_count: usize,
    rounds: usize,
    steps_a_round: usize,
    questions_a_round: usize,
    key_limit: i64,
    memtable_bytes: usize,
}

/// Many short histories of few keys, so that facts lie on top of each other.
const DENSE: Size = Size {
    seeds: 24,
    table_count: 3,
    rounds: 8,
    steps_a_round: 45,
    questions_a_round: 32,
    key_limit: 7,
    memtable_bytes: 16 << 10,
};

/// A few long ones of many keys, so that there are many segments and partitions.
const LONG: Size = Size {
    seeds: 4,
    table_count: 3,
    rounds: 12,
    steps_a_round: 170,
    questions_a_round: 40,
    key_limit: 60,
    memtable_bytes: 48 << 10,
};

/// One table of so many keys that its segments have many blocks.
const WIDE: Size = Size {
    seeds: 2,
    table_count: 1,
    rounds: 5,
    steps_a_round: 700,
    questions_a_round: 50,
    key_limit: 4_000,
    memtable_bytes: 1 << 20,
};

fn run(test: &str, first_seed: u64, size: Size, scratch: fn(SystemTime) -> Scratch) -> Counts {
    let mut counts = Counts::default();
    for seed in runs(&format!("oracle_random::{test}"), first_seed, size.seeds) {
        let mut rng = Rng::new(seed);
        let mut shapes = shapes(&mut rng, size.key_limit);
        shapes.truncate(size.table_count);
        let grid = Grid::draw(&mut rng);
        let scratch = scratch(SystemTime::from_micros(grid.start + grid.width * 2));
        let mut world = World::new(scratch.memtable_bytes(size.memtable_bytes), shapes, grid);
        for _ in 0..size.rounds {
            for _ in 0..size.steps_a_round {
                let step = draw_step(&mut rng, &world.situation());
                world.step(&step);
            }
            world.ask(&mut rng, size.questions_a_round);
        }
        for step in [Step::Flush, Step::Crash, Step::Compact, Step::Reopen] {
            world.step(&step);
            world.ask(&mut rng, size.questions_a_round);
        }
        counts += world.counts;
    }
    println!("{test}: {} operations, {} questions", counts.operations, counts.queries);
    counts
}

fn enough(counts: Counts, operations: usize, queries: usize) {
    let is_whole =
        ["ANNALS_SEED", "ANNALS_RUNS"].iter().all(|name| std::env::var_os(name).is_none());
    if is_whole {
        assert!(counts.operations >= operations, "only {} operations", counts.operations);
        assert!(counts.queries >= queries, "only {} questions", counts.queries);
    }
}

#[test]
fn dense_histories() {
    enough(run("dense_histories", 1_000, DENSE, Scratch::in_memory), 26_000, 8_000);
}

#[test]
fn more_dense_histories() {
    enough(run("more_dense_histories", 2_000, DENSE, Scratch::in_memory), 26_000, 8_000);
}

#[test]
fn long_histories() {
    enough(run("long_histories", 3_000, LONG, Scratch::in_memory), 25_000, 2_500);
}

#[test]
fn long_histories_with_background_threads() {
    let scratch = |start| Scratch::in_memory(start).background(true);
    enough(run("long_histories_with_background_threads", 4_000, LONG, scratch), 25_000, 2_500);
}

#[test]
fn wide_histories() {
    enough(run("wide_histories", 6_000, WIDE, Scratch::in_memory), 20_000, 800);
}

#[test]
fn histories_on_a_real_disk() {
    // A real disk makes every flush wait: a few histories show that it answers as the disk in memory does.
    let few = Size { seeds: 2, ..DENSE };
    enough(run("histories_on_a_real_disk", 5_000, few, Scratch::new), 2_000, 600);
}
