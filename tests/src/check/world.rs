//! The same steps on a database and on the model.

use std::collections::{BTreeMap, BTreeSet};

use annals_engine::{Database, ErasureRequest, ErrorKind, Snapshot, SystemTime};

use super::backup::KeptBackup;
use super::{ask, erased_keys, load_ids, write};
use crate::generate::{Change, Grid, Query, Rng, Shape, Situation, Step, draw_query};
use crate::oracle::{Assertion, Table};
use crate::rows::{Cell, Row};
use crate::scratch::Scratch;

/// What a run did, for the line that the suite prints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Puts, deletes and maintenance steps.
    pub operations: usize,
    /// Questions answered.
    pub queries: usize,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.operations += other.operations;
        self.queries += other.queries;
    }
}

/// A snapshot that is kept, and the model as it was then.
struct Pin {
    snapshot: Snapshot,
    shapes: Vec<Shape>,
    tables: Vec<Table>,
    /// Tables in which something was erased since: the snapshot must refuse them.
    refused: BTreeSet<usize>,
}

/// A database and the model of what it holds.
pub struct World {
    pub(super) scratch: Scratch,
    database: Option<Database>,
    pub(super) shapes: Vec<Shape>,
    grid: Grid,
    pub(super) tables: Vec<Table>,
    ids: BTreeMap<i64, i64>,
    labels: i64,
    erased_labels: BTreeSet<i64>,
    last_commit: Option<(i64, u64)>,
    pub(super) answered: i64,
    pins: Vec<Pin>,
    pub(super) backups: Vec<KeptBackup>,
    /// What was done so far.
    pub counts: Counts,
}

impl World {
    /// A fresh database with the given tables.
    pub fn new(scratch: Scratch, shapes: Vec<Shape>, grid: Grid) -> World {
        let database = scratch.open();
        for shape in &shapes {
            database.create_table(shape.spec()).expect("a new table");
        }
        World {
            scratch,
            database: Some(database),
            tables: vec![Table::default(); shapes.len()],
            shapes,
            grid,
            ids: BTreeMap::new(),
            labels: 0,
            erased_labels: BTreeSet::new(),
            last_commit: None,
            answered: i64::MIN,
            pins: Vec::new(),
            backups: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// What the generator has to know for the next step.
    pub fn situation(&self) -> Situation<'_> {
        Situation {
            shapes: &self.shapes,
            grid: self.grid,
            now: self.now(),
            last: self.tables.iter().map(Table::last_system_time).collect(),
            labels: self.labels,
        }
    }

    fn now(&self) -> i64 {
        annals_engine::Clock::now(self.scratch.clock()).micros()
    }

    /// The database.
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("an open database")
    }

