//! The same statements on a database and on the model.
//!
//! The clock stands still while a statement runs, so that the model knows the system time of its
//! commit: the first instant after the present of the snapshot that it began with.

use annals_engine::{Clock, Database, ErrorKind, SystemTime, ValidTime};
use annals_tests::generate::{Grid, Rng, Shape};
use annals_tests::oracle::{Clause, Table};
use annals_tests::rows::Cell;
use annals_tests::scratch::Scratch;

use super::apply::apply;
use super::change::Change;
use super::draw::{Situation, draw_change};
use super::look_up;
use super::question::{Side, compare, draw_batch};
use super::text::{self, Instants};
use crate::session::Client;

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) statements: usize,
    pub(super) refused: usize,
    pub(super) questions: usize,
}

/// A database and the model of what it holds.
pub(super) struct World {
    scratch: Scratch,
    client: Option<Client>,
    shapes: Vec<Shape>,
    grid: Grid,
    tables: Vec<Table>,
    label: i64,
    pub(super) counts: Counts,
}

impl World {
    pub(super) fn new(scratch: Scratch, shapes: Vec<Shape>, grid: Grid) -> World {
        let mut client = Client::new(scratch.open());
        for shape in &shapes {
            client.run(&text::create_table(shape)).expect("a new table");
            // Of the columns behind the first every other one, so that some conditions have an index and some have none.
            for column in shape.indexable().into_iter().skip(1).step_by(2) {
                let sql = format!("CREATE INDEX {0}_{column} ON {0} ({column})", shape.name);
                client.run(&sql).expect("a new index");
            }
        }
        let tables = vec![Table::default(); shapes.len()];
        let counts = Counts::default();
        World { scratch, client: Some(client), shapes, grid, tables, label: 0, counts }
    }

    fn client(&mut self) -> &mut Client {
        self.client.as_mut().expect("an open database")
    }

    fn database(&mut self) -> &Database {
        self.client().database()
    }

    /// Takes a random step on both sides.
    pub(super) fn step(&mut self, rng: &mut Rng) {
        match rng.weighted(&[520, 240, 40, 100, 14, 14, 3, 3, 3]) {
            0 => self.run_alone(rng),
            1 => self.transact(rng),
            2 => self.be_refused(rng),
            3 => {
                let width = self.grid.width;
                let step = SystemTime::from_micros(self.clock() + rng.within(0..=2) * width + 1);
                self.scratch.clock().set(step);
            }
            4 => self.flush(),
            5 => {
                self.database().maintain().expect("a step of background work");
            }
            6 => self.compact(),
            7 => self.reopen(),
            _ => self.crash(),
        }
    }

    pub(super) fn flush(&mut self) {
        self.database().flush().expect("a flush");
    }

    pub(super) fn compact(&mut self) {
        self.database().compact(&mut |_| ()).expect("a compaction");
    }

    pub(super) fn reopen(&mut self) {
        let client = self.client.take().expect("an open database");
        let database = client.database().clone();
        drop(client);
        database.close().expect("a clean close");
        self.client = Some(Client::new(self.scratch.open()));
    }

    pub(super) fn crash(&mut self) {
        drop(self.client.take());
        self.client = Some(Client::new(self.scratch.open()));
    }

    fn clock(&self) -> i64 {
        self.scratch.clock().now().micros()
    }

    /// The present, as the next statement will see it.
    fn now(&mut self) -> i64 {
        self.database().snapshot().expect("a snapshot").system_time().micros()
    }

    fn draw(&self, rng: &mut Rng, tables: &[Table], now: i64) -> Change {
        let (shapes, grid, label) = (&self.shapes, self.grid, self.label);
        draw_change(rng, &Situation { shapes, tables, grid, now, label })
    }

    /// A statement outside a transaction.
    fn run_alone(&mut self, rng: &mut Rng) {
        let now = self.now();
        let mut tables = self.tables.clone();
        let change = self.draw(rng, &tables, now);
        if self.change(rng, &change, &mut tables, now, now + 1).is_ok() {
            self.keep(tables);
        }
    }

