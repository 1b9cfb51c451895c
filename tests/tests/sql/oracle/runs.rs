//! The runs: how many worlds of which size, each from one seed.

use annals_engine::SystemTime;
use annals_tests::generate::{Grid, Rng, runs, shapes};
use annals_tests::scratch::Scratch;

use super::world::{Counts, World};

/// How large the runs of a test are.
#[derive(Clone, Copy)]
struct Size {
    seeds: u64,
    rounds: usize,
    steps_a_round: usize,
    batches_a_round: usize,
    key_limit: i64,
    memtable_bytes: usize,
}

/// Short histories of few keys, so that facts lie on top of each other.
const DENSE: Size = Size {
    seeds: 8,
    rounds: 8,
    steps_a_round: 25,
    batches_a_round: 6,
    key_limit: 7,
    memtable_bytes: 16 << 10,
};

/// Longer ones of more keys, so that there are several segments and partitions.
const LONG: Size = Size {
    seeds: 2,
    rounds: 14,
    steps_a_round: 60,
    batches_a_round: 14,
    key_limit: 40,
    memtable_bytes: 24 << 10,
};

fn run(test: &str, first_seed: u64, size: Size, scratch: fn(SystemTime) -> Scratch, least: usize) {
    let mut counts = Counts::default();
    for seed in runs(&format!("sql::oracle::runs::{test}"), first_seed, size.seeds) {
        let mut rng = Rng::new(seed);
        let shapes = shapes(&mut rng, size.key_limit);
        let grid = Grid::draw(&mut rng);
        let scratch = scratch(SystemTime::from_micros(grid.start + grid.width * 2));
        let mut world = World::new(scratch.memtable_bytes(size.memtable_bytes), shapes, grid);
        for _ in 0..size.rounds {
            for _ in 0..size.steps_a_round {
                world.step(&mut rng);
            }
            world.ask_now(&mut rng, size.batches_a_round);
        }
        for step in [World::flush, World::crash, World::compact, World::reopen] {
            step(&mut world);
            world.ask_now(&mut rng, size.batches_a_round);
        }
        counts.statements += world.counts.statements;
        counts.refused += world.counts.refused;
        counts.questions += world.counts.questions;
    }
    let Counts { statements, refused, questions } = counts;
    println!("{test}: {statements} statements, {refused} of them refused, {questions} questions");
    let is_whole =
        ["ANNALS_SEED", "ANNALS_RUNS"].iter().all(|name| std::env::var_os(name).is_none());
    assert!(!is_whole || questions >= least, "only {questions} questions");
}

#[test]
fn dense_histories() {
    run("dense_histories", 1_000, DENSE, Scratch::in_memory, 8_000);
}

#[test]
fn more_dense_histories() {
    run("more_dense_histories", 2_000, DENSE, Scratch::in_memory, 8_000);
}

#[test]
fn long_histories_with_background_threads() {
    let scratch = |start| Scratch::in_memory(start).background(true);
    run("long_histories_with_background_threads", 3_000, LONG, scratch, 4_000);
}
