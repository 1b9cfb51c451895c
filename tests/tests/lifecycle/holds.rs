//! Holds: what they name is neither dropped nor erased, and leaves by no policy.

use annals_engine::{Comparison, ErasureRequest, ErrorKind, Predicate, Retention};
use annals_tests::rows::{Cell, array, batch};

use super::stories::{BY, partition, prices};

fn tea() -> Vec<Predicate> {
    vec![Predicate::compare("sku", Comparison::Eq, "tea")]
}

fn erase(prices: &annals_tests::prices::Prices, sku: &str) -> annals_engine::Result<()> {
    let keys = batch(vec![("sku", array(annals_engine::DataType::Text, &[&Cell::text(sku)]))]);
    prices.database().erase("prices", &keys, &ErasureRequest::by(BY)).map(drop)
}

#[test]
fn a_table_that_is_held_loses_nothing_until_the_hold_is_released() {
    let mut prices = prices();
    prices.database().place_hold("prices", "case 17", &[], "the court").unwrap();
    prices.reopen();
    let database = prices.database();
    let error = database.drop_partitions("prices", &[partition("2024-01")], BY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Held);
    assert!(error.to_string().contains("the hold `case 17`, which the court has placed"));
    assert_eq!(erase(&prices, "coffee").unwrap_err().kind(), ErrorKind::Held);
    let week = Retention::keep("1 week").unwrap();
    database.set_retention("prices", Some(&week), BY).unwrap();
    assert!(database.apply_retention().unwrap().is_empty());
    // Out of the queries it may go, since it can come back; but from there it is not dropped either.
    database.detach_partitions("prices", &[partition("2024-01")], BY).unwrap();
    let error = database.drop_partitions("prices", &[partition("2024-01")], BY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Held);
    // Compaction would take the values of a dropped column away.
    let change = annals_engine::TableChange::DropColumn("price".to_owned());
    let error = database.alter_table("prices", &change).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Held);

    database.release_hold("prices", "case 17", "the court").unwrap();
    erase(&prices, "coffee").unwrap();
    database.drop_partitions("prices", &[partition("2024-01")], BY).unwrap();
    let actions: Vec<String> =
        database.audit().unwrap().into_iter().map(|record| record.action).collect();
    let expected = [
        "place hold",
        "set retention",
        "detach partition",
        "release hold",
        "erase",
        "drop partition",
    ];
    assert_eq!(actions, expected);
}

#[test]
fn keys_that_are_held_keep_their_partitions_and_no_others() {
    let prices = prices();
    let database = prices.database();
    prices.now().put("salt", 1, "2024-03-01", "2024-03-10").commit();
    database.place_hold("prices", "case 17", &tea(), "the court").unwrap();
    assert_eq!(erase(&prices, "tea").unwrap_err().kind(), ErrorKind::Held);
    let drop = |name: &str| database.drop_partitions("prices", &[partition(name)], BY);
    assert_eq!(drop("2024-01").unwrap_err().kind(), ErrorKind::Held);
    let week = Retention::keep("1 week").unwrap();
    database.set_retention("prices", Some(&week), BY).unwrap();
    let changes = database.apply_retention().unwrap();
    let left: Vec<&str> = changes.iter().map(|change| change.partition.as_str()).collect();
    assert_eq!(left, ["2024-03"]);
    assert_eq!(prices.price("tea", "2024-01-15", "2024-01-05"), Some(5));
    let holds = database.holds().unwrap();
    assert_eq!(holds[0].keys, [("sku".to_owned(), vec!["tea".to_owned()])]);
    database.release_hold("prices", "case 17", BY).unwrap();
    assert_eq!(database.apply_retention().unwrap().len(), 1);
}

#[test]
fn holds_that_make_no_sense_are_refused() {
    let prices = prices();
    let database = prices.database();
    let refused = |condition: &[Predicate], told: &str| {
        let error = database.place_hold("prices", "h", condition, BY).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    };
    let compare = |column: &str, op| Predicate::compare(column, op, 5);
    refused(&[compare("price", Comparison::Eq)], "column `price` is none of the key");
    refused(&[compare("skuu", Comparison::Eq)], "did you mean `sku`?");
    refused(&[compare("sku", Comparison::Eq)], "column `sku`: `5` is not a TEXT");
    refused(&[Predicate::compare("sku", Comparison::Lt, "t")], "by = or IN");
    let null = annals_engine::Value::Null;
    refused(&[Predicate::compare("sku", Comparison::Eq, null)], "is never NULL");
    database.place_hold("prices", "h", &tea(), BY).unwrap();
    let twice = database.place_hold("prices", "h", &[], BY).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Conflict);
    assert!(database.release_hold("prices", "g", BY).is_err());
    assert!(database.place_hold("prices", "x", &[], "").is_err());
}

#[test]
fn a_released_hold_leaves_no_trace_of_a_key_that_is_erased_then() {
    use annals_engine::disk::MemoryDisk;
    use annals_tests::prices::{Prices, system};
    use annals_tests::scratch::Scratch;
    let disk = MemoryDisk::new();
    let prices = Prices::with(Scratch::on(disk.clone(), system("2024-06-01")));
    prices.now().put("darjeeling", 5, "2024-01-01", "2024-03-01").commit();
    let condition = [Predicate::compare("sku", Comparison::Eq, "darjeeling")];
    prices.database().place_hold("prices", "case 17", &condition, BY).unwrap();
    prices.database().release_hold("prices", "case 17", BY).unwrap();
    erase(&prices, "darjeeling").unwrap();
    for path in disk.files() {
        let bytes = disk.read_all(&path).unwrap();
        let holds = bytes.windows(10).any(|window| window == b"darjeeling");
        assert!(!holds, "{} holds the key", path.display());
    }
}
