//! Work done side by side, whose results come in the order of what was worked on.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Does the same with every item, on as many threads as the machine has cores, at most eight.
pub fn each<I: Sync, R: Send>(items: &[I], work: impl Fn(&I) -> R + Sync) -> Vec<R> {
    each_on(thread::available_parallelism().map_or(1, usize::from).min(8), items, work)
}

/// Does the same with every item, on so many threads. Whoever is free takes the next item.
pub fn each_on<I: Sync, R: Send>(threads: usize, items: &[I], work: impl Fn(&I) -> R + Sync) -> Vec<R> {
    let threads = threads.min(items.len());
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        done.extend(others.into_iter().flat_map(|other| other.join().expect("a thread that panics ends the program")));
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        for threads in [0, 1, 2, 7] {
            assert_eq!(each_on(threads, &items, |item| item * 2), (0..1000).map(|item| item * 2).collect::<Vec<_>>());
        }
        assert_eq!(each(&Vec::<usize>::new(), |item| *item), Vec::<usize>::new());
    }
}