    /// Runs a change on both sides. Panics where they differ in whether it is refused, or in the
    /// rows it concerns.
    fn change(
        &mut self,
        rng: &mut Rng,
        change: &Change,
        tables: &mut [Table],
        now: i64,
        system_time: i64,
    ) -> Result<u64, ErrorKind> {
        let shape = self.shapes[change.table].clone();
        let mut instants =
            Instants { takes_parameters: rng.chance(30), now, ..Instants::default() };
        let sql = change.text(rng, &shape, &mut instants);
        let found = self.client().run_with(&sql, &instants.parameters);
        let expected = apply(change, &shape, &mut tables[change.table], system_time);
        self.counts.statements += 1;
        match (&found, expected) {
            (Ok(gathered), Ok(count)) => {
                assert_eq!(gathered.outcome.row_count, count, "rows of {sql}");
                if let Some(commit) = gathered.outcome.commit {
                    assert_eq!(commit.system_time.micros(), system_time, "of {sql}");
                    assert!(count > 0, "nothing was changed by {sql}");
                }
            }
            (Err(error), Err(kind)) if error.kind() == kind => self.counts.refused += 1,
            (found, _) => {
                let found = found.as_ref().map(|gathered| gathered.outcome.row_count);
                let now = SystemTime::from_micros(now);
                panic!("{found:?} but expected {expected:?}, now {now}, of {sql}\n{change:?}")
            }
        }
        expected
    }

    /// The model after a commit.
    fn keep(&mut self, tables: Vec<Table>) {
        self.tables = tables;
        let events = self.shapes.iter().zip(&self.tables).filter(|(shape, _)| shape.is_event);
        let labels =
            events.flat_map(|(_, table)| table.assertions().keys().map(|(key, _)| &key[0]));
        let last = labels.filter_map(|cell| match cell {
            Cell::Int(label) => Some(*label),
            _ => None,
        });
        self.label = last.max().map_or(0, |last| last + 1);
    }

    /// Some statements between BEGIN and COMMIT or ROLLBACK, on the engine's clock or with a system
    /// time of their own.
    fn transact(&mut self, rng: &mut Rng) {
        let now = self.now();
        let own = rng.chance(45).then(|| self.draw_own_time(rng));
        let begin = match own {
            Some(own) => {
                let own = SystemTime::from_micros(own);
                format!("BEGIN WITH (SYSTEM_TIME = TIMESTAMP '{own}')")
            }
            None => "BEGIN".to_owned(),
        };
        let system_time = own.unwrap_or(now + 1);
        self.client().run(&begin).expect("a transaction");
        let mut tables = self.tables.clone();
        let mut present = now;
        for _ in 0..rng.within(1..=5) {
            let before = self.label;
            let change = self.draw(rng, &tables, present);
            let is_late = self.is_late(&change, own);
            if is_late {
                return self.be_late(rng, &change, present);
            }
            match self.change(rng, &change, &mut tables, present, system_time) {
                Ok(0) => (),
                // Its own rows are believed from the instant that the commit will have.
                Ok(_) => present = present.max(system_time),
                Err(_) => return self.give_up(),
            }
            self.label = before + 3;
            if rng.chance(25) && !self.assert(rng, &tables, present) {
                return self.give_up();
            }
            if rng.chance(30) {
                self.ask(rng, &tables.clone(), present, 1);
            }
        }
        if rng.chance(15) {
            self.client().run("ROLLBACK").expect("a rollback");
            self.keep(self.tables.clone());
            return;
        }
        let done = self.client().run("COMMIT").expect("a commit").outcome;
        if let Some(commit) = done.commit {
            assert_eq!(commit.system_time.micros(), system_time, "the system time of {begin}");
        }
        self.keep(tables);
    }

    fn draw_own_time(&self, rng: &mut Rng) -> i64 {
        let last = self.tables.iter().filter_map(Table::last_system_time).max();
        let last = last.unwrap_or(self.grid.start);
        match rng.below(8) {
            0 => last,
            1 => last + 1,
            2 => rng.within(last - 5..=last + 1),
            _ => rng.within(last.min(self.clock())..=self.clock()),
        }
    }

    /// Whether a change must be refused because its system time is not after the last one of its
    /// table, or after the present.
    fn is_late(&self, change: &Change, own: Option<i64>) -> bool {
        let last = self.tables[change.table].last_system_time().unwrap_or(i64::MIN);
        own.is_some_and(|own| own <= last || own > self.clock())
    }

    /// A change at a system time that its table is past: refused at the latest when it is
    /// committed.
    fn be_late(&mut self, rng: &mut Rng, change: &Change, now: i64) {
        let shape = self.shapes[change.table].clone();
        let sql = change.text(rng, &shape, &mut Instants { now, ..Instants::default() });
        match self.client().run(&sql) {
            Err(_) => return self.give_up(),
            // It changed nothing, so that there is nothing to refuse.
            Ok(gathered) if gathered.outcome.row_count == 0 => {
                self.client().run("ROLLBACK").expect("a rollback");
            }
            Ok(_) => {
                let error =
                    self.client().run("COMMIT").map(|_| sql).expect_err("system time goes back");
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                self.counts.refused += 1;
            }
        }
        self.keep(self.tables.clone());
    }

