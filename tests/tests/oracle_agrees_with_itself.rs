//! The two halves of the model, the rule and the versions, agree at every instant at which an answer can change.
//!
//! Random histories are fed to both; then every key is asked at every boundary of both axes and a microsecond before it. No
//! engine takes part: what all other tests trust is tested here first.

use annals_tests::generate::{Change, Grid, Rng, Situation, Step, draw_step, runs, shapes};
use annals_tests::oracle::{Assertion, Clause, Table};

/// A history without an engine: the model's own clock gives every transaction the next instant of the grid.
fn history(seed: u64) -> Vec<Table> {
    let mut rng = Rng::new(seed);
    let shapes = shapes(&mut rng, 6);
    let grid = Grid::draw(&mut rng);
    let mut tables = vec![Table::default(); shapes.len()];
    let (mut now, mut labels) = (grid.start, 0);
    for _ in 0..60 {
        let last = tables.iter().map(Table::last_system_time).collect();
        let situation = Situation { shapes: &shapes, grid, now, last, labels };
        let Step::Commit(changes, _) = draw_step(&mut rng, &situation) else { continue };
        now += *rng.pick(&[1, grid.width]);
        for Change { table, key, row, valid } in changes {
            if shapes[table].is_event && row.is_some() {
                labels += 1;
            }
            let (valid_from, valid_to) = valid.unwrap_or((now, i64::MAX));
            tables[table].push(key, Assertion { row, valid_from, valid_to, system_time: now });
        }
    }
    tables
}

#[test]
fn rule_and_versions_agree_at_every_boundary() {
    let mut points = 0;
    for seed in runs("oracle_agrees_with_itself::rule_and_versions", 1, 40) {
        for table in history(seed) {
            let (valid, system) = table.boundaries();
            for t in system.iter().flat_map(|t| [*t, t - 1]) {
                for v in valid.iter().flat_map(|v| [*v, v - 1]) {
                    // `select` itself compares the versions with the rule.
                    table.select(Clause::AsOf(v), Clause::AsOf(t));
                    points += 1;
                }
            }
        }
    }
    assert!(points > 100_000, "{points} points are too few");
}

#[test]
fn at_every_point_at_most_one_version_of_a_key_is_visible() {
    for seed in runs("oracle_agrees_with_itself::at_every_point", 100, 20) {
        for table in history(seed) {
            for (key, _) in table.assertions().keys() {
                let versions = table.versions().history(key);
                for (at, left) in versions.iter().enumerate() {
                    assert!(left.valid_from < left.valid_to && left.system_from < left.system_to);
                    for right in &versions[at + 1..] {
                        let apart = left.valid_to <= right.valid_from
                            || right.valid_to <= left.valid_from
                            || left.system_to <= right.system_from
                            || right.system_to <= left.system_from;
                        assert!(apart, "{left:?} and {right:?} share an instant");
                    }
                }
            }
        }
    }
}
