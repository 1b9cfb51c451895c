//! The workload is the same for ever, and its oracle agrees with the rule of the contract.
//!
//! The stream is hashed and its shares are counted; the rectangles are asked at random instants and
//! at their very bounds, and compared with the rule applied naively: the last assertion with a
//! system time up to T whose valid period contains V.

use annals_bench::workload::positions::{NOW, START, UNBOUNDED, account_name, account_of};
use annals_bench::workload::{
    Answer, Kind, Positions, Probe, Put, Question, Random, Rectangle, Resolver, Size, Truth,
    transaction,
};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

fn positions(keys: u32, versions: u32, transaction_puts: u32) -> Positions {
    Positions::new(Size::new(keys, versions).unwrap().transaction_puts(transaction_puts))
}

fn puts(positions: &Positions) -> Vec<Put> {
    (0..positions.size().put_count()).map(|position| positions.put(position)).collect()
}

/// FNV-1a over the little-endian fields of every put.
fn hash(puts: &[Put]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |number: i64| {
        for byte in number.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for put in puts {
        add(put.key.into());
        add(put.system_from);
        add(put.valid_from);
        add(put.valid_to);
        add(put.values.qty.into());
        add(put.values.price_units.into());
        add(put.values.status.into());
    }
    hash
}

#[test]
fn the_stream_is_the_same_for_ever() {
    // A change of this number makes every figure on record incomparable with those to come.
    assert_eq!(hash(&puts(&positions(100, 10, 100))), 1_223_576_715_165_802_688);
}

#[test]
fn every_key_gets_its_puts_and_system_times_are_even() {
    let positions = positions(50, 20, 100);
    let mut counts = [0; 50];
    for put in puts(&positions) {
        counts[put.key as usize] += 1;
    }
    assert_eq!(counts, [20; 50]);
    assert_eq!(positions.system_time(9), NOW);
    let gaps: Vec<i64> =
        (0..9).map(|t| positions.system_time(t + 1) - positions.system_time(t)).collect();
    let tenth = (NOW - START) / 10;
    assert!(gaps.iter().all(|gap| (gap - tenth).abs() <= 1), "{gaps:?}, expected {tenth} each");
}

#[test]
fn the_shares_and_bounds_of_the_four_kinds_are_as_documented() {
    const DAY: i64 = 86_400_000_000;
    let puts = puts(&positions(1_000, 100, 1_000));
    let mut counts = [0_u32; 4];
    for put in &puts {
        let offset = put.valid_from - put.system_from;
        let length = put.valid_to.saturating_sub(put.valid_from);
        let is_open = put.valid_to == UNBOUNDED;
        let is_bounded = (DAY..90 * DAY).contains(&length);
        let is_right = match put.kind {
            Kind::Ordinary => is_open && (-DAY / 24..=0).contains(&offset),
            Kind::OpenCorrection => is_open && (-730 * DAY..=0).contains(&offset),
            Kind::BoundedCorrection => is_bounded && (-730 * DAY..=0).contains(&offset),
            Kind::Window => is_bounded && (-365 * DAY..182 * DAY).contains(&offset),
        };
        assert!(is_right, "{put:?}");
        counts[put.kind as usize] += 1;
    }
    for (count, share) in counts.iter().zip([0.7, 0.1, 0.1, 0.1]) {
        let found = f64::from(*count) / puts.len() as f64;
        assert!((found - share).abs() < 0.005, "{found} of the puts, expected {share}");
    }
}

#[test]
fn a_transaction_carries_its_puts_in_order() {
    let positions = positions(40, 5, 30);
    let batches: Vec<RecordBatch> = (0..positions.size().transaction_count())
        .map(|t| transaction(&positions, t).unwrap())
        .collect();
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(),
        [30, 30, 30, 30, 30, 30, 20]
    );
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    for ((batch, row), put) in rows.zip(puts(&positions)) {
        let account = account_name(account_of(put.key));
        assert_eq!(account.len(), 20);
        assert_eq!(batch["key"].as_primitive::<Int64Type>().value(row), i64::from(put.key));
        assert_eq!(batch["price"].as_primitive::<Float64Type>().value(row), put.values.price());
        assert_eq!(batch["account"].as_string::<i32>().value(row), account);
        let from = batch["_valid_from"].as_primitive::<TimestampMicrosecondType>();
        assert_eq!(from.value(row), put.valid_from);
        let to = batch["_valid_to"].as_primitive::<TimestampMicrosecondType>();
        let to = to.iter().nth(row).unwrap();
        assert_eq!(to.unwrap_or(UNBOUNDED), put.valid_to);
    }
}

