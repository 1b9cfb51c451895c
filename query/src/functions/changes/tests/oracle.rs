//! At every valid instant the changes are the difference of the two beliefs there, and neighbours differ in another way. Histories
//! are random, by seed; instants are days, on which every period begins and ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_engine::arrow::array::{
    ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use annals_engine::arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use annals_engine::{Clause, Database, Period, ValidTime};

use super::{changes, database, day, system};

const DAY_COUNT: i64 = 16;

struct Random(u64);

impl Random {
    /// A number below `end` (splitmix64).
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % end as u64) as i64
    }
}

fn write(db: &Database, random: &mut Random, at: i64) {
    let mut tx = db.begin();
    for _ in 0..1 + random.below(3) {
        let (from, length) = (random.below(DAY_COUNT), 1 + random.below(6));
        let name = format!("n{}", random.below(3));
        let amount = [None, Some(1.0), Some(2.0)][random.below(3) as usize];
        let start = (random.below(6) > 0).then_some(day(from));
        let end = (random.below(6) > 0).then_some(day(from + length));
        let instant = |at: Option<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(vec![at]).with_timezone("UTC"))
        };
        let key = [("name", Arc::new(StringArray::from(vec![name])) as ArrayRef)];
        let value = [("amount", Arc::new(Float64Array::from(vec![amount])) as ArrayRef)];
        let period = [("_valid_from", instant(start)), ("_valid_to", instant(end))];
        if random.below(4) == 0 {
            tx.delete("pay", &RecordBatch::try_from_iter(key.into_iter().chain(period)).unwrap())
                .unwrap();
        } else {
            let columns = key.into_iter().chain(value).chain(period);
            tx.put("pay", &RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        }
    }
    tx.system_time(system(at));
    tx.commit().unwrap();
}

/// What is believed at a system instant of each name at a valid instant.
fn belief(db: &Database, at: i64, valid: i64) -> BTreeMap<String, Option<f64>> {
    let scan = db.snapshot().unwrap().scan("pay").unwrap().system(Clause::AsOf(system(at)));
    let scan = scan.valid(Clause::AsOf(ValidTime::from_micros(valid))).columns(["name", "amount"]);
    let mut found = BTreeMap::new();
    for batch in scan.run().unwrap() {
        let batch = batch.unwrap();
        let names = batch.column(0).as_string::<i32>().iter();
        for (name, amount) in names.zip(batch.column(1).as_primitive::<Float64Type>()) {
            found.insert(name.unwrap().to_owned(), amount);
        }
    }
    found
}

/// A change of one name: what was and what is believed; the outer `None` is no row.
type Told = (String, Option<Option<f64>>, Option<Option<f64>>);

fn told(db: &Database, from: i64, to: i64) -> Vec<((i64, i64), Told)> {
    let mut all = Vec::new();
    for batch in changes(db, "pay", from, to, Period::ALL).unwrap() {
        let batch = batch.unwrap();
        let period = |at: usize| batch.column(at).as_primitive::<TimestampMicrosecondType>().iter();
        let amount = |at: usize| batch.column(at).as_primitive::<Float64Type>().iter();
        let words = batch.column(0).as_string::<i32>().iter().flatten();
        let names = batch.column(1).as_string::<i32>().iter().flatten();
        let rows = words.zip(names).zip(period(2).zip(period(3))).zip(amount(4).zip(amount(5)));
        for (((word, name), (from, to)), (old, new)) in rows {
            let old = (word != "added").then_some(old);
            let new = (word != "retracted").then_some(new);
            let period = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
            all.push((period, (name.to_owned(), old, new)));
        }
    }
    all
}

fn check(db: &Database, from: i64, to: i64, seed: u64) {
    let told = told(db, from, to);
    for at in (-1..DAY_COUNT + 8).map(day) {
        let (old, new) = (belief(db, from, at), belief(db, to, at));
        let names: Vec<&String> = old.keys().chain(new.keys()).collect();
        let mut expect: Vec<Told> = names
            .into_iter()
            .filter(|name| old.get(*name) != new.get(*name))
            .map(|name| (name.clone(), old.get(name).copied(), new.get(name).copied()))
            .collect();
        expect.sort_by(|left, right| left.0.cmp(&right.0));
        expect.dedup();
        let valid = told.iter().filter(|((from, to), _)| *from <= at && at < *to);
        let given: Vec<Told> = valid.map(|(_, told)| told.clone()).collect();
        assert_eq!(given, expect, "seed {seed}, {from} to {to}, valid {at}");
    }
    for pair in told.windows(2) {
        let ((_, end), left) = &pair[0];
        let ((start, _), right) = &pair[1];
        assert!(end != start || left != right, "seed {seed}, {from} to {to}: {pair:?}");
    }
}

#[test]
fn changes_are_the_difference_of_two_beliefs() {
    for seed in 0..6 {
        let dir = tempfile::tempdir().unwrap();
        let db = database(dir.path());
        let mut random = Random(seed);
        for at in 1..20 {
            write(&db, &mut random, at);
            if random.below(6) == 0 {
                db.flush().unwrap();
            }
        }
        for (from, to) in [(0, 19), (5, 6), (3, 15), (18, 25), (7, 7)] {
            check(&db, from, to, seed);
        }
    }
}
