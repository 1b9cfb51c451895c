//! Work in parts, by several threads.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::error::Result;

/// What `work` makes of each item, in the order of the items, or the error of the first of them that has one.
///
/// Several threads begin those of the greatest `size` first: whoever got the greatest last would still be at it when the others
/// have ended (Graham, "Bounds on Multiprocessing Timing Anomalies", 1969). One thread does them as they come.
///
/// The caller works too, beside `thread_count - 1` threads that end before this returns. After an error no item is begun any more.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that starts threads which end with a call"
)]
pub(crate) fn map<T: Sync, R: Send>(
    thread_count: usize,
    items: &[T],
    size: impl Fn(&T) -> usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let thread_count = thread_count.min(items.len());
    if thread_count <= 1 {
        return items.iter().map(work).collect();
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|at| Reverse(size(&items[*at])));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let made = work(&items[at]);
            if made.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            done.lock().push((at, made));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..thread_count {
            // Where the system has no thread to give, those that there are do it all.
            let builder = std::thread::Builder::new().name("annals-work".to_owned());
            if builder.spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
    let mut done = done.into_inner();
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..1_000).collect();
        for thread_count in [0, 1, 2, 7] {
            let squares = map(thread_count, &items, |_| 1, |item| Ok(item * item)).unwrap();
            assert!(squares.iter().zip(&items).all(|(square, item)| *square == item * item));
            assert_eq!(squares.len(), items.len());
        }
        assert!(map(4, &[], |_| 1, |item: &u64| Ok(*item)).unwrap().is_empty());
    }

    #[test]
    fn the_greatest_are_begun_first() {
        let items = [3, 9, 1, 9, 4];
        let begun = Mutex::new(Vec::new());
        let work = |item: &usize| {
            begun.lock().push(*item);
            Ok(*item)
        };
        assert_eq!(map(1, &items, |item| *item, work).unwrap(), items);
        assert_eq!(*begun.lock(), items, "one thread does them as they come");
        begun.lock().clear();
        assert_eq!(map(2, &items, |item| *item, work).unwrap(), items);
        assert_eq!(begun.lock()[0], 9);
    }

    #[test]
    fn an_error_ends_the_work() {
        let items: Vec<u64> = (0..100_000).collect();
        for thread_count in [1, 3] {
            let begun = AtomicUsize::new(0);
            let work = |item: &u64| {
                begun.fetch_add(1, Ordering::Relaxed);
                // So slow that the others cannot do all while the one that fails does not get to run.
                if *item > 5 {
                    std::thread::sleep(std::time::Duration::from_micros(50));
                }
                if *item == 5 { Err(Error::invalid("five")) } else { Ok(*item) }
            };
            let error = map(thread_count, &items, |_| 1, work).unwrap_err();
            assert_eq!(error.to_string(), "five");
            assert!(begun.load(Ordering::Relaxed) < items.len());
        }
    }
}