/// The rule of the contract, word for word.
fn naive(puts: &[Put], system: i64, valid: i64) -> Option<Put> {
    let speaks =
        |put: &&Put| put.system_from <= system && put.valid_from <= valid && valid < put.valid_to;
    puts.iter().rfind(speaks).copied()
}

fn check_against_rule(positions: &Positions, seed: u64) {
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let resolver = Resolver::new(positions);
    let mut rectangles = Vec::new();
    for key in 0..positions.size().key_count() {
        resolver.resolve(key, &mut rectangles);
        let puts: Vec<Put> = resolver.puts(key).collect();
        assert!(
            rectangles.iter().all(|r| r.valid_from < r.valid_to && r.system_from < r.system_to)
        );
        let pick = |random: &mut Random| rectangles[random.below(rectangles.len() as u64) as usize];
        for _ in 0..200 {
            let (left, right) = (pick(&mut random), pick(&mut random));
            let systems = [random.between(START, NOW), left.system_from, left.system_from - 1];
            let valids = [
                random.between(START, NOW),
                right.valid_from,
                right.valid_to.saturating_sub(1),
                right.valid_to,
            ];
            let system = systems[random.below(3) as usize];
            let valid = valids[random.below(4) as usize];
            let visible: Vec<&Rectangle> =
                rectangles.iter().filter(|r| r.is_visible(system, valid)).collect();
            let expect = naive(&puts, system, valid);
            assert!(visible.len() <= 1, "key {key} has {visible:?} as of ({system}, {valid})");
            assert_eq!(
                visible.first().map(|rectangle| rectangle.values),
                expect.map(|put| put.values),
                "key {key} as of ({system}, {valid})"
            );
        }
    }
}

#[test]
fn the_last_assertion_wins_at_every_instant() {
    check_against_rule(&positions(60, 20, 10), 1);
}

#[test]
fn the_later_of_two_puts_in_one_transaction_wins() {
    // With fewer keys than puts in a transaction, keys meet themselves in most of them.
    check_against_rule(&positions(7, 90, 60), 2);
}

#[test]
fn the_truth_is_the_sum_of_the_naive_answers() {
    let positions = positions(2_000, 4, 100);
    let truth = Truth::resolve(&positions, |_| Ok(())).unwrap();
    let resolver = Resolver::new(&positions);
    for (question, found) in Question::ALL.iter().zip(&truth.answers) {
        let mut expect = Answer::default();
        for key in 0..positions.size().key_count() {
            let puts: Vec<Put> = resolver.puts(key).collect();
            let put = naive(&puts, question.system, question.valid);
            let wanted = question.account.is_none_or(|account| account == account_of(key));
            if let Some(put) = put.filter(|_| wanted) {
                let group = &mut expect.groups[put.values.status as usize];
                group.count += 1;
                group.qty += i64::from(put.values.qty);
                group.amount_units += i64::from(put.values.price_units) * i64::from(put.values.qty);
            }
        }
        assert_eq!(*found, expect, "{}", question.name);
        assert!(found.row_count() > 0, "{} selects nothing", question.name);
    }
    for probe in &truth.probes {
        let puts: Vec<Put> = resolver.puts(probe.key).collect();
        let expect = naive(&puts, probe.system, probe.valid).map(|put| put.values);
        assert_eq!(truth.get(probe).map(|rectangle| rectangle.values), expect, "{probe:?}");
    }
    assert_eq!(truth.probes, Probe::all(&positions));
}
