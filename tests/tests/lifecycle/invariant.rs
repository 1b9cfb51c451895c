//! Random histories with random departures, against the model of the contract.
//!
//! As of instants from the end of the last departed partition on, every answer is that of the model. Any other is that of the model, or
//! an error that names a partition. Ranges are the model's without what has left. A write is refused if and only if it would make or
//! change a version in a sealed range, as far as anybody can still know what lies there.

use std::collections::BTreeSet;

use annals_engine::{
    Clause, Column, DataType, Database, Error, ErrorKind, Partition, PartitionWidth, SystemTime,
    TableSpec, VALID_FROM, VALID_TO, ValidTime,
};
use annals_tests::check::PERIOD_COLUMNS;
use annals_tests::generate::{Rng, runs};
use annals_tests::oracle::{Assertion, Table, Version};
use annals_tests::rows::{Cell, Row, array, batch, rows};
use annals_tests::scratch::Scratch;

use super::stories::BY;

const DAY: i64 = 86_400_000_000;
const KEY_COUNT: usize = 5;
/// 2024-01-01.
const START: i64 = 19_723 * DAY;
const DAY_COUNT: i64 = 300;

/// Key, values of a put, valid period.
type Asserted = (Row, Option<Row>, i64, i64);

struct World {
    rng: Rng,
    scratch: Scratch,
    database: Option<Database>,
    model: Table,
    detached: BTreeSet<Partition>,
    dropped: BTreeSet<Partition>,
    next_value: i64,
    asked: usize,
    refused: usize,
    missing: usize,
}

fn instant(rng: &mut Rng) -> i64 {
    // Boundaries of months are met often, and so are their neighbours.
    let month = rng.within(0..=10);
    let boundary = Partition::parse(&format!("2024-{:02}", month + 1)).unwrap().from_us();
    match rng.below(4) {
        0 => boundary,
        1 => boundary + rng.within(-1..=1),
        _ => START + rng.within(0..=DAY_COUNT) * DAY,
    }
}

fn period(rng: &mut Rng) -> (i64, i64) {
    loop {
        let from = if rng.chance(10) { i64::MIN } else { instant(rng) };
        let to = if rng.chance(50) { i64::MAX } else { instant(rng) };
        if from < to {
            return (from, to);
        }
    }
}

fn row_of(key: usize, value: i64) -> Row {
    vec![Cell::Int(key as i64), Cell::Int(value)]
}

impl World {
    fn new(seed: u64) -> World {
        let start = SystemTime::from_micros(START);
        let scratch = Scratch::in_memory(start).memtable_bytes(1 << 14);
        let database = scratch.open();
        let spec = TableSpec::keyed("t", ["k"])
            .column(Column::new("k", DataType::BigInt))
            .column(Column::new("v", DataType::BigInt))
            .partition_by(PartitionWidth::Month);
        database.create_table(spec).unwrap();
        World {
            rng: Rng::new(seed),
            scratch,
            database: Some(database),
            model: Table::default(),
            detached: BTreeSet::new(),
            dropped: BTreeSet::new(),
            next_value: 0,
            asked: 0,
            refused: 0,
            missing: 0,
        }
    }

