//! The oracle's answers to the questions of "SH1" are the published ones, found without the engine.

use annals_bench::workload::sh1::{Answer, Oracle, Stream, Tier};

fn check(tier: Tier) -> Vec<usize> {
    let answers = Oracle::new(&Stream::generate(tier)).answers();
    let found = answers.each_ref().map(Answer::sha256);
    for ((number, found), expect) in (1..).zip(&found).zip(tier.answers_sha256()) {
        assert!(found.starts_with(expect), "Q{number} of {tier} has the SHA-256 {found}");
    }
    answers.iter().map(|answer| answer.rows.len()).collect()
}

#[test]
fn development_is_answered() {
    assert_eq!(check(Tier::Development), [1, 1, 1, 100, 23, 100, 4, 400, 32, 16, 240, 4]);
}

#[test]
fn t25k_is_answered_as_published() {
    assert_eq!(check(Tier::T25k), [1, 1, 1, 1_384, 23, 100, 4, 2_000, 32, 16, 240, 4]);
}

#[test]
fn t100k_is_answered() {
    assert_eq!(check(Tier::T100k), [1, 1, 1, 5_412, 23, 100, 4, 8_000, 32, 16, 240, 4]);
}
