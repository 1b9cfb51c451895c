//! The harness runs whole on a tiny size, and the engine's answers are the truth: after the import,
//! compacted and reopened.

use annals_bench::measure;
use annals_bench::workload::{Positions, Question, Size, TABLE, Truth, table_spec, transaction};
use annals_engine::{Database, Options, SystemTime};

#[test]
fn a_tiny_run_is_answered_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("positions");
    let positions = Positions::new(Size::new(300, 12).unwrap().transaction_puts(100));
    let figures = measure::import(&positions, &dir).unwrap();
    assert!(figures.ingest.puts_per_second > 0.0 && figures.ingest.last_tenth_share() > 0.0);
    let again = measure::import_again(&positions, &dir.with_file_name("again")).unwrap();
    assert!(again.puts_per_second > 0.0 && again.last_tenth_share() > 0.0);

    let truth = Truth::resolve(&positions, |_| Ok(())).unwrap();
    for (question, answer) in Question::ALL.iter().zip(&truth.answers) {
        let figures = measure::scan(&dir, question, answer).unwrap();
        assert_eq!(figures.row_count, answer.row_count());
    }
    measure::get(&dir, &truth).unwrap();
    measure::history(&dir, &truth).unwrap();
    measure::open(&dir).unwrap();
}

#[test]
fn what_is_flushed_cuts_the_rows_of_every_block_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("positions");
    let positions = Positions::new(Size::new(6_000, 4).unwrap());
    let database = Database::open(&dir, Options::default().background(false)).unwrap();
    database.create_table(table_spec()).unwrap();
    for number in 0..positions.size().transaction_count() {
        let mut next = database.begin();
        next.put(TABLE, &transaction(&positions, number).unwrap()).unwrap();
        next.system_time(SystemTime::from_micros(positions.system_time(number)));
        next.commit().unwrap();
        if number % 8 == 7 {
            database.flush().unwrap();
        }
    }
    database.close().unwrap();

    let truth = Truth::resolve(&positions, |_| Ok(())).unwrap();
    for (question, answer) in Question::ALL.iter().zip(&truth.answers) {
        measure::scan(&dir, question, answer).unwrap();
    }
    measure::get(&dir, &truth).unwrap();
    measure::history(&dir, &truth).unwrap();
}

#[test]
fn a_wrong_answer_stops_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("positions");
    let positions = Positions::new(Size::new(50, 4).unwrap().transaction_puts(20));
    measure::import(&positions, &dir).unwrap();

    // The truth of other data: fewer keys, shuffled otherwise.
    let others = Positions::new(Size::new(40, 5).unwrap().transaction_puts(20));
    let truth = Truth::resolve(&others, |_| Ok(())).unwrap();
    let refused =
        measure::scan(&dir, &Question::ALL[0], &truth.answers[0]).unwrap_err().to_string();
    assert!(refused.starts_with("Q1: status `"), "{refused}");
    let refused = measure::get(&dir, &truth).unwrap_err().to_string();
    assert!(refused.starts_with("Q5: Probe { key: "), "{refused}");
    let refused = measure::history(&dir, &truth).unwrap_err().to_string();
    assert!(refused.starts_with("Q6: the history of key "), "{refused}");
}

#[test]
fn a_tiny_table_lets_its_tenths_go() {
    let dir = tempfile::tempdir().unwrap();
    let figures = measure::retention(&dir.path().join("readings"), 20_000).unwrap();
    assert_eq!((figures.row_count, figures.dropped_row_count), (20_000, 2_000));
}