    fn database(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    fn now(&self) -> i64 {
        use annals_engine::Clock;
        self.scratch.clock().now().micros()
    }

    fn is_sealed(&self, end: i64) -> bool {
        self.detached.iter().chain(&self.dropped).any(|partition| partition.holds_end(end))
    }

    /// The model's versions that lie in sealed ranges.
    fn sealed_versions(&self, model: &Table, ranges: &BTreeSet<Partition>) -> Vec<Version> {
        let end = |version: &Version| version.valid_to.min(version.system_to);
        let lies = |v: &&Version| ranges.iter().any(|partition| partition.holds_end(end(v)));
        let mut found: Vec<Version> = model.versions().all().filter(lies).cloned().collect();
        found.sort();
        found
    }

    fn write(&mut self) {
        let count = self.rng.within(1..=3);
        let mut transaction = self.database().begin();
        let mut assertions = Vec::new();
        for _ in 0..count {
            let is_put = self.rng.chance(75);
            let row_count = if self.rng.chance(25) { 2 } else { 1 };
            let mut own: Vec<Asserted> = Vec::new();
            for _ in 0..row_count {
                let key = self.rng.below(KEY_COUNT);
                let (from, to) = period(&mut self.rng);
                self.next_value += 1;
                let row = row_of(key, self.next_value);
                own.push((row[..1].to_vec(), Some(row), from, to));
            }
            let column = |data_type, cell: &dyn Fn(&Asserted) -> Cell| {
                let cells: Vec<Cell> = own.iter().map(cell).collect();
                array(data_type, &cells.iter().collect::<Vec<_>>())
            };
            let value = |asserted: &Asserted| asserted.1.as_ref().unwrap()[1].clone();
            let mut columns = vec![("k", column(DataType::BigInt, &|a| a.0[0].clone()))];
            if is_put {
                columns.push(("v", column(DataType::BigInt, &value)));
            }
            columns.push((VALID_FROM, column(DataType::Timestamp, &|a| Cell::bound(a.2))));
            columns.push((VALID_TO, column(DataType::Timestamp, &|a| Cell::bound(a.3))));
            let rows = batch(columns);
            let staged = match is_put {
                true => transaction.put("t", &rows),
                false => transaction.delete("t", &rows),
            };
            staged.unwrap();
            let kept =
                own.into_iter().map(|(key, row, from, to)| (key, row.filter(|_| is_put), from, to));
            assertions.extend(kept);
        }
        // Some bring a time of their own, which may lie in a sealed range.
        let last = self.model.last_system_time().unwrap_or(START);
        let has_own = self.rng.chance(30) && last + 1 < self.now();
        let own = has_own.then(|| self.rng.within(last + 1..=self.now()));
        if let Some(at) = own {
            transaction.system_time(SystemTime::from_micros(at));
        }
        self.commit(transaction, own, &assertions);
    }

    fn commit(
        &mut self,
        transaction: annals_engine::Transaction,
        own: Option<i64>,
        assertions: &[Asserted],
    ) {
        let apply = |model: &mut Table, system_time: i64| {
            for (key, row, valid_from, valid_to) in assertions.iter().cloned() {
                model.push(key, Assertion { row, valid_from, valid_to, system_time });
            }
        };
        let all: BTreeSet<Partition> = self.detached.union(&self.dropped).copied().collect();
        match transaction.commit() {
            Ok(commit) => {
                let before = self.sealed_versions(&self.model, &self.detached);
                apply(&mut self.model, commit.system_time.micros());
                let after = self.sealed_versions(&self.model, &self.detached);
                // What was dropped would have gone on, and nobody knows how.
                let is_known = self.dropped.is_empty();
                assert!(!is_known || before == after, "a write changed what is detached");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Sealed, "{error}");
                self.refused += 1;
                let mut model = self.model.clone();
                apply(&mut model, own.unwrap_or_else(|| self.now() + DAY));
                let changes =
                    self.sealed_versions(&self.model, &all) != self.sealed_versions(&model, &all);
                // Statements of one transaction may take back what is refused of an earlier one.
                assert!(changes || assertions.len() > 1, "refused without need: {error}");
            }
        }
    }

    fn step(&mut self) {
        let weights = [60, 8, 4, 6, 4, 14, 5, 8];
        match self.rng.weighted(&weights) {
            0 => self.write(),
            1 => self.database().flush().unwrap(),
            2 => self.database().compact(&mut |_| ()).unwrap(),
            3 => drop(self.database().maintain().unwrap()),
            4 => {
                drop(self.database.take());
                self.database = Some(self.scratch.open());
            }
            5 => self.depart(false),
            6 => self.depart(true),
            _ => self.attach(),
        }
        let advance = self.rng.within(0..=9 * DAY);
        self.scratch.clock().advance(advance);
    }

    fn depart(&mut self, is_drop: bool) {
        let month = self.rng.within(1..=12);
        let partition = Partition::parse(&format!("2024-{month:02}")).unwrap();
        let own = BTreeSet::from([partition]);
        let expected = self.sealed_versions(&self.model, &own).len() as u64;
        let result = match is_drop {
            true => self.database().drop_partitions("t", &[partition], BY),
            false => self.database().detach_partitions("t", &[partition], BY),
        };
        let was_detached = self.detached.contains(&partition);
        match result {
            Ok(changes) => {
                assert!(partition.to_us() <= self.now());
                if self.dropped.is_empty() {
                    assert_eq!(changes[0].row_count, expected, "{partition}");
                }
                assert!(changes[0].row_count <= expected);
                self.detached.remove(&partition);
                let target = if is_drop { &mut self.dropped } else { &mut self.detached };
                target.insert(partition);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                let is_empty = !self.dropped.is_empty() || expected == 0;
                let is_gone = self.is_sealed(partition.to_us());
                assert!(
                    is_empty || is_gone || partition.to_us() > self.now(),
                    "{partition}: {error}"
                );
                assert!(!(was_detached && is_drop), "{partition}: {error}");
            }
        }
    }

