//! What the contract says of event tables.

use annals_engine::schema::EVENT_ID;
use annals_engine::{
    Clause, Column, DataType, Snapshot, SystemTime, TableSpec, Time, VALID_FROM, Valid,
};
use annals_tests::check::PERIOD_COLUMNS;
use annals_tests::prices::{before, system, valid};
use annals_tests::rows::{Cell, array, batch, rows};
use annals_tests::scratch::Scratch;

/// An account's movements: `movements (amount BIGINT)`.
struct Movements {
    scratch: Scratch,
    database: Option<annals_engine::Database>,
}

impl Movements {
    fn new() -> Movements {
        let scratch = Scratch::new(system("2030-01-01"));
        let database = scratch.open();
        let spec = TableSpec::events("movements").column(Column::new("amount", DataType::BigInt));
        database.create_table(spec).expect("a new table");
        Movements { scratch, database: Some(database) }
    }

    fn database(&self) -> &annals_engine::Database {
        self.database.as_ref().expect("open")
    }

    /// Records an amount that moved at an instant; an empty text leaves the instant to the engine.
    fn record(&self, recorded: &str, amount: i64, occurred: &str) {
        let mut columns = vec![("amount", array(DataType::BigInt, &[&Cell::Int(amount)]))];
        if !occurred.is_empty() {
            let at = Cell::Time(valid(occurred).micros());
            columns.push((VALID_FROM, array(DataType::Timestamp, &[&at])));
        }
        let mut transaction = self.database().begin();
        transaction.system_time(system(recorded));
        transaction.put("movements", &batch(columns)).expect("a put");
        transaction.commit().expect("a commit");
    }

    /// Retracts the movement of an amount.
    fn retract(&self, recorded: &str, amount: i64) {
        let everything = self.rows(Clause::All, &[EVENT_ID, "amount"]);
        let found = everything.iter().find(|row| row[1] == Cell::Int(amount)).expect("the event");
        let mut transaction = self.database().begin();
        transaction.system_time(system(recorded));
        let ids = array(DataType::BigInt, &[&found[0]]);
        transaction.delete("movements", &batch(vec![(EVENT_ID, ids)])).expect("a delete");
        transaction.commit().expect("a commit");
    }