    /// After a statement that was refused nothing but ROLLBACK is left.
    fn give_up(&mut self) {
        for sql in ["SELECT 1", "COMMIT"] {
            // COMMIT ends the transaction, though it commits nothing.
            let error = self.client().run(sql).map(|_| ()).expect_err("the transaction has failed");
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        }
        self.keep(self.tables.clone());
    }

    /// An assertion that holds, or now and then one that does not; whether it held.
    fn assert(&mut self, rng: &mut Rng, tables: &[Table], now: i64) -> bool {
        let at = rng.below(self.shapes.len());
        let shape = self.shapes[at].clone();
        let valid = if shape.is_event { Clause::All } else { Clause::AsOf(now) };
        let count = tables[at].select(valid, Clause::AsOf(now)).len();
        let wrong = usize::from(rng.chance(10));
        let sql = format!("ASSERT (SELECT count(*) FROM {}) = {}", shape.name, count + wrong);
        match self.client().run(&sql) {
            Ok(_) => assert_eq!(wrong, 0, "{sql} does not hold"),
            Err(error) => {
                assert_eq!((wrong, error.kind()), (1, ErrorKind::Conflict), "{error}, of {sql}");
            }
        }
        wrong == 0
    }

    /// A statement that means nothing: refused, and nothing is changed.
    fn be_refused(&mut self, rng: &mut Rng) {
        let later = ValidTime::from_micros(self.now() + 1_000_000);
        let refused = [
            "UPDATE accounts FOR PORTION OF VALID_TIME FROM DATE '2024-02-01' TO DATE '2024-02-01' SET amount = 1",
            "DELETE FROM accounts FOR PORTION OF VALID_TIME FROM DATE '2024-02-01' TO DATE '2024-01-01'",
            "UPSERT INTO accounts (id, _valid_from, _valid_to) VALUES (1, DATE '2024-02-01', DATE '2024-01-01')",
            "INSERT INTO accounts (id) VALUES (NULL)",
            "UPSERT INTO stock (sku, place) VALUES ('x', 1)",
            "UPDATE accounts SET id = 3",
            "UPDATE readings SET level = 1",
            "UPDATE accounts FOR SYSTEM_TIME AS OF now() SET amount = 1",
            "UPDATE accounts SET amount = 1, amount = 2",
            "UPDATE accounts FOR ALL VALID_TIME SET nothing = 1",
            "DELETE FROM accounts WHERE nothing = 1",
            "DELETE FROM nothing",
            "SELECT * FROM accounts FOR VALID_TIME AS OF NULL",
            "SELECT * FROM accounts FOR SYSTEM_TIME FROM DATE '2024-02-01' TO DATE '2024-02-01'",
            "SELECT * FROM accounts FOR VALID_TIME BETWEEN DATE '2024-02-01' AND DATE '2024-01-01'",
            "COMMIT",
            "ROLLBACK",
            &format!("SELECT * FROM accounts FOR SYSTEM_TIME AS OF '{later}'"),
            &format!("SETTING SYSTEM_TIME AS OF '{later}' SELECT * FROM accounts"),
        ];
        let sql = *rng.pick(&refused);
        match self.client().run(sql) {
            Ok(_) => panic!("was not refused: {sql}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{error}, of {sql}"),
        }
        self.counts.refused += 1;
    }

    /// Asks `count` batches of random questions of the latest state.
    pub(super) fn ask_now(&mut self, rng: &mut Rng, count: usize) {
        let now = self.now();
        self.ask(rng, &self.tables.clone(), now, count);
    }

    fn ask(&mut self, rng: &mut Rng, tables: &[Table], now: i64, count: usize) {
        let shapes = self.shapes.clone();
        for _ in 0..count {
            let batch = draw_batch(rng, &Side { shapes: &shapes, tables, now });
            let (sql, present) = (&batch.sql, SystemTime::from_micros(now));
            let found = self.client().run_with(sql, &batch.parameters);
            let gathered = found.unwrap_or_else(|error| panic!("{error}, now {present}, of {sql}"));
            if let Err(difference) = batch.compare(gathered.rows) {
                panic!("now {present}, {:?}, of {sql}\n{difference}", batch.parameters);
            }
            if let Some(read_at) = gathered.outcome.system_time {
                assert_eq!(read_at.micros(), now, "the instant that {sql} was read at");
            }
            self.counts.questions += batch.question_count;
            for _ in 0..4 {
                let (sql, expected) = look_up::draw(rng, &Side { shapes: &shapes, tables, now });
                let found = self.client().ask(&sql);
                if let Err(difference) = compare(found, expected) {
                    panic!("now {present}, of {sql}\n{difference}");
                }
                self.counts.questions += 1;
            }
        }
    }
}
