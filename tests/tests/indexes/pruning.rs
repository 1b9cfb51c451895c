//! Where values lie together, blocks without them are left alone; and so are the files of a look-up.

use annals_engine::{Comparison, Database, Predicate, Value};

use super::goods::*;

/// The rows of a block.
const BLOCK: i64 = 4_096;
const BLOCK_COUNT: i64 = 24;

/// Goods in the order of time, of which each block has one kind and, at its ends, the first and the last of all kinds: so that the least
/// and the greatest value of a block tell nothing.
fn clustered() -> Vec<Good> {
    let good = |id: i64| {
        let kind = match id % BLOCK {
            0 => "a".to_owned(),
            1 => "z".to_owned(),
            _ => format!("kind {:02}", id / BLOCK),
        };
        let size = (id % 7 > 0).then_some((id % 7) as i32);
        Good { id, kind: Some(kind), size, sold: Some(id == 5), hour: id / 2 }
    };
    (0..BLOCK * BLOCK_COUNT).map(good).collect()
}

fn filled() -> (annals_tests::scratch::Scratch, Database) {
    let scratch = scratch().memtable_bytes(64 << 20);
    let database = scratch.open();
    create(&database);
    put(&database, &clustered()).unwrap();
    database.compact(&mut |_| ()).unwrap();
    (scratch, database)
}

fn is(kind: &str) -> Predicate {
    Predicate::compare("kind", Comparison::Eq, kind)
}

#[test]
fn blocks_without_a_wanted_value_are_not_read() {
    let (scratch, database) = filled();
    let query = Query::new(is("kind 07"));
    let plain = query.ask(&database.snapshot().unwrap()).unwrap();
    assert_eq!((plain.0.len() as i64, plain.1.block_kept_count as i64), (BLOCK - 2, BLOCK_COUNT));
    drop(database);
    let database = scratch.open();
    index(&database);
    let indexed = query.ask(&database.snapshot().unwrap()).unwrap();
    assert!(plain.0 == indexed.0);
    let (before, after) = (plain.1, indexed.1);
    assert_eq!((after.block_kept_count, after.row_count), (1, before.row_count));
    assert_eq!(after.bitmap_pruned_block_count as i64, BLOCK_COUNT - 1);
    assert_eq!(after.visible_row_count as i64, BLOCK - 2);
    let (less, more) = (after.decoded_bytes, before.decoded_bytes);
    assert!(less * 10 < more, "{less} bytes decoded, and {more} without the index");
    let shown = after.to_string();
    assert!(shown.contains("blocks 1 of 24 (pruned by indexes 23)"), "{shown}");

    let count = |filters: Vec<Predicate>, is_history: bool| {
        let query = Query { filters, is_history, part_count: 1 };
        let (found, metrics) = query.ask(&database.snapshot().unwrap()).unwrap();
        (found.len() as i64, metrics.block_kept_count as i64)
    };
    let one_of = |kinds: &[&str]| Predicate::In {
        column: "kind".to_owned(),
        values: kinds.iter().map(|kind| Value::from(*kind)).collect(),
    };
    assert_eq!(count(vec![one_of(&["kind 01", "kind 20", "lost"])], false), (2 * (BLOCK - 2), 2));
    assert_eq!(count(vec![one_of(&["lost"])], false), (0, 0));
    assert_eq!(count(vec![is("a")], true), (BLOCK_COUNT, BLOCK_COUNT));
    assert_eq!(count(vec![is("kind 01"), is("kind 02")], false), (0, 0), "of two conditions");
    let null = Predicate::IsNull { column: "size".to_owned() };
    assert_eq!(count(vec![is("a"), null.clone()], false), ((BLOCK_COUNT + 6) / 7, 4));
    let sold = Predicate::compare("sold", Comparison::Eq, Value::Boolean(true));
    assert_eq!(count(vec![sold.clone()], false), (1, 1));
    assert_eq!(count(vec![sold, null], true), (0, 0));
    // What no index decides is not pruned by one.
    let not = Predicate::compare("kind", Comparison::NotEq, "a");
    assert_eq!(count(vec![not], false), (BLOCK_COUNT * (BLOCK - 1), BLOCK_COUNT));
}

#[test]
fn a_block_whose_wanted_rows_are_superseded_is_not_decoded() {
    let (_scratch, database) = filled();
    index(&database);
    // The rows of one block, from the same instants on: nothing of them is left but in history.
    let again = clustered().into_iter().filter(|good| good.id / BLOCK == 3);
    let again: Vec<Good> =
        again.map(|good| Good { kind: Some("new".to_owned()), ..good }).collect();
    put(&database, &again).unwrap();
    for is_flushed in [false, true] {
        let query = Query { is_history: true, ..Query::new(is("kind 03")) };
        let (found, _) = query.ask(&database.snapshot().unwrap()).unwrap();
        assert_eq!(found.len() as i64, BLOCK - 2, "in history");
        let (found, metrics) =
            Query::new(is("kind 03")).ask(&database.snapshot().unwrap()).unwrap();
        assert_eq!((found.len(), metrics.block_kept_count), (0, 0), "flushed: {is_flushed}");
        database.flush().unwrap();
    }
    let (found, _) = Query::new(is("new")).ask(&database.snapshot().unwrap()).unwrap();
    assert_eq!(found.len() as i64, BLOCK);
}

#[test]
fn an_index_is_counted_once_for_a_scan_that_it_helps() {
    let (_scratch, database) = filled();
    index(&database);
    let uses = || -> Vec<u64> {
        database.indexes().unwrap().iter().map(|index| index.use_count).collect()
    };
    let snapshot = database.snapshot().unwrap();
    Query { part_count: 4, ..Query::new(is("a").and(is("a"))) }.ask(&snapshot).unwrap();
    assert_eq!(uses(), [1, 0, 0]);
    let size = Predicate::compare("size", Comparison::Eq, 3);
    Query::new(size.clone().and(is("a"))).ask(&snapshot).unwrap();
    assert_eq!(uses(), [2, 1, 0]);
    // Neither a look-up nor a comparison asks an index.
    let look_up = Predicate::compare("id", Comparison::Eq, 3).and(size);
    Query::new(look_up).ask(&snapshot).unwrap();
    Query::new(Predicate::compare("size", Comparison::Lt, 3)).ask(&snapshot).unwrap();
    assert_eq!(uses(), [2, 1, 0]);
    let scan = |filter| snapshot.scan("goods").unwrap().filter(filter);
    let estimate = scan(is("a")).estimate().unwrap();
    assert_eq!(estimate.indexes, ["by_kind"]);
    assert!(estimate.to_string().ends_with(", indexes by_kind"), "{estimate}");
    let estimate = scan(Predicate::is_not_null("kind")).estimate().unwrap();
    assert!(estimate.indexes.is_empty() && !estimate.to_string().contains("index"), "{estimate}");
    assert_eq!(uses(), [2, 1, 0], "an estimate is no use");
}