    fn rows(&self, valid: Clause<Valid>, columns: &[&'static str]) -> Vec<Vec<Cell>> {
        rows_of(&self.snapshot(), valid, columns)
    }

    fn snapshot(&self) -> Snapshot {
        self.database().snapshot().expect("a snapshot")
    }

    fn through_maintenance(&mut self, check: impl Fn(&Movements, &str)) {
        check(self, "before any maintenance");
        self.database().flush().expect("a flush");
        check(self, "after a flush");
        self.database().compact(&mut |_| ()).expect("a compaction");
        check(self, "after a compaction");
        drop(self.database.take());
        self.database = Some(self.scratch.open());
        check(self, "after a crash");
    }
}

fn rows_of(snapshot: &Snapshot, valid: Clause<Valid>, columns: &[&'static str]) -> Vec<Vec<Cell>> {
    let scan = snapshot.scan("movements").expect("the table").valid(valid);
    let scan = scan.columns(columns.iter().copied()).run().expect("a scan");
    let mut found: Vec<_> = scan.flat_map(|batch| rows(&batch.unwrap(), columns)).collect();
    found.sort();
    found
}

fn amounts(movements: &Movements, clause: Clause<Valid>) -> Vec<Cell> {
    movements.rows(clause, &["amount"]).into_iter().flatten().collect()
}

fn at(text: &str) -> Time<Valid> {
    valid(text)
}

#[test]
fn an_event_is_valid_at_the_microsecond_it_occurred() {
    let mut movements = Movements::new();
    movements.record("2024-06-01", 5, "2024-03-01");
    movements.through_maintenance(|movements, when| {
        let seen = |instant: &str| amounts(movements, Clause::AsOf(at(instant)));
        assert_eq!(seen(&before("2024-03-01")), [], "{when}");
        assert_eq!(seen("2024-03-01"), [Cell::Int(5)], "{when}");
        assert_eq!(seen("2024-03-01T00:00:00.000001Z"), [], "{when}");
        let periods = movements.rows(Clause::All, &PERIOD_COLUMNS);
        let occurred = at("2024-03-01").micros();
        let recorded = system("2024-06-01").micros();
        assert_eq!(
            periods,
            [[Cell::Time(occurred), Cell::Time(occurred + 1), Cell::Time(recorded), Cell::Null]],
            "{when}"
        );
    });
}

#[test]
fn an_event_without_an_instant_occurred_at_its_system_time() {
    let movements = Movements::new();
    movements.record("2024-06-01", 5, "");
    assert_eq!(amounts(&movements, Clause::AsOf(at("2024-06-01"))), [Cell::Int(5)]);
}

#[test]
fn events_never_supersede_one_another() {
    let mut movements = Movements::new();
    movements.record("2024-06-01", 5, "2024-03-01");
    movements.record("2024-06-02", 5, "2024-03-01");
    movements.record("2024-06-03", 7, "2024-03-01");
    movements.through_maintenance(|movements, when| {
        let all = [Cell::Int(5), Cell::Int(5), Cell::Int(7)];
        assert_eq!(amounts(movements, Clause::All), all, "{when}");
        assert_eq!(amounts(movements, Clause::AsOf(at("2024-03-01"))), all, "{when}");
    });
}

#[test]
fn a_retraction_closes_the_system_period() {
    let mut movements = Movements::new();
    movements.record("2024-06-01", 5, "2024-03-01");
    movements.record("2024-06-02", 7, "2024-03-01");
    movements.retract("2024-06-03", 5);
    movements.through_maintenance(|movements, when| {
        let believed = |recorded: SystemTime| {
            let snapshot = movements.snapshot();
            let scan = snapshot.scan("movements").unwrap().columns(["amount"]);
            let found = scan.system(Clause::AsOf(recorded)).run().unwrap();
            let mut found: Vec<_> =
                found.flat_map(|batch| rows(&batch.unwrap(), &["amount"])).flatten().collect();
            found.sort();
            found
        };
        assert_eq!(amounts(movements, Clause::All), [Cell::Int(7)], "{when}");
        assert_eq!(believed(system("2024-06-03")), [Cell::Int(7)], "{when}");
        let both = [Cell::Int(5), Cell::Int(7)];
        assert_eq!(believed(system(&before("2024-06-03"))), both, "{when}");
        assert_eq!(believed(system(&before("2024-06-02"))), [Cell::Int(5)], "{when}");
    });
}

#[test]
fn a_read_without_a_valid_clause_shows_all_of_valid_time() {
    let movements = Movements::new();
    movements.record("2024-06-01", 5, "2024-03-01");
    movements.record("2024-06-02", 7, "2099-03-01");
    let snapshot = movements.snapshot();
    let scan = snapshot.scan("movements").unwrap().columns(["amount"]);
    let found: usize = scan.run().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(found, 2);
}

#[test]
fn a_balance_is_a_sum_over_the_events_up_to_v_as_believed_at_t() {
    let mut movements = Movements::new();
    movements.record("2024-03-01", 100, "2024-03-01");
    movements.record("2024-04-01", -30, "2024-04-01");
    movements.record("2024-06-01", -20, "2024-03-15"); // recorded late
    movements.retract("2024-07-01", -30);
    movements.through_maintenance(|movements, when| {
        let balance = |holds: &str, recorded: &str| -> i64 {
            let snapshot = movements.snapshot();
            let scan = snapshot.scan("movements").unwrap().columns(["amount"]);
            let scan = scan.valid(Clause::Between(Time::MIN, at(holds)));
            let scan = scan.system(Clause::AsOf(system(recorded))).run().unwrap();
            let cells = scan.flat_map(|batch| rows(&batch.unwrap(), &["amount"])).flatten();
            cells.map(|cell| if let Cell::Int(amount) = cell { amount } else { 0 }).sum()
        };
        assert_eq!(balance("2024-04-01", "2024-05-01"), 70, "{when}");
        assert_eq!(balance(&before("2024-04-01"), "2024-05-01"), 100, "{when}");
        assert_eq!(balance("2024-04-01", "2024-06-01"), 50, "{when}");
        assert_eq!(balance("2024-04-01", "2024-07-01"), 80, "{when}");
    });
}
