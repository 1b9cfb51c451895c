//! The data of "SH1" is the published data: counts and digest of every tier.

use std::collections::HashSet;

use annals_bench::workload::sh1::{EPOCH_COUNT, Stream, Tier};

fn check(tier: Tier, puts: usize, deletes: usize) {
    let stream = Stream::generate(tier);
    assert_eq!(stream.epochs().count() as i64, EPOCH_COUNT);
    let put_count = stream.assertions().filter(|assertion| assertion.values.is_some()).count();
    assert_eq!((put_count, stream.assertions().count() - put_count), (puts, deletes));
    assert_eq!(stream.sha256().unwrap(), tier.stream_sha256());

    // What lets the batches of an epoch hold its puts before its deletes.
    for assertions in stream.epochs() {
        let mut seen = HashSet::new();
        for assertion in assertions {
            assert!(seen.insert((assertion.table.name(), assertion.id)), "{assertion}");
        }
    }
}

#[test]
fn development_is_the_published_data() {
    check(Tier::Development, 4_328, 448);
}

#[test]
fn t25k_is_the_published_data() {
    check(Tier::T25k, 52_816, 5_908);
}

#[test]
fn t100k_is_the_published_data() {
    check(Tier::T100k, 210_814, 24_070);
}

#[test]
fn an_assertion_is_a_line_of_json() {
    let stream = Stream::generate(Tier::Development);
    let line = |of: &dyn Fn(&str) -> bool| {
        stream.assertions().map(ToString::to_string).find(|line| of(line)).unwrap()
    };
    assert_eq!(
        line(&|line| line.contains("contracts")),
        concat!(
            r#"{"epoch":0,"table":"contracts","op":"put","id":1,"a":0,"b":366,"#,
            r#""pid":1,"sid":1,"cost":60021,"qty":910,"grade":1}"#
        )
    );
    assert_eq!(
        line(&|line| line.contains(r#""op":"delete","id":1,"#)),
        r#"{"epoch":18,"table":"contracts","op":"delete","id":1,"a":160,"b":170}"#
    );
}