    fn attach(&mut self) {
        let all: Vec<Partition> = self.detached.iter().copied().collect();
        if all.is_empty() {
            return;
        }
        let partition = *self.rng.pick(&all);
        self.database().attach_partition("t", partition, None, BY).unwrap();
        self.detached.remove(&partition);
    }

    fn ask(&mut self, count: usize) {
        let last = self.detached.iter().chain(&self.dropped).map(Partition::to_us).max();
        let horizon = last.unwrap_or(i64::MIN);
        let snapshot = self.database().snapshot().unwrap();
        let now = snapshot.system_time().micros();
        for _ in 0..count {
            let valid = instant(&mut self.rng);
            let system = instant(&mut self.rng).min(now);
            let scan = snapshot
                .scan("t")
                .unwrap()
                .valid(Clause::AsOf(ValidTime::from_micros(valid)))
                .system(Clause::AsOf(SystemTime::from_micros(system)));
            self.asked += 1;
            let read = || -> Result<Vec<Row>, Error> {
                let mut found = Vec::new();
                for batch in scan.run()? {
                    found.extend(rows(&batch?, &["k", "v"]));
                }
                found.sort();
                Ok(found)
            };
            let expected: Vec<Row> =
                self.model.assertions().snapshot(system, valid).into_iter().cloned().collect();
            match read() {
                Ok(found) => assert_eq!(found, expected, "as of ({system}, {valid})"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
                    assert!(error.to_string().contains("partition 2024-"), "{error}");
                    assert!(
                        system < horizon || valid < horizon,
                        "after the last partition: {error}"
                    );
                    self.missing += 1;
                }
            }
        }
        self.ask_everything(&snapshot);
    }

    /// All versions there are, rectangle by rectangle.
    fn ask_everything(&mut self, snapshot: &annals_engine::Snapshot) {
        let names = [&["k", "v"][..], &PERIOD_COLUMNS].concat();
        let scan = snapshot.scan("t").unwrap().valid(Clause::All).system(Clause::All);
        let scan = scan.columns(names.iter().copied()).run().unwrap();
        let missing: BTreeSet<String> =
            scan.missing().iter().map(|missing| missing.partition.clone()).collect();
        let out = self.detached.iter().chain(&self.dropped);
        assert_eq!(missing, out.map(Partition::name).collect());
        let mut found: Vec<Row> = Vec::new();
        scan.for_each(|batch| found.extend(rows(&batch.unwrap(), &names)));
        found.sort();
        let whole = |v: &Version| [v.row.clone(), v.periods().to_vec()].concat();
        let end = |version: &Version| version.valid_to.min(version.system_to);
        let left = self.model.versions().all().filter(|version| !self.is_sealed(end(version)));
        let mut expected: Vec<Row> = left.map(whole).collect();
        expected.sort();
        if self.dropped.is_empty() {
            assert_eq!(found, expected);
        } else {
            // Of what was dropped, parts would have gone on elsewhere.
            let expected: BTreeSet<Row> = expected.into_iter().collect();
            assert!(found.iter().all(|row| expected.contains(row)));
        }
    }
}

#[test]
fn what_leaves_changes_no_later_answer_and_no_other_silently() {
    let (mut asked, mut refused, mut missing) = (0, 0, 0);
    for seed in runs("lifecycle::what_leaves_changes_no_later_answer", 1, 60) {
        let mut world = World::new(seed);
        // Half of the runs drop nothing, so that everything can be held against the model to the row.
        let may_drop = seed % 2 == 0;
        for _ in 0..60 {
            match may_drop {
                true => world.step(),
                false => world.step_without_drop(),
            }
            world.ask(8);
        }
        if !may_drop {
            while !world.detached.is_empty() {
                world.attach();
            }
            world.ask(100);
            assert_eq!(
                world
                    .database()
                    .partitions()
                    .unwrap()
                    .iter()
                    .filter(|p| p.state != annals_engine::PartitionState::Live)
                    .count(),
                0
            );
        }
        (asked, refused) = (asked + world.asked, refused + world.refused);
        missing += world.missing;
    }
    println!("{asked} questions, {missing} of them refused, {refused} writes refused");
    assert!(asked >= 20_000 && missing > 1_000 && refused > 100, "{asked} {missing} {refused}");
}

impl World {
    fn step_without_drop(&mut self) {
        let before = self.rng.clone();
        if before.clone().weighted(&[60, 8, 4, 6, 4, 14, 5, 8]) == 6 {
            self.rng.bits();
            return self.depart(false);
        }
        self.step();
    }
}
