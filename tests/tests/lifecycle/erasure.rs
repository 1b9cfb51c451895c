//! Keys that are erased while a partition is outside: they do not come back with it.

use annals_engine::{DataType, ErasureRequest};
use annals_tests::prices::Prices;
use annals_tests::rows::{Cell, array, batch};

use super::stories::{BY, partition, prices};

fn erase(prices: &Prices, sku: &str) -> annals_engine::Erasure {
    let keys = batch(vec![("sku", array(DataType::Text, &[&Cell::text(sku)]))]);
    prices.database().erase("prices", &keys, &ErasureRequest::by(BY)).unwrap()
}

#[test]
fn attaching_carries_out_what_was_erased_meanwhile() {
    let mut prices = prices();
    prices.now().put("milk", 3, "2024-01-01", "2024-01-15").commit();
    prices.now().put("salt", 4, "2024-01-01", "2024-01-15").commit();
    let january = partition("2024-01");
    prices.database().detach_partitions("prices", &[january], BY).unwrap();
    let tea = erase(&prices, "tea");
    assert_eq!(tea.unreached, ["partition 2024-01, detached to detached/000001/2024-01"]);
    // Milk is nowhere but there.
    assert_eq!(erase(&prices, "milk").keys.len(), 1);
    prices.reopen();
    assert_eq!(prices.database().erasures().unwrap()[0].unreached, tea.unreached);
    // The same key again, after the erasure: a new fact.
    prices.now().put("tea", 8, "2024-03-01", "").commit();

    let change = prices.database().attach_partition("prices", january, None, BY).unwrap();
    assert_eq!(change.row_count, 1, "salt");
    assert_eq!(prices.history("tea").len(), 1);
    assert_eq!(prices.history("milk").len(), 0);
    assert_eq!(prices.price("salt", "2024-01-05", ""), Some(4));
    assert_eq!(prices.price("tea", "", ""), Some(8));
    for entry in walk(&prices.scratch.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"milk"), "{}", entry.display());
    }
    assert!(erase(&prices, "salt").unreached.is_empty());
    let mut damages = Vec::new();
    prices.database().verify(&mut |damage| damages.push(damage)).unwrap();
    assert!(damages.is_empty(), "{damages:?}");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn an_erasure_before_a_partition_left_does_not_concern_what_came_later() {
    let prices = prices();
    erase(&prices, "tea");
    prices.now().put("tea", 7, "2024-01-01", "2024-01-15").commit();
    let january = partition("2024-01");
    prices.database().detach_partitions("prices", &[january], BY).unwrap();
    prices.database().attach_partition("prices", january, None, BY).unwrap();
    assert_eq!(prices.price("tea", "2024-01-05", ""), Some(7));
}
