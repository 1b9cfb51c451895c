//! What is left of the log.

use annals_engine::disk::{Disk, MemoryDisk};
use annals_tests::prices::{NOW, Prices, system};
use annals_tests::scratch::Scratch;

#[test]
fn openings_with_nothing_to_flush_leave_one_file() {
    let disk = MemoryDisk::new();
    let mut prices = Prices::with(Scratch::on(disk.clone(), system(NOW)));
    let last = prices.at("2024-01-01").put("tea", 5, "2024-01-01", "").commit().number;
    let log = prices.scratch.path().join("wal");
    prices.reopen();
    for _ in 0..4 {
        assert_eq!(disk.list(&log).expect("a folder").len(), 1);
        assert_eq!(prices.price("tea", "2024-01-01", ""), Some(5));
        prices.crash();
        assert_eq!(disk.list(&log).expect("a folder").len(), 1);
        prices.reopen();
    }
    let next = prices.at("2024-01-02").put("tea", 6, "2024-01-01", "").commit().number;
    assert_eq!(next, last + 1, "transactions are numbered on");
    // What is not in segments stays.
    prices.crash();
    prices.crash();
    assert_eq!(disk.list(&log).expect("a folder").len(), 3);
    assert_eq!(prices.price("tea", "2024-01-01", ""), Some(6));
}