    /// Takes a step on both sides.
    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Commit(changes, time) => self.commit(changes, *time),
            Step::Rollback(changes) => self.roll_back(changes),
            Step::SetClock(now) => self.scratch.clock().set(SystemTime::from_micros(*now)),
            Step::Pin => {
                let snapshot = self.snapshot();
                let (shapes, tables) = (self.shapes.clone(), self.tables.clone());
                self.pins.push(Pin { snapshot, shapes, tables, refused: BTreeSet::new() });
            }
            Step::Alter(table, alteration) => {
                let shape = &mut self.shapes[*table];
                let change = alteration.engine(shape);
                let database = self.database.as_ref().expect("an open database");
                database.alter_table(shape.name, &change).expect("a change of a table");
                alteration.change_shape(shape);
                self.tables[*table].change_rows(&|row| alteration.change_row(row));
            }
            Step::Erase(table, keys) => self.erase(*table, keys),
            Step::Index(table, column) => self.toggle_index(*table, column),
            Step::Flush => self.database().flush().expect("a flush"),
            Step::Maintain => {
                self.database().maintain().expect("a step of background work");
            }
            Step::Compact => self.database().compact(&mut |_| ()).expect("a compaction"),
            Step::Reopen => {
                self.pins.clear();
                self.database.take().expect("an open database").close().expect("a clean close");
                self.database = Some(self.scratch.open());
            }
            Step::Crash => {
                self.pins.clear();
                // What was answered is known after a crash from the log and the clock alone: a clock does not go back over it.
                let clock = self.now().max(self.answered);
                self.scratch.clock().set(SystemTime::from_micros(clock));
                drop(self.database.take());
                self.database = Some(self.scratch.open());
                self.snapshot();
            }
        }
        self.counts.operations += match step {
            Step::Commit(changes, _) => changes.len(),
            _ => 1,
        };
    }

    fn commit(&mut self, changes: &[Change], time: Option<i64>) {
        let mut transaction = self.database().begin();
        if let Some(time) = time {
            transaction.system_time(SystemTime::from_micros(time));
        }
        write(&mut transaction, &self.shapes, changes, &self.ids);
        let commit = transaction.commit().expect("a commit");
        let system_time = commit.system_time.micros();
        match time {
            Some(time) => assert_eq!(system_time, time, "an import brings its own system time"),
            None => self.check_own_time(system_time),
        }
        if let Some((_, number)) = self.last_commit {
            assert_eq!(commit.number, number + 1, "commit numbers have no gaps");
        }
        let latest = self.last_commit.map_or(system_time, |(last, _)| last.max(system_time));
        self.last_commit = Some((latest, commit.number));
        assert_changes(&mut self.tables, &self.shapes, changes, system_time);
        self.learn_ids(changes);
    }

    /// A transaction that reads what it has written, and is given up.
    fn roll_back(&mut self, changes: &[Change]) {
        let base = self.snapshot();
        let mut transaction = self.database().begin();
        let (first, rest) = changes.split_at(changes.len() / 2);
        let mut tables = self.tables.clone();
        let mut rng = Rng::new(self.counts.operations as u64);
        for changes in [first, rest] {
            write(&mut transaction, &self.shapes, changes, &self.ids);
            let own = transaction.snapshot(&base).expect("a snapshot of its own writes");
            assert_changes(&mut tables, &self.shapes, changes, own.system_time().micros());
            let events = self.shapes.iter().find(|shape| shape.is_event);
            let ids = events.map(|shape| load_ids(&own, shape)).unwrap_or_default();
            let sides = (&own, &self.shapes[..], &tables[..], &ids);
            self.ask_of(&mut rng, sides, &BTreeSet::new(), 3);
            self.counts.queries += 3;
        }
    }

    fn erase(&mut self, table: usize, keys: &[Row]) {
        let shape = &self.shapes[table];
        let Some(batch) = erased_keys(shape, keys, &self.ids) else { return };
        let request = ErasureRequest::by("the model").reason("a step of a history");
        let erasure = self.database().erase(shape.name, &batch, &request).expect("an erasure");
        let erased_at = erasure.erased_at.micros();
        assert!(erased_at > self.answered, "what was answered before is erased");
        let mut known = 0;
        for key in keys.iter().collect::<BTreeSet<_>>() {
            known += usize::from(self.tables[table].erase(key) > 0);
            self.backups.iter_mut().for_each(|kept| _ = kept.tables[table].erase(key));
            if shape.is_event
                && let Cell::Int(label) = key[0]
                && self.ids.remove(&label).is_some()
            {
                self.erased_labels.insert(label);
            }
        }
        assert!(erasure.keys.len() >= known, "{known} keys had versions: {erasure:?}");
        if erasure.number > 0 {
            for pin in &mut self.pins {
                pin.refused.insert(table);
            }
            self.answered = erased_at;
        }
    }

    /// Makes an index on a column, or drops the one it has: no answer changes by either.
    fn toggle_index(&self, table: usize, column: &str) {
        let (database, table) = (self.database(), self.shapes[table].name);
        let name = format!("{table}_by_{column}");
        let is_there = |index: &annals_engine::IndexStats| index.name == name;
        match database.indexes().expect("the indexes").iter().any(is_there) {
            true => database.drop_index(&name).expect("an index that is there"),
            false => database.create_index(&name, table, column).expect("a new index"),
        }
    }

    /// The engine's own clock: not before the wall clock, after every commit, and after every instant that was answered.
    fn check_own_time(&self, system_time: i64) {
        assert!(system_time >= self.now(), "the system time lies before the clock");
        assert!(system_time > self.answered, "the answer as of an instant already read changed");
        if let Some((last, _)) = self.last_commit {
            assert!(system_time > last, "system time {system_time} after {last}");
        }
    }

    fn learn_ids(&mut self, changes: &[Change]) {
        let is_new = |change: &&Change| change.row.is_some() && self.shapes[change.table].is_event;
        let Some(change) = changes.iter().rev().find(is_new) else { return };
        let Cell::Int(label) = change.key[0] else { panic!("a label is a number") };
        self.labels = label + 1;
        let snapshot = self.database().snapshot().expect("a snapshot");
        self.ids = load_ids(&snapshot, &self.shapes[change.table]);
        let erased_count = self.erased_labels.len();
        assert_eq!((self.ids.len() + erased_count) as i64, self.labels, "every event is there");
    }

    fn snapshot(&mut self) -> Snapshot {
        let snapshot = self.database().snapshot().expect("a snapshot");
        self.answered = self.answered.max(snapshot.system_time().micros());
        snapshot
    }

    /// Asks random questions of the latest state, and of every snapshot that was kept. Panics where an answer differs.
    pub fn ask(&mut self, rng: &mut Rng, count: usize) {
        let snapshot = self.snapshot();
        let none = BTreeSet::new();
        self.ask_of(rng, (&snapshot, &self.shapes, &self.tables, &self.ids), &none, count);
        for pin in &self.pins {
            let sides = (&pin.snapshot, &pin.shapes[..], &pin.tables[..], &self.ids);
            self.ask_of(rng, sides, &pin.refused, count / 4);
        }
        self.counts.queries += count + self.pins.len() * (count / 4);
        // A snapshot keeps old files; a few at a time are enough.
        if self.pins.len() > 2 {
            self.pins.remove(0);
        }
    }

    fn ask_of(&self, rng: &mut Rng, sides: Sides<'_>, refused: &BTreeSet<usize>, count: usize) {
        let (snapshot, shapes, tables, _) = sides;
        let now = snapshot.system_time().micros();
        for _ in 0..count {
            let query = draw_query(rng, shapes, tables, now);
            match refused.contains(&query.table) {
                true => self.check_refused(sides, &query),
                false => self.check(sides, &query),
            }
        }
    }

    /// A snapshot that is older than an erasure refuses every question about the table.
    fn check_refused(&self, (snapshot, shapes, tables, ids): Sides<'_>, query: &Query) {
        let shape = &shapes[query.table];
        let error = snapshot.last_change(shape.name).expect_err("a table that is refused");
        assert_eq!(error.kind(), ErrorKind::Erased, "{error}");
        match ask(snapshot, shapes, tables, ids, query) {
            Err(refused) => assert!(refused.contains("was erased at"), "{query:?}: {refused}"),
            // An event that is not there has no number to ask for.
            Ok(()) => assert!(shape.is_event, "{query:?} was answered"),
        }
    }

    pub(super) fn check(&self, (snapshot, shapes, tables, ids): Sides<'_>, query: &Query) {
        if let Err(difference) = ask(snapshot, shapes, tables, ids, query) {
            let table = shapes[query.table].name;
            let now = snapshot.system_time();
            panic!(
                "table `{table}`, snapshot of {now} ({}): {query:?}\n{difference}",
                now.micros()
            );
        }
    }
}

/// A snapshot, the tables and the model of what it shows, and the hidden keys of events by label.
pub(super) type Sides<'a> = (&'a Snapshot, &'a [Shape], &'a [Table], &'a BTreeMap<i64, i64>);

/// Applies the changes of a transaction to the model.
fn assert_changes(tables: &mut [Table], shapes: &[Shape], changes: &[Change], system_time: i64) {
    for change in changes {
        let (valid_from, valid_to) = change.valid.unwrap_or(match shapes[change.table] {
            Shape { is_event: true, .. } => (system_time, system_time + 1),
            _ => (system_time, i64::MAX),
        });
        let row = change.row.clone();
        let assertion = Assertion { row, valid_from, valid_to, system_time };
        tables[change.table].push(change.key.clone(), assertion);
    }
}
